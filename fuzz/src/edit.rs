//! Small changes of bytes that were good: they reach what garbage does not.

use arbitrary::Arbitrary;

/// One change.
#[derive(Debug, Clone, Arbitrary)]
pub(crate) enum Edit {
    /// Changes the bits of a byte.
    Xor { at: u16, with: u8 },
    /// Writes a number over four bytes, as lengths are.
    Write { at: u16, number: u32 },
    /// Puts a few bytes in.
    Insert { at: u16, bytes: [u8; 3] },
    /// Takes bytes out.
    Remove { at: u16, len: u8 },
    /// Cuts the end off.
    Truncate { at: u16 },
    /// Repeats the end.
    Double { at: u16 },
}

/// What an edited thing may grow to in bytes: doubling again and again would only take time.
const MOST: usize = 1 << 16;

impl Edit {
    fn apply(&self, to: &mut Vec<u8>) {
        let len = to.len();
        let place = |at: u16| usize::from(at) % (len + 1);
        match *self {
            Self::Xor { at, with } => {
                if let Some(byte) = to.get_mut(place(at)) {
                    *byte ^= with;
                }
            }
            Self::Write { at, number } => {
                let bytes = number.to_be_bytes();
                for (to, from) in to.iter_mut().skip(place(at)).zip(bytes) {
                    *to = from;
                }
            }
            Self::Insert { at, bytes } => {
                to.splice(place(at)..place(at), bytes);
            }
            Self::Remove { at, len: most } => {
                let from = place(at);
                to.drain(from..len.min(from + usize::from(most)));
            }
            Self::Truncate { at } => to.truncate(place(at)),
            Self::Double { at } if len < MOST => to.extend_from_within(place(at)..),
            Self::Double { .. } => {}
        }
    }
}

/// Makes all changes, in order.
pub(crate) fn edited(good: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut bytes = good.to_vec();
    edits.iter().for_each(|edit| edit.apply(&mut bytes));
    bytes
}
