//! A room after a restart: its group is followed again from the store's snapshot through the log,
//! and its members have time to come back.

use mls_srtp::delivery::{LogBody, LogEntry};
use mls_srtp::group::{GroupFollower, Requeuing};
use mls_srtp::id::ParticipantId;
use mls_srtp::time::Moment;

use super::complaints::signer;
use super::handshake::Handshake;
use super::inviting::AWAY;
use super::proposals::{Pending, What};
use super::wishes::{Join, Why};
use super::{Room, RoomEventKind};
use crate::store::{Fact, GroupRecord, Reason, Stay};

impl Room {
    /// Takes back what the store has of the room.
    ///
    /// # Errors
    /// What does not fit, in words: the store is damaged, or not this service's.
    pub(super) fn restore(
        &mut self,
        group: Option<GroupRecord>,
        facts: Vec<Fact>,
        now: Moment,
    ) -> Result<(), String> {
        let (mut stays, mut welcomes) = (Vec::new(), Vec::new());
        for fact in facts {
            match fact {
                Fact::Stay(stay) => stays.push(stay),
                Fact::Welcome(kept) => welcomes.push(kept),
                Fact::Ended {
                    participant,
                    session,
                } => self.clients.recall_ended(participant, session),
                Fact::Going {
                    participant,
                    reason,
                } => self.wishes.recall(participant, why(reason), now),
                Fact::Barred(key) => self.bars.recall_barred(key),
                Fact::UserRemoved(user) => self.removed.recall(user),
                Fact::Suspected(key) => self.bars.recall_suspected(key),
            }
        }
        let Some(group) = group else {
            return Ok(());
        };
        let log = self.shared.store.log(&self.name);
        let log = log.map_err(|error| error.to_string())?;
        if let Err(error) = self.replay(group, &log, now) {
            // Such as a key package whose time is over by now. The others must not suffer for it.
            tracing::error!(room = %self.name, error, "cannot follow the room's group; it is closed");
            self.close_group();
            return Ok(());
        }
        self.end_stays_of_removed(&stays);
        self.recall_members(stays, now);
        for kept in welcomes {
            self.recall_welcome(kept);
        }
        self.take_up_removes(now);
        self.withdraw_orphans();
        let members = self.member_count();
        tracing::info!(room = %self.name, members, "went on with the room's group");
        self.event_now(RoomEventKind::Restored { members });
        Ok(())
    }

    /// Follows the group to where the log ends.
    fn replay(&mut self, group: GroupRecord, log: &[LogEntry], now: Moment) -> Result<(), String> {
        let (group_id, snapshot) = (group.group_id, group.snapshot);
        let follower = GroupFollower::restore(
            &self.policy(),
            &self.shared.identity,
            group_id,
            &snapshot.group_info,
            &snapshot.tree,
        );
        let follower = follower.map_err(|error| format!("its snapshot: {error}"))?;
        let mut handshake = Handshake::restored(follower, snapshot.seq, group.group_info);
        let since = |entry: &&LogEntry| entry.seq > snapshot.seq && entry.group_id == group_id;
        for entry in log.iter().filter(since) {
            let replayed = handshake.replay(entry, now);
            replayed.map_err(|error| format!("log entry {}: {error}", entry.seq))?;
        }
        self.handshake = Some(handshake);
        Ok(())
    }

    /// Whose leaf is gone had to go no more: the commit was the last thing that was written.
    fn end_stays_of_removed(&mut self, stays: &[Stay]) {
        for going in self.wishes.leaves() {
            let who = going.participant;
            if self.leaf_of(&who).is_some() {
                continue;
            }
            self.wishes.forget(&who);
            if let Some(stay) = stays.iter().find(|stay| stay.participant == who) {
                self.clients.end_stay(who, stay.session.clone());
            }
        }
    }

    /// Every member may come back to its stay. One whose stay was not written, because it came in
    /// at the very end, has to come back by an external commit.
    fn recall_members(&mut self, stays: Vec<Stay>, now: Moment) {
        let (grace, restart_grace) = (self.config.grace, self.config.restart_grace);
        // As if they were lost only then, so that the rest of the longer grace time remains.
        let lost_at = now + restart_grace.saturating_sub(grace);
        let members = self.members();
        for stay in stays {
            if members.leaf_of(&stay.participant).is_some() {
                self.clients.recall(stay, lost_at);
            }
        }
        for member in &members {
            if !self.clients.knows(&member.participant) {
                let stay = Stay {
                    participant: ParticipantId::clone(&member.participant),
                    session: (self.shared.random)().to_vec().into(),
                    follows: self.log.newest(),
                };
                self.clients.recall(stay, lost_at);
            }
        }
    }

    /// A Remove that nobody wished is due to a lost connection, and a return takes it back.
    fn take_up_removes(&mut self, now: Moment) {
        let Some(handshake) = &self.handshake else {
            return;
        };
        let roster = handshake.follower.roster();
        let going = handshake.proposals.removing();
        let going: Vec<_> = going.filter_map(|leaf| roster.occupant(leaf)).collect();
        let going: Vec<_> = going.into_iter().map(|who| who.as_ref().clone()).collect();
        for participant in going {
            self.wishes.go(participant, Why::Lost, now);
        }
    }

    /// Takes back the Adds from before a restart that nobody wishes any more: the private keys are
    /// with a connection that is gone. What cannot be stored is tried again.
    pub(super) fn withdraw_orphans(&mut self) {
        let Some(handshake) = &self.handshake else {
            return;
        };
        let orphans = handshake.proposals.iter().filter_map(|pending| {
            let What::Add(join) = &pending.what else {
                return None;
            };
            let orphan = join.client == AWAY && !self.wishes.wishes(join);
            let may = handshake.proposals.may_withdraw(&join.participant);
            (orphan && may).then(|| (pending.seq, join.participant.clone()))
        });
        for (seq, participant) in orphans.collect::<Vec<_>>() {
            if self.withdraw(seq)
                && let Some(handshake) = &mut self.handshake
            {
                handshake.proposals.count_withdrawal(&participant);
            }
        }
    }
}

impl Handshake {
    /// Takes an entry that was recorded before.
    fn replay(&mut self, entry: &LogEntry, now: Moment) -> Result<(), String> {
        match &entry.body {
            LogBody::Proposal { proposal, .. } => {
                let queued = self.follower.requeue(proposal);
                let queued = queued.map_err(|error| error.to_string())?;
                let what = match queued.what {
                    Requeuing::Remove(leaf) => What::Remove(leaf),
                    Requeuing::Add(participant) => What::Add(Join {
                        participant,
                        client: AWAY,
                        key_package: Default::default(),
                    }),
                };
                self.proposals.push(Pending {
                    seq: entry.seq,
                    reference: queued.reference,
                    what,
                    since: now,
                    decliners: Vec::new(),
                    objection: None,
                });
            }
            LogBody::Withdrawn { proposal, .. } => {
                if let Some(pending) = self.proposals.remove(*proposal) {
                    let withdrawn = self.follower.withdraw(&pending.reference);
                    withdrawn.map_err(|error| error.to_string())?;
                }
            }
            LogBody::Commit { commit, author, .. } => {
                let replayed = self.follower.replay(commit);
                replayed.map_err(|error| error.to_string())?;
                let group_info = std::mem::take(&mut self.group_info);
                self.begin_epoch(entry.seq, group_info);
                self.replayable += 1;
                if let Some(author) = signer(&self.follower, *author) {
                    // Whether it came from outside matters only together with the commit before.
                    self.accepted(entry.seq, author, false);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn why(reason: Reason) -> Why {
    match reason {
        Reason::Left => Why::Left,
        Reason::Evicted => Why::Evicted,
    }
}
