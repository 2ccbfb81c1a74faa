//! SFrame key ids as RFC 9605 §5.2 makes them of an MLS group.

use crate::id::{Epoch, LeafIndex, StreamNumber};

/// Bits of the epoch, RFC 9605's `E`. Far more than the epochs that live at one time.
const EPOCH_BITS: u32 = 8;
/// Bits of the leaf, RFC 9605's `S`. Fixed, for the size of a group changes.
const LEAF_BITS: u32 = 16;

/// Which sender's key for which stream in which epoch protects a frame.
///
/// `KID = (stream << 24) + (leaf << 8) + (epoch mod 256)`, below 2^40. Every stream has a key of
/// its own, so the counters of two streams need not know each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(u64);

impl KeyId {
    /// The key id of a sender's stream in an epoch.
    pub fn new(stream: StreamNumber, leaf: LeafIndex, epoch: Epoch) -> Self {
        let (stream, leaf) = (u64::from(stream.get()), u64::from(leaf.get()));
        let epoch = epoch.get() % (1 << EPOCH_BITS);
        Self(stream << (LEAF_BITS + EPOCH_BITS) | leaf << EPOCH_BITS | epoch)
    }

    /// The key id that a frame's header names; `None` if it is no MLS sender's.
    pub fn from_wire(kid: u64) -> Option<Self> {
        (kid >> (16 + LEAF_BITS + EPOCH_BITS) == 0).then_some(Self(kid))
    }

    /// The number on the wire.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The sender's stream.
    pub const fn stream(self) -> StreamNumber {
        StreamNumber::new((self.0 >> (LEAF_BITS + EPOCH_BITS)) as u16)
    }

    /// The sender's leaf.
    pub const fn leaf(self) -> LeafIndex {
        LeafIndex::new((self.0 >> EPOCH_BITS) as u16)
    }

    /// The epoch modulo 256.
    pub const fn epoch_low(self) -> u8 {
        self.0 as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_lie_where_the_rfc_puts_them() {
        let (stream, leaf) = (StreamNumber::new(0x0102), LeafIndex::new(0x0304));
        let kid = KeyId::new(stream, leaf, Epoch::new(0x1_0005));
        assert_eq!(kid.get(), 0x01_0203_0405);
        assert_eq!((kid.stream(), kid.leaf()), (stream, leaf));
        assert_eq!(kid.epoch_low(), 5);
        assert_eq!(KeyId::from_wire(kid.get()), Some(kid));
        assert!(KeyId::from_wire((1 << 40) - 1).is_some());
        assert_eq!(KeyId::from_wire(1 << 40), None);
    }
}
