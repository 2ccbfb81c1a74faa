//! The fixed part of an RTP header (RFC 3550 §5.1), read and rewritten in place.

use super::Malformed;
use crate::id::Ssrc;

/// Longest packet in bytes: what a UDP datagram could carry. It also keeps the blocks of one packet
/// far below the 2^16 that SRTP's counter mode has for it (RFC 3711 §4.1.1).
const MAX_PACKET: usize = 65_535;
/// Length of the header before the CSRC list in bytes.
const FIXED: usize = 12;
/// Longest associated data: the fixed header and 15 contributing sources.
const MAX_AAD: usize = FIXED + 15 * 4;

const PADDING: u8 = 0x20;
const EXTENSION: u8 = 0x10;
const MARKER: u8 = 0x80;

/// Where the parts of an RTP packet lie.
///
/// ```text
/// |V=2|P|X|  CC   |M|     PT      |       sequence number         |
/// |                           timestamp                           |
/// |                             SSRC                              |
/// |                       CSRC (CC times)                         |
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpHeader {
    /// Marker bit.
    pub marker: bool,
    /// Payload type, 7 bits.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Synchronization source.
    pub ssrc: Ssrc,
    /// Where the CSRC list ends, in bytes from the start.
    csrc_end: usize,
    /// Where the payload starts.
    payload_start: usize,
    /// Where the payload ends and padding begins.
    payload_end: usize,
}

impl RtpHeader {
    /// Reads the header of a whole RTP packet.
    ///
    /// # Errors
    /// [`Malformed`] when the packet is not RTP version 2, a length leads outside of it, or it is
    /// longer than any datagram.
    pub fn parse(packet: &[u8]) -> Result<Self, Malformed> {
        if packet.len() > MAX_PACKET {
            return Err(Malformed::Header);
        }
        let fixed: &[u8; FIXED] = packet.first_chunk().ok_or(Malformed::Header)?;
        let [first, second, seq_high, seq_low, _, _, _, _, a, b, c, d] = *fixed;
        if first >> 6 != 2 {
            return Err(Malformed::Header);
        }
        let csrc_end = FIXED + 4 * usize::from(first & 0x0f);
        let payload_start = match first & EXTENSION {
            0 => csrc_end,
            _ => extension_end(packet, csrc_end)?,
        };
        let padding = match first & PADDING {
            0 => 0,
            _ => usize::from(*packet.last().ok_or(Malformed::Header)?).max(1),
        };
        let payload_end = packet.len().checked_sub(padding).ok_or(Malformed::Header)?;
        if payload_start > payload_end {
            return Err(Malformed::Header);
        }
        Ok(Self {
            marker: second & MARKER != 0,
            payload_type: second & !MARKER,
            sequence: u16::from_be_bytes([seq_high, seq_low]),
            ssrc: Ssrc::new(u32::from_be_bytes([a, b, c, d])),
            csrc_end,
            payload_start,
            payload_end,
        })
    }

    /// The payload's place in the packet.
    pub fn payload(&self) -> std::ops::Range<usize> {
        self.payload_start..self.payload_end
    }

    /// Cuts padding off and clears the bit that announces it.
    pub(super) fn drop_padding(&self, packet: &mut Vec<u8>) {
        packet.truncate(self.payload_end);
        if let Some(first) = packet.first_mut() {
            *first &= !PADDING;
        }
    }

    /// Writes marker, payload type and sequence number back, after an OHB restored them.
    pub(super) fn write(&self, packet: &mut [u8]) {
        if let Some([_, second, high, low, ..]) = packet.get_mut(..FIXED) {
            *second = if self.marker {
                self.payload_type | MARKER
            } else {
                self.payload_type
            };
            [*high, *low] = self.sequence.to_be_bytes();
        }
    }

    /// What the end-to-end tag covers of the header: fixed part and CSRC list with X=0 and P=0
    /// (RFC 8723 §5.1), so that extensions and padding may change on the hop.
    pub(super) fn associated_data(&self, packet: &[u8]) -> Aad {
        let mut bytes = [0; MAX_AAD];
        for (to, from) in bytes.iter_mut().zip(packet.iter().take(self.csrc_end)) {
            *to = *from;
        }
        bytes[0] &= !(PADDING | EXTENSION);
        Aad {
            bytes,
            len: self.csrc_end,
        }
    }
}

/// Where a header extension that starts at `start` ends (RFC 3550 §5.3.1).
fn extension_end(packet: &[u8], start: usize) -> Result<usize, Malformed> {
    let words = packet.get(start + 2..start + 4).ok_or(Malformed::Header)?;
    let words = words
        .iter()
        .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    Ok(start + 4 + 4 * words)
}

/// Associated data on the stack.
pub(super) struct Aad {
    bytes: [u8; MAX_AAD],
    len: usize,
}

impl Aad {
    pub(super) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hex;

    #[test]
    fn extension_and_padding_are_outside_the_payload_and_the_tag() {
        // P=1, X=1, CC=1, one word of extension, payload aabb, two bytes of padding.
        let packet = hex("b1e0000100000002000000030000000abede000151f00000aabb0002");
        let header = RtpHeader::parse(&packet).expect("well formed");
        assert_eq!(
            (header.marker, header.payload_type, header.sequence),
            (true, 0x60, 1)
        );
        assert_eq!(packet[header.payload()], [0xaa, 0xbb]);
        let aad = header.associated_data(&packet);
        assert_eq!(aad.as_slice(), hex("81e0000100000002000000030000000a"));
    }

    #[test]
    fn lengths_that_lead_outside_are_refused() {
        for packet in [
            "",
            "8060000100000002000000",           // 11 bytes
            "4060000100000002000000030000",     // version 1
            "8f6000010000000200000003",         // 15 CSRCs missing
            "9060000100000002000000030000",     // extension header cut short
            "906000010000000200000003bedeffff", // extension longer than the packet
            "a06000010000000200000003aaff",     // padding longer than the packet
        ] {
            assert_eq!(
                RtpHeader::parse(&hex(packet)),
                Err(Malformed::Header),
                "{packet}"
            );
        }
    }

    #[test]
    fn what_no_datagram_carries_is_refused() {
        let mut packet = hex("806000010000000200000003");
        packet.resize(MAX_PACKET, 0);
        assert!(RtpHeader::parse(&packet).is_ok());
        packet.push(0);
        assert_eq!(RtpHeader::parse(&packet), Err(Malformed::Header));
    }
}
