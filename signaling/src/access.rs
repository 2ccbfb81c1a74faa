//! Who may do what.

mod args;
mod open;
mod tokens;

use std::fmt;

use mls_srtp::delivery::Blob;
use mls_srtp::id::{ParticipantId, RoomName};
use mls_srtp::token::{Right, RoomToken};
use mls_srtp::trust::TrustError;

use crate::refused::Refused;
pub use args::{AccessArgs, AccessError, read_issuer, read_secret_issuer, unix_time};
pub use open::OpenAccess;
pub use tokens::TokenAccess;

/// Decides on admission. A wrong yes lets a stranger into the call.
pub trait AccessControl: Send + Sync {
    /// Whether somebody may enter a room, and what it may do there. Asked with every connection.
    ///
    /// # Errors
    /// Why not.
    fn admit(&self, entry: &Entry<'_>) -> Result<Admission, Refused>;

    /// Whether `inviter`, a member, may have `whom` added while that is away. By default nobody may.
    fn may_invite(
        &self,
        _room: &RoomName,
        _inviter: &ParticipantId,
        _whom: &ParticipantId,
    ) -> bool {
        false
    }
}

impl AccessControl for Box<dyn AccessControl> {
    fn admit(&self, entry: &Entry<'_>) -> Result<Admission, Refused> {
        (**self).admit(entry)
    }

    fn may_invite(&self, room: &RoomName, inviter: &ParticipantId, whom: &ParticipantId) -> bool {
        (**self).may_invite(room, inviter, whom)
    }
}

/// Somebody at the door.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    /// The room.
    pub room: &'a RoomName,
    /// Who it says it is.
    pub participant: &'a ParticipantId,
    /// What it shows.
    pub token: Option<&'a str>,
    /// It has proven that it is a member who lost its connection: a token that has expired since
    /// does not end its stay.
    pub resumes: bool,
}

/// Without the token: whoever reads it may be let in with it.
impl fmt::Debug for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("room", self.room)
            .field("participant", self.participant)
            .field("resumes", &self.resumes)
            .finish_non_exhaustive()
    }
}

/// What somebody may do who was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// Its rights.
    pub rights: Vec<Right>,
    /// By which token, if it needed one.
    pub token: Option<RoomToken>,
}

impl Admission {
    /// Whether it has a right.
    pub fn grants(&self, right: Right) -> bool {
        self.rights.contains(&right)
    }

    /// Whether its token goes with this signature key, as far as the token itself says.
    ///
    /// # Errors
    /// [`TrustCode::TokenKey`](mls_srtp::trust::TrustCode::TokenKey).
    pub fn check_key(&self, signature_key: &Blob) -> Result<(), TrustError> {
        match &self.token {
            Some(token) => token.check_key(signature_key.as_slice()),
            None => Ok(()),
        }
    }
}
