//! The task behind a session: the key manager's hands.

use std::time::Duration;

use mls_srtp::delivery::Refusal;
use mls_srtp::event::Event;
use mls_srtp::pipeline::MediaUpdate;
use mls_srtp::time::Moment;
use mls_srtp::{KeyManager, Output};
use tokio::sync::{mpsc, oneshot};

use super::keeping::Keeping;
use super::{Command, KeyWitness, Moderation, SessionEvent};
use crate::e2e::E2eMedia;
use crate::link::{Link, LinkEvent};
use crate::state::StateError;

/// How often the media pipeline is asked for events and erases what is due. Keys live for seconds,
/// so a tenth of one does not matter.
const MEDIA_TICK: Duration = Duration::from_millis(100);

/// The task behind a [`Session`].
pub(super) struct Driver {
    pub(super) manager: KeyManager,
    pub(super) media: E2eMedia,
    pub(super) link: Link,
    pub(super) events: mpsc::UnboundedSender<SessionEvent>,
    pub(super) witness: Option<KeyWitness>,
    /// Until the last word is written.
    pub(super) keeping: Option<Keeping>,
}

/// Why the task ends.
enum End {
    /// The stay is over.
    Over,
    /// Nobody holds the session any more.
    Dropped,
    Suspended(oneshot::Sender<Result<(), StateError>>),
}

impl Driver {
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let end = self.stay(&mut commands).await;
        if !matches!(end, End::Over) {
            self.media.apply(MediaUpdate::Close);
        }
        let kept = self.keep_last().await;
        self.link.close().await;
        match end {
            End::Suspended(done) => drop(done.send(kept)),
            End::Over | End::Dropped => self.heed_disk(kept),
        }
        self.erase_keys().await;
    }

    async fn stay(&mut self, commands: &mut mpsc::Receiver<Command>) -> End {
        let mut tick = tokio::time::interval(MEDIA_TICK);
        while self.carry_out().await {
            let origin = self.media.origin();
            let due = self.manager.poll_timeout().map(|at| origin.instant(at));
            let write = self.keeping.as_ref().and_then(Keeping::poll_timeout);
            let write = write.map(|at| origin.instant(at));
            tokio::select! {
                event = self.link.next() => self.hear(event),
                command = commands.recv() => match command {
                    Some(Command::Suspend(done)) => return End::Suspended(done),
                    Some(command) => self.obey(command),
                    None => return End::Dropped,
                },
                () = until(due) => self.manager.handle_timeout(origin.now()),
                () = until(write) => self.keep(origin.now()),
                kept = written(&mut self.keeping) => self.heed_disk(kept),
                _ = tick.tick() => self.mind_media(),
            }
        }
        End::Over
    }

    /// Begins to write the state.
    fn keep(&mut self, now: Moment) {
        let Some(keeping) = &mut self.keeping else {
            return;
        };
        match self.manager.save() {
            Ok(state) => keeping.begin(state, now),
            Err(bug) => {
                self.keeping = None;
                self.tell(SessionEvent::NotKept(bug.to_string()));
            }
        }
    }

    /// Writes the state as it is at the end, which after a stay is the signature key, and closes
    /// the store.
    async fn keep_last(&mut self) -> Result<(), StateError> {
        match self.keeping.take() {
            Some(mut keeping) => keeping.write_out(self.manager.save()?).await,
            None => Ok(()),
        }
    }

    fn heed_disk(&self, kept: Result<(), StateError>) {
        if let Err(error) = kept {
            self.tell(SessionEvent::NotKept(error.to_string()));
        }
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
            Command::Moderate(what) => return self.moderate(what),
            Command::Signal(signal) => self.manager.send_media_signal(signal),
            Command::SetToken(token) => self.manager.set_token(token),
            Command::Announce(streams) => {
                self.manager.announce_streams(streams);
                Ok(())
            }
            Command::AcceptKey(participant, compared, done) => {
                let accepted = self.manager.accept_key(&participant, &compared);
                if let (true, Some(keeping)) = (accepted, &mut self.keeping) {
                    keeping.fell_behind(self.media.origin().now());
                }
                let _ = done.send(accepted);
                Ok(())
            }
            Command::SafetyNumber(participant, answer) => {
                // Who asked may have given up.
                let _ = answer.send(self.manager.safety_number(&participant));
                Ok(())
            }
            Command::Suspend(_) => Ok(()),
        };
        if let Err(misuse) = obeyed {
            // The stay ended while the command was on its way.
            tracing::debug!(%misuse, "too late");
        }
    }

    fn moderate(&mut self, what: Moderation) {
        let now = self.media.origin().now();
        let (request, done) = match what {
            Moderation::Remove(participant) => ("evict", self.manager.evict(participant)),
            Moderation::Readmit(participant) => ("readmit", self.manager.readmit(participant)),
            Moderation::SetLocked(locked) => ("lock", self.manager.set_locked(locked, now)),
        };
        if let Err(misuse) = done {
            self.tell(SessionEvent::Group(Event::Refused {
                request: request.to_owned(),
                reason: Refusal::Unauthorised,
                code: None,
                detail: misuse.to_string(),
            }));
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
                    if let Event::Left | Event::Removed | Event::Fatal(_) = event {
                        going_on = false;
                        // Whoever hears of the end may end the process.
                        let kept = self.keep_last().await;
                        self.heed_disk(kept);
                    }
                    if let (Event::EpochChanged { .. }, Some(keeping)) = (&event, &mut self.keeping)
                    {
                        keeping.fell_behind(self.media.origin().now());
                    }
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

/// Waits for a write to end, for ever if none is under way.
async fn written(keeping: &mut Option<Keeping>) -> Result<(), StateError> {
    match keeping {
        Some(keeping) => keeping.written().await,
        None => std::future::pending().await,
    }
}
