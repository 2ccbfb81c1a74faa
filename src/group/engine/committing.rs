//! Commits of our own, without the Adds that cannot be committed.

use openmls::prelude::{LeafNodeParameters, MlsMessageOut, OpenMlsProvider, Proposal, Sender};

use super::super::{GroupError, Identity, rules, terms};
use super::{CommitBundle, Engine, ProposalRef, encode};

/// Commit, Welcome and GroupInfo.
type Messages = (MlsMessageOut, Option<MlsMessageOut>, Option<MlsMessageOut>);

impl Engine {
    /// Builds a commit of all queued proposals but `leave_out`, and of none but Removes and sound
    /// Adds if one of the Adds is at fault. With `lock` it locks or unlocks the room besides. The group changes only by [`Self::merge_own`].
    pub(crate) fn commit(
        &mut self,
        identity: &Identity,
        renew_leaf: bool,
        leave_out: &[ProposalRef],
        lock: Option<bool>,
    ) -> Result<CommitBundle, GroupError> {
        let first = self.lawful_commit(identity, renew_leaf, lock, |r| !leave_out.contains(r));
        let mut declined = Vec::new();
        let (commit, welcome, group_info) = match first {
            Ok(messages) => messages,
            Err(error) => {
                declined = self.faulty_adds(identity, leave_out);
                if declined.is_empty() {
                    return Err(error);
                }
                let faulty = |r: &ProposalRef| declined.iter().any(|(other, _)| other == r);
                self.lawful_commit(identity, renew_leaf, lock, |r| {
                    !leave_out.contains(r) && !faulty(r)
                })?
            }
        };
        Ok(CommitBundle {
            declined,
            commit: encode(&commit)?,
            welcome: welcome.as_ref().map(encode).transpose()?,
            group_info: encode(&group_info.ok_or(GroupError::Crypto)?)?,
        })
    }

    /// Tries every queued Add without the others. What is no Add stays: a device that enters anew
    /// can be added only as its old leaf goes.
    fn faulty_adds(
        &mut self,
        identity: &Identity,
        leave_out: &[ProposalRef],
    ) -> Vec<(ProposalRef, String)> {
        let adds: Vec<ProposalRef> = self
            .group
            .pending_proposals()
            .filter(|queued| matches!(queued.proposal(), Proposal::Add(_)))
            .map(|queued| queued.proposal_reference_ref().clone())
            .filter(|reference| !leave_out.contains(reference))
            .collect();
        let mut faulty = Vec::new();
        for add in &adds {
            let others = |r: &ProposalRef| r != add && adds.contains(r);
            let alone = |r: &ProposalRef| !leave_out.contains(r) && !others(r);
            if let Err(error) = self.lawful_commit(identity, false, None, alone) {
                faulty.push((add.clone(), error.to_string()));
            } else {
                // It was only a trial.
                let _ = self.discard_own();
            }
        }
        faulty
    }

    /// The same rules that we hold others' commits against: whatever the library has let into its
    /// queue, we do not commit what we would distrust somebody for.
    fn lawful_commit(
        &mut self,
        identity: &Identity,
        renew_leaf: bool,
        lock: Option<bool>,
        include: impl Fn(&ProposalRef) -> bool,
    ) -> Result<Messages, GroupError> {
        let messages = self.build_commit(identity, renew_leaf, lock, include)?;
        let us = Sender::Member(self.group.own_leaf_index());
        let checked = self
            .group
            .pending_commit()
            .map(|staged| self.with_rules(|before| rules::check_commit(staged, &us, before)));
        if let Some(Err(violation)) = checked {
            self.discard_own()?;
            return Err(violation.into());
        }
        Ok(messages)
    }

    /// What the library builds, whatever the rules say.
    pub(in super::super) fn build_commit(
        &mut self,
        identity: &Identity,
        renew_leaf: bool,
        lock: Option<bool>,
        include: impl Fn(&ProposalRef) -> bool,
    ) -> Result<Messages, GroupError> {
        let provider = &self.provider;
        let mut leaf = LeafNodeParameters::builder();
        if renew_leaf {
            leaf = leaf.with_capabilities(terms::capabilities(&self.accepted));
        }
        let locked = self.is_locked();
        let lock = lock.filter(|wished| *wished != locked);
        let lock = lock.map(|locked| terms::with_lock(self.group.extensions(), locked));
        let mut builder = self.group.commit_builder();
        if let Some(terms) = lock.transpose()? {
            builder = builder
                .propose_group_context_extensions(terms)
                .map_err(|e| GroupError::library("building a commit", &e))?;
        }
        let bundle = builder
            .force_self_update(renew_leaf)
            .leaf_node_parameters(leaf.build())
            .load_psks(provider.storage())
            .map_err(|e| GroupError::library("building a commit", &e))?
            .create_group_info(true)
            .use_ratchet_tree_extension(false)
            .build(provider.rand(), provider.crypto(), &identity.signer, |p| {
                include(p.proposal_reference_ref())
            })
            .map_err(|e| GroupError::library("building a commit", &e))?
            .stage_commit(provider)
            .map_err(|e| GroupError::library("building a commit", &e))?;
        Ok(bundle.into_messages())
    }
}
