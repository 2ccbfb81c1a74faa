//! What members report of an epoch: that they have it, and that they agree on it.

use std::collections::HashMap;

use mls_srtp::delivery::{Blob, Refusal, ServiceMessage};
use mls_srtp::id::{ParticipantId, Seq};

use super::handshake::Handshake;
use super::{Refused, Room, RoomEventKind, refuse};

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
        let follows = self.clients.follower_of(participant).is_some();
        let is_member = self.leaf_of(participant).is_some();
        if !is_member || !follows {
            return Ok(());
        }
        self.has(participant, seq);
        self.end_welcome(participant);
        let Some(handshake) = &mut self.handshake else {
            return Ok(());
        };
        if seq < handshake.began_at {
            return Ok(());
        }
        handshake.applied.insert(participant.clone(), hash);
        let epoch = handshake.follower.epoch();
        for reporter in handshake.newly_differing(participant) {
            tracing::error!(room = %self.name, %epoch, %reporter, "members are in different groups");
            self.event(epoch, RoomEventKind::AuthenticatorsDiffer { reporter });
        }
        self.check_ready();
        Ok(())
    }

    /// A member has processed the log up to `seq`.
    pub(super) fn has(&mut self, participant: &ParticipantId, seq: Seq) {
        self.clients.processed(participant, seq);
        if let Some(handshake) = &mut self.handshake {
            handshake.history.applied(seq, participant);
        }
    }

    /// Tells all members once every connected one of them has the epoch.
    pub(super) fn check_ready(&mut self) {
        let Some(handshake) = &self.handshake else {
            return;
        };
        // Asked for every report: in a large room most of them settle nothing.
        if handshake.ready || handshake.applied.len() < self.clients.following() {
            return;
        }
        let mut connected = handshake
            .follower
            .roster()
            .iter()
            .map(|member| &member.participant)
            .filter(|who| self.clients.follower_of(who).is_some())
            .peekable();
        let all = connected.peek().is_some()
            && connected.all(|who| handshake.applied.contains_key(&**who));
        if !all {
            return;
        }
        let (group_id, epoch) = (handshake.follower.group_id(), handshake.follower.epoch());
        if let Some(handshake) = &mut self.handshake {
            handshake.ready = true;
        }
        self.broadcast(&ServiceMessage::Ready { group_id, epoch });
        self.event(epoch, RoomEventKind::Ready);
    }
}

impl Handshake {
    /// Who stands apart now that `newest` has reported, and did not before: the author of the
    /// commit knows best what its epoch is; without its report most members do, and between equal
    /// numbers whoever came first.
    fn newly_differing(&mut self, newest: &ParticipantId) -> Vec<ParticipantId> {
        let Some(reported) = self.applied.get(newest) else {
            return Vec::new();
        };
        // Nearly always all agree, and only the newest report has to be looked at.
        let agreed = self.agreed.get_or_insert_with(|| reported.clone());
        if agreed == reported && self.differing.is_empty() {
            return Vec::new();
        }
        let expected = self.expected_hash().cloned();
        let differing = self
            .applied
            .iter()
            .filter(|(_, hash)| Some(*hash) != expected.as_ref());
        let mut new: Vec<ParticipantId> = differing
            .map(|(who, _)| who.clone())
            .filter(|who| !self.differing.contains(who))
            .collect();
        new.sort();
        self.differing.extend(new.iter().cloned());
        new
    }

    fn expected_hash(&self) -> Option<&Blob> {
        let of_author = self
            .author
            .as_ref()
            .and_then(|author| self.applied.get(author));
        if of_author.is_some() {
            return of_author;
        }
        // Counted in one go: this is asked for with every report once members differ.
        let mut votes: HashMap<&Blob, usize> = HashMap::new();
        for hash in self.applied.values() {
            *votes.entry(hash).or_default() += 1;
        }
        let first = self.agreed.as_ref();
        let best = votes
            .into_iter()
            .max_by_key(|(hash, votes)| (*votes, Some(*hash) == first));
        best.map(|(hash, _)| hash)
    }
}
