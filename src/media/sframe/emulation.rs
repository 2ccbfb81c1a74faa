//! Emulation prevention (H.264 §7.4.1): bytes behind a NAL header that hold no start code.

/// Stands between two zero bytes and a byte up to its own value.
const PREVENTION: u8 = 3;

/// Appends `bytes` so that `00 00 00`, `00 00 01` and `00 00 02` do not occur.
///
/// What is appended ends in a zero byte only if `bytes` do, and the byte before it is not zero.
pub(super) fn escape(bytes: &[u8], out: &mut Vec<u8>) {
    let (mut copied, mut zeros) = (0, 0);
    for (at, byte) in bytes.iter().enumerate() {
        if zeros == 2 && *byte <= PREVENTION {
            out.extend_from_slice(&bytes[copied..at]);
            out.push(PREVENTION);
            (copied, zeros) = (at, 0);
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
    }
    out.extend_from_slice(&bytes[copied..]);
}

/// Takes back what [`escape`] did; `None` for bytes that it never gives, so that no two inputs
/// lead to one output.
pub(super) fn unescape(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(bytes.len());
    let (mut copied, mut zeros) = (0, 0);
    for (at, byte) in bytes.iter().enumerate() {
        if zeros == 2 && *byte <= PREVENTION {
            let follows = bytes.get(at + 1).is_some_and(|next| *next <= PREVENTION);
            if *byte != PREVENTION || !follows {
                return None;
            }
            plain.extend_from_slice(&bytes[copied..at]);
            (copied, zeros) = (at + 1, 0);
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
    }
    plain.extend_from_slice(&bytes[copied..]);
    Some(plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        escape(bytes, &mut out);
        out
    }

    /// Bytes among which those that matter are frequent.
    fn zeros_and_others() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(
            prop_oneof![3 => Just(0), 2 => 1u8..5, 1 => any::<u8>()],
            0..60,
        )
    }

    #[test]
    fn known_escapes() {
        for (plain, expected) in [
            (&[0, 0, 1][..], &[0, 0, 3, 1][..]),
            (&[0, 0, 0, 0, 0], &[0, 0, 3, 0, 0, 3, 0]),
            (&[0, 0, 3, 7], &[0, 0, 3, 3, 7]),
            (&[0, 0, 4, 0, 0], &[0, 0, 4, 0, 0]),
            (&[9, 0, 1, 0, 0, 2], &[9, 0, 1, 0, 0, 3, 2]),
        ] {
            assert_eq!(escaped(plain), expected);
            assert_eq!(unescape(expected), Some(plain.to_vec()));
        }
        for wrong in [
            &[0, 0, 0][..],
            &[0, 0, 1],
            &[0, 0, 2],
            &[0, 0, 3],
            &[0, 0, 3, 4],
        ] {
            assert_eq!(unescape(wrong), None, "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn escaping_leaves_no_start_code_and_can_be_undone(bytes in zeros_and_others()) {
            let escaped = escaped(&bytes);
            let start_code = escaped.windows(3).any(|three| three[..2] == [0, 0] && three[2] < 3);
            prop_assert!(!start_code, "{escaped:?}");
            prop_assert_eq!(unescape(&escaped), Some(bytes));
        }

        #[test]
        fn what_is_unescaped_has_one_escaped_form(bytes in zeros_and_others()) {
            if let Some(plain) = unescape(&bytes) {
                prop_assert_eq!(escaped(&plain), bytes);
            }
        }
    }
}
