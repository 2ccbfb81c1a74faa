//! A participant with this project's own key manager.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use mls_srtp::delivery::{ClientMessage, ServiceMessage};
use mls_srtp::event::Event;
use mls_srtp::group::{GroupError, Identity};
use mls_srtp::id::{ParticipantId, RoomName, Ssrc};
use mls_srtp::manager::Misuse;
use mls_srtp::pipeline::MediaUpdate;
use mls_srtp::time::Moment;
use mls_srtp::{KeyManager, ManagerConfig, Output};

use crate::announcement::{self, Heard};
use crate::reading::Reading;

const NAME: &str = concat!("mls-srtp ", env!("CARGO_PKG_VERSION"));

/// Nobody here is too slow: whoever the service names first shall commit, however long it takes.
const NO_TAKEOVER: Duration = Duration::from_secs(600);

/// Our participant. Like any driver of a key manager, it gives messages and time in and does what
/// comes out.
pub(crate) struct Ours {
    manager: KeyManager,
    ssrc: Ssrc,
    heard: Heard,
    started: Instant,
    outbox: VecDeque<ClientMessage>,
    readings: Vec<Reading>,
    events: Vec<Event>,
}

impl Ours {
    pub(crate) fn new(name: ParticipantId, ssrc: Ssrc) -> Result<Self, GroupError> {
        Ok(Self {
            manager: manager(Identity::generate(name)?, ssrc),
            ssrc,
            heard: Heard::new(),
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

    /// Whose streams it knows.
    pub(crate) fn heard(&self) -> &Heard {
        &self.heard
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

    /// The process starts anew with nothing but its name and signature key.
    pub(crate) fn lose_state(&mut self) {
        let kept = serde_json::to_string(self.manager.identity()).expect("a name and a key");
        let identity = serde_json::from_str(&kept).expect("what was written can be read");
        self.manager = manager(identity, self.ssrc);
        self.heard.clear();
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
                            ssrc: self.ssrc,
                            secrets,
                            authenticator,
                        });
                    }
                }
                Output::Media(MediaUpdate::Streams {
                    participant,
                    streams,
                }) => {
                    self.heard.insert(participant, streams);
                }
                _ => {}
            }
        }
    }
}

fn manager(identity: Identity, ssrc: Ssrc) -> KeyManager {
    let config = ManagerConfig {
        takeover_after: NO_TAKEOVER,
        takeover_after_most: NO_TAKEOVER,
        ..ManagerConfig::default()
    };
    let mut manager = KeyManager::with_identity(identity, config);
    manager.announce_streams(vec![announcement::stream(ssrc)]);
    manager
}
