//! Emulation prevention (H.264 §7.4.1): bytes behind a NAL header that hold no start code.

/// Stands between two zero bytes and a byte up to its own value.
const PREVENTION: u8 = 3;

/// Appends `bytes` so that `00 00 00`, `00 00 01` and `00 00 02` do not occur in them, nor across
/// the end of what `out` holds already.
///
/// The last byte is zero only if that of `bytes` is.
#[expect(
    clippy::indexing_slicing,
    reason = "what is copied lies before where the loop is"
)]
pub(super) fn escape(bytes: &[u8], out: &mut Vec<u8>) {
    let (mut copied, mut zeros) = (0, zeros_at_end(out));
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

/// Takes back what [`escape`] did with the same start of `out`; `None` for bytes that it never
/// gives, so that no two inputs lead to one output.
#[expect(
    clippy::indexing_slicing,
    reason = "what is copied lies before where the loop is"
)]
pub(super) fn unescape(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (mut copied, mut zeros) = (0, zeros_at_end(out));
    for (at, byte) in bytes.iter().enumerate() {
        if zeros == 2 && *byte <= PREVENTION {
            let follows = bytes.get(at + 1).is_some_and(|next| *next <= PREVENTION);
            if *byte != PREVENTION || !follows {
                return None;
            }
            out.extend_from_slice(&bytes[copied..at]);
            (copied, zeros) = (at + 1, 0);
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
    }
    out.extend_from_slice(&bytes[copied..]);
    Some(())
}

/// How many of the last two bytes are zero, from the end on.
fn zeros_at_end(bytes: &[u8]) -> usize {
    let zeros = bytes.iter().rev().take_while(|byte| **byte == 0);
    zeros.count().min(2)
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

    fn unescaped(bytes: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        unescape(bytes, &mut out).map(|()| out)
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
            assert_eq!(unescaped(expected), Some(plain.to_vec()));
        }
        for wrong in [
            &[0, 0, 0][..],
            &[0, 0, 1],
            &[0, 0, 2],
            &[0, 0, 3],
            &[0, 0, 3, 4],
        ] {
            assert_eq!(unescaped(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn zeros_before_count() {
        for (before, plain, expected) in [
            (&[7, 0, 0][..], &[1][..], &[7, 0, 0, 3, 1][..]),
            (&[7, 0], &[0, 1], &[7, 0, 0, 3, 1]),
            (&[0, 0, 0], &[0, 0, 9], &[0, 0, 0, 3, 0, 0, 9]),
            (&[0, 7], &[0, 1], &[0, 7, 0, 1]),
        ] {
            let (mut out, mut back) = (before.to_vec(), before.to_vec());
            escape(plain, &mut out);
            assert_eq!(out, expected);
            assert_eq!(unescape(&out[before.len()..], &mut back), Some(()));
            assert_eq!(back, [before, plain].concat());
        }
    }

    proptest! {
        #[test]
        fn escaping_leaves_no_start_code_and_can_be_undone(bytes in zeros_and_others()) {
            let escaped = escaped(&bytes);
            let start_code = escaped.windows(3).any(|three| three[..2] == [0, 0] && three[2] < 3);
            prop_assert!(!start_code, "{escaped:?}");
            prop_assert_eq!(unescaped(&escaped), Some(bytes));
        }

        #[test]
        fn what_is_unescaped_has_one_escaped_form(bytes in zeros_and_others()) {
            if let Some(plain) = unescaped(&bytes) {
                prop_assert_eq!(escaped(&plain), bytes);
            }
        }
    }
}
