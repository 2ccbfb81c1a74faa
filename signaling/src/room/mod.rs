//! One room: its group, its log, its wishes and its clients, as a pure state machine.
//!
//! No sockets and no clock: messages and time go in, messages for clients and requests to the SFU
//! come out of [`Room::poll_output`]. Members commit; the room orders, checks what an outsider can
//! check, and proposes what its clients wish.

mod clients;
mod handshake;
mod log;
mod reports;
mod wishes;

use std::collections::VecDeque;
use std::sync::Arc;

use mls_srtp::delivery::{
    Blob, ClientMessage, CloseReason, ExternalSenderInfo, GroupHead, LogBody, LogEntry,
    MediaSignal, PROTOCOL_VERSION, Refusal, Resume, ServiceMessage,
};
use mls_srtp::group::{GroupFollower, RoomPolicy, Roster, ServiceIdentity};
use mls_srtp::id::{Epoch, Generation, LeafIndex, ParticipantId, RoomName, Seq};
use mls_srtp::time::Moment;

use crate::access::AccessControl;
use crate::config::RoomConfig;
use crate::media::{MediaRequest, MediaRequestKind};
use crate::store::Store;
pub use clients::ClientId;
use clients::Clients;
use handshake::Handshake;
use log::RoomLog;
use wishes::Wishes;

/// What a room wants done.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum RoomOutput {
    /// Send this to a client.
    Send(ClientId, ServiceMessage),
    /// Close a client's connection after what was sent before.
    Close(ClientId),
    /// Ask the SFU.
    Media(MediaRequest),
    /// For operators: something was accepted.
    Event(RoomEvent),
}

/// A fact about a room for its operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomEvent {
    /// The room.
    pub room: RoomName,
    /// The epoch meant.
    pub epoch: Epoch,
    /// What happened.
    pub kind: RoomEventKind,
}

/// Kinds of [`RoomEvent`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoomEventKind {
    /// A group was created.
    Created {
        /// By whom.
        creator: ParticipantId,
    },
    /// A commit was accepted.
    Committed {
        /// Who came.
        added: Vec<ParticipantId>,
        /// Who went.
        removed: Vec<ParticipantId>,
        /// Members now.
        members: usize,
        /// Size of the commit in bytes, without Welcome and GroupInfo.
        commit_bytes: usize,
    },
    /// Every connected member has the epoch.
    Ready,
    /// A member reported another epoch authenticator than the first reporter: the group has forked
    /// or somebody lies.
    AuthenticatorsDiffer {
        /// Who reported it.
        reporter: ParticipantId,
    },
    /// A member cannot apply an accepted commit.
    CannotApply {
        /// Who.
        reporter: ParticipantId,
        /// In its own words.
        reason: String,
    },
}

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
    next_ping: Moment,
    outputs: VecDeque<RoomOutput>,
}

/// A refusal with its words.
type Refused = (Refusal, String);

fn refuse<T>(reason: Refusal, detail: impl Into<String>) -> Result<T, Refused> {
    Err((reason, detail.into()))
}

impl Room {
    /// An empty room; its log goes on where the store has it.
    ///
    /// # Errors
    /// The store's, in words.
    pub fn new(name: RoomName, config: RoomConfig, shared: Arc<Shared>) -> Result<Self, String> {
        let head = shared
            .store
            .head(&name)
            .map_err(|error| error.to_string())?;
        let generation = head
            .as_ref()
            .map_or(Generation::default(), |h| h.generation.next());
        Ok(Self {
            log: RoomLog::after(head),
            generation,
            handshake: None,
            clients: Clients::default(),
            wishes: Wishes::default(),
            next_ping: Moment::default(),
            outputs: VecDeque::new(),
            name,
            config,
            shared,
        })
    }

    /// Takes the first message of a connection.
    ///
    /// # Errors
    /// Why the client may not enter; it gets no further.
    pub fn hello(
        &mut self,
        client: ClientId,
        message: ClientMessage,
        now: Moment,
    ) -> Result<(), Refused> {
        let ClientMessage::Hello {
            version,
            participant,
            token,
            resume,
            ..
        } = message
        else {
            return refuse(Refusal::OutOfOrder, "say hello first");
        };
        if version != PROTOCOL_VERSION {
            let detail = format!("this service speaks version {PROTOCOL_VERSION}, not {version}");
            return refuse(Refusal::UnsupportedVersion, detail);
        }
        if !self
            .shared
            .access
            .may_enter(&self.name, &participant, token.as_deref())
        {
            return refuse(
                Refusal::Unauthorised,
                format!("{participant} may not enter this room"),
            );
        }
        if self.clients.len() >= self.config.max_participants && !self.clients.knows(&participant) {
            return refuse(Refusal::RoomFull, "the room is full");
        }
        if let Some(replaced) = self.clients.client_of(&participant) {
            self.close(replaced, CloseReason::Replaced);
        }
        match resume.and_then(|resume| self.resumable(&participant, &resume)) {
            Some(entries) => {
                self.clients.return_to(&participant, client);
                self.wishes.withdraw_loss(&participant);
                self.tell_room(client);
                for entry in entries {
                    self.send(client, ServiceMessage::Entry(entry));
                }
                self.tell_committers_to(client);
            }
            None => {
                let session = Blob::new((self.shared.random)().to_vec());
                self.come_anew(participant, client, session, now);
            }
        }
        self.publish_committers();
        Ok(())
    }

    /// A client without the state of an earlier stay. If its device still has a leaf, that leaf
    /// has to go; if nobody is left who could commit that, the group is over.
    fn come_anew(
        &mut self,
        participant: ParticipantId,
        client: ClientId,
        session: Blob,
        now: Moment,
    ) {
        self.clients.enter(participant.clone(), client, session);
        if self.leaf_of(&participant).is_some() {
            if self.has_followers() {
                self.wishes.lose(participant, now);
                self.sign_wishes(now);
            } else {
                return self.close_group();
            }
        }
        self.tell_room(client);
    }

    /// Whether any connected client follows the group.
    fn has_followers(&self) -> bool {
        !self.followers().is_empty()
    }

    /// Takes any later message.
    pub fn handle(&mut self, client: ClientId, message: ClientMessage, now: Moment) {
        let Some(participant) = self.clients.participant(client).cloned() else {
            return;
        };
        let request = request_name(&message);
        let handled = match message {
            ClientMessage::Hello { .. } => refuse(Refusal::OutOfOrder, "hello was said before"),
            ClientMessage::Create {
                generation,
                group_id,
                group_info,
                tree,
            } => self.create(
                client,
                &participant,
                generation,
                (group_id, group_info, tree),
                now,
            ),
            ClientMessage::Join { key_package } => {
                self.wish_to_join(client, &participant, key_package, now)
            }
            ClientMessage::Leave => self.wish_to_leave(client, &participant, now),
            ClientMessage::Evict { participant: whom } => {
                self.wish_to_evict(&participant, &whom, now)
            }
            ClientMessage::Commit {
                group_id,
                epoch,
                seen_seq,
                commit,
                welcome,
                group_info,
            } => {
                let submission = handshake::Submission {
                    epoch,
                    seen_seq,
                    commit,
                    welcome,
                    group_info,
                };
                self.current_group(group_id)
                    .and_then(|()| self.commit(&participant, &submission, now))
            }
            ClientMessage::Application {
                group_id,
                epoch,
                message,
            } => self
                .current_group(group_id)
                .and_then(|()| self.application(&participant, epoch, message)),
            ClientMessage::Applied {
                group_id,
                seq,
                authenticator_hash,
            } => self
                .current_group(group_id)
                .and_then(|()| self.applied(&participant, seq, authenticator_hash)),
            ClientMessage::CannotApply {
                group_id, reason, ..
            } => self
                .current_group(group_id)
                .map(|()| self.cannot_apply(participant, reason)),
            ClientMessage::Media(signal) => self.media(participant, signal),
            _ => refuse(Refusal::Malformed, "a message of a later version"),
        };
        if let Err((reason, detail)) = handled {
            self.refuse_client(client, request, reason, detail);
        }
    }

    /// Tells a client that a message was refused, for which no room logic was reached.
    pub fn refuse_client(
        &mut self,
        client: ClientId,
        request: &str,
        reason: Refusal,
        detail: String,
    ) {
        tracing::debug!(room = %self.name, request, ?reason, detail, "refused");
        let request = request.to_owned();
        self.send(
            client,
            ServiceMessage::Refused {
                request,
                reason,
                detail,
            },
        );
        // Who wanted to create or join gets the room as it stands, and goes in by the other door.
        if matches!(reason, Refusal::RoomOccupied | Refusal::RoomVacant) {
            self.tell_room(client);
        }
    }

    /// A client's connection is gone.
    pub fn disconnected(&mut self, client: ClientId, now: Moment) {
        let Some(participant) = self.clients.lost(client, now) else {
            return;
        };
        if self.leaf_of(&participant).is_none() {
            self.wishes.forget(&participant);
            self.clients.forget(&participant);
        }
        self.publish_committers();
        self.check_ready();
    }

    /// Does what is due: pings, removals after the grace time, closing a deserted group. To be
    /// called every 50 ms or so.
    pub fn handle_timeout(&mut self, now: Moment) {
        let (members, grace) = (self.members(), self.config.grace);
        for member in &members {
            // Somebody who went while its Add was on the way has a leaf and no presence.
            if self.clients.is_overdue(&member.participant, now, grace) {
                self.wishes
                    .lose(ParticipantId::clone(&member.participant), now);
            }
        }
        for participant in self.clients.overdue(now, grace) {
            if members.leaf_of(&participant).is_none() {
                self.clients.forget(&participant);
            }
        }
        self.sign_wishes(now);
        if self.handshake.is_some() && !self.can_go_on() {
            self.dissolve();
        }
        if now >= self.next_ping {
            self.next_ping = now + self.config.ping_every;
            self.ping();
        }
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<RoomOutput> {
        self.outputs.pop_front()
    }

    /// Whether nobody is here, so that the room may be forgotten.
    pub fn is_deserted(&self) -> bool {
        self.handshake.is_none() && self.clients.len() == 0
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
        if self.leaf_of(&participant).is_none() || self.clients.follower_of(&participant).is_none()
        {
            return refuse(Refusal::Unauthorised, "media is for members of the group");
        }
        let (room, kind) = (self.name.clone(), MediaRequestKind::Signal(signal));
        self.outputs.push_back(RoomOutput::Media(MediaRequest {
            room,
            participant,
            kind,
        }));
        Ok(())
    }

    fn policy(&self) -> RoomPolicy {
        RoomPolicy {
            room: self.name.clone(),
            generation: self.generation,
            mode: self.config.mode,
            profile: self.config.profile,
            locked: false,
        }
    }

    fn follower(&self) -> Option<&GroupFollower> {
        self.handshake.as_ref().map(|handshake| &handshake.follower)
    }

    fn leaf_of(&self, participant: &ParticipantId) -> Option<LeafIndex> {
        self.follower()?.roster().leaf_of(participant)
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

    fn tell_room(&mut self, client: ClientId) {
        let Some(session) = self.clients.session(client) else {
            return;
        };
        let group = self.follower().map(|follower| GroupHead {
            group_id: follower.group_id(),
            epoch: follower.epoch(),
            seq: self.log.newest(),
        });
        let external_sender: ExternalSenderInfo = self.shared.identity.info();
        let policy = self.policy();
        self.send(
            client,
            ServiceMessage::Room {
                policy,
                external_sender,
                group,
                leaf_key: None,
                session,
            },
        );
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
        });
    }

    /// Sends to every connected member.
    fn broadcast(&mut self, message: &ServiceMessage) {
        for client in self.followers() {
            self.send(client, message.clone());
        }
    }

    /// Appends to the log and sends the entry to every connected member.
    fn append(&mut self, body: LogBody) -> Result<Seq, Refused> {
        let entry = self.record(body)?;
        let seq = entry.seq;
        self.broadcast(&ServiceMessage::Entry(entry));
        Ok(seq)
    }

    /// Appends to the log. Nobody has heard of the entry yet.
    fn record(&mut self, body: LogBody) -> Result<LogEntry, Refused> {
        let Some(group_id) = self.follower().map(GroupFollower::group_id) else {
            return refuse(Refusal::RoomVacant, "the room has no group");
        };
        let entry = self.log.next(group_id, body);
        let recorded = self
            .shared
            .store
            .append(&self.name, self.generation, &entry);
        if let Err(error) = recorded {
            tracing::error!(room = %self.name, %error, "the store failed");
            return refuse(Refusal::RateLimited, "the service cannot store this now");
        }
        self.log.advance(&entry);
        Ok(entry)
    }

    fn resumable(&self, participant: &ParticipantId, resume: &Resume) -> Option<Vec<LogEntry>> {
        let handshake = self.handshake.as_ref()?;
        let leaf = handshake.follower.roster().leaf_of(participant)?;
        // A proposed Remove cannot be taken back: who returns now comes anew.
        let goes_on = self.clients.proves_session(participant, &resume.session)
            && handshake.follower.group_id() == resume.group_id
            && resume.seq <= self.log.newest()
            && !handshake.removes(leaf);
        if !goes_on {
            return None;
        }
        let store = &self.shared.store;
        let entries = store.entries_after(&self.name, resume.group_id, resume.seq);
        entries.unwrap_or_else(|error| {
            tracing::error!(room = %self.name, %error, "the store failed");
            None
        })
    }

    fn event(&mut self, epoch: Epoch, kind: RoomEventKind) {
        let room = self.name.clone();
        self.outputs
            .push_back(RoomOutput::Event(RoomEvent { room, epoch, kind }));
    }

    fn send(&mut self, client: ClientId, message: ServiceMessage) {
        self.outputs.push_back(RoomOutput::Send(client, message));
    }

    fn close(&mut self, client: ClientId, reason: CloseReason) {
        self.send(client, ServiceMessage::Closed { reason });
        self.outputs.push_back(RoomOutput::Close(client));
    }
}

/// The `type` of a message, as a refusal names it.
fn request_name(message: &ClientMessage) -> &'static str {
    match message {
        ClientMessage::Hello { .. } => "hello",
        ClientMessage::Create { .. } => "create",
        ClientMessage::Join { .. } => "join",
        ClientMessage::Leave => "leave",
        ClientMessage::Evict { .. } => "evict",
        ClientMessage::Commit { .. } => "commit",
        ClientMessage::Application { .. } => "application",
        ClientMessage::Applied { .. } => "applied",
        ClientMessage::CannotApply { .. } => "cannot_apply",
        ClientMessage::Declined { .. } => "declined",
        ClientMessage::AskGroupInfo { .. } => "ask_group_info",
        ClientMessage::ExternalCommit { .. } => "external_commit",
        ClientMessage::Distrust { .. } => "distrust",
        ClientMessage::Media(_) => "media",
        _ => "unknown",
    }
}
