//! No crate that reads bytes from outside may bring its process down: each denies the calls and
//! expressions that could.

use std::fs;
use std::path::{Path, PathBuf};

/// What is denied, outside of tests, in all modules of a crate.
const DENIED: &str = "\
#![cfg_attr(
    not(test),
    deny(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]
";
/// Crates that read nothing from outside: tests, and a tool for developers.
const TOOLS: [&str; 3] = ["interop", "load-test", "model"];

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The folders of the workspace's crates.
fn members() -> Vec<String> {
    let manifest = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"));
    let (_, list) = manifest.split_once("members = [").expect("a workspace");
    let (list, _) = list.split_once(']').expect("a list");
    list.split('"')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// The roots of the crates that are meant, libraries and programs.
fn roots() -> Vec<PathBuf> {
    let members = members();
    assert!(members.len() > TOOLS.len(), "{members:?}");
    let exposed = members
        .iter()
        .filter(|name| !TOOLS.contains(&name.as_str()));
    let roots = exposed.flat_map(|name| {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join(name).join("src");
        ["lib.rs", "main.rs"].map(|root| sources.join(root))
    });
    roots.filter(|root| root.exists()).collect()
}

#[test]
fn every_crate_that_reads_from_outside_denies_what_could_panic() {
    let roots = roots();
    assert!(roots.len() >= 9, "{roots:?}");
    for root in roots {
        let denies = read(&root).contains(DENIED);
        assert!(denies, "{} does not", root.display());
    }
}

/// An exception is for one function or statement, fulfilled, and has a reason.
#[test]
fn nothing_is_allowed_silently() {
    let mut left: Vec<_> = roots()
        .iter()
        .filter_map(|root| root.parent().map(Path::to_owned))
        .collect();
    let mut seen = 0;
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                left.push(path);
                continue;
            }
            let text = read(&path);
            seen += 1;
            assert!(!text.contains("allow(clippy::"), "{}", path.display());
            for expected in text.split("#[expect(clippy::").skip(1) {
                let (attribute, _) = expected.split_once(']').expect("it ends");
                assert!(attribute.contains("reason"), "{}", path.display());
            }
        }
    }
    assert!(seen > 200, "{seen} files");
}
