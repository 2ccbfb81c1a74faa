//! Every input that the fuzzers kept, replayed: crashes that were mended stay mended, and the targets
//! keep working without a fuzzer.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use fuzz::TARGETS;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The names in a folder, without their extension.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let stem = |entry: fs::DirEntry| {
        let path = entry.path();
        let stem = path.file_stem().expect("a name");
        stem.to_string_lossy().into_owned()
    };
    entries
        .map(|entry| stem(entry.expect("readable")))
        .collect()
}

#[test]
fn every_target_has_a_corpus_and_a_binary_and_every_corpus_a_target() {
    let targets: BTreeSet<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(targets.len(), TARGETS.len(), "no name twice");
    assert_eq!(names(&folder("corpus")), targets, "corpora");
    assert_eq!(names(&folder("fuzz_targets")), targets, "binaries");
}

/// Replays a target's corpus; says how many inputs that were.
fn replay(target: &str) {
    let (_, run) = TARGETS
        .iter()
        .find(|(name, _)| *name == target)
        .expect("a target");
    let mut count = 0;
    for entry in fs::read_dir(folder("corpus").join(target)).expect("a corpus") {
        let path = entry.expect("readable").path();
        let data = fs::read(&path).expect("readable");
        // Shown only if it fails: which input it was.
        println!("{}", path.display());
        run(&data);
        count += 1;
    }
    assert!(count > 0, "{target} has an empty corpus");
}

/// A test for each target, so that they run side by side and say which failed.
macro_rules! replays {
    ($($target:ident)*) => {
        $(#[test]
        fn $target() {
            replay(stringify!($target));
        })*

        #[test]
        fn every_target_is_replayed() {
            assert_eq!([$(stringify!($target)),*], TARGETS.map(|(name, _)| name));
        }
    };
}

replays! {
    call
    certificates
    client_message
    codes
    frame
    group
    headers
    packet
    policy
    room
    saved
    service_message
    token
}
