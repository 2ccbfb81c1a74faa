//! How much memory a service that means no good, or a client of it, can make others use: all
//! allocations of this process are counted.

use std::sync::{Mutex, MutexGuard, PoisonError};

use mls_srtp::delivery::{
    Blob, ClientMessage, GroupHead, LogBody, LogEntry, MAX_ENVELOPE_BYTES, ServiceMessage, chain,
};
use mls_srtp::group::{GroupFollower, Identity, MlsSuite, RoomPolicy, ServiceIdentity};
use mls_srtp::id::{Epoch, Generation, GroupId, ParticipantId, RoomName, Seq};
use mls_srtp::manager::Output;
use mls_srtp::schedule::MediaMode;
use mls_srtp::time::Moment;
use mls_srtp::trust::Evidence;
use mls_srtp::{KeyManager, ManagerConfig};
use peak_alloc::PeakAlloc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Only one test is measured at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes that something took at its peak.
fn peak_of<T>(what: impl FnOnce() -> T) -> usize {
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    drop(what());
    HEAP.peak_usage().saturating_sub(before)
}

/// A service that proposes what it likes, and alice in a group of it.
struct Call {
    service: ServiceIdentity,
    policy: RoomPolicy,
    follower: GroupFollower,
    alice: KeyManager,
    group_id: GroupId,
    seq: Seq,
    chain: Blob,
}

fn name(user: &str) -> ParticipantId {
    ParticipantId::new(user, "example.org", "phone").expect("a name")
}

/// What somebody answers to the room as it stands.
fn answer(
    manager: &mut KeyManager,
    service: &ServiceIdentity,
    policy: &RoomPolicy,
    group: Option<GroupHead>,
) -> Option<ClientMessage> {
    let joining = manager.join(policy.room.clone(), None);
    joining.expect("in no room");
    manager.handle_connected(Moment::default());
    let room = ServiceMessage::Room {
        policy: policy.clone(),
        external_sender: service.info(),
        group,
        leaf_key: None,
        session: Blob::new(vec![0; 16]),
        welcome: false,
    };
    manager.handle_message(room, Moment::default());
    let outputs = std::iter::from_fn(|| manager.poll_output());
    let messages = outputs.filter_map(|output| match output {
        Output::Send(message) => Some(message),
        _ => None,
    });
    messages.last()
}

impl Call {
    fn new() -> Self {
        let service = ServiceIdentity::generate().expect("randomness");
        let policy = RoomPolicy {
            room: RoomName::new("room").expect("a name"),
            generation: Generation::default(),
            ciphersuite: MlsSuite::default(),
            mode: MediaMode::default(),
            locked: false,
        };
        let alice = KeyManager::new(name("alice"), ManagerConfig::default());
        let mut alice = alice.expect("randomness");
        let created = answer(&mut alice, &service, &policy, None);
        let Some(ClientMessage::Create {
            group_id,
            group_info,
            tree,
            ..
        }) = created
        else {
            panic!("alice creates the group");
        };
        let creator = name("alice");
        let follower =
            GroupFollower::create(&policy, &service, &creator, group_id, &group_info, &tree);
        let mut call = Self {
            service,
            policy,
            follower: follower.expect("an honest group"),
            alice,
            group_id,
            seq: Seq::default(),
            chain: chain::start(),
        };
        call.tell(LogBody::Created { creator });
        assert!(call.alice.position().is_some());
        call
    }

    /// The next entry of alice's log.
    fn tell(&mut self, body: LogBody) {
        self.seq = self.seq.next();
        self.chain = chain::next(&self.chain, self.group_id, self.seq, 0, &body);
        let entry = LogEntry {
            group_id: self.group_id,
            seq: self.seq,
            term: 0,
            chain: self.chain.clone(),
            body,
        };
        let message = ServiceMessage::Entry(entry);
        self.alice.handle_message(message, Moment::default());
        while self.alice.poll_output().is_some() {}
    }

    /// Proposes somebody whose leaf is nearly as large as it may be, and takes that back without
    /// telling alice; says how many bytes the proposal has.
    fn propose(&mut self) -> usize {
        let identity = Identity::generate(name("mallory")).expect("randomness");
        let identity = identity.with_evidence(Evidence::Token("x".repeat(7_500)));
        let mut mallory = KeyManager::with_identity(identity, ManagerConfig::default());
        let head = GroupHead {
            group_id: self.group_id,
            epoch: Epoch::default(),
            seq: self.seq,
        };
        let wish = answer(&mut mallory, &self.service, &self.policy, Some(head));
        let Some(ClientMessage::Join { key_package }) = wish else {
            panic!("mallory asks to join");
        };
        let proposed = self.follower.propose_add(&self.service, &key_package);
        let proposed = proposed.expect("an honest key package");
        let withdrawn = self.follower.withdraw(&proposed.reference);
        withdrawn.expect("was proposed");
        let bytes = proposed.message.len();
        self.tell(LogBody::Proposal {
            epoch: Epoch::default(),
            proposal: proposed.message,
        });
        bytes
    }
}

/// A service may propose as long as it likes, and never let anybody commit.
#[test]
fn proposals_without_end_are_kept_up_to_four_megabytes() {
    let _alone = alone();
    let mut call = Call::new();
    let before = HEAP.current_usage();
    let mut proposed = 0;
    while proposed < 4 << 20 {
        proposed += call.propose();
    }
    let full = HEAP.current_usage() - before;
    for _ in 0..200 {
        call.propose();
    }
    let later = HEAP.current_usage() - before;
    // What the follower of this test remembers of each grows by some hundred bytes.
    assert!(later < full + 200 * 1_000, "{full} bytes, then {later}");
    assert!(later < 5 * proposed, "{later} bytes");
}

/// The text of an envelope is as large as may be, and so is what it says.
fn full_of(what: &str) -> String {
    let begin = r#"{"type":"room","x":["#;
    let times = (MAX_ENVELOPE_BYTES - begin.len() - 10) / (what.len() + 1);
    format!("{begin}{}]}}", vec![what; times].join(","))
}

/// Thousands of small things take more memory than text; nested, they are refused.
#[test]
fn an_envelope_takes_at_most_forty_times_its_bytes() {
    let _alone = alone();
    for what in ["0", "[]", "{}", "\"\"", "\"abcdefghij\"", "{\"a\":0}"] {
        let json = full_of(what);
        assert!(json.len() <= MAX_ENVELOPE_BYTES);
        let client = peak_of(|| serde_json::from_str::<ClientMessage>(&json));
        let service = peak_of(|| serde_json::from_str::<ServiceMessage>(&json));
        let most = client.max(service);
        assert!(most <= 40 * MAX_ENVELOPE_BYTES, "{what}: {most} bytes");
    }
    let deep = format!("{}{}", r#"{"type":"room","x":"#, "[".repeat(500_000));
    let most = peak_of(|| serde_json::from_str::<ServiceMessage>(&deep));
    assert!(most < 100_000, "{most} bytes");
}
