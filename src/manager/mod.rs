//! The key manager: one participant's stay in one room, as a pure state machine.
//!
//! **It does no I/O and reads no clock.** Everything it wants done comes out of
//! [`KeyManager::poll_output`].
//!
//! 1. Give commands ([`join`](KeyManager::join), [`leave`](KeyManager::leave), …), transport
//!    changes ([`handle_connected`](KeyManager::handle_connected)), messages
//!    ([`handle_message`](KeyManager::handle_message)), facts of the media pipeline
//!    ([`handle_media_event`](KeyManager::handle_media_event)) and passing time
//!    ([`handle_timeout`](KeyManager::handle_timeout)) in, each with the current [`Moment`].
//! 2. After each, drain [`poll_output`](KeyManager::poll_output): send what is to be sent, apply
//!    what is for the media pipeline, in order, and look at the events.
//! 3. Call `handle_timeout` no later than [`poll_timeout`](KeyManager::poll_timeout) says.

mod announcement;
mod committing;
mod entering;
mod exposure;
mod following;
mod inviting;
mod link;
mod locking;
mod media_start;
mod returning;
mod saved;
mod stay;
mod trust;
mod turn;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::config::ManagerConfig;
use crate::delivery::{Blob, ClientMessage, MAX_ENVELOPE_BYTES, MediaSignal, ServiceMessage};
use crate::epoch::GroupCode;
use crate::event::{Event, FatalCause, ResyncCause};
use crate::group::{Door, GroupError, Identity, MlsSuite, Roster, SafetyNumber};
use crate::id::{Epoch, GroupId, ParticipantId, RoomName};
use crate::pipeline::{MediaEvent, MediaUpdate, Stream};
use crate::schedule::MediaMode;
use crate::secret::Secret;
use crate::time::{Moment, earlier};
use entering::{Entering, Standing};
use inviting::Invitations;
pub use inviting::{MAX_KEY_PACKAGES, PublishError};
pub use saved::{RestoreError, SavedState};
use stay::Stay;

/// Entering anew so often without a commit in between will not help any more, and each time costs
/// the whole room an epoch.
const MAX_RESYNCS: u32 = 3;

/// Something the driver must do.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Output {
    /// Send this to the delivery service.
    Send(ClientMessage),
    /// Apply this to the media pipeline.
    Media(MediaUpdate),
    /// Media signaling from the SFU, for the peer connection.
    MediaSignal(MediaSignal),
    /// A fact for the application.
    Event(Event),
    /// The connection to the service is of no use any more: drop it, with whatever is still under
    /// way in it, and connect again.
    Reconnect,
}

/// A command that does not fit the state: the caller's mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misuse {
    /// `join` while in a room.
    #[error("already in a room; leave it first")]
    AlreadyInRoom,
    /// A command for members while not in a room.
    #[error("not in a room; join one first")]
    NotInRoom,
    /// A lock without the right to it that every member could check.
    #[error(
        "this device's credential carries no token with the right to moderate, so no member would \
         accept the lock; enter with an EdDSA token bound to the device's key (one with a shared \
         secret, HS256, cannot stand in a credential)"
    )]
    CannotLock,
}

/// A message that is none. The service's fault; the state has not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// Larger than [`MAX_ENVELOPE_BYTES`].
    #[error("an envelope of {0} bytes is larger than the limit of {MAX_ENVELOPE_BYTES}")]
    TooLarge(usize),
    /// Not an envelope of this protocol.
    #[error("not an envelope of the delivery service: {0}")]
    Malformed(#[from] serde_json::Error),
}

/// Where the participant stands.
enum Phase {
    /// In no room.
    Idle,
    /// On the way in: asked, creating, or waiting for a Welcome.
    Entering(Entering),
    /// A member of the room's group.
    Member(Box<Stay>),
    /// Asked to leave; the commit that removes us is awaited.
    Leaving(Box<Stay>),
}

/// What was asked for with [`KeyManager::join`].
#[derive(Clone)]
struct Goal {
    room: RoomName,
    token: Option<String>,
}

/// One participant's key manager. See the [module](self) for its contract.
pub struct KeyManager {
    config: ManagerConfig,
    identity: Identity,
    goal: Option<Goal>,
    connected: bool,
    /// The service has gone on with our stay over this connection.
    resumed: bool,
    /// When the service last said anything over this connection.
    heard_at: Moment,
    /// When we last asked for something on our way in.
    asked_at: Moment,
    session: Option<Blob>,
    /// The room's terms, as last told.
    room: Option<Door>,
    phase: Phase,
    /// The application believes the room to be locked.
    told_locked: bool,
    /// Resyncs since we asked for this room, or since a commit was last applied in it.
    resyncs: u32,
    streams: Vec<Stream>,
    invitations: Invitations,
    outputs: VecDeque<Output>,
}

impl KeyManager {
    /// A key manager for a participant with a new signature key.
    ///
    /// # Errors
    /// [`GroupError::Crypto`] when the system has no randomness.
    pub fn new(participant: ParticipantId, config: ManagerConfig) -> Result<Self, GroupError> {
        Ok(Self::with_identity(
            Identity::generate(participant)?,
            config,
        ))
    }

    /// A key manager for a participant with the key of an earlier stay. If the service finds that
    /// key at a leaf of the room's group, the manager takes the leaf back without anybody's help.
    pub fn with_identity(identity: Identity, config: ManagerConfig) -> Self {
        Self {
            config,
            identity,
            goal: None,
            connected: false,
            resumed: false,
            heard_at: Moment::default(),
            asked_at: Moment::default(),
            session: None,
            room: None,
            phase: Phase::Idle,
            told_locked: false,
            resyncs: 0,
            streams: Vec::new(),
            invitations: Invitations::default(),
            outputs: VecDeque::new(),
        }
    }

    /// Who this is.
    pub fn participant(&self) -> &ParticipantId {
        self.identity.participant()
    }

    /// Who this is, with its key.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Its raw Ed25519 public key, 32 bytes.
    pub fn public_key(&self) -> Blob {
        self.identity.public_key()
    }

    /// The room that it is in or on its way into.
    pub fn room(&self) -> Option<&RoomName> {
        self.goal.as_ref().map(|goal| &goal.room)
    }

    /// Enters a room: creates its group if it is vacant, otherwise asks to be added.
    ///
    /// A room token that is signed with EdDSA and bound to our signature key also goes into our
    /// credential, where the members can check it.
    ///
    /// # Errors
    /// [`Misuse::AlreadyInRoom`].
    pub fn join(&mut self, room: RoomName, token: Option<String>) -> Result<(), Misuse> {
        if self.goal.is_some() {
            return Err(Misuse::AlreadyInRoom);
        }
        self.identity.show_token(token.as_deref());
        self.goal = Some(Goal { room, token });
        self.resyncs = 0;
        self.phase = Phase::Entering(Entering::Asked);
        self.say_hello();
        Ok(())
    }

    /// Replaces the room token, shown with the next connection: after a restart there is none, and
    /// an old one may have expired.
    ///
    /// # Errors
    /// [`Misuse::NotInRoom`].
    pub fn set_token(&mut self, token: Option<String>) -> Result<(), Misuse> {
        let goal = self.goal.as_mut().ok_or(Misuse::NotInRoom)?;
        self.identity.show_token(token.as_deref());
        goal.token = token;
        Ok(())
    }

    /// Leaves the room. [`Event::Left`] follows once the group has gone on without us, or at once
    /// if we never were in it.
    ///
    /// # Errors
    /// [`Misuse::NotInRoom`].
    pub fn leave(&mut self) -> Result<(), Misuse> {
        if self.goal.is_none() {
            return Err(Misuse::NotInRoom);
        }
        self.send(ClientMessage::Leave);
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Member(stay) | Phase::Leaving(stay) if self.connected => {
                self.phase = Phase::Leaving(stay);
            }
            _ => self.end(Event::Left),
        }
        Ok(())
    }

    /// Asks the service to have a user removed, with all devices, and kept out.
    ///
    /// # Errors
    /// [`Misuse::NotInRoom`]. A service that does not allow it answers with [`Event::Refused`].
    pub fn evict(&mut self, participant: ParticipantId) -> Result<(), Misuse> {
        self.stay().ok_or(Misuse::NotInRoom)?;
        self.send(ClientMessage::Evict { participant });
        Ok(())
    }

    /// Asks the service to let a user come again who was removed.
    ///
    /// # Errors
    /// [`Misuse::NotInRoom`]. A service that does not allow it answers with [`Event::Refused`].
    pub fn readmit(&mut self, participant: ParticipantId) -> Result<(), Misuse> {
        self.stay().ok_or(Misuse::NotInRoom)?;
        self.send(ClientMessage::Readmit { participant });
        Ok(())
    }

    /// Says which streams are ours, now and to everybody who joins later: SSRCs or numbers, by the
    /// room's [`mode`](Self::mode). Media of streams that were not announced is refused by all
    /// receivers.
    pub fn announce_streams(&mut self, streams: Vec<Stream>) {
        self.streams = streams;
        self.announce();
    }

    /// Passes media signaling on to the room's SFU.
    ///
    /// # Errors
    /// [`Misuse::NotInRoom`].
    pub fn send_media_signal(&mut self, signal: MediaSignal) -> Result<(), Misuse> {
        self.stay().ok_or(Misuse::NotInRoom)?;
        self.send(ClientMessage::Media(signal));
        Ok(())
    }

    /// Takes one JSON envelope of the service.
    ///
    /// # Errors
    /// [`MessageError`]; nothing has changed then.
    pub fn handle_envelope(&mut self, json: &[u8], now: Moment) -> Result<(), MessageError> {
        if json.len() > MAX_ENVELOPE_BYTES {
            return Err(MessageError::TooLarge(json.len()));
        }
        self.handle_message(serde_json::from_slice(json)?, now);
        Ok(())
    }

    /// Takes one message of the service.
    pub fn handle_message(&mut self, message: ServiceMessage, now: Moment) {
        self.heard_at = now;
        match message {
            ServiceMessage::Room {
                policy,
                external_sender,
                group,
                leaf_key,
                session,
                welcome,
            } => {
                // Another session means that the stay was not resumed.
                let resumed = self.session.replace(session.clone()) == Some(session);
                let door = Door {
                    policy,
                    external_sender,
                    validator: Arc::clone(&self.config.validator),
                    accepted: self.config.ciphersuites.clone(),
                };
                let stands = Standing {
                    group,
                    leaf_key,
                    resumed,
                    welcome,
                };
                self.handle_room(door, stands, now);
            }
            ServiceMessage::Welcome {
                group_id,
                seq,
                chain,
                welcome,
                tree,
            } => {
                self.handle_welcome(group_id, (seq, chain), &welcome, &tree, now);
            }
            ServiceMessage::GroupInfo {
                group_id,
                group_info,
                tree,
                ..
            } => self.handle_group_info(group_id, &group_info, &tree, now),
            ServiceMessage::Entry(entry) => self.handle_entry(entry, now),
            ServiceMessage::Waiting => self.handle_waiting(now),
            ServiceMessage::KeyPackages { left } => self.event(Event::KeyPackages { left }),
            ServiceMessage::Committers { group_id, leaves } => {
                if let Some(stay) = self.stay_mut(group_id) {
                    stay.turn.set_committers(leaves);
                }
            }
            ServiceMessage::Ready { group_id, epoch } => {
                self.handle_ready(group_id, epoch, now);
            }
            ServiceMessage::Ping {
                group_id,
                epoch,
                seq,
                chain,
            } => self.handle_ping((group_id, epoch, seq, &chain), now),
            ServiceMessage::Refused {
                request,
                reason,
                code,
                detail,
            } => self.handle_refused(request, (reason, code, detail), now),
            ServiceMessage::RoomReset { author, .. } => self.event(Event::RoomReset { author }),
            ServiceMessage::Media(signal) => self.outputs.push_back(Output::MediaSignal(signal)),
            ServiceMessage::Closed { reason } => self.handle_closed(reason),
        }
        // What came may have made it our turn.
        self.commit_if_due(now);
    }

    /// Takes a fact of the media pipeline.
    pub fn handle_media_event(&mut self, event: &MediaEvent, now: Moment) {
        if let (MediaEvent::KeyWornOut { epoch }, Phase::Member(stay)) = (event, &mut self.phase)
            && stay.engine.epoch() == *epoch
        {
            stay.turn.want_renewal();
            self.commit_if_due(now);
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Moment) {
        self.handle_link_timeout(now);
        self.handle_trust_timeout(now);
        let Some(stay) = self.any_stay() else { return };
        let switched = stay.switch.handle_timeout(now);
        let ready = stay.media_start.take_due(now);
        if let Some(reason) = switched {
            self.switched(reason);
        }
        if ready {
            self.event(Event::MediaReady);
        }
        self.commit_if_due(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Moment> {
        let commit = match &self.phase {
            Phase::Member(stay) if self.connected && self.resumed => stay.turn.commit_at(),
            _ => None,
        };
        let stay = self.stay().and_then(Stay::poll_timeout);
        earlier(earlier(commit, stay), self.poll_link_timeout())
    }

    /// The next thing to do. Drain after every call that takes something in.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The members of the current epoch, if we are one.
    pub fn roster(&self) -> Option<Roster> {
        self.stay().map(|stay| stay.engine.roster())
    }

    /// What all members compare in this epoch; `None` if we are none.
    pub fn group_code(&self) -> Option<GroupCode> {
        self.stay().map(|stay| stay.engine.code())
    }

    /// The epoch authenticator (RFC 9420 §8.7), the same for all members of the epoch and known to
    /// nobody else; `None` if we are none. For applications that prove membership by it, and for
    /// comparison with other implementations of MLS. It is a secret: never log or show it. What
    /// people compare is the [`group_code`](Self::group_code) that is made of it.
    pub fn epoch_authenticator(&self) -> Option<Secret> {
        self.stay().map(|stay| stay.engine.epoch_authenticator())
    }

    /// What to compare with another member to know each other's keys; `None` if it is no member.
    pub fn safety_number(&self, participant: &ParticipantId) -> Option<SafetyNumber> {
        let key = self.stay()?.engine.signature_key_of(participant)?;
        let own = self.identity.public_key();
        let own = (self.identity.participant(), own.as_slice());
        Some(SafetyNumber::new(own, (participant, &key)))
    }

    /// From now on a member's key is the one that is remembered for its device: a person has
    /// compared this safety number. `false` if it is not, or no longer, a member with that
    /// [number](Self::safety_number), or if the trust settings remember no keys. Somebody
    /// [untrusted](Event::Untrusted) stays so until it is gone: it has to come again.
    pub fn accept_key(&self, participant: &ParticipantId, compared: &SafetyNumber) -> bool {
        let memory = self.config.validator.memory();
        let key = |stay: &Stay| stay.engine.signature_key_of(participant);
        match (memory, self.stay().and_then(key)) {
            (Some(memory), Some(key))
                if self.safety_number(participant).as_ref() == Some(compared) =>
            {
                memory.accept(participant, &key);
                true
            }
            _ => false,
        }
    }

    /// The current group and epoch, if we are a member.
    pub fn position(&self) -> Option<(GroupId, Epoch)> {
        self.stay().map(|stay| (stay.group_id, stay.engine.epoch()))
    }

    /// How the room protects media, once the service has said so.
    pub fn mode(&self) -> Option<MediaMode> {
        self.room.as_ref().map(|door| door.policy.mode)
    }

    /// The MLS cipher suite of the room's group, once the service has said so.
    pub fn suite(&self) -> Option<MlsSuite> {
        self.room.as_ref().map(|door| door.policy.ciphersuite)
    }

    /// Ends the stay: keys are erased, and `event` says how it ended.
    fn end(&mut self, event: Event) {
        let was_member = self.stay().is_some();
        self.phase = Phase::Idle;
        self.goal = None;
        self.session = None;
        self.room = None;
        self.invitations.wish = None;
        if was_member || matches!(event, Event::Left) {
            self.outputs.push_back(Output::Media(MediaUpdate::Close));
        }
        self.event(event);
    }

    /// Gives the stay up and enters the room as a new member: the old leaf goes as the new one
    /// comes.
    fn resync(&mut self, cause: ResyncCause, now: Moment) {
        if let Phase::Leaving(_) = self.phase {
            return self.end(Event::Left);
        }
        self.resyncs += 1;
        if self.resyncs > MAX_RESYNCS {
            self.send(ClientMessage::Leave);
            return self.end(Event::Fatal(FatalCause::CannotStay(cause)));
        }
        self.phase = Phase::Entering(Entering::Asked);
        self.outputs.push_back(Output::Media(MediaUpdate::Close));
        self.event(Event::Resyncing { cause });
        if let (Some(door), true) = (self.room.clone(), self.connected)
            && let Err(error) = self.ask_to_be_added(door, now)
        {
            self.end(Event::Fatal(FatalCause::Internal(error)));
        }
    }

    fn stay(&self) -> Option<&Stay> {
        match &self.phase {
            Phase::Member(stay) | Phase::Leaving(stay) => Some(stay),
            Phase::Idle | Phase::Entering(_) => None,
        }
    }

    fn any_stay(&mut self) -> Option<&mut Stay> {
        match &mut self.phase {
            Phase::Member(stay) | Phase::Leaving(stay) => Some(stay),
            Phase::Idle | Phase::Entering(_) => None,
        }
    }

    /// Our stay, if it is in that group.
    fn stay_mut(&mut self, group_id: GroupId) -> Option<&mut Stay> {
        self.any_stay().filter(|stay| stay.group_id == group_id)
    }

    fn send(&mut self, message: ClientMessage) {
        if self.connected {
            self.outputs.push_back(Output::Send(message));
        }
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }
}
