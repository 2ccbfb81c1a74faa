//! Names and numbers of the field, each in a type of its own.
//!
//! An alias would let an epoch be passed where a leaf is meant; a newtype with a private field and
//! a checked constructor does not.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a name or number was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidId {
    /// The text is empty or longer than the limit of its kind.
    #[error("{kind} must have 1 to {max} bytes, not {len}")]
    Length {
        /// What was being parsed.
        kind: &'static str,
        /// Largest allowed length in bytes.
        max: usize,
        /// Length found in bytes.
        len: usize,
    },
    /// A character that the kind does not allow.
    #[error("{kind} may not contain {character:?}")]
    Character {
        /// What was being parsed.
        kind: &'static str,
        /// The offending character.
        character: char,
    },
    /// `user@domain/device` lacks a part.
    #[error("a participant is written user@domain/device")]
    Shape,
    /// A leaf that the 16-bit field of the MKI cannot carry.
    #[error("leaf {0} does not fit the 16 bits that a media packet has for it")]
    Leaf(u32),
}

/// Letters, digits and a few signs: safe in file names, SDP, log lines and terminals.
fn check_name(kind: &'static str, text: &str, max: usize) -> Result<(), InvalidId> {
    if text.is_empty() || text.len() > max {
        return Err(InvalidId::Length {
            kind,
            max,
            len: text.len(),
        });
    }
    match text
        .chars()
        .find(|c| !(c.is_ascii_alphanumeric() || "-_.+".contains(*c)))
    {
        Some(character) => Err(InvalidId::Character { kind, character }),
        None => Ok(()),
    }
}

/// The name of a room as people type it, 1 to 64 bytes of letters, digits and `-_.+`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoomName(String);

impl RoomName {
    /// Checks and takes a room name.
    ///
    /// # Errors
    /// [`InvalidId`] when it is empty, too long or holds a character outside the set.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidId> {
        let name = name.into();
        check_name("a room name", &name, 64)?;
        Ok(Self(name))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One device of one user: what a leaf's credential names.
///
/// Written `user@domain/device`. Two browser tabs of one user are two devices.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ParticipantId {
    user: String,
    domain: String,
    device: String,
}

impl ParticipantId {
    /// Checks and joins the three parts, each 1 to 64 bytes of letters, digits and `-_.+`.
    ///
    /// # Errors
    /// [`InvalidId`] naming the part at fault.
    pub fn new(user: &str, domain: &str, device: &str) -> Result<Self, InvalidId> {
        check_name("a user name", user, 64)?;
        check_name("a domain", domain, 64)?;
        check_name("a device name", device, 64)?;
        Ok(Self {
            user: user.into(),
            domain: domain.into(),
            device: device.into(),
        })
    }

    /// The part before the `@`: what a tile in a call shows.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The domain of the user's home service.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The device of that user.
    pub fn device(&self) -> &str {
        &self.device
    }

    /// Whether both are devices of one user.
    pub fn same_user(&self, other: &Self) -> bool {
        self.user == other.user && self.domain == other.domain
    }
}

impl FromStr for ParticipantId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let (address, device) = text.split_once('/').ok_or(InvalidId::Shape)?;
        let (user, domain) = address.split_once('@').ok_or(InvalidId::Shape)?;
        Self::new(user, domain, device)
    }
}

impl fmt::Display for ParticipantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}/{}", self.user, self.domain, self.device)
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for RoomName {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        Self::new(text)
    }
}

impl From<RoomName> for String {
    fn from(name: RoomName) -> Self {
        name.0
    }
}

impl TryFrom<String> for ParticipantId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<ParticipantId> for String {
    fn from(id: ParticipantId) -> Self {
        id.to_string()
    }
}

/// The MLS group identifier: 16 random bytes chosen by the group's creator (RFC 9420 §11).
///
/// A room that empties and refills gets a new one; the key schedule binds to it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GroupId([u8; 16]);

impl GroupId {
    /// Takes 16 random bytes as an identifier.
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GroupId({self})")
    }
}

impl From<GroupId> for String {
    fn from(id: GroupId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for GroupId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        let wrong = InvalidId::Length {
            kind: "a group id in hex",
            max: 32,
            len: text.len(),
        };
        let digits = text.as_bytes();
        let mut bytes = [0; 16];
        if digits.len() != 32 {
            return Err(wrong);
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| wrong.clone())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong.clone())?;
        }
        Ok(Self(bytes))
    }
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name($inner);

        impl $name {
            /// Takes the number.
            pub const fn new(number: $inner) -> Self {
                Self(number)
            }

            /// The number.
            pub const fn get(self) -> $inner {
                self.0
            }

            /// The next number; stays at the largest once it is reached.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// The MLS epoch: 0 for a new group, one more with every commit (RFC 9420 §8).
    Epoch(u64)
);
number!(
    /// How many groups a room has had before this one; 0 for the first.
    Generation(u32)
);
number!(
    /// Position in a room's log, counted from 1 over all generations; 0 means "nothing yet".
    Seq(u64)
);
number!(
    /// RTP synchronization source (RFC 3550 §3).
    Ssrc(u32)
);
number!(
    /// Which of a sender's streams an SFrame belongs to: one number for each track and each
    /// simulcast layer, the context value of RFC 9605 §5.2.
    StreamNumber(u16)
);

/// A member's place in the ratchet tree (RFC 9420 §4), at most 65,535: the MKI carries 16 bits.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(try_from = "u32", into = "u32")]
pub struct LeafIndex(u16);

impl LeafIndex {
    /// Takes a leaf as read from a media packet.
    pub const fn new(leaf: u16) -> Self {
        Self(leaf)
    }

    /// The leaf as the 16 bits of a media packet.
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl TryFrom<u32> for LeafIndex {
    type Error = InvalidId;

    fn try_from(leaf: u32) -> Result<Self, InvalidId> {
        u16::try_from(leaf)
            .map(Self)
            .map_err(|_| InvalidId::Leaf(leaf))
    }
}

impl From<LeafIndex> for u32 {
    fn from(leaf: LeafIndex) -> Self {
        leaf.0.into()
    }
}

impl fmt::Display for LeafIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn participant_text_round_trips() {
        let id: ParticipantId = "alice@example.org/phone".parse().expect("well formed");
        assert_eq!(
            (id.user(), id.domain(), id.device()),
            ("alice", "example.org", "phone")
        );
        assert_eq!(id.to_string(), "alice@example.org/phone");
    }

    #[test]
    fn names_that_could_break_out_of_a_line_are_refused() {
        assert_eq!("alice".parse::<ParticipantId>(), Err(InvalidId::Shape));
        assert!(matches!(
            "a b@x/y".parse::<ParticipantId>(),
            Err(InvalidId::Character { character: ' ', .. })
        ));
        assert!(matches!(
            RoomName::new("r\n"),
            Err(InvalidId::Character { .. })
        ));
        assert!(matches!(
            RoomName::new("r".repeat(65)),
            Err(InvalidId::Length { .. })
        ));
        assert!(matches!(RoomName::new(""), Err(InvalidId::Length { .. })));
    }

    #[test]
    fn group_id_is_hex_in_json_and_refuses_anything_else() {
        let id = GroupId::new([0xab; 16]);
        let json = serde_json::to_string(&id).expect("plain text");
        assert_eq!(json, format!("\"{}\"", "ab".repeat(16)));
        assert_eq!(
            serde_json::from_str::<GroupId>(&json).expect("round trip"),
            id
        );
        for wrong in [
            "\"ab\"",
            "\"zzabababababababababababababababab\"",
            "\"+bababababababababababababababababz\"",
            "7",
        ] {
            assert!(serde_json::from_str::<GroupId>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn leaf_beyond_sixteen_bits_is_refused() {
        assert_eq!(LeafIndex::try_from(65_535).map(LeafIndex::get), Ok(65_535));
        assert_eq!(LeafIndex::try_from(65_536), Err(InvalidId::Leaf(65_536)));
    }
}
