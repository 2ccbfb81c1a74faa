//! Whole frames, sealed before they are cut into packets and opened after they are put together.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use mls_srtp::id::{ParticipantId, Ssrc, StreamNumber};
use mls_srtp::pipeline::{Codec, FrameOpening, OpenError, OpenedFrame};
use mls_srtp::time::Moment;
use tracing::trace;

use super::E2eMedia;
use crate::kind::MediaKind;
use crate::reassemble::MediaFrame;

/// Seals the frames of one of our streams.
#[derive(Clone)]
pub struct FrameSealer {
    media: E2eMedia,
    stream: StreamNumber,
}

impl FrameSealer {
    /// For the stream that is announced as `stream`, in a room of frames.
    pub fn new(media: &E2eMedia, stream: StreamNumber) -> Self {
        Self {
            media: media.clone(),
            stream,
        }
    }

    /// The protected frame; `None` if it must not be sent.
    pub fn seal(&self, kind: MediaKind, frame: &[u8], now: Moment) -> Option<Bytes> {
        let mut pipeline = self.media.lock_frames()?;
        match pipeline.protect(self.stream, codec(kind), frame, now) {
            Ok(sealed) => Some(sealed.into()),
            Err(error) => {
                trace!(stream = %self.stream, %error, "frame not sent");
                None
            }
        }
    }
}

/// What comes out of a [`FrameOpener`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unsealed {
    /// A frame in plain, and whose key opened it.
    Frame(Arc<ParticipantId>, MediaFrame),
    /// A picture was refused: what follows cannot be shown without a keyframe.
    KeyframeWanted {
        /// The stream.
        ssrc: Ssrc,
    },
}

/// Opens whole frames of everybody else. One participant has one.
pub struct FrameOpener {
    media: E2eMedia,
    /// Frames without their data, which wait for an epoch or an announcement.
    waiting: HashMap<u64, MediaFrame>,
    next_ticket: u64,
    /// Streams of pictures of which one was refused since the last keyframe.
    broken: HashSet<Ssrc>,
    out: VecDeque<Unsealed>,
}

impl FrameOpener {
    /// With the keys of `media`, in a room of frames.
    pub fn new(media: &E2eMedia) -> Self {
        Self {
            media: media.clone(),
            waiting: HashMap::new(),
            next_ticket: 0,
            broken: HashSet::new(),
            out: VecDeque::new(),
        }
    }

    /// Takes a whole frame as it was received.
    pub fn push(&mut self, mut frame: MediaFrame, now: Moment) {
        // What had waited is older.
        self.look_at_waiting();
        let Some(mut pipeline) = self.media.lock_frames() else {
            return;
        };
        let (ticket, data) = (self.next_ticket, std::mem::take(&mut frame.data));
        let opening = pipeline.open(data.into(), codec(frame.kind), ticket, now);
        drop(pipeline);
        match opening {
            FrameOpening::Opened(opened) => self.accept(frame, opened),
            FrameOpening::Held => {
                self.next_ticket += 1;
                self.waiting.insert(ticket, frame);
            }
            FrameOpening::Probe | FrameOpening::Refused(OpenError::Replayed) => {}
            FrameOpening::Refused(error) => {
                trace!(ssrc = %frame.ssrc, %error, "frame refused");
                self.refuse(&frame);
            }
        }
    }

    /// What is next. Also finds what had waited and can be opened since.
    #[must_use]
    pub fn poll(&mut self) -> Option<Unsealed> {
        self.out.pop_front().or_else(|| {
            self.look_at_waiting();
            self.out.pop_front()
        })
    }

    fn look_at_waiting(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let Some(mut pipeline) = self.media.lock_frames() else {
            return;
        };
        let released: Vec<_> = std::iter::from_fn(|| pipeline.poll_released()).collect();
        let dropped: Vec<_> = std::iter::from_fn(|| pipeline.poll_dropped()).collect();
        drop(pipeline);
        for (ticket, opened) in released {
            if let Some(frame) = self.waiting.remove(&ticket) {
                self.accept(frame, opened);
            }
        }
        for ticket in dropped {
            if let Some(frame) = self.waiting.remove(&ticket) {
                self.refuse(&frame);
            }
        }
    }

    fn accept(&mut self, mut frame: MediaFrame, opened: OpenedFrame) {
        let OpenedFrame { epoch, leaf, .. } = opened;
        let participant = opened.participant;
        self.media
            .owners()
            .note(frame.ssrc, epoch, leaf, &participant);
        frame.data = opened.frame.into();
        if frame.keyframe {
            self.broken.remove(&frame.ssrc);
        }
        frame.decodable &= !self.broken.contains(&frame.ssrc);
        self.out.push_back(Unsealed::Frame(participant, frame));
    }

    fn refuse(&mut self, frame: &MediaFrame) {
        let ssrc = frame.ssrc;
        if frame.kind == MediaKind::Video && self.broken.insert(ssrc) {
            self.out.push_back(Unsealed::KeyframeWanted { ssrc });
        }
    }
}

fn codec(kind: MediaKind) -> Codec {
    match kind {
        MediaKind::Audio => Codec::Opus,
        MediaKind::Video => Codec::Vp8,
    }
}
