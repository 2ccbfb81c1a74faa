//! The delivery service's view of a group: it follows what is public and proposes as the group's
//! external sender. It never holds a secret of the group.

mod change;
mod members;
mod queue;

use super::provider::Provider;
use openmls::prelude::tls_codec::{Serialize as _, Size as _};
use openmls::prelude::{
    ExternalProposal, KeyPackage, LeafNodeIndex, MlsMessageOut, OpenMlsProvider,
    ProcessedMessageContent, Proposal, ProposalStore, PublicGroup, Sender, SenderExtensionIndex,
    StagedCommit,
};

use super::{
    GroupError, MlsSuite, RoomPolicy, Roster, ServiceIdentity, TermsError, decode, path, rules,
    size, submission, terms,
};
use crate::delivery::{Blob, MAX_ENVELOPE_BYTES};
use crate::id::{Epoch, GroupId, LeafIndex, ParticipantId};
use crate::trust::NamesOnly;
pub use change::{
    CommitOutcome, FollowError, ProposalReference, Proposed, Requeued, Requeuing, StagedChange,
};
use members::{Members, entry_bytes, keys_of_package};
use queue::Queue;

/// Most bytes of a tree and of the Welcome for those who are about to enter: what an envelope takes
/// as base64, less 32 KiB for the GroupInfo in the Welcome and for what the next commit adds to the
/// tree.
const MAX_ENTRY_BYTES: usize = MAX_ENVELOPE_BYTES / 4 * 3 - 32 * 1024;

/// A group as its delivery service follows it.
pub struct GroupFollower {
    provider: Provider,
    group: PublicGroup,
    group_id: GroupId,
    suite: MlsSuite,
    /// Of the current epoch.
    members: Members,
    queue: Queue,
    /// Bytes of the tree.
    tree_bytes: usize,
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
        let follower = Self::restore(policy, service, group_id, group_info, tree)?;
        if follower.is_locked() != policy.locked {
            let differs = TermsError::Other("the room policy differs");
            return Err(GroupError::from(differs).into());
        }
        if follower.epoch() != Epoch::default() {
            return Err(FollowError::WrongGroupInfo);
        }
        if let Some(first) = follower.group.leaf(LeafNodeIndex::new(0)) {
            rules::check_leaf(first, follower.group.ciphersuite())?;
        }
        let mut names = follower.roster().iter().map(|member| &*member.participant);
        match (names.next(), names.next()) {
            (Some(only), None) if only == creator => Ok(follower),
            (Some(other), None) => Err(FollowError::NotYours(other.to_string())),
            _ => Err(FollowError::WrongGroupInfo),
        }
    }

    /// Goes on with a group that a service followed before, from the state at the beginning of one
    /// of its epochs. What happened since is given to [`Self::requeue`], [`Self::withdraw`] and
    /// [`Self::replay`] in the order of the log.
    ///
    /// # Errors
    /// [`FollowError`] if GroupInfo and tree are not those of such a group.
    pub fn restore(
        policy: &RoomPolicy,
        service: &ServiceIdentity,
        group_id: GroupId,
        group_info: &Blob,
        tree: &Blob,
    ) -> Result<Self, FollowError> {
        let provider = Provider::default();
        let (group, info) = PublicGroup::from_external(
            provider.crypto(),
            provider.storage(),
            decode::tree(tree)?,
            decode::group_info(group_info)?,
            ProposalStore::new(),
        )
        .map_err(|e| GroupError::invalid("the GroupInfo", &e))?;
        let context = info.group_context();
        let (suite, stated) = (context.ciphersuite(), context.extensions());
        terms::check(suite, stated, policy, &service.info()).map_err(GroupError::from)?;
        if context.group_id().as_slice() != group_id.as_bytes() {
            return Err(FollowError::WrongGroupInfo);
        }
        let members = Members::of(&group)?;
        Ok(Self {
            provider,
            tree_bytes: tree.len(),
            group,
            group_id,
            suite: policy.ciphersuite,
            members,
            queue: Queue::default(),
        })
    }

    /// Queues a proposal of the current epoch that the service signed before.
    ///
    /// # Errors
    /// [`FollowError`] if it is none.
    pub fn requeue(&mut self, proposal: &Blob) -> Result<Requeued, FollowError> {
        let (reference, proposal) = self.take_proposal(proposal)?;
        let what = match proposal {
            Proposal::Add(add) => {
                let suite = self.group.ciphersuite();
                Requeuing::Add(rules::check_key_package(add.key_package(), suite)?)
            }
            Proposal::Remove(remove) => {
                let leaf = LeafIndex::try_from(remove.removed().u32());
                Requeuing::Remove(leaf.map_err(|_| GroupError::TooLarge)?)
            }
            _ => return Err(GroupError::Malformed("an Add or a Remove").into()),
        };
        Ok(Requeued { reference, what })
    }

    /// Goes on over a commit that was accepted before: a member's, or an external one.
    ///
    /// # Errors
    /// [`FollowError`] if it does not follow.
    pub fn replay(&mut self, commit: &Blob) -> Result<(), FollowError> {
        let (_, staged) = self.process_commit(commit)?;
        self.go_on(staged)
    }

    /// The group.
    pub fn group_id(&self) -> GroupId {
        self.group_id
    }

    /// Its current epoch.
    pub fn epoch(&self) -> Epoch {
        Epoch::new(self.group.group_context().epoch().as_u64())
    }

    /// Whether it is locked: nobody new may be added.
    pub fn is_locked(&self) -> bool {
        let policy = terms::policy(self.group.group_context().extensions());
        policy.is_ok_and(|policy| policy.locked)
    }

    /// Who is in it.
    pub fn roster(&self) -> &Roster {
        &self.members.roster
    }

    /// The leaf of a participant.
    pub fn leaf_of(&self, participant: &ParticipantId) -> Option<LeafIndex> {
        self.members.leaf_of(participant)
    }

    /// Raw signature public key at a leaf, if it is occupied.
    pub fn signature_key(&self, leaf: LeafIndex) -> Option<Blob> {
        let leaf = self.group.leaf(LeafNodeIndex::new(leaf.into()))?;
        Some(Blob::new(leaf.signature_key().as_slice().to_vec()))
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

    /// Checks the key package that a client brings for itself into a room of that suite; says its
    /// raw signature key.
    ///
    /// # Errors
    /// [`FollowError`] if it is invalid, of another suite, or names somebody else.
    pub fn check_key_package(
        key_package: &Blob,
        participant: &ParticipantId,
        suite: MlsSuite,
    ) -> Result<Blob, FollowError> {
        check_own(key_package, participant, suite).map(|(_, key)| key)
    }

    /// Checks a key package that a client publishes for itself, for rooms of that suite; says its
    /// raw signature key.
    ///
    /// # Errors
    /// [`FollowError`] if it is invalid, of another suite, names somebody else, or is not of the
    /// kind that is said.
    pub fn check_published(
        key_package: &Blob,
        participant: &ParticipantId,
        suite: MlsSuite,
        last_resort: bool,
    ) -> Result<Blob, FollowError> {
        let (key_package, key) = check_own(key_package, participant, suite)?;
        if key_package.last_resort() == last_resort {
            Ok(key)
        } else {
            Err(GroupError::Malformed("a key package of the kind that was said").into())
        }
    }

    /// Checks that what a member says to the group is an application message: a proposal or a commit
    /// would be logged without having been looked at. More of it an outsider cannot see.
    ///
    /// # Errors
    /// [`FollowError`] if it is none.
    pub fn check_application(message: &Blob) -> Result<(), FollowError> {
        decode::application(message)?;
        Ok(())
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
        self.check_fits(&key_package)?;
        let message = ExternalProposal::new_add::<Provider>(
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
        let message = ExternalProposal::new_remove::<Provider>(
            LeafNodeIndex::new(leaf.into()),
            self.group.group_id().clone(),
            self.group.group_context().epoch(),
            &service.signer,
            SenderExtensionIndex::new(0),
        )
        .map_err(|e| GroupError::library("proposing a Remove", &e))?;
        self.queue(&message)
    }

    /// Takes back a proposal of the current epoch: no commit may contain it any more.
    ///
    /// # Errors
    /// [`FollowError::Group`] for a bug of the MLS library.
    pub fn withdraw(&mut self, proposal: &ProposalReference) -> Result<(), FollowError> {
        self.group
            .remove_proposal(self.provider.storage(), &proposal.0)
            .map_err(|e| GroupError::library("withdrawing a proposal", &e))?;
        self.queue.withdraw(&proposal.0);
        Ok(())
    }

    /// Looks at a member's commit with all that belongs to it. Nothing changes until
    /// [`Self::merge`].
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
        let (sender, staged) = self.process_commit(commit)?;
        let author = submission::author(&sender, author, &self.members.roster)?;
        submission::welcome(&self.provider, self.suite, &staged, welcome)?;
        submission::group_info(&staged, group_info)?;
        let mut outcome = submission::outcome(&staged, author, &self.members.roster);
        let policy = terms::policy(staged.group_context().extensions());
        let locked = policy.map(|policy| policy.locked).ok();
        outcome.locked = locked.filter(|locked| *locked != self.is_locked());
        Ok(StagedChange { staged, outcome })
    }

    /// Looks at an external commit (RFC 9420 §12.4.3.2) by which `newcomer` enters, or comes back
    /// to its leaf with the signature key that it had there. Nothing changes until
    /// [`Self::merge`].
    ///
    /// # Errors
    /// [`FollowError`] naming what an outsider can see is wrong. That the secret which it shares
    /// with the group is the group's, an outsider cannot check.
    pub fn stage_external(
        &self,
        newcomer: &ParticipantId,
        commit: &Blob,
        group_info: &Blob,
    ) -> Result<StagedChange, FollowError> {
        let (sender, staged) = self.process_commit(commit)?;
        submission::newcomer(&sender, newcomer, &staged, |leaf| self.signature_key(leaf))?;
        submission::group_info(&staged, group_info)?;
        let leaf = self.group.ext_commit_sender_index(&staged);
        let leaf = leaf.map_err(|e| GroupError::library("finding a leaf", &e))?;
        let leaf = LeafIndex::try_from(leaf.u32()).map_err(|_| GroupError::TooLarge)?;
        let mut outcome = submission::outcome(&staged, leaf, &self.members.roster);
        outcome.external = true;
        outcome.added.push(newcomer.clone());
        Ok(StagedChange { staged, outcome })
    }

    /// Goes on to the epoch of an accepted commit.
    ///
    /// # Errors
    /// [`FollowError::Group`] for a bug of the MLS library.
    pub fn merge(&mut self, change: StagedChange) -> Result<CommitOutcome, FollowError> {
        self.go_on(change.staged)?;
        Ok(change.outcome)
    }

    fn go_on(&mut self, staged: StagedCommit) -> Result<(), FollowError> {
        self.group
            .merge_commit(self.provider.storage(), staged)
            .map_err(|e| GroupError::library("merging", &e))?;
        self.queue = Queue::default();
        self.members = Members::of(&self.group)?;
        self.tree_bytes = self.group.export_ratchet_tree().tls_serialized_len();
        Ok(())
    }

    /// Verifies and stages a commit, and holds it against the rules that members share.
    pub(super) fn process_commit(
        &self,
        commit: &Blob,
    ) -> Result<(Sender, StagedCommit), FollowError> {
        let (leaves, open) = (self.members.roster.len(), self.queue.len());
        if commit.len() > size::max_commit(self.suite, leaves, open) {
            return Err(GroupError::TooMuch("a commit").into());
        }
        let message = decode::commit(commit, open)?;
        if message.epoch() != self.group.group_context().epoch() {
            return Err(FollowError::WrongEpoch {
                current: self.epoch(),
            });
        }
        let processed = self.group.process_message(self.provider.crypto(), message);
        let processed = processed.map_err(|error| {
            if self.queue.withdrawn_in(commit) {
                FollowError::WithdrawnProposal
            } else {
                GroupError::invalid("the commit", &error).into()
            }
        })?;
        let sender = processed.sender().clone();
        let ProcessedMessageContent::StagedCommitMessage(staged) = processed.into_content() else {
            return Err(GroupError::Malformed("a commit").into());
        };
        let identity = |leaf| {
            let leaf = self.group.leaf(leaf)?;
            let key = leaf.signature_key().as_slice().to_vec();
            Some((leaf.credential().clone(), key))
        };
        let before = rules::Before {
            roster: &self.members.roster,
            terms: self.group.group_context().extensions(),
            removing: &self.queue.removing(),
            validator: &NamesOnly,
            identity: &identity,
        };
        rules::check_commit(&staged, &sender, &before)?;
        path::check_keys(commit.as_slice(), self.group.ciphersuite())?;
        Ok((sender, *staged))
    }

    /// A key package whose keys are in the group, or about to be, makes every commit that adds it
    /// invalid (RFC 9420 §7.3, §12.2): proposed once, it would block the room.
    fn check_keys_unused(&self, new: &KeyPackage) -> Result<(), FollowError> {
        let keys = keys_of_package(new)?;
        let holders = keys.iter().filter_map(|key| self.members.holder_of(key));
        let stays = holders.into_iter().any(|leaf| !self.queue.removes(leaf));
        if stays || self.queue.uses_any(&keys) {
            return Err(rules::RuleViolation::KeyInUse.into());
        }
        Ok(())
    }

    /// Whoever enters gets tree and Welcome in one envelope. If that would be too large, nobody could
    /// enter any more, so who would make it so stays out.
    fn check_fits(&self, new: &KeyPackage) -> Result<(), FollowError> {
        let newcomers = self.queue.bytes().saturating_add(entry_bytes(new));
        let bytes = self.tree_bytes.saturating_add(newcomers);
        if bytes > MAX_ENTRY_BYTES {
            return Err(FollowError::TreeFull);
        }
        Ok(())
    }

    fn queue(&mut self, message: &MlsMessageOut) -> Result<Proposed, FollowError> {
        let bytes = message
            .to_bytes()
            .map(Blob::new)
            .map_err(|e| GroupError::library("encoding", &e))?;
        let (reference, _) = self.take_proposal(&bytes)?;
        Ok(Proposed {
            message: bytes,
            reference,
        })
    }

    /// Verifies a proposal of the service and queues it.
    fn take_proposal(
        &mut self,
        message: &Blob,
    ) -> Result<(ProposalReference, Proposal), FollowError> {
        let proposal = decode::proposal(message)?;
        let processed = self
            .group
            .process_message(self.provider.crypto(), proposal)
            .map_err(|e| GroupError::invalid("the proposal", &e))?;
        let ProcessedMessageContent::ProposalMessage(proposal) = processed.into_content() else {
            return Err(GroupError::Malformed("a proposal").into());
        };
        rules::check_proposal(&proposal, self.group.ciphersuite())?;
        let reference = proposal.proposal_reference_ref().clone();
        let content = proposal.proposal().clone();
        self.queue.insert(reference.clone(), &content)?;
        self.group
            .add_proposal(self.provider.storage(), *proposal)
            .map_err(|e| GroupError::library("queueing a proposal", &e))?;
        Ok((ProposalReference(reference), content))
    }
}

/// A key package that names whoever brings it, and its raw signature key.
fn check_own(
    key_package: &Blob,
    participant: &ParticipantId,
    suite: MlsSuite,
) -> Result<(KeyPackage, Blob), FollowError> {
    let key_package = decode::key_package(&Provider::default(), key_package)?;
    let named = rules::check_key_package(&key_package, suite.mls())?;
    if named != *participant {
        return Err(FollowError::NotYours(named.to_string()));
    }
    let key = key_package.leaf_node().signature_key().as_slice().to_vec();
    Ok((key_package, Blob::new(key)))
}
