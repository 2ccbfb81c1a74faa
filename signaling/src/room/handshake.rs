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
    began_at: Seq,
    /// What each member reported of the epoch.
    applied: HashMap<ParticipantId, Blob>,
    ready: bool,
    /// The ranked committers as last published.
    published: Vec<LeafIndex>,
}

/// A proposal of this epoch.
struct Pending {
    seq: Seq,
    reference: ProposalReference,
    what: What,
    at: Moment,
}

enum What {
    Add(ParticipantId),
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
            .any(|p| matches!(&p.what, What::Add(who) if who == participant))
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
        let what = What::Add(join.participant.clone());
        self.pending.push(Pending {
            seq,
            reference,
            what,
            at,
        });
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
        let outcome = change.outcome().clone();
        let ended = Epoch::new(outcome.epoch.get().saturating_sub(1));
        let gone: Vec<ParticipantId> = outcome.removed.iter().map(|(_, who)| who.clone()).collect();
        // First of all, nothing more may be forwarded to those who are going.
        for participant in &gone {
            let (room, participant) = (self.name.clone(), participant.clone());
            let kind = MediaRequestKind::Removed;
            self.outputs.push_back(RoomOutput::Media(MediaRequest {
                room,
                participant,
                kind,
            }));
        }
        let author = outcome.author;
        let seq = self.append(LogBody::Commit {
            epoch: ended,
            author,
            commit: commit.clone(),
        })?;
        let Some(handshake) = &mut self.handshake else {
            return Ok(());
        };
        let follower = match handshake.follower.merge(change) {
            Ok(_) => &handshake.follower,
            Err(error) => {
                tracing::error!(room = %self.name, %error, "cannot follow an accepted commit");
                self.close_group();
                return Ok(());
            }
        };
        let (members, tree) = (follower.members().len(), follower.tree());
        handshake.pending.clear();
        handshake.applied.clear();
        handshake.ready = false;
        handshake.began_at = seq;
        self.wishes.fulfil(&outcome.added, &gone);
        if let (Some(welcome), Ok(tree)) = (welcome, tree) {
            self.welcome(&outcome, seq, welcome, &tree);
        }
        for participant in gone.iter().filter(|who| !outcome.added.contains(who)) {
            // A newcomer of the same device waits for its own Add and stays.
            if let Some(client) = self.clients.follower_of(participant) {
                self.close(client, CloseReason::Removed);
                self.clients.forget(participant);
            } else if self.clients.client_of(participant).is_none() {
                self.clients.forget(participant);
            }
        }
        let (added, removed, commit_bytes) = (outcome.added, gone, commit.len());
        let kind = RoomEventKind::Committed {
            added,
            removed,
            members,
            commit_bytes,
        };
        self.event(outcome.epoch, kind);
        self.sign_wishes(now);
        Ok(())
    }

    /// Releases the Welcome, now that its commit has won.
    fn welcome(&mut self, outcome: &CommitOutcome, seq: Seq, welcome: &Blob, tree: &Blob) {
        let Some(group_id) = self.follower().map(GroupFollower::group_id) else {
            return;
        };
        for participant in &outcome.added {
            let Some(client) = self.clients.client_of(participant) else {
                continue;
            };
            self.clients.set_follows(participant, true);
            let message = ServiceMessage::Welcome {
                group_id,
                seq,
                chain: self.log.chain().clone(),
                welcome: welcome.clone(),
                tree: tree.clone(),
            };
            self.send(client, message);
        }
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

    pub(super) fn applied(&mut self, participant: &ParticipantId, seq: Seq, hash: Blob) {
        let is_member = self.leaf_of(participant).is_some();
        let Some(handshake) = &mut self.handshake else {
            return;
        };
        if seq < handshake.began_at || !is_member {
            return;
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
            self.event(epoch, RoomEventKind::AuthenticatorsDiffer { reporter });
        }
        self.check_ready();
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
            .filter(|member| self.clients.follower_of(member).is_some())
            .peekable();
        let Some(handshake) = &self.handshake else {
            return;
        };
        let all = connected.peek().is_some()
            && connected.all(|member| handshake.applied.contains_key(member));
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
        let members = handshake.follower.members().into_iter();
        let fit = members.filter(|(leaf, member)| {
            self.clients.follower_of(member).is_some() && !handshake.removes(*leaf)
        });
        Some(fit.map(|(leaf, _)| leaf).collect())
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
        // A joiner has not heard the list yet, so a changed membership counts as a change.
        if handshake.published != leaves || handshake.applied.is_empty() {
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

    /// Ends the group: the next one to come creates the next generation.
    pub(super) fn close_group(&mut self) {
        let members = self.members();
        self.handshake = None;
        self.generation = self.generation.next();
        self.wishes.clear_leaves();
        let joining = self.wishes.joining();
        for member in members {
            self.clients.set_follows(&member, false);
            let (room, participant) = (self.name.clone(), member.clone());
            let kind = MediaRequestKind::Removed;
            self.outputs.push_back(RoomOutput::Media(MediaRequest {
                room,
                participant,
                kind,
            }));
            if self.clients.client_of(&member).is_none() {
                self.clients.forget(&member);
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
