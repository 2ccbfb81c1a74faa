//! State that is lost or old, and services that fall silent.

use std::time::Duration;

use mls_srtp::delivery::{ClientMessage, Refusal, ServiceMessage};
use mls_srtp::event::{Event, FatalCause};
use mls_srtp::id::{GroupId, RoomName, Seq};
use mls_srtp::manager::{Output, RestoreError, SavedState};
use mls_srtp::pipeline::{Opening, ProtectError};
use mls_srtp::time::Moment;
use mls_srtp::{KeyManager, ManagerConfig};

use crate::world::{World, garbage, kept, name};

const A_WHILE: Duration = Duration::from_millis(600);
const EVERYBODY: [&str; 3] = ["alice", "bob", "carol"];

fn three() -> World {
    let mut world = World::new();
    for user in EVERYBODY {
        world.join_kept(user);
    }
    world
}

fn saved(world: &World, user: &str) -> SavedState {
    world.at(user).manager.save().expect("can be encoded")
}

fn happened(world: &World, user: &str, what: impl Fn(&Event) -> bool) -> bool {
    world.at(user).events.iter().any(what)
}

#[test]
fn without_word_from_the_service_sending_ends_until_it_speaks_again() {
    let mut world = three();
    world.get("bob").hold_receiving = true;
    world.run(Duration::from_millis(14_000));
    assert!(world.packet("bob").is_ok(), "not yet");
    world.run(Duration::from_secs(2));
    assert!(happened(&world, "bob", |e| *e == Event::Stalled));
    assert_eq!(world.packet("bob"), Err(ProtectError::Suspended));
    assert!(world.packet("alice").is_ok(), "others are not stalled");

    world.get("bob").hold_receiving = false;
    world.run(Duration::from_secs(5));
    assert!(happened(&world, "bob", |e| *e == Event::StallEnded));
    world.assert_agreed(&EVERYBODY);
    world.everybody_hears_everybody();
}

#[test]
fn a_service_that_cannot_open_the_room_now_is_asked_again() {
    let mut bob = KeyManager::new(name("bob"), ManagerConfig::default()).expect("a key");
    bob.join(RoomName::new("room").expect("a name"), None)
        .expect("in no room");
    let says_hello = |output: &Output| matches!(output, Output::Send(ClientMessage::Hello { .. }));
    bob.handle_connected(Moment::default());
    assert!(std::iter::from_fn(|| bob.poll_output()).any(|output| says_hello(&output)));
    let refused = ServiceMessage::Refused {
        request: "hello".into(),
        reason: Refusal::RateLimited,
        code: None,
        detail: "the disk is full".into(),
    };
    bob.handle_message(refused, Moment::default());
    let later = Moment::default() + ManagerConfig::default().answer_patience;
    bob.handle_timeout(later);
    let mut outputs = std::iter::from_fn(|| bob.poll_output());
    assert!(outputs.any(|output| matches!(output, Output::Reconnect)));
    bob.handle_connected(later);
    assert!(std::iter::from_fn(|| bob.poll_output()).any(|output| says_hello(&output)));
}

#[test]
fn a_ping_of_another_group_proves_nothing() {
    let mut world = three();
    world.get("bob").hold_receiving = true;
    let (_, epoch) = world.at("bob").manager.position().expect("a member");
    for _ in 0..17 {
        world.run(Duration::from_secs(1));
        let ping = mls_srtp::delivery::ServiceMessage::Ping {
            group_id: mls_srtp::id::GroupId::new([9; 16]),
            epoch,
            seq: mls_srtp::id::Seq::new(1),
            chain: mls_srtp::delivery::Blob::default(),
        };
        let now = world.now;
        world.get("bob").manager.handle_message(ping, now);
        world.carry_out("bob");
    }
    assert_eq!(world.packet("bob"), Err(ProtectError::Suspended));
}

#[test]
fn word_of_another_history_makes_a_member_ask_again() {
    for seq in [1, 500] {
        let mut world = three();
        let (group_id, epoch) = world.at("bob").manager.position().expect("a member");
        let client = world.client_of("bob");
        let ping = mls_srtp::delivery::ServiceMessage::Ping {
            group_id,
            epoch,
            seq: mls_srtp::id::Seq::new(seq),
            chain: mls_srtp::delivery::Blob::new(vec![1; 32]),
        };
        let now = world.now;
        world.get("bob").manager.handle_message(ping, now);
        world.carry_out("bob");
        assert_ne!(world.client_of("bob"), client, "over a new connection");
        world.run(A_WHILE);
        assert_eq!(world.assert_agreed(&EVERYBODY), (group_id, epoch));
        world.everybody_hears_everybody();
    }
}

#[test]
fn a_restored_member_sends_only_from_the_epoch_of_its_own_new_commit() {
    let mut world = three();
    let state = saved(&world, "bob");
    let (group_id, before) = world.at("bob").manager.position().expect("a member");
    world.get("bob").hold_receiving = true;
    world.restart("bob", &state);
    let silent = world.packet("bob");
    assert_eq!(silent, Err(ProtectError::NoEpoch), "the old key is spent");
    world.run(A_WHILE);
    let (group, epoch) = world.assert_agreed(&EVERYBODY);
    assert_eq!((group, epoch.get()), (group_id, before.get() + 1));
    world.everybody_hears_everybody();
    // Commits do not repeat themselves.
    world.run(Duration::from_secs(5));
    assert_eq!(world.assert_agreed(&EVERYBODY).1, epoch);
}

/// Between the removal and its own commit it sends nothing, but it has no longer ears for who went.
#[test]
fn a_restored_member_forgets_who_was_removed_as_soon_as_others_do() {
    let mut world = three();
    let state = saved(&world, "bob");
    world.restart("bob", &state);
    world.get("bob").hold_sending = true;
    // Hello has to get through, and no commit.
    let hello = world.get("bob").outbox.pop_front().expect("hello");
    let client = world.client_of("bob");
    world.submit(client, hello);
    world.run(A_WHILE);
    world.leave("carol");
    world.run(A_WHILE);
    assert_eq!(world.epoch_of("bob"), world.epoch_of("alice"));
    assert_eq!(world.packet("bob"), Err(ProtectError::NoEpoch));
    world.get("bob").hold_sending = false;
    world.run(A_WHILE);
    assert!(world.packet("bob").is_ok());
    world.run(Duration::from_secs(1));
    let epoch = world.epoch_of("bob").expect("a member");
    assert_eq!(world.at("bob").pipeline.live_epochs(), [epoch]);
}

#[test]
fn a_restored_member_hears_the_others_before_it_is_connected() {
    let mut world = three();
    let state = saved(&world, "bob");
    world.restart("bob", &state);
    world.get("bob").hold_receiving = true;
    let packet = world.packet("alice").expect("has keys");
    let now = world.now;
    let opening = world.get("bob").pipeline.open(packet, now);
    assert!(matches!(opening, Opening::Opened(_)), "{opening:?}");
}

#[test]
fn a_member_restored_from_an_older_state_catches_up_first() {
    let mut world = three();
    let state = saved(&world, "bob");
    world.join("dave");
    world.restart("bob", &state);
    world.run(A_WHILE);
    world.assert_agreed(&["alice", "bob", "carol", "dave"]);
    world.everybody_hears_everybody();
}

#[test]
fn a_member_restored_with_a_commit_on_its_way_does_not_count_that_one() {
    let mut world = three();
    world.run(Duration::from_secs(2));
    world.get("alice").hold_receiving = true;
    world.enter("dave");
    world.settle();
    while let Some(message) = world.get("alice").inbox.pop_front() {
        let now = world.now;
        world.get("alice").manager.handle_message(message, now);
        world.carry_out("alice");
    }
    let state = saved(&world, "alice");
    world.settle();
    let (_, accepted) = world.at("bob").manager.position().expect("a member");
    world.restart("alice", &state);
    world.get("alice").hold_receiving = true;
    world.settle();
    let alice = world.get("alice");
    (alice.hold_receiving, alice.hold_sending) = (false, true);
    world.run(A_WHILE);
    assert_eq!(world.epoch_of("alice"), Some(accepted));
    let silent = world.packet("alice");
    assert_eq!(silent, Err(ProtectError::NoEpoch), "it may have sent there");
    world.get("alice").hold_sending = false;
    world.run(A_WHILE);
    let (_, epoch) = world.assert_agreed(&["alice", "bob", "carol", "dave"]);
    assert_eq!(epoch.get(), accepted.get() + 1, "one more, made since");
    world.everybody_hears_everybody();
}

#[test]
fn a_member_restored_from_before_its_own_commit_comes_back_without_a_complaint() {
    let mut world = three();
    let state = saved(&world, "alice");
    world.join("dave");
    world.restart("alice", &state);
    world.run(Duration::from_secs(3));
    world.assert_agreed(&["alice", "bob", "carol", "dave"]);
    world.everybody_hears_everybody();
    let complaint = |kind: &mls_srtp_signaling::RoomEventKind| {
        matches!(kind, mls_srtp_signaling::RoomEventKind::CannotApply { .. })
    };
    assert!(!world.events.iter().any(complaint));
}

#[test]
fn what_is_no_saved_state_is_refused() {
    let world = three();
    let good = saved(&world, "bob").as_bytes().to_vec();
    let restore = |bytes: Vec<u8>| {
        let state = SavedState::new(bytes);
        KeyManager::restore(&state, ManagerConfig::default(), world.now).err()
    };
    assert!(restore(good.clone()).is_none());
    assert!(restore(good[..good.len() / 2].to_vec()).is_some());
    let text = String::from_utf8(good).expect("JSON");
    let newer = text.replacen("\"version\":3", "\"version\":4", 1);
    let unknown = restore(newer.into_bytes());
    assert!(
        matches!(unknown, Some(RestoreError::UnknownVersion(4))),
        "{unknown:?}"
    );
    let older = restore(br#"{"version":1,"identity":"of another kind"}"#.to_vec());
    assert!(
        matches!(older, Some(RestoreError::UnknownVersion(1))),
        "{older:?}"
    );
}

#[test]
fn the_token_is_not_saved_and_a_restored_member_shows_the_one_that_it_is_given() {
    let mut world = World::new();
    let mut alice = KeyManager::new(name("alice"), kept()).expect("a key");
    let token = |text: &str| Some(text.to_owned());
    alice
        .join(world.room_name(), token("let me in"))
        .expect("in no room");
    world.start("alice", alice);
    world.run(A_WHILE);
    let state = saved(&world, "alice");
    let text = String::from_utf8(state.as_bytes().to_vec()).expect("JSON");
    assert!(text.contains("\"stay\"") && !text.contains("let me in"));
    let restored = KeyManager::restore(&state, ManagerConfig::default(), world.now);
    let mut alice = restored.expect("a saved state");
    alice
        .set_token(token("let me in again"))
        .expect("in a room");
    alice.handle_connected(world.now);
    let hello = std::iter::from_fn(|| alice.poll_output()).find_map(|output| match output {
        Output::Send(ClientMessage::Hello { token, resume, .. }) => Some((token, resume)),
        _ => None,
    });
    let (shown, resume) = hello.expect("says hello");
    assert_eq!(shown, Some("let me in again".into()));
    assert!(resume.is_some(), "and where it was");
}

#[test]
fn who_does_not_keep_the_group_saves_the_signature_key_alone() {
    let mut world = World::new();
    world.join_kept("alice");
    world.join("bob");
    let (kept, lean) = (saved(&world, "alice"), saved(&world, "bob"));
    let without = |state: &SavedState| state.without_group().expect("just saved");
    assert_ne!(kept.as_bytes(), without(&kept).as_bytes());
    assert_eq!(lean.as_bytes(), without(&lean).as_bytes());
    world.restart("bob", &lean);
    world.run(A_WHILE);
    world.assert_agreed(&["alice", "bob"]);
    world.everybody_hears_everybody();
}

#[test]
fn a_restored_stay_can_be_saved_again() {
    let mut world = three();
    let state = saved(&world, "bob");
    world.restart("bob", &state);
    world.run(A_WHILE);
    let again = saved(&world, "bob");
    world.restart("bob", &again);
    assert!(world.epoch_of("bob").is_some(), "a member at once");
    world.run(A_WHILE);
    world.assert_agreed(&EVERYBODY);
    world.everybody_hears_everybody();
}

#[test]
fn whoever_has_asked_to_leave_is_not_restored_as_a_member() {
    let mut world = three();
    world.get("bob").manager.leave().expect("a member");
    let state = saved(&world, "bob");
    let restored = KeyManager::restore(&state, ManagerConfig::default(), world.now);
    assert_eq!(restored.expect("a saved state").position(), None);
}

#[test]
fn who_gave_up_and_joins_again_has_all_its_tries() {
    let mut world = World::new();
    world.join("alice");
    world.get("alice").hold_sending = true;
    world.enter("bob");
    let welcome = || ServiceMessage::Welcome {
        group_id: GroupId::new([9; 16]),
        seq: Seq::new(1),
        chain: garbage(),
        welcome: garbage(),
        tree: garbage(),
    };
    let gave_up = |event: &Event| matches!(event, Event::Fatal(FatalCause::CannotStay(_)));
    for stay in 1..=2 {
        for attempt in 1..=4 {
            world.run(Duration::from_millis(100));
            let now = world.now;
            let manager = &mut world.get("bob").manager;
            manager.handle_message(welcome(), now);
            world.carry_out("bob");
            let given_up = world.at("bob").events.iter().filter(|e| gave_up(e)).count();
            assert_eq!(given_up, stay - 1 + attempt / 4, "{stay} {attempt}");
        }
        world.run(Duration::from_millis(100));
        let room = world.room_name();
        let manager = &mut world.get("bob").manager;
        manager.join(room, None).expect("in no room");
        world.disconnect("bob");
        world.connect("bob");
    }
}
