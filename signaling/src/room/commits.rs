//! Accepting commits: compare-and-swap on (group, epoch), and all that follows.

use std::collections::HashSet;

use mls_srtp::delivery::{Blob, CloseReason, LogBody, Refusal, ServiceMessage};
use mls_srtp::group::{CommitOutcome, StagedChange};
use mls_srtp::id::{Epoch, ParticipantId, Seq};
use mls_srtp::time::Moment;

use super::complaints::signer;
use super::handshake::MAX_GROUP_INFO;
use super::history::Signer;
use super::inviting::AWAY;
use super::wishes::Join;
use super::{
    ClientId, MediaRequest, MediaRequestKind, Refused, Room, RoomEventKind, RoomOutput, refuse,
};
use crate::store::{Change, KeptWelcome, Stay};

/// A commit as a client submits it.
pub(super) struct Submission {
    pub(super) epoch: Epoch,
    pub(super) seen_seq: Seq,
    pub(super) commit: Blob,
    pub(super) welcome: Option<Blob>,
    pub(super) group_info: Blob,
}

/// What belongs to a commit that has passed all checks.
pub(super) struct Accepting<'a> {
    pub(super) commit: &'a Blob,
    pub(super) welcome: Option<&'a Blob>,
    pub(super) group_info: Blob,
}

impl Room {
    /// The first commit that passes wins the epoch.
    pub(super) fn commit(
        &mut self,
        author: &ParticipantId,
        submission: Submission,
        now: Moment,
    ) -> Result<(), Refused> {
        self.current_epoch(submission.epoch)?;
        let slack = self.config.remove_slack;
        let Some(handshake) = &self.handshake else {
            return refuse(Refusal::WrongGroup, "the room has no group");
        };
        if handshake.follower.leaf_of(author).is_none() {
            return refuse(Refusal::Unauthorised, "only members commit");
        }
        let Submission {
            commit,
            welcome,
            group_info,
            seen_seq,
            ..
        } = submission;
        if group_info.len() > MAX_GROUP_INFO {
            return refuse(Refusal::TooLarge, "the GroupInfo is too large");
        }
        let change = handshake
            .follower
            .stage_commit(author, &commit, welcome.as_ref(), &group_info)
            .and_then(|change| {
                let proposals = &handshake.proposals;
                proposals.check_complete(&change, author, seen_seq, now, slack)?;
                Ok(change)
            })
            .map_err(|error| (error.refusal(), error.to_string()))?;
        let waits_since = handshake.waits_since;
        handshake
            .proposals
            .check_others_first(&change, author, waits_since, now)?;
        if change.outcome().locked.is_some() {
            self.check_moderates(author)?;
        }
        self.check_welcomes(author, &change.outcome().added, now)?;
        let outcome = change.outcome();
        let fulfils = !outcome.added.is_empty() || !outcome.removed.is_empty();
        if !fulfils && !self.clients.may_renew(author, now) {
            let detail = "too many commits that neither add nor remove; wait a second";
            return refuse(Refusal::RateLimited, detail);
        }
        let accepting = Accepting {
            commit: &commit,
            welcome: welcome.as_ref(),
            group_info,
        };
        self.accept(change, accepting, now)
    }

    /// Records a commit, tells everybody, and goes on to its epoch.
    pub(super) fn accept(
        &mut self,
        change: StagedChange,
        accepting: Accepting<'_>,
        now: Moment,
    ) -> Result<(), Refused> {
        let outcome = change.outcome().clone();
        let author = self.author_of(&change);
        let body = LogBody::Commit {
            epoch: Epoch::new(outcome.epoch.get().saturating_sub(1)),
            author: outcome.author,
            commit: accepting.commit.clone(),
        };
        let with = [Change::GroupInfo(accepting.group_info.clone())];
        let entry = self.record(body, with)?;
        let seq = entry.seq;
        // Before anybody hears of it, nothing more may be forwarded to those who are going. Who
        // comes back in the same commit offers media anew, and only after this.
        let gone: Vec<_> = outcome.removed.iter().map(|(_, who)| who.clone()).collect();
        gone.iter().for_each(|who| self.stop_media(who));
        // Those who are going hear it, too, and so does who comes from outside.
        let message = ServiceMessage::Entry(entry);
        let newcomer = outcome.added.last().filter(|_| outcome.external);
        if let Some(newcomer) = newcomer {
            self.clients.follow(newcomer, seq);
        }
        self.broadcast(&message);
        if let Some(newcomer) = newcomer.filter(|who| self.leaf_of(who).is_none())
            && let Some(client) = self.clients.client_of(newcomer)
        {
            self.send(client, message);
        }
        let Some(joins) = self.go_on(change, seq, accepting.group_info, author) else {
            return Ok(());
        };
        for who in &gone {
            self.end_welcome(who);
        }
        self.forget_complaints(&gone, &outcome.added);
        for who in gone.iter().filter(|who| !outcome.added.contains(who)) {
            if self.wishes.ends_stay(who) {
                self.clients.end_session(who);
            }
        }
        self.wishes.fulfil(&joins, &gone);
        if self.is_locked() {
            self.turn_out_newcomers();
        }
        if let Some(newcomer) = newcomer {
            self.wishes.forget(newcomer);
        }
        let mut newcomers: Vec<_> = newcomer
            .and_then(|who| self.clients.client_of(who))
            .into_iter()
            .collect();
        if let Some(welcome) = accepting.welcome {
            newcomers.extend(self.welcome(&joins, seq, welcome, now));
        }
        self.tell_operator(outcome, &gone, accepting.commit.len());
        if !self.sign_wishes(now) {
            newcomers
                .into_iter()
                .for_each(|client| self.tell_committers_to(client));
        }
        Ok(())
    }

    /// Merges; says which wishes the commit fulfilled, or nothing if the group had to be closed.
    fn go_on(
        &mut self,
        change: StagedChange,
        seq: Seq,
        group_info: Blob,
        author: Option<Signer>,
    ) -> Option<Vec<Join>> {
        let handshake = self.handshake.as_mut()?;
        let joins = handshake.proposals.joins_in(&change);
        let external = change.outcome().external;
        if let Err(error) = handshake.follower.merge(change) {
            tracing::error!(room = %self.name, %error, "cannot follow an accepted commit");
            self.close_group();
            return None;
        }
        handshake.begin_epoch(seq, group_info);
        if let Some(author) = author {
            handshake.accepted(seq, author, external);
        }
        self.snapshot_if_due();
        Some(joins)
    }

    /// Whose commit it is, and with which key it will stand for it.
    fn author_of(&self, change: &StagedChange) -> Option<Signer> {
        let outcome = change.outcome();
        if outcome.external {
            return Some(Signer {
                participant: outcome.added.last()?.clone(),
                key: change.signature_key()?,
            });
        }
        signer(self.follower()?, outcome.author)
    }

    fn tell_operator(&mut self, outcome: CommitOutcome, gone: &[ParticipantId], bytes: usize) {
        let stays = |who: &&ParticipantId| !outcome.added.contains(who);
        for participant in gone.iter().filter(stays) {
            self.send_off(participant);
        }
        if let (true, Some(participant)) = (outcome.external, outcome.added.last().cloned()) {
            self.event(outcome.epoch, RoomEventKind::Returned { participant });
        }
        let kind = RoomEventKind::Committed {
            added: outcome.added,
            removed: gone.to_vec(),
            members: self.member_count(),
            commit_bytes: bytes,
        };
        self.event(outcome.epoch, kind);
    }

    /// Ends the stay of somebody who was removed. A newcomer of the same device, which waits for
    /// its own Add, stays.
    pub(super) fn send_off(&mut self, participant: &ParticipantId) {
        if let Some(client) = self.clients.follower_of(participant) {
            self.close(client, CloseReason::Removed);
            self.clients.forget(participant);
        } else if self.clients.client_of(participant).is_none() {
            self.clients.forget(participant);
        }
    }

    /// Releases the Welcome, now that its commit has won; says to whom. A client that went
    /// meanwhile, or brought a newer key package, could not open it.
    fn welcome(&mut self, joins: &[Join], seq: Seq, welcome: &Blob, now: Moment) -> Vec<ClientId> {
        let mut welcomed = Vec::new();
        let Some((group_id, tree)) = self.follower().map(|f| (f.group_id(), f.tree())) else {
            return welcomed;
        };
        let tree = match tree {
            Ok(tree) => tree,
            Err(error) => {
                tracing::error!(room = %self.name, %error, "no tree");
                return welcomed;
            }
        };
        let mut awaited = HashSet::new();
        for join in joins {
            let client = self.clients.client_of(&join.participant);
            if self.wishes.joins(&join.participant) {
                continue;
            }
            if join.client == AWAY && client.is_none() {
                let stay = Stay {
                    participant: join.participant.clone(),
                    session: (self.shared.random)().to_vec().into(),
                    follows: seq,
                };
                // As if it were lost only later, so that it has the longer time.
                let longer = self.config.invitation.saturating_sub(self.config.grace);
                self.clients.expect(stay, now + longer);
                awaited.insert(join.participant.clone());
            }
            if client != Some(join.client) {
                continue;
            }
            awaited.insert(join.participant.clone());
            self.clients.follow(&join.participant, seq);
            welcomed.push(join.client);
            let message = ServiceMessage::Welcome {
                group_id,
                seq,
                chain: self.log.chain().clone(),
                welcome: welcome.clone(),
                tree: tree.clone(),
            };
            self.send(join.client, message);
        }
        let kept = KeptWelcome {
            seq,
            chain: self.log.chain().clone(),
            welcome: welcome.clone(),
            tree,
        };
        self.keep_welcome(kept, awaited);
        welcomed
    }

    /// Nothing may be forwarded to a participant any more.
    pub(super) fn stop_media(&mut self, participant: &ParticipantId) {
        self.outputs.push_back(RoomOutput::Media(MediaRequest {
            room: self.name.clone(),
            participant: participant.clone(),
            kind: MediaRequestKind::Removed,
            rights: Vec::new(),
        }));
    }
}
