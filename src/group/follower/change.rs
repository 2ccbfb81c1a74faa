//! A commit that may be accepted, and why one is not.

use openmls::prelude::StagedCommit;

use super::super::{GroupError, RuleViolation};
use crate::delivery::{Blob, Refusal};
use crate::id::{Epoch, LeafIndex, ParticipantId};

/// Why the service refuses something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FollowError {
    /// The object itself is at fault.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// For another epoch than the current one.
    #[error("the group is in epoch {current}")]
    WrongEpoch {
        /// The current epoch.
        current: Epoch,
    },
    /// The object is somebody else's than the client's who sent it.
    #[error("that is {0}'s to do")]
    NotYours(String),
    /// A proposal that the author had seen is missing.
    #[error("the commit leaves out a proposal that its author had seen")]
    OmitsProposal,
    /// A proposal that was taken back is in the commit.
    #[error("the commit contains a proposal that was withdrawn")]
    WithdrawnProposal,
    /// Another leaf would leave no room in an envelope for those who come after it.
    #[error("the room is full: tree and Welcome would not fit into an envelope")]
    TreeFull,
    /// The Welcome does not fit the Adds.
    #[error("the Welcome is not for exactly those whom the commit adds")]
    WrongWelcome,
    /// The GroupInfo does not fit the commit.
    #[error("the GroupInfo does not describe the epoch that the commit makes")]
    WrongGroupInfo,
}

impl FollowError {
    /// What the client is told.
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::WrongEpoch { .. } => Refusal::WrongEpoch,
            Self::NotYours(_) => Refusal::Unauthorised,
            Self::OmitsProposal => Refusal::OmitsProposal,
            Self::WithdrawnProposal => Refusal::WithdrawnProposal,
            Self::TreeFull => Refusal::RoomFull,
            Self::WrongWelcome => Refusal::WrongWelcome,
            Self::WrongGroupInfo => Refusal::WrongGroupInfo,
            Self::Group(GroupError::Rule(RuleViolation::RemovePending)) => Refusal::RemovePending,
            Self::Group(GroupError::Rule(RuleViolation::Locked)) => Refusal::RoomLocked,
            Self::Group(GroupError::Rule(RuleViolation::NotModerator)) => Refusal::Unauthorised,
            Self::Group(GroupError::Rule(_) | GroupError::Terms(_)) => Refusal::PolicyViolation,
            Self::Group(_) => Refusal::InvalidMls,
        }
    }
}

impl From<RuleViolation> for FollowError {
    fn from(violation: RuleViolation) -> Self {
        Self::Group(violation.into())
    }
}

/// A commit that may be accepted: see [`GroupFollower::merge`](super::GroupFollower::merge).
pub struct StagedChange {
    pub(super) staged: StagedCommit,
    pub(super) outcome: CommitOutcome,
}

impl StagedChange {
    /// What merging it will come to.
    pub fn outcome(&self) -> &CommitOutcome {
        &self.outcome
    }

    /// The epoch's proposals that it leaves out, as references from [`Proposed`].
    pub fn omits(&self, reference: &ProposalReference) -> bool {
        !self
            .staged
            .queued_proposals()
            .any(|p| *p.proposal_reference_ref() == reference.0)
    }

    /// The signature key in the leaf that the commit renews or, from outside, takes.
    pub fn signature_key(&self) -> Option<Blob> {
        let leaf = self.staged.update_path_leaf_node()?;
        Some(Blob::new(leaf.signature_key().as_slice().to_vec()))
    }
}

/// What an accepted commit did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitOutcome {
    /// The epoch that it began.
    pub epoch: Epoch,
    /// Its author's leaf; of an external commit, the leaf that it took.
    pub author: LeafIndex,
    /// Whether it came from outside the group (RFC 9420 §12.4.3.2).
    pub external: bool,
    /// What it did to the room's lock, if anything.
    pub locked: Option<bool>,
    /// Who came, without the leaf, which the tree decides on merging.
    pub added: Vec<ParticipantId>,
    /// Who went.
    pub removed: Vec<(LeafIndex, ParticipantId)>,
}

/// The MLS reference of a proposal (RFC 9420 §5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProposalReference(pub(super) openmls::prelude::hash_ref::ProposalRef);

/// A proposal that the service signed.
#[derive(Debug, Clone)]
pub struct Proposed {
    /// MLSMessage(PublicMessage).
    pub message: Blob,
    /// How a commit refers to it.
    pub reference: ProposalReference,
}

/// A proposal that was signed before, queued again.
#[derive(Debug, Clone)]
pub struct Requeued {
    /// How a commit refers to it.
    pub reference: ProposalReference,
    /// What it would do.
    pub what: Requeuing,
}

/// What a [`Requeued`] proposal would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requeuing {
    /// Add this participant.
    Add(ParticipantId),
    /// Empty this leaf.
    Remove(LeafIndex),
}
