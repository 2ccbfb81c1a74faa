//! Who may do what.

use mls_srtp::id::{ParticipantId, RoomName};

/// Decides on admission. A wrong yes lets a stranger into the call.
pub trait AccessControl: Send + Sync {
    /// Whether the bearer of `token` may enter `room` as `participant`.
    fn may_enter(&self, room: &RoomName, participant: &ParticipantId, token: Option<&str>) -> bool;

    /// Whether `participant` may have others removed.
    fn may_evict(&self, room: &RoomName, participant: &ParticipantId) -> bool;

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

/// Anyone may enter any room under any name and invite others, and nobody may evict: for demos
/// only.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenAccess;

impl AccessControl for OpenAccess {
    fn may_enter(&self, _: &RoomName, _: &ParticipantId, _: Option<&str>) -> bool {
        true
    }

    fn may_evict(&self, _: &RoomName, _: &ParticipantId) -> bool {
        false
    }

    fn may_invite(&self, _: &RoomName, _: &ParticipantId, _: &ParticipantId) -> bool {
        true
    }
}
