//! Commits that the service must take for good, and members cannot apply.

use std::time::Duration;

use mls_srtp::delivery::{CloseReason, Refusal, ServiceMessage};
use mls_srtp::event::{Event, FatalCause};
use mls_srtp_signaling::RoomEventKind;

use crate::mallory::{Forgery, Inline, Mallory};
use crate::world::{World, name};

const A_WHILE: Duration = Duration::from_secs(4);

fn with_mallory(users: &[&'static str]) -> (World, Mallory) {
    let mut world = World::new();
    for user in users {
        world.join(user);
    }
    let mallory = Mallory::join(&mut world);
    world.run(Duration::from_secs(2));
    (world, mallory)
}

fn was_reset(world: &World, user: &str) -> bool {
    let author = name("mallory");
    world.at(user).events.contains(&Event::RoomReset { author })
}

#[test]
fn a_commit_that_nobody_can_apply_ends_the_group_and_bars_its_author() {
    for forgery in [Forgery::ConfirmationTag, Forgery::MembershipTag] {
        let users = ["alice", "bob", "carol"];
        let (mut world, mut mallory) = with_mallory(&users);
        let (broken, _) = world.at("alice").manager.position().expect("a member");
        mallory.commit(&mut world, &forgery);
        world.run(A_WHILE);
        mallory.follow(&mut world);
        let (group_id, _) = world.assert_agreed(&users);
        assert_ne!(group_id, broken, "a new group");
        world.everybody_hears_everybody();
        assert!(users.iter().all(|user| was_reset(&world, user)));
        let barred = ServiceMessage::Closed {
            reason: CloseReason::Barred,
        };
        assert!(mallory.told.contains(&barred), "{:?}", mallory.told);

        mallory.come_in(&mut world);
        assert_eq!(mallory.last_refusal(), Some(Refusal::Barred));
        world.assert_agreed(&users);
    }
}

#[test]
fn two_alone_with_a_forger_find_each_other_again() {
    let (mut world, mut mallory) = with_mallory(&["alice"]);
    mallory.commit(&mut world, &Forgery::ConfirmationTag);
    world.run(A_WHILE);
    world.join("bob");
    let roster = world.at("bob").manager.roster().expect("a member");
    assert!(roster.leaf_of(&name("alice")).is_some());
    world.everybody_hears_everybody();
}

#[test]
fn a_path_that_one_member_cannot_open_costs_only_that_member_a_moment() {
    let (mut world, mut mallory) = with_mallory(&["alice", "bob", "carol"]);
    let (before, _) = world.at("alice").manager.position().expect("a member");
    mallory.commit(&mut world, &Forgery::PathFor("carol"));
    world.run(A_WHILE);
    mallory.follow(&mut world);
    let (after, epoch) = world.assert_agreed_among(&["alice", "bob", "carol"]);
    assert_eq!(before, after, "the group goes on");
    assert_eq!(mallory.epoch(), epoch, "and one complaint removes nobody");
    world.everybody_hears_everybody();
}

#[test]
fn a_second_victim_has_the_author_removed() {
    let (mut world, mut mallory) = with_mallory(&["alice", "bob", "carol"]);
    for victim in ["bob", "carol"] {
        mallory.commit(&mut world, &Forgery::PathFor(victim));
        world.run(A_WHILE);
        mallory.follow(&mut world);
    }
    world.run(A_WHILE);
    world.assert_agreed(&["alice", "bob", "carol"]);
    world.everybody_hears_everybody();
}

#[test]
fn a_member_changes_neither_the_terms_nor_who_is_in_by_itself() {
    let (mut world, mut mallory) = with_mallory(&["alice", "bob"]);
    let (_, before) = world.assert_agreed_among(&["alice", "bob"]);
    let cases = [
        // They are locked, and it is no moderator.
        (Inline::OtherTerms, Refusal::Unauthorised),
        (Inline::RemovalOf(0), Refusal::PolicyViolation),
    ];
    for (inline, refusal) in cases {
        mallory.told.clear();
        mallory.commit_inline(&mut world, &inline);
        assert_eq!(mallory.last_refusal(), Some(refusal));
    }
    assert_eq!(world.assert_agreed_among(&["alice", "bob"]).1, before);
    world.join("carol");
    mallory.follow(&mut world);
    world.everybody_hears_everybody();
}

#[test]
fn a_group_info_that_leads_astray_ends_the_group_but_bars_nobody_who_followed_it() {
    let (mut world, mut mallory) = with_mallory(&["alice", "bob", "carol"]);
    let lost = world.identity_of("bob");
    mallory.commit(&mut world, &Forgery::ExternalPub);
    world.run(Duration::from_secs(1));
    // Bob's device loses its state and comes back by what Mallory has published.
    world.restart("bob", &lost);
    world.run(A_WHILE * 2);
    world.assert_agreed_among(&["alice", "bob", "carol"]);
    world.everybody_hears_everybody();
    let barred = |kind: &RoomEventKind| format!("{kind:?}").contains("Barred");
    assert!(!world.events.iter().any(barred));
}

/// Mallory alone commits what waits, faster than anybody else.
fn while_others_are_slow(world: &mut World, act: impl FnOnce(&mut World)) {
    let others = ["alice", "bob"];
    for user in others {
        world.get(user).hold_sending = true;
    }
    act(world);
    for user in others {
        world.get(user).hold_sending = false;
    }
    world.run(A_WHILE);
}

fn complained(world: &World, user: &str) -> bool {
    let is = |kind: &RoomEventKind| {
        matches!(kind, RoomEventKind::CannotApply { reporter, author, .. }
            if *reporter == name(user) && *author == name("mallory"))
    };
    world.events.iter().any(is)
}

#[test]
fn a_welcome_of_garbage_keeps_a_newcomer_out_no_longer_than_once() {
    let (mut world, mut mallory) = with_mallory(&["alice", "bob"]);
    while_others_are_slow(&mut world, |world| {
        world.enter("carol");
        for _ in 0..4 {
            world.run(Duration::from_millis(100));
            mallory.commit(world, &Forgery::Welcome);
        }
        assert!(complained(world, "carol"));
        assert_eq!(mallory.last_refusal(), Some(Refusal::PolicyViolation));
    });
    let gave_up = |event: &Event| matches!(event, Event::Fatal(FatalCause::CannotStay(_)));
    assert!(!world.at("carol").events.iter().any(gave_up));
    mallory.follow(&mut world);
    let (_, epoch) = world.assert_agreed_among(&["alice", "bob", "carol"]);
    assert_eq!(mallory.epoch(), epoch, "and one complaint removes nobody");
    world.everybody_hears_everybody();
}

#[test]
fn two_newcomers_who_cannot_open_their_welcome_have_its_author_removed() {
    let (mut world, mut mallory) = with_mallory(&["alice", "bob"]);
    while_others_are_slow(&mut world, |world| {
        world.enter("carol");
        world.enter("dave");
        world.run(Duration::from_millis(100));
        mallory.commit(world, &Forgery::Welcome);
        world.run(Duration::from_millis(100));
    });
    assert!(complained(&world, "carol") && complained(&world, "dave"));
    world.assert_agreed(&["alice", "bob", "carol", "dave"]);
    world.everybody_hears_everybody();
}
