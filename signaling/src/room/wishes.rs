//! Wishes: who wants in, who is to go. They outlive epochs; the proposals made of them do not.

use mls_srtp::delivery::{Blob, CloseReason, LogBody, Refusal};
use mls_srtp::group::GroupFollower;
use mls_srtp::id::ParticipantId;
use mls_srtp::time::Moment;

use super::{ClientId, Refused, Room, refuse};

/// The open wishes of a room.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    join: Vec<Join>,
    leave: Vec<ParticipantId>,
}

#[derive(Debug, Clone)]
pub(super) struct Join {
    pub(super) participant: ParticipantId,
    pub(super) key_package: Blob,
}

impl Wishes {
    /// A newer wish of the same device replaces the older one.
    fn join(&mut self, participant: ParticipantId, key_package: Blob) {
        self.join.retain(|join| join.participant != participant);
        self.join.push(Join {
            participant,
            key_package,
        });
    }

    pub(super) fn leave(&mut self, participant: ParticipantId) {
        if !self.leave.contains(&participant) {
            self.leave.push(participant);
        }
    }

    /// A member returned: it does not go after all, unless its Remove is committed already.
    pub(super) fn withdraw_leave(&mut self, participant: &ParticipantId) {
        self.leave.retain(|other| other != participant);
    }

    /// Nothing of a participant is open any more.
    pub(super) fn forget(&mut self, participant: &ParticipantId) {
        self.join.retain(|join| join.participant != *participant);
        self.withdraw_leave(participant);
    }

    /// A commit fulfilled these.
    pub(super) fn fulfil(&mut self, added: &[ParticipantId], removed: &[ParticipantId]) {
        self.join.retain(|join| !added.contains(&join.participant));
        self.leave.retain(|who| !removed.contains(who));
    }

    pub(super) fn clear_leaves(&mut self) {
        self.leave.clear();
    }

    pub(super) fn joining(&self) -> Vec<ParticipantId> {
        self.join
            .iter()
            .map(|join| join.participant.clone())
            .collect()
    }
}

impl Room {
    pub(super) fn wish_to_join(
        &mut self,
        client: ClientId,
        participant: &ParticipantId,
        key_package: Blob,
        now: Moment,
    ) -> Result<(), Refused> {
        if self.handshake.is_none() {
            return refuse(Refusal::RoomVacant, "the room has no group yet; create it");
        }
        GroupFollower::check_key_package(&key_package, participant)
            .map_err(|error| (error.refusal(), error.to_string()))?;
        let mut others = self
            .members()
            .into_iter()
            .filter(|member| member != participant);
        let alone = !others.any(|member| self.clients.follower_of(&member).is_some());
        if self.leaf_of(participant).is_some() && alone {
            // Nobody else could commit the newcomer in; it creates a new group instead.
            self.close_group();
            return Ok(());
        }
        self.wishes.withdraw_leave(participant);
        self.wishes.join(participant.clone(), key_package);
        tracing::debug!(room = %self.name, %participant, client = client.0, "wishes to join");
        self.sign_wishes(now);
        Ok(())
    }

    pub(super) fn wish_to_leave(
        &mut self,
        client: ClientId,
        participant: &ParticipantId,
        now: Moment,
    ) -> Result<(), Refused> {
        self.wishes.forget(participant);
        if self.leaf_of(participant).is_none() {
            self.clients.forget(participant);
            self.close(client, CloseReason::Removed);
            return Ok(());
        }
        self.wishes.leave(participant.clone());
        if self.somebody_stays() {
            self.sign_wishes(now);
        } else {
            self.dissolve();
        }
        Ok(())
    }

    /// Whether any connected member of the group does not wish to leave: somebody has to commit
    /// the removals of the others.
    fn somebody_stays(&self) -> bool {
        let stays = |member: &ParticipantId| {
            self.clients.follower_of(member).is_some() && !self.wishes.leave.contains(member)
        };
        self.members().iter().any(stays)
    }

    /// Everybody leaves: the group ends for all of them together.
    fn dissolve(&mut self) {
        for participant in std::mem::take(&mut self.wishes.leave) {
            let client = self.clients.follower_of(&participant);
            self.clients.forget(&participant);
            if let Some(client) = client {
                self.close(client, CloseReason::Removed);
            }
        }
        self.close_group();
    }

    pub(super) fn wish_to_evict(
        &mut self,
        participant: &ParticipantId,
        whom: &ParticipantId,
        now: Moment,
    ) -> Result<(), Refused> {
        if !self.shared.access.may_evict(&self.name, participant) {
            return refuse(
                Refusal::Unauthorised,
                format!("{participant} may not remove others"),
            );
        }
        if self.leaf_of(whom).is_none() {
            return refuse(
                Refusal::PolicyViolation,
                format!("{whom} is not in the group"),
            );
        }
        self.wishes.leave(whom.clone());
        self.sign_wishes(now);
        Ok(())
    }

    /// Signs a proposal for every open wish that has none in this epoch.
    ///
    /// A joiner whose device still has a leaf gets Remove of the old and Add of the new together.
    pub(super) fn sign_wishes(&mut self, now: Moment) {
        if self.handshake.is_none() {
            return;
        }
        for participant in self.wishes.leave.clone() {
            self.propose_remove_of(&participant, now);
        }
        for join in self.wishes.join.clone() {
            self.propose_remove_of(&join.participant, now);
            if let Err((reason, detail)) = self.propose_add(&join, now) {
                self.wishes
                    .join
                    .retain(|other| other.participant != join.participant);
                if let Some(client) = self.clients.client_of(&join.participant) {
                    self.refuse_client(client, "join", reason, detail);
                }
            }
        }
        self.publish_committers();
    }

    fn propose_remove_of(&mut self, participant: &ParticipantId, now: Moment) {
        let Some(leaf) = self.leaf_of(participant) else {
            return;
        };
        let shared = std::sync::Arc::clone(&self.shared);
        let Some(handshake) = &mut self.handshake else {
            return;
        };
        if handshake.removes(leaf) {
            return;
        }
        match handshake.follower.propose_remove(&shared.identity, leaf) {
            Ok(proposed) => {
                let (epoch, proposal) = (handshake.follower.epoch(), proposed.message.clone());
                if let Ok(seq) = self.append(LogBody::Proposal { epoch, proposal })
                    && let Some(handshake) = &mut self.handshake
                {
                    handshake.proposed_remove(seq, proposed.reference, leaf, now);
                }
            }
            Err(error) => tracing::error!(room = %self.name, %error, "cannot propose a Remove"),
        }
    }

    fn propose_add(&mut self, join: &Join, now: Moment) -> Result<(), Refused> {
        let shared = std::sync::Arc::clone(&self.shared);
        let Some(handshake) = &mut self.handshake else {
            return Ok(());
        };
        if handshake.adds(&join.participant) {
            return Ok(());
        }
        let proposed = handshake
            .follower
            .propose_add(&shared.identity, &join.key_package)
            .map_err(|error| (error.refusal(), error.to_string()))?;
        let (epoch, proposal) = (handshake.follower.epoch(), proposed.message.clone());
        let seq = self.append(LogBody::Proposal { epoch, proposal })?;
        if let Some(handshake) = &mut self.handshake {
            handshake.proposed_add(seq, proposed.reference, join, now);
        }
        Ok(())
    }
}
