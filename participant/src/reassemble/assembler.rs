//! One stream's packets put together to frames.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use mls_srtp::id::Ssrc;
use mls_srtp::time::Moment;
use rtc::rtp;

use super::order::{InOrder, Reorder};
use super::timeline::Timeline;
use super::{Assembled, AssemblerConfig, MediaFrame};
use crate::files::{opus, vp8};
use crate::kind::MediaKind;

/// What a stream has come to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct AssemblerStats {
    /// Packets taken in.
    pub packets: u64,
    /// Whole frames handed out.
    pub frames: u64,
    /// Packets of a picture that was under way when the stream was first heard.
    pub unstarted: u64,
    /// Packets that never came.
    pub lost: u64,
    /// Packets that came too late or twice.
    pub late_or_twice: u64,
    /// Packets with a sequence number out of all order.
    pub far_off: u64,
    /// Packets that are no Opus or VP8, and parts of frames that do not fit together.
    pub malformed: u64,
}

impl AssemblerStats {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            packets: self.packets + other.packets,
            frames: self.frames + other.frames,
            unstarted: self.unstarted + other.unstarted,
            lost: self.lost + other.lost,
            late_or_twice: self.late_or_twice + other.late_or_twice,
            far_off: self.far_off + other.far_off,
            malformed: self.malformed + other.malformed,
        }
    }
}

/// A picture of which the end has not come yet.
struct Partial {
    timestamp: u32,
    packets: u32,
    data: BytesMut,
}

/// Packets of one stream in, frames out.
pub struct FrameAssembler {
    kind: MediaKind,
    ssrc: Ssrc,
    config: AssemblerConfig,
    order: Reorder<rtp::Packet>,
    timeline: Timeline,
    partial: Option<Partial>,
    /// The beginning of a picture has come.
    started: bool,
    /// A restart happened since the last frame.
    restarted: bool,
    /// Nothing is missing since the last keyframe.
    decodable: bool,
    keyframe_asked: Option<Moment>,
    out: VecDeque<Assembled>,
    stats: AssemblerStats,
}

impl FrameAssembler {
    /// An assembler for the stream `ssrc`.
    pub fn new(kind: MediaKind, ssrc: Ssrc, config: AssemblerConfig) -> Self {
        Self {
            kind,
            ssrc,
            config,
            order: Reorder::new(config.wait, config.waiting_packets),
            timeline: Timeline::new(kind.clock_rate()),
            partial: None,
            started: false,
            restarted: false,
            decodable: kind == MediaKind::Audio,
            keyframe_asked: None,
            out: VecDeque::new(),
            stats: AssemblerStats::default(),
        }
    }

    /// Takes a packet that arrived at `now`.
    pub fn push(&mut self, packet: rtp::Packet, now: Moment) {
        self.stats.packets += 1;
        self.order.push(packet.header.sequence_number, packet, now);
        self.assemble(now);
    }

    /// Gives up on packets that have been waited for long enough.
    pub fn handle_timeout(&mut self, now: Moment) {
        self.order.handle_timeout(now);
        self.assemble(now);
    }

    /// When [`Self::handle_timeout`] wants to be called next.
    pub fn poll_timeout(&self) -> Option<Moment> {
        self.order.deadline()
    }

    /// What is next.
    #[must_use]
    pub fn poll(&mut self) -> Option<Assembled> {
        self.out.pop_front()
    }

    /// What the stream has come to so far.
    pub fn stats(&self) -> AssemblerStats {
        AssemblerStats {
            late_or_twice: self.order.dropped.late_or_twice,
            far_off: self.order.dropped.far_off,
            ..self.stats
        }
    }

    #[cfg(test)]
    pub(super) fn partial_len(&self) -> usize {
        self.partial
            .as_ref()
            .map_or(0, |partial| partial.data.len())
    }

    fn assemble(&mut self, now: Moment) {
        while let Some(next) = self.order.pop() {
            match next {
                InOrder::Item(packet, arrived) if self.kind == MediaKind::Audio => {
                    self.take_sound(packet, arrived);
                }
                InOrder::Item(packet, arrived) => self.take_part(&packet, arrived, now),
                InOrder::Gap(packets) => {
                    self.stats.lost += packets;
                    let ssrc = self.ssrc;
                    self.out.push_back(Assembled::Lost { ssrc, packets });
                    self.interrupted(now);
                }
                InOrder::Restart => {
                    self.restarted = true;
                    self.interrupted(now);
                }
            }
        }
    }

    fn take_sound(&mut self, packet: rtp::Packet, arrived: Moment) {
        if !self.config.sealed && opus::samples(&packet.payload).is_none() {
            self.stats.malformed += 1;
            return;
        }
        self.emit(packet.header.timestamp, 1, packet.payload, arrived);
    }

    fn take_part(&mut self, packet: &rtp::Packet, arrived: Moment, now: Moment) {
        let timestamp = packet.header.timestamp;
        let Some(descriptor) = vp8::descriptor(&packet.payload) else {
            return self.malformed(now);
        };
        if descriptor.starts_frame {
            let abandoned = self.partial.replace(Partial {
                timestamp,
                packets: 0,
                data: BytesMut::new(),
            });
            self.started = true;
            if abandoned.is_some() {
                self.stats.malformed += 1;
                self.interrupted_picture(now);
            }
        }
        let Some(partial) = &mut self.partial else {
            // The rest of a picture whose beginning is lost, or was never there.
            self.stats.unstarted += u64::from(!self.started);
            return self.ask_for_keyframe(now);
        };
        let part = packet.payload.get(descriptor.len..).unwrap_or_default();
        let fits = partial.data.len() + part.len() <= self.config.frame_bytes;
        if partial.timestamp != timestamp || !fits {
            return self.malformed(now);
        }
        partial.packets += 1;
        partial.data.extend_from_slice(part);
        if packet.header.marker
            && let Some(whole) = self.partial.take()
        {
            self.emit(timestamp, whole.packets, whole.data.freeze(), arrived);
            if !self.decodable {
                self.ask_for_keyframe(now);
            }
        }
    }

    fn malformed(&mut self, now: Moment) {
        self.stats.malformed += 1;
        self.interrupted(now);
    }

    fn interrupted(&mut self, now: Moment) {
        self.partial = None;
        if self.kind == MediaKind::Video {
            self.interrupted_picture(now);
        }
    }

    fn interrupted_picture(&mut self, now: Moment) {
        self.decodable = false;
        self.ask_for_keyframe(now);
    }

    /// Asks at once, then again only after a while: the sender needs time to answer.
    fn ask_for_keyframe(&mut self, now: Moment) {
        let retry = self.config.keyframe_retry;
        if self
            .keyframe_asked
            .is_none_or(|asked| now.since(asked) >= retry)
        {
            self.keyframe_asked = Some(now);
            self.out
                .push_back(Assembled::KeyframeWanted { ssrc: self.ssrc });
        }
    }

    fn emit(&mut self, timestamp: u32, packets: u32, data: Bytes, arrived: Moment) {
        let keyframe = self.kind == MediaKind::Audio || vp8::is_keyframe(&data);
        if keyframe {
            self.decodable = true;
            self.keyframe_asked = None;
        }
        let restarted = std::mem::take(&mut self.restarted);
        self.stats.frames += 1;
        self.out.push_back(Assembled::Frame(MediaFrame {
            ssrc: self.ssrc,
            kind: self.kind,
            timestamp,
            media_time: self.timeline.place(timestamp, arrived, restarted),
            arrived,
            keyframe,
            decodable: self.decodable,
            packets,
            data,
        }));
    }
}
