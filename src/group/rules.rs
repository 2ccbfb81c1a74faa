//! What proposals and commits may do. Service and members run this same code, so a commit that an
//! honest service accepts is one that honest members accept.

use std::collections::HashSet;

use openmls::prelude::{
    Ciphersuite, Credential, Extensions, GroupContext, KeyPackage, LeafNode, LeafNodeIndex,
    Proposal, ProposalOrRefType, QueuedProposal, Sender, SenderExtensionIndex, StagedCommit,
};

use super::{CredentialError, Roster, credential, terms};
use crate::id::{LeafIndex, ParticipantId, RoomName};
use crate::trust::{CredentialValidator, Occasion, Presented, TrustError};

/// What a proposal or commit did that it may not, though MLS itself would allow it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleViolation {
    /// A proposal of another type than Add and Remove.
    #[error("only Add and Remove may be proposed")]
    ProposalType,
    /// A proposal that the service did not make.
    #[error("only the service may propose")]
    Proposer,
    /// A proposal inside the commit that was never proposed to the room.
    #[error("a commit may only refer to proposals of the service")]
    InlineProposal,
    /// A commit by somebody who is no member.
    #[error("only a member may commit")]
    Committer,
    /// The GroupContext's extensions changed.
    #[error("the room's terms may not change")]
    Terms,
    /// An added or renewed leaf lacks a capability that the room asks for.
    #[error("a leaf does not support what the room requires")]
    Capabilities,
    /// A key package is for another cipher suite than the room's.
    #[error("a key package is for another cipher suite than the room's")]
    Ciphersuite,
    /// A key package brings a key that is in the group already, or about to be.
    #[error("a key package holds a key that is in use")]
    KeyInUse,
    /// A key package is valid for longer than key packages may be.
    #[error("a key package's lifetime is out of range")]
    Lifetime,
    /// A credential names nobody.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// An external commit does more than to enter and to remove the device's own old leaf.
    #[error("an external commit may only enter and remove its own device's old leaf")]
    ExternalCommit,
    /// An external commit by a user whose removal is under way.
    #[error("an external commit may not undo a pending removal of its user")]
    RemovePending,
    /// Somebody new in a locked room.
    #[error("the room is locked")]
    Locked,
    /// The trust settings of whoever checks refuse a credential.
    #[error("{participant} is not trusted: {error}")]
    Untrusted {
        /// Whom the credential names.
        participant: ParticipantId,
        /// Why.
        error: TrustError,
    },
    /// A device would hold two leaves.
    #[error("{0} would be in the group twice")]
    Twice(ParticipantId),
    /// A member changed its credential or its signature key.
    #[error("a member may not change its identity")]
    Identity,
    /// More leaves than media packets can name.
    #[error("the group is full")]
    Full,
}

/// A proposal must be the service's Add or Remove, and an Add's key package must be in order and of
/// the group's suite.
pub(crate) fn check_proposal(
    proposal: &QueuedProposal,
    suite: Ciphersuite,
) -> Result<(), RuleViolation> {
    check_kind(proposal)?;
    match proposal.proposal() {
        Proposal::Add(add) => check_key_package(add.key_package(), suite).map(|_| ()),
        _ => Ok(()),
    }
}

/// MLS would let an external sender change the GroupContext as well.
pub(crate) fn check_kind(proposal: &QueuedProposal) -> Result<(), RuleViolation> {
    if *proposal.sender() != Sender::External(SenderExtensionIndex::new(0)) {
        return Err(RuleViolation::Proposer);
    }
    match proposal.proposal() {
        Proposal::Add(_) | Proposal::Remove(_) => Ok(()),
        _ => Err(RuleViolation::ProposalType),
    }
}

/// A key package must name a participant, support the room's terms and not live too long.
pub(crate) fn check_key_package(
    key_package: &KeyPackage,
    suite: Ciphersuite,
) -> Result<ParticipantId, RuleViolation> {
    if key_package.ciphersuite() != suite {
        return Err(RuleViolation::Ciphersuite);
    }
    if !key_package.life_time().has_acceptable_range() {
        return Err(RuleViolation::Lifetime);
    }
    check_leaf(key_package.leaf_node(), suite)
}

/// Asks the trust settings about a leaf that enters the group of a room.
pub(crate) fn check_trust(
    validator: &dyn CredentialValidator,
    room: &RoomName,
    leaf: &LeafNode,
) -> Result<(), RuleViolation> {
    let key = leaf.signature_key().as_slice();
    check_key(
        validator,
        (room, Occasion::Entering),
        leaf.credential(),
        key,
    )
}

/// Asks the trust settings about a credential and the key beside it.
pub(crate) fn check_key(
    validator: &dyn CredentialValidator,
    (room, occasion): (&RoomName, Occasion),
    credential: &Credential,
    signature_key: &[u8],
) -> Result<(), RuleViolation> {
    let participant = credential::participant(credential)?;
    let presented = Presented {
        participant: &participant,
        signature_key,
        evidence: &credential::evidence(credential)?,
        room,
        occasion,
    };
    let trusted = validator.validate(&presented);
    trusted.map_err(|error| RuleViolation::Untrusted { participant, error })
}

fn check_leaf(leaf: &LeafNode, suite: Ciphersuite) -> Result<ParticipantId, RuleViolation> {
    if !terms::are_supported_by(leaf.capabilities(), suite) {
        return Err(RuleViolation::Capabilities);
    }
    Ok(credential::participant(leaf.credential())?)
}

/// The group before a commit.
pub(crate) struct Before<'a> {
    pub(crate) roster: &'a Roster,
    pub(crate) terms: &'a Extensions<GroupContext>,
    /// The leaves whose Remove is proposed in this epoch.
    pub(crate) removing: &'a [LeafIndex],
    pub(crate) validator: &'a dyn CredentialValidator,
    /// Credential and signature key at a leaf.
    pub(crate) identity: &'a dyn Fn(LeafNodeIndex) -> Option<(Credential, Vec<u8>)>,
}

impl Before<'_> {
    fn check_trust(&self, leaf: &LeafNode) -> Result<(), RuleViolation> {
        // Our own groups always have one.
        let policy = terms::policy(self.terms).map_err(|_| RuleViolation::Terms)?;
        check_trust(self.validator, &policy.room, leaf)
    }
}

/// A commit must keep the room's terms, leave every device with one leaf at most, and either be a
/// member's that refers to proposals of the service only, or a returning device's own.
pub(crate) fn check_commit(
    staged: &StagedCommit,
    sender: &Sender,
    before: &Before<'_>,
) -> Result<(), RuleViolation> {
    if staged.group_context().extensions() != before.terms {
        return Err(RuleViolation::Terms);
    }
    match sender {
        Sender::Member(committer) => {
            for proposal in staged.queued_proposals() {
                if proposal.proposal_or_ref_type() != ProposalOrRefType::Reference {
                    return Err(RuleViolation::InlineProposal);
                }
                check_proposal(proposal, staged.group_context().ciphersuite())?;
            }
            check_own_leaf(staged, *committer, before)?;
        }
        Sender::NewMemberCommit => check_external(staged, before)?,
        _ => return Err(RuleViolation::Committer),
    }
    check_roster_after(staged, sender, before.roster)?;
    for add in staged.add_proposals() {
        before.check_trust(add.add_proposal().key_package().leaf_node())?;
    }
    Ok(())
}

/// The participant whom an external commit brings in.
pub(crate) fn external_joiner(staged: &StagedCommit) -> Result<ParticipantId, RuleViolation> {
    check_leaf(
        staged
            .update_path_leaf_node()
            .ok_or(RuleViolation::ExternalCommit)?,
        staged.group_context().ciphersuite(),
    )
}

/// An external commit needs nobody's consent, so it may do nothing to anybody else: enter, and
/// remove the old leaf of the same device. It may not escape a removal, nor a lock.
fn check_external(staged: &StagedCommit, before: &Before<'_>) -> Result<(), RuleViolation> {
    let participant = external_joiner(staged)?;
    if let Some(leaf) = staged.update_path_leaf_node() {
        before.check_trust(leaf)?;
    }
    let mut removed = Vec::new();
    for proposal in staged.queued_proposals() {
        match proposal.proposal() {
            Proposal::ExternalInit(_) => {}
            Proposal::Remove(remove) => removed.push(remove.removed()),
            _ => return Err(RuleViolation::ExternalCommit),
        }
    }
    let occupant = |leaf: LeafNodeIndex| {
        let leaf = LeafIndex::try_from(leaf.u32()).ok()?;
        before.roster.occupant(leaf)
    };
    let own = |leaf: &LeafNodeIndex| occupant(*leaf).is_some_and(|who| **who == participant);
    if removed.len() > 1 || !removed.iter().all(own) {
        return Err(RuleViolation::ExternalCommit);
    }
    let mut removing = before
        .removing
        .iter()
        .filter_map(|leaf| before.roster.occupant(*leaf));
    if removing.any(|who| who.same_user(&participant)) {
        return Err(RuleViolation::RemovePending);
    }
    let locked = terms::policy(before.terms).is_ok_and(|policy| policy.locked);
    if locked && removed.is_empty() {
        return Err(RuleViolation::Locked);
    }
    Ok(())
}

/// The committer's renewed leaf must keep its credential and its signature key.
fn check_own_leaf(
    staged: &StagedCommit,
    committer: LeafNodeIndex,
    before: &Before<'_>,
) -> Result<(), RuleViolation> {
    let Some(renewed) = staged.update_path_leaf_node() else {
        return Ok(());
    };
    check_leaf(renewed, staged.group_context().ciphersuite())?;
    let key = renewed.signature_key().as_slice();
    let same = |(credential, old): (Credential, Vec<u8>)| {
        credential == *renewed.credential() && old == key
    };
    if (before.identity)(committer).is_some_and(same) {
        Ok(())
    } else {
        Err(RuleViolation::Identity)
    }
}

fn check_roster_after(
    staged: &StagedCommit,
    sender: &Sender,
    before: &Roster,
) -> Result<(), RuleViolation> {
    let removed: HashSet<u32> = staged
        .remove_proposals()
        .map(|remove| remove.remove_proposal().removed().u32())
        .collect();
    let mut present: HashSet<ParticipantId> = before
        .iter()
        .filter(|member| !removed.contains(&u32::from(member.leaf)))
        .map(|member| ParticipantId::clone(&member.participant))
        .collect();
    let mut coming = Vec::new();
    for add in staged.add_proposals() {
        let leaf = add.add_proposal().key_package().leaf_node();
        coming.push(credential::participant(leaf.credential())?);
    }
    if *sender == Sender::NewMemberCommit {
        coming.push(external_joiner(staged)?);
    }
    for participant in coming {
        if !present.insert(participant.clone()) {
            return Err(RuleViolation::Twice(participant));
        }
    }
    // Adds fill the leftmost free leaves, so the count bounds the largest leaf.
    if present.len() > usize::from(u16::MAX) {
        return Err(RuleViolation::Full);
    }
    Ok(())
}
