//! Key managers and the real room in one process, under virtual time. What is under way lies in
//! queues, as text, for an input to deliver, lose, repeat or change.

mod checks;
mod person;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use mls_srtp::delivery::{ClientMessage, LogBody, LogEntry, Refusal};
use mls_srtp::group::{RoomPolicy, ServiceIdentity};
use mls_srtp::id::{Epoch, ParticipantId, RoomName};
use mls_srtp::manager::{Output, SavedState};
use mls_srtp::time::Moment;
use mls_srtp::{Event, KeyManager, ManagerConfig};
use mls_srtp_signaling::access::{AccessControl, Admission, Entry, OpenAccess};
use mls_srtp_signaling::room::{ClientId, Room, RoomOutput, Shared};
use mls_srtp_signaling::store::MemoryStore;
use mls_srtp_signaling::{Refused, RoomConfig};

use checks::Checks;
pub(crate) use person::{Person, Queued, Way};

/// How far time goes on at once: as the service's own ticks.
const STEP: Duration = Duration::from_millis(50);
/// Messages of the past that can come again.
const REMEMBERED: usize = 64;
/// Deliveries without a moment's pause: more of them would go on for ever.
const MOST_DELIVERIES: usize = 20_000;

/// Anyone may enter; Alice may have others removed.
struct Rules;

impl AccessControl for Rules {
    fn admit(&self, entry: &Entry<'_>) -> Result<Admission, Refused> {
        let mut admission = OpenAccess.admit(entry)?;
        if entry.participant.user() == "alice" {
            admission.rights.push(mls_srtp::token::Right::Moderate);
        }
        Ok(admission)
    }

    fn may_invite(&self, _: &RoomName, _: &ParticipantId, _: &ParticipantId) -> bool {
        true
    }
}

/// Everything there is.
pub(crate) struct World {
    pub(crate) now: Moment,
    shared: Arc<Shared>,
    room: Room,
    people: Vec<Person>,
    /// What was said before, by way.
    past: [VecDeque<Vec<u8>>; 2],
    next_client: u64,
    checks: Checks,
}

/// The only room.
pub(crate) fn room_name() -> RoomName {
    RoomName::new("fuzz").expect("a name")
}

/// A participant by its place.
pub(crate) fn name(who: usize) -> ParticipantId {
    let user = ["alice", "bob", "carol", "dave"].get(who).unwrap_or(&"eve");
    ParticipantId::new(user, "example.org", "test").expect("a name")
}

fn config() -> ManagerConfig {
    ManagerConfig {
        keeps_group: true,
        ..ManagerConfig::default()
    }
}

/// Sessions differ, and are the same in every run.
fn session() -> [u8; 16] {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut session = [7; 16];
    session[..8].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    session
}

impl World {
    /// So many participants, in the room one after the other.
    pub(crate) fn new(people: usize) -> Self {
        let shared = Arc::new(Shared {
            identity: ServiceIdentity::generate().expect("randomness"),
            access: Box::new(Rules),
            store: Box::new(MemoryStore::default()),
            has_media: true,
            random: session,
        });
        let now = Moment::from_millis(1_000);
        let mut world = Self {
            now,
            room: open(&shared, now),
            shared,
            people: Vec::new(),
            past: [VecDeque::new(), VecDeque::new()],
            next_client: 0,
            checks: Checks::default(),
        };
        for who in 0..people {
            world.add_outsider();
            world.join(who);
            world.run(Duration::from_millis(500));
        }
        world
    }

    /// Somebody who has not asked to enter.
    pub(crate) fn add_outsider(&mut self) {
        let manager = KeyManager::new(name(self.people.len()), config());
        self.people.push(Person::new(manager.expect("randomness")));
    }

    pub(crate) fn person(&mut self, who: usize) -> &mut Person {
        let count = self.people.len();
        &mut self.people[who % count]
    }

    /// Asks to enter, if it is in no room.
    pub(crate) fn join(&mut self, who: usize) {
        let person = self.person(who);
        let _ = person.manager.join(room_name(), None);
        person.ended = None;
        self.connect(who);
    }

    /// Somebody asks its manager for something. That it is not the time for it is no defect.
    pub(crate) fn command<T, E>(
        &mut self,
        who: usize,
        give: impl FnOnce(&mut KeyManager, Moment) -> Result<T, E>,
    ) {
        let now = self.now;
        let _ = give(&mut self.person(who).manager, now);
        self.carry_out(who);
    }

    /// A new connection, unless there is one.
    pub(crate) fn connect(&mut self, who: usize) {
        let (client, now) = (ClientId(self.next_client + 1), self.now);
        let person = self.person(who);
        if person.client.is_none() {
            person.client = Some(client);
            person.entered = false;
            person.manager.handle_connected(now);
            self.next_client += 1;
        }
        self.carry_out(who);
    }

    /// The connection breaks: what was under way is lost.
    pub(crate) fn cut(&mut self, who: usize) {
        let now = self.now;
        let person = self.person(who);
        person.forget_queues();
        person.manager.handle_disconnected();
        if let Some(client) = person.client.take() {
            self.room.disconnected(client, now);
        }
        self.collect();
    }

    /// The process dies and another one goes on with what was kept.
    pub(crate) fn restart(&mut self, who: usize) {
        let saved = self.person(who).manager.save().expect("can be encoded");
        self.begin_with(who, &saved);
    }

    /// The same, but of what was kept only the signature key is left: it enters anew.
    pub(crate) fn lose_state(&mut self, who: usize) {
        let saved = self.person(who).manager.save().expect("can be encoded");
        self.begin_with(who, &saved.without_group().expect("just saved"));
        self.join(who);
    }

    fn begin_with(&mut self, who: usize, saved: &SavedState) {
        self.cut(who);
        let now = self.now;
        let person = self.person(who);
        person.manager = KeyManager::restore(saved, config(), now).expect("just saved");
        person.forget_media();
        if person.manager.room().is_none() {
            // It was still on its way in, and nobody remembers.
            person.ended.get_or_insert(Event::Left);
        }
        self.connect(who);
    }

    /// The service's process dies and another one goes on with the store.
    pub(crate) fn restart_service(&mut self) {
        let before = self.room_as_told();
        for who in 0..self.people.len() {
            let person = self.person(who);
            person.forget_queues();
            person.client = None;
            person.manager.handle_disconnected();
        }
        self.room = open(&self.shared, self.now);
        assert_eq!(before, self.room_as_told(), "the same room after a restart");
    }

    /// Lets time pass; nothing is delivered.
    pub(crate) fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        while self.now < end {
            self.now = self.now + STEP;
            self.room.handle_timeout(self.now);
            self.collect();
            let now = self.now;
            for who in 0..self.people.len() {
                let person = self.person(who);
                if person.manager.poll_timeout().is_some_and(|at| at <= now) {
                    person.manager.handle_timeout(now);
                }
                person.media.handle_timeout(now);
                if person.client.is_none() && person.manager.room().is_some() {
                    self.connect(who);
                }
                self.carry_out(who);
            }
        }
    }

    /// Delivers until nothing is under way.
    pub(crate) fn settle(&mut self) {
        for _ in 0..MOST_DELIVERIES {
            let mut any = false;
            for who in 0..self.people.len() {
                any |= self.deliver(who, Way::Up) | self.deliver(who, Way::Down);
            }
            if !any {
                return;
            }
        }
        panic!("messages without end");
    }

    /// Lets time pass and delivers everything.
    pub(crate) fn run(&mut self, span: Duration) {
        let end = self.now + span;
        self.settle();
        while self.now < end {
            self.pass(STEP);
            self.settle();
        }
    }

    /// Delivers the oldest message of a queue; whether there was one.
    pub(crate) fn deliver(&mut self, who: usize, way: Way) -> bool {
        let Some(queued) = self.person(who).queue(way).pop_front() else {
            return false;
        };
        match (queued, way) {
            (Queued::Text(json), Way::Up) => self.service_hears(who, &json),
            (Queued::Text(json), Way::Down) => {
                let now = self.now;
                // What is no envelope is refused, and nothing changes.
                let _ = self.person(who).manager.handle_envelope(&json, now);
                self.remember(way, json);
            }
            (Queued::Close, _) => {
                let person = self.person(who);
                person.client = None;
                person.forget_queues();
                person.manager.handle_disconnected();
            }
        }
        self.carry_out(who);
        true
    }

    fn service_hears(&mut self, who: usize, json: &[u8]) {
        let now = self.now;
        let person = self.person(who);
        let (Some(client), entered) = (person.client, person.entered) else {
            return;
        };
        let message = serde_json::from_slice::<ClientMessage>(json);
        let taken = match message {
            Err(error) => Err(Refused::new(Refusal::Malformed, error.to_string())),
            Ok(message) if entered => {
                self.room.handle(client, message, now);
                Ok(())
            }
            Ok(message) => self.room.hello(client, message, now).map(|()| {
                self.person(who).entered = true;
            }),
        };
        if let Err(refused) = taken {
            let request = if entered { "message" } else { "hello" };
            self.room.refuse_client(client, request, refused);
        }
        self.remember(Way::Up, json.to_vec());
        self.collect();
    }

    fn remember(&mut self, way: Way, json: Vec<u8>) {
        let past = &mut self.past[way as usize];
        past.push_back(json);
        if past.len() > REMEMBERED {
            past.pop_front();
        }
    }

    /// Something that was said before.
    pub(crate) fn past(&self, way: Way, which: usize) -> Option<Vec<u8>> {
        let past = &self.past[way as usize];
        past.get(which % past.len().max(1)).cloned()
    }

    /// All of that.
    pub(crate) fn all_past(&self, way: Way) -> impl Iterator<Item = &Vec<u8>> {
        self.past[way as usize].iter()
    }

    /// The epoch in which the newest log entry leaves the group.
    pub(crate) fn newest_epoch(&self) -> Epoch {
        let log = self.log();
        let last = log.iter().rev().find_map(|entry| match &entry.body {
            LogBody::Commit { epoch, .. } => Some(epoch.next()),
            _ => None,
        });
        last.unwrap_or_default()
    }

    /// The room's log.
    pub(crate) fn log(&self) -> Vec<LogEntry> {
        self.shared.store.log(&room_name()).expect("memory")
    }

    /// The service's own key.
    pub(crate) fn service(&self) -> ServiceIdentity {
        let secret = self.shared.identity.to_secret().expect("encodes");
        ServiceIdentity::from_secret(&secret).expect("just encoded")
    }

    /// The room's terms.
    pub(crate) fn policy(&mut self) -> RoomPolicy {
        self.room_as_told().0
    }

    /// Carries out what the room wants.
    fn collect(&mut self) {
        let outputs: Vec<_> = std::iter::from_fn(|| self.room.poll_output()).collect();
        self.checks.room_says(&outputs, &self.people);
        for output in outputs {
            match output {
                RoomOutput::Send(client, message) => {
                    let json = serde_json::to_vec(&message).expect("our own messages encode");
                    if let Some(person) = self.people.iter_mut().find(|p| p.client == Some(client))
                    {
                        person.down.push_back(Queued::Text(json));
                    }
                }
                RoomOutput::Close(client) => {
                    self.room.disconnected(client, self.now);
                    if let Some(person) = self.people.iter_mut().find(|p| p.client == Some(client))
                    {
                        // Whatever it says on this connection, the room knows it no more.
                        person.entered = true;
                        person.up.clear();
                        person.down.push_back(Queued::Close);
                    }
                }
                _ => {}
            }
        }
        let log = self.log();
        self.checks.log_is(&log);
    }

    /// Carries out what a manager wants.
    fn carry_out(&mut self, who: usize) {
        let now = self.now;
        let mut reconnect = false;
        while let Some(output) = self.person(who).manager.poll_output() {
            match output {
                Output::Send(message) => {
                    let json = serde_json::to_vec(&message).expect("our own messages encode");
                    self.person(who).up.push_back(Queued::Text(json));
                }
                Output::Media(update) => self.person(who).apply(update, now),
                Output::Reconnect => reconnect = true,
                Output::Event(event) => self.person(who).note(event),
                _ => {}
            }
        }
        self.person(who).send_media(now);
        if reconnect {
            self.cut(who);
            self.connect(who);
        }
        self.checks.all_agree(&mut self.people);
    }
}

fn open(shared: &Arc<Shared>, now: Moment) -> Room {
    let room = Room::new(room_name(), RoomConfig::default(), Arc::clone(shared), now);
    room.expect("memory")
}
