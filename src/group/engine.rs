//! The member's side of the MLS library: the only place that holds an `MlsGroup`. Here are its epochs;
//! [`taking`] takes what the log brings, [`committing`] makes the commits, [`members`] looks at who is
//! there.
//!
//! Nothing here decides anything. What is processed is staged, looked at by the caller, and merged
//! only when the service has accepted it; our own commit included.

mod committing;
mod members;
mod taking;

use std::sync::Arc;

use super::provider::{Provider, StoredValues};
use openmls::prelude::tls_codec::Serialize as _;
use openmls::prelude::{
    LeafNodeIndex, MlsGroup, MlsMessageOut, OpenMlsProvider, OpenMlsRand, Proposal, StagedCommit,
};

use super::{
    Door, GroupError, Identity, MlsSuite, RoomPolicy, Roster, RuleViolation, credential, rules,
    terms,
};
use crate::delivery::Blob;
use crate::epoch::{EpochSecrets, GroupCode};
use crate::id::{Epoch, GroupId, LeafIndex, ParticipantId};
use crate::schedule::{
    BaseKey, EXPORTER, ExportedSecret, HASH_LEN, MediaMode, MediaSecret, SFRAME_EXPORTER,
    exporter_context,
};
use crate::secret::Secret;
use crate::trust::CredentialValidator;

/// What the creator of a group sends to the service.
pub(crate) struct Creation {
    pub(crate) group_info: Blob,
    pub(crate) tree: Blob,
}

/// How a commit refers to a proposal (RFC 9420 §5.2).
pub(crate) type ProposalRef = openmls::prelude::hash_ref::ProposalRef;

/// What a committer sends to the service.
pub(crate) struct CommitBundle {
    /// The Adds that had to be left out, and why: with them there would have been no commit.
    pub(crate) declined: Vec<(ProposalRef, String)>,
    pub(crate) commit: Blob,
    pub(crate) welcome: Option<Blob>,
    pub(crate) group_info: Blob,
}

/// An accepted commit.
pub(crate) enum Accepted {
    /// The echo of our own pending one.
    Own,
    /// Somebody else's, its author, and what in it breaks the rules.
    Other(Box<StagedCommit>, LeafIndex, Option<Offence>),
}

/// What a commit did that it may not.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Offence {
    pub(crate) violation: RuleViolation,
    /// Whom it brought in against the rules, by signature key, and what is wrong with each.
    pub(crate) intruders: Vec<(Vec<u8>, RuleViolation)>,
}

/// A queued proposal.
pub(crate) struct Proposed {
    pub(crate) reference: ProposalRef,
    /// Whether it is a Remove.
    pub(crate) removes: bool,
    /// What keeps us from committing it, if it is an Add. It is queued all the same: somebody else
    /// may commit it.
    pub(crate) objection: Option<RuleViolation>,
}

/// The leaves that a commit filled and emptied.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RosterChange {
    /// Who came.
    pub added: Vec<ParticipantId>,
    /// Who went.
    pub removed: Vec<ParticipantId>,
}

/// One member's view of one group.
pub(crate) struct Engine {
    provider: Provider,
    group: MlsGroup,
    validator: Arc<dyn CredentialValidator>,
    /// What our leaf says we can do, whenever it is renewed.
    accepted: Vec<MlsSuite>,
}

impl Engine {
    pub(super) fn new(provider: Provider, group: MlsGroup, door: &Door) -> Self {
        Self {
            provider,
            group,
            validator: Arc::clone(&door.validator),
            accepted: door.accepted.clone(),
        }
    }

    /// Creates a one-member group with the room's terms.
    pub(crate) fn create(
        provider: Provider,
        identity: &Identity,
        group_id: GroupId,
        door: &Door,
    ) -> Result<(Self, Creation), GroupError> {
        let group = MlsGroup::builder()
            .with_group_id(openmls::group::GroupId::from_slice(group_id.as_bytes()))
            .ciphersuite(door.policy.ciphersuite.mls())
            .with_capabilities(terms::capabilities(&door.accepted))
            .with_group_context_extensions(terms::extensions(&door.policy, &door.external_sender)?)
            .with_wire_format_policy(terms::wire_format_policy())
            .use_ratchet_tree_extension(false)
            .max_past_epochs(0)
            .build(&provider, &identity.signer, identity.credential())
            .map_err(|e| GroupError::library("creating a group", &e))?;
        let group_info = group
            .export_group_info(provider.crypto(), &identity.signer, false)
            .map_err(|e| GroupError::library("exporting the GroupInfo", &e))?;
        let tree = group
            .export_ratchet_tree()
            .tls_serialize_detached()
            .map_err(|e| GroupError::library("exporting the tree", &e))?;
        let creation = Creation {
            group_info: encode(&group_info)?,
            tree: Blob::new(tree),
        };
        Ok((Self::new(provider, group, door), creation))
    }

    /// Sixteen random bytes.
    pub(crate) fn random_group_id() -> Result<GroupId, GroupError> {
        let rand = Provider::default();
        rand.rand()
            .random_array()
            .map(GroupId::new)
            .map_err(|_| GroupError::Crypto)
    }

    /// Forgets a queued proposal, which was withdrawn.
    pub(crate) fn forget_proposal(&mut self, reference: &ProposalRef) {
        // Gone already is as good.
        let _ = self
            .group
            .remove_pending_proposal(self.provider.storage(), reference);
    }

    /// Goes on to the epoch of our own commit, which the service has accepted.
    pub(crate) fn merge_own(&mut self) -> Result<RosterChange, GroupError> {
        let pending = self.group.pending_commit();
        let change = pending
            .map(|staged| change_of(staged, &self.roster()))
            .unwrap_or_default();
        self.group
            .merge_pending_commit(&self.provider)
            .map_err(|e| GroupError::library("merging", &e))?;
        self.after_merge()?;
        Ok(change)
    }

    /// Goes on to the epoch of somebody else's accepted commit; our own pending one is dropped.
    pub(crate) fn merge(&mut self, staged: StagedCommit) -> Result<RosterChange, GroupError> {
        let change = change_of(&staged, &self.roster());
        self.group
            .merge_staged_commit(&self.provider, staged)
            .map_err(|e| GroupError::library("merging", &e))?;
        self.after_merge()?;
        Ok(change)
    }

    fn after_merge(&mut self) -> Result<(), GroupError> {
        // A proposal dies with its epoch; one left over would poison the next commit.
        self.group
            .clear_pending_proposals(self.provider.storage())
            .map_err(|e| GroupError::library("clearing proposals", &e))
    }

    /// Drops our own pending commit: the service refused it.
    pub(crate) fn discard_own(&mut self) -> Result<(), GroupError> {
        self.group
            .clear_pending_commit(self.provider.storage())
            .map_err(|e| GroupError::library("dropping a commit", &e))
    }

    /// Encrypts an application message for the current epoch.
    pub(crate) fn encrypt(
        &mut self,
        identity: &Identity,
        message: &[u8],
    ) -> Result<Blob, GroupError> {
        let message = self
            .group
            .create_message(&self.provider, &identity.signer, message)
            .map_err(|e| GroupError::library("encrypting a message", &e))?;
        encode(&message)
    }

    /// The current epoch.
    pub(crate) fn epoch(&self) -> Epoch {
        Epoch::new(self.group.epoch().as_u64())
    }

    /// Whether the last merged commit left us in the group.
    pub(crate) fn is_member(&self) -> bool {
        self.group.is_active()
    }

    /// Whether a commit of our own waits for the service's word.
    pub(crate) fn has_pending_commit(&self) -> bool {
        self.group.pending_commit().is_some()
    }

    /// Whether the group still states these terms.
    pub(crate) fn states(&self, door: &Door) -> bool {
        let (suite, stated) = (self.group.ciphersuite(), self.group.extensions());
        terms::check(suite, stated, &door.policy, &door.external_sender).is_ok()
    }

    /// Everything that the MLS library keeps of the group, secrets included; `None` if that is not
    /// enough to load it again.
    pub(crate) fn save(&self) -> Option<StoredValues> {
        self.provider.storage().values()
    }

    /// The group as [`Self::save`] left it, to be saved again later.
    pub(crate) fn load(
        group_id: GroupId,
        saved: StoredValues,
        door: &Door,
    ) -> Result<Self, GroupError> {
        let provider = Provider::new(true);
        provider.storage().put(saved);
        let group_id = openmls::group::GroupId::from_slice(group_id.as_bytes());
        let group = MlsGroup::load(provider.storage(), &group_id)
            .map_err(|e| GroupError::library("loading a group", &e))?
            .ok_or(GroupError::Malformed("a saved group"))?;
        Ok(Self::new(provider, group, door))
    }

    /// What media needs of the current epoch.
    pub(crate) fn secrets(
        &self,
        group_id: GroupId,
        policy: &RoomPolicy,
    ) -> Result<EpochSecrets, GroupError> {
        let media = match policy.mode {
            MediaMode::Srtp(profile) => {
                let context = exporter_context(group_id);
                let exported = self.export(EXPORTER, &context, HASH_LEN)?;
                MediaSecret::Srtp(profile, ExportedSecret::new(exported))
            }
            MediaMode::Sframe(suite) => {
                let exported = self.export(SFRAME_EXPORTER, &[], suite.key_len())?;
                let key = BaseKey::new(suite, exported);
                MediaSecret::Sframe(key.ok_or(GroupError::Malformed("an exported secret"))?)
            }
        };
        Ok(EpochSecrets {
            group_id,
            epoch: self.epoch(),
            own_leaf: self.own_leaf()?,
            roster: self.roster(),
            media,
        })
    }

    /// The MLS exporter (RFC 9420 §8.5).
    fn export(&self, label: &str, context: &[u8], len: usize) -> Result<Secret, GroupError> {
        self.group
            .export_secret(self.provider.crypto(), label, context, len)
            .map(Secret::new)
            .map_err(|e| GroupError::library("exporting", &e))
    }

    /// The epoch authenticator (RFC 9420 §8.7).
    pub(crate) fn epoch_authenticator(&self) -> Secret {
        Secret::new(self.group.epoch_authenticator().as_slice().to_vec())
    }

    /// The epoch authenticator as the code that people compare.
    pub(crate) fn code(&self) -> GroupCode {
        GroupCode::new(self.group.epoch_authenticator().as_slice())
    }

    /// SHA-256 of the epoch authenticator, for the service to find forks with.
    pub(crate) fn authenticator_hash(&self) -> Blob {
        use sha2::{Digest, Sha256};
        let authenticator = self.group.epoch_authenticator();
        Blob::new(Sha256::digest(authenticator.as_slice()).to_vec())
    }
}

/// Who a commit adds and removes. A device that comes back is both, so the rosters alone would
/// not show it.
fn change_of(staged: &StagedCommit, before: &Roster) -> RosterChange {
    let added = staged.add_proposals().filter_map(|add| {
        let leaf = add.add_proposal().key_package().leaf_node();
        credential::participant(leaf.credential()).ok()
    });
    // An external commit brings its own author.
    let external = staged
        .queued_proposals()
        .any(|queued| matches!(queued.proposal(), Proposal::ExternalInit(_)));
    let returned = external.then(|| rules::external_joiner(staged).ok());
    let removed = staged.remove_proposals().filter_map(|remove| {
        let leaf = to_leaf(remove.remove_proposal().removed()).ok()?;
        before
            .occupant(leaf)
            .map(|member| ParticipantId::clone(member))
    });
    RosterChange {
        added: added.chain(returned.flatten()).collect(),
        removed: removed.collect(),
    }
}

pub(super) fn to_leaf(leaf: LeafNodeIndex) -> Result<LeafIndex, GroupError> {
    LeafIndex::try_from(leaf.u32()).map_err(|_| GroupError::TooLarge)
}

pub(super) fn encode(message: &MlsMessageOut) -> Result<Blob, GroupError> {
    message
        .to_bytes()
        .map(Blob::new)
        .map_err(|e| GroupError::library("encoding", &e))
}
