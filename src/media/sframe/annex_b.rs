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

/// Everything up to and including the first slice's NAL header, as depacketizers rebuild it: each
/// NAL unit behind a start code of four bytes, no delimiters, no filler, no zeros between units.
/// With it, where in `frame` the rest begins.
///
/// Sender and receiver both do this, so a hop may rebuild the prefix in any way that means the
/// same.
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
            (at + 1, at + 1)
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
        let canonical = hex("000000016742 0000000168ce 0000000165"
            .replace(' ', "")
            .as_str());
        assert_eq!(prefix(frame), Ok((canonical.clone(), 17)));
        let short = "000001 6742 000001 68ce 000001 65 88aa";
        assert_eq!(prefix(short), Ok((canonical.clone(), 14)));
        let padded = "0000000001 6742 0000 000001 68ce00 00000001 65 88aa";
        assert_eq!(prefix(padded), Ok((canonical.clone(), 20)));
        let delimited = "00000001 0910 00000001 6742 000001 68ce 000001 0cff80 00000001 65 88aa";
        assert_eq!(prefix(delimited).map(|(prefix, _)| prefix), Ok(canonical));
    }

    #[test]
    fn every_kind_of_slice_ends_the_prefix() {
        for header in ["01", "41", "61", "22", "65", "25"] {
            let frame = format!("00000001{header}0000");
            let (prefix, rest) = prefix(&frame).expect("a slice");
            assert_eq!((prefix.len(), rest), (5, 5), "{header}");
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
                Ok(12),
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
        ] {
            assert_eq!(prefix(frame), Err(error), "{frame}");
        }
    }

    #[test]
    fn a_prefix_has_at_most_255_bytes() {
        let frame = |sei: usize| {
            let message = "ff".repeat(sei - 1);
            prefix(&format!("00000001 06{message} 00000001 65 88"))
        };
        assert_eq!(frame(246).map(|(prefix, _)| prefix.len()), Ok(255));
        assert_eq!(frame(247), Err(Unprotectable::PrefixTooLong));
        assert_eq!(frame(10_000), Err(Unprotectable::PrefixTooLong));
    }
}
