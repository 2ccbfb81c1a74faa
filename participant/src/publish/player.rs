//! When which frame of a recording is due. No I/O, no clock.

use std::sync::Arc;
use std::time::Duration;

use mls_srtp::id::Ssrc;
use mls_srtp::time::Moment;
use rtc::rtp;
use tracing::debug;

use super::log::SentFrame;
use super::source::Source;
use crate::e2e::FrameSealer;
use crate::stream::SenderStream;

/// Requests for keyframes are answered no faster: several receivers ask at once, and again
/// until the answer has reached them.
const BETWEEN_KEYFRAMES: Duration = Duration::from_millis(300);

/// Being later than this, as after a suspended machine, is not caught up with.
const MOST_LATE: Duration = Duration::from_millis(500);

/// A frame that is due.
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    /// What it is.
    pub frame: SentFrame,
    /// The packets that it was cut into; none if it could not be sealed.
    pub packets: Vec<rtp::Packet>,
}

/// One recording on its way into one stream, again and again.
#[derive(Clone)]
pub struct Player {
    source: Arc<Source>,
    stream: SenderStream,
    sealer: Option<FrameSealer>,
    started: Option<Moment>,
    /// Place in the recording, always a valid one.
    next: usize,
    /// When the next frame is due, in ticks since the start.
    media_time: u64,
    keyframe_wanted: bool,
    last_keyframe: Option<Moment>,
}

impl Player {
    /// Plays `source` into `stream`; both must be of one kind for receivers to understand it.
    pub fn new(source: Arc<Source>, stream: SenderStream) -> Self {
        Self {
            source,
            stream,
            sealer: None,
            started: None,
            next: 0,
            media_time: 0,
            keyframe_wanted: false,
            last_keyframe: None,
        }
    }

    /// Seals every frame before it is cut into packets, as a room of frames wants it.
    #[must_use]
    pub fn sealed_by(mut self, sealer: FrameSealer) -> Self {
        self.sealer = Some(sealer);
        self
    }

    /// The recording.
    pub fn source(&self) -> (Ssrc, Arc<Source>) {
        (self.ssrc(), Arc::clone(&self.source))
    }

    /// The stream's SSRC.
    pub fn ssrc(&self) -> Ssrc {
        self.stream.ssrc()
    }

    /// Goes on in another stream, as soon as may be with a keyframe.
    pub fn replace_stream(&mut self, stream: SenderStream) {
        self.stream = stream;
        self.keyframe_wanted = true;
    }

    /// The first frame is due at `now`.
    pub fn start(&mut self, now: Moment) {
        self.started.get_or_insert(now);
    }

    /// The next frame shall be a keyframe.
    pub fn want_keyframe(&mut self) {
        self.keyframe_wanted = true;
    }

    /// When the next frame is due; `None` before the start.
    pub fn poll_timeout(&self) -> Option<Moment> {
        Some(self.started? + self.duration(self.media_time))
    }

    /// The next frame, if it is due.
    #[must_use]
    pub fn poll(&mut self, now: Moment) -> Option<Outgoing> {
        loop {
            let due = self.poll_timeout().filter(|due| *due <= now)?;
            if now.since(due) > MOST_LATE {
                self.media_time = self.ticks(now.since(self.started?));
            }
            self.jump_to_keyframe(now);
            let frame = self.source.frames().get(self.next)?;
            let data = match &self.sealer {
                Some(sealer) => sealer.seal(self.stream.kind(), &frame.data, now),
                None => Some(frame.data.clone()),
            };
            let packets = data.map_or(Ok(Vec::new()), |data| {
                self.stream.packetize(self.media_time, &data)
            });
            let sent = SentFrame {
                ssrc: self.ssrc(),
                timestamp: self.stream.timestamp(self.media_time),
                source_index: self.next,
                sent_at: now,
                keyframe: frame.keyframe,
            };
            if frame.keyframe {
                self.last_keyframe = Some(now);
            }
            self.media_time = self.media_time.saturating_add(frame.ticks);
            self.next = (self.next + 1) % self.source.frames().len();
            match packets {
                Ok(packets) => {
                    return Some(Outgoing {
                        frame: sent,
                        packets,
                    });
                }
                // The recording holds something that cannot be sent: it is left out.
                Err(error) => debug!(%error, index = sent.source_index, "frame left out"),
            }
        }
    }

    fn jump_to_keyframe(&mut self, now: Moment) {
        let too_soon = |last: Moment| now.since(last) < BETWEEN_KEYFRAMES;
        if self.keyframe_wanted && !self.last_keyframe.is_some_and(too_soon) {
            self.next = self.source.keyframe_from(self.next);
            self.keyframe_wanted = false;
        }
    }

    /// The time of so many ticks, rounded down to a nanosecond.
    fn duration(&self, ticks: u64) -> Duration {
        let rate = u64::from(self.stream.kind().clock_rate());
        // Below a second of ticks, so it fits.
        let nanos = (ticks % rate) * 1_000_000_000 / rate;
        Duration::from_secs(ticks / rate) + Duration::from_nanos(nanos)
    }

    fn ticks(&self, span: Duration) -> u64 {
        let rate = u128::from(self.stream.kind().clock_rate());
        u64::try_from(span.as_nanos() * rate / 1_000_000_000).unwrap_or(u64::MAX)
    }
}
