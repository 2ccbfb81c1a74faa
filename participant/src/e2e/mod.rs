//! End-to-end encryption inside a webrtc-rs peer connection.
//!
//! Give every peer connection of a participant the interceptor of **one** [`E2eMedia`]:
//!
//! ```
//! use std::sync::{Arc, Mutex};
//!
//! use mls_srtp::pipeline::{MediaConfig, MediaPipeline};
//! use mls_srtp_participant::clock::ClockOrigin;
//! use mls_srtp_participant::e2e::{self, E2eMedia};
//! use mls_srtp_participant::rtx::{self, RtxUnwrap};
//! use rtc::interceptor::Registry;
//!
//! let pipeline = Arc::new(Mutex::new(MediaPipeline::new(MediaConfig::default())));
//! let media = E2eMedia::new(pipeline, ClockOrigin::start());
//! let registry = Registry::new()
//!     .with(e2e::slot(), media.interceptor())
//!     .with(rtx::slot(), RtxUnwrap::new());
//! # drop(registry);
//! ```
//!
//! Without keys nothing passes: outgoing packets are dropped rather than sent in plain, incoming
//! ones wait or are dropped rather than handed to a decoder.
//!
//! In rooms of frames whole frames are protected instead, before they are cut into packets and
//! after they are put together: [`FrameSealer`] and [`FrameOpener`] do that. The interceptor of an
//! [`E2eMedia::for_frames`] lets packets pass as they are, so there it is the sealer alone that keeps
//! frames from being sent in plain.

mod frames;
mod interceptor;
mod owners;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard};

use mls_srtp::id::{Epoch, Ssrc};
use mls_srtp::pipeline::{FramePipeline, MediaEvent, MediaPipeline, MediaStats, MediaUpdate};
use mls_srtp::schedule::ModeKind;
use mls_srtp::time::Moment;
use rtc::interceptor::Slot;

pub use frames::{FrameOpener, FrameSealer, Unsealed};
pub use interceptor::E2eInterceptor;
pub use owners::{StreamOwner, StreamOwners};

use crate::clock::ClockOrigin;

/// Where the interceptor belongs: farther from the wire than every other one, so that
/// retransmission and FEC buffers hold ciphertext and a packet is never encrypted twice.
pub fn slot() -> Slot {
    Slot::from(20_000)
}

/// A participant's media keys and counters, shared by all its peer connections. Clones are cheap
/// and mean the same thing.
#[derive(Clone)]
pub struct E2eMedia(Arc<Shared>);

struct Shared {
    keys: Keys,
    origin: ClockOrigin,
    owners: StreamOwners,
    /// Every SSRC that some interceptor ever sent with: bound again, its packets start over.
    sent_before: Mutex<HashSet<Ssrc>>,
}

/// The pipeline of the mode that the participant is for.
enum Keys {
    Packets(Arc<Mutex<MediaPipeline>>),
    Frames(Arc<Mutex<FramePipeline>>),
}

impl E2eMedia {
    /// Shares `pipeline`, whose moments count from `origin`: for rooms of packets.
    pub fn new(pipeline: Arc<Mutex<MediaPipeline>>, origin: ClockOrigin) -> Self {
        Self::with(Keys::Packets(pipeline), origin)
    }

    /// The same for rooms of frames. Its interceptor does not protect: whoever sends sends what
    /// [`FrameSealer`] has sealed, and nothing else.
    pub fn for_frames(pipeline: Arc<Mutex<FramePipeline>>, origin: ClockOrigin) -> Self {
        Self::with(Keys::Frames(pipeline), origin)
    }

    fn with(keys: Keys, origin: ClockOrigin) -> Self {
        Self(Arc::new(Shared {
            keys,
            origin,
            owners: StreamOwners::default(),
            sent_before: Mutex::default(),
        }))
    }

    /// An interceptor for one more peer connection.
    pub fn interceptor(&self) -> E2eInterceptor {
        E2eInterceptor::new(self.clone())
    }

    /// Who opened which stream.
    pub fn owners(&self) -> &StreamOwners {
        &self.0.owners
    }

    /// Where the pipeline's moments begin.
    pub fn origin(&self) -> ClockOrigin {
        self.0.origin
    }

    /// Which rooms it is for.
    pub fn mode(&self) -> ModeKind {
        match self.0.keys {
            Keys::Packets(_) => ModeKind::Srtp,
            Keys::Frames(_) => ModeKind::Sframe,
        }
    }

    /// Takes one step of the key manager, now. `false` if the pipeline is lost to a panic
    /// elsewhere, see [`Self::lock`].
    pub fn apply(&self, update: MediaUpdate) -> bool {
        let now = self.origin().now();
        match &self.0.keys {
            Keys::Packets(shared) => shared
                .lock()
                .map(|mut held| held.apply(update, now))
                .is_ok(),
            Keys::Frames(shared) => shared
                .lock()
                .map(|mut held| held.apply(update, now))
                .is_ok(),
        }
    }

    /// The pipeline of packets itself; hold it only for a moment, packets wait meanwhile.
    ///
    /// `None` in rooms of frames, and once a thread has panicked while holding it. Its counters may
    /// then be behind what was sent, and a repeated nonce is worse than silence: nothing is
    /// protected or opened again.
    pub fn lock(&self) -> Option<MutexGuard<'_, MediaPipeline>> {
        match &self.0.keys {
            Keys::Packets(shared) => shared.lock().ok(),
            Keys::Frames(_) => None,
        }
    }

    /// The same for rooms of frames; `None` in rooms of packets.
    pub fn lock_frames(&self) -> Option<MutexGuard<'_, FramePipeline>> {
        match &self.0.keys {
            Keys::Packets(_) => None,
            Keys::Frames(shared) => shared.lock().ok(),
        }
    }

    /// What the pipeline has done so far; `None` if it is lost.
    pub fn stats(&self) -> Option<MediaStats> {
        match &self.0.keys {
            Keys::Packets(shared) => shared.lock().ok().map(|held| held.stats().clone()),
            Keys::Frames(shared) => shared.lock().ok().map(|held| held.stats().clone()),
        }
    }

    /// The epoch that is sent in.
    pub fn sending_epoch(&self) -> Option<Epoch> {
        match &self.0.keys {
            Keys::Packets(shared) => shared.lock().ok()?.sending_epoch(),
            Keys::Frames(shared) => shared.lock().ok()?.sending_epoch(),
        }
    }

    /// Erases keys that are due and hears what the pipeline has to tell. To be called every 100 ms or
    /// so by whoever drives a key manager without a [`Session`](crate::session::Session).
    pub fn mind(&self, now: Moment) -> Vec<MediaEvent> {
        let mut heard = Vec::new();
        match &self.0.keys {
            Keys::Packets(shared) => {
                if let Ok(mut held) = shared.lock() {
                    held.handle_timeout(now);
                    heard.extend(std::iter::from_fn(|| held.poll_event()));
                }
            }
            Keys::Frames(shared) => {
                if let Ok(mut held) = shared.lock() {
                    held.handle_timeout(now);
                    heard.extend(std::iter::from_fn(|| held.poll_event()));
                }
            }
        }
        heard
    }

    /// When [`Self::mind`] wants to be called next.
    pub fn poll_timeout(&self) -> Option<Moment> {
        match &self.0.keys {
            Keys::Packets(shared) => shared.lock().ok()?.poll_timeout(),
            Keys::Frames(shared) => shared.lock().ok()?.poll_timeout(),
        }
    }

    /// Notes that a peer connection sends `ssrc`; one that was sent before starts over.
    fn stream_bound(&self, ssrc: Ssrc) {
        let Ok(mut sent_before) = self.0.sent_before.lock() else {
            return;
        };
        if sent_before.insert(ssrc) {
            return;
        }
        if let Some(mut pipeline) = self.lock() {
            pipeline.restart_stream(ssrc);
        }
    }
}
