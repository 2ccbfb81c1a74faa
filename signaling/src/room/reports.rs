//! What members report of an epoch, and what follows for all: readiness, and who commits.

use mls_srtp::delivery::{Blob, Refusal, ServiceMessage};
use mls_srtp::group::GroupFollower;
use mls_srtp::id::{Epoch, LeafIndex, ParticipantId, Seq};

use super::{ClientId, Refused, Room, RoomEventKind, refuse};

/// Length of the hash that members report.
const HASH_BYTES: usize = 32;

impl Room {
    /// A member has the epoch that began at `seq`.
    pub(super) fn applied(
        &mut self,
        participant: &ParticipantId,
        seq: Seq,
        hash: Blob,
    ) -> Result<(), Refused> {
        if hash.len() != HASH_BYTES {
            return refuse(Refusal::Malformed, "a SHA-256 hash has 32 bytes");
        }
        let is_member = self.leaf_of(participant).is_some();
        let Some(handshake) = &mut self.handshake else {
            return Ok(());
        };
        if seq < handshake.began_at || !is_member {
            return Ok(());
        }
        let epoch = handshake.follower.epoch();
        let differs = handshake
            .applied
            .values()
            .next()
            .is_some_and(|first| *first != hash);
        handshake.applied.insert(participant.clone(), hash);
        if differs {
            let reporter = participant.clone();
            tracing::error!(room = %self.name, %epoch, %reporter, "members are in different groups");
            self.event(epoch, RoomEventKind::AuthenticatorsDiffer { reporter });
        }
        self.check_ready();
        Ok(())
    }

    pub(super) fn cannot_apply(&mut self, reporter: ParticipantId, reason: String) {
        let epoch = self
            .follower()
            .map_or(Epoch::default(), GroupFollower::epoch);
        let reason = reason.chars().take(200).collect();
        tracing::warn!(room = %self.name, %reporter, reason, "a member cannot apply a commit");
        self.event(epoch, RoomEventKind::CannotApply { reporter, reason });
    }

    /// Tells all members once every connected one of them has the epoch.
    pub(super) fn check_ready(&mut self) {
        let members = self.members();
        let mut connected = members
            .iter()
            .map(|member| &member.participant)
            .filter(|who| self.clients.follower_of(who).is_some())
            .peekable();
        let Some(handshake) = &self.handshake else {
            return;
        };
        let all = connected.peek().is_some()
            && connected.all(|who| handshake.applied.contains_key(&**who));
        if !all || handshake.ready {
            return;
        }
        let (group_id, epoch) = (handshake.follower.group_id(), handshake.follower.epoch());
        if let Some(handshake) = &mut self.handshake {
            handshake.ready = true;
        }
        self.broadcast(&ServiceMessage::Ready { group_id, epoch });
        self.event(epoch, RoomEventKind::Ready);
    }

    /// Connected members without a pending Remove, lowest leaf first. A wrong list costs time.
    fn ranked_committers(&self) -> Option<Vec<LeafIndex>> {
        let handshake = self.handshake.as_ref()?;
        let roster = handshake.follower.roster().iter();
        let fit = roster.filter(|member| {
            let connected = self.clients.follower_of(&member.participant).is_some();
            connected && !handshake.removes(member.leaf)
        });
        Some(fit.map(|member| member.leaf).collect())
    }

    /// Whether anybody may commit what is pending: a member that stays, and is here or may return
    /// with its state. Without one the group can never change again.
    pub(super) fn can_go_on(&self) -> bool {
        let Some(handshake) = &self.handshake else {
            return false;
        };
        handshake.follower.roster().iter().any(|member| {
            let here = self.clients.client_of(&member.participant).is_some();
            let follows = self.clients.follower_of(&member.participant).is_some();
            !handshake.removes(member.leaf) && (follows || !here)
        })
    }

    /// Publishes the committers if they changed.
    pub(super) fn publish_committers(&mut self) {
        let Some(leaves) = self.ranked_committers() else {
            return;
        };
        let Some(handshake) = &mut self.handshake else {
            return;
        };
        let group_id = handshake.follower.group_id();
        if handshake.published != leaves {
            handshake.published.clone_from(&leaves);
            self.broadcast(&ServiceMessage::Committers { group_id, leaves });
        }
    }

    pub(super) fn tell_committers_to(&mut self, client: ClientId) {
        let leaves = self.ranked_committers();
        let group_id = self.follower().map(GroupFollower::group_id);
        if let (Some(leaves), Some(group_id)) = (leaves, group_id) {
            self.send(client, ServiceMessage::Committers { group_id, leaves });
        }
    }
}
