//! The ways into a group that exists: a Welcome, or an external commit over one's own old leaf.

use std::sync::Arc;

use super::provider::Provider;
use openmls::prelude::{
    Extensions, GroupContext, KeyPackage, KeyPackageRef, LeafNodeParameters, Member, MlsGroup,
    MlsGroupJoinConfig, MlsMessageOut, OpenMlsProvider, StagedWelcome,
};

use super::engine::{Engine, encode};
use super::{
    CredentialValidator, GroupError, Identity, RoomPolicy, credential, decode, rules, terms,
};
use crate::delivery::{Blob, ExternalSenderInfo};
use crate::id::{Epoch, GroupId, LeafIndex};

/// A key package that waits for its Welcome, with the private keys that open it.
pub(crate) struct Invitation {
    provider: Provider,
    key_package: Blob,
    reference: KeyPackageRef,
}

impl Invitation {
    /// Makes a key package to be used once.
    pub(crate) fn new(provider: Provider, identity: &Identity) -> Result<Self, GroupError> {
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
        let reference = bundle.key_package().hash_ref(provider.crypto());
        let reference = reference.map_err(|e| GroupError::library("hashing", &e))?;
        Ok(Self {
            provider,
            key_package,
            reference,
        })
    }

    pub(crate) fn key_package(&self) -> &Blob {
        &self.key_package
    }

    /// Whether the Welcome is for this key package, and not for one that we have replaced since.
    pub(crate) fn is_meant_by(&self, welcome: &Blob) -> Result<bool, GroupError> {
        let secrets = decode::welcome(welcome)?;
        let mut invited = secrets.secrets().iter();
        Ok(invited.any(|secret| secret.new_member() == self.reference))
    }

    /// Joins by the Welcome, which must lead into that group, of exactly these terms, and among
    /// people who are all trusted.
    pub(crate) fn accept(
        self,
        (group_id, welcome, tree): (GroupId, &Blob, &Blob),
        door: &Door,
    ) -> Result<Engine, GroupError> {
        let (welcome, tree) = (decode::welcome(welcome)?, decode::tree(tree)?);
        // Lifetimes were checked when the key packages were admitted. A leaf that has not been
        // renewed since must not keep a newcomer out, nor must a clock that is off.
        let staged = StagedWelcome::build_from_welcome(&self.provider, &join_config(), welcome)
            .map_err(|e| GroupError::invalid("the Welcome", &e))?
            .with_ratchet_tree(tree)
            .skip_lifetime_validation()
            .build()
            .map_err(|e| GroupError::invalid("the Welcome", &e))?;
        let context = staged.group_context();
        if context.group_id().as_slice() != group_id.as_bytes() {
            return Err(GroupError::Malformed("a Welcome into the named group"));
        }
        door.check(context.extensions(), staged.members())?;
        let group = staged
            .into_group(&self.provider)
            .map_err(|e| GroupError::invalid("the Welcome", &e))?;
        Ok(Engine::new(self.provider, group, &door.validator))
    }
}

/// What a newcomer holds a group against before it enters.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) policy: RoomPolicy,
    pub(crate) external_sender: ExternalSenderInfo,
    pub(crate) validator: Arc<dyn CredentialValidator>,
}

impl Door {
    fn check(
        &self,
        extensions: &Extensions<GroupContext>,
        members: impl Iterator<Item = Member>,
    ) -> Result<(), GroupError> {
        terms::check(extensions, &self.policy, &self.external_sender)?;
        for member in members {
            LeafIndex::try_from(member.index.u32()).map_err(|_| GroupError::TooLarge)?;
            let participant = credential::participant(&member.credential)?;
            rules::check_key(&*self.validator, participant, &member.signature_key)?;
        }
        Ok(())
    }
}

/// A group entered by an external commit of our own, as it will be once the commit is accepted.
///
/// The MLS library merges an external commit as soon as it is made. So this is built beside
/// everything else, on a storage of its own, and thrown away if the service refuses the commit.
pub(crate) struct Return {
    /// The epoch that the commit ends.
    pub(crate) epoch: Epoch,
    pub(crate) commit: Blob,
    pub(crate) group_info: Blob,
    engine: Engine,
}

impl Return {
    /// Builds the commit that takes back the leaf of our own signature key.
    pub(crate) fn new(
        provider: Provider,
        identity: &Identity,
        (group_id, group_info, tree): (GroupId, &Blob, &Blob),
        door: &Door,
    ) -> Result<Self, GroupError> {
        let info = decode::group_info(group_info)?;
        if info.group_context().group_id().as_slice() != group_id.as_bytes() {
            return Err(GroupError::Malformed("a GroupInfo of the named group"));
        }
        let invalid = |e: &dyn std::fmt::Display| GroupError::invalid("the GroupInfo", &e);
        let leaf = LeafNodeParameters::builder().with_capabilities(terms::capabilities());
        let (group, bundle) = MlsGroup::external_commit_builder()
            .with_ratchet_tree(decode::tree(tree)?)
            .with_config(join_config())
            .skip_lifetime_validation()
            .build_group(&provider, info, identity.credential())
            .map_err(|e| invalid(&e))?
            .leaf_node_parameters(leaf.build())
            .load_psks(provider.storage())
            .map_err(|e| invalid(&e))?
            .create_group_info(true)
            .use_ratchet_tree_extension(false)
            .build(provider.rand(), provider.crypto(), &identity.signer, |_| {
                true
            })
            .map_err(|e| invalid(&e))?
            .finalize(&provider)
            .map_err(|e| invalid(&e))?;
        door.check(group.extensions(), group.members())?;
        let (commit, _, group_info) = bundle.into_messages();
        let epoch = Epoch::new(group.epoch().as_u64().saturating_sub(1));
        Ok(Self {
            epoch,
            commit: encode(&commit)?,
            group_info: encode(&group_info.ok_or(GroupError::Crypto)?)?,
            engine: Engine::new(provider, group, &door.validator),
        })
    }

    /// The commit was accepted.
    pub(crate) fn into_engine(self) -> Engine {
        self.engine
    }
}

fn join_config() -> MlsGroupJoinConfig {
    MlsGroupJoinConfig::builder()
        .wire_format_policy(terms::wire_format_policy())
        .use_ratchet_tree_extension(false)
        .max_past_epochs(0)
        .build()
}
