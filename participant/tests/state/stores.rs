//! What every store must do.

use mls_srtp::delivery::Blob;
use mls_srtp::manager::SavedState;
use mls_srtp::trust::Pin;
use mls_srtp_participant::state::{OpenError, SqliteStateStore, StateError, StateStore};

use crate::memory::Shelf;

type Opened = Result<Box<dyn StateStore>, StateError>;

/// Runs a check on every kind of store, each a place that can be opened again and again.
fn on_every_store(check: impl Fn(&dyn Fn() -> Opened)) {
    let shelf = Shelf::default();
    check(&|| Ok(Box::new(shelf.open()?)));
    let folder = tempfile::tempdir().expect("a folder");
    check(&|| {
        Ok(Box::new(SqliteStateStore::open(
            folder.path().join("state"),
        )?))
    });
}

fn saved(store: &mut dyn StateStore) -> Option<Vec<u8>> {
    let state = store.load().expect("can be read");
    state.map(|state| state.as_bytes().to_vec())
}

#[test]
fn a_new_store_has_nothing_in_it() {
    on_every_store(|open| {
        for _ in 0..2 {
            assert_eq!(saved(&mut *open().expect("opens")), None);
        }
    });
}

#[test]
fn the_newest_state_replaces_the_one_before_it() {
    on_every_store(|open| {
        let states = [vec![1; 100], vec![2; 100_000], vec![3; 10], vec![4; 50_000]];
        for state in states {
            let mut store = open().expect("opens");
            let written = store.save(&SavedState::new(state.clone()));
            assert!(written.is_ok(), "{written:?}");
            assert_eq!(saved(&mut *store), Some(state.clone()));
            drop(store);
            assert_eq!(saved(&mut *open().expect("opens")), Some(state));
        }
    });
}

#[test]
fn the_newest_pins_replace_those_before_them_and_keep_their_order() {
    let pin = |user: &str, key: u8| Pin {
        participant: format!("{user}@example.org/test").parse().expect("a name"),
        signature_key: Blob::new(vec![key; 32]),
    };
    on_every_store(|open| {
        assert!(open().expect("opens").load_pins().expect("read").is_empty());
        let (alice, bob) = (pin("alice", 1), pin("bob", 2));
        for pins in [
            vec![bob.clone(), alice.clone()],
            vec![alice.clone(), bob.clone()],
            vec![pin("alice", 3)],
            Vec::new(),
        ] {
            let mut store = open().expect("opens");
            store.save(&SavedState::new(vec![1])).expect("written");
            store.save_pins(&pins).expect("written");
            drop(store);
            let mut store = open().expect("opens");
            assert_eq!(store.load_pins().expect("read"), pins);
            assert_eq!(saved(&mut *store), Some(vec![1]), "beside the state");
        }
    });
}

#[test]
fn one_at_a_time_has_it() {
    on_every_store(|open| {
        let first = open().expect("opens");
        let second = open();
        assert!(
            matches!(second, Err(StateError::Open(OpenError::InUse(_)))),
            "{second:?}"
        );
        drop(first);
        assert!(open().is_ok());
    });
}
