//! What each MLS cipher suite costs: bytes on the wire, and the time of whoever makes or takes them.
//! `cargo bench -p mls-srtp --bench suites`
//!
//! Bytes are exact. Times are the medians of [`RUNS`] calls on this machine, envelopes not included.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mls_srtp::delivery::{ClientMessage, LogBody, ServiceMessage};
use mls_srtp::group::{MlsSuite, ServiceIdentity};
use mls_srtp::id::{ParticipantId, RoomName};
use mls_srtp::pipeline::MediaEvent;
use mls_srtp::time::Moment;
use mls_srtp::{KeyManager, ManagerConfig, Output};
use mls_srtp_signaling::RoomConfig;
use mls_srtp_signaling::access::OpenAccess;
use mls_srtp_signaling::room::{ClientId, Room, RoomOutput, Shared};
use mls_srtp_signaling::store::MemoryStore;

/// How often everything is done.
const RUNS: usize = 5;
/// Whoever commits.
const ALICE: usize = 0;
const STEP: Duration = Duration::from_millis(50);

struct Member {
    manager: KeyManager,
    client: ClientId,
    inbox: VecDeque<ServiceMessage>,
}

/// What one happening came to.
#[derive(Default)]
struct Cost {
    key_package: usize,
    commit: usize,
    welcome: usize,
    tree: usize,
    /// The largest envelope, as JSON.
    envelope: usize,
    /// Making the commit, taking it as another member, entering by the Welcome.
    made: Vec<Duration>,
    taken: Vec<Duration>,
    entered: Vec<Duration>,
}

/// The real room logic and so many real members, everything delivered at once.
struct Call {
    room: Room,
    now: Moment,
    members: Vec<Member>,
    clients: u64,
    cost: Cost,
}

fn room_name() -> RoomName {
    RoomName::new("room").expect("a name")
}

impl Call {
    fn new(suite: MlsSuite) -> Self {
        let shared = Shared {
            identity: ServiceIdentity::generate().expect("randomness"),
            access: Box::new(OpenAccess),
            store: Box::new(MemoryStore::default()),
            has_media: false,
            random: || [7; 16],
        };
        let config = RoomConfig {
            ciphersuite: suite,
            ..RoomConfig::default()
        };
        let room = Room::new(room_name(), config, Arc::new(shared), Moment::default());
        Self {
            room: room.expect("an empty store"),
            now: Moment::from_millis(1_000),
            members: Vec::new(),
            clients: 0,
            cost: Cost::default(),
        }
    }

    /// A call of `size` in which alice has added all others with one commit, so that the tree holds
    /// nothing but leaves.
    fn bare(suite: MlsSuite, size: usize) -> Self {
        let mut call = Self::new(suite);
        call.enter(0);
        call.wait();
        (1..size).for_each(|number| call.enter(number));
        call.wait();
        assert_eq!(call.room.member_count(), size);
        call
    }

    /// A call of `size` in which every member has renewed its leaf, so that all keys above the
    /// leaves are there.
    fn full(suite: MlsSuite, size: usize) -> Self {
        let mut call = Self::new(suite);
        for number in 0..size {
            call.enter(number);
            call.wait();
            call.renew(call.members.len() - 1);
            call.leave_behind();
        }
        assert_eq!(call.room.member_count(), size);
        call
    }

    /// Only alice and one other do anything from now on; of the others their leaves are left.
    fn leave_behind(&mut self) {
        self.members.truncate(2);
    }

    fn enter(&mut self, number: usize) {
        let name = ParticipantId::new(&format!("user{number}"), "example.org", "bench");
        // Nobody renews a leaf unless it is told to.
        let config = ManagerConfig {
            fill_above: usize::MAX,
            rotation: Duration::MAX / 4,
            ..ManagerConfig::default()
        };
        let mut manager = KeyManager::new(name.expect("a name"), config).expect("randomness");
        manager.handle_connected(self.now);
        manager.join(room_name(), None).expect("in no room");
        self.clients += 1;
        self.members.push(Member {
            manager,
            client: ClientId(self.clients),
            inbox: VecDeque::new(),
        });
    }

    /// Lets three seconds pass, and everything that follows.
    fn wait(&mut self) {
        let end = self.now + Duration::from_secs(3);
        while self.now < end {
            self.now = self.now + STEP;
            self.room.handle_timeout(self.now);
            for at in 0..self.members.len() {
                let begun = Instant::now();
                self.members[at].manager.handle_timeout(self.now);
                let took = begun.elapsed();
                self.submit(at, took);
            }
            while self.members.iter().any(|member| !member.inbox.is_empty()) {
                for at in 0..self.members.len() {
                    self.receive(at);
                }
            }
        }
    }

    /// Brings what a member says to the room.
    fn submit(&mut self, at: usize, took: Duration) {
        while let Some(output) = self.members[at].manager.poll_output() {
            let Output::Send(message) = output else {
                continue;
            };
            self.weigh(&message, took);
            let client = self.members[at].client;
            match message {
                ClientMessage::Hello { .. } => {
                    let heard = self.room.hello(client, message, self.now);
                    heard.expect("open to all");
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
    }

    fn receive(&mut self, at: usize) {
        while let Some(message) = self.members[at].inbox.pop_front() {
            let times = match &message {
                ServiceMessage::Welcome { welcome, tree, .. } => {
                    self.cost.welcome = welcome.len();
                    self.cost.tree = tree.len();
                    self.cost.envelope = self.cost.envelope.max(length(&message));
                    Some(true)
                }
                ServiceMessage::Entry(entry) => match &entry.body {
                    LogBody::Commit { .. } if at != ALICE => Some(false),
                    _ => None,
                },
                _ => None,
            };
            let begun = Instant::now();
            self.members[at].manager.handle_message(message, self.now);
            let took = begun.elapsed();
            match times {
                Some(true) => self.cost.entered.push(took),
                Some(false) => self.cost.taken.push(took),
                None => {}
            }
            self.submit(at, took);
        }
    }

    fn weigh(&mut self, message: &ClientMessage, took: Duration) {
        match message {
            ClientMessage::Join { key_package } => self.cost.key_package = key_package.len(),
            ClientMessage::Commit { commit, .. } => {
                self.cost.commit = commit.len();
                self.cost.envelope = self.cost.envelope.max(length(message));
                self.cost.made.push(took);
            }
            _ => {}
        }
    }

    /// A member renews its leaf.
    fn renew(&mut self, at: usize) {
        let manager = &mut self.members[at].manager;
        let (_, epoch) = manager.position().expect("a member");
        let begun = Instant::now();
        manager.handle_media_event(&MediaEvent::KeyWornOut { epoch }, self.now);
        let took = begun.elapsed();
        self.submit(at, took);
        self.wait();
    }
}

fn length<T: serde::Serialize>(message: &T) -> usize {
    serde_json::to_vec(message).expect("encodes").len()
}

/// Milliseconds.
fn median(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let middle = times.get(times.len() / 2);
    middle.map_or("-".into(), |time| {
        format!("{:.2}", time.as_secs_f64() * 1_000.0)
    })
}

fn row(what: &str, size: usize, cost: Cost) {
    let some = |bytes: usize| match bytes {
        0 => "-".into(),
        _ => bytes.to_string(),
    };
    println!(
        "| {what} | {size} | {} | {} | {} | {} | {} | {} | {} | {} |",
        some(cost.key_package),
        some(cost.commit),
        some(cost.welcome),
        some(cost.tree),
        some(cost.envelope),
        median(cost.made),
        median(cost.taken),
        median(cost.entered),
    );
}

/// Costs in a group of `size`: in a bare tree, then in a full one.
fn measure(suite: MlsSuite, size: usize) {
    let mut call = Call::bare(suite, size);
    row("all join at once", size, std::mem::take(&mut call.cost));
    call.leave_behind();
    (0..RUNS).for_each(|_| call.renew(ALICE));
    row("renewal, bare tree", size, std::mem::take(&mut call.cost));

    let mut call = Call::full(suite, size);
    call.cost = Cost::default();
    (0..RUNS).for_each(|_| call.renew(ALICE));
    row("renewal, full tree", size, std::mem::take(&mut call.cost));
    for number in 0..RUNS {
        call.enter(size + number);
        call.wait();
        call.leave_behind();
    }
    row(
        "join, full tree",
        size + RUNS,
        std::mem::take(&mut call.cost),
    );
}

fn main() {
    for suite in MlsSuite::ALL {
        println!("\n{suite}\n");
        println!(
            "| what | members | key package | commit | Welcome | tree | largest envelope | ms to make | to take | to enter |"
        );
        println!("|---|---|---|---|---|---|---|---|---|---|");
        [10, 100, 245]
            .into_iter()
            .for_each(|size| measure(suite, size));
    }
}
