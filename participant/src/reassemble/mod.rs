//! From packets back to whole frames: order restored, gaps noticed, keyframes asked for.
//!
//! Without I/O or clock: packets go in with the moment of their arrival, [`Assembled`] comes out.

mod assembler;
mod order;
#[cfg(test)]
mod tests;
mod timeline;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use mls_srtp::id::Ssrc;
use mls_srtp::time::{Moment, earlier};
use rtc::rtp;

pub use assembler::{AssemblerStats, FrameAssembler};

use crate::kind::MediaKind;

/// How many streams a [`Reassembly`] keeps. A call of 200 with three streams each has 600.
const MOST_STREAMS: usize = 1_024;

/// Numbers of the reassembly; each default states its reason.
#[derive(Debug, Clone, Copy)]
pub struct AssemblerConfig {
    /// How long a missing packet is waited for. Default 250 ms: two rounds of asking for a
    /// retransmission on a usual path.
    pub wait: Duration,
    /// How many packets of a stream wait behind a missing one. Default 512.
    pub waiting_packets: usize,
    /// How long after asking for a keyframe it is asked for again. Default 500 ms.
    pub keyframe_retry: Duration,
    /// The longest frame in bytes. Default 4 MB.
    pub frame_bytes: usize,
    /// Frames are still sealed, so that sound says nothing of itself. Default no.
    pub sealed: bool,
}

impl Default for AssemblerConfig {
    fn default() -> Self {
        Self {
            wait: Duration::from_millis(250),
            waiting_packets: 512,
            keyframe_retry: Duration::from_millis(500),
            frame_bytes: 4_000_000,
            sealed: false,
        }
    }
}

/// A whole frame of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaFrame {
    /// The stream.
    pub ssrc: Ssrc,
    /// Opus packet or VP8 frame.
    pub kind: MediaKind,
    /// RTP timestamp.
    pub timestamp: u32,
    /// Ticks of [`MediaKind::clock_rate`] since the stream's first frame, over every wrap of the
    /// RTP timestamp.
    pub media_time: u64,
    /// When its last packet arrived.
    pub arrived: Moment,
    /// Can be decoded without any other; true of every Opus packet.
    pub keyframe: bool,
    /// Everything since a keyframe is there; a decoder would show rubbish otherwise.
    pub decodable: bool,
    /// How many packets it was put together from.
    pub packets: u32,
    /// The frame itself.
    pub data: Bytes,
}

/// What comes out of reassembly, in the order of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assembled {
    /// A whole frame.
    Frame(MediaFrame),
    /// Packets that did not come in time.
    Lost {
        /// The stream.
        ssrc: Ssrc,
        /// How many.
        packets: u64,
    },
    /// The picture cannot go on without a keyframe: ask the sender for one.
    KeyframeWanted {
        /// The stream.
        ssrc: Ssrc,
    },
}

/// One [`FrameAssembler`] for each stream that is heard.
#[derive(Default)]
pub struct Reassembly {
    config: AssemblerConfig,
    streams: HashMap<Ssrc, FrameAssembler>,
    out: VecDeque<Assembled>,
}

impl Reassembly {
    /// With no stream yet.
    pub fn new(config: AssemblerConfig) -> Self {
        Self {
            config,
            ..Self::default()
        }
    }

    /// Takes a packet that arrived at `now`. Packets of streams beyond 1,024 are dropped.
    pub fn push(&mut self, kind: MediaKind, packet: rtp::Packet, now: Moment) {
        let room = self.streams.len() < MOST_STREAMS;
        let ssrc = Ssrc::new(packet.header.ssrc);
        let stream = match self.streams.entry(ssrc) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) if room => {
                unknown.insert(FrameAssembler::new(kind, ssrc, self.config))
            }
            Entry::Vacant(_) => return,
        };
        stream.push(packet, now);
        self.out.extend(std::iter::from_fn(|| stream.poll()));
    }

    /// Gives up on packets that have been waited for long enough.
    pub fn handle_timeout(&mut self, now: Moment) {
        for stream in self.streams.values_mut() {
            stream.handle_timeout(now);
            self.out.extend(std::iter::from_fn(|| stream.poll()));
        }
    }

    /// When [`Self::handle_timeout`] wants to be called next.
    pub fn poll_timeout(&self) -> Option<Moment> {
        self.streams
            .values()
            .fold(None, |next, stream| earlier(next, stream.poll_timeout()))
    }

    /// What is next, in order within each stream.
    #[must_use]
    pub fn poll(&mut self) -> Option<Assembled> {
        self.out.pop_front()
    }

    /// Forgets a stream, for instance of somebody who left.
    pub fn forget(&mut self, ssrc: Ssrc) {
        self.streams.remove(&ssrc);
    }

    /// What all streams have come to so far.
    pub fn total(&self) -> AssemblerStats {
        self.streams
            .values()
            .map(FrameAssembler::stats)
            .fold(AssemblerStats::default(), AssemblerStats::plus)
    }

    /// What a stream has come to so far.
    pub fn stats(&self, ssrc: Ssrc) -> Option<AssemblerStats> {
        self.streams.get(&ssrc).map(FrameAssembler::stats)
    }
}
