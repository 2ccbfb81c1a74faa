//! What a newcomer checks before it enters a group, and the way in over one's own old leaf: an
//! external commit. The other way in is an [`Invitation`](super::Invitation).

use std::sync::Arc;

use super::provider::Provider;
use openmls::prelude::{
    Ciphersuite, Extensions, GroupContext, LeafNodeParameters, Member, MlsGroup,
    MlsGroupJoinConfig, OpenMlsProvider,
};

use super::engine::{Engine, encode};
use super::{GroupError, Identity, MlsSuite, RoomPolicy, decode, rules, terms};
use crate::delivery::{Blob, ExternalSenderInfo};
use crate::id::{Epoch, GroupId, LeafIndex};
use crate::trust::{CredentialValidator, Occasion};

/// What a newcomer holds a group against before it enters.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) policy: RoomPolicy,
    pub(crate) external_sender: ExternalSenderInfo,
    pub(crate) validator: Arc<dyn CredentialValidator>,
    /// The suites that we accept, and that our leaf says we can do. The policy names one of them.
    pub(crate) accepted: Vec<MlsSuite>,
}

impl Door {
    /// Whether it leads into a group of the same terms. Whether it is locked is not asked: that
    /// changes, and the log says how.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let policy = RoomPolicy {
            locked: self.policy.locked,
            ..other.policy.clone()
        };
        self.policy == policy && self.external_sender == other.external_sender
    }

    pub(super) fn check(
        &self,
        suite: Ciphersuite,
        extensions: &Extensions<GroupContext>,
        members: impl Iterator<Item = Member>,
    ) -> Result<(), GroupError> {
        terms::check(suite, extensions, &self.policy, &self.external_sender)?;
        for member in members {
            LeafIndex::try_from(member.index.u32()).map_err(|_| GroupError::TooLarge)?;
            let there = (&self.policy.room, Occasion::Present);
            let key = &member.signature_key;
            rules::check_key(&*self.validator, there, &member.credential, key)?;
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
        let capabilities = terms::capabilities(&door.accepted);
        let leaf = LeafNodeParameters::builder().with_capabilities(capabilities);
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
        door.check(group.ciphersuite(), group.extensions(), group.members())?;
        let (commit, _, group_info) = bundle.into_messages();
        let epoch = Epoch::new(group.epoch().as_u64().saturating_sub(1));
        Ok(Self {
            epoch,
            commit: encode(&commit)?,
            group_info: encode(&group_info.ok_or(GroupError::Crypto)?)?,
            engine: Engine::new(provider, group, door),
        })
    }

    /// The commit was accepted.
    pub(crate) fn into_engine(self) -> Engine {
        self.engine
    }
}

pub(super) fn join_config() -> MlsGroupJoinConfig {
    MlsGroupJoinConfig::builder()
        .wire_format_policy(terms::wire_format_policy())
        .use_ratchet_tree_extension(false)
        .max_past_epochs(0)
        .build()
}
