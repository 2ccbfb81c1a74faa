//! What a room wants done, and what it tells its operator.

use mls_srtp::delivery::ServiceMessage;
use mls_srtp::id::{Epoch, ParticipantId, RoomName};

use super::ClientId;
use crate::media::MediaRequest;

/// What a room wants done.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum RoomOutput {
    /// Send this to a client.
    Send(ClientId, ServiceMessage),
    /// Close a client's connection after what was sent before.
    Close(ClientId),
    /// Ask the SFU.
    Media(MediaRequest),
    /// For operators: something was accepted.
    Event(RoomEvent),
}

/// A fact about a room for its operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomEvent {
    /// The room.
    pub room: RoomName,
    /// The epoch meant.
    pub epoch: Epoch,
    /// What happened.
    pub kind: RoomEventKind,
}

/// Kinds of [`RoomEvent`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoomEventKind {
    /// A group was created.
    Created {
        /// By whom.
        creator: ParticipantId,
    },
    /// The service was restarted and goes on with the group.
    Restored {
        /// Members, none of which is connected yet.
        members: usize,
    },
    /// A commit was accepted.
    Committed {
        /// Who came.
        added: Vec<ParticipantId>,
        /// Who went. A device that came back anew stands in both lists.
        removed: Vec<ParticipantId>,
        /// Members now.
        members: usize,
        /// Size of the commit in bytes, without Welcome and GroupInfo.
        commit_bytes: usize,
    },
    /// A device that had lost its state came back to its leaf by an external commit. The
    /// [`Committed`](Self::Committed) of that commit follows.
    Returned {
        /// Who.
        participant: ParticipantId,
    },
    /// Every connected member has the epoch.
    Ready,
    /// A member reported another epoch authenticator than the author of the commit, or, without a
    /// report of the author, than most members: the group has forked or somebody lies.
    AuthenticatorsDiffer {
        /// Who reported it.
        reporter: ParticipantId,
    },
    /// A proposal of the current epoch was taken back.
    Withdrawn {
        /// Whom it would have added or removed.
        participant: ParticipantId,
    },
    /// A member leaves an Add out of its commits.
    Declined {
        /// Who.
        reporter: ParticipantId,
        /// Whom it would have added.
        joiner: ParticipantId,
        /// In the member's own words.
        reason: String,
    },
    /// So many declined somebody's Add that the wish to join was dropped.
    JoinDropped {
        /// Whose wish.
        joiner: ParticipantId,
    },
    /// A member cannot apply an accepted commit.
    CannotApply {
        /// Who.
        reporter: ParticipantId,
        /// Whose commit.
        author: ParticipantId,
        /// In the reporter's own words.
        reason: String,
    },
    /// A member refuses another one, whom the service accepted.
    Distrusted {
        /// Who.
        reporter: ParticipantId,
        /// Whom.
        subject: ParticipantId,
        /// In the reporter's own words.
        reason: String,
    },
    /// Two users complained about a member: its removal is proposed.
    Evicted {
        /// Whose.
        participant: ParticipantId,
    },
    /// Nobody committed what was proposed, though there were members that could have: the group was
    /// ended.
    Stalled,
    /// Nobody could follow a commit, so the group was ended.
    Reset {
        /// Whose commit.
        author: ParticipantId,
        /// Who may not come back with the key that it had.
        barred: Vec<ParticipantId>,
    },
    /// Somebody tried to come back with a barred key.
    BarredKey {
        /// Who.
        participant: ParticipantId,
    },
}
