//! When members connect their media: once in every stay, and never while somebody still sends in an
//! epoch that they do not have.

use std::time::Duration;

use mls_srtp::delivery::ServiceMessage;
use mls_srtp::event::Event;
use mls_srtp::id::Epoch;

use crate::world::World;

const STEP: Duration = Duration::from_millis(10);
const A_WHILE: Duration = Duration::from_secs(1);

fn three() -> World {
    let mut world = World::new();
    for user in ["alice", "bob", "carol"] {
        world.join_kept(user);
    }
    world
}

fn times_ready(world: &World, user: &str) -> usize {
    let events = world.at(user).events.iter();
    events.filter(|event| **event == Event::MediaReady).count()
}

/// Somebody enters and is a member as soon as the messages arrive.
fn let_enter(world: &mut World, user: &'static str) {
    world.enter(user);
    for _ in 0..100 {
        if world.epoch_of(user).is_some() {
            return;
        }
        world.run(STEP);
    }
    panic!("{user} is no member after a second");
}

/// What has come for somebody so far reaches it; what comes in return waits for the next time.
fn let_in(world: &mut World, user: &str) {
    let now = world.now;
    let waiting = std::mem::take(&mut world.get(user).inbox);
    for message in waiting {
        world.get(user).manager.handle_message(message, now);
        world.carry_out(user);
    }
}

#[test]
fn a_newcomer_waits_for_those_who_learn_later_that_all_are_ready() {
    let mut world = three();
    let delay = Duration::from_millis(60);
    world.get("bob").hold_receiving = true;
    world.enter("dave");
    for round in 1.. {
        world.run(STEP);
        if round % (delay.as_millis() / STEP.as_millis()) == 0 {
            let_in(&mut world, "bob");
        }
        if times_ready(&world, "dave") > 0 {
            break;
        }
        assert!(round < 200, "dave never connects");
    }
    let bob = world.at("bob").pipeline.sending_epoch();
    assert!(bob >= world.epoch_of("dave"), "bob still sends in {bob:?}");
}

#[test]
fn a_newcomer_waits_for_those_who_move_on_after_the_cap() {
    let mut world = three();
    world.get("bob").hold_receiving = true;
    world.enter("dave");
    world.run(Duration::from_millis(350));
    let_in(&mut world, "bob");
    // What bob reports is lost, and so is the word that all are ready.
    let bob = world.get("bob");
    bob.outbox.clear();
    bob.hold_sending = true;
    for _ in 0..100 {
        world.run(STEP);
        if times_ready(&world, "dave") > 0 {
            break;
        }
    }
    assert_eq!(times_ready(&world, "dave"), 1);
    let bob = world.at("bob").pipeline.sending_epoch();
    assert!(bob >= world.epoch_of("dave"), "bob still sends in {bob:?}");
}

#[test]
fn a_newcomer_connects_soon_when_all_are_ready() {
    let mut world = three();
    let_enter(&mut world, "dave");
    world.run(Duration::from_millis(100));
    assert_eq!(times_ready(&world, "dave"), 1, "the cap is 300 ms");
}

#[test]
fn that_all_have_an_earlier_epoch_tells_a_newcomer_nothing() {
    let mut world = three();
    world.get("bob").hold_sending = true;
    let_enter(&mut world, "dave");
    let (group_id, epoch) = world.at("dave").manager.position().expect("a member");
    let earlier = ServiceMessage::Ready {
        group_id,
        epoch: Epoch::new(epoch.get() - 1),
    };
    let now = world.now;
    world.get("dave").manager.handle_message(earlier, now);
    world.run(Duration::from_millis(400));
    assert_eq!(times_ready(&world, "dave"), 0, "bob has not reported");
    world.run(A_WHILE);
    assert_eq!(times_ready(&world, "dave"), 1);
}

#[test]
fn a_restored_member_connects_media_once() {
    let mut world = three();
    let saved = world.at("bob").manager.save().expect("can be encoded");
    world.restart("bob", &saved);
    world.run(A_WHILE);
    assert_eq!(times_ready(&world, "bob"), 1);
    world.disconnect("bob");
    world.connect("bob");
    world.run(A_WHILE);
    assert_eq!(times_ready(&world, "bob"), 1, "no other stay began");
}

#[test]
fn a_restored_member_waits_until_the_service_goes_on_with_its_stay() {
    let mut world = three();
    let saved = world.at("bob").manager.save().expect("can be encoded");
    world.restart("bob", &saved);
    world.get("bob").hold_receiving = true;
    world.run(A_WHILE);
    assert_eq!(times_ready(&world, "bob"), 0);
    let first = world.at("bob").inbox.front();
    assert!(matches!(first, Some(ServiceMessage::Room { .. })));
    // Nobody else says that it has bob's new epoch.
    world.get("alice").hold_sending = true;
    world.get("bob").hold_receiving = false;
    world.run(A_WHILE);
    assert_eq!(times_ready(&world, "bob"), 1, "after the cap");
}

#[test]
fn whoever_enters_anew_connects_media_anew() {
    let mut world = three();
    world.run(A_WHILE);
    assert_eq!(times_ready(&world, "bob"), 1);
    world.show_gap("bob");
    world.show_gap("bob");
    world.run(A_WHILE);
    let anew = |event: &&Event| matches!(event, Event::Resyncing { .. });
    let events = &world.at("bob").events;
    assert_eq!(events.iter().filter(anew).count(), 1);
    assert_eq!(times_ready(&world, "bob"), 2);
    let last = events.iter().rposition(|event| *event == Event::MediaReady);
    assert!(last > events.iter().position(|event| anew(&event)));
}

#[test]
fn a_member_that_takes_its_leaf_back_connects_media() {
    let mut world = three();
    let identity = world.identity_of("bob");
    world.restart("bob", &identity);
    world.run(A_WHILE);
    let returned = |kind: &mls_srtp_signaling::RoomEventKind| {
        matches!(kind, mls_srtp_signaling::RoomEventKind::Returned { .. })
    };
    assert!(world.events.iter().any(returned), "by an external commit");
    assert_eq!(times_ready(&world, "bob"), 1);
}
