//! Can a payload be read? A checker that knows every source frame.

use std::collections::HashSet;

/// Length of the pieces compared, in bytes. Sixteen bytes of ciphertext equal a known piece with a
/// probability of about 2^-128 times the number of pieces.
const PIECE: usize = 16;

/// Recognizes payloads that show any piece of the source in plain.
#[derive(Debug, Default)]
pub struct ReadabilityCheck {
    pieces: HashSet<[u8; PIECE]>,
}

impl ReadabilityCheck {
    /// Learns the payloads that the publishers' own packetizer makes of the source.
    pub fn new<'a>(source: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut check = Self::default();
        for payload in source {
            check.pieces.extend(payload.as_chunks::<PIECE>().0);
        }
        check
    }

    /// Whether any aligned piece of the payload is one of the source's.
    pub fn readable(&self, payload: &[u8]) -> bool {
        payload
            .as_chunks::<PIECE>()
            .0
            .iter()
            .any(|piece| self.pieces.contains(piece))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_plain_piece_gives_a_payload_away() {
        let source: Vec<u8> = (0..=255).collect();
        let check = ReadabilityCheck::new([&source[..]]);
        assert!(check.readable(&source));
        let mut mostly_sealed = vec![0xee; 256];
        assert!(!check.readable(&mostly_sealed));
        mostly_sealed[64..80].copy_from_slice(&source[64..80]);
        assert!(check.readable(&mostly_sealed));
        assert!(!check.readable(&source[..15]), "shorter than a piece");
    }
}
