//! What a room refuses, and that it goes on afterwards.

use mls_srtp::delivery::{Blob, ClientMessage, Refusal, ServiceMessage};
use mls_srtp::id::{Epoch, Generation, GroupId, Seq};
use mls_srtp_signaling::access::{AccessControl, Admission, Entry, OpenAccess};
use mls_srtp_signaling::room::RoomOutput;
use mls_srtp_signaling::{Refused, RoomConfig};

use crate::lab::{Lab, Setup, hello, name, refusal_in, room_name, speech, take_commit};

fn garbage() -> Blob {
    Blob::new(vec![0xff; 64])
}

struct Nobody;

impl AccessControl for Nobody {
    fn admit(&self, entry: &Entry<'_>) -> Result<Admission, Refused> {
        if entry.token != Some("sesame") {
            return Err(Refused::new(Refusal::Unauthorised, "no"));
        }
        OpenAccess.admit(entry)
    }
}

#[test]
fn who_may_not_enter_learns_nothing_of_the_room() {
    let mut lab = Lab::new(Setup {
        access: Box::new(Nobody),
        ..Setup::default()
    });
    let client = lab.stranger();
    let outputs = lab.say(client, hello("alice", None));
    assert_eq!(refusal_in(&outputs, client), Some(Refusal::Unauthorised));
    assert_eq!(outputs.len(), 1, "{outputs:?}");
    let admitted = ClientMessage::Hello {
        version: 1,
        room: room_name(),
        participant: name("alice"),
        token: Some("sesame".into()),
        proof: None,
        resume: None,
    };
    assert_eq!(refusal_in(&lab.say(client, admitted), client), None);
}

#[test]
fn other_versions_are_refused() {
    let mut lab = Lab::with(&[]);
    let client = lab.stranger();
    let ClientMessage::Hello {
        room,
        participant,
        token,
        proof: None,
        resume,
        ..
    } = hello("alice", None)
    else {
        unreachable!();
    };
    let other = ClientMessage::Hello {
        version: 2,
        room,
        participant,
        token,
        proof: None,
        resume,
    };
    let outputs = lab.say(client, other);
    assert_eq!(
        refusal_in(&outputs, client),
        Some(Refusal::UnsupportedVersion)
    );
}

#[test]
fn a_full_room_is_full_for_newcomers_only() {
    let config = RoomConfig {
        max_participants: 2,
        ..RoomConfig::default()
    };
    let mut lab = Lab::new(Setup {
        config,
        ..Setup::default()
    });
    ["alice", "bob"].into_iter().for_each(|user| lab.join(user));
    let client = lab.stranger();
    let outputs = lab.say(client, hello("carol", None));
    assert_eq!(refusal_in(&outputs, client), Some(Refusal::RoomFull));
    lab.disconnect("bob");
    lab.reconnect("bob");
    lab.pass(300);
    assert_eq!(lab.position("bob"), lab.position("alice"));
}

#[test]
fn a_vacant_room_cannot_be_joined_and_an_occupied_one_not_created() {
    let mut lab = Lab::with(&[]);
    let client = lab.stranger();
    lab.say(client, hello("early", None));
    let outputs = lab.say(
        client,
        ClientMessage::Join {
            key_package: garbage(),
        },
    );
    assert_eq!(refusal_in(&outputs, client), Some(Refusal::RoomVacant));
    lab.join("alice");
    let create = ClientMessage::Create {
        generation: Generation::new(0),
        group_id: GroupId::new([9; 16]),
        group_info: garbage(),
        tree: garbage(),
    };
    let outputs = lab.say(client, create);
    assert_eq!(refusal_in(&outputs, client), Some(Refusal::RoomOccupied));
    let told = outputs.iter().any(|output| {
        matches!(output, RoomOutput::Send(to, ServiceMessage::Room { group: Some(_), .. })
            if *to == client)
    });
    assert!(told, "it learns of the group that is there");
}

#[test]
fn an_invalid_group_leaves_the_room_vacant() {
    let mut lab = Lab::with(&[]);
    let client = lab.stranger();
    lab.say(client, hello("mallory", None));
    let create = ClientMessage::Create {
        generation: Generation::new(0),
        group_id: GroupId::new([9; 16]),
        group_info: garbage(),
        tree: garbage(),
    };
    let outputs = lab.say(client, create);
    assert_eq!(refusal_in(&outputs, client), Some(Refusal::InvalidMls));
    lab.join("alice");
    assert_eq!(lab.roster("alice"), ["alice"]);
}

#[test]
fn application_messages_are_for_members_of_the_current_epoch_and_small() {
    let mut lab = Lab::with(&["alice", "bob"]);
    let (group_id, epoch) = lab.position("alice").expect("a member");
    let speak = |epoch, len| ClientMessage::Application {
        group_id,
        epoch,
        message: speech(len),
    };
    let before = Epoch::new(epoch.get() - 1);
    assert_eq!(
        lab.refusal("bob", speak(before, 50)),
        Some(Refusal::WrongEpoch)
    );
    assert_eq!(
        lab.refusal("bob", speak(epoch.next(), 50)),
        Some(Refusal::WrongEpoch)
    );
    let limit = RoomConfig::default().max_application;
    assert_eq!(
        lab.refusal("bob", speak(epoch, limit + 1)),
        Some(Refusal::TooLarge)
    );
    assert_eq!(lab.refusal("bob", speak(epoch, limit)), None);
    let client = lab.stranger();
    lab.say(client, hello("stranger", None));
    let outputs = lab.say(client, speak(epoch, 50));
    assert_eq!(refusal_in(&outputs, client), Some(Refusal::Unauthorised));
}

#[test]
fn a_large_key_package_is_refused_unread() {
    let mut lab = Lab::with(&["alice"]);
    let client = lab.stranger();
    lab.say(client, hello("bob", None));
    let limit = RoomConfig::default().max_key_package;
    let join = |len| ClientMessage::Join {
        key_package: Blob::new(vec![0; len]),
    };
    let refusals = [limit + 1, limit].map(|len| refusal_in(&lab.say(client, join(len)), client));
    assert_eq!(
        refusals,
        [Some(Refusal::TooLarge), Some(Refusal::InvalidMls)]
    );
}

#[test]
fn somebody_elses_key_package_is_refused() {
    let mut lab = Lab::with(&["alice"]);
    lab.get("alice").held = true;
    lab.enter("bob");
    lab.get("bob").held = true;
    let hello_of_bob = lab.get("bob").outbox.pop_front().expect("hello");
    let client = lab.get("bob").client;
    lab.say(client, hello_of_bob);
    lab.settle();
    let join = lab.get("bob").outbox.pop_front().expect("join");
    let client = lab.stranger();
    lab.say(client, hello("mallory", None));
    let outputs = lab.say(client, join);
    assert_eq!(refusal_in(&outputs, client), Some(Refusal::Unauthorised));
}

#[test]
fn a_welcome_for_somebody_else_is_refused_with_its_commit() {
    let commit_of = |joiner| {
        let mut lab = Lab::with(&["alice"]);
        lab.get("alice").held = true;
        lab.enter(joiner);
        lab.pass(150);
        let commit = take_commit(&mut lab, "alice");
        (lab, commit)
    };
    let (mut lab, mut commit) = commit_of("bob");
    let (_, other) = commit_of("carol");
    let ClientMessage::Commit { welcome: stray, .. } = other else {
        panic!("not a commit");
    };
    let mut right = None;
    for mut wrong in [stray, None] {
        let ClientMessage::Commit { welcome, .. } = &mut commit else {
            panic!("not a commit");
        };
        std::mem::swap(welcome, &mut wrong);
        right = right.or(wrong);
        let refused = lab.refusal("alice", commit.clone());
        assert_eq!(refused, Some(Refusal::WrongWelcome));
    }
    if let ClientMessage::Commit { welcome, .. } = &mut commit {
        *welcome = right;
    }
    assert_eq!(lab.refusal("alice", commit), None);
}

#[test]
fn a_replayed_or_stale_commit_changes_nothing() {
    let mut lab = Lab::with(&["alice"]);
    lab.get("alice").held = true;
    lab.enter("bob");
    lab.pass(200);
    let commit = lab.get("alice").outbox.back().cloned().expect("a commit");
    lab.get("alice").held = false;
    lab.pass(300);
    let position = lab.position("alice");
    assert_eq!(
        lab.refusal("alice", commit.clone()),
        Some(Refusal::WrongEpoch)
    );
    let ClientMessage::Commit {
        group_id,
        commit,
        welcome,
        group_info,
        ..
    } = commit
    else {
        panic!("not a commit");
    };
    // The old commit under the new epoch's number.
    let (_, epoch) = position.expect("a member");
    let relabelled = ClientMessage::Commit {
        group_id,
        epoch,
        seen_seq: Seq::new(100),
        commit,
        welcome,
        group_info,
    };
    assert_eq!(lab.refusal("alice", relabelled), Some(Refusal::WrongEpoch));
    lab.join("carol");
    assert_eq!(lab.roster("alice"), ["alice", "bob", "carol"]);
}
