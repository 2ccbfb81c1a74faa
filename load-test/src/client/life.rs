//! A client's process: the key manager, driven over a real WebSocket, until its stay is over or a
//! fault ends it.

use std::time::Instant;

use mls_srtp::delivery::{Blob, ServiceMessage};
use mls_srtp::event::Event;
use mls_srtp::id::LeafIndex;
use mls_srtp::manager::SavedState;
use mls_srtp::pipeline::Stream;
use mls_srtp::time::Moment;
use mls_srtp::{KeyManager, ManagerConfig, Output};
use tokio::sync::mpsc;

use super::media::{Media, Step};
use super::wire::{Heard, Wire};
use super::{Command, World, name};
use crate::notebook::{Entered, Fact};
use crate::script::{Fault, FaultKind, User};

/// How a process ended.
pub(super) enum End {
    /// Its stay is over. What it was told meanwhile and is for the next one.
    Over(Option<Command>),
    /// A fault struck.
    Crashed {
        fault: Fault,
        saved: Option<SavedState>,
    },
}

/// A running client.
pub(super) struct Life<'a> {
    pub(super) world: &'a World,
    pub(super) user: User,
    manager: KeyManager,
    pub(super) wire: Wire,
    media: Option<Media>,
    /// Proposals of this epoch that wait for a commit.
    pub(super) pending: usize,
    /// Who commits first, as last published.
    pub(super) first: Option<LeafIndex>,
    /// Our newest commit, and the fault that waits for its acceptance.
    pub(super) submitted: Option<(Blob, Option<Fault>)>,
    leaving: bool,
    pub(super) saved: Option<SavedState>,
    /// A command for the next stay.
    later: Option<Command>,
}

impl<'a> Life<'a> {
    /// A client that joins for the first time.
    pub(super) fn new(world: &'a World, user: User) -> Self {
        let manager = KeyManager::new(name(user), config(world));
        let manager = manager.expect("the system has randomness");
        Self::with(world, user, manager)
    }

    /// A client that was started again.
    pub(super) fn restored(world: &'a World, user: User, saved: &SavedState) -> Self {
        let now = world.notebook.origin().now();
        match KeyManager::restore(saved, config(world), now) {
            Ok(manager) => Self::with(world, user, manager),
            Err(error) => {
                tracing::error!(user, %error, "cannot restore");
                Self::new(world, user)
            }
        }
    }

    fn with(world: &'a World, user: User, mut manager: KeyManager) -> Self {
        let media = world.media.as_ref();
        let media = media.map(|log| Media::new(log, user, world.notebook.origin()));
        let streams: Vec<Stream> = media.iter().map(Media::announced).collect();
        manager.announce_streams(streams);
        if manager.position().is_none() {
            let joining = manager.join(world.room.clone(), None);
            joining.expect("a manager without a group is in no room");
        }
        let saved = world.saves.then(|| manager.save().ok()).flatten();
        Self {
            world,
            user,
            manager,
            wire: Wire::connect(&world.url, &world.trust),
            media,
            pending: 0,
            first: None,
            submitted: None,
            leaving: false,
            saved,
            later: None,
        }
    }

    /// Runs to the end.
    pub(super) async fn run(&mut self, commands: &mut mpsc::UnboundedReceiver<Command>) -> End {
        let origin = self.world.notebook.origin();
        let end = loop {
            if let Some(end) = self.carry_out().await {
                break end;
            }
            let due = self.manager.poll_timeout().map(|at| origin.instant(at));
            let fault = tokio::select! {
                // What has come is read before time passes: a service whose words wait in our own
                // socket is not silent.
                biased;
                command = commands.recv() => match command {
                    Some(command) => {
                        self.obey(command);
                        None
                    }
                    None => break End::Over(None),
                },
                heard = self.wire.next() => self.hear(heard),
                () = until(due) => {
                    self.manager.handle_timeout(self.now());
                    None
                }
                step = step(&mut self.media) => {
                    self.advance(step).await;
                    None
                }
            };
            if let Some(crash) = fault.and_then(|fault| self.strike(fault)) {
                break crash;
            }
        };
        if let Some(media) = &mut self.media {
            media.close().await;
        }
        if let End::Over(_) = end {
            self.wire.close().await;
        }
        end
    }

    fn now(&self) -> Moment {
        self.world.notebook.origin().now()
    }

    fn note(&self, fact: Fact) {
        self.world.notebook.note(self.user, fact);
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Leave if !self.leaving => {
                self.leaving = true;
                if let Some(media) = &mut self.media {
                    media.stop();
                }
                self.note(Fact::Leaving);
                // A stay that has just ended needs no leave.
                let _ = self.manager.leave();
            }
            Command::Cut(down) if !self.leaving => self.wire.cut(down),
            Command::Join(_) => self.later = Some(command),
            Command::Leave | Command::Cut(_) => {}
        }
    }

    /// Takes what the wire tells; a fault that strikes with it comes first.
    fn hear(&mut self, heard: Heard) -> Option<Fault> {
        let now = self.now();
        match heard {
            Heard::Up => {
                self.note(Fact::Up);
                self.manager.handle_connected(now);
                if let Some(media) = &mut self.media {
                    media.leg.signaling_back();
                }
            }
            Heard::Lost => {
                self.note(Fact::Down);
                self.missed();
                self.manager.handle_disconnected();
                if let Some(media) = &mut self.media {
                    media.leg.signaling_lost();
                }
            }
            Heard::Envelope(json) => match serde_json::from_slice(&json) {
                Ok(message) => {
                    if !matches!(message, ServiceMessage::Media(_)) {
                        self.world.notebook.count_bytes(json.len());
                    }
                    return self.take(message, now);
                }
                Err(error) => tracing::error!(user = self.user, %error, "no envelope"),
            },
        }
        None
    }

    fn take(&mut self, message: ServiceMessage, now: Moment) -> Option<Fault> {
        match &message {
            ServiceMessage::Committers { leaves, .. } => self.first = leaves.first().copied(),
            ServiceMessage::Refused {
                request,
                reason,
                detail,
                ..
            } if request == "commit" || request == "external_commit" => {
                tracing::info!(user = self.user, request, ?reason, detail, "refused");
                self.world.notebook.rejected();
                self.missed();
            }
            ServiceMessage::Entry(entry) => {
                if let Some(fault) = self.follow(entry) {
                    if fault.kind == FaultKind::Kill {
                        self.manager.handle_message(message, now);
                    }
                    return Some(fault);
                }
            }
            _ => {}
        }
        self.manager.handle_message(message, now);
        None
    }

    /// Does everything the key manager wants done.
    async fn carry_out(&mut self) -> Option<End> {
        while let Some(output) = self.manager.poll_output() {
            match output {
                Output::Send(message) => {
                    if let Some(crash) = self.send(message).await {
                        return Some(crash);
                    }
                }
                Output::Media(update) => {
                    if let Some(media) = &mut self.media {
                        media.keys.apply(update);
                    }
                }
                Output::MediaSignal(signal) => {
                    let Some(media) = &mut self.media else {
                        continue;
                    };
                    if let Some(event) = media.leg.handle_signal(signal).await {
                        self.advance(Step::Leg(event)).await;
                    }
                }
                Output::Reconnect => self.wire.cut(std::time::Duration::ZERO),
                Output::Event(event) if self.happened(&event) => {
                    return Some(End::Over(self.later.take()));
                }
                _ => {}
            }
        }
        None
    }

    /// Writes an event down; `true` if the stay is over.
    fn happened(&mut self, event: &Event) -> bool {
        match event {
            Event::EpochChanged {
                epoch,
                added,
                removed,
                roster,
                code,
            } => {
                self.pending = 0;
                let Some((group, _)) = self.manager.position() else {
                    return false;
                };
                self.note(Fact::Entered(Box::new(Entered {
                    group,
                    epoch: *epoch,
                    roster: roster.clone(),
                    added: added.len(),
                    removed: removed.len(),
                    code: *code,
                })));
                if self.world.saves {
                    self.saved = self.manager.save().ok();
                }
            }
            Event::MediaReady => {
                if let Some(media) = &mut self.media {
                    media.leg.connect();
                }
            }
            Event::Stalled | Event::StallEnded => {
                if let Some(media) = &mut self.media {
                    media.stalled = *event == Event::Stalled;
                }
            }
            Event::Left => {
                self.note(Fact::Left);
                return true;
            }
            Event::Removed | Event::Fatal(_) => {
                let how = format!("{event:?}");
                match self.leaving {
                    true => self.note(Fact::Left),
                    false => self.note(Fact::Ended(how)),
                }
                return true;
            }
            _ => {}
        }
        false
    }

    /// Goes on with media.
    async fn advance(&mut self, step: Step) {
        let now = self.now();
        let Some(media) = &mut self.media else { return };
        let (signal, events) = media.advance(step, now).await;
        for event in events {
            self.manager.handle_media_event(&event, now);
        }
        if let Some(signal) = signal {
            // Who is no member any more needs no media.
            let _ = self.manager.send_media_signal(signal);
        }
    }
}

/// What only a restart would read is not kept where nobody restarts.
fn config(world: &World) -> ManagerConfig {
    ManagerConfig {
        keeps_group: world.saves,
        ..ManagerConfig::default()
    }
}

/// The next step of media, never without it.
async fn step(media: &mut Option<Media>) -> Step {
    match media {
        Some(media) => media.next().await,
        None => std::future::pending().await,
    }
}

/// Waits for an instant, for ever if there is none.
async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant.into()).await,
        None => std::future::pending().await,
    }
}
