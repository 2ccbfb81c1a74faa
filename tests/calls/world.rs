//! Key managers, media pipelines and the real room logic in one process, under virtual time.
//!
//! Messages are delivered in order and at once, unless a test holds a participant's messages back.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mls_srtp::delivery::{Blob, ClientMessage, LogBody, LogEntry, Refusal, ServiceMessage};
use mls_srtp::event::Event;
use mls_srtp::group::{MlsSuite, ServiceIdentity};
use mls_srtp::id::{Epoch, GroupId, ParticipantId, RoomName, Seq, Ssrc, StreamNumber};
use mls_srtp::manager::{Output, SavedState};
use mls_srtp::pipeline::{
    FramePipeline, MediaConfig, MediaPipeline, MediaUpdate, Opening, ProtectError, Stream,
    StreamSource,
};
use mls_srtp::schedule::MediaMode;
use mls_srtp::time::Moment;
use mls_srtp::{KeyManager, ManagerConfig};
use mls_srtp_signaling::access::OpenAccess;
use mls_srtp_signaling::media::MediaRequest;
use mls_srtp_signaling::room::{ClientId, Room, RoomOutput, Shared};
use mls_srtp_signaling::store::MemoryStore;
use mls_srtp_signaling::{RoomConfig, RoomEventKind};

/// Everybody's only stream in a room of frames.
pub const CAMERA: StreamNumber = StreamNumber::new(1);

/// How far time goes on at once.
const STEP: Duration = Duration::from_millis(10);

pub struct Participant {
    pub manager: KeyManager,
    pub pipeline: MediaPipeline,
    /// Another pipeline with the same keys that never erases any: what a cheat would keep.
    pub hoard: MediaPipeline,
    /// The pipeline that counts in a room of frames.
    pub frames: FramePipeline,
    pub ssrc: Ssrc,
    pub events: Vec<Event>,
    client: Option<ClientId>,
    sequence: u16,
    /// From the room, waiting for delivery.
    pub inbox: VecDeque<ServiceMessage>,
    /// To the room, waiting for delivery.
    pub outbox: VecDeque<ClientMessage>,
    /// While set, what this participant sends stays in its outbox.
    pub hold_sending: bool,
    /// While set, what is sent to this participant stays in its inbox.
    pub hold_receiving: bool,
}

pub struct World {
    pub now: Moment,
    pub room: Room,
    pub participants: BTreeMap<&'static str, Participant>,
    /// What the SFU was asked.
    pub media: Vec<MediaRequest>,
    pub events: Vec<RoomEventKind>,
    /// If somebody listens: all that key managers and room put out.
    pub overheard: Option<Overheard>,
    next_client: u64,
    name: RoomName,
    /// What clients were told that are no participants of ours.
    strangers: BTreeMap<ClientId, VecDeque<ServiceMessage>>,
}

/// What was put out, in order.
#[derive(Default)]
pub struct Overheard {
    pub managers: Vec<Output>,
    pub room: Vec<RoomOutput>,
}

pub fn name(user: &str) -> ParticipantId {
    ParticipantId::new(user, "example.org", "test").expect("a name")
}

/// A key manager that keeps its group for a restart.
pub fn kept() -> ManagerConfig {
    ManagerConfig {
        keeps_group: true,
        ..ManagerConfig::default()
    }
}

/// A session of its own for every stay, the same ones in every run. They look random, so that one
/// is found where it should not be.
fn no_randomness() -> [u8; 16] {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let next = u128::from(NEXT.fetch_add(1, Ordering::Relaxed));
    next.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)
        .to_be_bytes()
}

impl World {
    pub fn new() -> Self {
        Self::in_mode(MediaMode::default())
    }

    /// A room that protects media in this way.
    pub fn in_mode(mode: MediaMode) -> Self {
        Self::with(RoomConfig {
            mode,
            ..RoomConfig::default()
        })
    }

    /// A room whose group has this suite.
    pub fn in_suite(ciphersuite: MlsSuite) -> Self {
        Self::with(RoomConfig {
            ciphersuite,
            ..RoomConfig::default()
        })
    }

    fn with(config: RoomConfig) -> Self {
        let shared = Shared {
            identity: ServiceIdentity::generate().expect("randomness"),
            access: Box::new(OpenAccess),
            store: Box::new(MemoryStore::default()),
            has_media: true,
            random: no_randomness,
        };
        let room_name = RoomName::new("room").expect("a name");
        let shared = Arc::new(shared);
        let room = Room::new(room_name.clone(), config, shared, Moment::default());
        Self {
            now: Moment::from_millis(1_000),
            room: room.expect("an empty store"),
            participants: BTreeMap::new(),
            media: Vec::new(),
            events: Vec::new(),
            overheard: None,
            next_client: 0,
            name: room_name,
            strangers: BTreeMap::new(),
        }
    }

    /// A participant that asks to join; nothing is delivered yet.
    pub fn enter(&mut self, user: &'static str) {
        self.enter_with(user, ManagerConfig::default());
    }

    /// The same, with times or trust of its own.
    pub fn enter_with(&mut self, user: &'static str, config: ManagerConfig) {
        let manager = KeyManager::new(name(user), config).expect("a key");
        self.start(user, manager);
    }

    /// The process dies and another one starts with what was on disk. Its media pipeline knows
    /// nothing of the old one.
    pub fn restart(&mut self, user: &'static str, saved: &SavedState) {
        self.restart_with(user, saved, ManagerConfig::default());
    }

    /// The same, with times of its own.
    pub fn restart_with(&mut self, user: &'static str, saved: &SavedState, config: ManagerConfig) {
        self.disconnect(user);
        let manager = KeyManager::restore(saved, config, self.now);
        self.start(user, manager.expect("what was saved"));
    }

    pub fn start(&mut self, user: &'static str, mut manager: KeyManager) {
        let ssrc = Ssrc::new(1000 + u32::from(user.as_bytes()[0]));
        let camera = |id| Stream {
            id,
            source: StreamSource::Camera,
        };
        manager.announce_streams(vec![camera(ssrc.into()), camera(CAMERA.into())]);
        // A restored manager is in its room already.
        let _ = manager.join(self.name.clone(), None);
        let participant = Participant {
            manager,
            pipeline: MediaPipeline::new(MediaConfig::default()),
            hoard: MediaPipeline::new(MediaConfig::default()),
            frames: FramePipeline::new(MediaConfig::default()),
            ssrc,
            events: Vec::new(),
            client: None,
            sequence: 0,
            inbox: VecDeque::new(),
            outbox: VecDeque::new(),
            hold_sending: false,
            hold_receiving: false,
        };
        self.participants.insert(user, participant);
        self.connect(user);
    }

    /// Joins and waits until everything is quiet.
    pub fn join(&mut self, user: &'static str) {
        self.join_with(user, ManagerConfig::default());
    }

    /// The same, and the key manager keeps the group for a restart.
    pub fn join_kept(&mut self, user: &'static str) {
        self.join_with(user, kept());
    }

    fn join_with(&mut self, user: &'static str, config: ManagerConfig) {
        self.enter_with(user, config);
        self.run(Duration::from_millis(500));
        assert!(self.at(user).manager.position().is_some(), "{user} is in");
    }

    pub fn leave(&mut self, user: &str) {
        self.get(user).manager.leave().expect("in the room");
        self.run(Duration::from_millis(200));
    }

    /// A connection that no key manager serves.
    pub fn stranger(&mut self) -> ClientId {
        self.next_client += 1;
        let client = ClientId(self.next_client);
        self.strangers.insert(client, VecDeque::new());
        client
    }

    /// What such a connection was told since it was asked last.
    pub fn heard_by(&mut self, stranger: ClientId) -> VecDeque<ServiceMessage> {
        self.strangers
            .get_mut(&stranger)
            .map(std::mem::take)
            .unwrap_or_default()
    }

    pub fn room_name(&self) -> RoomName {
        self.name.clone()
    }

    /// A saved state that holds the signature key, and nothing of the group.
    pub fn identity_of(&self, user: &str) -> SavedState {
        let saved = self.at(user).manager.save().expect("can be encoded");
        saved.without_group().expect("just saved")
    }

    pub fn connect(&mut self, user: &str) {
        self.next_client += 1;
        let client = ClientId(self.next_client);
        let now = self.now;
        let participant = self.get(user);
        participant.client = Some(client);
        participant.manager.handle_connected(now);
        self.carry_out(user);
    }

    /// The connection breaks: what was under way is lost.
    pub fn disconnect(&mut self, user: &str) {
        let participant = self.get(user);
        participant.inbox.clear();
        participant.outbox.clear();
        participant.manager.handle_disconnected();
        if let Some(client) = participant.client.take() {
            self.room.disconnected(client, self.now);
        }
        self.collect();
    }

    pub fn get(&mut self, user: &str) -> &mut Participant {
        self.participants
            .get_mut(user)
            .expect("a participant of this test")
    }

    pub fn at(&self, user: &str) -> &Participant {
        &self.participants[user]
    }

    pub fn epoch_of(&self, user: &str) -> Option<Epoch> {
        self.at(user).manager.position().map(|(_, epoch)| epoch)
    }

    /// Lets time pass and delivers everything.
    pub fn run(&mut self, span: Duration) {
        let end = self.now + span;
        loop {
            self.settle();
            if self.now >= end {
                return;
            }
            self.now = self.now + STEP;
            self.room.handle_timeout(self.now);
            let now = self.now;
            let users: Vec<_> = self.participants.keys().copied().collect();
            for user in users {
                let participant = self.get(user);
                if participant
                    .manager
                    .poll_timeout()
                    .is_some_and(|at| at <= now)
                {
                    participant.manager.handle_timeout(now);
                }
                participant.pipeline.handle_timeout(now);
                participant.frames.handle_timeout(now);
                self.carry_out(user);
            }
        }
    }

    /// Delivers until nothing is under way.
    pub fn settle(&mut self) {
        self.collect();
        let users: Vec<_> = self.participants.keys().copied().collect();
        while users.iter().any(|user| self.deliver_one(user)) {}
    }

    fn deliver_one(&mut self, user: &str) -> bool {
        let now = self.now;
        let participant = self.get(user);
        if !participant.hold_sending
            && let (Some(message), Some(client)) =
                (participant.outbox.pop_front(), participant.client)
        {
            self.submit(client, message);
            return true;
        }
        if !participant.hold_receiving
            && let Some(message) = participant.inbox.pop_front()
        {
            // Through JSON, as on the wire.
            let json = serde_json::to_vec(&message).expect("encodes");
            participant
                .manager
                .handle_envelope(&json, now)
                .expect("an envelope");
            self.carry_out(user);
            return true;
        }
        false
    }

    pub fn submit(&mut self, client: ClientId, message: ClientMessage) {
        let json = serde_json::to_vec(&message).expect("encodes");
        let message: ClientMessage = serde_json::from_slice(&json).expect("decodes");
        if let ClientMessage::Hello { .. } = message {
            if let Err(refused) = self.room.hello(client, message, self.now) {
                self.room.refuse_client(client, "hello", refused);
            }
        } else {
            self.room.handle(client, message, self.now);
        }
        self.collect();
    }

    pub fn client_of(&self, user: &str) -> ClientId {
        self.at(user).client.expect("connected")
    }

    fn collect(&mut self) {
        while let Some(output) = self.room.poll_output() {
            if let Some(overheard) = &mut self.overheard {
                overheard.room.push(output.clone());
            }
            match output {
                RoomOutput::Send(client, message) => {
                    let to = self
                        .participants
                        .values_mut()
                        .find(|p| p.client == Some(client));
                    if let Some(participant) = to {
                        participant.inbox.push_back(message);
                    } else if let Some(heard) = self.strangers.get_mut(&client) {
                        heard.push_back(message);
                    }
                }
                RoomOutput::Media(request) => self.media.push(request),
                RoomOutput::Event(event) => self.events.push(event.kind),
                _ => {}
            }
        }
    }

    pub fn carry_out(&mut self, user: &str) {
        let now = self.now;
        let participant = self.participants.get_mut(user);
        let participant = participant.expect("a participant of this test");
        let mut reconnect = false;
        while let Some(output) = participant.manager.poll_output() {
            if let Some(overheard) = &mut self.overheard {
                overheard.managers.push(output.clone());
            }
            match output {
                Output::Send(message) => participant.outbox.push_back(message),
                Output::Reconnect => reconnect = true,
                Output::Media(update) => {
                    if !matches!(update, MediaUpdate::Close) {
                        participant.hoard.apply(update.clone(), now);
                    }
                    participant.frames.apply(update.clone(), now);
                    participant.pipeline.apply(update, now);
                }
                Output::Event(event) => participant.events.push(event),
                _ => {}
            }
        }
        if reconnect {
            self.disconnect(user);
            self.connect(user);
        }
    }

    /// Shows a participant a log entry that cannot follow what it has.
    pub fn show_gap(&mut self, user: &str) {
        let now = self.now;
        let (group_id, epoch) = self.at(user).manager.position().expect("a member");
        let body = LogBody::Proposal {
            epoch,
            proposal: garbage(),
        };
        let entry = LogEntry {
            group_id,
            seq: Seq::new(500),
            term: 0,
            chain: garbage(),
            body,
        };
        let manager = &mut self.get(user).manager;
        manager.handle_message(ServiceMessage::Entry(entry), now);
        self.carry_out(user);
    }

    /// One protected packet of a participant.
    pub fn packet(&mut self, user: &str) -> Result<Vec<u8>, ProtectError> {
        let now = self.now;
        let participant = self.get(user);
        participant.sequence += 1;
        let mut packet = vec![0x80, 96];
        packet.extend(participant.sequence.to_be_bytes());
        packet.extend([0, 0, 0, 9]);
        packet.extend(participant.ssrc.get().to_be_bytes());
        packet.extend(user.bytes().cycle().take(40));
        participant
            .pipeline
            .protect(&mut packet, now)
            .map(|()| packet)
    }

    /// Sends one packet from everybody to everybody else; all must open at once.
    pub fn everybody_hears_everybody(&mut self) {
        let users: Vec<_> = self.participants.keys().copied().collect();
        let users: Vec<_> = users
            .into_iter()
            .filter(|u| self.at(u).manager.position().is_some())
            .collect();
        for from in &users {
            let packet = self.packet(from).expect("has keys");
            for to in users.iter().filter(|to| *to != from) {
                let now = self.now;
                match self.get(to).pipeline.open(packet.clone(), now) {
                    Opening::Opened(opened) => assert_eq!(*opened.participant, name(from)),
                    other => panic!("{to} cannot open {from}: {other:?}"),
                }
            }
        }
    }

    /// All of them, and nobody else, are in one epoch of one group and show one code.
    pub fn assert_agreed(&self, users: &[&str]) -> (GroupId, Epoch) {
        let agreed = self.assert_agreed_among(users);
        let roster = self.at(users[0]).manager.roster().expect("a member");
        let mut present: Vec<_> = roster
            .iter()
            .map(|m| m.participant.user().to_owned())
            .collect();
        present.sort();
        let mut expected: Vec<_> = users.iter().map(ToString::to_string).collect();
        expected.sort();
        assert_eq!(present, expected);
        agreed
    }

    /// All of them are in one epoch of one group and show one code; others may be there, too.
    pub fn assert_agreed_among(&self, users: &[&str]) -> (GroupId, Epoch) {
        let view = |user: &str| {
            let one = self.at(user);
            let code = one.events.iter().rev().find_map(|event| match event {
                Event::EpochChanged { code, roster, .. } => Some((*code, roster.clone())),
                _ => None,
            });
            (
                one.manager
                    .position()
                    .unwrap_or_else(|| panic!("{user} is a member")),
                code,
            )
        };
        let first = view(users[0]);
        for user in users {
            assert_eq!(view(user), first, "{user} and {} differ", users[0]);
        }
        first.0
    }

    /// The last refusal that a participant was told.
    pub fn last_refusal(&self, user: &str) -> Option<Refusal> {
        self.at(user)
            .events
            .iter()
            .rev()
            .find_map(|event| match event {
                Event::Refused { reason, .. } => Some(*reason),
                _ => None,
            })
    }
}

/// Bytes that are no MLS object.
pub fn garbage() -> Blob {
    Blob::new(vec![0xff; 64])
}
