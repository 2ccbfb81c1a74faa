//! Retransmissions turned back into the packets they repeat (RFC 4588).
//!
//! `rtc` does this too, but only above the interceptors: the NACK generator then never learns that
//! a loss was repaired and asks again and again, and the end-to-end interceptor sees a payload
//! whose first two bytes are not its own. Below the NACK generator both see the original packet.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use bytes::Buf;
use rtc::interceptor::{Interceptor, Packet, Slot, StreamInfo, TaggedPacket};
use rtc::rtp;
use rtc::sansio::Protocol;
use rtc::shared::error::Error;

/// Bytes of the original sequence number, in front of the original payload (RFC 4588 §4).
const OSN_LEN: usize = 2;

/// Where the interceptor belongs: above FEC, below the NACK generator.
pub fn slot() -> Slot {
    Slot::from(6_500)
}

/// The stream that an RTX stream repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Primary {
    ssrc: u32,
    payload_type: u8,
    rtx_payload_type: u8,
}

/// Restores the original packet from every retransmission of a bound remote stream.
///
/// Everything else passes as it is. Retransmissions without a payload (probes) are dropped.
#[derive(Default)]
pub struct RtxUnwrap {
    /// By the SSRC of the RTX stream; as many as remote streams are bound.
    primaries: HashMap<u32, Primary>,
    inbound: VecDeque<TaggedPacket>,
    outbound: VecDeque<TaggedPacket>,
}

impl RtxUnwrap {
    /// Knows no stream yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// `None` if the packet is a retransmission of nothing.
    fn unwrap(&self, mut packet: rtp::Packet) -> Option<rtp::Packet> {
        let header = &mut packet.header;
        let primary = self
            .primaries
            .get(&header.ssrc)
            .filter(|primary| primary.rtx_payload_type == header.payload_type);
        let Some(primary) = primary else {
            return Some(packet);
        };
        if packet.payload.len() < OSN_LEN {
            return None;
        }
        header.ssrc = primary.ssrc;
        header.payload_type = primary.payload_type;
        header.sequence_number = packet.payload.get_u16();
        header.padding = false;
        Some(packet)
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for RtxUnwrap {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, mut msg: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtp(packet) = msg.message.packet {
            let Some(original) = self.unwrap(packet) else {
                return Ok(());
            };
            msg.message.packet = Packet::Rtp(original);
        }
        self.inbound.push_back(msg);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.inbound.pop_front()
    }

    fn handle_write(&mut self, msg: TaggedPacket) -> Result<(), Error> {
        self.outbound.push_back(msg);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.outbound.pop_front()
    }
}

impl Interceptor for RtxUnwrap {
    fn bind_remote_stream(&mut self, info: &StreamInfo) {
        if let (Some(rtx_ssrc), Some(rtx_payload_type)) = (info.ssrc_rtx, info.payload_type_rtx) {
            let primary = Primary {
                ssrc: info.ssrc,
                payload_type: info.payload_type,
                rtx_payload_type,
            };
            self.primaries.insert(rtx_ssrc, primary);
        }
    }

    fn unbind_remote_stream(&mut self, info: &StreamInfo) {
        self.primaries
            .retain(|_, primary| primary.ssrc != info.ssrc);
    }

    fn bind_local_stream(&mut self, _info: &StreamInfo) {}

    fn unbind_local_stream(&mut self, _info: &StreamInfo) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{read_all, tagged};

    fn unwrapper() -> RtxUnwrap {
        let mut unwrap = RtxUnwrap::new();
        unwrap.bind_remote_stream(&StreamInfo {
            ssrc: 1,
            ssrc_rtx: Some(2),
            payload_type: 96,
            payload_type_rtx: Some(97),
            ..StreamInfo::default()
        });
        unwrap
    }

    fn packet(ssrc: u32, payload_type: u8, sequence_number: u16, payload: &[u8]) -> rtp::Packet {
        rtp::Packet {
            header: rtp::Header {
                version: 2,
                marker: true,
                timestamp: 77,
                ssrc,
                payload_type,
                sequence_number,
                ..rtp::Header::default()
            },
            payload: payload.to_vec().into(),
        }
    }

    #[test]
    fn a_retransmission_becomes_the_original() {
        let mut unwrap = unwrapper();
        let wrapped = packet(2, 97, 5_000, &[0x12, 0x34, 9, 8]);
        unwrap.handle_read(tagged(wrapped)).expect("taken");
        assert_eq!(read_all(&mut unwrap), [packet(1, 96, 0x1234, &[9, 8])]);
    }

    #[test]
    fn other_packets_pass_as_they_are() {
        let mut unwrap = unwrapper();
        let others = [
            packet(1, 96, 1, &[0x12, 0x34, 9]),
            packet(2, 96, 2, &[0x12, 0x34, 9]),
            packet(3, 97, 3, &[0x12]),
        ];
        for other in others.clone() {
            unwrap.handle_read(tagged(other)).expect("taken");
        }
        assert_eq!(read_all(&mut unwrap), others);
    }

    #[test]
    fn a_retransmission_of_nothing_is_dropped() {
        let mut unwrap = unwrapper();
        for payload in [&[][..], &[0x12]] {
            unwrap
                .handle_read(tagged(packet(2, 97, 1, payload)))
                .expect("taken");
        }
        assert_eq!(read_all(&mut unwrap), []);
    }

    #[test]
    fn an_unbound_stream_is_forgotten() {
        let mut unwrap = unwrapper();
        unwrap.unbind_remote_stream(&StreamInfo {
            ssrc: 1,
            ..StreamInfo::default()
        });
        let wrapped = packet(2, 97, 5, &[0x12, 0x34]);
        unwrap.handle_read(tagged(wrapped.clone())).expect("taken");
        assert_eq!(read_all(&mut unwrap), [wrapped]);
    }
}
