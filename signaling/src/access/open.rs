//! Rooms without a door.

use mls_srtp::id::{ParticipantId, RoomName};
use mls_srtp::token::Right;

use super::{AccessControl, Admission, Entry};
use crate::refused::Refused;

/// Anyone may enter any room under any name and invite others, and nobody may remove anybody: for
/// demos only.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenAccess;

impl AccessControl for OpenAccess {
    fn admit(&self, _: &Entry<'_>) -> Result<Admission, Refused> {
        Ok(Admission {
            rights: vec![Right::Publish, Right::Subscribe],
            token: None,
        })
    }

    fn may_invite(&self, _: &RoomName, _: &ParticipantId, _: &ParticipantId) -> bool {
        true
    }
}
