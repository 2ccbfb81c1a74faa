//! What proposals and commits may do. Service and members run this same code, so a commit that an
//! honest service accepts is one that honest members accept.

use std::collections::HashSet;

use openmls::prelude::{
    Ciphersuite, Credential, Extensions, GroupContext, KeyPackage, LeafNode, LeafNodeIndex,
    Proposal, ProposalOrRefType, QueuedProposal, Sender, SenderExtensionIndex, StagedCommit,
};

use openmls::prelude::tls_codec::{Deserialize as _, Serialize as _, Size as _, VLBytes};

use super::hpke_key::can_be_sealed_to;
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
    /// The GroupContext's extensions changed in more than the lock.
    #[error("the room's terms may not change")]
    Terms,
    /// The room was locked or unlocked by a member whose credential gives no right to.
    #[error("only a member whose credential carries a token with the right to moderate may lock")]
    NotModerator,
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
    /// An external commit does anything else than to take its device's own leaf back.
    #[error("an external commit may only take its own device's leaf back")]
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
    /// A leaf that would fill the tree for everybody.
    #[error("a leaf has {0} bytes, more than the {MAX_LEAF_BYTES} that it may have")]
    LeafSize(usize),
    /// A public key of HPKE to which nothing can be sealed: a point of small order, for instance.
    /// Every path that leads past such a leaf would fail, and nobody could remove anybody.
    #[error("a leaf, key package or path holds a key to which nothing can be sealed")]
    EncryptionKey,
}

/// Largest leaf in bytes: every newcomer gets all of them in one envelope. A chain of three
/// certificates and a post-quantum key have about half of it.
const MAX_LEAF_BYTES: usize = 8 * 1024;

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
    if !can_be_sealed_to(suite, key_package.hpke_init_key().as_slice()) {
        return Err(RuleViolation::EncryptionKey);
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

/// Whether a member may turn the lock, as far as its credential says.
pub(crate) fn moderates(
    validator: &dyn CredentialValidator,
    room: &RoomName,
    credential: &Credential,
    signature_key: &[u8],
) -> Result<bool, RuleViolation> {
    Ok(validator.may_moderate(&Presented {
        participant: &credential::participant(credential)?,
        signature_key,
        evidence: &credential::evidence(credential)?,
        room,
        occasion: Occasion::Present,
    }))
}

/// A leaf must support the room's terms, have a key that paths can be encrypted to, and name a
/// participant.
pub(crate) fn check_leaf(
    leaf: &LeafNode,
    suite: Ciphersuite,
) -> Result<ParticipantId, RuleViolation> {
    if !terms::are_supported_by(leaf.capabilities(), suite) {
        return Err(RuleViolation::Capabilities);
    }
    let bytes = leaf.tls_serialized_len();
    if bytes > MAX_LEAF_BYTES {
        return Err(RuleViolation::LeafSize(bytes));
    }
    // The library shows the key in its encoding only.
    let key = leaf.encryption_key().tls_serialize_detached();
    let key = key.and_then(VLBytes::tls_deserialize_exact);
    if !key.is_ok_and(|key| can_be_sealed_to(suite, key.as_slice())) {
        return Err(RuleViolation::EncryptionKey);
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

    /// Whoever turns the lock needs a credential that says so.
    fn check_moderates(&self, committer: LeafNodeIndex) -> Result<(), RuleViolation> {
        let policy = terms::policy(self.terms).map_err(|_| RuleViolation::Terms)?;
        let (credential, key) = (self.identity)(committer).ok_or(RuleViolation::Committer)?;
        if moderates(self.validator, &policy.room, &credential, &key)? {
            Ok(())
        } else {
            Err(RuleViolation::NotModerator)
        }
    }
}

/// A commit must keep the room's terms, leave every device with one leaf at most, and either be a
/// member's that refers to proposals of the service only, or a returning device's own.
pub(crate) fn check_commit(
    staged: &StagedCommit,
    sender: &Sender,
    before: &Before<'_>,
) -> Result<(), RuleViolation> {
    let turns_lock = turns_lock(staged, before.terms)?;
    match sender {
        Sender::Member(committer) => {
            if turns_lock {
                before.check_moderates(*committer)?;
            }
            for proposal in staged.queued_proposals() {
                if turns_lock && is_own_lock(proposal) {
                    continue;
                }
                if proposal.proposal_or_ref_type() != ProposalOrRefType::Reference {
                    return Err(RuleViolation::InlineProposal);
                }
                check_proposal(proposal, staged.group_context().ciphersuite())?;
            }
            check_own_leaf(staged, *committer, before)?;
        }
        Sender::NewMemberCommit if turns_lock => return Err(RuleViolation::Terms),
        Sender::NewMemberCommit => check_external(staged, before)?,
        _ => return Err(RuleViolation::Committer),
    }
    check_roster_after(staged, sender, before.roster)?;
    for add in staged.add_proposals() {
        let leaf = add.add_proposal().key_package().leaf_node();
        check_lock(before.terms, before.roster, before.identity, leaf)?;
        before.check_trust(leaf)?;
    }
    Ok(())
}

/// Whom a commit brings in against the rules, by signature key, and what is wrong with each. A
/// commit that breaks a rule may bring several.
pub(crate) fn intruders(
    staged: &StagedCommit,
    sender: &Sender,
    before: &Before<'_>,
) -> Vec<(Vec<u8>, RuleViolation)> {
    let suite = staged.group_context().ciphersuite();
    let adds = staged.add_proposals().filter_map(|add| {
        let leaf = add.add_proposal().key_package().leaf_node();
        let checked = check_leaf(leaf, suite)
            .and_then(|_| check_lock(before.terms, before.roster, before.identity, leaf))
            .and_then(|()| before.check_trust(leaf));
        Some((leaf.signature_key().as_slice().to_vec(), checked.err()?))
    });
    let mut all: Vec<_> = adds.collect();
    if *sender == Sender::NewMemberCommit
        && let Some(leaf) = staged.update_path_leaf_node()
        && let Err(violation) = check_external(staged, before)
    {
        all.push((leaf.signature_key().as_slice().to_vec(), violation));
    }
    all
}

/// Whether a commit locks or unlocks the room. Nothing else of the terms may change.
fn turns_lock(
    staged: &StagedCommit,
    before: &Extensions<GroupContext>,
) -> Result<bool, RuleViolation> {
    let after = staged.group_context().extensions();
    if after == before {
        return Ok(false);
    }
    let policy = |terms| terms::policy(terms).map_err(|_| RuleViolation::Terms);
    let (old, mut new) = (policy(before)?, policy(after)?);
    let turned = new.locked != old.locked;
    new.locked = old.locked;
    if turned && new == old && terms::differ_in_policy_only(before, after) {
        Ok(true)
    } else {
        Err(RuleViolation::Terms)
    }
}

/// Whether a proposal is the committer's own to change the GroupContext.
fn is_own_lock(proposal: &QueuedProposal) -> bool {
    proposal.proposal_or_ref_type() == ProposalOrRefType::Proposal
        && matches!(proposal.proposal(), Proposal::GroupContextExtensions(_))
}

/// Into a room that is locked already only a device of the group is added, over its old leaf and
/// with the key that was there. Who is added by the commit that locks was there before.
pub(crate) fn check_lock(
    terms: &Extensions<GroupContext>,
    roster: &Roster,
    identity: &dyn Fn(LeafNodeIndex) -> Option<(Credential, Vec<u8>)>,
    leaf: &LeafNode,
) -> Result<(), RuleViolation> {
    if !terms::policy(terms).is_ok_and(|policy| policy.locked) {
        return Ok(());
    }
    let participant = credential::participant(leaf.credential())?;
    let old = roster.leaf_of(&participant);
    let old = old.and_then(|old| identity(LeafNodeIndex::new(old.into())));
    match old {
        Some((_, key)) if key == leaf.signature_key().as_slice() => Ok(()),
        _ => Err(RuleViolation::Locked),
    }
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

/// An external commit needs nobody's consent, so it may do nothing but to take a device's own leaf
/// back, with the key and the credential that are there and that members have looked at: whoever has
/// another one asks to be added. It may not escape a removal.
fn check_external(staged: &StagedCommit, before: &Before<'_>) -> Result<(), RuleViolation> {
    let participant = external_joiner(staged)?;
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
    let mut removing = before
        .removing
        .iter()
        .filter_map(|leaf| before.roster.occupant(*leaf));
    if removing.any(|who| who.same_user(&participant)) {
        return Err(RuleViolation::RemovePending);
    }
    let [old] = removed[..] else {
        return Err(RuleViolation::ExternalCommit);
    };
    if !own(&old) {
        return Err(RuleViolation::ExternalCommit);
    }
    let same = |(credential, key): (Credential, Vec<u8>)| {
        let new = staged.update_path_leaf_node();
        new.is_some_and(|new| {
            key == new.signature_key().as_slice() && credential == *new.credential()
        })
    };
    if !(before.identity)(old).is_some_and(same) {
        return Err(RuleViolation::Identity);
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
