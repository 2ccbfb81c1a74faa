//! The MLS cipher suite of a room, and that nobody is talked into a weaker one.

use std::time::Duration;

use mls_srtp::ManagerConfig;
use mls_srtp::delivery::{ClientMessage, GroupHead, Refusal, ServiceMessage};
use mls_srtp::event::{Event, FatalCause};
use mls_srtp::group::{MlsSuite, RoomPolicy};
use mls_srtp::id::{Generation, RoomName};
use mls_srtp::manager::{KeyManager, RestoreError};
use mls_srtp::pipeline::ProtectError;
use mls_srtp::schedule::{MediaMode, ModeKind, Profile, Suite};

use crate::A_WHILE;
use crate::world::{World, kept, name};

const WEAK: MlsSuite = MlsSuite::X25519;
const STRONG: MlsSuite = MlsSuite::X25519MlKem768;

fn accepting(suites: &[MlsSuite]) -> ManagerConfig {
    ManagerConfig {
        ciphersuites: suites.to_vec(),
        ..ManagerConfig::default()
    }
}

fn joined(world: &mut World, users: &[&'static str]) {
    users.iter().for_each(|user| world.join(user));
}

/// Has a participant connect again, over a connection in which the service lies about the room.
fn reconnect_to(
    world: &mut World,
    user: &str,
    lie: impl Fn(&mut RoomPolicy, &mut Option<GroupHead>),
) {
    world.disconnect(user);
    world.connect(user);
    hear_lies(world, user, lie);
}

/// Delivers what is under way with the service's words about the room twisted.
fn hear_lies(world: &mut World, user: &str, lie: impl Fn(&mut RoomPolicy, &mut Option<GroupHead>)) {
    twist(world, user, lie);
    world.run(A_WHILE);
}

/// Twists them, and delivers nothing yet.
fn twist(world: &mut World, user: &str, lie: impl Fn(&mut RoomPolicy, &mut Option<GroupHead>)) {
    world.get(user).hold_receiving = true;
    world.settle();
    for message in &mut world.get(user).inbox {
        if let ServiceMessage::Room { policy, group, .. } = message {
            lie(policy, group);
        }
    }
    world.get(user).hold_receiving = false;
}

fn ended_by(world: &mut World, user: &'static str, cause: FatalCause) {
    assert_eq!(world.at(user).events.last(), Some(&Event::Fatal(cause)));
    assert_eq!(world.at(user).manager.position(), None);
    assert_eq!(world.packet(user), Err(ProtectError::NoEpoch), "{user}");
}

fn told_of_stronger(world: &World, user: &str) -> usize {
    let stronger = Event::StrongerSuitePossible { suite: STRONG };
    let events = world.at(user).events.iter();
    events.filter(|event| **event == stronger).count()
}

#[test]
fn a_post_quantum_room_lives_like_any_other() {
    let mut world = World::in_suite(STRONG);
    world.join_kept("alice");
    joined(&mut world, &["bob", "carol"]);
    world.assert_agreed(&["alice", "bob", "carol"]);
    assert_eq!(world.at("bob").manager.suite(), Some(STRONG));
    world.everybody_hears_everybody();

    world.leave("carol");
    let saved = world.at("alice").manager.save().expect("can be encoded");
    world.restart_with("alice", &saved, kept());
    let lost = world.identity_of("bob");
    world.restart("bob", &lost);
    world.run(Duration::from_secs(2));
    world.assert_agreed(&["alice", "bob"]);
    world.everybody_hears_everybody();
    assert_eq!(
        told_of_stronger(&world, "bob"),
        0,
        "there is no stronger one"
    );
}

#[test]
fn a_device_that_is_away_is_invited_into_a_post_quantum_room() {
    let mut world = World::in_suite(STRONG);
    joined(&mut world, &["alice", "bob"]);
    for count in [1, 0] {
        let bob = &mut world.get("bob").manager;
        bob.publish_key_packages(count).expect("a member");
        world.carry_out("bob");
        world.settle();
        let left = u32::try_from(count).expect("small");
        assert_eq!(
            world.at("bob").events.last(),
            Some(&Event::KeyPackages { left })
        );
        let saved = world.identity_of("bob");
        world.leave("bob");
        let alice = &mut world.get("alice").manager;
        alice.invite(name("bob")).expect("a member");
        world.carry_out("alice");
        world.run(A_WHILE);
        let restored = KeyManager::restore(&saved, ManagerConfig::default(), world.now);
        world.start("bob", restored.expect("just saved"));
        world.run(A_WHILE);
        world.assert_agreed(&["alice", "bob"]);
        world.everybody_hears_everybody();
    }
}

#[test]
fn a_room_below_the_floor_is_neither_created_nor_entered() {
    for (room, accepted) in [(WEAK, STRONG), (STRONG, WEAK)] {
        let mut world = World::in_suite(room);
        let refusal = FatalCause::SuiteNotAccepted { suite: room };
        for user in ["alice", "bob"] {
            world.enter_with(user, accepting(&[accepted]));
            world.run(A_WHILE);
            assert_eq!(world.at(user).events.len(), 1);
            ended_by(&mut world, user, refusal.clone());
            assert!(refusal.to_string().contains(room.name()));
            // For bob the room is occupied.
            world.join("carol");
        }
        assert_eq!(world.room.member_count(), 1);
    }
}

#[test]
fn a_saved_stay_below_the_floor_is_not_restored() {
    let mut world = World::in_suite(WEAK);
    world.join_kept("alice");
    let saved = world.at("alice").manager.save().expect("can be encoded");
    let restored = KeyManager::restore(&saved, accepting(&[STRONG]), world.now);
    let refused = restored.err();
    assert!(
        matches!(refused, Some(RestoreError::SuiteNotAccepted(WEAK))),
        "{refused:?}"
    );
}

#[test]
fn who_is_told_of_a_weaker_suite_than_the_groups_does_not_get_in() {
    let mut world = World::in_suite(STRONG);
    world.join("alice");
    world.enter("bob");
    hear_lies(&mut world, "bob", |policy, _| policy.ciphersuite = WEAK);
    let detail = "a key package is for another cipher suite than the room's".to_owned();
    let reason = Refusal::PolicyViolation;
    ended_by(
        &mut world,
        "bob",
        FatalCause::NotAdmitted {
            reason,
            code: None,
            detail,
        },
    );
}

#[test]
fn terms_that_change_in_a_stay_end_it() {
    type Lie = fn(&mut RoomPolicy);
    let lies: [Lie; 4] = [
        |policy| policy.ciphersuite = WEAK,
        |policy| policy.mode = MediaMode::Srtp(Profile::Aes128CmHmacSha1_80),
        |policy| policy.mode = MediaMode::Sframe(Suite::default()),
        |policy| policy.generation = Generation::new(7),
    ];
    for lie in lies {
        let mut world = World::in_suite(STRONG);
        world.join("alice");
        let config = ManagerConfig {
            modes: ModeKind::ALL.to_vec(),
            ..ManagerConfig::default()
        };
        world.enter_with("bob", config);
        world.run(A_WHILE);
        world.assert_agreed(&["alice", "bob"]);
        reconnect_to(&mut world, "bob", |policy, _| lie(policy));
        ended_by(&mut world, "bob", FatalCause::TermsBroken);
    }
    // Who cannot do the other mode says so.
    let mut world = World::new();
    joined(&mut world, &["alice", "bob"]);
    let mode = MediaMode::Sframe(Suite::default());
    reconnect_to(&mut world, "bob", |policy, _| policy.mode = mode);
    ended_by(&mut world, "bob", FatalCause::UnsupportedMode { mode });
}

#[test]
fn a_new_generation_may_be_stronger_and_not_weaker() {
    let next = |policy: &mut RoomPolicy, group: &mut Option<GroupHead>| {
        policy.generation = Generation::new(1);
        *group = None;
    };
    let mut world = World::in_suite(STRONG);
    joined(&mut world, &["alice", "bob"]);
    reconnect_to(&mut world, "bob", |policy, group| {
        next(policy, group);
        policy.ciphersuite = WEAK;
    });
    ended_by(&mut world, "bob", FatalCause::TermsBroken);

    let mut world = World::in_suite(WEAK);
    joined(&mut world, &["alice", "bob"]);
    reconnect_to(&mut world, "bob", |policy, group| {
        next(policy, group);
        policy.mode = MediaMode::Srtp(Profile::Aes128CmHmacSha1_80);
    });
    ended_by(&mut world, "bob", FatalCause::TermsBroken);

    let mut world = World::in_suite(WEAK);
    joined(&mut world, &["alice", "bob"]);
    world.disconnect("bob");
    world.connect("bob");
    twist(&mut world, "bob", |policy, group| {
        next(policy, group);
        policy.ciphersuite = STRONG;
    });
    world.get("bob").hold_sending = true;
    world.run(A_WHILE);
    let creates = |message: &ClientMessage| matches!(message, ClientMessage::Create { .. });
    assert!(world.at("bob").outbox.iter().any(creates), "bob goes along");
}

#[test]
fn a_room_without_encryption_cannot_be_put_into_words() {
    let policy = RoomPolicy {
        room: RoomName::new("room").expect("a name"),
        generation: Generation::default(),
        ciphersuite: WEAK,
        mode: MediaMode::default(),
        locked: false,
    };
    let room = serde_json::to_value(&policy).expect("JSON");
    for (key, none) in [
        ("mode", "none"),
        ("profile", "null"),
        ("ciphersuite", "null"),
    ] {
        let mut policy = room.clone();
        policy[key] = none.into();
        assert!(serde_json::from_value::<RoomPolicy>(policy.clone()).is_err());
        policy.as_object_mut().expect("an object").remove(key);
        let missing = serde_json::from_value::<RoomPolicy>(policy);
        assert!(missing.is_err(), "{key} is not to be left out");
    }
}

#[test]
fn members_who_could_do_better_are_told_once() {
    let mut world = World::in_suite(WEAK);
    world.join("alice");
    assert_eq!(told_of_stronger(&world, "alice"), 0, "alone");
    joined(&mut world, &["bob", "carol"]);
    for user in ["alice", "bob", "carol"] {
        assert_eq!(told_of_stronger(&world, user), 1, "{user}");
    }
    world.leave("carol");
    assert_eq!(told_of_stronger(&world, "alice"), 1);
}

#[test]
fn one_who_cannot_do_better_explains_the_weaker_suite() {
    let mut world = World::in_suite(WEAK);
    world.enter_with("alice", accepting(&[WEAK]));
    world.run(A_WHILE);
    joined(&mut world, &["bob", "carol"]);
    for user in ["alice", "bob", "carol"] {
        assert_eq!(told_of_stronger(&world, user), 0, "{user}");
    }
    world.leave("alice");
    for user in ["bob", "carol"] {
        assert_eq!(told_of_stronger(&world, user), 1, "{user}");
    }
}

#[test]
fn who_learns_a_suite_signs_it_with_its_next_renewal() {
    let mut world = World::in_suite(WEAK);
    let weak = ManagerConfig {
        ciphersuites: vec![WEAK],
        ..kept()
    };
    world.enter_with("alice", weak);
    world.run(A_WHILE);
    world.join("bob");
    assert_eq!(told_of_stronger(&world, "bob"), 0);
    let saved = world.at("alice").manager.save().expect("can be encoded");
    world.restart_with("alice", &saved, kept());
    world.run(Duration::from_secs(2));
    world.assert_agreed(&["alice", "bob"]);
    assert_eq!(told_of_stronger(&world, "bob"), 1);
}

#[test]
fn a_device_has_a_last_resort_of_each_suite() {
    let mut saved = None;
    for suite in [WEAK, STRONG, WEAK] {
        let mut world = World::in_suite(suite);
        world.join("alice");
        match &saved {
            None => world.enter("bob"),
            Some(saved) => {
                let restored = KeyManager::restore(saved, ManagerConfig::default(), world.now);
                world.start("bob", restored.expect("just saved"));
            }
        }
        world.run(A_WHILE);
        let bob = &mut world.get("bob").manager;
        bob.publish_key_packages(0).expect("a member");
        world.carry_out("bob");
        world.run(A_WHILE);
        saved = Some(world.identity_of("bob"));
        world.leave("bob");
        let alice = &mut world.get("alice").manager;
        alice.invite(name("bob")).expect("a member");
        world.carry_out("alice");
        world.run(A_WHILE);
        assert_eq!(world.last_refusal("alice"), None, "{suite}");
        let roster = world.at("alice").manager.roster().expect("a member");
        assert!(roster.leaf_of(&name("bob")).is_some(), "{suite}");
    }
}
