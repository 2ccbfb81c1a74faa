//! A participant: a device with a disk, on which a process runs or does not.

use std::collections::VecDeque;
use std::time::Duration;

use mls_srtp::event::Event;
use mls_srtp::group::Identity;
use mls_srtp::id::{ParticipantId, Ssrc};
use mls_srtp::manager::SavedState;
use mls_srtp::pipeline::{MediaConfig, MediaPipeline, ProtectError, Stream, StreamSource};
use mls_srtp::time::{Moment, earlier};
use mls_srtp::{KeyManager, ManagerConfig};

use super::network::ConnectionId;
use super::schedule::Keeps;
use super::seed::{Dice, Purpose};
use super::service::room_name;

/// Where a participant should be in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    In,
    Out,
    /// Somebody else decided on it, and it may have come back since.
    Either,
}

/// A running process: its key manager, its media pipeline and the driver around them.
pub struct Process {
    pub manager: KeyManager,
    pub pipeline: MediaPipeline,
    /// The connection that the driver has or asks for.
    pub connection: Option<ConnectionId>,
    /// Whether the key manager was told that it is connected.
    pub online: bool,
    /// When the service last said over this connection where the group stands.
    pub pinged_at: Option<Moment>,
    /// Whether media is connected: the key manager said that nothing is lost from now on.
    pub on_air: bool,
    /// The sequence number of the last packet. A new process begins at the beginning again, with
    /// the SSRC of the old one: that must not cost a nonce.
    sequence: u16,
    /// Until when the timers need no look.
    pub wake_at: Option<Moment>,
    /// When the service was last heard.
    pub heard_at: Moment,
}

/// What is on a device's disk.
#[derive(Default)]
struct Disk {
    /// The signature key, as the application stores it.
    identity: Option<Vec<u8>>,
    /// The key manager's states of the last epochs, the newest last, each with its stay.
    states: VecDeque<(u32, SavedState)>,
}

/// How many states are kept, for the sake of old copies.
const STATES: usize = 4;

pub struct Participant {
    pub who: usize,
    pub name: ParticipantId,
    pub ssrc: Ssrc,
    /// It sends nothing and announces nothing.
    pub only_listens: bool,
    /// Its key manager keeps the group for a restart; otherwise the signature key alone.
    keeps_group: bool,
    pub wants: Wants,
    /// Somebody wishes it evicted, and no stay of it has ended since: it may be turned away.
    pub being_evicted: bool,
    /// It was evicted, and has not been in since: until it is readmitted it is turned away.
    pub kept_out: bool,
    pub process: Option<Process>,
    /// Whether it ever asked to join.
    pub has_joined: bool,
    /// How often it asked.
    stay: u32,
    /// How the latest stay ended.
    pub ended: Option<Event>,
    /// When a crashed process comes back, if it does.
    pub restarts_at: Option<Moment>,
    disk: Disk,
    pub dice: Dice,
}

/// The name that a participant has in traces and in the room.
pub fn name(who: usize) -> ParticipantId {
    ParticipantId::new(&format!("p{who}"), "example.org", "sim").expect("a name")
}

impl Participant {
    pub fn new(seed: u64, who: usize) -> Self {
        Self {
            who,
            name: name(who),
            ssrc: Ssrc::new(1_000 + who as u32),
            only_listens: false,
            keeps_group: !(seed.wrapping_add(who as u64)).is_multiple_of(3),
            wants: Wants::Out,
            being_evicted: false,
            kept_out: false,
            process: None,
            has_joined: false,
            stay: 0,
            ended: None,
            restarts_at: None,
            disk: Disk::default(),
            dice: Dice::new(seed, Purpose::Driver(who as u64)),
        }
    }

    /// Asks to join, with the running process or with a first one. `false`: it is in already, or
    /// its process is about to come back anyway.
    pub fn join(&mut self) -> bool {
        if self.wants == Wants::In || self.restarts_at.is_some() {
            return false;
        }
        if self.process.is_none() {
            self.process = Some(self.fresh());
        }
        let joined = self
            .process
            .as_mut()
            .is_some_and(|process| process.manager.join(room_name(), None).is_ok());
        if joined {
            self.wants = if self.being_evicted || self.kept_out {
                Wants::Either
            } else {
                Wants::In
            };
            self.has_joined = true;
            self.stay += 1;
            self.ended = None;
        }
        joined
    }

    /// Keeps the state of a new epoch, as the key manager's documentation asks for.
    pub fn save(&mut self) {
        let Some(process) = &self.process else { return };
        let state = process.manager.save().expect("a state can be saved");
        self.disk.states.push_back((self.stay, state));
        if self.disk.states.len() > STATES {
            self.disk.states.pop_front();
        }
    }

    /// The process dies; the disk keeps what it keeps.
    pub fn crash(&mut self, keeps: Keeps) -> Option<ConnectionId> {
        match keeps {
            Keeps::TheMoment => self.save(),
            // What was kept of stays that have ended, the application has thrown away.
            Keeps::TheEpoch => self.disk.states.retain(|(stay, _)| *stay == self.stay),
            Keeps::AnOldCopy => self.disk.states.truncate(1),
            Keeps::Identity => self.disk.states.clear(),
            Keeps::Nothing => self.disk = Disk::default(),
        }
        self.process.take()?.connection
    }

    /// The process starts again with what the disk has, and goes on with what it was doing.
    pub fn restart(&mut self, now: Moment) {
        self.restarts_at = None;
        let config = self.config();
        let restored = self.disk.states.back().map(|(stay, state)| {
            // Whoever brings back a stay that has ended may be told just that.
            if *stay != self.stay && self.wants == Wants::In {
                self.wants = Wants::Either;
            }
            let manager = KeyManager::restore(state, config, now);
            manager.expect("what was saved can be restored")
        });
        let mut process = match restored {
            Some(manager) => Process::around(manager),
            None => self.fresh(),
        };
        process.manager.announce_streams(self.streams());
        if self.wants != Wants::Out {
            // A restored key manager is in its room already.
            let _ = process.manager.join(room_name(), None);
        }
        self.process = Some(process);
    }

    /// A process without any state but its identity, if the disk has one.
    fn fresh(&mut self) -> Process {
        let identity: Identity = match &self.disk.identity {
            Some(bytes) => serde_json::from_slice(bytes).expect("what was stored"),
            None => Identity::generate(self.name.clone()).expect("randomness"),
        };
        self.disk.identity = Some(serde_json::to_vec(&identity).expect("encodes"));
        let mut manager = KeyManager::with_identity(identity, self.config());
        manager.announce_streams(self.streams());
        Process::around(manager)
    }

    fn config(&self) -> ManagerConfig {
        ManagerConfig {
            keeps_group: self.keeps_group,
            ..ManagerConfig::default()
        }
    }

    fn streams(&self) -> Vec<Stream> {
        if self.only_listens {
            return Vec::new();
        }
        vec![Stream {
            id: self.ssrc.into(),
            source: StreamSource::Camera,
        }]
    }

    /// How long the driver waits before it connects again.
    pub fn patience(&mut self) -> Duration {
        self.dice.millis(50, 1_000)
    }
}

impl Process {
    fn around(manager: KeyManager) -> Self {
        Self {
            manager,
            pipeline: MediaPipeline::new(MediaConfig::default()),
            connection: None,
            online: false,
            on_air: false,
            sequence: 0,
            wake_at: None,
            heard_at: Moment::default(),
            pinged_at: None,
        }
    }

    /// When the process wants to be woken.
    pub fn next_timeout(&self) -> Option<Moment> {
        earlier(self.manager.poll_timeout(), self.pipeline.poll_timeout())
    }

    /// One protected packet of a stream.
    pub fn packet(&mut self, ssrc: Ssrc, now: Moment) -> Result<Vec<u8>, ProtectError> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut packet = vec![0x80, 96];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend((now.since_origin().as_millis() as u32).to_be_bytes());
        packet.extend(ssrc.get().to_be_bytes());
        packet.extend([0x5a; 20]);
        self.pipeline.protect(&mut packet, now).map(|()| packet)
    }
}

/// Whether an event ends a stay.
pub fn ends(event: &Event) -> bool {
    matches!(event, Event::Left | Event::Removed | Event::Fatal(_))
}
