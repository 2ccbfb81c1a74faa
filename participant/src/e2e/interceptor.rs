//! The interceptor: protects on the way out, opens on the way in.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use mls_srtp::id::Ssrc;
use mls_srtp::pipeline::{Opened, Opening};
use mls_srtp::schedule::ModeKind;
use rtc::interceptor::{AttributedPacket, Interceptor, Packet, StreamInfo, TaggedPacket};
use rtc::rtp;
use rtc::sansio::Protocol;
use rtc::shared::TransportContext;
use rtc::shared::error::Error;
use rtc::shared::marshal::{Marshal, Unmarshal};
use tracing::{debug, trace};

use super::E2eMedia;

/// How often an interceptor looks whether packets that wait can be opened. The key manager runs
/// in another task and cannot wake the peer connection; nobody hears 10 ms.
const TICK: Duration = Duration::from_millis(10);

/// How many packets that had waited go up per tick. A track's channel in `webrtc` holds 256 and
/// drops the rest; a quarter leaves room for what arrives meanwhile.
const BURST: usize = 64;

/// The shortest time between two timeouts, whatever deadline the pipeline names.
const SHORTEST_SLEEP: Duration = Duration::from_millis(1);

/// Protects outgoing RTP and opens incoming RTP with one participant's keys; RTCP passes.
///
/// In a room of frames the packets' content is protected already, or will be opened later: they
/// pass, outgoing ones only while there is an epoch to send in.
///
/// Made by [`E2eMedia::interceptor`], placed at [`slot`](super::slot).
pub struct E2eInterceptor {
    media: E2eMedia,
    inbound: VecDeque<TaggedPacket>,
    outbound: VecDeque<TaggedPacket>,
    /// What this peer connection sends; a renegotiation binds it again without starting it over.
    bound: HashSet<Ssrc>,
    /// Where and when the last packet came from, for packets that waited.
    last_arrival: Option<(Instant, TransportContext)>,
    /// Packets wait, or did at the last look. True at first: an earlier peer connection may have
    /// left some.
    waiting: bool,
    burst_left: usize,
    next_tick: Option<Instant>,
    last_timeout: Option<Instant>,
}

impl E2eInterceptor {
    pub(super) fn new(media: E2eMedia) -> Self {
        Self {
            media,
            inbound: VecDeque::new(),
            outbound: VecDeque::new(),
            bound: HashSet::new(),
            last_arrival: None,
            waiting: true,
            burst_left: BURST,
            next_tick: None,
            last_timeout: None,
        }
    }

    fn passes_whole(&self) -> bool {
        self.media.mode() == ModeKind::Sframe
    }

    /// Seals one outgoing packet; `None` if it must not be sent.
    fn protect(&mut self, packet: rtp::Packet, at: Instant) -> Option<rtp::Packet> {
        if self.passes_whole() {
            return self.media.sending_epoch().map(|_| packet);
        }
        let ssrc = packet.header.ssrc;
        let mut bytes = to_bytes(packet)?;
        let now = self.media.origin().moment(at);
        match self.media.lock()?.protect(&mut bytes, now) {
            Ok(()) => from_bytes(bytes),
            Err(error) => {
                trace!(ssrc, %error, "packet not sent");
                None
            }
        }
    }

    /// Opens one incoming packet; `None` if it waits or must not be seen.
    fn open(&mut self, packet: rtp::Packet, at: Instant) -> Option<rtp::Packet> {
        if self.passes_whole() {
            return Some(packet);
        }
        let ssrc = packet.header.ssrc;
        let bytes = to_bytes(packet)?;
        let now = self.media.origin().moment(at);
        let opening = self.media.lock()?.open(bytes, now);
        match opening {
            Opening::Opened(opened) => self.accept(opened),
            Opening::Held => {
                self.wait(at);
                None
            }
            Opening::Probe => None,
            Opening::Refused(error) => {
                trace!(ssrc, %error, "packet refused");
                None
            }
        }
    }

    fn accept(&self, opened: Opened) -> Option<rtp::Packet> {
        let Opened {
            ssrc, epoch, leaf, ..
        } = opened;
        self.media
            .owners()
            .note(ssrc, epoch, leaf, &opened.participant);
        from_bytes(opened.packet)
    }

    fn wait(&mut self, now: Instant) {
        if !self.waiting {
            self.burst_left = BURST;
        }
        self.waiting = true;
        self.next_tick.get_or_insert(now + TICK);
    }

    /// The next packet that had waited, while this tick's burst lasts.
    fn released(&mut self) -> Option<TaggedPacket> {
        let (now, transport) = self.last_arrival?;
        while self.waiting && self.burst_left > 0 {
            let (opened, holds) = {
                let mut pipeline = self.media.lock()?;
                (pipeline.poll_released(), pipeline.early_count() > 0)
            };
            let Some(opened) = opened else {
                self.waiting = holds;
                return None;
            };
            self.burst_left -= 1;
            self.next_tick.get_or_insert(now + TICK);
            if let Some(packet) = self.accept(opened) {
                return Some(TaggedPacket {
                    now,
                    transport,
                    message: AttributedPacket::new(Packet::Rtp(packet)),
                });
            }
        }
        None
    }
}

/// The packet as it would stand on the wire.
fn to_bytes(packet: rtp::Packet) -> Option<Vec<u8>> {
    match packet.marshal() {
        Ok(bytes) => Some(bytes.to_vec()),
        Err(error) => {
            debug!(%error, "packet cannot be written");
            None
        }
    }
}

fn from_bytes(bytes: Vec<u8>) -> Option<rtp::Packet> {
    match rtp::Packet::unmarshal(&mut bytes::Bytes::from(bytes)) {
        Ok(packet) => Some(packet),
        Err(error) => {
            debug!(%error, "packet cannot be read");
            None
        }
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for E2eInterceptor {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, mut msg: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtp(packet) = msg.message.packet {
            self.last_arrival = Some((msg.now, msg.transport));
            let Some(packet) = self.open(packet, msg.now) else {
                return Ok(());
            };
            msg.message.packet = Packet::Rtp(packet);
        }
        self.inbound.push_back(msg);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        // What waited is older than what has just come.
        self.released().or_else(|| self.inbound.pop_front())
    }

    fn handle_write(&mut self, mut msg: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtp(packet) = msg.message.packet {
            let Some(packet) = self.protect(packet, msg.now) else {
                return Ok(());
            };
            msg.message.packet = Packet::Rtp(packet);
        }
        self.outbound.push_back(msg);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.outbound.pop_front()
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        let moment = self.media.origin().moment(now);
        if let Some(mut pipeline) = self.media.lock() {
            pipeline.handle_timeout(moment);
        }
        self.last_timeout = Some(now);
        if self.next_tick.is_some_and(|tick| tick <= now) {
            self.burst_left = BURST;
            self.next_tick = self.waiting.then(|| now + TICK);
        }
        Ok(())
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        let origin = self.media.origin();
        let deadline = self.media.lock()?.poll_timeout();
        let deadline = deadline.map(|moment| origin.instant(moment));
        let next = [deadline, self.next_tick].into_iter().flatten().min()?;
        let earliest = self.last_timeout.map(|last| last + SHORTEST_SLEEP);
        Some(earliest.map_or(next, |earliest| next.max(earliest)))
    }
}

impl Interceptor for E2eInterceptor {
    fn bind_local_stream(&mut self, info: &StreamInfo) {
        let ssrc = Ssrc::new(info.ssrc);
        if self.bound.insert(ssrc) {
            self.media.stream_bound(ssrc);
        }
    }

    fn unbind_local_stream(&mut self, info: &StreamInfo) {
        self.bound.remove(&Ssrc::new(info.ssrc));
    }

    fn bind_remote_stream(&mut self, _info: &StreamInfo) {}

    fn unbind_remote_stream(&mut self, _info: &StreamInfo) {}
}
