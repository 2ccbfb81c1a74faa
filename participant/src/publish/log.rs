//! Which frame of a recording went out with which RTP timestamp.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mls_srtp::id::Ssrc;
use mls_srtp::time::Moment;

use super::source::Source;
use crate::reassemble::MediaFrame;

/// How many frames are remembered: of 50 sounds and 25 pictures a second, more than two minutes.
const REMEMBERED: usize = 10_000;

/// A frame that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SentFrame {
    /// The stream.
    pub ssrc: Ssrc,
    /// Its RTP timestamp.
    pub timestamp: u32,
    /// Which frame of the recording it is, from 0.
    pub source_index: usize,
    /// When it was sent.
    pub sent_at: Moment,
    /// Can be decoded without any other.
    pub keyframe: bool,
}

/// What a received frame is, held against what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    /// Bit for bit what was sent.
    Exact {
        /// Which frame of the recording.
        source_index: usize,
        /// From sending to the arrival of its last packet, if both sides share a clock.
        latency: Duration,
    },
    /// Sent under this timestamp, but with other content.
    Differs {
        /// Which frame of the recording it should have been.
        source_index: usize,
    },
    /// Nothing was sent under this stream and timestamp, or it is forgotten by now.
    Unknown,
}

/// The memory of a [`Publisher`](super::Publisher): its last 10,000 frames. Clones share it.
#[derive(Clone)]
pub struct PublishLog(Arc<Mutex<Sent>>);

#[derive(Default)]
struct Sent {
    sources: HashMap<Ssrc, Arc<Source>>,
    frames: HashMap<(Ssrc, u32), SentFrame>,
    order: VecDeque<(Ssrc, u32)>,
    total: u64,
    unsent: u64,
}

impl PublishLog {
    pub(super) fn new(sources: impl Iterator<Item = (Ssrc, Arc<Source>)>) -> Self {
        let sent = Sent {
            sources: sources.collect(),
            ..Sent::default()
        };
        Self(Arc::new(Mutex::new(sent)))
    }

    /// A stream that was not there at the start.
    pub(super) fn add_source(&self, (ssrc, source): (Ssrc, Arc<Source>)) {
        self.lock().sources.insert(ssrc, source);
    }

    /// The frame sent under a timestamp.
    pub fn sent(&self, ssrc: Ssrc, timestamp: u32) -> Option<SentFrame> {
        self.lock().frames.get(&(ssrc, timestamp)).copied()
    }

    /// How many of the remembered frames of each stream were sent from `from` until just before
    /// `to`.
    pub fn sent_between(&self, from: Moment, to: Moment) -> HashMap<Ssrc, u64> {
        let sent = self.lock();
        let mut counts: HashMap<Ssrc, u64> = sent.sources.keys().map(|ssrc| (*ssrc, 0)).collect();
        for frame in sent.frames.values() {
            if (from..to).contains(&frame.sent_at) {
                *counts.entry(frame.ssrc).or_default() += 1;
            }
        }
        counts
    }

    /// How many frames went out whole.
    pub fn total(&self) -> u64 {
        self.lock().total
    }

    /// How many did not, for lack of a connection.
    pub fn unsent(&self) -> u64 {
        self.lock().unsent
    }

    /// Holds a received frame against the recording.
    pub fn check(&self, received: &MediaFrame) -> Checked {
        let Some(sent) = self.sent(received.ssrc, received.timestamp) else {
            return Checked::Unknown;
        };
        let source_index = sent.source_index;
        let log = self.lock();
        let source = log.sources.get(&received.ssrc);
        let original = source.and_then(|source| source.frames().get(source_index));
        match original.is_some_and(|original| original.data == received.data) {
            true => Checked::Exact {
                source_index,
                latency: received.arrived.since(sent.sent_at),
            },
            false => Checked::Differs { source_index },
        }
    }

    pub(super) fn note(&self, frame: SentFrame) {
        let mut sent = self.lock();
        let key = (frame.ssrc, frame.timestamp);
        sent.total += 1;
        if sent.frames.insert(key, frame).is_none() {
            sent.order.push_back(key);
        }
        while sent.order.len() > REMEMBERED {
            if let Some(oldest) = sent.order.pop_front() {
                sent.frames.remove(&oldest);
            }
        }
    }

    /// Takes the latest note back: the frame did not go out.
    pub(super) fn retract(&self, frame: &SentFrame) {
        let mut sent = self.lock();
        let key = (frame.ssrc, frame.timestamp);
        sent.total -= 1;
        sent.unsent += 1;
        if sent.frames.remove(&key).is_some() {
            sent.order.retain(|noted| *noted != key);
        }
    }

    /// Entries are whole or not there, whatever panicked.
    fn lock(&self) -> MutexGuard<'_, Sent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
