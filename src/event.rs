//! Facts that an application can act on.

use crate::delivery::{CloseReason, Refusal};
use crate::epoch::{GroupCode, SwitchReason};
use crate::group::{GroupError, MlsSuite, Roster};
use crate::id::{Epoch, GroupId, LeafIndex, ParticipantId};
use crate::schedule::MediaMode;
use crate::trust::{TrustCode, TrustWarning};

/// What happened in the group.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// We are a member: of a group that we created, by a Welcome, at a leaf that we took back, or
    /// again after a restart. An [`Event::EpochChanged`] follows at once.
    Joined {
        /// The group.
        group_id: GroupId,
        /// Our leaf.
        leaf: LeafIndex,
    },
    /// A new epoch: its media can be opened from now on.
    EpochChanged {
        /// The epoch.
        epoch: Epoch,
        /// Who came with it.
        added: Vec<ParticipantId>,
        /// Who went with it.
        removed: Vec<ParticipantId>,
        /// Everybody who is in it.
        roster: Roster,
        /// What people compare; it changes with every epoch.
        code: GroupCode,
    },
    /// Once in every stay at most: all members have signed that they can do a stronger MLS cipher
    /// suite than the one that the service has given the room. Nothing is wrong with the group, but
    /// it could be better, and a service that keeps it weak is seen.
    StrongerSuitePossible {
        /// The strongest that all can do.
        suite: MlsSuite,
    },
    /// A moderator has locked or unlocked the room, or it was locked when we entered: while it is,
    /// nobody new comes in. Entering anew tells it as well if the group is not as the last one was.
    RoomLocked {
        /// How it is now.
        locked: bool,
        /// Who did it, if that was while we were there.
        by: Option<ParticipantId>,
    },
    /// The service has so many key packages of this device, without the last resort.
    KeyPackages {
        /// How many.
        left: u32,
    },
    /// Sending has moved to an epoch.
    SendingIn {
        /// The epoch.
        epoch: Epoch,
        /// Why now.
        reason: SwitchReason,
    },
    /// Once in every stay, one that was restored included: everybody sends in an epoch that we
    /// have, or has had the time for it. From now on media loses nothing; connect it here.
    MediaReady,
    /// Somebody new can see us: video senders give a keyframe.
    KeyframeWanted,
    /// The service has said nothing about the group for `max_exposure`: nothing is sent any more,
    /// for somebody may have been removed without our knowing.
    Stalled,
    /// The service spoke again; sending goes on.
    StallEnded,
    /// A commit that we cannot approve of brought somebody in, or was somebody's. Nothing is sent
    /// while that member is in the group.
    Untrusted {
        /// Who.
        participant: ParticipantId,
        /// Its leaf.
        leaf: LeafIndex,
        /// What is wrong with its credential, if it is that.
        code: Option<TrustCode>,
        /// Why, for a person.
        reason: String,
    },
    /// Somebody asks to come in whose credential we refuse: our commits leave it out, and with enough
    /// of us it does not come in. If others let it in, [`Event::Untrusted`] follows.
    JoinerDeclined {
        /// Who, as its credential says.
        participant: ParticipantId,
        /// What is wrong with its credential.
        code: TrustCode,
        /// Why, for a person.
        reason: String,
    },
    /// A member is not refused, but people should look at it.
    TrustWarning {
        /// Who.
        participant: ParticipantId,
        /// What about it.
        warning: TrustWarning,
    },
    /// A member who was [`Event::Untrusted`] is gone.
    TrustRestored {
        /// Who was meant.
        participant: ParticipantId,
    },
    /// Nobody could follow a member's commit, so the service ended the group. We enter the room's
    /// next group by ourselves.
    RoomReset {
        /// Whose commit it was.
        author: ParticipantId,
    },
    /// Our stay broke and we are entering the room anew, without anybody's help.
    Resyncing {
        /// Why.
        cause: ResyncCause,
    },
    /// The service refused a request. Most are handled by the key manager itself.
    Refused {
        /// Type of the refused request.
        request: String,
        /// Why, for the program.
        reason: Refusal,
        /// What is wrong with a token or credential, if it is that.
        code: Option<TrustCode>,
        /// Why, for a person.
        detail: String,
    },
    /// We left, as asked.
    Left,
    /// Somebody removed us.
    Removed,
    /// It is over and cannot go on by itself.
    Fatal(FatalCause),
}

/// Why a member enters its room anew.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResyncCause {
    /// Log entries are missing, or their hash chain is broken.
    #[error("the service left out a part of the room's log")]
    LogGap,
    /// An accepted message could not be applied.
    #[error("a change of the group could not be followed: {0}")]
    CannotApply(GroupError),
    /// The room's group is not ours any more.
    #[error("the room has another group")]
    GroupReplaced,
    /// The service did not resume our stay: we were away for too long.
    #[error("the connection was away for too long")]
    NotResumed,
}

/// Why a stay ended for good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FatalCause {
    /// The service does not let us in.
    #[error("the service does not let us in: {detail}")]
    NotAdmitted {
        /// Why, for the program.
        reason: Refusal,
        /// What is wrong with a token or credential, if it is that.
        code: Option<TrustCode>,
        /// Why, for a person.
        detail: String,
    },
    /// The service offered a room of other terms than asked for.
    #[error("the service offered another room than asked for")]
    WrongRoom,
    /// The room protects media in a mode that this client has no pipeline for, as
    /// [`ManagerConfig::modes`](crate::ManagerConfig::modes) says.
    #[error("rooms of this service protect media with {mode}, which this client cannot do")]
    UnsupportedMode {
        /// The room's.
        mode: MediaMode,
    },
    /// The room's group has an MLS cipher suite that is not accepted here, as
    /// [`ManagerConfig::ciphersuites`](crate::ManagerConfig::ciphersuites) says.
    #[error("rooms of this service have the MLS cipher suite {suite}, which is not accepted here")]
    SuiteNotAccepted {
        /// The room's.
        suite: MlsSuite,
    },
    /// Entering anew did not help, several times over.
    #[error("entering the room anew did not help: {0}")]
    CannotStay(ResyncCause),
    /// Somebody in the group is not trusted here, and stays.
    #[error("{participant} is not trusted and stays in the room: {reason}")]
    NotTrusted {
        /// Who.
        participant: ParticipantId,
        /// What is wrong with its credential, if it is that.
        code: Option<TrustCode>,
        /// Why, for a person.
        reason: String,
    },
    /// The group's terms are no longer the room's, or the lock was turned by somebody who may not.
    #[error("the group broke the terms of its room")]
    TermsBroken,
    /// The service closed the connection for good.
    #[error("the service closed the connection: {}", .0.in_words())]
    Closed(CloseReason),
    /// Our own side failed.
    #[error("the key manager failed: {0}")]
    Internal(GroupError),
}
