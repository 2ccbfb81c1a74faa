//! The first committer fails in every way that it can; somebody else commits.

use std::time::Duration;

use mls_srtp::ManagerConfig;
use mls_srtp::delivery::{ClientMessage, ServiceMessage};
use mls_srtp::id::Epoch;

use crate::world::World;

/// Long enough for the second in rank, too short for a removal after the grace time.
const TAKEOVER: Duration = Duration::from_millis(800);

fn four_with_a_pending_join() -> World {
    let mut world = World::new();
    for user in ["alice", "bob", "carol"] {
        world.join(user);
    }
    world.run(Duration::from_secs(2));
    world
}

#[test]
fn a_silent_committer_is_overtaken_and_catches_up() {
    let mut world = four_with_a_pending_join();
    world.get("alice").hold_sending = true;
    world.enter("dave");
    world.run(Duration::from_millis(250));
    assert_eq!(world.epoch_of("bob"), Some(Epoch::new(2)), "not yet");
    world.run(TAKEOVER);
    assert_eq!(world.epoch_of("bob"), Some(Epoch::new(3)), "bob took over");
    world.get("alice").hold_sending = false;
    world.run(TAKEOVER);
    world.assert_agreed(&["alice", "bob", "carol", "dave"]);
    world.everybody_hears_everybody();
}

#[test]
fn whoever_let_a_turn_pass_is_not_waited_for_again() {
    let mut world = four_with_a_pending_join();
    world.get("alice").hold_sending = true;
    world.enter("dave");
    world.run(TAKEOVER);
    world.enter("erin");
    world.run(Duration::from_millis(250));
    assert_eq!(
        world.epoch_of("bob"),
        Some(Epoch::new(4)),
        "after the batch window alone"
    );
}

#[test]
fn two_silent_committers_are_overtaken_in_turn() {
    let mut world = four_with_a_pending_join();
    world.get("alice").hold_sending = true;
    world.get("bob").hold_sending = true;
    world.enter("dave");
    world.run(TAKEOVER);
    assert_eq!(world.epoch_of("carol"), Some(Epoch::new(3)));
}

#[test]
fn who_missed_the_list_of_committers_hears_it_with_the_next_ping() {
    let mut world = four_with_a_pending_join();
    let (group_id, _) = world.at("bob").manager.position().expect("a member");
    for user in ["bob", "carol"] {
        let leaves = Vec::new();
        let nobody = ServiceMessage::Committers { group_id, leaves };
        let now = world.now;
        world.get(user).manager.handle_message(nobody, now);
    }
    world.get("alice").hold_sending = true;
    world.enter("dave");
    world.run(Duration::from_secs(2) + TAKEOVER);
    assert_eq!(world.epoch_of("bob"), Some(Epoch::new(3)));
}

#[test]
fn a_committer_that_dies_before_its_commit_arrives_is_overtaken() {
    let mut world = four_with_a_pending_join();
    world.get("alice").hold_sending = true;
    world.enter("dave");
    world.run(Duration::from_millis(150));
    let submitted = |m: &ClientMessage| matches!(m, ClientMessage::Commit { .. });
    assert!(world.at("alice").outbox.iter().any(submitted));
    world.disconnect("alice");
    world.participants.remove("alice");
    world.run(Duration::from_secs(7));
    world.assert_agreed(&["bob", "carol", "dave"]);
    world.everybody_hears_everybody();
}

#[test]
fn a_committer_that_dies_after_its_commit_was_accepted_leaves_everybody_else_in_it() {
    let mut world = four_with_a_pending_join();
    world.get("alice").hold_receiving = true;
    world.enter("dave");
    // Alice learns of the wish, but not that her commit was accepted.
    world.settle();
    while let Some(message) = world.get("alice").inbox.pop_front() {
        let accepted = matches!(&message, ServiceMessage::Ready { .. });
        assert!(!accepted);
        let now = world.now;
        world.get("alice").manager.handle_message(message, now);
        world.carry_out("alice");
    }
    world.settle();
    assert_eq!(world.epoch_of("bob"), Some(Epoch::new(3)));
    assert_eq!(world.epoch_of("alice"), Some(Epoch::new(2)));
    world.get("alice").hold_receiving = false;
    world.disconnect("alice");
    world.connect("alice");
    world.run(TAKEOVER);
    world.assert_agreed(&["alice", "bob", "carol", "dave"]);
    world.everybody_hears_everybody();
}

#[test]
fn a_commit_that_gets_no_answer_is_sorted_out_over_a_new_connection() {
    let mut world = four_with_a_pending_join();
    // Nobody else could take over.
    world.leave("bob");
    world.leave("carol");
    world.enter("dave");
    world.settle();
    // The service never saw it.
    let alice = world.get("alice");
    alice
        .outbox
        .retain(|m| !matches!(m, ClientMessage::Commit { .. }));
    world.run(ManagerConfig::default().answer_patience + TAKEOVER);
    world.assert_agreed(&["alice", "dave"]);
}

#[test]
fn a_slow_room_is_given_more_time() {
    let mut world = four_with_a_pending_join();
    // Every commit of alice takes half a second to arrive; the first time somebody takes over.
    for user in ["dave", "erin"] {
        world.get("alice").hold_sending = true;
        world.enter(user);
        world.run(Duration::from_millis(500));
        world.get("alice").hold_sending = false;
        world.run(Duration::from_secs(2));
    }
    world.assert_agreed(&["alice", "bob", "carol", "dave", "erin"]);
}

#[test]
fn a_large_tree_fills_itself_in_a_quiet_room() {
    let mut world = World::new();
    for user in ["alice", "bob", "carol"] {
        let config = ManagerConfig {
            fill_above: 2,
            ..ManagerConfig::default()
        };
        world.enter_with(user, config);
        world.run(Duration::from_millis(500));
    }
    let (_, before) = world.assert_agreed(&["alice", "bob", "carol"]);
    world.run(Duration::from_secs(12));
    let (_, after) = world.assert_agreed(&["alice", "bob", "carol"]);
    // Leaves 0 and 2 each commit their path once.
    assert_eq!(after.get(), before.get() + 2);
    world.everybody_hears_everybody();
}
