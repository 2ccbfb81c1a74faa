//! What follows the end-to-end tag in every packet.
//!
//! ```text
//! inner ciphertext ‖ tag(16 or 10) ‖ MKI(4) ‖ ROC low 16 bits(2) ‖ OHB(1..4)
//!
//! MKI:  0                   1                   2                   3
//!       0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//!      +-------------------------------+-------------------------------+
//!      |        epoch mod 2^16         |             leaf              |
//!      +-------------------------------+-------------------------------+
//! ```
//! The packet names its own epoch, sender and roll-over counter, so a late joiner or a packet
//! ahead of its commit needs no side channel and no key is ever tried on suspicion. Nothing here
//! is authenticated by itself: a wrong value selects a wrong key or nonce and the tag fails.

use super::{Malformed, Ohb, PacketIndex, RtpHeader};
use crate::id::LeafIndex;

/// Which sender's key of which epoch protects a packet (RFC 3711 §3.1 for the term).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mki {
    /// The epoch modulo 2^16.
    pub epoch: u16,
    /// The sender's leaf in that epoch.
    pub leaf: LeafIndex,
}

/// The end of a protected payload, parsed from its last byte backwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trailer {
    /// The key.
    pub mki: Mki,
    /// Low 16 bits of the sender's roll-over counter; the high half is 0.
    pub roc: u16,
    /// Header fields that a hop changed, as the sender had them.
    pub ohb: Ohb,
    /// Length of the whole trailer in bytes.
    pub len: usize,
}

impl Trailer {
    /// Length of MKI and ROC in bytes.
    const FIXED: usize = 6;
    /// Length of the trailer that a sender writes: nothing recorded in the OHB.
    pub const SENT_LEN: usize = Self::FIXED + 1;

    /// Reads the trailer at the end of a payload.
    ///
    /// # Errors
    /// [`Malformed`] when the payload is too short or the OHB breaks its format.
    pub fn parse(payload: &[u8]) -> Result<Self, Malformed> {
        let (ohb, ohb_len) = Ohb::parse(payload)?;
        let rest = payload
            .len()
            .checked_sub(ohb_len)
            .ok_or(Malformed::Trailer)?;
        let fixed: &[u8; Self::FIXED] = payload
            .get(..rest)
            .and_then(<[u8]>::last_chunk)
            .ok_or(Malformed::Trailer)?;
        let [
            epoch_high,
            epoch_low,
            leaf_high,
            leaf_low,
            roc_high,
            roc_low,
        ] = *fixed;
        let mki = Mki {
            epoch: u16::from_be_bytes([epoch_high, epoch_low]),
            leaf: LeafIndex::new(u16::from_be_bytes([leaf_high, leaf_low])),
        };
        let roc = u16::from_be_bytes([roc_high, roc_low]);
        Ok(Self {
            mki,
            roc,
            ohb,
            len: Self::FIXED + ohb_len,
        })
    }

    /// Cuts padding and this trailer off its packet and writes the sender's header fields back.
    /// What is left is a plain SRTP packet with the index that is returned.
    ///
    /// # Errors
    /// [`Malformed::Ohb`] when the OHB records what was not changed.
    pub fn strip(
        &self,
        mut header: RtpHeader,
        packet: &mut Vec<u8>,
    ) -> Result<(RtpHeader, PacketIndex), Malformed> {
        header.drop_padding(packet);
        packet.truncate(packet.len().saturating_sub(self.len));
        self.ohb.restore(&mut header)?;
        header.write(packet);
        Ok((header, PacketIndex::new(self.roc.into(), header.sequence)))
    }

    /// The bytes that a sender appends.
    pub fn sent(mki: Mki, roc: u16) -> [u8; Self::SENT_LEN] {
        let [a, b] = mki.epoch.to_be_bytes();
        let [c, d] = mki.leaf.get().to_be_bytes();
        let [e, f] = roc.to_be_bytes();
        [a, b, c, d, e, f, Ohb::NOTHING_CHANGED]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_what_is_read() {
        let mki = Mki {
            epoch: 0x2345,
            leaf: LeafIndex::new(0x0103),
        };
        let mut payload = vec![0xcc; 20];
        payload.extend(Trailer::sent(mki, 0x0907));
        assert_eq!(payload[20..], [0x23, 0x45, 0x01, 0x03, 0x09, 0x07, 0x00]);
        let trailer = Trailer::parse(&payload).expect("well formed");
        assert_eq!((trailer.mki, trailer.roc, trailer.len), (mki, 0x0907, 7));
        assert_eq!(Trailer::parse(&payload[21..]), Err(Malformed::Trailer));
    }
}
