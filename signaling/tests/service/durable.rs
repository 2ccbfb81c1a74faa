//! A service that is killed and started again over the same file.

use std::fs;
use std::path::PathBuf;

use mls_srtp::event::Event;
use mls_srtp_signaling::store::{SqliteStore, Store as _};
use tempfile::TempDir;

use crate::peer::{Peer, room, two};
use crate::process::{Service, run};

fn place() -> (TempDir, PathBuf, String) {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("rooms.db");
    let text = path.display().to_string();
    (dir, path, text)
}

#[tokio::test]
async fn a_call_goes_on_over_a_kill() {
    let (_dir, path, store) = place();
    let args = ["--store", &store];
    let mut service = Service::start(&args);
    let (mut alice, mut bob) = two(&service.address).await;
    for round in 0..3 {
        let before = alice.manager.position();
        service.kill();
        let log = SqliteStore::open(&path).expect("nobody has it");
        let head = log.load(&room()).expect("works").head.expect("has entries");
        drop(log);
        service = Service::start_at(&service.address, &args);
        alice.reconnect(&service.address).await;
        bob.reconnect(&service.address).await;
        let user = format!("user{round}");
        let mut new = Peer::connect(&service.address, &user).await;
        tokio::join!(
            alice.until_members(3),
            bob.until_members(3),
            new.until_members(3)
        );
        let group = |peer: &Peer| peer.manager.position().map(|(group_id, _)| group_id);
        assert_eq!(group(&alice), before.map(|(group_id, _)| group_id));
        assert_eq!(alice.manager.position(), new.manager.position());
        new.manager.leave().expect("a member");
        let left = |peer: &Peer| peer.events.last() == Some(&Event::Left);
        tokio::join!(
            alice.until_members(2),
            bob.until_members(2),
            new.until("left", left)
        );
        let again = |event: &Event| matches!(event, Event::Resyncing { .. });
        assert!(!alice.events.iter().chain(&bob.events).any(again));
        assert!(head.seq.get() > 0);
    }
}

#[test]
fn a_file_that_cannot_be_used_is_one_clear_line_and_exit_code_1() {
    let (_dir, path, store) = place();
    let refused = |content: &str, cause: &str| {
        fs::write(&path, content).expect("written");
        let (output, stderr) = run(&["--open", "--store", &store, "--log", "error"]);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(
            stderr.contains(&store) && stderr.contains(cause),
            "{stderr}"
        );
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert_eq!(fs::read_to_string(&path).expect("is there"), content);
    };
    refused("", "is empty");
    refused(
        &"a diary, not a store ".repeat(99),
        "is not a signaling store",
    );
}

#[test]
fn a_file_in_use_is_said_to_be() {
    let (_dir, _, store) = place();
    let _service = Service::start(&["--store", &store]);
    let (output, stderr) = run(&["--open", "--store", &store, "--log", "error"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr.contains("in use"), "{stderr}");
}
