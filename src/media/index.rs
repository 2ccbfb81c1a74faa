//! The 48-bit packet index of RFC 3711 §3.3.1.

use crate::id::Ssrc;

/// `2^16 · ROC + SEQ`: with the SSRC it makes the nonce, so it must never repeat under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketIndex(u64);

impl PacketIndex {
    /// From roll-over counter and sequence number.
    pub const fn new(roc: u32, sequence: u16) -> Self {
        Self((roc as u64) << 16 | sequence as u64)
    }

    /// The index as a number below 2^48.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// How often the sequence number has wrapped.
    pub const fn roc(self) -> u32 {
        (self.0 >> 16) as u32
    }

    /// The low 16 bits: what the RTP header carries.
    pub const fn sequence(self) -> u16 {
        self.0 as u16
    }

    /// The index of the packet with `sequence` that follows this one by less than 2^15.
    ///
    /// Returns `None` when `sequence` does not lie ahead, or when no 32-bit counter is left.
    pub fn following(self, sequence: u16) -> Option<Self> {
        let ahead = sequence.wrapping_sub(self.sequence());
        let next = self.0 + u64::from(ahead);
        (1..0x8000)
            .contains(&ahead)
            .then_some(Self(next))
            .filter(|next| next.0 < 1 << 48)
    }

    /// `00 00 ‖ SSRC ‖ ROC ‖ SEQ`, before the session salt is added: GCM's nonce (RFC 7714 §8.1),
    /// and in counter mode what changes of the initial counter block (RFC 3711 §4.1.1).
    pub(super) fn nonce(self, ssrc: Ssrc) -> [u8; 12] {
        let [a, b, c, d] = ssrc.get().to_be_bytes();
        let [_, _, e, f, g, h, i, j] = self.0.to_be_bytes();
        [0, 0, a, b, c, d, e, f, g, h, i, j]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_are_followed_over_the_wrap() {
        let index = PacketIndex::new(4, 0xfffe);
        assert_eq!(index.following(0xffff), Some(PacketIndex::new(4, 0xffff)));
        assert_eq!(index.following(0x0001), Some(PacketIndex::new(5, 0x0001)));
        assert_eq!(index.following(0x7ffd), Some(PacketIndex::new(5, 0x7ffd)));
        assert_eq!(
            index.following(0x7ffe),
            None,
            "2^15 ahead is as likely behind"
        );
        assert_eq!(index.following(0xfffe), None);
        assert_eq!(PacketIndex::new(u32::MAX, 0xffff).following(0), None);
    }
}
