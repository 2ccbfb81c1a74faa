//! A key package of our own, and the way into a group by the Welcome for it.

use openmls::prelude::{
    Ciphersuite, KeyPackage, KeyPackageRef, MlsMessageOut, OpenMlsProvider, StagedWelcome,
};
use serde::{Deserialize, Serialize};

use super::engine::{Engine, encode};
use super::entry::{Door, join_config};
use super::provider::{Provider, StoredValues};
use super::{GroupError, Identity, decode, terms};
use crate::delivery::Blob;
use crate::id::GroupId;

/// A key package that waits for its Welcome, with the private keys that open it.
pub(crate) struct Invitation {
    provider: Provider,
    key_package: Blob,
    reference: KeyPackageRef,
    is_last_resort: bool,
    suite: Ciphersuite,
}

/// An [`Invitation`] to be kept. It holds private keys.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredInvitation {
    key_package: Blob,
    is_last_resort: bool,
    values: StoredValues,
}

impl Invitation {
    /// Makes a key package to be used once, for a room of those terms.
    pub(crate) fn new(
        provider: Provider,
        identity: &Identity,
        door: &Door,
    ) -> Result<Self, GroupError> {
        Self::make(provider, identity, door, false)
    }

    /// Makes a key package to be used when no other is left, as often as need be (RFC 9420 §16.8).
    pub(crate) fn last_resort(
        provider: Provider,
        identity: &Identity,
        door: &Door,
    ) -> Result<Self, GroupError> {
        Self::make(provider, identity, door, true)
    }

    fn make(
        provider: Provider,
        identity: &Identity,
        door: &Door,
        is_last_resort: bool,
    ) -> Result<Self, GroupError> {
        let builder = KeyPackage::builder();
        let builder = if is_last_resort {
            let listed = terms::last_resort_capabilities(&door.accepted);
            builder.leaf_node_capabilities(listed).mark_as_last_resort()
        } else {
            builder.leaf_node_capabilities(terms::capabilities(&door.accepted))
        };
        let suite = door.policy.ciphersuite.mls();
        let bundle = builder
            .build(suite, &provider, &identity.signer, identity.credential())
            .map_err(|e| GroupError::library("making a key package", &e))?;
        let message = MlsMessageOut::from(bundle.key_package().clone());
        let key_package = encode(&message)?;
        let reference = bundle.key_package().hash_ref(provider.crypto());
        let reference = reference.map_err(|e| GroupError::library("hashing", &e))?;
        Ok(Self {
            provider,
            key_package,
            reference,
            is_last_resort,
            suite,
        })
    }

    /// Goes on with one that was kept.
    ///
    /// # Errors
    /// [`GroupError`] if its key package is none, or none any more: its lifetime may be over.
    pub(crate) fn load(provider: Provider, stored: StoredInvitation) -> Result<Self, GroupError> {
        let key_package = decode::key_package(&provider, &stored.key_package)?;
        let reference = key_package.hash_ref(provider.crypto());
        provider.storage().put(stored.values);
        Ok(Self {
            reference: reference.map_err(|e| GroupError::library("hashing", &e))?,
            suite: key_package.ciphersuite(),
            provider,
            key_package: stored.key_package,
            is_last_resort: stored.is_last_resort,
        })
    }

    /// What [`Self::load`] needs.
    pub(crate) fn store(&self) -> StoredInvitation {
        StoredInvitation {
            key_package: self.key_package.clone(),
            is_last_resort: self.is_last_resort,
            values: self.provider.storage().all(),
        }
    }

    /// Another one of the same key package, on a storage of its own: to enter a group takes one.
    pub(crate) fn again(&self, provider: Provider) -> Self {
        provider.storage().put(self.provider.storage().all());
        Self {
            provider,
            key_package: self.key_package.clone(),
            reference: self.reference.clone(),
            is_last_resort: self.is_last_resort,
            suite: self.suite,
        }
    }

    pub(crate) fn key_package(&self) -> &Blob {
        &self.key_package
    }

    pub(crate) fn is_last_resort(&self) -> bool {
        self.is_last_resort
    }

    /// Whether a room of those terms can use it.
    pub(crate) fn is_for(&self, door: &Door) -> bool {
        self.suite == door.policy.ciphersuite.mls()
    }

    /// Whether the Welcome is for this key package, and not for another one of this device.
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
        door.check(
            context.ciphersuite(),
            context.extensions(),
            staged.members(),
        )?;
        let group = staged
            .into_group(&self.provider)
            .map_err(|e| GroupError::invalid("the Welcome", &e))?;
        Ok(Engine::new(self.provider, group, door))
    }
}
