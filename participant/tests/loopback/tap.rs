//! What passes between a sending connection's encryption and its socket.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use mls_srtp_participant::kind::{MediaKind, RTX_PAYLOAD_TYPE};
use rtc::interceptor::{Interceptor, Packet, Slot, StreamInfo, TaggedPacket};
use rtc::rtp;
use rtc::sansio::Protocol;

/// Stands near the wire of a sending connection: counts, keeps, and loses on demand.
#[derive(Clone, Default)]
pub(crate) struct Tap(Arc<Mutex<TapState>>);

#[derive(Default)]
struct TapState {
    lose_every: Option<usize>,
    lose_sound: bool,
    sent: usize,
    seen: HashSet<(u32, u16)>,
    packets: Vec<rtp::Packet>,
    lost: usize,
    repeated: usize,
    inbound: VecDeque<TaggedPacket>,
    outbound: VecDeque<TaggedPacket>,
}

impl Tap {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Loses every `nth` packet, but no retransmission.
    pub(crate) fn losing(nth: usize) -> Self {
        let tap = Self::new();
        tap.state().lose_every = Some(nth);
        tap.state().lose_sound = true;
        tap
    }

    /// The same, but only pictures, which are repaired.
    pub(crate) fn losing_pictures(nth: usize) -> Self {
        let tap = Self::losing(nth);
        tap.state().lose_sound = false;
        tap
    }

    /// Below the retransmission buffer.
    pub(crate) fn slot(&self) -> Slot {
        Slot::from(500)
    }

    /// First transmissions that were not lost.
    pub(crate) fn packets(&self) -> Vec<rtp::Packet> {
        self.state().packets.clone()
    }

    pub(crate) fn lost(&self) -> usize {
        self.state().lost
    }

    pub(crate) fn repeated(&self) -> usize {
        self.state().repeated
    }

    fn state(&self) -> MutexGuard<'_, TapState> {
        self.0.lock().expect("no panic")
    }
}

impl TapState {
    /// Whether the packet goes on.
    fn pass(&mut self, packet: &rtp::Packet) -> bool {
        let header = &packet.header;
        let repeated = !self.seen.insert((header.ssrc, header.sequence_number));
        if repeated || header.payload_type == RTX_PAYLOAD_TYPE {
            self.repeated += 1;
            return true;
        }
        if self.lose_every.is_some()
            && !self.lose_sound
            && header.payload_type == MediaKind::Audio.payload_type()
        {
            return true;
        }
        // The first stays: what comes before the first received is never asked for.
        self.sent += 1;
        if self
            .lose_every
            .is_some_and(|nth| self.sent.is_multiple_of(nth))
        {
            self.lost += 1;
            return false;
        }
        self.packets.push(packet.clone());
        true
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Tap {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = rtc::shared::error::Error;
    type Time = Instant;

    fn handle_read(&mut self, msg: TaggedPacket) -> Result<(), Self::Error> {
        self.state().inbound.push_back(msg);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.state().inbound.pop_front()
    }

    fn handle_write(&mut self, msg: TaggedPacket) -> Result<(), Self::Error> {
        let mut state = self.state();
        let passes = match &msg.message.packet {
            Packet::Rtp(packet) => state.pass(packet),
            _ => true,
        };
        if passes {
            state.outbound.push_back(msg);
        }
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.state().outbound.pop_front()
    }
}

impl Interceptor for Tap {
    fn bind_local_stream(&mut self, _info: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _info: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _info: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _info: &StreamInfo) {}
}
