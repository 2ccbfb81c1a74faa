//! The command as people and scripts call it.

use std::collections::BTreeSet;
use std::process::{Command, Output};

use interop::scenario::Scenario;
use serde_json::Value;

fn interop(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_interop"));
    command.args(arguments).output().expect("it starts")
}

/// What a member has of an epoch: its two secrets, and of every sender leaf, key and salt.
fn secrets(member: &Value) -> (Vec<String>, Vec<u64>) {
    let hex = |value: &Value, digits| {
        let value = value.as_str().expect("a text").to_owned();
        let is_hex = value.bytes().all(|digit| digit.is_ascii_hexdigit());
        assert!(is_hex && value.len() == digits, "{value}");
        value
    };
    let mut values = vec![
        hex(&member["epoch_authenticator"], 64),
        hex(&member["exporter"], 64),
    ];
    let senders = member["senders"].as_array().expect("senders");
    let mut leaves = Vec::new();
    for sender in senders {
        leaves.push(sender["leaf"].as_u64().expect("a leaf"));
        values.push(hex(&sender["master_key"], 32));
        values.push(hex(&sender["master_salt"], 24));
    }
    (values, leaves)
}

/// Every scenario with these peers, as one document that holds all secrets of everybody: in each
/// epoch equal for all members, and no value twice, neither in an epoch nor in another one.
fn json_holds_all_secrets(peer: &str, implementations: &[&str]) {
    let output = interop(&["--json", "--peer", peer]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(document["agreed"], true);
    let runs = document["runs"].as_array().expect("runs");
    let played = runs.iter().map(|run| run["scenario"].as_str());
    let all = Scenario::ALL.map(Scenario::name);
    assert!(played.eq(all.iter().map(|name| Some(name.as_str()))));
    let mut seen = BTreeSet::new();
    for run in runs {
        let mut took_part = BTreeSet::new();
        for epoch in run["epochs"].as_array().expect("epochs") {
            let members = epoch["members"].as_array().expect("members");
            let mut leaves: Vec<_> = members.iter().map(|one| one["leaf"].as_u64()).collect();
            leaves.sort_unstable();
            let (first, _) = secrets(&members[0]);
            for member in members {
                let (values, of) = secrets(member);
                assert_eq!(values, first, "{epoch:#}");
                assert!(
                    of.into_iter().map(Some).eq(leaves.iter().copied()),
                    "{epoch:#}"
                );
                took_part.insert(member["implementation"].as_str().expect("a name"));
            }
            for value in first {
                assert!(seen.insert(value), "a secret comes twice: {epoch:#}");
            }
        }
        for name in implementations {
            assert!(
                took_part.iter().any(|who| who.starts_with(name)),
                "{took_part:?}"
            );
        }
    }
}

#[test]
fn json_holds_all_secrets_of_us_and_mls_rs() {
    json_holds_all_secrets("mls-rs", &["mls-srtp ", "mls-rs "]);
}

#[test]
fn json_holds_all_secrets_of_us_and_ts_mls() {
    json_holds_all_secrets("ts-mls", &["mls-srtp ", "ts-mls "]);
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
