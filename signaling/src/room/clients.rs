//! Who is connected, who was, and since when not.

use std::collections::HashMap;
use std::time::Duration;

use mls_srtp::delivery::Blob;
use mls_srtp::id::ParticipantId;
use mls_srtp::time::Moment;
use subtle::ConstantTimeEq;

/// One connection, unique for the life of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(pub u64);

/// A participant's presence, over reconnections.
#[derive(Debug)]
struct Presence {
    session: Blob,
    client: Option<ClientId>,
    /// Whether this client follows the group: it created it, was welcomed or has resumed. One that
    /// comes back without its state does not, though its device still has a leaf.
    follows: bool,
    lost_at: Option<Moment>,
}

/// The participants of a room and their connections.
#[derive(Debug, Default)]
pub(super) struct Clients {
    present: HashMap<ParticipantId, Presence>,
    participants: HashMap<ClientId, ParticipantId>,
}

impl Clients {
    /// A participant comes, or comes back as a new client.
    pub(super) fn enter(&mut self, participant: ParticipantId, client: ClientId, session: Blob) {
        self.detach(&participant);
        self.participants.insert(client, participant.clone());
        let presence = Presence {
            session,
            client: Some(client),
            follows: false,
            lost_at: None,
        };
        self.present.insert(participant, presence);
    }

    /// A participant returns to its session.
    pub(super) fn return_to(&mut self, participant: &ParticipantId, client: ClientId) {
        self.detach(participant);
        if let Some(presence) = self.present.get_mut(participant) {
            presence.client = Some(client);
            presence.follows = true;
            presence.lost_at = None;
            self.participants.insert(client, participant.clone());
        }
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
        presence.lost_at = Some(now);
        Some(participant)
    }

    /// A participant is no longer anything here.
    pub(super) fn forget(&mut self, participant: &ParticipantId) {
        self.detach(participant);
        self.present.remove(participant);
    }

    pub(super) fn participant(&self, client: ClientId) -> Option<&ParticipantId> {
        self.participants.get(&client)
    }

    pub(super) fn client_of(&self, participant: &ParticipantId) -> Option<ClientId> {
        self.present.get(participant)?.client
    }

    /// The connection of a participant that follows the group.
    pub(super) fn follower_of(&self, participant: &ParticipantId) -> Option<ClientId> {
        self.present
            .get(participant)
            .filter(|presence| presence.follows)?
            .client
    }

    /// A participant's client has the group from now on, or has it no more.
    pub(super) fn set_follows(&mut self, participant: &ParticipantId, follows: bool) {
        if let Some(presence) = self.present.get_mut(participant) {
            presence.follows = follows;
        }
    }

    pub(super) fn session(&self, client: ClientId) -> Option<Blob> {
        let presence = self.present.get(self.participant(client)?)?;
        Some(presence.session.clone())
    }

    /// Compares a session in constant time.
    pub(super) fn proves_session(&self, participant: &ParticipantId, session: &Blob) -> bool {
        self.present
            .get(participant)
            .is_some_and(|p| bool::from(p.session.as_slice().ct_eq(session.as_slice())))
    }

    pub(super) fn knows(&self, participant: &ParticipantId) -> bool {
        self.present.contains_key(participant)
    }

    pub(super) fn len(&self) -> usize {
        self.present.len()
    }

    pub(super) fn connected(&self) -> Vec<ClientId> {
        self.participants.keys().copied().collect()
    }

    /// Those without a connection for longer than the grace time.
    pub(super) fn overdue(&self, now: Moment, grace: Duration) -> Vec<ParticipantId> {
        let overdue = self
            .present
            .keys()
            .filter(|who| self.is_overdue(who, now, grace));
        overdue.cloned().collect()
    }

    /// Whether a participant is gone for good: unknown, or without connection for too long.
    pub(super) fn is_overdue(&self, who: &ParticipantId, now: Moment, grace: Duration) -> bool {
        match self.present.get(who) {
            Some(presence) => presence.lost_at.is_some_and(|at| at + grace <= now),
            None => true,
        }
    }
}
