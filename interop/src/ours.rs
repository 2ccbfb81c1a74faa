//! A participant with this project's own key manager.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use mls_srtp::delivery::{ClientMessage, ServiceMessage};
use mls_srtp::event::Event;
use mls_srtp::group::GroupError;
use mls_srtp::id::{ParticipantId, RoomName};
use mls_srtp::manager::Misuse;
use mls_srtp::pipeline::MediaUpdate;
use mls_srtp::time::Moment;
use mls_srtp::{KeyManager, ManagerConfig, Output};

use crate::reading::Reading;

const NAME: &str = concat!("mls-srtp ", env!("CARGO_PKG_VERSION"));

/// Nobody here is too slow: whoever the service names first shall commit, however long it takes.
const NO_TAKEOVER: Duration = Duration::from_secs(600);

/// Our participant. Like any driver of a key manager, it gives messages and time in and does what
/// comes out.
pub(crate) struct Ours {
    manager: KeyManager,
    started: Instant,
    outbox: VecDeque<ClientMessage>,
    readings: Vec<Reading>,
    events: Vec<Event>,
}

impl Ours {
    pub(crate) fn new(name: ParticipantId) -> Result<Self, GroupError> {
        let config = ManagerConfig {
            takeover_after: NO_TAKEOVER,
            takeover_after_most: NO_TAKEOVER,
            ..ManagerConfig::default()
        };
        Ok(Self {
            manager: KeyManager::new(name, config)?,
            started: Instant::now(),
            outbox: VecDeque::new(),
            readings: Vec::new(),
            events: Vec::new(),
        })
    }

    pub(crate) fn name(&self) -> &ParticipantId {
        self.manager.participant()
    }

    /// What it had in each of its epochs, in order.
    pub(crate) fn readings(&self) -> &[Reading] {
        &self.readings
    }

    pub(crate) fn events(&self) -> &[Event] {
        &self.events
    }

    /// What the key manager has told of its end.
    pub(crate) fn end(&self) -> Option<&'static str> {
        self.events.iter().find_map(|event| match event {
            Event::Left => Some("left"),
            Event::Removed => Some("removed"),
            _ => None,
        })
    }

    pub(crate) fn poll_send(&mut self) -> Option<ClientMessage> {
        self.outbox.pop_front()
    }

    /// How long until [`Self::handle_timeout`] is due.
    pub(crate) fn due_in(&self) -> Option<Duration> {
        let due = self.manager.poll_timeout()?;
        Some(due.since(self.now()))
    }

    pub(crate) fn join(&mut self, room: RoomName) -> Result<(), Misuse> {
        self.manager.join(room, None)?;
        let now = self.now();
        self.manager.handle_connected(now);
        self.carry_out();
        Ok(())
    }

    pub(crate) fn leave(&mut self) -> Result<(), Misuse> {
        self.manager.leave()?;
        self.carry_out();
        Ok(())
    }

    pub(crate) fn evict(&mut self, participant: ParticipantId) -> Result<(), Misuse> {
        self.manager.evict(participant)?;
        self.carry_out();
        Ok(())
    }

    pub(crate) fn hear(&mut self, message: ServiceMessage) {
        let now = self.now();
        self.manager.handle_message(message, now);
        self.carry_out();
    }

    pub(crate) fn handle_timeout(&mut self) {
        let now = self.now();
        self.manager.handle_timeout(now);
        self.carry_out();
    }

    fn now(&self) -> Moment {
        Moment::new(self.started.elapsed())
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.manager.poll_output() {
            match output {
                Output::Send(message) => self.outbox.push_back(message),
                Output::Event(event) => self.events.push(event),
                Output::Media(MediaUpdate::Install(secrets)) => {
                    // One message brings one epoch at most, so both are of the same.
                    if let Some(authenticator) = self.manager.epoch_authenticator() {
                        self.readings.push(Reading {
                            who: self.manager.participant().clone(),
                            implementation: NAME,
                            secrets,
                            authenticator,
                        });
                    }
                }
                _ => {}
            }
        }
    }
}
