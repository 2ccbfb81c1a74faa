//! Ways in which bytes are damaged.

use proptest::prelude::*;
use proptest::sample::Index;

/// One way, with places that fit any length.
#[derive(Debug, Clone)]
pub enum Damage {
    /// These bytes get other values.
    Replace(Vec<(Index, u8)>),
    /// The end is cut off from here on.
    Cut(Index),
    /// So much is missing from the front.
    Behead(Index),
    /// Bytes go missing in the middle.
    Remove(Index, Index),
    /// Bytes come in between.
    Insert(Index, Vec<u8>),
    /// Bytes follow at the end.
    Extend(Vec<u8>),
    /// The beginning of one and the end of another, cut at any place.
    Splice(Index, Index),
    /// The same, cut at the same distance from the end, where trailers lie.
    Graft(Index),
    /// A part of one in the place of the same part of another.
    Transplant(Index, Index),
}

impl Damage {
    /// What becomes of `bytes`; `other` is valid, too.
    pub fn of(&self, bytes: &[u8], other: &[u8]) -> Vec<u8> {
        let mut out = bytes.to_vec();
        let place = |index: &Index| index.index(bytes.len() + 1);
        match self {
            Self::Replace(changes) => {
                for (at, value) in changes {
                    out[at.index(bytes.len())] = *value;
                }
            }
            Self::Cut(at) => out.truncate(place(at)),
            Self::Behead(at) => drop(out.drain(..place(at))),
            Self::Remove(a, b) => drop(out.drain(ordered(place(a), place(b)))),
            Self::Insert(at, more) => drop(out.splice(place(at)..place(at), more.clone())),
            Self::Extend(more) => out.extend(more),
            Self::Splice(at, from) => {
                out.truncate(place(at));
                out.extend(&other[from.index(other.len() + 1)..]);
            }
            Self::Graft(at) => {
                let tail = at.index(bytes.len().min(other.len()) + 1);
                out.truncate(bytes.len() - tail);
                out.extend(&other[other.len() - tail..]);
            }
            Self::Transplant(a, b) => {
                let end = bytes.len().min(other.len());
                let part = ordered(a.index(end + 1), b.index(end + 1));
                out[part.clone()].copy_from_slice(&other[part]);
            }
        }
        out
    }
}

fn ordered(a: usize, b: usize) -> std::ops::Range<usize> {
    a.min(b)..a.max(b)
}

/// Every way alike often. Small values are frequent: they are what lengths and flags are made of.
pub fn damages() -> impl Strategy<Value = Damage> {
    let byte = || prop_oneof![Just(0u8), 0u8..20, any::<u8>()];
    let place = any::<Index>;
    prop_oneof![
        prop::collection::vec((place(), byte()), 1..6).prop_map(Damage::Replace),
        place().prop_map(Damage::Cut),
        place().prop_map(Damage::Behead),
        (place(), place()).prop_map(|(a, b)| Damage::Remove(a, b)),
        (place(), prop::collection::vec(byte(), 1..6)).prop_map(|(a, m)| Damage::Insert(a, m)),
        prop::collection::vec(byte(), 1..9).prop_map(Damage::Extend),
        (place(), place()).prop_map(|(a, b)| Damage::Splice(a, b)),
        place().prop_map(Damage::Graft),
        (place(), place()).prop_map(|(a, b)| Damage::Transplant(a, b)),
    ]
}
