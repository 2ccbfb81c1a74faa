//! A participant whose process ends goes on from its file.

use std::path::{Path, PathBuf};

use mls_srtp::event::Event;
use mls_srtp::id::{Epoch, LeafIndex};
use mls_srtp::manager::SavedState;
use mls_srtp_participant::session::SessionError;
use mls_srtp_participant::state::{SqliteStateStore, StateError, StateStore};
use tempfile::TempDir;

use crate::people::{Process, Service, Writes, kept_in, name, room};

/// Alice, and Bob with a file in which his stay is.
struct Call {
    service: Service,
    alice: Process,
    bob: Option<Process>,
    bobs_leaf: LeafIndex,
    /// The epoch that is in the file.
    epoch: Epoch,
    writes: Writes,
    folder: TempDir,
}

impl Call {
    async fn of_two() -> Self {
        let service = Service::start().await;
        let folder = tempfile::tempdir().expect("a folder");
        let mut alice = start(&service, "alice").await;
        alice.joined().await;
        let mut config = service.config("bob");
        let (state, writes) = kept_in(&folder.path().join("bob"));
        config.state = state;
        let mut bob = Process::start(config).await.expect("starts");
        let bobs_leaf = bob.joined().await;
        let epoch = bob.epoch_of(2).await;
        bob.sending().await;
        let mut call = Self {
            service,
            alice,
            bob: Some(bob),
            bobs_leaf,
            epoch,
            writes,
            folder,
        };
        call.written("the key").await;
        call.written("the stay").await;
        call
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("bob")
    }

    async fn written(&mut self, what: &str) {
        self.writes.recv().await.expect(what);
    }

    async fn kill_bob(&mut self) {
        self.bob.take().expect("runs").kill().await;
    }

    /// Bob's next process.
    async fn bob(&mut self) -> Process {
        let mut config = self.service.config("bob");
        (config.state, self.writes) = kept_in(&self.file());
        Process::start(config).await.expect("starts")
    }

    /// Bob's new process is the same member, and what it sends is of the epoch that it has begun.
    async fn goes_on(mut self, members: usize, log: Epoch) {
        let mut bob = self.bob().await;
        assert_eq!(bob.joined().await, self.bobs_leaf);
        assert_eq!(bob.epoch_of(2).await, self.epoch, "what was in the file");
        let begun = bob.sending().await;
        assert_eq!(begun.get(), log.get() + 1, "its own commit, and no other");
        assert_eq!(bob.media.sending_epoch(), Some(begun));
        let seen = self.alice.until("bob's commit", |event| match event {
            Event::EpochChanged {
                epoch,
                added,
                removed,
                roster,
                ..
            } if epoch == begun => Some((added, removed, roster)),
            _ => None,
        });
        let (added, removed, roster) = seen.await;
        assert!(added.is_empty() && removed.is_empty(), "a path and no more");
        assert_eq!(roster.len(), members);
        assert_eq!(roster.leaf_of(&name("bob")), Some(self.bobs_leaf));
        assert_eq!(self.service.returns(), 0, "no external commit");
    }
}

async fn start(service: &Service, user: &str) -> Process {
    let process = Process::start(service.config(user)).await;
    process.expect("starts")
}

/// What is in a file that nobody has open.
fn kept(file: &Path) -> SavedState {
    let mut store = SqliteStateStore::open(file).expect("is free");
    let state = store.load().expect("can be read");
    state.expect("something was saved")
}

async fn has_left(bob: &mut Process) {
    bob.session.as_ref().expect("held").leave().await;
    let left = |event| (event == Event::Left).then_some(());
    bob.until("left", left).await;
}

#[tokio::test]
async fn a_killed_participant_goes_on_at_its_leaf() {
    let mut call = Call::of_two().await;
    let log = call.epoch;
    call.kill_bob().await;
    call.goes_on(2, log).await;
}

#[tokio::test]
async fn a_file_that_is_several_epochs_behind_is_as_good() {
    let mut call = Call::of_two().await;
    let bob = call.bob.as_mut().expect("runs");
    let carol = start(&call.service, "carol").await;
    let third = bob.epoch_of(3).await;
    assert_eq!(
        bob.sending().await,
        third,
        "he sends, and his file is behind"
    );
    call.kill_bob().await;
    let dave = start(&call.service, "dave").await;
    let log = call.alice.epoch_of(4).await;
    assert!(log > third && third > call.epoch);
    call.goes_on(4, log).await;
    drop((carol, dave));
}

#[tokio::test]
async fn a_suspended_participant_goes_on_at_its_leaf() {
    let mut call = Call::of_two().await;
    let bob = call.bob.take().expect("runs");
    let session = bob.session.as_ref().expect("held");
    session.suspend().await.expect("is kept");
    // The process still runs, and the file is free.
    let log = call.epoch;
    call.goes_on(2, log).await;
}

#[tokio::test]
async fn a_session_that_is_dropped_is_kept_like_a_suspended_one() {
    let mut call = Call::of_two().await;
    let _carol = start(&call.service, "carol").await;
    let mut bob = call.bob.take().expect("runs");
    let third = bob.epoch_of(3).await;
    bob.session = None;
    call.written("the last word").await;
    bob.kill().await;
    let mut bob = call.bob().await;
    assert_eq!(bob.joined().await, call.bobs_leaf);
    assert_eq!(bob.epoch_of(3).await, third);
}

#[tokio::test]
async fn who_leaves_keeps_the_key_and_nothing_of_the_group() {
    let mut call = Call::of_two().await;
    let copy = call.folder.path().join("copy");
    std::fs::copy(call.file(), &copy).expect("copied");
    let before = kept(&copy);
    let identity = before.without_group().expect("a state");
    assert_ne!(before.as_bytes(), identity.as_bytes());
    has_left(call.bob.as_mut().expect("runs")).await;
    assert_eq!(kept(&call.file()).as_bytes(), identity.as_bytes());
}

#[tokio::test]
async fn of_a_stay_that_cannot_be_used_the_key_is_left() {
    let mut call = Call::of_two().await;
    call.kill_bob().await;
    let mut state: serde_json::Value =
        serde_json::from_slice(kept(&call.file()).as_bytes()).expect("JSON");
    state["stay"]["values"] = serde_json::json!([]);
    let damaged = SavedState::new(state.to_string().into_bytes());
    let mut store = SqliteStateStore::open(call.file()).expect("is free");
    store.save(&damaged).expect("written");
    drop(store);
    let mut bob = call.bob().await;
    assert_eq!(bob.joined().await, call.bobs_leaf);
    assert_eq!(call.service.returns(), 1, "by an external commit");
}

#[tokio::test]
async fn a_file_is_of_one_participant() {
    let mut call = Call::of_two().await;
    call.kill_bob().await;
    let before = kept(&call.file());
    let mut config = call.service.config("carol");
    config.state = kept_in(&call.file()).0;
    let refused = Process::start(config).await.err();
    assert!(
        matches!(
            &refused,
            Some(SessionError::State(StateError::OfAnother { .. }))
        ),
        "{refused:?}"
    );
    assert_eq!(kept(&call.file()).as_bytes(), before.as_bytes());
}

#[tokio::test]
async fn in_another_room_the_key_goes_on_and_the_stay_does_not() {
    let mut call = Call::of_two().await;
    call.kill_bob().await;
    let identity = kept(&call.file()).without_group().expect("a state");
    let mut config = call.service.config("bob");
    config.room = room("another");
    (config.state, call.writes) = kept_in(&call.file());
    let mut bob = Process::start(config).await.expect("starts");
    assert_eq!(bob.joined().await, LeafIndex::new(0), "its creator");
    has_left(&mut bob).await;
    assert_eq!(kept(&call.file()).as_bytes(), identity.as_bytes());
}

#[tokio::test]
async fn what_is_no_state_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("bob");
    let letter = SavedState::new(b"dear sir".to_vec());
    let mut store = SqliteStateStore::open(&file).expect("is free");
    store.save(&letter).expect("written");
    drop(store);
    let mut config = Service::start().await.config("bob");
    config.state = kept_in(&file).0;
    let refused = Process::start(config).await.err();
    assert!(
        matches!(&refused, Some(SessionError::State(StateError::Unusable(_)))),
        "{refused:?}"
    );
    assert_eq!(kept(&file).as_bytes(), letter.as_bytes());
}
