//! Who is in the group, and what is to be thought of them.

use openmls::prelude::{Credential, LeafNodeIndex, Proposal};

use super::super::{Door, GroupError, MlsSuite, Roster, RuleViolation, credential, rules, terms};
use super::{Engine, to_leaf};
use crate::id::{LeafIndex, ParticipantId};
use crate::trust::{Occasion, Presented, TrustWarning};

impl Engine {
    /// Credential and signature key at a leaf.
    pub(super) fn identity_at(&self, leaf: LeafNodeIndex) -> Option<(Credential, Vec<u8>)> {
        let mut members = self.group.members();
        let member = members.find(|member| member.index == leaf)?;
        Some((member.credential, member.signature_key))
    }

    /// The leaves whose Remove is proposed.
    pub(super) fn removing(&self) -> Vec<LeafIndex> {
        let removes = self
            .group
            .pending_proposals()
            .filter_map(|queued| match queued.proposal() {
                Proposal::Remove(remove) => to_leaf(remove.removed()).ok(),
                _ => None,
            });
        removes.collect()
    }

    /// The suite that the group could have by what all its members have signed, if that is stronger
    /// than the one it has.
    pub(crate) fn stronger_suite(&self, door: &Door) -> Option<MlsSuite> {
        let group = self.group.public_group();
        let leaves = group
            .members()
            .filter_map(|member| group.leaf(member.index));
        let signed: Vec<_> = leaves.map(|leaf| leaf.capabilities()).collect();
        let strongest = MlsSuite::strongest_of_all(signed.iter().copied())?;
        (signed.len() > 1 && strongest > door.policy.ciphersuite).then_some(strongest)
    }

    /// Whether the room is locked.
    pub(crate) fn is_locked(&self) -> bool {
        terms::policy(self.group.extensions()).is_ok_and(|policy| policy.locked)
    }

    /// Whether our own credential lets us lock and unlock the room.
    pub(crate) fn may_lock(&self) -> bool {
        let own = self.identity_at(self.group.own_leaf_index());
        let Some(((credential, key), policy)) =
            own.zip(terms::policy(self.group.extensions()).ok())
        else {
            return false;
        };
        rules::moderates(&*self.validator, &policy.room, &credential, &key) == Ok(true)
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

    /// Who sits at a leaf, without a look at all others.
    pub(crate) fn occupant(&self, leaf: LeafIndex) -> Option<ParticipantId> {
        let leaf = LeafNodeIndex::new(u32::from(leaf.get()));
        credential::participant(self.group.member(leaf)?).ok()
    }

    /// The signature key of a member, raw.
    pub(crate) fn signature_key_of(&self, participant: &ParticipantId) -> Option<Vec<u8>> {
        let leaf = self.roster().leaf_of(participant)?;
        let mut members = self.group.members();
        let member = members.find(|member| member.index.u32() == u32::from(leaf.get()))?;
        Some(member.signature_key)
    }

    /// The leaf that has a signature key.
    pub(crate) fn leaf_with(&self, signature_key: &[u8]) -> Option<LeafIndex> {
        let mut members = self.group.members();
        let member = members.find(|member| member.signature_key == signature_key)?;
        to_leaf(member.index).ok()
    }

    /// The signature key at a leaf, if it is occupied.
    pub(crate) fn key_at(&self, leaf: LeafIndex) -> Option<Vec<u8>> {
        let (_, key) = self.identity_at(LeafNodeIndex::new(u32::from(leaf.get())))?;
        Some(key)
    }

    /// Members whom the trust settings refuse as they are now, by leaf.
    pub(crate) fn strangers(&self) -> Vec<(LeafIndex, RuleViolation)> {
        let Ok(policy) = terms::policy(self.group.extensions()) else {
            return Vec::new();
        };
        let own = self.group.own_leaf_index();
        let others = self.group.members().filter(|member| member.index != own);
        let refused = others.filter_map(|member| {
            let there = (&policy.room, Occasion::Present);
            let key = &member.signature_key;
            let looked_at = rules::check_key(&*self.validator, there, &member.credential, key);
            Some((to_leaf(member.index).ok()?, looked_at.err()?))
        });
        refused.collect()
    }

    /// Shows the members of `who`, or all others, to the trust settings as members; says what a person
    /// should be warned of.
    pub(crate) fn meet(&self, who: Option<&[ParticipantId]>) -> Vec<(ParticipantId, TrustWarning)> {
        let Ok(policy) = terms::policy(self.group.extensions()) else {
            return Vec::new();
        };
        let own = self.group.own_leaf_index();
        let others = self.group.members().filter(|member| member.index != own);
        let warned = others.filter_map(|member| {
            let participant = credential::participant(&member.credential).ok()?;
            if who.is_some_and(|who| !who.contains(&participant)) {
                return None;
            }
            let presented = Presented {
                participant: &participant,
                signature_key: &member.signature_key,
                evidence: &credential::evidence(&member.credential).ok()?,
                room: &policy.room,
                occasion: Occasion::Present,
            };
            let warning = self.validator.met(&presented)?;
            Some((participant, warning))
        });
        warned.collect()
    }
}
