//! What a member spends on what others do in a large room, with the group kept for a restart and
//! without. `cargo bench -p mls-srtp --bench membership`

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use mls_srtp::delivery::{ClientMessage, ServiceMessage};
use mls_srtp::group::ServiceIdentity;
use mls_srtp::id::{ParticipantId, RoomName, Ssrc};
use mls_srtp::pipeline::{MediaEvent, Stream, StreamSource};
use mls_srtp::time::Moment;
use mls_srtp::{KeyManager, ManagerConfig, Output};
use mls_srtp_signaling::RoomConfig;
use mls_srtp_signaling::access::OpenAccess;
use mls_srtp_signaling::room::{ClientId, Room, RoomOutput, Shared};
use mls_srtp_signaling::store::MemoryStore;

/// Alice does everything; bob and carol hear of it.
const ALICE: usize = 0;
const BOB: usize = 1;
const CAROL: usize = 2;
const STEP: Duration = Duration::from_millis(100);

/// The real room logic, three members, and leaves behind which nobody is.
struct Call {
    room: Room,
    now: Moment,
    members: Vec<Member>,
    clients: u64,
}

struct Member {
    manager: KeyManager,
    client: ClientId,
    inbox: VecDeque<ServiceMessage>,
}

fn room_name() -> RoomName {
    RoomName::new("room").expect("a name")
}

impl Call {
    /// A call of `size` leaves. Carol keeps the group, bob does not.
    fn of(size: usize) -> Self {
        let shared = Shared {
            identity: ServiceIdentity::generate().expect("randomness"),
            access: Box::new(OpenAccess),
            store: Box::new(MemoryStore::default()),
            has_media: true,
            random: rand_free,
        };
        let config = RoomConfig::default();
        let mut call = Self {
            room: Room::new(room_name(), config, Arc::new(shared), Moment::default())
                .expect("an empty store"),
            now: Moment::from_millis(1_000),
            members: Vec::new(),
            clients: 0,
        };
        call.enter("alice", false);
        call.wait(STEP * 10);
        let mut left = Vec::new();
        for leaf in 3..size {
            call.enter(&format!("leaf{leaf}"), false);
            call.settle();
            left.extend(call.members.drain(1..));
        }
        call.wait(STEP * 30);
        // Every second one gives the tree a path, as newcomers of a large room do.
        for gone in left.iter().step_by(2) {
            call.take_back(&gone.manager);
        }
        call.enter("bob", false);
        call.enter("carol", true);
        call.wait(STEP * 30);
        for member in [BOB, CAROL] {
            assert_eq!(
                call.members[member].manager.roster().map(|r| r.len()),
                Some(size)
            );
        }
        call
    }

    /// The device of a member comes back to its leaf, which takes a commit with a path, and goes.
    fn take_back(&mut self, gone: &KeyManager) {
        let identity = gone.save().expect("encodes");
        let manager = KeyManager::restore(&identity, ManagerConfig::default(), self.now);
        self.start(manager.expect("just saved"));
        self.wait(STEP);
        let back = self.members.pop().expect("just started");
        assert!(back.manager.position().is_some(), "is back");
    }

    fn enter(&mut self, user: &str, keeps_group: bool) {
        let name = ParticipantId::new(user, "example.org", "bench").expect("a name");
        let config = ManagerConfig {
            keeps_group,
            ..ManagerConfig::default()
        };
        self.start(KeyManager::new(name, config).expect("randomness"));
    }

    fn start(&mut self, mut manager: KeyManager) {
        manager.handle_connected(self.now);
        manager.join(room_name(), None).expect("in no room");
        self.clients += 1;
        self.members.push(Member {
            manager,
            client: ClientId(self.clients),
            inbox: VecDeque::new(),
        });
    }

    /// Lets time pass; everything arrives at once.
    fn wait(&mut self, span: Duration) {
        let end = self.now + span;
        while self.now < end {
            self.now = self.now + STEP;
            self.room.handle_timeout(self.now);
            for member in &mut self.members {
                member.manager.handle_timeout(self.now);
            }
            self.settle();
        }
    }

    fn settle(&mut self) {
        while self.pass_on() || self.members.iter().any(|member| !member.inbox.is_empty()) {
            for member in 0..self.members.len() {
                self.receive(member);
            }
        }
    }

    /// Brings what members say to the room, and what comes of it to their inboxes; `false` if they
    /// say nothing.
    fn pass_on(&mut self) -> bool {
        let mut said = Vec::new();
        for member in &mut self.members {
            while let Some(output) = member.manager.poll_output() {
                if let Output::Send(message) = output {
                    said.push((member.client, message));
                }
            }
        }
        let anything = !said.is_empty();
        for (client, message) in said {
            match message {
                ClientMessage::Hello { .. } => {
                    self.room
                        .hello(client, message, self.now)
                        .expect("open to all");
                }
                _ => self.room.handle(client, message, self.now),
            }
        }
        while let Some(output) = self.room.poll_output() {
            if let RoomOutput::Send(client, message) = output {
                let mut members = self.members.iter_mut();
                if let Some(member) = members.find(|member| member.client == client) {
                    member.inbox.push_back(message);
                }
            }
        }
        anything
    }

    /// A member takes what has come for it.
    fn receive(&mut self, member: usize) {
        let member = &mut self.members[member];
        for message in member.inbox.drain(..) {
            member.manager.handle_message(message, self.now);
        }
    }

    /// Alice renews her leaf; the others have yet to hear of it.
    fn commit(&mut self) {
        self.wait(STEP * 10);
        let alice = &mut self.members[ALICE].manager;
        let (_, epoch) = alice.position().expect("a member");
        alice.handle_media_event(&MediaEvent::KeyWornOut { epoch }, self.now);
        alice.handle_timeout(self.now + STEP);
        self.pass_on();
    }

    /// Alice announces her stream again; the others have yet to hear of it.
    fn announce(&mut self) {
        self.wait(STEP * 10);
        let camera = Stream {
            id: Ssrc::new(1).into(),
            source: StreamSource::Camera,
        };
        self.members[ALICE].manager.announce_streams(vec![camera]);
        self.pass_on();
    }
}

/// Sessions need not be secret here.
fn rand_free() -> [u8; 16] {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut session = [0; 16];
    session[..8].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    session
}

fn receiving(c: &mut Criterion) {
    for size in [100, 1_000] {
        let mut group = c.benchmark_group(format!("{size} members"));
        group.sample_size(10);
        let call = std::cell::RefCell::new(Call::of(size));
        let happenings: [(_, fn(&mut Call)); 2] = [
            ("a commit", Call::commit),
            ("an announcement", Call::announce),
        ];
        for (what, happen) in happenings {
            for (who, how) in [(BOB, "not kept"), (CAROL, "kept")] {
                group.bench_function(format!("receive {what}, {how}"), |b| {
                    let setup = || {
                        happen(&mut call.borrow_mut());
                        assert!(!call.borrow().members[who].inbox.is_empty());
                    };
                    b.iter_batched(
                        setup,
                        |()| call.borrow_mut().receive(who),
                        BatchSize::PerIteration,
                    );
                });
            }
        }
    }
}

criterion_group!(benches, receiving);
criterion_main!(benches);
