//! The text form of what people compare: what a QR code holds, and what is pasted instead.
//!
//! `MLS-SRTP:1:GROUP:` or `MLS-SRTP:1:PAIR:` and 64 hexadecimal digits, all of them characters of a
//! QR code's alphanumeric mode. The version is that of the domains that the codes are hashed in.

use std::fmt;

/// The version of codes that this library makes and reads.
pub const VERSION: u32 = 1;

const PREFIX: &str = "MLS-SRTP:";
/// Bytes of a payload.
const LEN: usize = 32;

/// What a text is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CodeKind {
    /// A [`GroupCode`](crate::epoch::GroupCode).
    Group,
    /// A [`SafetyNumber`](crate::group::SafetyNumber).
    Pair,
}

impl CodeKind {
    const ALL: [Self; 2] = [Self::Group, Self::Pair];

    fn tag(self) -> &'static str {
        match self {
            Self::Group => "GROUP",
            Self::Pair => "PAIR",
        }
    }
}

impl fmt::Display for CodeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Group => "group code",
            Self::Pair => "safety number",
        })
    }
}

/// What a comparison came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// Both are the same: of one group, or of one pair of keys.
    Match,
    /// They are not, and somebody may be in between. A group code that was shown in another epoch
    /// differs as well.
    Differs,
}

/// Why there was nothing to compare. It says nothing for or against anybody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScanError {
    /// No text of ours, or not all of it.
    #[error("this is not the text of a code: scan it again, or paste all of it")]
    Malformed,
    /// Made by another version of this library.
    #[error("the code has version {found}, but here it is {VERSION}: update the older program")]
    Version {
        /// The version in the text.
        found: u32,
    },
    /// Another kind of code than the one it is compared with.
    #[error("this is a {found}, but a {expected} is compared")]
    Kind {
        /// The kind of ours.
        expected: CodeKind,
        /// The kind in the text.
        found: CodeKind,
    },
    /// The text of a pair as we show it ourselves, where the other's begins with their half.
    #[error("this is our own picture: scan the one that the other person is shown")]
    Own,
}

/// The text of a payload.
pub(crate) fn write(kind: CodeKind, payload: &[u8; LEN]) -> String {
    use fmt::Write;
    let mut text = format!("{PREFIX}{VERSION}:{}:", kind.tag());
    for byte in payload {
        // A String takes everything.
        let _ = write!(text, "{byte:02X}");
    }
    text
}

/// The payload of a text of this kind; space around it does not matter.
pub(crate) fn read(expected: CodeKind, text: &str) -> Result<[u8; LEN], ScanError> {
    let rest = text.trim().strip_prefix(PREFIX);
    let (version, rest) = rest
        .and_then(|rest| rest.split_once(':'))
        .ok_or(ScanError::Malformed)?;
    // Before anything else: another version may have other kinds and payloads.
    let found = number(version).ok_or(ScanError::Malformed)?;
    if found != VERSION {
        return Err(ScanError::Version { found });
    }
    let (tag, hex) = rest.split_once(':').ok_or(ScanError::Malformed)?;
    let found = CodeKind::ALL.into_iter().find(|kind| kind.tag() == tag);
    let found = found.ok_or(ScanError::Malformed)?;
    let payload = payload(hex).ok_or(ScanError::Malformed)?;
    if found != expected {
        return Err(ScanError::Kind { expected, found });
    }
    Ok(payload)
}

/// Decimal, without sign or leading zero.
fn number(text: &str) -> Option<u32> {
    let number: u32 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

fn payload(hex: &str) -> Option<[u8; LEN]> {
    let mut payload = [0; LEN];
    if hex.len() != 2 * LEN {
        return None;
    }
    let (pairs, _) = hex.as_bytes().as_chunks();
    for (byte, [high, low]) in payload.iter_mut().zip(pairs) {
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(payload)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever is scanned, there is an answer, and one text for each payload.
        #[test]
        fn any_text_is_judged(version in "[+0]?1|[0-9]{0,3}", tag in "GROUP|PAIR|.{0,9}", hex in "([0-9A-F]{64})|.{0,70}") {
            let text = format!("{PREFIX}{version}:{tag}:{hex}");
            for kind in CodeKind::ALL {
                if let Ok(payload) = read(kind, &text) {
                    prop_assert_eq!(write(kind, &payload), text.trim());
                }
            }
        }
    }

    #[test]
    fn a_text_is_read_back_and_fits_the_alphabet_of_qr_codes() {
        let mut bytes = [0; LEN];
        for (at, byte) in (0u8..).zip(&mut bytes) {
            *byte = at * 8 + 1;
        }
        for kind in CodeKind::ALL {
            let text = write(kind, &bytes);
            let alphabet =
                |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || ":-".contains(c);
            assert!(text.chars().all(alphabet), "{text}");
            assert_eq!(read(kind, &format!(" {text}\n")), Ok(bytes));
        }
    }

    #[test]
    fn what_is_no_text_of_ours_is_told_from_what_differs() {
        let good = write(CodeKind::Group, &[0xab; LEN]);
        let read = |text: &str| read(CodeKind::Group, text);
        for (spoiled, why) in [
            (String::new(), ScanError::Malformed),
            ("https://example.org".into(), ScanError::Malformed),
            (good[1..].into(), ScanError::Malformed),
            (good[..good.len() - 1].into(), ScanError::Malformed),
            (good.clone() + "A", ScanError::Malformed),
            (good.replace("AB", "ab"), ScanError::Malformed),
            (good.replace("AB", "É"), ScanError::Malformed),
            (good.replace("GROUP", "ROOM"), ScanError::Malformed),
            (good.replace(":1:", ":+1:"), ScanError::Malformed),
            (good.replace(":1:", ":01:"), ScanError::Malformed),
            (good.replace(":1:", ":4294967296:"), ScanError::Malformed),
            (good.replace(":1:", ":0:"), ScanError::Version { found: 0 }),
            (
                "MLS-SRTP:2:WHATEVER".into(),
                ScanError::Version { found: 2 },
            ),
            (
                good.replace("GROUP", "PAIR"),
                ScanError::Kind {
                    expected: CodeKind::Group,
                    found: CodeKind::Pair,
                },
            ),
        ] {
            assert_eq!(read(&spoiled), Err(why), "{spoiled}");
        }
    }
}
