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
    leave: Vec<Going>,
}

/// Somebody whose leaf has to go.
#[derive(Debug, Clone)]
struct Going {
    participant: ParticipantId,
    /// Since when; it counts over epochs, so that no run of other commits puts it off.
    since: Moment,
    /// Only its connection was lost, so that its return changes everything.
    lost: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Join {
    pub(super) participant: ParticipantId,
    /// The connection that holds the key package's private keys.
    pub(super) client: ClientId,
    pub(super) key_package: Blob,
}

impl Wishes {
    /// A newer wish of the same device replaces the older one.
    fn join(&mut self, new: Join) {
        self.join.retain(|join| join.participant != new.participant);
        self.join.push(new);
    }

    /// Whether a device still waits to be added.
    pub(super) fn joins(&self, participant: &ParticipantId) -> bool {
        self.join
            .iter()
            .any(|join| join.participant == *participant)
    }

    /// Somebody leaves or is removed.
    pub(super) fn leave(&mut self, participant: ParticipantId, since: Moment) {
        self.go(participant, since, false);
    }

    /// Somebody has been without a connection for too long.
    pub(super) fn lose(&mut self, participant: ParticipantId, since: Moment) {
        self.go(participant, since, true);
    }

    fn go(&mut self, participant: ParticipantId, since: Moment, lost: bool) {
        match self
            .leave
            .iter_mut()
            .find(|going| going.participant == participant)
        {
            Some(going) => going.lost &= lost,
            None => self.leave.push(Going {
                participant,
                since,
                lost,
            }),
        }
    }

    /// Whether somebody's leaf has to go.
    fn goes(&self, participant: &ParticipantId) -> bool {
        self.leave
            .iter()
            .any(|going| going.participant == *participant)
    }

    /// A member returned: it does not go after all, if the connection was all that it had lost and
    /// its Remove is not committed already.
    pub(super) fn withdraw_loss(&mut self, participant: &ParticipantId) {
        self.leave
            .retain(|going| !(going.lost && going.participant == *participant));
    }

    /// Nothing of a participant is open any more.
    pub(super) fn forget(&mut self, participant: &ParticipantId) {
        self.join.retain(|join| join.participant != *participant);
        self.leave.retain(|going| going.participant != *participant);
    }

    /// A commit fulfilled these. A device that has brought another key package since goes on
    /// waiting: it could not open a Welcome for the old one.
    pub(super) fn fulfil(&mut self, joined: &[Join], removed: &[ParticipantId]) {
        self.join.retain(|join| !joined.contains(join));
        self.leave
            .retain(|going| !removed.contains(&going.participant));
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
        if key_package.len() > self.config.max_key_package {
            return refuse(Refusal::TooLarge, "the key package is too large");
        }
        GroupFollower::check_key_package(&key_package, participant)
            .map_err(|error| (error.refusal(), error.to_string()))?;
        let alone = !self.is_followed_by_another_than(participant);
        if self.leaf_of(participant).is_some() && alone {
            // Nobody else could commit the newcomer in; it creates a new group instead.
            self.close_group();
            return Ok(());
        }
        self.wishes.withdraw_loss(participant);
        // It asks to come anew: it follows the group no more.
        self.clients.set_follows(participant, false);
        self.wishes.join(Join {
            participant: participant.clone(),
            client,
            key_package,
        });
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
        let has_leaf = self.leaf_of(participant).is_some();
        if !has_leaf || self.clients.follower_of(participant).is_none() {
            // It waits for no commit: it never came in, or returned without its state.
            self.clients.forget(participant);
            self.close(client, CloseReason::Removed);
        }
        if has_leaf {
            self.wishes.leave(participant.clone(), now);
            if self.somebody_stays() {
                self.sign_wishes(now);
            } else {
                self.dissolve();
            }
        }
        Ok(())
    }

    /// Whether any connected member of the group does not wish to leave: somebody has to commit
    /// the removals of the others.
    fn somebody_stays(&self) -> bool {
        let members = self.members();
        members.iter().any(|member| {
            let connected = self.clients.follower_of(&member.participant).is_some();
            connected && !self.wishes.goes(&member.participant)
        })
    }

    /// Nobody is left who could commit: the group ends for all together.
    pub(super) fn dissolve(&mut self) {
        for going in std::mem::take(&mut self.wishes.leave) {
            self.send_off(&going.participant);
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
        self.wishes.leave(whom.clone(), now);
        self.sign_wishes(now);
        Ok(())
    }

    /// Whether somebody is there who could commit a change to `participant`.
    fn is_followed_by_another_than(&self, participant: &ParticipantId) -> bool {
        let own = self.clients.follower_of(participant);
        self.followers().into_iter().any(|other| Some(other) != own)
    }

    /// Signs a proposal for every open wish that has none in this epoch.
    ///
    /// A joiner whose device still has a leaf gets Remove of the old and Add of the new together.
    pub(super) fn sign_wishes(&mut self, now: Moment) {
        if self.handshake.is_none() {
            return;
        }
        for going in self.wishes.leave.clone() {
            self.propose_remove_of(&going.participant, going.since);
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
