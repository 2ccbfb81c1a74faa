//! Clients wish to join, to leave and to have others removed; the service signs a proposal for each
//! wish in every epoch until it is fulfilled, and takes back the proposals of wishes that end.

use std::sync::Arc;

use mls_srtp::delivery::{Blob, CloseReason, LogBody, Refusal};
use mls_srtp::group::{GroupFollower, Proposed};
use mls_srtp::id::{ParticipantId, Seq};
use mls_srtp::time::Moment;

use super::proposals::{Pending, What};
use super::wishes::{Join, Open, Why};
use super::{ClientId, Refused, Room, RoomEventKind, refuse};

impl Room {
    pub(super) fn wish_to_join(
        &mut self,
        client: ClientId,
        participant: &ParticipantId,
        key_package: Blob,
        now: Moment,
    ) -> Result<(), Refused> {
        let Some(handshake) = &self.handshake else {
            return refuse(Refusal::RoomVacant, "the room has no group yet; create it");
        };
        if key_package.len() > self.config.max_key_package {
            return refuse(Refusal::TooLarge, "the key package is too large");
        }
        if !handshake.proposals.may_add(participant) {
            return refuse(Refusal::Declined, "declined a moment ago");
        }
        let suite = self.config.ciphersuite;
        let key = GroupFollower::check_key_package(&key_package, participant, suite)
            .map_err(|error| (error.refusal(), error.to_string()))?;
        self.check_key(participant, &key)?;
        if self.wishes.why_goes(participant) == Some(Why::Evicted) {
            self.turn_away(client, participant);
            return Ok(());
        }
        self.check_not_removed(participant)?;
        self.check_open(participant, &key)?;
        let join = Join {
            participant: participant.clone(),
            client,
            key_package,
        };
        if self.wishes.wishes(&join) {
            return Ok(());
        }
        self.end_join(participant);
        self.wishes.withdraw_loss(participant);
        // It asks to come anew: it follows the group no more.
        self.clients.stray(participant, now);
        self.wishes.join(join, now);
        tracing::debug!(room = %self.name, %participant, client = client.0, "wishes to join");
        self.sign_wishes(now);
        // If nobody else could commit the newcomer in, it creates a new group instead.
        self.end_if_over();
        Ok(())
    }

    /// A device waits no more. Its Add is taken back, unless that has happened too often: then it
    /// comes in, and goes again.
    pub(super) fn end_join(&mut self, participant: &ParticipantId) {
        self.wishes.end_join(participant);
        let Some(handshake) = &self.handshake else {
            return;
        };
        let may = handshake.proposals.may_withdraw(participant);
        let add = handshake.proposals.add_of(participant).filter(|_| may);
        let Some(seq) = add.map(|pending| pending.seq) else {
            return;
        };
        if self.withdraw(seq)
            && let Some(handshake) = &mut self.handshake
        {
            handshake.proposals.count_withdrawal(participant);
        }
    }

    /// Takes back the proposal at `seq` of the current epoch; says whether that was possible.
    pub(super) fn withdraw(&mut self, proposal: Seq) -> bool {
        let Some((epoch, pending)) = self.handshake.as_ref().and_then(|handshake| {
            let pending = handshake.proposals.at(proposal)?.clone();
            Some((handshake.follower.epoch(), pending))
        }) else {
            return false;
        };
        if self.append(LogBody::Withdrawn { epoch, proposal }).is_err() {
            return false;
        }
        let Some(handshake) = &mut self.handshake else {
            return false;
        };
        if let Err(error) = handshake.follower.withdraw(&pending.reference) {
            tracing::error!(room = %self.name, %error, "cannot withdraw a proposal");
        }
        handshake.proposals.remove(proposal);
        let participant = match pending.what {
            What::Add(join) => Some(join.participant),
            What::Remove(leaf) => {
                let occupant = handshake.follower.roster().occupant(leaf);
                occupant.map(|who| ParticipantId::clone(who))
            }
        };
        if let Some(participant) = participant {
            self.event(epoch, RoomEventKind::Withdrawn { participant });
        }
        true
    }

    pub(super) fn wish_to_leave(
        &mut self,
        client: ClientId,
        participant: &ParticipantId,
        now: Moment,
    ) -> Result<(), Refused> {
        self.end_join(participant);
        let has_leaf = self.leaf_of(participant).is_some();
        if !has_leaf || self.clients.follower_of(participant).is_none() {
            // It waits for no commit: it never came in, or returned without its state.
            self.clients.forget(participant);
            self.close(client, CloseReason::Removed);
        }
        if has_leaf {
            self.wishes.go(participant.clone(), Why::Left, now);
            self.sign_wishes(now);
            self.end_if_over();
        }
        Ok(())
    }

    /// Somebody's leaf has to go, whatever it wants. If it is about to come anew, it does not.
    pub(super) fn evict(&mut self, whom: &ParticipantId, now: Moment) {
        self.wishes.go(whom.clone(), Why::Evicted, now);
        let client = self.clients.client_of(whom);
        let follows = self.clients.follower_of(whom).is_some();
        if let Some(client) = client.filter(|_| !follows) {
            self.turn_away(client, whom);
        }
        self.sign_wishes(now);
    }

    /// Signs a proposal for every open wish that has none in this epoch; says whether the list of
    /// committers was published.
    ///
    /// A joiner whose device still has a leaf gets Remove of the old and Add of the new together.
    pub(super) fn sign_wishes(&mut self, now: Moment) -> bool {
        for going in self.wishes.leaves() {
            // What cannot be stored is tried again.
            let _ = self.propose_remove_of(&going.participant, going.since);
        }
        let Some(handshake) = &self.handshake else {
            return false;
        };
        let proposals = &handshake.proposals;
        let done = |who: &ParticipantId| proposals.adds(who) || !proposals.may_add(who);
        for open in self.wishes.unsigned(done) {
            let joiner = open.join.participant.clone();
            let old_goes = self.propose_remove_of(&joiner, now);
            let signed = old_goes.and_then(|()| self.propose_add(open));
            if let Err(refused) = signed {
                self.wishes.end_join(&joiner);
                if let Some(client) = self.clients.client_of(&joiner) {
                    self.refuse_client(client, "join", refused);
                }
            }
        }
        self.publish_committers()
    }

    /// Nothing is to be done where the participant has no leaf, or one that goes already.
    fn propose_remove_of(
        &mut self,
        participant: &ParticipantId,
        since: Moment,
    ) -> Result<(), Refused> {
        let shared = Arc::clone(&self.shared);
        let Some(handshake) = &mut self.handshake else {
            return Ok(());
        };
        let leaf = handshake.follower.leaf_of(participant);
        let Some(leaf) = leaf.filter(|leaf| !handshake.proposals.removes(*leaf)) else {
            return Ok(());
        };
        let proposed = handshake.follower.propose_remove(&shared.identity, leaf);
        let proposed = proposed.map_err(|error| {
            tracing::error!(room = %self.name, %error, "cannot propose a Remove");
            (error.refusal(), error.to_string())
        })?;
        self.propose(proposed, What::Remove(leaf), Vec::new(), since)
    }

    fn propose_add(&mut self, open: Open) -> Result<(), Refused> {
        let shared = Arc::clone(&self.shared);
        let Some(handshake) = &mut self.handshake else {
            return Ok(());
        };
        let proposed = handshake
            .follower
            .propose_add(&shared.identity, &open.join.key_package)
            .map_err(|error| (error.refusal(), error.to_string()))?;
        self.propose(proposed, What::Add(open.join), open.decliners, open.since)
    }

    /// Puts a signed proposal into the log, or back out of the queue if the log cannot take it.
    fn propose(
        &mut self,
        proposed: Proposed,
        what: What,
        decliners: Vec<ParticipantId>,
        since: Moment,
    ) -> Result<(), Refused> {
        let Proposed { message, reference } = proposed;
        let Some(epoch) = self.follower().map(GroupFollower::epoch) else {
            return Ok(());
        };
        let appended = self.append(LogBody::Proposal {
            epoch,
            proposal: message,
        });
        let Some(handshake) = &mut self.handshake else {
            return Ok(());
        };
        match appended {
            Ok(seq) => handshake.proposals.push(Pending {
                seq,
                reference,
                what,
                since,
                decliners,
                objection: None,
            }),
            Err(refused) => {
                if let Err(error) = handshake.follower.withdraw(&reference) {
                    tracing::error!(room = %self.name, %error, "cannot withdraw a proposal");
                }
                return Err(refused);
            }
        }
        Ok(())
    }
}
