//! The structure that ARCHITECTURE.md draws, checked against the code.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Left to right; a stage may use those before it.
const FLOW: [&str; 7] = [
    "delivery", "group", "epoch", "schedule", "media", "pipeline", "manager",
];

/// Value types that a stage to the right lends to one on its left, each with its reason.
const LENT: [(&str, &str); 4] = [
    // Envelopes carry the room's policy.
    ("delivery", "group"),
    // A policy names the media profile; the engine hands out an epoch's secrets and code.
    ("group", "schedule"),
    ("group", "epoch"),
    // An epoch's secrets hold the exported secret, whose type is the schedule's first stage.
    ("epoch", "schedule"),
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The modules that `use crate::…` lines of a file name first.
fn uses(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("crate::").map(|(at, _)| {
        let rest = &text[at + "crate::".len()..];
        rest.split(|c: char| !(c.is_alphanumeric() || c == '_'))
            .next()
            .unwrap_or("")
    })
}

#[test]
fn stages_use_only_what_stands_before_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut checked = 0;
    for (place, stage) in FLOW.iter().enumerate() {
        for file in sources(&root.join(stage)) {
            let text = fs::read_to_string(&file).expect("readable");
            for used in uses(&text) {
                let Some(other) = FLOW.iter().position(|stage| *stage == used) else {
                    continue;
                };
                let allowed = other <= place || LENT.contains(&(*stage, used));
                assert!(
                    allowed,
                    "{} uses {used}, which comes after {stage}",
                    file.display()
                );
                checked += 1;
            }
        }
    }
    assert!(
        checked > 30,
        "only {checked} uses found: is this test still reading the code?"
    );
}

#[test]
fn the_core_does_no_io_and_reads_no_clock() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in sources(&root) {
        let text = fs::read_to_string(&file).expect("readable");
        for forbidden in [
            "std::net",
            "std::fs",
            "Instant::now",
            "SystemTime",
            "tokio",
            "std::thread",
        ] {
            assert!(
                !text.contains(forbidden),
                "{} has {forbidden}",
                file.display()
            );
        }
    }
}

/// The names of the packages that `package` depends on, directly or not, tests excluded.
fn dependencies(package: &str) -> String {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--edges",
            "normal,build",
            "--prefix",
            "none",
            "-p",
            package,
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn the_sfu_has_no_way_to_a_key() {
    let tree = dependencies("mls-srtp-sfu");
    assert!(tree.contains("rtc v0.21.1"), "not the SFU's tree: {tree}");
    for forbidden in ["mls-srtp v", "openmls"] {
        assert!(
            !tree.lines().any(|line| line.starts_with(forbidden)),
            "the SFU has {forbidden}"
        );
    }
}

#[test]
fn the_core_has_no_runtime_and_no_webrtc() {
    let tree = dependencies("mls-srtp");
    assert!(
        tree.contains("openmls v0.9.2"),
        "not the core's tree: {tree}"
    );
    for forbidden in ["tokio v", "webrtc v", "rtc v"] {
        assert!(
            !tree.lines().any(|line| line.starts_with(forbidden)),
            "the core has {forbidden}"
        );
    }
}
