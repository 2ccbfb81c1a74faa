//! What one member may cost a room, in bytes and messages.

use std::time::Duration;

use mls_srtp::delivery::{Blob, ClientMessage, LogBody, MediaSignal, Refusal};
use mls_srtp::id::{Generation, GroupId};
use mls_srtp_signaling::RoomConfig;
use mls_srtp_signaling::room::RoomOutput;
use mls_srtp_signaling::store::KeyPackages;

use crate::lab::{Lab, Setup, hello, newest, refusal_in, speech, whole_log};

/// Bytes of application messages in the log.
fn spoken(lab: &Lab) -> usize {
    let log = whole_log(lab);
    let bytes = log.iter().map(|entry| match &entry.body {
        LogBody::Application { message, .. } => message.len(),
        _ => 0,
    });
    bytes.sum()
}

fn say(lab: &Lab, bytes: usize) -> ClientMessage {
    let (group_id, epoch) = lab.position("mallory").expect("a member");
    ClientMessage::Application {
        group_id,
        epoch,
        message: speech(bytes),
    }
}

/// Everything that a member says goes to everybody, and into the store.
#[test]
fn a_member_that_talks_without_end_is_heard_at_a_rate() {
    let mut lab = Lab::with(&["alice", "mallory"]);
    let config = RoomConfig::default();
    let before = spoken(&lab);
    let is_heard = |lab: &mut Lab| {
        let message = say(lab, 16 * 1024);
        let refused = lab.refusal("mallory", message);
        assert!(refused.is_none_or(|reason| reason == Refusal::RateLimited));
        refused.is_none()
    };
    let said = (0..1_000).filter(|_| is_heard(&mut lab)).count();
    assert_eq!(said * 16 * 1024, config.application_burst);
    // Two seconds are one message, whatever connection it comes over.
    lab.disconnect("mallory");
    lab.reconnect("mallory");
    lab.pass(2_000);
    let said = (0..1_000).filter(|_| is_heard(&mut lab)).count();
    assert_eq!(said * 16 * 1024, 2 * config.application_rate);
    assert_eq!(
        spoken(&lab) - before,
        config.application_burst + 2 * config.application_rate
    );
    lab.join("bob");
    assert_eq!(lab.roster("alice"), ["alice", "mallory", "bob"]);
}

/// A stranger's group is looked at before it is taken apart: each blank node is one byte.
#[test]
fn a_first_group_is_as_small_as_a_group_of_one() {
    let mut lab = Lab::new(Setup::default());
    let mallory = lab.stranger();
    lab.say(mallory, hello("mallory", None));
    let group = |info, tree| ClientMessage::Create {
        generation: Generation::default(),
        group_id: GroupId::new([1; 16]),
        group_info: Blob::new(vec![0; info]),
        tree: Blob::new(vec![0; tree]),
    };
    for (info, tree) in [(100, 700_000), (700_000, 100)] {
        let outputs = lab.say(mallory, group(info, tree));
        assert_eq!(refusal_in(&outputs, mallory), Some(Refusal::TooLarge));
    }
    lab.join("alice");
}

/// A GroupInfo is kept for as long as its epoch, and given out together with the tree.
#[test]
fn a_commit_brings_no_large_group_info() {
    let mut lab = Lab::with(&["alice", "mallory"]);
    let (group_id, epoch) = lab.position("mallory").expect("a member");
    let large = Blob::new(vec![0; 700_000]);
    let seen_seq = newest(&mut lab, "mallory");
    let commit = ClientMessage::Commit {
        group_id,
        epoch,
        seen_seq,
        commit: Blob::new(vec![0; 100]),
        welcome: None,
        group_info: large.clone(),
    };
    assert_eq!(lab.refusal("mallory", commit), Some(Refusal::TooLarge));
    let external = ClientMessage::ExternalCommit {
        group_id,
        epoch,
        commit: Blob::new(vec![0; 100]),
        group_info: large,
    };
    assert_eq!(lab.refusal("mallory", external), Some(Refusal::TooLarge));
}

/// To verify a commit is the dearest thing that the service does for a message.
#[test]
fn who_has_no_leaf_has_no_commit_looked_at() {
    let mut lab = Lab::with(&["alice", "bob"]);
    let (group_id, epoch) = lab.position("bob").expect("a member");
    let junk = ClientMessage::Commit {
        group_id,
        epoch,
        seen_seq: newest(&mut lab, "bob"),
        commit: Blob::new(vec![0; 100]),
        welcome: None,
        group_info: Blob::new(vec![0; 100]),
    };
    assert_eq!(lab.refusal("bob", junk.clone()), Some(Refusal::InvalidMls));
    let client = lab.stranger();
    lab.say(client, hello("mallory", None));
    let outputs = lab.say(client, junk);
    assert_eq!(refusal_in(&outputs, client), Some(Refusal::Unauthorised));
}

#[test]
fn a_large_offer_does_not_reach_the_sfu() {
    let mut lab = Lab::with(&["alice", "mallory"]);
    let offer = |bytes| {
        ClientMessage::Media(MediaSignal::Offer {
            sdp: "v".repeat(bytes),
        })
    };
    let before = lab.media().len();
    let refused = lab.refusal("mallory", offer(64 * 1024 + 1));
    assert_eq!(refused, Some(Refusal::TooLarge));
    assert_eq!(lab.media().len(), before);
    assert_eq!(lab.refusal("mallory", offer(64 * 1024)), None);
    assert_eq!(lab.media().len(), before + 1);
}

#[test]
fn key_packages_are_published_within_a_sum() {
    let mut lab = Lab::with(&["alice", "mallory"]);
    let each = 16 * 1024;
    let publish = ClientMessage::PublishKeyPackages {
        key_packages: vec![Blob::new(vec![0; each]); KeyPackages::MOST_BYTES / each],
        last_resort: Some(Blob::new(vec![0])),
    };
    assert_eq!(lab.refusal("mallory", publish), Some(Refusal::TooLarge));
}

/// Bytes of envelopes that bob is given who comes back after so many megabytes.
fn given_after(megabytes: usize) -> usize {
    let mut lab = Lab::new(Setup {
        config: RoomConfig {
            grace: Duration::from_secs(600),
            application_burst: usize::MAX,
            ..RoomConfig::default()
        },
        ..Setup::default()
    });
    for user in ["alice", "mallory", "bob"] {
        lab.join(user);
    }
    let seen = newest(&mut lab, "bob");
    let resume = lab.resume_of("bob", seen);
    lab.disconnect("bob");
    for _ in 0..megabytes * 64 {
        let message = say(&lab, 16 * 1024);
        assert_eq!(lab.refusal("mallory", message), None);
    }
    let client = lab.stranger();
    let outputs = lab.say(client, hello("bob", Some(resume)));
    let bytes = outputs.iter().map(|output| match output {
        RoomOutput::Send(to, message) if *to == client => {
            serde_json::to_vec(message).expect("encodes").len()
        }
        _ => 0,
    });
    bytes.sum()
}

/// Whoever comes back is given what it missed in one go: who came back again and again, and read
/// nothing, would have it waiting as often.
#[test]
fn who_missed_megabytes_enters_anew() {
    let three = given_after(3);
    assert!((4 << 20..5 << 20).contains(&three), "{three}");
    let five = given_after(5);
    assert!(five < 10_000, "{five}");
}
