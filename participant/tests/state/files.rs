//! The file: what is refused, and what does not linger in it.

use std::fs;
use std::path::Path;

use mls_srtp::manager::SavedState;
use mls_srtp_participant::state::{OpenError, SqliteStateStore, StateError, StateStore};

/// A state of so many bytes that is easily found.
fn marked(mark: &str, len: usize) -> SavedState {
    SavedState::new(mark.bytes().cycle().take(len).collect())
}

/// Whether a mark stands in any file of the folder.
fn lingers(mark: &str, folder: &Path) -> bool {
    let files = fs::read_dir(folder).expect("a folder").flatten();
    let mark = mark.as_bytes();
    files
        .map(|file| fs::read(file.path()).expect("can be read"))
        .any(|bytes| bytes.windows(mark.len()).any(|window| window == mark))
}

#[test]
fn nothing_of_an_older_state_is_left_on_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state");
    let mut store = SqliteStateStore::open(&path).expect("opens");
    // Longer, shorter, much shorter, and as long as before.
    let lengths = [60_000, 200_000, 100_000, 300, 300, 60_000];
    for (number, len) in lengths.into_iter().enumerate() {
        let mark = |number: usize| format!("<secret {number}>");
        store.save(&marked(&mark(number), len)).expect("written");
        assert!(lingers(&mark(number), folder.path()), "a mark is found");
        for older in 0..number {
            assert!(!lingers(&mark(older), folder.path()), "{older} at {number}");
        }
    }
    drop(store);
    assert!(!lingers("<secret 4>", folder.path()));
}

#[test]
fn a_file_that_is_none_of_ours_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let good = folder.path().join("good");
    let mut store = SqliteStateStore::open(&good).expect("opens");
    store.save(&marked("state", 100_000)).expect("written");
    drop(store);
    let good = fs::read(good).expect("is there");
    // SQLite's header has the schema's version in bytes 60 to 63, ours in 68 to 71.
    let with = |at: usize, bytes: &[u8]| {
        let mut file = good.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    type Cause = fn(&OpenError) -> bool;
    let cases: [(&str, Vec<u8>, Cause); 5] = [
        ("empty", Vec::new(), |e| matches!(e, OpenError::Empty(_))),
        ("a letter", b"dear sir ".repeat(100), |e| {
            matches!(e, OpenError::Foreign { .. })
        }),
        ("of another program", with(68, b"else"), |e| {
            matches!(e, OpenError::Foreign { .. })
        }),
        ("newer", with(60, &[0, 0, 0, 2]), |e| {
            matches!(e, OpenError::Version { found: 2, .. })
        }),
        ("damaged", good[..good.len() / 2].to_vec(), |e| {
            matches!(e, OpenError::Damaged { .. })
        }),
    ];
    for (what, bytes, is_cause) in cases {
        let path = folder.path().join(what);
        fs::write(&path, &bytes).expect("written");
        match SqliteStateStore::open(&path) {
            Err(StateError::Open(error)) if is_cause(&error) => {
                assert!(error.to_string().contains(what), "names the file: {error}");
            }
            other => panic!("{what}: {other:?}"),
        }
        assert_eq!(fs::read(&path).expect("is there"), bytes, "{what}");
    }
}
