//! What the SFU sees, and what a member that was removed could still open.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mls_srtp::id::Epoch;
use mls_srtp::media::Trailer;
use mls_srtp::pipeline::{MediaPipeline, Opening};
use mls_srtp::time::Moment;
use mls_srtp_participant::clock::ClockOrigin;
use mls_srtp_sfu::{Forwarded, Tap};

use crate::readable::ReadabilityCheck;

/// Packets kept from before the leaver's request.
const BEFORE: usize = 1_000;
/// Packets kept from after it.
const AFTER: usize = 3_000;

/// A packet as the SFU forwarded it.
struct Captured {
    packet: Vec<u8>,
    epoch: u16,
}

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
    /// Packets from before the switch that opened.
    pub opened_before: u64,
    /// Packets from after it that were tried.
    pub tried: u64,
    /// Of these: opened.
    pub could_read: u64,
}

impl Audit {
    /// Watches for packets that `check` can read and for those of `leaver`'s time.
    pub fn new(check: ReadabilityCheck, leaver: String, origin: ClockOrigin) -> Self {
        let seen = Seen {
            check,
            leaver: Some(leaver),
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

    /// Feeds packets from before and after `removal` to the keys that the leaver had. Those from
    /// after it are tried as they are and with a lie about their epoch.
    pub fn try_leaver(&self, keys: &mut MediaPipeline, removal: Epoch) -> LeaverResult {
        let mut seen = self.lock();
        let seen = &mut *seen;
        let (removal, now) = (removal.get() as u16, self.origin.now());
        let mut result = LeaverResult::default();
        let all = seen.before.drain(..).chain(seen.after.drain(..));
        for Captured { packet, epoch } in all {
            if epoch < removal {
                let opening = keys.open(packet, now);
                result.opened_before += u64::from(matches!(opening, Opening::Opened(_)));
            } else {
                let mut lie = packet.clone();
                let mki = lie.len() - Trailer::SENT_LEN;
                lie[mki..mki + 2].copy_from_slice(&(removal - 1).to_be_bytes());
                let opened = [packet, lie]
                    .map(|packet| matches!(keys.open(packet, now), Opening::Opened(_)));
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
        let Ok(trailer) = Trailer::parse(forwarded.payload) else {
            return;
        };
        if seen.leaver.as_deref() == Some(forwarded.publisher.as_str()) {
            return;
        }
        let epoch = trailer.mki.epoch;
        seen.last_of_epoch.insert(epoch, now);
        let captured = Captured {
            packet: rebuild(forwarded),
            epoch,
        };
        if seen.leaving {
            if seen.after.len() < AFTER {
                seen.after.push(captured);
            }
        } else {
            seen.before.push_back(captured);
            if seen.before.len() > BEFORE {
                seen.before.pop_front();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The RTP packet as its subscribers get it, without header extensions.
fn rebuild(forwarded: &Forwarded<'_>) -> Vec<u8> {
    let marker = if forwarded.marker { 0x80 } else { 0 };
    let mut packet = Vec::with_capacity(12 + forwarded.payload.len());
    packet.extend([0x80, marker | forwarded.payload_type]);
    packet.extend(forwarded.sequence_number.to_be_bytes());
    packet.extend(forwarded.timestamp.to_be_bytes());
    packet.extend(forwarded.ssrc.to_be_bytes());
    packet.extend_from_slice(forwarded.payload);
    packet
}
