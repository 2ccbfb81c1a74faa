//! Who is connected, who was, and since when not.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use mls_srtp::delivery::Blob;
use mls_srtp::id::{ParticipantId, Seq};
use mls_srtp::time::Moment;
use mls_srtp::token::Right;
use subtle::ConstantTimeEq;

use crate::access::Admission;
use crate::store::{Change, Fact, FactKey, Stay};

/// Sessions remembered of stays that ended by somebody's wish; the oldest are forgotten. Who comes
/// back with one only after so many others joins anew, as if its connection had been lost.
const ENDED: usize = 1_024;

/// How often in the long run a member may commit without adding or removing anybody. Each such
/// commit costs all members an epoch, and defeats commits that are on their way; an honest member
/// renews its path once an hour, and after it was restored.
const RENEWAL_EVERY: Duration = Duration::from_secs(1);

/// For how long ahead it may do so at once.
const RENEWALS_AHEAD: Duration = Duration::from_secs(3);

/// One connection, unique for the life of the service: the later it was accepted, the larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(pub u64);

/// A participant's presence, over reconnections.
#[derive(Debug)]
struct Presence {
    session: Blob,
    client: Option<ClientId>,
    /// The newest connection that said hello, even if it is gone.
    newest: ClientId,
    /// From which log position on this client follows the group: it created it, was welcomed, came
    /// back by an external commit or has resumed. One that comes back without its state does not,
    /// though its device still has a leaf.
    follows: Option<Seq>,
    /// Since when no connection of it follows the group. A device that only says hello again and
    /// again gains no time by it.
    astray_since: Option<Moment>,
    /// The newest log entry that it is known to have processed.
    has: Seq,
    /// Whether the store has this stay.
    is_kept: bool,
    /// What its newest connection was let in with.
    admission: Option<Admission>,
    /// How often this connection asked for the GroupInfo.
    group_infos: u32,
    /// How often it published key packages.
    publishings: u32,
    /// Bytes of application messages that it has said, less what the rate allows since, as of then.
    said: (usize, Moment),
    /// Until when its commits that neither add nor remove use up the time for them.
    renewed_until: Moment,
}

/// The participants of a room and their connections.
#[derive(Debug, Default)]
pub(super) struct Clients {
    present: HashMap<ParticipantId, Presence>,
    participants: HashMap<ClientId, ParticipantId>,
    /// Sessions of stays that are over, though their clients may not have heard it.
    ended: VecDeque<(ParticipantId, Blob)>,
    /// What the store has still to be told.
    pub(super) changes: Vec<Change>,
}

impl Clients {
    /// A participant comes, or comes back as a new client.
    pub(super) fn enter(
        &mut self,
        participant: ParticipantId,
        client: ClientId,
        session: Blob,
        now: Moment,
    ) {
        self.detach(&participant);
        self.drop_stay(&participant);
        self.participants.insert(client, participant.clone());
        // One that followed until it was lost has its time from now on.
        let before = self.present.get(&participant);
        // A new connection allows nobody more.
        let said = before.map_or((0, now), |before| before.said);
        let renewed_until = before.map_or(Moment::default(), |before| before.renewed_until);
        let before = before.filter(|before| before.follows.is_none());
        let presence = Presence {
            session,
            client: Some(client),
            newest: client,
            follows: None,
            astray_since: before.and_then(|before| before.astray_since).or(Some(now)),
            has: Seq::default(),
            is_kept: false,
            admission: None,
            group_infos: 0,
            publishings: 0,
            said,
            renewed_until,
        };
        self.present.insert(participant, presence);
    }

    /// A participant returns to its session; it is given the log from `seq` on.
    pub(super) fn return_to(&mut self, participant: &ParticipantId, client: ClientId, seq: Seq) {
        self.detach(participant);
        if let Some(presence) = self.present.get_mut(participant) {
            presence.client = Some(client);
            presence.newest = client;
            presence.follows.get_or_insert(seq);
            presence.astray_since = None;
            presence.group_infos = 0;
            presence.publishings = 0;
            self.participants.insert(client, participant.clone());
        }
    }

    /// With what a participant was let in.
    pub(super) fn admitted(&mut self, participant: &ParticipantId, admission: Admission) {
        if let Some(presence) = self.present.get_mut(participant) {
            presence.admission = Some(admission);
        }
    }

    /// What a participant who is here was let in with.
    pub(super) fn admission(&self, participant: &ParticipantId) -> Option<&Admission> {
        let presence = self.present.get(participant)?;
        presence.client.and(presence.admission.as_ref())
    }

    /// Whether a participant who is here has a right.
    pub(super) fn grants(&self, participant: &ParticipantId, right: Right) -> bool {
        let admission = self.admission(participant);
        admission.is_some_and(|admission| admission.grants(right))
    }

    fn detach(&mut self, participant: &ParticipantId) {
        let old = self
            .present
            .get_mut(participant)
            .and_then(|presence| presence.client.take());
        if let Some(old) = old {
            self.participants.remove(&old);
        }
    }

    /// A connection is gone; says whose, if it was the participant's newest one.
    pub(super) fn lost(&mut self, client: ClientId, now: Moment) -> Option<ParticipantId> {
        let participant = self.participants.remove(&client)?;
        let presence = self.present.get_mut(&participant)?;
        presence.client = None;
        presence.astray_since.get_or_insert(now);
        Some(participant)
    }

    /// A participant is no longer anything here.
    pub(super) fn forget(&mut self, participant: &ParticipantId) {
        self.detach(participant);
        self.drop_stay(participant);
        self.present.remove(participant);
    }

    /// The store needs to know nothing of a participant's stay any more.
    fn drop_stay(&mut self, participant: &ParticipantId) {
        let presence = self.present.get_mut(participant);
        if let Some(presence) = presence.filter(|presence| presence.is_kept) {
            presence.is_kept = false;
            let key = FactKey::Stay(participant.clone());
            self.changes.push(Change::Forget(key));
        }
    }

    /// A stay that is to begin when its device comes; its connection counts as lost since `lost_at`.
    pub(super) fn expect(&mut self, stay: Stay, lost_at: Moment) {
        self.changes.push(Change::Put(Fact::Stay(stay.clone())));
        self.recall(stay, lost_at);
    }

    /// From which log position on a participant's stay follows the group, connected or not.
    pub(super) fn joined_at(&self, participant: &ParticipantId) -> Option<Seq> {
        self.present.get(participant)?.follows
    }

    /// A stay from before a restart; its connection counts as lost since `lost_at`.
    pub(super) fn recall(&mut self, stay: Stay, lost_at: Moment) {
        let presence = Presence {
            session: stay.session,
            client: None,
            newest: ClientId(0),
            follows: Some(stay.follows),
            astray_since: Some(lost_at),
            has: stay.follows,
            is_kept: true,
            admission: None,
            group_infos: 0,
            publishings: 0,
            said: (0, lost_at),
            renewed_until: Moment::default(),
        };
        self.present.insert(stay.participant, presence);
    }

    /// A stay from before a restart ended with it, and nobody has written that yet.
    pub(super) fn end_stay(&mut self, participant: ParticipantId, session: Blob) {
        self.changes
            .push(Change::Forget(FactKey::Stay(participant.clone())));
        self.changes.push(Change::Put(Fact::Ended {
            participant: participant.clone(),
            session: session.clone(),
        }));
        self.ended.push_back((participant, session));
    }

    /// A session from before a restart whose stay had ended.
    pub(super) fn recall_ended(&mut self, participant: ParticipantId, session: Blob) {
        self.ended.push_back((participant, session));
    }

    /// The newest log entry that a member is known to have processed; nothing for one that does
    /// not follow the group and will get it anew.
    pub(super) fn has(&self, participant: &ParticipantId) -> Option<Seq> {
        let presence = self.present.get(participant)?;
        presence.follows.map(|_| presence.has)
    }

    /// A member has processed the log up to `seq`.
    pub(super) fn processed(&mut self, participant: &ParticipantId, seq: Seq) {
        if let Some(presence) = self.present.get_mut(participant) {
            presence.has = presence.has.max(seq);
        }
    }

    /// A participant's stay ends by somebody's wish: it is not to go on, nor to begin anew by
    /// itself. A newcomer of the same device has another session.
    pub(super) fn end_session(&mut self, participant: &ParticipantId) {
        let presence = self.present.get(participant);
        let Some(presence) = presence.filter(|presence| presence.follows.is_some()) else {
            return;
        };
        let session = presence.session.clone();
        if self.ended.len() >= ENDED
            && let Some((_, oldest)) = self.ended.pop_front()
        {
            self.changes.push(Change::Forget(FactKey::Ended(oldest)));
        }
        self.ended.push_back((participant.clone(), session.clone()));
        self.changes.push(Change::Put(Fact::Ended {
            participant: participant.clone(),
            session,
        }));
    }

    /// Whether a session is that of a stay which ended by somebody's wish.
    pub(super) fn has_ended(&self, participant: &ParticipantId, session: &Blob) -> bool {
        let mut ended = self.ended.iter();
        ended.any(|(who, ended)| who == participant && is_same(ended, session))
    }

    pub(super) fn participant(&self, client: ClientId) -> Option<&ParticipantId> {
        self.participants.get(&client)
    }

    /// Whether a participant has had a newer connection than this one.
    ///
    /// A device says hello when its connection is open, so we had accepted the connection by then,
    /// and only after that may the device have given it up for the next one. So the order in which
    /// connections were accepted is the device's own, over restarts and lost state, whatever the
    /// network does to the order in which their hellos arrive.
    pub(super) fn has_newer(&self, participant: &ParticipantId, client: ClientId) -> bool {
        let presence = self.present.get(participant);
        presence.is_some_and(|presence| presence.newest > client)
    }

    pub(super) fn client_of(&self, participant: &ParticipantId) -> Option<ClientId> {
        self.present.get(participant)?.client
    }

    /// The connection of a participant that follows the group.
    pub(super) fn follower_of(&self, participant: &ParticipantId) -> Option<ClientId> {
        self.present
            .get(participant)
            .filter(|presence| presence.follows.is_some())?
            .client
    }

    /// From which log position on a participant's connection follows the group.
    pub(super) fn follows_from(&self, participant: &ParticipantId) -> Option<Seq> {
        let presence = self.present.get(participant)?;
        presence.follows.filter(|_| presence.client.is_some())
    }

    /// How many connections follow the group.
    pub(super) fn following(&self) -> usize {
        let follows = |p: &&Presence| p.follows.is_some() && p.client.is_some();
        self.present.values().filter(follows).count()
    }

    /// A participant's client has the group from `seq` on.
    pub(super) fn follow(&mut self, participant: &ParticipantId, seq: Seq) {
        if let Some(presence) = self.present.get_mut(participant) {
            presence.follows = Some(seq);
            presence.has = seq;
            presence.astray_since = None;
            presence.is_kept = true;
            self.changes.push(Change::Put(Fact::Stay(Stay {
                participant: participant.clone(),
                session: presence.session.clone(),
                follows: seq,
            })));
        }
    }

    /// A participant's client does not have the group any more, and should get it again.
    pub(super) fn stray(&mut self, participant: &ParticipantId, now: Moment) {
        if let Some(presence) = self.present.get_mut(participant) {
            presence.follows = None;
            presence.astray_since.get_or_insert(now);
        }
    }

    /// There is no group any more that a participant could follow.
    pub(super) fn unfollow(&mut self, participant: &ParticipantId) {
        if let Some(presence) = self.present.get_mut(participant) {
            presence.follows = None;
        }
    }

    pub(super) fn session(&self, client: ClientId) -> Option<Blob> {
        let presence = self.present.get(self.participant(client)?)?;
        Some(presence.session.clone())
    }

    /// Compares a session in constant time.
    pub(super) fn proves_session(&self, participant: &ParticipantId, session: &Blob) -> bool {
        let presence = self.present.get(participant);
        presence.is_some_and(|presence| is_same(&presence.session, session))
    }

    /// Counts a request for the GroupInfo; says how many there were on this connection.
    pub(super) fn count_group_info(&mut self, participant: &ParticipantId) -> u32 {
        let Some(presence) = self.present.get_mut(participant) else {
            return u32::MAX;
        };
        presence.group_infos = presence.group_infos.saturating_add(1);
        presence.group_infos
    }

    /// Counts that key packages are published; says how often on this connection.
    pub(super) fn count_publishing(&mut self, participant: &ParticipantId) -> u32 {
        let Some(presence) = self.present.get_mut(participant) else {
            return u32::MAX;
        };
        presence.publishings = presence.publishings.saturating_add(1);
        presence.publishings
    }

    /// Whether a participant may say so many bytes to all, who has a burst and a rate per second.
    pub(super) fn speaks(
        &mut self,
        participant: &ParticipantId,
        bytes: usize,
        (burst, rate): (usize, usize),
        now: Moment,
    ) -> bool {
        let Some(presence) = self.present.get_mut(participant) else {
            return false;
        };
        let (said, at) = presence.said;
        let passed = usize::try_from(now.since(at).as_millis()).unwrap_or(usize::MAX);
        let allowed = passed.saturating_mul(rate) / 1_000;
        let said = said.saturating_sub(allowed).saturating_add(bytes);
        let may = said <= burst;
        if may {
            presence.said = (said, now);
        }
        may
    }

    /// Whether a participant may commit without adding or removing anybody; if so, it has.
    pub(super) fn may_renew(&mut self, participant: &ParticipantId, now: Moment) -> bool {
        let Some(presence) = self.present.get_mut(participant) else {
            return false;
        };
        let until = presence.renewed_until.max(now) + RENEWAL_EVERY;
        let may = until <= now + RENEWALS_AHEAD;
        if may {
            presence.renewed_until = until;
        }
        may
    }

    pub(super) fn knows(&self, participant: &ParticipantId) -> bool {
        self.present.contains_key(participant)
    }

    pub(super) fn len(&self) -> usize {
        self.present.len()
    }

    /// The devices of a user that are here, or were a moment ago.
    pub(super) fn of_user(&self, participant: &ParticipantId) -> Vec<ParticipantId> {
        let known = self.present.keys();
        known
            .filter(|who| who.same_user(participant))
            .cloned()
            .collect()
    }

    pub(super) fn connected(&self) -> Vec<ClientId> {
        self.participants.keys().copied().collect()
    }

    /// Those without a connection for longer than the grace time.
    pub(super) fn gone(&self, now: Moment, grace: Duration) -> Vec<ParticipantId> {
        let gone = self.present.iter().filter(|(who, presence)| {
            presence.client.is_none() && self.is_overdue(who, now, grace)
        });
        gone.map(|(who, _)| who.clone()).collect()
    }

    /// Whether a member has been unable to follow the group for too long: nobody knows it, or its
    /// connection was lost, or what is there in its name has not found its way in.
    pub(super) fn is_overdue(&self, who: &ParticipantId, now: Moment, grace: Duration) -> bool {
        match self.present.get(who) {
            Some(presence) => presence.astray_since.is_some_and(|at| at + grace <= now),
            None => true,
        }
    }
}

fn is_same(one: &Blob, other: &Blob) -> bool {
    one.as_slice().ct_eq(other.as_slice()).into()
}
