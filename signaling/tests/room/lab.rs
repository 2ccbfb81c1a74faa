//! A room under virtual time, and people with real key managers in it.
//!
//! Messages are delivered at once and in order, unless somebody is held or deaf.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use mls_srtp::delivery::{
    Blob, ClientMessage, CloseReason, LogBody, LogEntry, Refusal, Resume, ServiceMessage,
};
use mls_srtp::event::Event;
use mls_srtp::group::{Identity, MlsSuite, ServiceIdentity};
use mls_srtp::id::{Epoch, GroupId, ParticipantId, RoomName, Seq};
use mls_srtp::manager::Output;
use mls_srtp::pipeline::MediaEvent;
use mls_srtp::time::Moment;
use mls_srtp::{KeyManager, ManagerConfig};
use mls_srtp_signaling::access::{AccessControl, OpenAccess};
use mls_srtp_signaling::media::MediaRequest;
use mls_srtp_signaling::room::{ClientId, Room, RoomOutput, Shared};
use mls_srtp_signaling::store::{MemoryStore, Store};
use mls_srtp_signaling::{RoomConfig, RoomEventKind};

const STEP: Duration = Duration::from_millis(10);

pub struct Person {
    pub manager: KeyManager,
    pub client: ClientId,
    inbox: VecDeque<ServiceMessage>,
    pub outbox: VecDeque<ClientMessage>,
    /// What this person says stays in the outbox.
    pub held: bool,
    /// What this person is told stays in the inbox.
    pub deaf: bool,
    /// All that was sent to this person's connections.
    pub told: Vec<ServiceMessage>,
    pub events: Vec<Event>,
    /// How often this person's key manager has given its connection up.
    pub reconnects: usize,
}

pub struct Lab {
    pub now: Moment,
    pub room: Room,
    shared: Arc<Shared>,
    config: RoomConfig,
    people: BTreeMap<&'static str, Person>,
    /// All that the room wanted done, in order.
    pub outputs: Vec<RoomOutput>,
    next_client: u64,
}

pub struct Setup {
    pub config: RoomConfig,
    pub access: Box<dyn AccessControl>,
    pub store: Box<dyn Store>,
    pub has_media: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            config: RoomConfig::default(),
            access: Box::new(OpenAccess),
            store: Box::new(MemoryStore::default()),
            has_media: true,
        }
    }
}

/// A user's only device, or one of several: `user/device`.
pub fn name(user: &str) -> ParticipantId {
    let (user, device) = user.split_once('/').unwrap_or((user, "test"));
    ParticipantId::new(user, "example.org", device).expect("a name")
}

pub fn room_name() -> RoomName {
    RoomName::new("room").expect("a name")
}

pub fn hello(user: &str, resume: Option<Resume>) -> ClientMessage {
    ClientMessage::Hello {
        version: mls_srtp::delivery::PROTOCOL_VERSION,
        room: room_name(),
        participant: name(user),
        token: None,
        proof: None,
        resume,
    }
}

fn open(config: &RoomConfig, shared: &Arc<Shared>, now: Moment) -> Room {
    let opened = Room::new(room_name(), config.clone(), Arc::clone(shared), now);
    opened.expect("the store works")
}

/// A session of its own for every stay.
fn session() -> [u8; 16] {
    static NEXT: AtomicU8 = AtomicU8::new(0);
    [NEXT.fetch_add(1, Ordering::Relaxed); 16]
}

/// Nobody takes a held committer's turn, gives up waiting for an answer, or misses the pings that it
/// does not hear: these tests are about what the room takes from one, and what it does without it.
fn patient() -> ManagerConfig {
    ManagerConfig {
        takeover_after: Duration::from_secs(60),
        takeover_after_most: Duration::from_secs(60),
        answer_patience: Duration::from_secs(600),
        silence: Duration::from_secs(600),
        ..ManagerConfig::default()
    }
}

impl Lab {
    pub fn new(setup: Setup) -> Self {
        let shared = Shared {
            identity: ServiceIdentity::generate().expect("randomness"),
            access: setup.access,
            store: setup.store,
            has_media: setup.has_media,
            random: session,
        };
        let (shared, config) = (Arc::new(shared), setup.config);
        let now = Moment::from_millis(1_000);
        Self {
            now,
            room: open(&config, &shared, now),
            shared,
            config,
            people: BTreeMap::new(),
            outputs: Vec::new(),
            next_client: 0,
        }
    }

    /// The service dies and is started again: all that it has is the store. Everybody's connection
    /// is lost, and what was under way.
    pub fn restart(&mut self) {
        for user in self.users() {
            let person = self.get(user);
            person.inbox.clear();
            person.outbox.clear();
            person.manager.handle_disconnected();
        }
        self.room = open(&self.config, &self.shared, self.now);
        self.collect();
    }

    /// The same with another suite for new groups.
    pub fn restart_with(&mut self, ciphersuite: MlsSuite) {
        self.config.ciphersuite = ciphersuite;
        self.restart();
    }

    /// The same, and everybody comes back at once.
    pub fn restart_for_all(&mut self) {
        self.restart();
        self.users()
            .into_iter()
            .for_each(|user| self.reconnect(user));
        self.settle();
    }

    /// What outlives the room.
    pub fn store(&self) -> &dyn Store {
        &*self.shared.store
    }

    /// A room with these people in its group.
    pub fn with(users: &[&'static str]) -> Self {
        let mut lab = Self::new(Setup::default());
        users.iter().for_each(|user| lab.join(user));
        lab
    }

    /// A connection that speaks for itself, without a key manager.
    pub fn stranger(&mut self) -> ClientId {
        self.next_client += 1;
        ClientId(self.next_client)
    }

    /// Somebody connects and asks to join; nothing is delivered yet.
    pub fn enter(&mut self, user: &'static str) {
        self.enter_as(user, Identity::generate(name(user)).expect("a key"));
    }

    /// The same with a certain key and credential.
    pub fn enter_as(&mut self, user: &'static str, identity: Identity) {
        let mut manager = KeyManager::with_identity(identity, patient());
        manager.join(room_name(), None).expect("in no room");
        let person = Person {
            manager,
            client: self.stranger(),
            inbox: VecDeque::new(),
            outbox: VecDeque::new(),
            held: false,
            deaf: false,
            told: Vec::new(),
            events: Vec::new(),
            reconnects: 0,
        };
        self.people.insert(user, person);
        let now = self.now;
        self.get(user).manager.handle_connected(now);
        self.carry_out(user);
    }

    /// Joins and waits until that is done.
    pub fn join(&mut self, user: &'static str) {
        self.enter(user);
        self.pass(500);
        assert!(self.position(user).is_some(), "{user} is in");
    }

    /// Somebody wishes to leave, and the room knows it.
    pub fn leave(&mut self, user: &str) {
        self.get(user).manager.leave().expect("in the room");
        self.carry_out(user);
        self.settle();
    }

    /// The connection breaks: what was under way is lost.
    pub fn disconnect(&mut self, user: &str) {
        let now = self.now;
        let person = self.get(user);
        person.inbox.clear();
        person.outbox.clear();
        person.manager.handle_disconnected();
        let client = person.client;
        self.room.disconnected(client, now);
        self.collect();
    }

    pub fn reconnect(&mut self, user: &str) {
        let client = self.stranger();
        let now = self.now;
        let person = self.get(user);
        person.client = client;
        person.manager.handle_connected(now);
        self.carry_out(user);
    }

    /// Somebody comes back and has forgotten all but its signature key.
    pub fn come_back_anew(&mut self, user: &str) {
        self.disconnect(user);
        self.reconnect(user);
        let hello = self.get(user).outbox.front_mut().expect("says hello");
        if let ClientMessage::Hello { resume, .. } = hello {
            *resume = None;
        }
    }

    /// A member commits, though nobody comes or goes.
    pub fn renew(&mut self, user: &str) {
        let (now, (_, epoch)) = (self.now, self.position(user).expect("a member"));
        let manager = &mut self.get(user).manager;
        manager.handle_media_event(&MediaEvent::KeyWornOut { epoch }, now);
        self.pass(300);
        // Who does it too often is told to wait.
        let has = |lab: &Self| lab.position(user).map(|(_, epoch)| epoch) > Some(epoch);
        (0..30).for_each(|_| {
            if !has(self) {
                self.pass(100);
            }
        });
        assert!(has(self), "{user} has committed");
    }

    /// Makes somebody who is deaf and held commit, though nobody comes or goes, with nothing heard
    /// that came after the newest commit, nor any refusal; says the commit, if its key manager makes
    /// one.
    pub fn commit_blindly(&mut self, user: &str) -> Option<ClientMessage> {
        let now = self.now;
        loop {
            let person = self.get(user);
            let commits = person.inbox.iter().filter(|message| is_commit(message));
            if commits.count() == 0 {
                break;
            }
            let message = person.inbox.pop_front()?;
            if !matches!(message, ServiceMessage::Refused { .. }) {
                person.manager.handle_message(message, now);
            }
        }
        let (_, epoch) = self.position(user)?;
        let manager = &mut self.get(user).manager;
        manager.handle_media_event(&MediaEvent::KeyWornOut { epoch }, now);
        manager.handle_timeout(now);
        self.carry_out(user);
        let outbox = &mut self.get(user).outbox;
        let is = |message: &ClientMessage| matches!(message, ClientMessage::Commit { .. });
        let at = outbox.iter().position(is)?;
        outbox.remove(at)
    }

    /// Somebody who waits to be added forgets its key package and brings another one, on the same
    /// connection.
    pub fn ask_again(&mut self, user: &str) {
        let now = self.now;
        let person = self.get(user);
        let room = person.told.first().cloned().expect("was told of the room");
        person.manager.handle_disconnected();
        person.manager.handle_connected(now);
        while person.manager.poll_output().is_some() {}
        person.manager.handle_message(room, now);
        self.carry_out(user);
    }

    /// A key package with which somebody could join, made by another process of its device.
    pub fn key_package(&mut self, user: &str) -> Blob {
        let now = self.now;
        let room = self.get(user).told.first().cloned();
        let mut manager = KeyManager::new(name(user), patient()).expect("a key");
        manager.join(room_name(), None).expect("in no room");
        manager.handle_connected(now);
        manager.handle_message(room.expect("was told of the room"), now);
        let mut outputs = std::iter::from_fn(|| manager.poll_output());
        let key_package = outputs.find_map(|output| match output {
            Output::Send(ClientMessage::Join { key_package }) => Some(key_package),
            _ => None,
        });
        key_package.expect("asks to join")
    }

    pub fn get(&mut self, user: &str) -> &mut Person {
        self.people.get_mut(user).expect("a person of this test")
    }

    pub fn position(&self, user: &str) -> Option<(GroupId, Epoch)> {
        self.people[user].manager.position()
    }

    /// The people in the group as a member sees it.
    pub fn roster(&self, user: &str) -> Vec<String> {
        let roster = self.people[user].manager.roster().expect("a member");
        let users = roster.iter().map(|m| m.participant.user().to_owned());
        users.collect()
    }

    /// Lets milliseconds pass and delivers everything.
    pub fn pass(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        loop {
            self.settle();
            if self.now >= end {
                return;
            }
            self.now = self.now + STEP;
            self.room.handle_timeout(self.now);
            self.collect();
            for user in self.users() {
                let now = self.now;
                let manager = &mut self.get(user).manager;
                if manager.poll_timeout().is_some_and(|at| at <= now) {
                    manager.handle_timeout(now);
                }
                self.carry_out(user);
            }
        }
    }

    /// Delivers until nothing is under way.
    pub fn settle(&mut self) {
        let users = self.users();
        while users.iter().any(|user| self.deliver_one(user)) {}
    }

    fn users(&self) -> Vec<&'static str> {
        self.people.keys().copied().collect()
    }

    fn deliver_one(&mut self, user: &str) -> bool {
        let now = self.now;
        let person = self.get(user);
        if !person.held
            && let Some(message) = person.outbox.pop_front()
        {
            let client = person.client;
            self.say(client, message);
            return true;
        }
        if !person.deaf
            && let Some(message) = person.inbox.pop_front()
        {
            person.manager.handle_message(message, now);
            self.carry_out(user);
            return true;
        }
        false
    }

    /// Gives a message to the room; says what came out.
    pub fn say(&mut self, client: ClientId, message: ClientMessage) -> Vec<RoomOutput> {
        let before = self.outputs.len();
        if let ClientMessage::Hello { .. } = message {
            if let Err(refused) = self.room.hello(client, message, self.now) {
                self.room.refuse_client(client, "hello", refused);
            }
        } else {
            self.room.handle(client, message, self.now);
        }
        self.collect();
        self.outputs[before..].to_vec()
    }

    /// Gives a message to the room in somebody's name; says the refusal.
    pub fn refusal(&mut self, user: &str, message: ClientMessage) -> Option<Refusal> {
        let client = self.get(user).client;
        refusal_in(&self.say(client, message), client)
    }

    fn collect(&mut self) {
        while let Some(output) = self.room.poll_output() {
            if let RoomOutput::Send(client, message) = &output
                && let Some(person) = self.people.values_mut().find(|p| p.client == *client)
            {
                person.told.push(message.clone());
                person.inbox.push_back(message.clone());
            }
            self.outputs.push(output);
        }
    }

    pub fn carry_out(&mut self, user: &str) {
        let person = self.get(user);
        while let Some(output) = person.manager.poll_output() {
            match output {
                Output::Send(message) => person.outbox.push_back(message),
                Output::Event(event) => person.events.push(event),
                Output::Reconnect => person.reconnects += 1,
                _ => {}
            }
        }
    }

    pub fn media(&self) -> Vec<&MediaRequest> {
        let requests = self.outputs.iter().filter_map(|output| match output {
            RoomOutput::Media(request) => Some(request),
            _ => None,
        });
        requests.collect()
    }

    pub fn happened(&self) -> Vec<&RoomEventKind> {
        let events = self.outputs.iter().filter_map(|output| match output {
            RoomOutput::Event(event) => Some(&event.kind),
            _ => None,
        });
        events.collect()
    }

    /// Where somebody is, with the session that the room gave.
    pub fn resume_of(&mut self, user: &str, seq: Seq) -> Resume {
        let (group_id, _) = self.position(user).expect("a member");
        let told = self.get(user).told.iter().rev();
        let session = told.filter_map(|message| match message {
            ServiceMessage::Room { session, .. } => Some(session.clone()),
            _ => None,
        });
        let session = session.into_iter().next().expect("was welcomed");
        let told = self.people.values().flat_map(|person| &person.told);
        let mut chains = told.filter_map(|message| match message {
            ServiceMessage::Entry(entry) if entry.seq == seq => Some(entry.chain.clone()),
            ServiceMessage::Welcome { seq: at, chain, .. } if *at == seq => Some(chain.clone()),
            _ => None,
        });
        Resume {
            group_id,
            seq,
            chain: chains.next().unwrap_or_default(),
            session,
        }
    }
}

fn is_commit(message: &ServiceMessage) -> bool {
    match message {
        ServiceMessage::Entry(entry) => matches!(entry.body, LogBody::Commit { .. }),
        _ => false,
    }
}

/// The log entries among what was sent to a client.
pub fn entries_in(outputs: &[RoomOutput], client: ClientId) -> Vec<LogEntry> {
    let entries = outputs.iter().filter_map(|output| match output {
        RoomOutput::Send(to, ServiceMessage::Entry(entry)) if *to == client => Some(entry.clone()),
        _ => None,
    });
    entries.collect()
}

/// So many bytes that look like an application message (RFC 9420 §6.3). Nobody can open it.
pub fn speech(bytes: usize) -> Blob {
    // Version and wire format, no group id, epoch, content type, no data in the open.
    const HEAD: [u8; 16] = [0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0];
    let rest = bytes - HEAD.len();
    let mut message = HEAD.to_vec();
    match rest {
        0..=64 => message.push(u8::try_from(rest - 1).expect("short")),
        _ => {
            let length = u16::try_from(rest - 2).expect("short") | 1 << 14;
            message.extend(length.to_be_bytes());
        }
    }
    message.resize(bytes, 0xab);
    Blob::new(message)
}

/// What a client was refused, if anything.
pub fn refusal_in(outputs: &[RoomOutput], client: ClientId) -> Option<Refusal> {
    outputs.iter().find_map(|output| match output {
        RoomOutput::Send(to, ServiceMessage::Refused { reason, .. }) if *to == client => {
            Some(*reason)
        }
        _ => None,
    })
}

/// The commit that waits in somebody's outbox.
pub fn take_commit(lab: &mut Lab, user: &str) -> ClientMessage {
    let outbox = &mut lab.get(user).outbox;
    let at = outbox
        .iter()
        .position(|message| matches!(message, ClientMessage::Commit { .. }));
    outbox.remove(at.expect("a commit")).expect("is there")
}

pub fn with_seen_seq(mut commit: ClientMessage, seq: Seq) -> ClientMessage {
    if let ClientMessage::Commit { seen_seq, .. } = &mut commit {
        *seen_seq = seq;
    }
    commit
}

pub fn newest(lab: &mut Lab, user: &str) -> Seq {
    let told = lab.get(user).told.iter();
    let seqs = told.filter_map(|message| match message {
        ServiceMessage::Entry(entry) => Some(entry.seq),
        ServiceMessage::Welcome { seq, .. } => Some(*seq),
        _ => None,
    });
    seqs.max().expect("heard of an entry")
}

/// Everything that was ever logged, from what was sent to whomever.
pub fn whole_log(lab: &Lab) -> Vec<LogEntry> {
    let mut log: Vec<LogEntry> = Vec::new();
    for output in &lab.outputs {
        if let RoomOutput::Send(_, ServiceMessage::Entry(entry)) = output
            && log.iter().all(|known| known.seq != entry.seq)
        {
            log.push(entry.clone());
        }
    }
    log
}

/// Positions of the log's entries that `wanted` wants, in order.
pub fn positions(lab: &Lab, wanted: impl Fn(&LogBody) -> bool) -> Vec<Seq> {
    let mut log = whole_log(lab);
    log.sort_by_key(|entry| entry.seq);
    let log = log.into_iter().filter(|entry| wanted(&entry.body));
    log.map(|entry| entry.seq).collect()
}

/// The newest proposal.
pub fn newest_proposal(lab: &Lab) -> Seq {
    let proposals = positions(lab, |body| matches!(body, LogBody::Proposal { .. }));
    *proposals.last().expect("something was proposed")
}

/// The newest commit.
pub fn newest_commit(lab: &Lab) -> Seq {
    let commits = positions(lab, |body| matches!(body, LogBody::Commit { .. }));
    *commits.last().expect("something was committed")
}

/// How many proposals were taken back.
pub fn withdrawals(lab: &Lab) -> usize {
    positions(lab, |body| matches!(body, LogBody::Withdrawn { .. })).len()
}

/// What somebody was refused last.
pub fn last_refusal(lab: &mut Lab, user: &str) -> Option<Refusal> {
    let told = lab.get(user).told.iter().rev();
    told.into_iter().find_map(|message| match message {
        ServiceMessage::Refused { reason, .. } => Some(*reason),
        _ => None,
    })
}

/// Why somebody's connection was closed, if it was.
pub fn closed(lab: &mut Lab, user: &str) -> Option<CloseReason> {
    lab.get(user).told.iter().find_map(|message| match message {
        ServiceMessage::Closed { reason } => Some(*reason),
        _ => None,
    })
}
