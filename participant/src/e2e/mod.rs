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

mod interceptor;
mod owners;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard};

use mls_srtp::id::Ssrc;
use mls_srtp::pipeline::{MediaPipeline, MediaUpdate};
use rtc::interceptor::Slot;

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
    pipeline: Arc<Mutex<MediaPipeline>>,
    origin: ClockOrigin,
    owners: StreamOwners,
    /// Every SSRC that some interceptor ever sent with: bound again, its packets start over.
    sent_before: Mutex<HashSet<Ssrc>>,
}

impl E2eMedia {
    /// Shares `pipeline`, whose moments count from `origin`.
    pub fn new(pipeline: Arc<Mutex<MediaPipeline>>, origin: ClockOrigin) -> Self {
        Self(Arc::new(Shared {
            pipeline,
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

    /// Takes one step of the key manager, now. `false` if the pipeline is lost to a panic
    /// elsewhere, see [`Self::lock`].
    pub fn apply(&self, update: MediaUpdate) -> bool {
        let now = self.origin().now();
        self.lock()
            .map(|mut pipeline| pipeline.apply(update, now))
            .is_some()
    }

    /// The pipeline itself; hold it only for a moment, packets wait meanwhile.
    ///
    /// `None` once a thread has panicked while holding it. Its counters may then be behind what
    /// was sent, and a repeated nonce is worse than silence: nothing is protected or opened again.
    pub fn lock(&self) -> Option<MutexGuard<'_, MediaPipeline>> {
        self.0.pipeline.lock().ok()
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
