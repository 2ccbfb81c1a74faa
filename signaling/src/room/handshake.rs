//! The group's handshake: creation, commits, reports, readiness.

use std::collections::HashMap;

use mls_srtp::delivery::{Blob, CloseReason, LogBody, MAX_ENVELOPE_BYTES, Refusal, ServiceMessage};
use mls_srtp::group::{CommitOutcome, FollowError, GroupFollower, ProposalReference, StagedChange};
use mls_srtp::id::{Epoch, Generation, GroupId, LeafIndex, ParticipantId, Seq};
use mls_srtp::time::Moment;

use super::wishes::Join;
use super::{
    ClientId, MediaRequest, MediaRequestKind, Refused, Room, RoomEventKind, RoomOutput, refuse,
};

/// A group in its current epoch.
pub(super) struct Handshake {
    pub(super) follower: GroupFollower,
    pending: Vec<Pending>,
    /// Log position of the commit that began the epoch.
    pub(super) began_at: Seq,
    /// What each member reported of the epoch.
    pub(super) applied: HashMap<ParticipantId, Blob>,
    pub(super) ready: bool,
    /// The ranked committers as last published in this epoch.
    pub(super) published: Vec<LeafIndex>,
}

/// A proposal of this epoch.
struct Pending {
    seq: Seq,
    reference: ProposalReference,
    what: What,
    at: Moment,
}

enum What {
    Add(Join),
    Remove(LeafIndex),
}

/// A commit as a client submits it.
pub(super) struct Submission {
    pub(super) epoch: Epoch,
    pub(super) seen_seq: Seq,
    pub(super) commit: Blob,
    pub(super) welcome: Option<Blob>,
    pub(super) group_info: Blob,
}

impl Handshake {
    fn new(follower: GroupFollower, began_at: Seq) -> Self {
        Self {
            follower,
            pending: Vec::new(),
            began_at,
            applied: HashMap::new(),
            ready: false,
            published: Vec::new(),
        }
    }

    pub(super) fn removes(&self, leaf: LeafIndex) -> bool {
        self.pending
            .iter()
            .any(|p| matches!(p.what, What::Remove(other) if other == leaf))
    }

    /// One Add of a device per epoch: two would make a commit that nobody can build.
    pub(super) fn adds(&self, participant: &ParticipantId) -> bool {
        self.pending
            .iter()
            .any(|p| matches!(&p.what, What::Add(join) if join.participant == *participant))
    }

    pub(super) fn proposed_remove(
        &mut self,
        seq: Seq,
        reference: ProposalReference,
        leaf: LeafIndex,
        at: Moment,
    ) {
        self.pending.push(Pending {
            seq,
            reference,
            what: What::Remove(leaf),
            at,
        });
    }

    pub(super) fn proposed_add(
        &mut self,
        seq: Seq,
        reference: ProposalReference,
        join: &Join,
        at: Moment,
    ) {
        let what = What::Add(join.clone());
        self.pending.push(Pending {
            seq,
            reference,
            what,
            at,
        });
    }

    /// The wishes that a commit fulfils.
    fn joins_in(&self, change: &StagedChange) -> Vec<Join> {
        let included = self.pending.iter().filter(|p| !change.omits(&p.reference));
        let joins = included.filter_map(|p| match &p.what {
            What::Add(join) => Some(join.clone()),
            What::Remove(_) => None,
        });
        joins.collect()
    }

    /// The next epoch has begun: nothing proposed or reported counts any more.
    fn begin_epoch(&mut self, at: Seq) {
        self.pending.clear();
        self.applied.clear();
        self.ready = false;
        // A joiner has not heard the list.
        self.published.clear();
        self.began_at = at;
    }

    /// A commit may leave out only what its author cannot have seen, and no old Remove at all.
    fn check_complete(
        &self,
        change: &StagedChange,
        seen: Seq,
        now: Moment,
        slack: std::time::Duration,
    ) -> Result<(), FollowError> {
        let omits = |pending: &Pending| {
            let old_remove = matches!(pending.what, What::Remove(_)) && pending.at + slack < now;
            (pending.seq <= seen || old_remove) && change.omits(&pending.reference)
        };
        if self.pending.iter().any(omits) {
            Err(FollowError::OmitsProposal)
        } else {
            Ok(())
        }
    }
}

impl Room {
    /// Compare-and-swap on (room, generation): the first group offered for it wins.
    pub(super) fn create(
        &mut self,
        client: ClientId,
        participant: &ParticipantId,
        generation: Generation,
        (group_id, group_info, tree): (GroupId, Blob, Blob),
        now: Moment,
    ) -> Result<(), Refused> {
        if self.handshake.is_some() || generation != self.generation {
            return refuse(
                Refusal::RoomOccupied,
                "somebody else created the room's group",
            );
        }
        let identity = &self.shared.identity;
        let follower = GroupFollower::create(
            &self.policy(),
            identity,
            participant,
            group_id,
            &group_info,
            &tree,
        )
        .map_err(|error| (error.refusal(), error.to_string()))?;
        self.handshake = Some(Handshake::new(follower, self.log.newest().next()));
        self.clients.set_follows(participant, true);
        let creator = participant.clone();
        if let Err(refused) = self.append(LogBody::Created {
            creator: creator.clone(),
        }) {
            self.handshake = None;
            self.clients.set_follows(participant, false);
            return Err(refused);
        }
        self.wishes.forget(participant);
        self.event(Epoch::default(), RoomEventKind::Created { creator });
        for other in self
            .clients
            .connected()
            .into_iter()
            .filter(|other| *other != client)
        {
            self.tell_room(other);
        }
        self.sign_wishes(now);
        Ok(())
    }

    pub(super) fn current_group(&self, group_id: GroupId) -> Result<(), Refused> {
        match self.follower() {
            Some(follower) if follower.group_id() == group_id => Ok(()),
            Some(_) => refuse(Refusal::WrongGroup, "the room has another group"),
            None => refuse(Refusal::WrongGroup, "the room has no group"),
        }
    }

    /// Compare-and-swap on (group, epoch): the first commit that passes wins the epoch.
    pub(super) fn commit(
        &mut self,
        author: &ParticipantId,
        submission: &Submission,
        now: Moment,
    ) -> Result<(), Refused> {
        let slack = self.config.remove_slack;
        let Some(handshake) = &mut self.handshake else {
            return refuse(Refusal::WrongGroup, "the room has no group");
        };
        let current = handshake.follower.epoch();
        if submission.epoch != current {
            return refuse(
                Refusal::WrongEpoch,
                format!("the group is in epoch {current}"),
            );
        }
        let Submission {
            commit,
            welcome,
            group_info,
            ..
        } = submission;
        let change = handshake
            .follower
            .stage_commit(author, commit, welcome.as_ref(), group_info)
            .and_then(|change| {
                handshake.check_complete(&change, submission.seen_seq, now, slack)?;
                Ok(change)
            })
            .map_err(|error| (error.refusal(), error.to_string()))?;
        self.accept(change, commit, welcome.as_ref(), now)
    }

    fn accept(
        &mut self,
        change: StagedChange,
        commit: &Blob,
        welcome: Option<&Blob>,
        now: Moment,
    ) -> Result<(), Refused> {
        let CommitOutcome {
            epoch,
            author,
            added,
            removed,
            ..
        } = change.outcome().clone();
        let gone: Vec<ParticipantId> = removed.into_iter().map(|(_, who)| who).collect();
        let entry = self.record(LogBody::Commit {
            epoch: Epoch::new(epoch.get().saturating_sub(1)),
            author,
            commit: commit.clone(),
        })?;
        let seq = entry.seq;
        // Before anybody hears of it, nothing more may be forwarded to those who are going.
        gone.iter().for_each(|who| self.stop_media(who));
        // Those who are going hear it, too.
        self.broadcast(&ServiceMessage::Entry(entry));
        let Some(handshake) = &mut self.handshake else {
            return Ok(());
        };
        let joins = handshake.joins_in(&change);
        if let Err(error) = handshake.follower.merge(change) {
            tracing::error!(room = %self.name, %error, "cannot follow an accepted commit");
            self.close_group();
            return Ok(());
        }
        handshake.begin_epoch(seq);
        self.wishes.fulfil(&joins, &gone);
        if let Some(welcome) = welcome {
            self.welcome(&joins, seq, welcome);
        }
        for participant in gone.iter().filter(|who| !added.contains(who)) {
            self.send_off(participant);
        }
        let kind = RoomEventKind::Committed {
            added,
            removed: gone,
            members: self.member_count(),
            commit_bytes: commit.len(),
        };
        self.event(epoch, kind);
        self.sign_wishes(now);
        Ok(())
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

    /// Releases the Welcome, now that its commit has won. A client that went meanwhile, or brought
    /// a newer key package, could not open it.
    fn welcome(&mut self, joins: &[Join], seq: Seq, welcome: &Blob) {
        let Some((group_id, tree)) = self.follower().map(|f| (f.group_id(), f.tree())) else {
            return;
        };
        let tree = match tree {
            Ok(tree) => tree,
            Err(error) => return tracing::error!(room = %self.name, %error, "no tree"),
        };
        for Join {
            participant,
            client,
            ..
        } in joins
        {
            if self.clients.client_of(participant) != Some(*client)
                || self.wishes.joins(participant)
            {
                continue;
            }
            self.clients.set_follows(participant, true);
            let message = ServiceMessage::Welcome {
                group_id,
                seq,
                chain: self.log.chain().clone(),
                welcome: welcome.clone(),
                tree: tree.clone(),
            };
            self.send(*client, message);
        }
    }

    /// Nothing may be forwarded to a participant any more.
    fn stop_media(&mut self, participant: &ParticipantId) {
        self.outputs.push_back(RoomOutput::Media(MediaRequest {
            room: self.name.clone(),
            participant: participant.clone(),
            kind: MediaRequestKind::Removed,
        }));
    }

    pub(super) fn application(
        &mut self,
        participant: &ParticipantId,
        epoch: Epoch,
        message: Blob,
    ) -> Result<(), Refused> {
        if message.len() > self.config.max_application.min(MAX_ENVELOPE_BYTES) {
            return refuse(Refusal::TooLarge, "the application message is too large");
        }
        let current = self.follower().map(GroupFollower::epoch);
        if self.leaf_of(participant).is_none() {
            return refuse(Refusal::Unauthorised, "only members may speak to the group");
        }
        if current != Some(epoch) {
            return refuse(Refusal::WrongEpoch, "the epoch of the message is over");
        }
        self.append(LogBody::Application { epoch, message })
            .map(|_| ())
    }

    /// Ends the group: the next one to come creates the next generation.
    pub(super) fn close_group(&mut self) {
        let members = self.members();
        self.handshake = None;
        self.generation = self.generation.next();
        if let Err(error) = self.shared.store.close(&self.name) {
            tracing::error!(room = %self.name, %error, "the store failed");
        }
        self.wishes.clear_leaves();
        let joining = self.wishes.joining();
        for member in &members {
            let participant = &member.participant;
            self.clients.set_follows(participant, false);
            self.stop_media(participant);
            if self.clients.client_of(participant).is_none() {
                self.clients.forget(participant);
            }
        }
        for participant in joining {
            self.wishes.forget(&participant);
        }
        for client in self.clients.connected() {
            self.tell_room(client);
        }
    }
}
