//! A store that fails for a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mls_srtp::delivery::{Blob, CloseReason, LogEntry, Refusal};
use mls_srtp::event::Event;
use mls_srtp::id::{GroupId, ParticipantId, RoomName, Seq};
use mls_srtp::secret::Secret;
use mls_srtp_signaling::store::{Change, KeyPackages, MemoryStore, RoomRecord, Store, StoreError};

use crate::lab::{Lab, Setup, closed, last_refusal};

/// A store that fails when told to.
struct Failing(MemoryStore, Arc<AtomicBool>);

impl Store for Failing {
    fn write(&self, room: &RoomName, changes: &[Change]) -> Result<(), StoreError> {
        if self.1.load(Ordering::Relaxed) {
            return Err(StoreError::Failed("disk full".into()));
        }
        self.0.write(room, changes)
    }

    fn load(&self, room: &RoomName) -> Result<RoomRecord, StoreError> {
        self.0.load(room)
    }

    fn open_rooms(&self) -> Result<Vec<RoomName>, StoreError> {
        self.0.open_rooms()
    }

    fn entries_after(
        &self,
        room: &RoomName,
        group_id: GroupId,
        seq: Seq,
    ) -> Result<Option<Vec<LogEntry>>, StoreError> {
        self.0.entries_after(room, group_id, seq)
    }

    fn log(&self, room: &RoomName) -> Result<Vec<LogEntry>, StoreError> {
        self.0.log(room)
    }

    fn publish(&self, of: &ParticipantId, new: &KeyPackages) -> Result<u32, StoreError> {
        self.0.publish(of, new)
    }

    fn take_key_package(&self, of: &ParticipantId) -> Result<Option<Blob>, StoreError> {
        self.0.take_key_package(of)
    }

    fn bind_token(&self, token: &str, key: &Blob, until: u64) -> Result<Blob, StoreError> {
        if self.1.load(Ordering::Relaxed) {
            return Err(StoreError::Failed("disk full".into()));
        }
        self.0.bind_token(token, key, until)
    }

    fn service_key(&self) -> Result<Option<Secret>, StoreError> {
        self.0.service_key()
    }

    fn keep_service_key(&self, key: &Secret) -> Result<(), StoreError> {
        self.0.keep_service_key(key)
    }
}

/// An empty room, and what makes its store fail.
fn failing() -> (Lab, Arc<AtomicBool>) {
    let broken = Arc::new(AtomicBool::new(false));
    let store = Failing(MemoryStore::default(), Arc::clone(&broken));
    let lab = Lab::new(Setup {
        store: Box::new(store),
        ..Setup::default()
    });
    (lab, broken)
}

#[test]
fn nothing_happens_while_the_store_fails() {
    let (mut lab, broken) = failing();
    ["alice", "bob"].into_iter().for_each(|user| lab.join(user));
    lab.get("alice").held = true;
    lab.leave("bob");
    lab.pass(200);
    broken.store(true, Ordering::Relaxed);
    lab.get("alice").held = false;
    lab.settle();
    assert!(
        lab.media().is_empty(),
        "bob is still a member and keeps his media"
    );
    assert_eq!(lab.roster("alice").len(), 2);
    broken.store(false, Ordering::Relaxed);
    lab.pass(500);
    assert_eq!(lab.roster("alice"), ["alice"], "tried again");
}

#[test]
fn a_service_starts_though_its_store_takes_nothing() {
    let (mut lab, broken) = failing();
    ["alice", "bob"].into_iter().for_each(|user| lab.join(user));
    lab.get("alice").held = true;
    lab.enter("carol");
    lab.pass(150);
    broken.store(true, Ordering::Relaxed);
    lab.restart();
    lab.get("alice").held = false;
    for user in ["alice", "bob"] {
        lab.reconnect(user);
    }
    lab.pass(50);
    broken.store(false, Ordering::Relaxed);
    lab.pass(1_000);
    assert_eq!(
        lab.roster("alice"),
        ["alice", "bob"],
        "carol does not come back"
    );
    lab.join("dave");
}

#[test]
fn a_store_that_fails_is_no_fault_of_a_returning_device() {
    let (mut lab, broken) = failing();
    for user in ["alice", "bob", "carol"] {
        lab.join(user);
    }
    // One device a moment may take its leaf back by itself; the other has to ask to join.
    lab.come_back_anew("bob");
    lab.settle();
    lab.come_back_anew("carol");
    broken.store(true, Ordering::Relaxed);
    lab.settle();
    assert_eq!(last_refusal(&mut lab, "carol"), None, "nothing is told");
    broken.store(false, Ordering::Relaxed);
    lab.pass(50);
    assert_eq!(last_refusal(&mut lab, "carol"), Some(Refusal::RateLimited));
    let fatal = |event: &Event| matches!(event, Event::Fatal(_));
    assert!(!lab.get("carol").events.iter().any(fatal));
    lab.come_back_anew("carol");
    lab.pass(1_000);
    assert_eq!(lab.roster("alice"), ["alice", "bob", "carol"]);
    assert_eq!(lab.position("carol"), lab.position("alice"));
}

#[test]
fn what_is_not_written_is_not_told() {
    let (mut lab, broken) = failing();
    ["alice", "bob"].into_iter().for_each(|user| lab.join(user));
    lab.get("alice").held = true;
    broken.store(true, Ordering::Relaxed);
    lab.leave("bob");
    lab.disconnect("bob");
    // The room has his wish, but a service that died now would not: he may not hear that he is out.
    let told = lab.get("bob").told.len();
    lab.reconnect("bob");
    lab.pass(200);
    assert_eq!(lab.get("bob").told.len(), told);
    broken.store(false, Ordering::Relaxed);
    lab.pass(200);
    assert_eq!(closed(&mut lab, "bob"), Some(CloseReason::Removed));
}

#[test]
fn who_waits_for_a_store_that_fails_for_long_is_let_go_and_may_come_back() {
    let (mut lab, broken) = failing();
    for user in ["alice", "bob", "carol"] {
        lab.join(user);
    }
    let before = lab.position("alice");
    broken.store(true, Ordering::Relaxed);
    lab.disconnect("bob");
    lab.reconnect("bob");
    lab.leave("carol");
    lab.pass(9_000);
    assert_eq!(closed(&mut lab, "alice"), None);
    lab.pass(2_000);
    for user in ["alice", "bob"] {
        let reason = Some(CloseReason::ShuttingDown);
        assert_eq!(closed(&mut lab, user), reason, "{user}");
        lab.disconnect(user);
    }
    broken.store(false, Ordering::Relaxed);
    for user in ["alice", "bob"] {
        lab.reconnect(user);
    }
    lab.pass(2_000);
    assert_eq!(lab.roster("alice"), ["alice", "bob"]);
    assert_eq!(lab.position("bob"), lab.position("alice"));
    let group = |position: Option<(GroupId, _)>| position.map(|(group_id, _)| group_id);
    assert_eq!(
        group(lab.position("alice")),
        group(before),
        "the same group"
    );
}
