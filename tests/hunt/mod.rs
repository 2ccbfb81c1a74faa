//! Looks for secrets in text: as they are, in hexadecimal, in base64, as lists of numbers, and in strings
//! with escapes or percent signs.
//!
//! Eight bytes in a row are a find. The text is decoded in every way at once, and what comes out is
//! compared with every eight bytes of every secret.

pub mod state;

use std::collections::{BTreeSet, HashMap};
use std::fmt::Debug;
use std::io;
use std::sync::{Arc, Mutex};

/// So many bytes in a row are no accident.
const WINDOW: usize = 8;

/// Fewer different bytes than this in a window say nothing: zeros are everywhere.
const DIFFERENT: usize = 5;

/// What must not be found.
#[derive(Default)]
pub struct Secrets {
    windows: HashMap<[u8; WINDOW], usize>,
    names: Vec<String>,
}

impl Secrets {
    /// Adds a secret, under a name for the report.
    pub fn add(&mut self, name: &str, secret: &[u8]) {
        assert!(secret.len() >= WINDOW, "{name} is too short to be found");
        let at = self.names.len();
        self.names.push(name.to_owned());
        for window in secret.windows(WINDOW) {
            let window: [u8; WINDOW] = window.try_into().expect("a window's length");
            if BTreeSet::from(window).len() >= DIFFERENT {
                self.windows.entry(window).or_insert(at);
            }
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether a secret of this name was added.
    pub fn has(&self, name: &str) -> bool {
        self.names.iter().any(|known| known.contains(name))
    }

    /// The names of those that stand in a text, each with how.
    pub fn found_in(&self, text: &[u8]) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut look = |how: &str, bytes: &[u8]| {
            for window in bytes.windows(WINDOW) {
                if let Some(at) = self.windows.get(window) {
                    found.insert(format!("{} ({how})", self.names[*at]));
                }
            }
        };
        // But for escapes, strings of programs and of URLs have it as it is, too.
        for plain in [text, &decoded(text, backslash), &decoded(text, percent)] {
            look("as it is", plain);
        }
        for run in runs(text, u8::is_ascii_hexdigit) {
            for from in 0..2 {
                look("in hex", &unhex(&run[from.min(run.len())..]));
            }
        }
        let in_base64 = |byte: &u8| sextet(*byte).is_some();
        for run in runs(text, in_base64) {
            for from in 0..4 {
                look("in base64", &unbase64(&run[from.min(run.len())..]));
            }
        }
        for (how, radix) in [("as numbers", 10), ("as hex numbers", 16)] {
            for list in lists(text, radix) {
                look(how, &list);
            }
        }
        found
    }
}

/// A text with its escapes replaced by the bytes that they stand for; `escape` reads one where it
/// begins, and tells its length.
fn decoded(text: &[u8], escape: impl Fn(&[u8]) -> Option<(u8, usize)>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.first() {
        let (byte, length) = escape(rest).unwrap_or((*first, 1));
        bytes.push(byte);
        rest = &rest[length..];
    }
    bytes
}

/// As `{:?}` of `bytes::Bytes` and `escape_ascii` write bytes.
fn backslash(text: &[u8]) -> Option<(u8, usize)> {
    match text {
        [b'\\', b'x', high, low, ..] => Some((*unhex(&[*high, *low]).first()?, 4)),
        [b'\\', b'n', ..] => Some((b'\n', 2)),
        [b'\\', b'r', ..] => Some((b'\r', 2)),
        [b'\\', b't', ..] => Some((b'\t', 2)),
        [b'\\', b'0', ..] => Some((0, 2)),
        [b'\\', quoted @ (b'\\' | b'"' | b'\''), ..] => Some((*quoted, 2)),
        _ => None,
    }
}

/// As URLs have bytes (RFC 3986 §2.1).
fn percent(text: &[u8]) -> Option<(u8, usize)> {
    match text {
        [b'%', high, low, ..] => Some((*unhex(&[*high, *low]).first()?, 3)),
        _ => None,
    }
}

/// The longest pieces of nothing but such bytes.
fn runs(text: &[u8], belongs: impl Fn(&u8) -> bool) -> impl Iterator<Item = &[u8]> {
    text.split(move |byte| !belongs(byte))
        .filter(|run| run.len() >= WINDOW)
}

fn unhex(digits: &[u8]) -> Vec<u8> {
    let pairs = digits.chunks_exact(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.filter_map(byte).collect()
}

/// Six bits of base64, of either alphabet.
fn sextet(byte: u8) -> Option<u32> {
    let value = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

fn unbase64(text: &[u8]) -> Vec<u8> {
    let quads = text.chunks_exact(4).map(|quad| {
        quad.iter()
            .filter_map(|byte| sextet(*byte))
            .fold(0, |all, six| all << 6 | six)
    });
    quads
        .flat_map(|bits| bits.to_be_bytes()[1..].to_vec())
        .collect()
}

/// Numbers below 256 with commas, spaces or colons between them, as `{:?}`, `{:#?}`, `{:x?}`, JSON and
/// fingerprints write bytes.
fn lists(text: &[u8], radix: u32) -> Vec<Vec<u8>> {
    let mut lists = Vec::new();
    let between = |byte: &u8| byte.is_ascii_whitespace() || b",:".contains(byte);
    let pieces = runs(text, |byte| {
        byte.is_ascii_hexdigit() || between(byte) || *byte == b'x'
    });
    for piece in pieces {
        let mut list = Vec::new();
        for number in piece.split(between).filter(|number| !number.is_empty()) {
            let number = number.strip_prefix(b"0x".as_slice()).unwrap_or(number);
            let number = std::str::from_utf8(number).unwrap_or_default();
            match u8::from_str_radix(number, radix) {
                Ok(byte) => list.push(byte),
                Err(_) => lists.push(std::mem::take(&mut list)),
            }
        }
        lists.push(list);
    }
    lists
}

/// A text that grows, from logs and from values that are shown to it.
#[derive(Clone, Default)]
pub struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    /// All that is logged from now on in this process, at every level, that of the MLS library and
    /// of every other crate included.
    pub fn of_all_logs() -> Self {
        let paper = Self::default();
        let writer = paper.clone();
        tracing_subscriber::fmt()
            .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
            .with_writer(move || writer.clone())
            .init();
        paper
    }

    /// Writes a value down in both ways in which it can be debugged.
    pub fn show(&self, value: &impl Debug) {
        self.write_down(&format!("{value:?}\n{value:#?}\n"));
    }

    /// Writes a text down.
    pub fn write_down(&self, text: &str) {
        self.0
            .lock()
            .expect("nobody panics")
            .extend(text.as_bytes());
    }

    /// What stands there.
    pub fn text(&self) -> Vec<u8> {
        self.0.lock().expect("nobody panics").clone()
    }
}

impl io::Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("nobody panics").extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The search finds what is there, in every way in which it may be written, wherever it begins.
#[test]
fn a_secret_is_found_however_it_is_written() {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    let secret: Vec<u8> = (0..32).map(|n: u8| 0xfb ^ n.wrapping_mul(37)).collect();
    let mut secrets = Secrets::default();
    secrets.add("canary", &secret);
    assert!(secrets.found_in(b"nothing of the kind").is_empty());
    assert!(secrets.found_in(&secret[..WINDOW - 1]).is_empty());
    for from in 0..12 {
        let part = &secret[from..from + 12];
        let hex: String = part.iter().map(|byte| format!("{byte:02x}")).collect();
        let colons: Vec<_> = part.iter().map(|byte| format!("{byte:02x}")).collect();
        let percent: String = part.iter().map(|byte| format!("%{byte:02X}")).collect();
        let behind: String = "x".repeat(from);
        let written = [
            part.to_vec(),
            format!("key={hex}").into_bytes(),
            format!("f{}", hex.to_uppercase()).into_bytes(),
            format!("{behind} {}", STANDARD.encode(&secret)).into_bytes(),
            format!("{behind}{}", URL_SAFE_NO_PAD.encode(part)).into_bytes(),
            format!("{part:?}").into_bytes(),
            format!("{part:#?}").into_bytes(),
            format!("{part:x?}").into_bytes(),
            format!("{part:#04x?}").into_bytes(),
            serde_json::to_vec(part).expect("JSON"),
            format!("b\"{}\"", part.escape_ascii()).into_bytes(),
            format!("SHA {}", colons.join(":")).into_bytes(),
            format!("?key={percent}").into_bytes(),
        ];
        for text in written {
            let shown = String::from_utf8_lossy(&text).into_owned();
            assert!(!secrets.found_in(&text).is_empty(), "{shown}");
        }
    }
    let mut awkward = Secrets::default();
    awkward.add("awkward", b"\0\n\r\t\\\"'%");
    for text in [
        r#"\0\n\r\t\\\"'%"#,
        r#"\x00\n\r\t\\\"\'%"#,
        "%00%0a%0D%09\\\"'%25",
    ] {
        assert!(!awkward.found_in(text.as_bytes()).is_empty(), "{text}");
    }
    // Zeros are in every secret and in every text.
    let mut zeros = Secrets::default();
    zeros.add("zeros", &[0; 32]);
    assert!(zeros.found_in(&[0; 64]).is_empty());
}
