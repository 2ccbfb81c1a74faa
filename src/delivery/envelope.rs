//! What travels between a participant and its delivery service: one enum per direction.
//!
//! JSON text frames, tagged by `type`. The version is agreed once, in [`ClientMessage::Hello`];
//! fields that a later version adds are ignored by an earlier one, so a change of meaning needs a
//! new version number.

use serde::{Deserialize, Serialize};

use crate::delivery::Blob;
use crate::group::RoomPolicy;
use crate::id::{Epoch, Generation, GroupId, LeafIndex, ParticipantId, RoomName, Seq};
use crate::token::{KeyProof, SignedToken};
use crate::trust::TrustCode;

/// The version of the envelopes in this module.
pub const PROTOCOL_VERSION: u16 = 1;

/// Largest envelope that either side accepts, in bytes of JSON text.
///
/// A Welcome and tree for 1,000 members are about 280 kB of MLS and 370 kB of base64 each.
pub const MAX_ENVELOPE_BYTES: usize = 1 << 20;

/// Participant → service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ClientMessage {
    /// First message of every connection, said once that is open; anything else before it is
    /// refused. One that comes after the hello of a newer connection of the device is too late, and
    /// its connection is closed.
    Hello {
        /// [`PROTOCOL_VERSION`] of the sender.
        version: u16,
        /// The room to enter.
        room: RoomName,
        /// Who speaks on this connection.
        participant: ParticipantId,
        /// Proof of admission where the service asks for one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<SignedToken>,
        /// Proof that the token is shown by whom it is for. A token without one is refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        proof: Option<KeyProof>,
        /// Set by a member that lost its connection and goes on where it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resume: Option<Resume>,
    },
    /// The group that its creator offers for a vacant room: compare-and-swap on
    /// (room, generation).
    Create {
        /// The generation that [`ServiceMessage::Room`] named.
        generation: Generation,
        /// Chosen by the creator.
        group_id: GroupId,
        /// MLSMessage(GroupInfo) without the tree.
        group_info: Blob,
        /// The ratchet tree of the one-member group.
        tree: Blob,
    },
    /// Wish to be added to the room's group.
    Join {
        /// MLSMessage(KeyPackage) of the wisher.
        key_package: Blob,
    },
    /// Wish to be removed; also ends the wish to join.
    Leave,
    /// Wish that somebody else be removed, with all devices, and stay out until a
    /// [`ClientMessage::Readmit`].
    Evict {
        /// Whom.
        participant: ParticipantId,
    },
    /// Wish that a user who was removed may come back: all of its devices.
    Readmit {
        /// One of the devices; which one does not matter.
        participant: ParticipantId,
    },
    /// Key packages by which this device can be invited while it is away. Each is used once, the
    /// last resort when there is no other; a newer last resort replaces the older.
    PublishKeyPackages {
        /// MLSMessage(KeyPackage) each.
        key_packages: Vec<Blob>,
        /// MLSMessage(KeyPackage) marked as last resort (RFC 9420 §16.8).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last_resort: Option<Blob>,
    },
    /// Wish that a device be added that is not here. It has published key packages, and its Welcome
    /// is kept until it comes.
    Invite {
        /// Whom.
        participant: ParticipantId,
    },
    /// A commit with all that belongs to it: compare-and-swap on (group_id, epoch).
    Commit {
        /// The group it changes.
        group_id: GroupId,
        /// The epoch it was built in and ends.
        epoch: Epoch,
        /// The newest log entry its author had seen.
        seen_seq: Seq,
        /// MLSMessage(PublicMessage) of the commit.
        commit: Blob,
        /// MLSMessage(Welcome) when the commit adds somebody.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        welcome: Option<Blob>,
        /// MLSMessage(GroupInfo) of the new epoch, without the tree.
        group_info: Blob,
    },
    /// A proposed Add that no commit can contain, or that its author does not trust: the author
    /// leaves it out of its commit. Only Adds may be declined.
    Declined {
        /// The group.
        group_id: GroupId,
        /// Log position of the proposal.
        seq: Seq,
        /// For the operator's log and for the joiner.
        reason: String,
        /// What is wrong with the credential, if it is that.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<TrustCode>,
    },
    /// Asks for [`ServiceMessage::GroupInfo`]: this device has a leaf and lost the state behind it.
    AskGroupInfo {
        /// The group that [`ServiceMessage::Room`] named.
        group_id: GroupId,
    },
    /// An external commit (RFC 9420 §12.4.3.2) by which a device that lost its state replaces its
    /// own leaf: compare-and-swap on (group_id, epoch) like any commit.
    ExternalCommit {
        /// The group it enters.
        group_id: GroupId,
        /// The epoch it was built in and ends.
        epoch: Epoch,
        /// MLSMessage(PublicMessage) of the commit.
        commit: Blob,
        /// MLSMessage(GroupInfo) of the new epoch, without the tree.
        group_info: Blob,
    },
    /// A member's credential, or an accepted commit of a member, is refused here, though the
    /// service accepted it.
    Distrust {
        /// The group.
        group_id: GroupId,
        /// The leaf that should go.
        leaf: LeafIndex,
        /// For the operator's log.
        reason: String,
    },
    /// An application message (PrivateMessage) for the group, refused outside its epoch.
    Application {
        /// The group it belongs to.
        group_id: GroupId,
        /// The epoch it is encrypted in.
        epoch: Epoch,
        /// MLSMessage(PrivateMessage).
        message: Blob,
    },
    /// The commit (or creation, or Welcome) at `seq` has been applied.
    Applied {
        /// The group.
        group_id: GroupId,
        /// Log position of the commit.
        seq: Seq,
        /// SHA-256 of the epoch authenticator, for finding forks; not the authenticator itself.
        authenticator_hash: Blob,
    },
    /// The accepted commit at `seq` cannot be applied here.
    CannotApply {
        /// The group.
        group_id: GroupId,
        /// Log position of the commit.
        seq: Seq,
        /// For the operator's log.
        reason: String,
    },
    /// Media signaling for the room's SFU.
    Media(MediaSignal),
}

/// Where a returning member was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// Its group.
    pub group_id: GroupId,
    /// The newest log entry it processed.
    pub seq: Seq,
    /// Hash chain value of that entry: a member that was shown another history is not resumed.
    pub chain: Blob,
    /// The session that [`ServiceMessage::Room`] gave it; nobody else knows it.
    pub session: Blob,
}

/// Service → participant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ServiceMessage {
    /// Answer to [`ClientMessage::Hello`]: the room as it stands. Sent again when a room turns
    /// vacant or occupied under a client that has not joined yet.
    Room {
        /// The terms that the group's context must state.
        policy: RoomPolicy,
        /// The one external sender that may propose Add and Remove.
        external_sender: ExternalSenderInfo,
        /// The group, or `None` while the room is vacant and waits for a creator.
        group: Option<GroupHead>,
        /// Raw signature public key at the leaf that this device still has in the group, from an
        /// earlier stay. Who owns it can come back by [`ClientMessage::ExternalCommit`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        leaf_key: Option<Blob>,
        /// Secret of this participant's stay: proves in [`Resume`] that the same client returns.
        session: Blob,
        /// Whether this device was added by a key package of its own and its Welcome follows.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        welcome: bool,
    },
    /// Answer to [`ClientMessage::PublishKeyPackages`].
    KeyPackages {
        /// How many of this device are left, without the last resort.
        left: u32,
    },
    /// One entry of the room's log, in order and without gaps for members.
    Entry(LogEntry),
    /// The Welcome for this client, released because its commit was accepted.
    Welcome {
        /// The group joined.
        group_id: GroupId,
        /// Log position of the commit; the log goes on after it.
        seq: Seq,
        /// Hash chain value of that entry.
        chain: Blob,
        /// MLSMessage(Welcome).
        welcome: Blob,
        /// The ratchet tree of the new epoch.
        tree: Blob,
    },
    /// What an external commit is built on. Nothing in it proves that it is fresh.
    GroupInfo {
        /// The group.
        group_id: GroupId,
        /// Its current epoch.
        epoch: Epoch,
        /// MLSMessage(GroupInfo) of that epoch, without the tree.
        group_info: Blob,
        /// The ratchet tree of that epoch.
        tree: Blob,
    },
    /// The room's group is over because nobody could follow `author`'s commit. A
    /// [`ServiceMessage::Room`] of the next generation follows.
    RoomReset {
        /// The group that ended.
        group_id: GroupId,
        /// Whose commit it was.
        author: ParticipantId,
    },
    /// Who commits: connected leaves without a pending Remove, lowest first; who declined an open
    /// Add comes last. Only the first ranks are named: a leaf that is not never takes over. Sent
    /// when it changes, to whoever begins to follow, and with every ping.
    Committers {
        /// The group.
        group_id: GroupId,
        /// Ranked; the first one commits.
        leaves: Vec<LeafIndex>,
    },
    /// Every connected member has reported this epoch applied.
    Ready {
        /// The group.
        group_id: GroupId,
        /// The epoch that all have.
        epoch: Epoch,
    },
    /// Sent every 2 s to those who wait to be added: the wish stands.
    Waiting,
    /// Sent every 2 s: proof that the service is still there, and where the log stands.
    Ping {
        /// The group.
        group_id: GroupId,
        /// Its current epoch.
        epoch: Epoch,
        /// Its newest log entry.
        seq: Seq,
        /// Hash chain value of that entry. One that differs from a member's own is another
        /// history.
        chain: Blob,
    },
    /// A message was refused; the connection goes on.
    Refused {
        /// `type` of the refused message.
        request: String,
        /// Why, for the program.
        reason: Refusal,
        /// What is wrong with a token or credential, if it is that.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<TrustCode>,
        /// Why, for a person.
        detail: String,
    },
    /// Media signaling from the room's SFU.
    Media(MediaSignal),
    /// The service ends this connection, for good unless the reason says otherwise.
    Closed {
        /// Why.
        reason: CloseReason,
    },
}

/// The external sender that a group of this service lists (RFC 9420 §12.1.8.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalSenderInfo {
    /// Raw Ed25519 public key, 32 bytes.
    pub signature_key: Blob,
    /// Identity in its basic credential.
    pub identity: String,
}

/// The group that occupies a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupHead {
    /// Its identifier.
    pub group_id: GroupId,
    /// Its current epoch.
    pub epoch: Epoch,
    /// Its newest log entry.
    pub seq: Seq,
}

/// One entry of a room's append-only log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// The group it belongs to.
    pub group_id: GroupId,
    /// Position, one more than the entry before.
    pub seq: Seq,
    /// Term of the service that ordered it; 0 while one service orders alone.
    pub term: u64,
    /// `SHA-256(previous chain ‖ entry)`, see [`crate::delivery::chain`].
    pub chain: Blob,
    /// What happened.
    pub body: LogBody,
}

/// What a log entry holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum LogBody {
    /// A group was created: epoch 0.
    Created {
        /// By whom.
        creator: ParticipantId,
    },
    /// A proposal signed by the service (PublicMessage of the external sender).
    Proposal {
        /// The epoch it is for.
        epoch: Epoch,
        /// MLSMessage(PublicMessage).
        proposal: Blob,
    },
    /// A proposal of this epoch is taken back: its subject returned, or went before it came, or
    /// the Add was declined. A commit whose author has seen this must not contain it.
    Withdrawn {
        /// The epoch of the proposal.
        epoch: Epoch,
        /// Log position of the proposal.
        proposal: Seq,
    },
    /// An accepted commit.
    Commit {
        /// The epoch it ended.
        epoch: Epoch,
        /// The leaf of its author; of an external commit, the leaf that it took.
        author: LeafIndex,
        /// MLSMessage(PublicMessage).
        commit: Blob,
    },
    /// An application message of the epoch in which it stands.
    Application {
        /// Its epoch.
        epoch: Epoch,
        /// MLSMessage(PrivateMessage).
        message: Blob,
    },
}

/// SDP between a participant and the SFU; the service carries it unread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "signal", rename_all = "snake_case")]
#[non_exhaustive]
pub enum MediaSignal {
    /// From the participant: its first offer on a peer connection. From the SFU: a renegotiation.
    Offer {
        /// Session description (RFC 8829).
        sdp: String,
    },
    /// The answer to the other side's offer.
    Answer {
        /// Session description (RFC 8829).
        sdp: String,
    },
    /// The SFU refused an offer or lost the peer connection; a new offer may be sent.
    Failed {
        /// A short code such as `ssrc_taken`.
        code: String,
        /// Why, for a person.
        detail: String,
    },
}

/// Why a message was refused. The client may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Refusal {
    /// Not a JSON envelope of this protocol.
    Malformed,
    /// Larger than [`MAX_ENVELOPE_BYTES`] or than the limit of one of its fields.
    TooLarge,
    /// Not allowed in the state of this connection, such as a message before `hello`.
    OutOfOrder,
    /// The client may not do that.
    Unauthorised,
    /// A version of the protocol that the service does not speak.
    UnsupportedVersion,
    /// More messages than the rate limit allows; wait and send again.
    RateLimited,
    /// The room is full, or the service has as many rooms as it may.
    RoomFull,
    /// The token has opened as many rooms as it may.
    TooManyRooms,
    /// Somebody else created the room's group first; join it.
    RoomOccupied,
    /// The room has no group; create one.
    RoomVacant,
    /// The device that was to be invited has published no key package.
    NoKeyPackage,
    /// The group named is not the room's current one.
    WrongGroup,
    /// Another commit ended that epoch first, or the message is stale.
    WrongEpoch,
    /// The commit leaves out a proposal that its author had seen, or one that has waited for long.
    OmitsProposal,
    /// The commit contains a proposal that was withdrawn.
    WithdrawnProposal,
    /// Committers of the room declined the Add.
    Declined,
    /// That key broke the room before and may not enter again.
    Barred,
    /// The Welcome does not fit the commit's Adds.
    WrongWelcome,
    /// The GroupInfo does not fit the commit.
    WrongGroupInfo,
    /// The MLS object is invalid: framing, signature, tree or lifetime.
    InvalidMls,
    /// The room's policy forbids it.
    PolicyViolation,
    /// The room is locked: nobody new comes in until a moderator unlocks it.
    RoomLocked,
    /// A moderator removed this user; none of its devices comes in until a moderator readmits it.
    UserRemoved,
    /// An external commit while a removal of its user waits to be committed.
    RemovePending,
    /// The room has no SFU.
    NoMedia,
}

/// Why the service closed a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CloseReason {
    /// The participant is no longer a member: it left or was removed.
    Removed,
    /// The participant's commit broke the room for everybody; its key may not come back.
    Barred,
    /// A newer connection of the same device took over.
    Replaced,
    /// The client was too slow to take what it was sent; it may resume.
    TooSlow,
    /// Nothing was heard from the client for too long; it may resume.
    Silent,
    /// The service goes down; the client may come back.
    ShuttingDown,
}

impl CloseReason {
    /// For a person.
    pub(crate) const fn in_words(self) -> &'static str {
        match self {
            Self::Removed => "this device is no member any more",
            Self::Barred => "a change that this device made broke the room",
            Self::Replaced => "another connection of this device took over",
            Self::TooSlow => "this device took too long to read",
            Self::Silent => "nothing was heard from this device",
            Self::ShuttingDown => "it goes down",
        }
    }
}
