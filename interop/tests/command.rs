//! The command as people and scripts call it.

use std::process::{Command, Output};

use serde_json::Value;

fn interop(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_interop"));
    command.args(arguments).output().expect("it starts")
}

#[test]
fn json_shows_everybodys_secrets_side_by_side() {
    let output = interop(&["--json", "--peer", "mls-rs", "--scenario", "join"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(document["agreed"], true);
    let epoch = &document["runs"][0]["epochs"][1];
    assert_eq!(epoch["epoch"], 1);
    let [ours, theirs] = [0, 1].map(|member| &epoch["members"][member]);
    assert_ne!(ours["implementation"], theirs["implementation"]);
    for (what, digits) in [("epoch_authenticator", 64), ("exporter", 64)] {
        assert_eq!(ours[what].as_str().map(str::len), Some(digits), "{what}");
        assert_eq!(ours[what], theirs[what], "{what}");
    }
    for sender in [0, 1] {
        let keys = &ours["senders"][sender];
        assert_eq!(keys["master_key"].as_str().map(str::len), Some(32));
        assert_eq!(keys["master_salt"].as_str().map(str::len), Some(24));
        assert_eq!(*keys, theirs["senders"][sender]);
    }
}

#[test]
fn the_exit_code_says_what_went_wrong() {
    let usage = interop(&["--suite", "2"]);
    assert_eq!(usage.status.code(), Some(2), "{usage:?}");
    // Nobody listens on port 1.
    let nobody = ["--service", "ws://127.0.0.1:1", "--peer", "mls-rs"];
    let unreachable = interop(&[&nobody[..], &["--scenario", "join"]].concat());
    assert_eq!(unreachable.status.code(), Some(1), "{unreachable:?}");
    let said = String::from_utf8_lossy(&unreachable.stdout);
    assert!(said.contains("cannot be reached"), "{said}");
}

#[test]
fn the_help_warns_of_what_is_printed() {
    let help = interop(&["--help"]);
    let help = String::from_utf8_lossy(&help.stdout);
    assert!(help.contains("SECRETS"), "{help}");
}
