//! A participant's stay in a call: the key manager, driven over a real connection.
//!
//! The key manager decides and does no I/O; this task is its hands. It connects (again, when the
//! connection is lost), passes messages and time in, and carries out what comes out: envelopes to
//! the service, key updates to the media pipeline, events to the application.

use std::time::Duration;

use mls_srtp::delivery::MediaSignal;
use mls_srtp::event::Event;
use mls_srtp::group::GroupError;
use mls_srtp::id::{ParticipantId, RoomName};
use mls_srtp::manager::Misuse;
use mls_srtp::pipeline::{MediaEvent, MediaUpdate, Stream};
use mls_srtp::{KeyManager, ManagerConfig, Output};
use tokio::sync::mpsc;

use crate::e2e::E2eMedia;
pub use crate::link::LinkConfig;
use crate::link::{Link, LinkEvent};
use crate::signaling::SignalingError;

/// How often the media pipeline is asked for events and erases what is due. Keys live for seconds,
/// so a tenth of one does not matter.
const MEDIA_TICK: Duration = Duration::from_millis(100);
/// Commands that may wait for the task.
const COMMANDS: usize = 64;

/// What to join, and as whom.
#[derive(Debug, Clone)]
pub struct SessionConfig {
    /// The signaling service, `ws://host:port/`.
    pub url: String,
    /// The room.
    pub room: RoomName,
    /// Who we are.
    pub participant: ParticipantId,
    /// Proof of admission where the service asks for one.
    pub token: Option<String>,
    /// Our streams, announced to every member.
    pub streams: Vec<Stream>,
    /// Times and trust of the key manager. Its modes are those of the media that is joined with.
    pub manager: ManagerConfig,
    /// Times of the connection to the service.
    pub link: LinkConfig,
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
}

enum Command {
    Leave,
    Announce(Vec<Stream>),
    Signal(MediaSignal),
}

/// A handle on a stay. Dropped, it ends the stay without a goodbye: sending stops at once and the
/// keys are erased a second later.
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
        config: SessionConfig,
        media: E2eMedia,
        witness: Option<KeyWitness>,
    ) -> Result<(Self, SessionEvents), SessionError> {
        let manager = ManagerConfig {
            modes: vec![media.mode()],
            ..config.manager
        };
        let mut manager = KeyManager::new(config.participant, manager)?;
        manager.announce_streams(config.streams);
        let link = Link::connect(&config.url, config.link).await?;
        manager.handle_connected(media.origin().now());
        manager.join(config.room, config.token)?;
        let (commands, receiver) = mpsc::channel(COMMANDS);
        let (events, event_receiver) = mpsc::unbounded_channel();
        let driver = Driver {
            manager,
            media,
            link,
            events,
            witness,
        };
        tokio::spawn(driver.run(receiver));
        Ok((Self { commands }, event_receiver))
    }

    /// Asks to leave; [`Event::Left`] follows.
    pub async fn leave(&self) {
        let _ = self.commands.send(Command::Leave).await;
    }

    /// Replaces the announcement of our streams.
    pub async fn announce(&self, streams: Vec<Stream>) {
        let _ = self.commands.send(Command::Announce(streams)).await;
    }

    /// Sends media signaling to the SFU.
    pub async fn signal(&self, signal: MediaSignal) {
        let _ = self.commands.send(Command::Signal(signal)).await;
    }
}

/// The task behind a [`Session`].
struct Driver {
    manager: KeyManager,
    media: E2eMedia,
    link: Link,
    events: mpsc::UnboundedSender<SessionEvent>,
    witness: Option<KeyWitness>,
}

impl Driver {
    async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut tick = tokio::time::interval(MEDIA_TICK);
        while self.carry_out().await {
            let origin = self.media.origin();
            let due = self.manager.poll_timeout().map(|at| origin.instant(at));
            tokio::select! {
                event = self.link.next() => self.hear(event),
                command = commands.recv() => match command {
                    Some(command) => self.obey(command),
                    None => {
                        self.media.apply(MediaUpdate::Close);
                        break;
                    }
                },
                () = until(due) => self.manager.handle_timeout(origin.now()),
                _ = tick.tick() => self.mind_media(),
            }
        }
        self.link.close().await;
        self.erase_keys().await;
    }

    /// Stays until the media pipeline has erased its last key.
    async fn erase_keys(&mut self) {
        loop {
            self.mind_media();
            let Some(due) = self.media.poll_timeout() else {
                return;
            };
            tokio::time::sleep_until(self.media.origin().instant(due).into()).await;
        }
    }

    fn hear(&mut self, event: LinkEvent) {
        let now = self.media.origin().now();
        match event {
            LinkEvent::Received(json) => {
                if let Err(error) = self.manager.handle_envelope(&json, now) {
                    tracing::warn!(%error, "the service sent something that is no envelope");
                }
            }
            LinkEvent::Lost(error) => {
                self.manager.handle_disconnected();
                self.tell(SessionEvent::Disconnected(error.to_string()));
            }
            LinkEvent::Back => {
                self.manager.handle_connected(now);
                self.tell(SessionEvent::Reconnected);
            }
        }
    }

    fn obey(&mut self, command: Command) {
        let obeyed = match command {
            Command::Leave => self.manager.leave(),
            Command::Signal(signal) => self.manager.send_media_signal(signal),
            Command::Announce(streams) => {
                self.manager.announce_streams(streams);
                Ok(())
            }
        };
        if let Err(misuse) = obeyed {
            // The stay ended while the command was on its way.
            tracing::debug!(%misuse, "too late");
        }
    }

    /// Erases keys that are due and hears what the pipeline has to tell.
    fn mind_media(&mut self) {
        let now = self.media.origin().now();
        for event in self.media.mind(now) {
            self.manager.handle_media_event(&event, now);
            self.tell(SessionEvent::Media(event));
        }
    }

    /// Does everything the key manager wants done; `false` once the stay is over.
    async fn carry_out(&mut self) -> bool {
        let mut going_on = true;
        while let Some(output) = self.manager.poll_output() {
            match output {
                Output::Send(message) => self.link.send(&message).await,
                Output::Media(update) => {
                    if let Some(witness) = &mut self.witness {
                        witness(&update);
                    }
                    self.media.apply(update);
                }
                Output::Reconnect => self.link.reconnect(),
                Output::MediaSignal(signal) => self.tell(SessionEvent::Signal(signal)),
                Output::Event(event) => {
                    going_on &= !matches!(event, Event::Left | Event::Removed | Event::Fatal(_));
                    self.tell(SessionEvent::Group(event));
                }
                _ => {}
            }
        }
        going_on
    }

    fn tell(&self, event: SessionEvent) {
        // An application that has dropped its end does not want to know.
        let _ = self.events.send(event);
    }
}

/// Waits for an instant, for ever if there is none.
async fn until(instant: Option<std::time::Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant.into()).await,
        None => std::future::pending().await,
    }
}
