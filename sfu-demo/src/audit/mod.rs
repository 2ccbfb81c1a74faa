//! What the SFU sees, and what a member that was removed could still open.

mod hoard;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mls_srtp::id::Epoch;
use mls_srtp::media::Trailer;
use mls_srtp::schedule::ModeKind;
use mls_srtp::time::Moment;
use mls_srtp_participant::clock::ClockOrigin;
use mls_srtp_participant::kind::MediaKind;
use mls_srtp_participant::reassemble::{Assembled, AssemblerConfig, Reassembly};
use mls_srtp_sfu::{Forwarded, Tap};
use rtc::rtp;

pub use hoard::Hoard;

use crate::readable::ReadabilityCheck;
use hoard::{Captured, epoch_of_frame};

/// Packets or frames kept from before the leaver's request.
const BEFORE: usize = 1_000;
/// Packets or frames kept from after it.
const AFTER: usize = 3_000;

#[derive(Default)]
struct Seen {
    check: ReadabilityCheck,
    inspected: u64,
    readable: u64,
    /// Who leaves, once that is known.
    leaver: Option<String>,
    before: VecDeque<Captured>,
    after: Vec<Captured>,
    leaving: bool,
    /// In a room of frames: puts together what is forwarded.
    frames: Option<Reassembly>,
    /// When the last packet of each epoch passed, the leaver's own left out.
    last_of_epoch: BTreeMap<u16, Moment>,
}

/// Watches the SFU.
#[derive(Clone)]
pub struct Audit {
    seen: Arc<Mutex<Seen>>,
    origin: ClockOrigin,
}

/// What the leaver's keys opened.
#[derive(Debug, Clone, Copy, Default)]
pub struct LeaverResult {
    /// Packets or frames from before the switch that opened.
    pub opened_before: u64,
    /// Those from after it that were tried.
    pub tried: u64,
    /// Of these: opened.
    pub could_read: u64,
}

impl Audit {
    /// Watches for packets that `check` can read and for those of `leaver`'s time.
    pub fn new(
        check: ReadabilityCheck,
        leaver: String,
        mode: ModeKind,
        origin: ClockOrigin,
    ) -> Self {
        let sealed = AssemblerConfig {
            sealed: true,
            ..AssemblerConfig::default()
        };
        let seen = Seen {
            check,
            leaver: Some(leaver),
            frames: (mode == ModeKind::Sframe).then(|| Reassembly::new(sealed)),
            ..Seen::default()
        };
        Self {
            seen: Arc::new(Mutex::new(seen)),
            origin,
        }
    }

    /// The SFU's tap.
    pub fn tap(&self) -> Tap {
        let audit = self.clone();
        Box::new(move |forwarded| audit.see(forwarded))
    }

    /// The leaver asks to leave now.
    pub fn leaving(&self) {
        self.lock().leaving = true;
    }

    /// Payloads looked at, and how many of them were readable.
    pub fn readable(&self) -> (u64, u64) {
        let seen = self.lock();
        (seen.inspected, seen.readable)
    }

    /// When the last packet of an epoch before `epoch` passed.
    pub fn last_before(&self, epoch: Epoch) -> Option<Moment> {
        let ends = epoch.get() as u16;
        let seen = self.lock();
        seen.last_of_epoch
            .iter()
            .filter(|(of, _)| **of < ends)
            .map(|(_, at)| *at)
            .max()
    }

    /// Feeds what was forwarded before and after `removal` to the keys that the leaver had. What is
    /// from after it is tried as it is and with a lie about its epoch.
    pub fn try_leaver(&self, keys: &mut Hoard, removal: Epoch) -> LeaverResult {
        let mut seen = self.lock();
        let seen = &mut *seen;
        let (removal, now) = (removal.get() as u16, self.origin.now());
        let mut result = LeaverResult::default();
        let all = seen.before.drain(..).chain(seen.after.drain(..));
        for captured in all {
            if captured.epoch < removal {
                result.opened_before += u64::from(keys.opens(captured, now));
            } else {
                let lie = keys.lie(&captured, removal - 1);
                let opened = [captured, lie].map(|captured| keys.opens(captured, now));
                result.tried += 1;
                result.could_read += u64::from(opened.contains(&true));
            }
        }
        result
    }

    fn see(&self, forwarded: &Forwarded<'_>) {
        let now = self.origin.now();
        let mut seen = self.lock();
        seen.inspected += 1;
        seen.readable += u64::from(seen.check.readable(forwarded.payload));
        if seen.leaver.as_deref() != Some(forwarded.publisher.as_str()) {
            seen.capture(forwarded, now);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    /// Keeps a packet, or the frame that it completes.
    fn capture(&mut self, forwarded: &Forwarded<'_>, now: Moment) {
        let kind = match forwarded.kind {
            mls_srtp_sfu::MediaKind::Audio => MediaKind::Audio,
            mls_srtp_sfu::MediaKind::Video => MediaKind::Video,
        };
        let Some(frames) = &mut self.frames else {
            if let Ok(trailer) = Trailer::parse(forwarded.payload) {
                let (bytes, epoch) = (to_bytes(forwarded), trailer.mki.epoch);
                self.keep(Captured { bytes, kind, epoch }, now);
            }
            return;
        };
        frames.push(kind, to_packet(forwarded), now);
        // What was lost with an SFU that died never comes.
        frames.handle_timeout(now);
        let whole: Vec<_> = std::iter::from_fn(|| frames.poll()).collect();
        for assembled in whole {
            if let Assembled::Frame(frame) = assembled
                && let Some(epoch) = epoch_of_frame(&frame.data, kind)
            {
                let bytes = frame.data.to_vec();
                self.keep(Captured { bytes, kind, epoch }, now);
            }
        }
    }

    fn keep(&mut self, captured: Captured, now: Moment) {
        self.last_of_epoch.insert(captured.epoch, now);
        if self.leaving {
            if self.after.len() < AFTER {
                self.after.push(captured);
            }
        } else {
            self.before.push_back(captured);
            if self.before.len() > BEFORE {
                self.before.pop_front();
            }
        }
    }
}

/// The RTP packet as its subscribers get it, without header extensions.
fn to_packet(forwarded: &Forwarded<'_>) -> rtp::Packet {
    rtp::Packet {
        header: rtp::Header {
            version: 2,
            marker: forwarded.marker,
            payload_type: forwarded.payload_type,
            sequence_number: forwarded.sequence_number,
            timestamp: forwarded.timestamp,
            ssrc: forwarded.ssrc,
            ..rtp::Header::default()
        },
        payload: forwarded.payload.clone(),
    }
}

/// The same as on the wire.
fn to_bytes(forwarded: &Forwarded<'_>) -> Vec<u8> {
    let marker = if forwarded.marker { 0x80 } else { 0 };
    let mut packet = Vec::with_capacity(12 + forwarded.payload.len());
    packet.extend([0x80, marker | forwarded.payload_type]);
    packet.extend(forwarded.sequence_number.to_be_bytes());
    packet.extend(forwarded.timestamp.to_be_bytes());
    packet.extend(forwarded.ssrc.to_be_bytes());
    packet.extend_from_slice(forwarded.payload);
    packet
}
