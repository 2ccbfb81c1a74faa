//! Turns retransmissions (RFC 4588) back into the packets they repair, early.
//!
//! The engine unwraps RTX only behind its interceptor chain. The NACK generator inside the chain
//! then never learns that a repair arrived and keeps asking for packets it already has: one lost
//! packet costs a dozen retransmissions. This interceptor sits before the generator, so that a
//! repaired packet counts as received, and everything behind sees the original packet.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use rtc::interceptor::{Interceptor, Packet, Slot, StreamInfo, TaggedPacket};
use rtc::rtp;
use rtc::sansio::Protocol;
use rtc::shared::error::Error;

/// Between FEC decoder (6 000) and NACK generator (7 000), counted from the wire.
pub(crate) const RTX_UNWRAP_SLOT: usize = 6_500;

/// Bytes of the original sequence number in front of a retransmitted payload.
const OSN_BYTES: usize = 2;

/// The slot to register [`RtxUnwrap`] at.
pub fn slot() -> Slot {
    Slot::from(RTX_UNWRAP_SLOT)
}

/// What a repair SSRC stands for.
#[derive(Debug, Clone, Copy)]
struct Original {
    ssrc: u32,
    payload_type: u8,
    repair_payload_type: u8,
}

/// The interceptor.
#[derive(Default)]
pub struct RtxUnwrap {
    originals: HashMap<u32, Original>,
    repaired: Arc<AtomicU64>,
    reads: VecDeque<TaggedPacket>,
    writes: VecDeque<TaggedPacket>,
}

impl RtxUnwrap {
    /// An interceptor that counts unwrapped packets in `repaired`.
    pub fn new(repaired: Arc<AtomicU64>) -> Self {
        Self {
            repaired,
            ..Self::default()
        }
    }

    /// Rewrites a retransmission. Returns `false` when there is nothing in it: a probe of
    /// padding only, which has no original (RFC 4588 §4).
    fn unwrap(&self, packet: &mut rtp::Packet) -> bool {
        let Some(original) = self.originals.get(&packet.header.ssrc) else {
            return true;
        };
        if packet.header.payload_type != original.repair_payload_type {
            return true;
        }
        let Some((osn, _)) = packet.payload.split_first_chunk::<OSN_BYTES>() else {
            return false;
        };
        packet.header.sequence_number = u16::from_be_bytes(*osn);
        packet.header.ssrc = original.ssrc;
        packet.header.payload_type = original.payload_type;
        packet.header.padding = false;
        packet.payload = packet.payload.slice(OSN_BYTES..);
        self.repaired.fetch_add(1, Ordering::Relaxed);
        true
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for RtxUnwrap {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, mut message: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtp(packet) = &mut message.message.packet
            && !self.unwrap(packet)
        {
            return Ok(());
        }
        self.reads.push_back(message);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.reads.pop_front()
    }

    fn handle_write(&mut self, message: TaggedPacket) -> Result<(), Error> {
        self.writes.push_back(message);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.writes.pop_front()
    }
}

impl Interceptor for RtxUnwrap {
    fn bind_remote_stream(&mut self, info: &StreamInfo) {
        if let (Some(repair), Some(repair_payload_type)) = (info.ssrc_rtx, info.payload_type_rtx) {
            let original = Original {
                ssrc: info.ssrc,
                payload_type: info.payload_type,
                repair_payload_type,
            };
            self.originals.insert(repair, original);
        }
    }

    fn unbind_remote_stream(&mut self, info: &StreamInfo) {
        self.originals
            .retain(|_, original| original.ssrc != info.ssrc);
    }

    fn bind_local_stream(&mut self, _info: &StreamInfo) {}

    fn unbind_local_stream(&mut self, _info: &StreamInfo) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtc::interceptor::AttributedPacket;
    use rtc::shared::TransportContext;

    fn through(
        unwrap: &mut RtxUnwrap,
        ssrc: u32,
        payload_type: u8,
        payload: &'static [u8],
    ) -> Option<rtp::Packet> {
        let header = rtp::header::Header {
            ssrc,
            payload_type,
            sequence_number: 7,
            ..Default::default()
        };
        let packet = rtp::Packet {
            header,
            payload: payload.into(),
        };
        let message = TaggedPacket {
            now: Instant::now(),
            transport: TransportContext::default(),
            message: AttributedPacket::new(Packet::Rtp(packet)),
        };
        unwrap.handle_read(message).unwrap();
        match unwrap.poll_read()?.message.packet {
            Packet::Rtp(packet) => Some(packet),
            _ => None,
        }
    }

    fn bound() -> RtxUnwrap {
        let mut unwrap = RtxUnwrap::default();
        unwrap.bind_remote_stream(&StreamInfo {
            ssrc: 1,
            payload_type: 96,
            ssrc_rtx: Some(2),
            payload_type_rtx: Some(97),
            ..Default::default()
        });
        unwrap
    }

    #[test]
    fn a_retransmission_becomes_the_original_packet() {
        let packet = through(&mut bound(), 2, 97, b"\x12\x34body").unwrap();
        assert_eq!(packet.header.ssrc, 1);
        assert_eq!(packet.header.payload_type, 96);
        assert_eq!(packet.header.sequence_number, 0x1234);
        assert_eq!(&packet.payload[..], b"body");
    }

    #[test]
    fn probes_are_swallowed_and_everything_else_passes() {
        assert!(through(&mut bound(), 2, 97, b"\x12").is_none());
        let packet = through(&mut bound(), 1, 96, b"\x12\x34body").unwrap();
        assert_eq!(packet.header.sequence_number, 7);
        assert_eq!(&packet.payload[..], b"\x12\x34body");
    }
}
