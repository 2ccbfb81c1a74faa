//! The SFrame header (RFC 9605 §4.3).

/// Which key and which counter protect a frame.
///
/// ```text
///  0 1 2 3 4 5 6 7
/// +-+-+-+-+-+-+-+-+---------------------+---------------------+
/// |X|  K  |Y|  C  |  KID, if X, K+1 B   |  CTR, if Y, C+1 B   |
/// +-+-+-+-+-+-+-+-+---------------------+---------------------+
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SframeHeader {
    /// Key id.
    pub kid: u64,
    /// Counter: with the salt it makes the nonce.
    pub counter: u64,
}

/// Numbers from here on do not fit the three bits of the first byte.
const EXTENDED: u64 = 8;

impl SframeHeader {
    /// The longest that a header can be, in bytes.
    pub const MAX_LEN: usize = 17;

    /// Appends the header.
    pub fn write(&self, out: &mut Vec<u8>) {
        let (kid, kid_bits) = field(&self.kid);
        let (counter, counter_bits) = field(&self.counter);
        out.push(kid_bits << 4 | counter_bits);
        out.extend(self.kid.to_be_bytes().iter().skip(8 - kid));
        out.extend(self.counter.to_be_bytes().iter().skip(8 - counter));
    }

    /// Reads a header and its length in bytes from the beginning of `bytes`; `None` if it is cut
    /// off or does not encode its numbers in as few bytes as can be.
    pub fn parse(bytes: &[u8]) -> Option<(Self, usize)> {
        let (first, rest) = bytes.split_first()?;
        let (kid, rest) = read(first >> 4, rest)?;
        let (counter, rest) = read(first & 0x0f, rest)?;
        Some((Self { kid, counter }, bytes.len() - rest.len()))
    }
}

/// How many bytes a number takes behind the first, and its four bits there.
fn field(number: &u64) -> (usize, u8) {
    if *number < EXTENDED {
        return (0, *number as u8);
    }
    let bytes = 8 - number.leading_zeros() / 8;
    (bytes as usize, 0x08 | (bytes - 1) as u8)
}

/// Reads a number by its four bits.
fn read(bits: u8, rest: &[u8]) -> Option<(u64, &[u8])> {
    if bits & 0x08 == 0 {
        return Some((bits.into(), rest));
    }
    let len = usize::from(bits & 0x07) + 1;
    let (bytes, rest) = rest.split_at_checked(len)?;
    let number = bytes
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte));
    (field(&number).0 == len).then_some((number, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::hex;

    /// RFC 9605 Appendix C.1.
    #[test]
    fn rfc_9605_headers() {
        let text = include_str!("../../../tests/vectors/rfc9605.json");
        let vectors: serde_json::Value = serde_json::from_str(text).expect("JSON");
        let cases = vectors["header"].as_array().expect("cases");
        for case in cases {
            let number = |name: &str| case[name].as_u64().expect("number");
            let header = SframeHeader {
                kid: number("kid"),
                counter: number("ctr"),
            };
            let mut encoded = Vec::new();
            header.write(&mut encoded);
            assert_eq!(encoded, hex(case["encoded"].as_str().expect("hex")));
            assert_eq!(SframeHeader::parse(&encoded), Some((header, encoded.len())));
        }
        assert_eq!(cases.len(), 289);
    }

    #[test]
    fn numbers_that_take_more_bytes_than_they_need_are_refused() {
        for wrong in ["8007", "880008", "9000ff", "08", "0800", "a00001ff", ""] {
            assert_eq!(SframeHeader::parse(&hex(wrong)), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(kid: u64, counter: u64, kid_zeros in 0u32..64, zeros in 0u32..64) {
            let header = SframeHeader { kid: kid >> kid_zeros, counter: counter >> zeros };
            let mut encoded = Vec::new();
            header.write(&mut encoded);
            prop_assert!(encoded.len() <= SframeHeader::MAX_LEN);
            let len = encoded.len();
            prop_assert_eq!(SframeHeader::parse(&encoded[..len - 1]).filter(|_| len > 1), None);
            encoded.push(0x55);
            prop_assert_eq!(SframeHeader::parse(&encoded), Some((header, len)));
        }

        /// Two encodings of one header would be a bit that can be flipped unnoticed.
        #[test]
        fn what_is_read_is_written_the_same(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
            if let Some((header, len)) = SframeHeader::parse(&bytes) {
                let mut encoded = Vec::new();
                header.write(&mut encoded);
                prop_assert_eq!(&encoded, &bytes[..len]);
            }
        }
    }
}
