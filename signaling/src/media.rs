//! The way between participants and the room's SFU. The service carries SDP unread.

use mls_srtp::delivery::MediaSignal;
use mls_srtp::id::{ParticipantId, RoomName};
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
}

/// What the SFU is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaRequestKind {
    /// SDP of a member of the group.
    Signal(MediaSignal),
    /// The participant's removal was accepted: nothing may be forwarded to it from now on. Told
    /// before any member hears of the commit.
    Removed,
}

/// Where the service puts its requests. The SFU's end takes them in order.
pub type MediaPort = mpsc::UnboundedSender<MediaRequest>;
