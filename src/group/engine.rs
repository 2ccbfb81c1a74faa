//! The member's side of the MLS library: the only file that holds an `MlsGroup`.
//!
//! Nothing here decides anything. What is processed is staged, looked at by the caller, and merged
//! only when the service has accepted it; our own commit included.

use openmls::prelude::tls_codec::Serialize as _;
use openmls::prelude::{
    CredentialWithKey, KeyPackage, LeafNodeIndex, MlsGroup, MlsGroupJoinConfig, MlsMessageOut,
    OpenMlsProvider, OpenMlsRand, ProcessedMessageContent, Proposal, Sender, StagedCommit,
    StagedWelcome,
};
use openmls_basic_credential::SignatureKeyPair;
use openmls_rust_crypto::OpenMlsRustCrypto;

use super::{GroupError, RoomPolicy, Roster, credential, decode, rules, terms};
use crate::delivery::{Blob, ExternalSenderInfo};
use crate::epoch::{EpochSecrets, GroupCode};
use crate::id::{Epoch, GroupId, LeafIndex, ParticipantId};
use crate::schedule::{EXPORTER, ExportedSecret, HASH_LEN, exporter_context};
use crate::secret::Secret;

/// A participant's name and the Ed25519 key that signs for it.
pub struct Identity {
    participant: ParticipantId,
    signer: SignatureKeyPair,
}

impl Identity {
    /// Draws a new signature key for a participant.
    ///
    /// # Errors
    /// [`GroupError::Crypto`] when the system has no randomness.
    pub fn generate(participant: ParticipantId) -> Result<Self, GroupError> {
        let scheme = terms::CIPHERSUITE.signature_algorithm();
        let signer = SignatureKeyPair::new(scheme).map_err(|_| GroupError::Crypto)?;
        Ok(Self {
            participant,
            signer,
        })
    }

    /// Who it is.
    pub fn participant(&self) -> &ParticipantId {
        &self.participant
    }

    fn credential(&self) -> CredentialWithKey {
        CredentialWithKey {
            credential: credential::of(&self.participant),
            signature_key: self.signer.to_public_vec().into(),
        }
    }
}

/// What the creator of a group sends to the service.
pub(crate) struct Creation {
    pub(crate) group_info: Blob,
    pub(crate) tree: Blob,
}

/// What a committer sends to the service.
pub(crate) struct CommitBundle {
    pub(crate) commit: Blob,
    pub(crate) welcome: Option<Blob>,
    pub(crate) group_info: Blob,
}

/// An accepted message, staged where it is a commit.
pub(crate) enum Processed {
    /// A proposal of the service; it is queued for the next commit.
    Proposal,
    /// Somebody else's commit.
    Commit(Box<StagedCommit>),
    /// The echo of our own pending commit.
    OwnCommit,
    /// An application message and the leaf that signed it.
    Application(LeafIndex, Vec<u8>),
    /// The echo of our own application message.
    OwnApplication,
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
    provider: OpenMlsRustCrypto,
    group: MlsGroup,
}

/// A key package that waits for its Welcome, with the private keys that open it.
pub(crate) struct Invitation {
    provider: OpenMlsRustCrypto,
    key_package: Blob,
}

impl Invitation {
    /// Makes a key package to be used once.
    pub(crate) fn new(identity: &Identity) -> Result<Self, GroupError> {
        let provider = OpenMlsRustCrypto::default();
        let bundle = KeyPackage::builder()
            .leaf_node_capabilities(terms::capabilities())
            .build(
                terms::CIPHERSUITE,
                &provider,
                &identity.signer,
                identity.credential(),
            )
            .map_err(|e| GroupError::library("making a key package", &e))?;
        let message = MlsMessageOut::from(bundle.key_package().clone());
        let key_package = encode(&message)?;
        Ok(Self {
            provider,
            key_package,
        })
    }

    pub(crate) fn key_package(&self) -> &Blob {
        &self.key_package
    }

    /// Joins by the Welcome, which must lead into a group of exactly these terms.
    pub(crate) fn accept(
        self,
        welcome: &Blob,
        tree: &Blob,
        policy: &RoomPolicy,
        external_sender: &ExternalSenderInfo,
    ) -> Result<Engine, GroupError> {
        let (welcome, tree) = (decode::welcome(welcome)?, decode::tree(tree)?);
        let config = MlsGroupJoinConfig::builder()
            .wire_format_policy(terms::wire_format_policy())
            .use_ratchet_tree_extension(false)
            .max_past_epochs(0)
            .build();
        // Lifetimes were checked when the key packages were admitted. A leaf that has not been
        // renewed since must not keep a newcomer out, nor must a clock that is off.
        let staged = StagedWelcome::build_from_welcome(&self.provider, &config, welcome)
            .map_err(|e| GroupError::invalid("the Welcome", &e))?
            .with_ratchet_tree(tree)
            .skip_lifetime_validation()
            .build()
            .map_err(|e| GroupError::invalid("the Welcome", &e))?;
        terms::check(staged.group_context().extensions(), policy, external_sender)?;
        for member in staged.members() {
            LeafIndex::try_from(member.index.u32()).map_err(|_| GroupError::TooLarge)?;
            credential::participant(&member.credential)?;
        }
        let group = staged
            .into_group(&self.provider)
            .map_err(|e| GroupError::invalid("the Welcome", &e))?;
        Ok(Engine {
            provider: self.provider,
            group,
        })
    }
}

impl Engine {
    /// Creates a one-member group with the room's terms.
    pub(crate) fn create(
        identity: &Identity,
        group_id: GroupId,
        policy: &RoomPolicy,
        external_sender: &ExternalSenderInfo,
    ) -> Result<(Self, Creation), GroupError> {
        let provider = OpenMlsRustCrypto::default();
        let group = MlsGroup::builder()
            .with_group_id(openmls::group::GroupId::from_slice(group_id.as_bytes()))
            .ciphersuite(terms::CIPHERSUITE)
            .with_capabilities(terms::capabilities())
            .with_group_context_extensions(terms::extensions(policy, external_sender)?)
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
        Ok((Self { provider, group }, creation))
    }

    /// Sixteen random bytes.
    pub(crate) fn random_group_id() -> Result<GroupId, GroupError> {
        let rand = OpenMlsRustCrypto::default();
        rand.rand()
            .random_array()
            .map(GroupId::new)
            .map_err(|_| GroupError::Crypto)
    }

    /// Makes sure that the Welcome led into the group that the envelope named.
    pub(crate) fn expect_group(self, group_id: GroupId) -> Result<Self, GroupError> {
        let same = self.group.group_id().as_slice() == group_id.as_bytes();
        if same {
            Ok(self)
        } else {
            Err(GroupError::Malformed("a Welcome into the named group"))
        }
    }

    /// Takes an accepted message. A proposal is queued if the rules allow it.
    pub(crate) fn process(&mut self, message: &Blob) -> Result<Processed, GroupError> {
        let message = decode::protocol_message(message)?;
        let processed = self
            .group
            .process_message(&self.provider, message)
            .map_err(|e| GroupError::invalid("the message", &e))?;
        let sender = processed.sender().clone();
        match processed.into_content() {
            ProcessedMessageContent::ProposalMessage(proposal) => {
                rules::check_proposal(&proposal)?;
                self.group
                    .store_pending_proposal(self.provider.storage(), *proposal)
                    .map_err(|e| GroupError::library("storing a proposal", &e))?;
                Ok(Processed::Proposal)
            }
            ProcessedMessageContent::StagedCommitMessage(staged) => {
                let signature_key = |leaf| {
                    let mut members = self.group.members();
                    members.find(|m| m.index == leaf).map(|m| m.signature_key)
                };
                let before = rules::Before {
                    roster: &self.roster(),
                    terms: self.group.extensions(),
                    removing: &self.removing(),
                    signature_key: &signature_key,
                };
                rules::check_commit(&staged, &sender, &before)?;
                Ok(Processed::Commit(staged))
            }
            ProcessedMessageContent::OwnPendingCommit => Ok(Processed::OwnCommit),
            ProcessedMessageContent::ApplicationMessage(message) => {
                let Sender::Member(leaf) = sender else {
                    return Err(GroupError::Malformed("a member's message"));
                };
                Ok(Processed::Application(to_leaf(leaf)?, message.into_bytes()))
            }
            ProcessedMessageContent::OwnPrivateMessage => Ok(Processed::OwnApplication),
            _ => Err(GroupError::Malformed("a message of a known kind")),
        }
    }

    /// Builds a commit of all queued proposals. The group changes only by [`Self::merge_own`].
    pub(crate) fn commit(
        &mut self,
        identity: &Identity,
        renew_leaf: bool,
    ) -> Result<CommitBundle, GroupError> {
        let provider = &self.provider;
        let bundle = self
            .group
            .commit_builder()
            .force_self_update(renew_leaf)
            .load_psks(provider.storage())
            .map_err(|e| GroupError::library("building a commit", &e))?
            .create_group_info(true)
            .use_ratchet_tree_extension(false)
            .build(provider.rand(), provider.crypto(), &identity.signer, |_| {
                true
            })
            .map_err(|e| GroupError::library("building a commit", &e))?
            .stage_commit(provider)
            .map_err(|e| GroupError::library("building a commit", &e))?;
        let (commit, welcome, group_info) = bundle.into_messages();
        Ok(CommitBundle {
            commit: encode(&commit)?,
            welcome: welcome.as_ref().map(encode).transpose()?,
            group_info: encode(&group_info.ok_or(GroupError::Crypto)?)?,
        })
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

    /// The leaves whose Remove is proposed.
    fn removing(&self) -> Vec<LeafIndex> {
        let removes = self
            .group
            .pending_proposals()
            .filter_map(|queued| match queued.proposal() {
                Proposal::Remove(remove) => to_leaf(remove.removed()).ok(),
                _ => None,
            });
        removes.collect()
    }

    /// Whether proposals are queued.
    pub(crate) fn has_proposals(&self) -> bool {
        self.group.pending_proposals().next().is_some()
    }

    /// Our own leaf.
    pub(crate) fn own_leaf(&self) -> Result<LeafIndex, GroupError> {
        to_leaf(self.group.own_leaf_index())
    }

    /// Who sits where. Credentials were checked when they came in.
    pub(crate) fn roster(&self) -> Roster {
        Roster::new(self.group.members().filter_map(|member| {
            let leaf = LeafIndex::try_from(member.index.u32()).ok()?;
            Some((leaf, credential::participant(&member.credential).ok()?))
        }))
    }

    /// What media needs of the current epoch.
    pub(crate) fn secrets(
        &self,
        group_id: GroupId,
        policy: &RoomPolicy,
    ) -> Result<EpochSecrets, GroupError> {
        let context = exporter_context(group_id);
        let exported = self
            .group
            .export_secret(self.provider.crypto(), EXPORTER, &context, HASH_LEN)
            .map_err(|e| GroupError::library("exporting", &e))?;
        Ok(EpochSecrets {
            group_id,
            epoch: self.epoch(),
            own_leaf: self.own_leaf()?,
            roster: self.roster(),
            profile: policy.profile,
            exported: ExportedSecret::new(Secret::new(exported)),
        })
    }

    /// The epoch authenticator (RFC 9420 §8.7) as the code that people compare.
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
    let removed = staged.remove_proposals().filter_map(|remove| {
        let leaf = to_leaf(remove.remove_proposal().removed()).ok()?;
        before
            .occupant(leaf)
            .map(|member| ParticipantId::clone(member))
    });
    RosterChange {
        added: added.collect(),
        removed: removed.collect(),
    }
}

fn to_leaf(leaf: LeafNodeIndex) -> Result<LeafIndex, GroupError> {
    LeafIndex::try_from(leaf.u32()).map_err(|_| GroupError::TooLarge)
}

fn encode(message: &MlsMessageOut) -> Result<Blob, GroupError> {
    message
        .to_bytes()
        .map(Blob::new)
        .map_err(|e| GroupError::library("encoding", &e))
}
