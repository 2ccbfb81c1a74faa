//! Rooms of the one MLS cipher suite and of the other.

use mls_srtp::delivery::{ClientMessage, Refusal};
use mls_srtp::event::{Event, FatalCause};
use mls_srtp::group::MlsSuite;
use mls_srtp_signaling::room::RoomOutput;
use mls_srtp_signaling::{RoomConfig, RoomEventKind};

use crate::lab::{Lab, Setup, hello, refusal_in};

const WEAK: MlsSuite = MlsSuite::X25519;
const STRONG: MlsSuite = MlsSuite::X25519MlKem768;

fn room_of(ciphersuite: MlsSuite, users: &[&'static str]) -> Lab {
    let config = RoomConfig {
        ciphersuite,
        ..RoomConfig::default()
    };
    let mut lab = Lab::new(Setup {
        config,
        ..Setup::default()
    });
    users.iter().for_each(|user| lab.join(user));
    lab
}

fn was_restored(lab: &Lab) -> bool {
    let restored = |kind: &&RoomEventKind| matches!(kind, RoomEventKind::Restored { .. });
    lab.happened().iter().any(restored)
}

#[test]
fn a_key_package_of_another_suite_is_refused_in_words() {
    let mut weak = room_of(WEAK, &["alice", "bob"]);
    let key_package = weak.key_package("bob");
    let mut lab = room_of(STRONG, &["alice"]);
    let client = lab.stranger();
    lab.say(client, hello("bob", None));
    let join = ClientMessage::Join {
        key_package: key_package.clone(),
    };
    let publish = ClientMessage::PublishKeyPackages {
        key_packages: vec![key_package],
        last_resort: None,
    };
    for message in [join, publish] {
        let outputs = lab.say(client, message);
        let reason = refusal_in(&outputs, client);
        assert_eq!(reason, Some(Refusal::PolicyViolation));
        let words = "another cipher suite than the room's";
        let said = |output: &RoomOutput| format!("{output:?}").contains(words);
        assert!(outputs.iter().any(said), "{outputs:?}");
    }
    lab.pass(500);
    assert_eq!(lab.roster("alice"), ["alice"]);
}

#[test]
fn a_post_quantum_group_goes_on_after_a_restart() {
    let mut lab = room_of(STRONG, &["alice", "bob"]);
    lab.restart_for_all();
    assert!(was_restored(&lab));
    lab.join("carol");
    assert_eq!(lab.roster("alice"), ["alice", "bob", "carol"]);
}

#[test]
fn a_group_of_another_suite_than_new_ones_is_closed_and_nobody_goes_down_with_it() {
    for (before, after) in [(WEAK, STRONG), (STRONG, WEAK)] {
        let mut lab = room_of(before, &["alice", "bob"]);
        let (group, _) = lab.position("alice").expect("a member");
        lab.restart_with(after);
        assert!(!was_restored(&lab));
        assert_eq!(lab.room.member_count(), 0);
        ["alice", "bob"].iter().for_each(|user| lab.reconnect(user));
        lab.pass(2_000);
        if after > before {
            assert_eq!(lab.roster("alice"), ["alice", "bob"]);
            assert_ne!(lab.position("alice").map(|(group, _)| group), Some(group));
            continue;
        }
        for user in ["alice", "bob"] {
            let broken = Event::Fatal(FatalCause::TermsBroken);
            assert_eq!(lab.get(user).events.last(), Some(&broken), "{user}");
        }
    }
}

#[test]
fn a_post_quantum_room_takes_no_more_than_its_envelopes_can_hold() {
    let config = |ciphersuite, max_participants| RoomConfig {
        ciphersuite,
        max_participants,
        ..RoomConfig::default()
    };
    assert_eq!(config(WEAK, 1_000).most_participants(), 1_000);
    assert_eq!(config(STRONG, 100).most_participants(), 100);
    let mut lab = room_of(STRONG, &[]);
    for number in 0..=250 {
        let client = lab.stranger();
        let outputs = lab.say(client, hello(&format!("user{number}"), None));
        let full = refusal_in(&outputs, client) == Some(Refusal::RoomFull);
        assert_eq!(full, number == 250, "{number}");
    }
}
