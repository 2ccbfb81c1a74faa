//! A participant's stay in a call: the key manager, driven over a real connection.
//!
//! The key manager decides and does no I/O; this task is its hands. It connects (again, when the
//! connection is lost), passes messages and time in, and carries out what comes out: envelopes to
//! the service, key updates to the media pipeline, events to the application.

mod driver;
mod keeping;

use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

use mls_srtp::delivery::MediaSignal;
use mls_srtp::event::Event;
use mls_srtp::group::{GroupError, Identity, SafetyNumber};
use mls_srtp::id::{ParticipantId, RoomName};
use mls_srtp::manager::Misuse;
use mls_srtp::pipeline::{MediaEvent, MediaUpdate, Stream};
use mls_srtp::{KeyManager, ManagerConfig};
use tokio::sync::{mpsc, oneshot};

use crate::e2e::E2eMedia;
use crate::link::Link;
pub use crate::link::LinkConfig;
use crate::signaling::SignalingError;
use crate::state::{StateConfig, StateError};
use driver::Driver;
use keeping::Keeping;

/// Commands that may wait for the task.
const COMMANDS: usize = 64;

/// What to join, and as whom.
pub struct SessionConfig {
    /// The signaling service, `ws://host:port/` or `wss://host/`.
    pub url: String,
    /// The room.
    pub room: RoomName,
    /// Who we are.
    pub participant: ParticipantId,
    /// The signature key and its evidence, where they come from elsewhere. Otherwise the kept key
    /// is used, or a new one.
    pub identity: Option<Identity>,
    /// Proof of admission where the service asks for one.
    pub token: Option<String>,
    /// Our streams, announced to every member.
    pub streams: Vec<Stream>,
    /// Times and trust of the key manager. Its modes are those of the media that is joined with.
    pub manager: ManagerConfig,
    /// Times of the connection to the service, and whom it trusts.
    pub link: LinkConfig,
    /// Where the signature key and the stay are kept, if they are. What is there already is gone on
    /// with: the same key, and at the same leaf if this is the room that it was in.
    pub state: Option<StateConfig>,
}

/// Without the token: whoever reads it may be let in with it.
impl Debug for SessionConfig {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionConfig")
            .field("url", &self.url)
            .field("room", &self.room)
            .field("participant", &self.participant)
            .finish_non_exhaustive()
    }
}

/// What the application hears of its stay.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum SessionEvent {
    /// A fact about the group.
    Group(Event),
    /// A fact about media.
    Media(MediaEvent),
    /// SDP from the SFU, for the peer connection.
    Signal(MediaSignal),
    /// The connection to the service was lost; the session connects again by itself.
    Disconnected(String),
    /// The connection is back.
    Reconnected,
    /// The state could not be kept now, for this reason. The call goes on, and so do attempts; what
    /// was kept before is still there.
    NotKept(String),
}

/// Why a stay did not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The service cannot be reached.
    #[error(transparent)]
    Signaling(#[from] SignalingError),
    /// Our own side failed.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// A bug: a new key manager is in no room.
    #[error(transparent)]
    Misuse(#[from] Misuse),
    /// The key is another participant's.
    #[error("the signature key is for {found}, not for {asked}")]
    OtherIdentity {
        /// Whose it is.
        found: String,
        /// Who asked for it.
        asked: String,
    },
    /// What was kept cannot be used, or nothing can be kept.
    #[error(transparent)]
    State(#[from] StateError),
}

/// What a moderator does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moderation {
    /// Removes a user, with all devices, and keeps it out.
    Remove(ParticipantId),
    /// Lets a removed user come again.
    Readmit(ParticipantId),
    /// Locks or unlocks the room.
    SetLocked(bool),
}

enum Command {
    Leave,
    Moderate(Moderation),
    Announce(Vec<Stream>),
    Signal(MediaSignal),
    SetToken(Option<String>),
    AcceptKey(ParticipantId, SafetyNumber, oneshot::Sender<bool>),
    SafetyNumber(ParticipantId, oneshot::Sender<Option<SafetyNumber>>),
    Suspend(oneshot::Sender<Result<(), StateError>>),
}

/// A handle on a stay. Dropped, it ends the stay without a goodbye: sending stops at once and the
/// keys are erased a second later. A state is kept then as by [`Session::suspend`].
pub struct Session {
    commands: mpsc::Sender<Command>,
}

/// Sees every key update of a session. It gets secrets: nothing but an audit has a use for it.
pub type KeyWitness = Box<dyn FnMut(&MediaUpdate) + Send>;

/// Events of a session, in order; `None` once it is over.
pub type SessionEvents = mpsc::UnboundedReceiver<SessionEvent>;

impl Session {
    /// Connects and starts to join. The rest comes as events; keys go to `media` by themselves.
    ///
    /// # Errors
    /// [`SessionError`] when the service cannot be reached now. Later losses are mended.
    pub async fn join(
        config: SessionConfig,
        media: E2eMedia,
    ) -> Result<(Self, SessionEvents), SessionError> {
        Self::join_with(config, media, None).await
    }

    /// The same, and shows every key update to `witness` before it is applied: for audits that
    /// must hold what a dishonest member could have kept.
    ///
    /// # Errors
    /// [`SessionError`] as for [`Self::join`].
    pub async fn join_with(
        mut config: SessionConfig,
        media: E2eMedia,
        witness: Option<KeyWitness>,
    ) -> Result<(Self, SessionEvents), SessionError> {
        let (mut manager, keeping) = begin(&mut config, &media).await?;
        manager.announce_streams(config.streams);
        let link = Link::connect(&config.url, config.link).await?;
        if manager.room().is_some() {
            manager.set_token(config.token)?;
        } else {
            manager.join(config.room, config.token)?;
        }
        manager.handle_connected(media.origin().now());
        let (commands, receiver) = mpsc::channel(COMMANDS);
        let (events, event_receiver) = mpsc::unbounded_channel();
        let driver = Driver {
            manager,
            media,
            link,
            events,
            witness,
            keeping,
        };
        tokio::spawn(driver.run(receiver));
        Ok((Self { commands }, event_receiver))
    }

    /// Asks to leave; [`Event::Left`] follows.
    pub async fn leave(&self) {
        let _ = self.commands.send(Command::Leave).await;
    }

    /// Stops without leaving: sends nothing more, keeps the state, and closes the connection. The
    /// leaf stays ours for the service's grace time, and whoever joins from the state in that time
    /// is back at it. Returns when the state is kept and its store is free.
    ///
    /// # Errors
    /// [`StateError::Failed`]; what was kept before is still there.
    pub async fn suspend(&self) -> Result<(), StateError> {
        let (done, kept) = oneshot::channel();
        // A session that is over has kept what there was to keep.
        let _ = self.commands.send(Command::Suspend(done)).await;
        kept.await.unwrap_or(Ok(()))
    }

    /// Replaces the announcement of our streams.
    pub async fn announce(&self, streams: Vec<Stream>) {
        let _ = self.commands.send(Command::Announce(streams)).await;
    }

    /// What to compare with another member to know each other's keys, a few milliseconds of work;
    /// `None` if it is no member.
    pub async fn safety_number(&self, participant: &ParticipantId) -> Option<SafetyNumber> {
        let (answer, number) = oneshot::channel();
        let question = Command::SafetyNumber(participant.clone(), answer);
        self.commands.send(question).await.ok()?;
        number.await.ok()?
    }

    /// From now on a member's key is the one that is remembered for its device: a person has
    /// compared this safety number. `false` if it is not, or no longer, a member with that number,
    /// or if the trust settings remember no keys. It is kept with the state.
    pub async fn accept_key(&self, participant: ParticipantId, compared: SafetyNumber) -> bool {
        let (done, accepted) = oneshot::channel();
        let command = Command::AcceptKey(participant, compared, done);
        let _ = self.commands.send(command).await;
        accepted.await.unwrap_or(false)
    }

    /// Replaces the room token. Call it before the old one is over: the next connection shows it,
    /// and so does our leaf in the next group that we enter.
    pub async fn set_token(&self, token: Option<String>) {
        let _ = self.commands.send(Command::SetToken(token)).await;
    }

    /// Does what a moderator may do. What comes of it are events: [`Event::RoomLocked`], an epoch
    /// without the removed user, or [`Event::Refused`].
    pub async fn moderate(&self, what: Moderation) {
        let _ = self.commands.send(Command::Moderate(what)).await;
    }

    /// Sends media signaling to the SFU.
    pub async fn signal(&self, signal: MediaSignal) {
        let _ = self.commands.send(Command::Signal(signal)).await;
    }
}

/// The key manager of a new session, and what keeps its state.
async fn begin(
    config: &mut SessionConfig,
    media: &E2eMedia,
) -> Result<(KeyManager, Option<Keeping>), SessionError> {
    let (state, given) = (config.state.take(), config.identity.take());
    if let Some(other) = given.as_ref().map(Identity::participant)
        && *other != config.participant
    {
        return Err(SessionError::OtherIdentity {
            found: other.to_string(),
            asked: config.participant.to_string(),
        });
    }
    let manager = ManagerConfig {
        modes: vec![media.mode()],
        keeps_group: state.is_some(),
        ..config.manager.clone()
    };
    let Some(state) = state else {
        return Ok((keeping::fresh(&config.participant, given, manager)?, None));
    };
    let trust = Arc::clone(&manager.validator);
    let (mut keeping, kept) = Keeping::open(state, trust).await?;
    let (who, room) = ((&config.participant, given), &config.room);
    let manager = keeping.resume(kept, who, room, manager, media.origin().now());
    Ok((manager.await?, Some(keeping)))
}
