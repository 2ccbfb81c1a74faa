//! One room: its group, its log, its wishes and its clients, as a pure state machine.
//!
//! No sockets and no clock: messages and time go in, messages for clients and requests to the SFU
//! come out of [`Room::poll_output`]. Members commit; the room orders, checks what an outsider can
//! check, and proposes what its clients wish.

mod bars;
mod clients;
mod commits;
mod committers;
mod complaints;
mod declines;
mod dispatch;
mod entering;
mod events;
mod handshake;
mod history;
mod inviting;
mod log;
mod moderating;
mod proposals;
mod remembering;
mod reports;
mod restoring;
mod returning;
mod stalling;
mod wishes;
mod wishing;

use std::collections::VecDeque;
use std::sync::Arc;

use mls_srtp::delivery::{
    ClientMessage, CloseReason, LogBody, MediaSignal, Refusal, ServiceMessage,
};
use mls_srtp::group::{GroupFollower, RoomPolicy, Roster, ServiceIdentity};
use mls_srtp::id::{Epoch, Generation, LeafIndex, ParticipantId, RoomName, Seq};
use mls_srtp::time::Moment;

use crate::access::AccessControl;
use crate::config::RoomConfig;
use crate::media::{MediaRequest, MediaRequestKind};
use crate::refused::Refused;
use crate::store::{Change, Store};
use bars::Bars;
pub use clients::ClientId;
use clients::Clients;
pub use events::{RoomEvent, RoomEventKind, RoomOutput};
use handshake::Handshake;
use log::RoomLog;
use moderating::Removed;
use remembering::Held;
use wishes::{Why, Wishes};

/// What all rooms of a service share.
pub struct Shared {
    /// The external sender's key.
    pub identity: ServiceIdentity,
    /// Who may do what.
    pub access: Box<dyn AccessControl>,
    /// Where logs are kept.
    pub store: Box<dyn Store>,
    /// Whether there is an SFU.
    pub has_media: bool,
    /// Draws 16 random bytes for a session.
    pub random: fn() -> [u8; 16],
}

/// A room. See the [module](self).
pub struct Room {
    name: RoomName,
    config: RoomConfig,
    shared: Arc<Shared>,
    /// The generation of the current group, or of the next one while the room is vacant.
    generation: Generation,
    handshake: Option<Handshake>,
    log: RoomLog,
    clients: Clients,
    wishes: Wishes,
    bars: Bars,
    removed: Removed,
    next_ping: Moment,
    /// What the store has still to be told.
    unwritten: Vec<Change>,
    /// What may not be told before that is written.
    held: Held,
    outputs: VecDeque<RoomOutput>,
}

fn refuse<T>(reason: Refusal, detail: impl Into<String>) -> Result<T, Refused> {
    Err(Refused::new(reason, detail))
}

impl Room {
    /// A room as the store has it: it goes on with its group, or is empty.
    ///
    /// # Errors
    /// The store's, in words.
    pub fn new(
        name: RoomName,
        config: RoomConfig,
        shared: Arc<Shared>,
        now: Moment,
    ) -> Result<Self, String> {
        let record = shared.store.load(&name);
        let record = record.map_err(|error| error.to_string())?;
        let generation = match (&record.head, &record.group) {
            (Some(head), Some(_)) => head.generation,
            (Some(head), None) => head.generation.next(),
            (None, _) => Generation::default(),
        };
        let mut room = Self {
            log: RoomLog::after(record.head),
            generation,
            handshake: None,
            clients: Clients::default(),
            wishes: Wishes::default(),
            bars: Bars::default(),
            removed: Removed::default(),
            next_ping: Moment::default(),
            unwritten: Vec::new(),
            held: Held::default(),
            outputs: VecDeque::new(),
            name,
            config,
            shared,
        };
        room.restore(record.group, record.facts, now)?;
        room.flush(now);
        Ok(room)
    }

    /// Takes any later message.
    pub fn handle(&mut self, client: ClientId, message: ClientMessage, now: Moment) {
        let Some(participant) = self.clients.participant(client).cloned() else {
            return;
        };
        let request = dispatch::request_name(&message);
        if let Err(refused) = self.dispatch(client, &participant, message, now) {
            let reason = refused.reason;
            self.refuse_client(client, request, refused);
            if reason == Refusal::Barred {
                self.event_now(RoomEventKind::BarredKey {
                    participant: participant.clone(),
                });
                self.turn_out(&participant);
            }
        }
        self.flush(now);
    }

    /// Tells a client that a message was refused, for which no room logic was reached.
    pub fn refuse_client(&mut self, client: ClientId, request: &str, refused: Refused) {
        tracing::debug!(room = %self.name, request, ?refused, "refused");
        let reason = refused.reason;
        self.send(client, refused.of(request));
        // Who wanted to create or join gets the room as it stands, and goes in by the other door.
        if matches!(reason, Refusal::RoomOccupied | Refusal::RoomVacant) {
            self.tell_room(client);
        }
    }

    /// Does what is due: pings, removals after the grace time, closing a deserted group. To be
    /// called every 50 ms or so.
    pub fn handle_timeout(&mut self, now: Moment) {
        let (members, grace) = (self.members(), self.config.grace);
        for member in &members {
            // Somebody who went while its Add was on the way has a leaf and no presence.
            if self.clients.is_overdue(&member.participant, now, grace) {
                let who = ParticipantId::clone(&member.participant);
                self.wishes.go(who, Why::Lost, now);
            }
        }
        for participant in self.clients.gone(now, grace) {
            if members.leaf_of(&participant).is_none() {
                self.clients.forget(&participant);
            }
        }
        self.withdraw_orphans();
        self.sign_wishes(now);
        self.drop_declined(now);
        self.check_complaints(now);
        self.end_if_over();
        self.check_stalled(now);
        if now >= self.next_ping {
            self.next_ping = now + self.config.ping_every;
            self.ping();
            self.repeat_committers();
            self.trim();
        }
        self.flush(now);
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<RoomOutput> {
        self.outputs.pop_front()
    }

    /// Whether nobody is here, and the store knows all, so that the room may be forgotten.
    pub fn is_deserted(&self) -> bool {
        self.handshake.is_none() && self.clients.len() == 0 && self.unwritten.is_empty()
    }

    /// How many leaves the room's group has.
    pub fn member_count(&self) -> usize {
        self.follower()
            .map_or(0, |follower| follower.roster().len())
    }

    /// Passes a signal of the SFU to a participant.
    pub fn media_signal(&mut self, participant: &ParticipantId, signal: MediaSignal) {
        if let Some(client) = self.clients.client_of(participant) {
            self.send(client, ServiceMessage::Media(signal));
        }
    }

    /// Passes a signal of the SFU to everybody who is connected.
    pub fn media_signal_to_all(&mut self, signal: &MediaSignal) {
        for client in self.clients.connected() {
            self.send(client, ServiceMessage::Media(signal.clone()));
        }
    }

    /// Ends every connection; the group stays for those who come back.
    pub fn shut_down(&mut self) {
        for client in self.clients.connected() {
            self.close(client, CloseReason::ShuttingDown);
        }
    }

    fn media(&mut self, participant: ParticipantId, signal: MediaSignal) -> Result<(), Refused> {
        if !self.shared.has_media {
            return refuse(Refusal::NoMedia, "this service has no SFU");
        }
        // Its leaf may still wait for somebody to remove it.
        self.check_not_removed(&participant)?;
        if let MediaSignal::Offer { sdp } = &signal
            && sdp.len() > self.config.max_offer
        {
            return refuse(Refusal::TooLarge, "the offer is too large");
        }
        if self.leaf_of(&participant).is_none() || self.clients.follower_of(&participant).is_none()
        {
            return refuse(Refusal::Unauthorised, "media is for members of the group");
        }
        let admission = self.clients.admission(&participant);
        let rights = admission.map(|admission| admission.rights.clone());
        self.outputs.push_back(RoomOutput::Media(MediaRequest {
            room: self.name.clone(),
            participant,
            kind: MediaRequestKind::Signal(signal),
            rights: rights.unwrap_or_default(),
        }));
        Ok(())
    }

    fn policy(&self) -> RoomPolicy {
        RoomPolicy {
            room: self.name.clone(),
            generation: self.generation,
            ciphersuite: self.config.ciphersuite,
            mode: self.config.mode,
            locked: self.is_locked(),
        }
    }

    fn follower(&self) -> Option<&GroupFollower> {
        self.handshake.as_ref().map(|handshake| &handshake.follower)
    }

    fn leaf_of(&self, participant: &ParticipantId) -> Option<LeafIndex> {
        self.follower()?.leaf_of(participant)
    }

    /// Who is in the group; nobody in a vacant room.
    fn members(&self) -> Roster {
        self.follower()
            .map(|follower| follower.roster().clone())
            .unwrap_or_default()
    }

    /// The connected clients that follow the group.
    fn followers(&self) -> Vec<ClientId> {
        self.members()
            .iter()
            .filter_map(|member| self.clients.follower_of(&member.participant))
            .collect()
    }

    fn ping(&mut self) {
        let Some(follower) = self.follower() else {
            return;
        };
        let (group_id, epoch) = (follower.group_id(), follower.epoch());
        self.broadcast(&ServiceMessage::Ping {
            group_id,
            epoch,
            seq: self.log.newest(),
            chain: self.log.chain().clone(),
        });
        for client in self.wishes.waiting() {
            self.send(client, ServiceMessage::Waiting);
        }
    }

    /// Sends to every connected member.
    fn broadcast(&mut self, message: &ServiceMessage) {
        for client in self.followers() {
            self.send(client, message.clone());
        }
    }

    /// Appends to the log and sends the entry to every connected member.
    fn append(&mut self, body: LogBody) -> Result<Seq, Refused> {
        let entry = self.record(body, [])?;
        let seq = entry.seq;
        self.broadcast(&ServiceMessage::Entry(entry));
        Ok(seq)
    }

    fn event(&mut self, epoch: Epoch, kind: RoomEventKind) {
        let room = self.name.clone();
        self.outputs
            .push_back(RoomOutput::Event(RoomEvent { room, epoch, kind }));
    }

    /// An event of the current epoch.
    fn event_now(&mut self, kind: RoomEventKind) {
        let epoch = self.follower().map(GroupFollower::epoch);
        self.event(epoch.unwrap_or_default(), kind);
    }

    fn send(&mut self, client: ClientId, message: ServiceMessage) {
        self.outputs.push_back(RoomOutput::Send(client, message));
    }

    fn close(&mut self, client: ClientId, reason: CloseReason) {
        self.send(client, ServiceMessage::Closed { reason });
        self.outputs.push_back(RoomOutput::Close(client));
    }
}

/// A client's words, as much of them as a log can bear.
fn shortened(reason: &str) -> String {
    reason.chars().take(200).collect()
}
