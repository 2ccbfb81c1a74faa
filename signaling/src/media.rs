//! The way between participants and the room's SFU. The service carries SDP unread.

use mls_srtp::delivery::MediaSignal;
use mls_srtp::id::{ParticipantId, RoomName};
use mls_srtp::token::Right;
use tokio::sync::mpsc;

/// From the service to the SFU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaRequest {
    /// The room.
    pub room: RoomName,
    /// The participant concerned.
    pub participant: ParticipantId,
    /// What about it.
    pub kind: MediaRequestKind,
    /// What the participant may do, as it was let in: without
    /// [`Right::Publish`] the SFU takes no media from it, without
    /// [`Right::Subscribe`] it forwards none to it.
    pub rights: Vec<Right>,
}

/// What the SFU is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaRequestKind {
    /// SDP of a member of the group.
    Signal(MediaSignal),
    /// The participant is removed: nothing may be forwarded to it or from it from now on. Told when
    /// a moderator wishes it gone, and before any member hears of the commit that removes it.
    Removed,
}

/// Where the service puts its requests. The SFU's end takes them in order.
pub type MediaPort = mpsc::UnboundedSender<MediaRequest>;
