//! What rooms write and what they find again.

use mls_srtp::delivery::{Blob, LogBody, LogEntry};
use mls_srtp::id::{Generation, GroupId, ParticipantId, Seq};
use mls_srtp::manager::MAX_KEY_PACKAGES;
use serde::{Deserialize, Serialize};

/// One thing that a room has to remember.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The log goes on.
    Append {
        /// The generation of the group that the entry belongs to.
        generation: Generation,
        /// The entry, the next one of the room.
        entry: LogEntry,
    },
    /// The GroupInfo of the epoch that the entry before has begun.
    GroupInfo(Blob),
    /// The group as it stands, in the place of an older snapshot: a restart begins here and needs
    /// no earlier entry.
    Snapshot(Snapshot),
    /// A fact, in the place of an older one of the same key.
    Put(Fact),
    /// A fact no longer holds.
    Forget(FactKey),
    /// No member needs an entry before this any more.
    Trim {
        /// The first entry that somebody may need.
        before: Seq,
    },
    /// The group is over: its entries, its snapshot, its stays and removals go. Positions and chain
    /// go on with the next group.
    Close,
}

/// A group at the beginning of one of its epochs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Log position of the commit, or the creation, that began the epoch.
    pub seq: Seq,
    /// MLSMessage(GroupInfo) of the epoch, without the tree.
    pub group_info: Blob,
    /// Its ratchet tree.
    pub tree: Blob,
}

/// What a room has to remember beside its log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// A member may go on after a lost connection.
    Stay(Stay),
    /// A stay that is over by somebody's wish, though its client may not have heard it.
    Ended {
        /// Whose it was.
        participant: ParticipantId,
        /// Its session.
        session: Blob,
    },
    /// A Welcome that its devices may not have yet.
    Welcome(KeptWelcome),
    /// Somebody's leaf has to go.
    Going {
        /// Whose.
        participant: ParticipantId,
        /// Why.
        reason: Reason,
    },
    /// A signature key that may not come back.
    Barred(Blob),
    /// A user whom a moderator removed and nobody has readmitted: `user@domain`.
    UserRemoved(String),
    /// A signature key that may not come back if it is suspected again.
    Suspected(Blob),
}

/// A member's stay in a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stay {
    /// Whose.
    pub participant: ParticipantId,
    /// The session that proves its return.
    pub session: Blob,
    /// From which log position on it follows the group.
    pub follows: Seq,
}

/// What a device needs to enter the group to which it was added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptWelcome {
    /// Log position of the commit.
    pub seq: Seq,
    /// Hash chain value of that entry.
    pub chain: Blob,
    /// MLSMessage(Welcome).
    pub welcome: Blob,
    /// The ratchet tree of the commit's epoch.
    pub tree: Blob,
}

/// Key packages of a device, to be handed out to those who invite it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyPackages {
    /// MLSMessage(KeyPackage) each, to be used once.
    pub once: Vec<Blob>,
    /// One to be used when there is no other.
    pub last_resort: Option<Blob>,
}

impl KeyPackages {
    /// How many of a device are kept, without the last resort; the oldest go.
    pub const MOST: usize = MAX_KEY_PACKAGES;
    /// How many bytes of them; the oldest go. A hundred post-quantum ones have 270,000.
    pub const MOST_BYTES: usize = 512 * 1024;
    /// How many devices may have some in one store. Others are refused: who is there stays.
    pub const MOST_DEVICES: usize = 10_000;
}

/// Why somebody's leaf has to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Its holder wished so.
    Left,
    /// Others wished so.
    Evicted,
}

/// What a fact is about; there is one fact of a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactKey {
    /// [`Fact::Stay`] of somebody.
    Stay(ParticipantId),
    /// [`Fact::Ended`] of a session.
    Ended(Blob),
    /// [`Fact::Welcome`] of the commit at a position.
    Welcome(Seq),
    /// [`Fact::Going`] of somebody.
    Going(ParticipantId),
    /// [`Fact::Barred`] of a key.
    Barred(Blob),
    /// [`Fact::UserRemoved`] of a user.
    UserRemoved(String),
    /// [`Fact::Suspected`] of a key.
    Suspected(Blob),
}

impl Fact {
    /// What it is about.
    pub fn key(&self) -> FactKey {
        match self {
            Self::Stay(stay) => FactKey::Stay(stay.participant.clone()),
            Self::Ended { session, .. } => FactKey::Ended(session.clone()),
            Self::Welcome(kept) => FactKey::Welcome(kept.seq),
            Self::Going { participant, .. } => FactKey::Going(participant.clone()),
            Self::Barred(key) => FactKey::Barred(key.clone()),
            Self::UserRemoved(user) => FactKey::UserRemoved(user.clone()),
            Self::Suspected(key) => FactKey::Suspected(key.clone()),
        }
    }
}

impl FactKey {
    /// Whether the fact is over with the group.
    pub fn is_of_group(&self) -> bool {
        matches!(self, Self::Stay(_) | Self::Welcome(_) | Self::Going(_))
    }
}

/// Where a room's log stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogHead {
    /// The generation of its newest group.
    pub generation: Generation,
    /// Position of its newest entry.
    pub seq: Seq,
    /// Hash chain value of that entry.
    pub chain: Blob,
}

/// The group of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRecord {
    /// The group.
    pub group_id: GroupId,
    /// Where to begin.
    pub snapshot: Snapshot,
    /// The GroupInfo of its newest epoch.
    pub group_info: Blob,
}

/// All that is remembered of a room but the entries of its log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RoomRecord {
    /// Where the log stands; nothing if the room never had a group.
    pub head: Option<LogHead>,
    /// The group, unless it is over.
    pub group: Option<GroupRecord>,
    /// What else holds, oldest first.
    pub facts: Vec<Fact>,
}

/// What limits of retention count of an entry, in bytes.
pub(crate) fn bytes_of(entry: &LogEntry) -> usize {
    match &entry.body {
        LogBody::Proposal {
            proposal: message, ..
        }
        | LogBody::Commit {
            commit: message, ..
        }
        | LogBody::Application { message, .. } => message.len(),
        _ => 0,
    }
}

/// Whether a restart from a snapshot at `snapshot` needs an entry.
pub(super) fn is_needed(entry: &LogEntry, snapshot: Seq) -> bool {
    entry.seq > snapshot && !matches!(entry.body, LogBody::Application { .. })
}
