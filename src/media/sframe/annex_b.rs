//! The part of an H.264 frame in Annex B format that must stay clear.

use super::Unprotectable;

/// What every depacketizer puts before a NAL unit.
const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// NAL unit types of units that begin with a slice header (H.264 table 7-1).
const SLICES: [u8; 3] = [1, 2, 5];
/// NAL unit types that may stand before the first slice and say nothing of the picture: SEI,
/// parameter sets, and the prefix of scalable streams.
const BEFORE: [u8; 6] = [6, 7, 8, 13, 14, 15];
/// NAL unit types that packetizers drop: access unit delimiters and filler.
const DROPPED: [u8; 2] = [9, 12];
/// The longest Exp-Golomb code of a number below 65,535 begins with so many zeros.
const MOST_ZEROS: usize = 15;
/// The slice header's numbers up to `pic_parameter_set_id` (H.264 §7.3.3).
const CLEAR_NUMBERS: usize = 3;

/// Everything up to the byte of the first slice that ends its parameter set's id, as depacketizers
/// rebuild it: each NAL unit behind a start code of four bytes, no delimiters, no filler, no zeros
/// between units. With it, where in `frame` the rest begins.
///
/// Browsers look the parameter set of a key frame up before they decode it, and drop what names an
/// unknown one. Sender and receiver both do this, so a hop may rebuild the prefix in any way that
/// means the same.
pub(super) fn clear_prefix(frame: &[u8]) -> Result<(Vec<u8>, usize), Unprotectable> {
    let mut prefix = Vec::new();
    let mut at = match start_code(frame, 0) {
        Some((0, end)) => end,
        _ => return Err(Unprotectable::NotAnnexB),
    };
    loop {
        let kind = frame.get(at).ok_or(Unprotectable::NoSlice)? & 0x1f;
        let slice = SLICES.contains(&kind);
        let (unit_end, next) = if slice {
            let header = frame.get(at + 1..).and_then(numbers_len);
            let end = at + 1 + header.ok_or(Unprotectable::NoSlice)?;
            (end, end)
        } else {
            start_code(frame, at).ok_or(Unprotectable::NoSlice)?
        };
        let unit = frame.get(at..unit_end).unwrap_or_default();
        if !unit.is_empty() && !DROPPED.contains(&kind) {
            if !slice && !BEFORE.contains(&kind) {
                return Err(Unprotectable::NoSlice);
            }
            prefix.extend_from_slice(&START_CODE);
            prefix.extend_from_slice(unit);
        }
        if prefix.len() > usize::from(u8::MAX) {
            return Err(Unprotectable::PrefixTooLong);
        }
        if slice {
            return Ok((prefix, next));
        }
        at = next;
    }
}

/// How many bytes the numbers take that stay clear, each an Exp-Golomb code (H.264 §9.1).
///
/// `None` when they end too soon or are longer than any encoder's.
fn numbers_len(slice: &[u8]) -> Option<usize> {
    let bit = |at: usize| Some(slice.get(at / 8)? >> (7 - at % 8) & 1);
    let mut at = 0;
    for _ in 0..CLEAR_NUMBERS {
        let zeros = (0..=MOST_ZEROS).find(|zeros| bit(at + zeros) != Some(0))?;
        bit(at + zeros)?;
        at += 2 * zeros + 1;
    }
    let len = at.div_ceil(8);
    (len <= slice.len()).then_some(len)
}

/// The next start code with all zeros before it: where it begins and ends.
fn start_code(frame: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut zeros = 0;
    for (at, byte) in frame.iter().enumerate().skip(from) {
        match byte {
            0 => zeros += 1,
            1 if zeros >= 2 => return Some((at - zeros, at + 1)),
            _ => zeros = 0,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hex;

    fn prefix(frame: &str) -> Result<(Vec<u8>, usize), Unprotectable> {
        clear_prefix(&hex(&frame.replace(' ', "")))
    }

    #[test]
    fn parameter_sets_and_the_slice_header_are_clear() {
        let frame = "00000001 6742 00000001 68ce 00000001 65 88aa";
        let canonical = hex("000000016742 0000000168ce 00000001 6588aa"
            .replace(' ', "")
            .as_str());
        assert_eq!(prefix(frame), Ok((canonical.clone(), 19)));
        let short = "000001 6742 000001 68ce 000001 65 88aa";
        assert_eq!(prefix(short), Ok((canonical.clone(), 16)));
        let padded = "0000000001 6742 0000 000001 68ce00 00000001 65 88aa";
        assert_eq!(prefix(padded), Ok((canonical.clone(), 22)));
        let delimited = "00000001 0910 00000001 6742 000001 68ce 000001 0cff80 00000001 65 88aa";
        assert_eq!(prefix(delimited).map(|(prefix, _)| prefix), Ok(canonical));
    }

    #[test]
    fn a_slice_is_clear_up_to_its_parameter_set() {
        for (header, slice, clear) in [
            // First macroblock 0, slice type 7, parameter set 0: 1 0001000 1.
            ("65", "88 80 ff", 2),
            // Slice type 5: 1 00110 1.
            ("41", "9a ff ff", 1),
            ("61", "9a ff ff", 1),
            ("22", "9a ff ff", 1),
            // First macroblock 3,600 and parameter set 1 are longer.
            ("41", "001c2264 ff", 4),
            // Parameter set 255: 1 1 000000001 00000000, which ends in zeros.
            ("41", "c0 20 00 00", 3),
        ] {
            let frame = format!("00000001{header}{slice}").replace(' ', "");
            let (prefix, rest) = prefix(&frame).expect("a slice");
            assert_eq!(
                (prefix.len(), rest),
                (5 + clear, 5 + clear),
                "{header} {slice}"
            );
        }
    }

    #[test]
    fn units_that_could_hold_a_picture_are_not_left_clear() {
        for kind in ["03", "04", "13", "14", "15", "18", "1e"] {
            let frame = format!("00000001 {kind}aaaa 00000001 65 88 80");
            assert_eq!(prefix(&frame), Err(Unprotectable::NoSlice), "{kind}");
        }
        for kind in ["06", "0d", "0e", "0f"] {
            let frame = format!("00000001 {kind}aaaa 00000001 65 88 80");
            assert_eq!(
                prefix(&frame).map(|(prefix, _)| prefix.len()),
                Ok(14),
                "{kind}"
            );
        }
    }

    #[test]
    fn what_has_no_slice_is_refused() {
        for (frame, error) in [
            ("65 88", Unprotectable::NotAnnexB),
            ("ff 000001 65", Unprotectable::NotAnnexB),
            ("0001 65", Unprotectable::NotAnnexB),
            ("000000", Unprotectable::NotAnnexB),
            ("000001", Unprotectable::NoSlice),
            ("000001 6742 000001 68ce", Unprotectable::NoSlice),
            ("000001 000001", Unprotectable::NoSlice),
            ("000001 65", Unprotectable::NoSlice),
            ("000001 65 88", Unprotectable::NoSlice),
            ("000001 65 00000000000000", Unprotectable::NoSlice),
            ("000001 65 c0 20", Unprotectable::NoSlice),
        ] {
            assert_eq!(prefix(frame), Err(error), "{frame}");
        }
    }

    #[test]
    fn a_prefix_has_at_most_255_bytes() {
        let frame = |sei: usize| {
            let message = "ff".repeat(sei - 1);
            prefix(&format!("00000001 06{message} 00000001 41 9a"))
        };
        assert_eq!(frame(245).map(|(prefix, _)| prefix.len()), Ok(255));
        assert_eq!(frame(246), Err(Unprotectable::PrefixTooLong));
        assert_eq!(frame(10_000), Err(Unprotectable::PrefixTooLong));
    }
}
