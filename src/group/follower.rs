//! The delivery service's view of a group: it follows what is public and proposes as the group's
//! external sender. It never holds a secret of the group.

use openmls::prelude::tls_codec::Serialize as _;
use openmls::prelude::{
    ExternalProposal, GroupEpoch, KeyPackage, LeafNode, LeafNodeIndex, MlsMessageOut,
    OpenMlsProvider, ProcessedMessageContent, Proposal, ProposalStore, PublicGroup,
    SenderExtensionIndex, StagedCommit,
};
use openmls_rust_crypto::OpenMlsRustCrypto;

use super::{
    GroupError, NamesOnly, RoomPolicy, Roster, ServiceIdentity, credential, decode, rules,
    submission, terms,
};
use crate::delivery::{Blob, Refusal};
use crate::id::{Epoch, GroupId, LeafIndex, ParticipantId};

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
            Self::WrongWelcome => Refusal::WrongWelcome,
            Self::WrongGroupInfo => Refusal::WrongGroupInfo,
            Self::Group(GroupError::Rule(_) | GroupError::Terms(_)) => Refusal::PolicyViolation,
            Self::Group(_) => Refusal::InvalidMls,
        }
    }
}

impl From<rules::RuleViolation> for FollowError {
    fn from(violation: rules::RuleViolation) -> Self {
        Self::Group(violation.into())
    }
}

/// A commit that may be accepted: see [`GroupFollower::merge`].
pub struct StagedChange {
    staged: StagedCommit,
    outcome: CommitOutcome,
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
}

/// What an accepted commit did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitOutcome {
    /// The epoch that it began.
    pub epoch: Epoch,
    /// Its author.
    pub author: LeafIndex,
    /// Who came, without the leaf, which the tree decides on merging.
    pub added: Vec<ParticipantId>,
    /// Who went.
    pub removed: Vec<(LeafIndex, ParticipantId)>,
}

/// The MLS reference of a proposal (RFC 9420 §5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProposalReference(openmls::prelude::hash_ref::ProposalRef);

/// A proposal that the service signed.
#[derive(Debug, Clone)]
pub struct Proposed {
    /// MLSMessage(PublicMessage).
    pub message: Blob,
    /// How a commit refers to it.
    pub reference: ProposalReference,
}

/// A group as its delivery service follows it.
pub struct GroupFollower {
    provider: OpenMlsRustCrypto,
    group: PublicGroup,
    group_id: GroupId,
    /// Of the current epoch: reading all credentials anew for every question would cost.
    roster: Roster,
}

impl GroupFollower {
    /// Takes the group that `creator` offers: epoch 0, the creator its only member, and exactly
    /// the room's terms.
    ///
    /// # Errors
    /// [`FollowError`] naming what does not fit.
    pub fn create(
        policy: &RoomPolicy,
        service: &ServiceIdentity,
        creator: &ParticipantId,
        group_id: GroupId,
        group_info: &Blob,
        tree: &Blob,
    ) -> Result<Self, FollowError> {
        let provider = OpenMlsRustCrypto::default();
        let (group, info) = PublicGroup::from_external(
            provider.crypto(),
            provider.storage(),
            decode::tree(tree)?,
            decode::group_info(group_info)?,
            ProposalStore::new(),
        )
        .map_err(|e| GroupError::invalid("the GroupInfo", &e))?;
        let context = info.group_context();
        terms::check(context.extensions(), policy, &service.info()).map_err(GroupError::from)?;
        if context.group_id().as_slice() != group_id.as_bytes()
            || context.epoch() != GroupEpoch::from(0)
            || context.ciphersuite() != terms::CIPHERSUITE
        {
            return Err(FollowError::WrongGroupInfo);
        }
        let roster = roster(&group)?;
        let mut members = roster.iter().map(|member| &*member.participant);
        match (members.next(), members.next()) {
            (Some(only), None) if only == creator => {}
            (Some(other), None) => return Err(FollowError::NotYours(other.to_string())),
            _ => return Err(FollowError::WrongGroupInfo),
        }
        Ok(Self {
            provider,
            group,
            group_id,
            roster,
        })
    }

    /// The group.
    pub fn group_id(&self) -> GroupId {
        self.group_id
    }

    /// Its current epoch.
    pub fn epoch(&self) -> Epoch {
        Epoch::new(self.group.group_context().epoch().as_u64())
    }

    /// Who is in it.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// The ratchet tree of the current epoch, for joiners.
    ///
    /// # Errors
    /// [`FollowError::Group`] if the MLS library cannot encode it.
    pub fn tree(&self) -> Result<Blob, FollowError> {
        let tree = self.group.export_ratchet_tree().tls_serialize_detached();
        Ok(tree
            .map(Blob::new)
            .map_err(|e| GroupError::library("exporting the tree", &e))?)
    }

    /// Checks the key package that a client brings for itself.
    ///
    /// # Errors
    /// [`FollowError`] if it is invalid or names somebody else.
    pub fn check_key_package(
        key_package: &Blob,
        participant: &ParticipantId,
    ) -> Result<(), FollowError> {
        let provider = OpenMlsRustCrypto::default();
        let named = rules::check_key_package(&decode::key_package(&provider, key_package)?)?;
        if named == *participant {
            Ok(())
        } else {
            Err(FollowError::NotYours(named.to_string()))
        }
    }

    /// Signs and queues an Add for the current epoch.
    ///
    /// # Errors
    /// [`FollowError`] if the key package does not fit the group.
    pub fn propose_add(
        &mut self,
        service: &ServiceIdentity,
        key_package: &Blob,
    ) -> Result<Proposed, FollowError> {
        let key_package = decode::key_package(&self.provider, key_package)?;
        self.check_keys_unused(&key_package)?;
        let message = ExternalProposal::new_add::<OpenMlsRustCrypto>(
            key_package,
            self.group.group_id().clone(),
            self.group.group_context().epoch(),
            &service.signer,
            SenderExtensionIndex::new(0),
        )
        .map_err(|e| GroupError::library("proposing an Add", &e))?;
        self.queue(&message)
    }

    /// Signs and queues a Remove for the current epoch.
    ///
    /// # Errors
    /// [`FollowError`] if nobody sits at the leaf.
    pub fn propose_remove(
        &mut self,
        service: &ServiceIdentity,
        leaf: LeafIndex,
    ) -> Result<Proposed, FollowError> {
        let message = ExternalProposal::new_remove::<OpenMlsRustCrypto>(
            LeafNodeIndex::new(leaf.into()),
            self.group.group_id().clone(),
            self.group.group_context().epoch(),
            &service.signer,
            SenderExtensionIndex::new(0),
        )
        .map_err(|e| GroupError::library("proposing a Remove", &e))?;
        self.queue(&message)
    }

    /// Looks at a commit with all that belongs to it. Nothing changes until [`Self::merge`].
    ///
    /// # Errors
    /// [`FollowError`] naming what an outsider can see is wrong. Membership tag, confirmation tag
    /// and path secrets an outsider cannot check.
    pub fn stage_commit(
        &self,
        author: &ParticipantId,
        commit: &Blob,
        welcome: Option<&Blob>,
        group_info: &Blob,
    ) -> Result<StagedChange, FollowError> {
        let message = decode::protocol_message(commit)?;
        if message.epoch() != self.group.group_context().epoch() {
            return Err(FollowError::WrongEpoch {
                current: self.epoch(),
            });
        }
        let processed = self
            .group
            .process_message(self.provider.crypto(), message)
            .map_err(|e| GroupError::invalid("the commit", &e))?;
        let sender = processed.sender().clone();
        let ProcessedMessageContent::StagedCommitMessage(staged) = processed.into_content() else {
            return Err(GroupError::Malformed("a commit").into());
        };
        let signature_key = |leaf| Some(self.group.leaf(leaf)?.signature_key().as_slice().to_vec());
        let before = rules::Before {
            roster: &self.roster,
            terms: self.group.group_context().extensions(),
            removing: &self.removing()?,
            validator: &NamesOnly,
            signature_key: &signature_key,
        };
        rules::check_commit(&staged, &sender, &before)?;
        let author = submission::author(&sender, author, &self.roster)?;
        submission::welcome(&self.provider, &staged, welcome)?;
        submission::group_info(&staged, group_info)?;
        let outcome = submission::outcome(&staged, author, &self.roster);
        Ok(StagedChange {
            staged: *staged,
            outcome,
        })
    }

    /// Goes on to the epoch of an accepted commit.
    ///
    /// # Errors
    /// [`FollowError::Group`] for a bug of the MLS library.
    pub fn merge(&mut self, change: StagedChange) -> Result<CommitOutcome, FollowError> {
        self.group
            .merge_commit(self.provider.storage(), change.staged)
            .map_err(|e| GroupError::library("merging", &e))?;
        self.roster = roster(&self.group)?;
        Ok(change.outcome)
    }

    /// A key package whose keys are in the group, or about to be, makes every commit that adds it
    /// invalid (RFC 9420 §7.3, §12.2): proposed once, it would block the room.
    fn check_keys_unused(&self, new: &KeyPackage) -> Result<(), FollowError> {
        let queued = self
            .group
            .queued_proposals(self.provider.storage())
            .map_err(|e| GroupError::library("reading proposals", &e))?;
        let mut leaving = Vec::new();
        let mut used = Vec::new();
        for (_, proposal) in &queued {
            match proposal.proposal() {
                Proposal::Remove(remove) => leaving.push(remove.removed()),
                Proposal::Add(add) => used.extend(keys_of_package(add.key_package())?),
                _ => {}
            }
        }
        let members = self.roster.iter();
        let leaves = members.map(|member| LeafNodeIndex::new(member.leaf.into()));
        for leaf in leaves.filter(|leaf| !leaving.contains(leaf)) {
            used.extend(
                self.group
                    .leaf(leaf)
                    .map(keys_of)
                    .transpose()?
                    .into_iter()
                    .flatten(),
            );
        }
        if keys_of_package(new)?.iter().any(|key| used.contains(key)) {
            return Err(rules::RuleViolation::KeyInUse.into());
        }
        Ok(())
    }

    /// The leaves whose Remove is proposed.
    fn removing(&self) -> Result<Vec<LeafIndex>, GroupError> {
        let queued = self
            .group
            .queued_proposals(self.provider.storage())
            .map_err(|e| GroupError::library("reading proposals", &e))?;
        let removes = queued
            .iter()
            .filter_map(|(_, queued)| match queued.proposal() {
                Proposal::Remove(remove) => LeafIndex::try_from(remove.removed().u32()).ok(),
                _ => None,
            });
        Ok(removes.collect())
    }

    fn queue(&mut self, message: &MlsMessageOut) -> Result<Proposed, FollowError> {
        let bytes = message
            .to_bytes()
            .map(Blob::new)
            .map_err(|e| GroupError::library("encoding", &e))?;
        let processed = self
            .group
            .process_message(self.provider.crypto(), decode::protocol_message(&bytes)?)
            .map_err(|e| GroupError::invalid("the proposal", &e))?;
        let ProcessedMessageContent::ProposalMessage(proposal) = processed.into_content() else {
            return Err(GroupError::Malformed("a proposal").into());
        };
        rules::check_proposal(&proposal)?;
        let reference = ProposalReference(proposal.proposal_reference_ref().clone());
        self.group
            .add_proposal(self.provider.storage(), *proposal)
            .map_err(|e| GroupError::library("queueing a proposal", &e))?;
        Ok(Proposed {
            message: bytes,
            reference,
        })
    }
}

fn roster(group: &PublicGroup) -> Result<Roster, GroupError> {
    let mut members = Vec::new();
    for member in group.members() {
        let leaf = LeafIndex::try_from(member.index.u32()).map_err(|_| GroupError::TooLarge)?;
        members.push((leaf, credential::participant(&member.credential)?));
    }
    Ok(Roster::new(members))
}

/// The public keys of a leaf that must be unique in a group, encoded.
fn keys_of(leaf: &LeafNode) -> Result<[Vec<u8>; 2], GroupError> {
    let encryption_key = leaf
        .encryption_key()
        .tls_serialize_detached()
        .map_err(|e| GroupError::library("encoding a key", &e))?;
    Ok([leaf.signature_key().as_slice().to_vec(), encryption_key])
}

/// The same of a key package, which has one more.
fn keys_of_package(key_package: &KeyPackage) -> Result<[Vec<u8>; 3], GroupError> {
    let [signature_key, encryption_key] = keys_of(key_package.leaf_node())?;
    let init_key = key_package
        .hpke_init_key()
        .tls_serialize_detached()
        .map_err(|e| GroupError::library("encoding a key", &e))?;
    Ok([signature_key, encryption_key, init_key])
}
