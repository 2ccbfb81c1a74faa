//! What can be written down.

use std::time::Duration;

use mls_srtp::delivery::Blob;
use mls_srtp::epoch::GroupCode;
use mls_srtp::group::Roster;
use mls_srtp::id::{Epoch, GroupId, LeafIndex};

use crate::script::User;

/// Something that a client saw or did.
#[derive(Debug, Clone)]
pub struct Note {
    /// When, since the beginning of the run.
    pub at: Duration,
    /// Whose.
    pub user: User,
    /// What.
    pub fact: Fact,
}

/// The facts of a client.
#[derive(Debug, Clone)]
pub enum Fact {
    /// It began to join, before it had a connection.
    Asked,
    /// It is in an epoch and has its keys.
    Entered(Box<Entered>),
    /// It asked to leave.
    Leaving,
    /// Its stay ended as asked.
    Left,
    /// Its process died.
    Crashed,
    /// It began to come back from that.
    Returned,
    /// Its connection was lost.
    Down,
    /// Its connection was made again.
    Up,
    /// Its stay ended, and nobody had asked for that.
    Ended(String),
}

/// An epoch as a member entered it.
#[derive(Debug, Clone)]
pub struct Entered {
    /// The group.
    pub group: GroupId,
    /// The epoch.
    pub epoch: Epoch,
    /// Who is in it.
    pub roster: Roster,
    /// How many came with it.
    pub added: usize,
    /// How many went with it.
    pub removed: usize,
    /// The code that all who are in it should have.
    pub code: GroupCode,
}

/// Where a user is at the moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Whereabouts {
    /// Not in the room, and not on the way.
    #[default]
    Out,
    /// On the way in.
    Entering,
    /// A member, in this epoch.
    Member(GroupId, Epoch),
    /// On the way out.
    Leaving,
    /// Dead, for the moment or for good.
    Crashed,
}

/// An entry of the room's log, as the first client that saw it was told.
#[derive(Debug, Clone)]
pub struct Logged {
    /// Its chain value.
    pub chain: Blob,
    /// What it is, as far as the report needs it.
    pub kind: LoggedKind,
}

/// Kinds of log entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoggedKind {
    /// A proposal of an epoch.
    Proposal(GroupId, Epoch),
    /// A proposal of an epoch that was taken back.
    Withdrawn(GroupId, Epoch),
    /// A commit.
    Commit(Commit),
    /// Anything else.
    Other,
}

/// An accepted commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commit {
    /// The group.
    pub group: GroupId,
    /// The epoch that it ended.
    pub epoch: Epoch,
    /// Its author's leaf.
    pub author: LeafIndex,
    /// Who ranked first at that time, as published.
    pub first: Option<LeafIndex>,
    /// It is an external commit of one of ours.
    pub external: bool,
}
