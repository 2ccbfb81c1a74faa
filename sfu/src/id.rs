//! Names that come from the signaling side: rooms and participants.

use std::fmt;
use std::sync::Arc;

use crate::error::SfuError;

/// Longest id in bytes. A participant id becomes the `msid` stream id of an SDP, which
/// RFC 8830 §2 limits to 64 characters.
pub const MAX_ID_BYTES: usize = 256;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes 1 to [`MAX_ID_BYTES`] printable ASCII characters without spaces.
            ///
            /// # Errors
            ///
            /// [`SfuError::InvalidId`] for anything else: ids are written into SDP, where a space
            /// or a line break would change the meaning of the line.
            pub fn new(id: &str) -> Result<Self, SfuError> {
                let printable = id.bytes().all(|byte| byte.is_ascii_graphic());
                if id.is_empty() || id.len() > MAX_ID_BYTES || !printable {
                    return Err(SfuError::InvalidId);
                }
                Ok(Self(id.into()))
            }

            /// The id as it was given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($name), &*self.0)
            }
        }
    };
}

id!(
    /// A room: participants of one room receive each other's streams and nobody else's.
    RoomId
);
id!(
    /// A participant of one room, unique within it.
    ParticipantId
);

/// One peer connection. A participant that reconnects gets a new key, so that what was
/// queued for its old connection never touches the new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PeerKey(pub(crate) u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_would_break_an_sdp_line_are_refused() {
        for bad in [
            "",
            "a b",
            "a\r\nm=audio",
            "é",
            &"x".repeat(MAX_ID_BYTES + 1),
        ] {
            assert!(ParticipantId::new(bad).is_err(), "{bad:?} was accepted");
        }
        assert_eq!(RoomId::new("room-1").unwrap().as_str(), "room-1");
    }
}
