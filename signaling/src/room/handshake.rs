//! The room's group: its creation, its epoch, its end.

use std::collections::{HashMap, HashSet, VecDeque};

use mls_srtp::delivery::{Blob, LogBody, MAX_ENVELOPE_BYTES, Refusal, ServiceMessage};
use mls_srtp::group::GroupFollower;
use mls_srtp::id::{Epoch, Generation, GroupId, LeafIndex, ParticipantId, Seq};
use mls_srtp::time::Moment;

use super::complaints::{Eviction, signer};
use super::history::{History, Signer};
use super::inviting::Waiting;
use super::proposals::Proposals;
use super::wishes::Why;
use super::{ClientId, Refused, Room, RoomEventKind, refuse};
use crate::store::{Change, Snapshot};

/// Largest GroupInfo in bytes: it is kept, and given out together with the tree. Ours have about 500,
/// post-quantum ones 1,700.
pub(super) const MAX_GROUP_INFO: usize = 16 * 1024;

/// A group in its current epoch.
pub(super) struct Handshake {
    pub(super) follower: GroupFollower,
    pub(super) proposals: Proposals,
    /// The GroupInfo of the current epoch, as the author of its commit sent it.
    pub(super) group_info: Blob,
    /// Log position of the commit that began the epoch, and who made it.
    pub(super) began_at: Seq,
    pub(super) author: Option<ParticipantId>,
    /// What each member reported of the epoch.
    pub(super) applied: HashMap<ParticipantId, Blob>,
    /// The first report of the epoch.
    pub(super) agreed: Option<Blob>,
    /// Whose reports differ from what they should be, as far as the operator knows.
    pub(super) differing: HashSet<ParticipantId>,
    pub(super) ready: bool,
    /// The ranked committers as last published.
    pub(super) published: Vec<LeafIndex>,
    /// Since when something waits to be committed in this epoch.
    pub(super) waits_since: Option<Moment>,
    pub(super) history: History,
    pub(super) evictions: Vec<Eviction>,
    /// When the newest external commit was accepted, and when the newest of each device.
    pub(super) returned_at: Option<Moment>,
    pub(super) returned: HashMap<ParticipantId, Moment>,
    /// Welcomes that their devices may not have yet.
    pub(super) welcomes: Vec<Waiting>,
    /// Commits since the newest snapshot.
    pub(super) replayable: u32,
    /// What all members had at the last pings, and what the store has forgotten of it.
    pub(super) had_by_all: VecDeque<Seq>,
    pub(super) trimmed: Seq,
}

impl Handshake {
    fn new(follower: GroupFollower, began_at: Seq, group_info: Blob) -> Self {
        let creator = follower.roster().iter().next();
        let creator = creator.and_then(|member| signer(&follower, member.leaf));
        let mut new = Self::restored(follower, began_at, group_info);
        if let Some(creator) = creator {
            new.accepted(began_at, creator, false);
        }
        new
    }

    /// A group of which nothing is known but how it stands.
    pub(super) fn restored(follower: GroupFollower, began_at: Seq, group_info: Blob) -> Self {
        Self {
            follower,
            proposals: Proposals::default(),
            group_info,
            began_at,
            author: None,
            applied: HashMap::new(),
            agreed: None,
            differing: HashSet::new(),
            ready: false,
            published: Vec::new(),
            waits_since: None,
            history: History::default(),
            evictions: Vec::new(),
            returned_at: None,
            returned: HashMap::new(),
            welcomes: Vec::new(),
            replayable: 0,
            had_by_all: VecDeque::new(),
            trimmed: Seq::default(),
        }
    }

    /// A commit, or the creation, was accepted.
    pub(super) fn accepted(&mut self, seq: Seq, author: Signer, external: bool) {
        self.author = Some(author.participant.clone());
        self.history.accepted(seq, author, external);
    }

    /// The next epoch has begun: nothing proposed or reported counts any more.
    pub(super) fn begin_epoch(&mut self, at: Seq, group_info: Blob) {
        self.proposals = Proposals::default();
        self.waits_since = None;
        self.applied.clear();
        self.agreed = None;
        self.differing.clear();
        self.ready = false;
        self.began_at = at;
        self.group_info = group_info;
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
        self.check_not_removed(participant)?;
        if tree.len() > self.config.max_key_package || group_info.len() > MAX_GROUP_INFO {
            return refuse(Refusal::TooLarge, "a group of one member is smaller");
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
        let leaf = follower.leaf_of(participant);
        if let Some(key) = leaf.and_then(|leaf| follower.signature_key(leaf)) {
            self.check_key(participant, &key)?;
        }
        let seq = self.log.newest().next();
        self.handshake = Some(Handshake::new(follower, seq, group_info.clone()));
        let creator = participant.clone();
        let body = LogBody::Created {
            creator: creator.clone(),
        };
        let snapshot = Snapshot {
            seq,
            group_info: group_info.clone(),
            tree,
        };
        let with = [Change::GroupInfo(group_info), Change::Snapshot(snapshot)];
        let entry = match self.record(body, with) {
            Ok(entry) => entry,
            Err(refused) => {
                self.handshake = None;
                return Err(refused);
            }
        };
        self.clients.follow(participant, seq);
        self.send(client, ServiceMessage::Entry(entry));
        self.wishes.forget(participant);
        self.event(Epoch::default(), RoomEventKind::Created { creator });
        let others = self.clients.connected().into_iter();
        for other in others.filter(|other| *other != client) {
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

    pub(super) fn application(
        &mut self,
        participant: &ParticipantId,
        epoch: Epoch,
        message: Blob,
        now: Moment,
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
        let (burst, rate) = (self.config.application_burst, self.config.application_rate);
        if !self
            .clients
            .speaks(participant, message.len(), (burst, rate), now)
        {
            return refuse(Refusal::RateLimited, "too much is said; wait a few seconds");
        }
        GroupFollower::check_application(&message)
            .map_err(|error| (error.refusal(), error.to_string()))?;
        self.append(LogBody::Application { epoch, message })
            .map(|_| ())
    }

    /// Ends the group if nobody is left who could commit, now or once it is back.
    pub(super) fn end_if_over(&mut self) {
        if self.handshake.is_some() && !self.can_go_on() {
            self.dissolve();
        }
    }

    /// Nobody commits any more: the group ends for all together.
    pub(super) fn dissolve(&mut self) {
        for going in self.wishes.take_leaves() {
            if going.why > Why::Lost {
                self.clients.end_session(&going.participant);
            }
            self.send_off(&going.participant);
        }
        self.close_group();
    }

    /// Ends the group: the next one to come creates the next generation.
    pub(super) fn close_group(&mut self) {
        let members = self.members();
        self.handshake = None;
        self.generation = self.generation.next();
        self.wishes.clear();
        self.remember(Change::Close);
        for member in &members {
            let participant = &member.participant;
            self.clients.unfollow(participant);
            self.stop_media(participant);
            if self.clients.client_of(participant).is_none() {
                self.clients.forget(participant);
            }
        }
        for client in self.clients.connected() {
            self.tell_room(client);
        }
    }
}
