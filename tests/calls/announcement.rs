//! Announcements of streams that find no way at first.

use std::time::Duration;

use mls_srtp::delivery::{ClientMessage, Refusal, ServiceMessage};
use mls_srtp::id::Ssrc;
use mls_srtp::pipeline::{Stream, StreamId, StreamSource};

use crate::world::{World, name};

/// Longer than the service's pings are apart.
const A_PING: Duration = Duration::from_secs(3);

/// Bob begins to share a screen.
const SCREEN: Stream = Stream {
    id: StreamId::Ssrc(Ssrc::new(77)),
    source: StreamSource::Screen,
};

fn two() -> World {
    let mut world = World::new();
    world.join("alice");
    world.join("bob");
    world.run(Duration::from_secs(2));
    world
}

fn share(world: &mut World) {
    world.get("bob").manager.announce_streams(vec![SCREEN]);
    world.carry_out("bob");
    world.settle();
}

fn alice_knows(world: &World) -> bool {
    let pipeline = &world.at("alice").pipeline;
    pipeline.stream_source(&name("bob"), SCREEN.id) == Some(SCREEN.source)
}

#[test]
fn what_a_withdrawn_proposal_held_up_is_announced_without_a_new_epoch() {
    let mut world = two();
    let before = world.assert_agreed(&["alice", "bob"]);
    world.get("alice").hold_sending = true;
    world.enter("dave");
    world.settle();
    share(&mut world);
    world.disconnect("dave");
    world.participants.remove("dave");
    world.get("alice").hold_sending = false;
    world.settle();
    assert!(
        !alice_knows(&world),
        "MLS allowed nothing while dave was to come"
    );
    world.run(A_PING);
    assert_eq!(world.assert_agreed(&["alice", "bob"]), before);
    assert!(alice_knows(&world));
}

#[test]
fn who_stops_sending_says_so() {
    let mut world = two();
    share(&mut world);
    assert!(alice_knows(&world));
    world.get("bob").manager.announce_streams(Vec::new());
    world.carry_out("bob");
    world.settle();
    let pipeline = &world.at("alice").pipeline;
    assert_eq!(pipeline.stream_source(&name("bob"), SCREEN.id), None);
}

#[test]
fn what_was_lost_with_its_refusal_is_announced_again() {
    let mut world = two();
    world.get("bob").hold_sending = true;
    share(&mut world);
    let bob = world.get("bob");
    bob.hold_sending = false;
    let lost = bob.outbox.pop_front();
    assert!(matches!(lost, Some(ClientMessage::Application { .. })));
    world.run(A_PING);
    assert!(!alice_knows(&world), "it may be under way");
    world.run(A_PING);
    assert!(alice_knows(&world));
}

#[test]
fn what_the_service_could_not_store_is_announced_again() {
    let mut world = two();
    world.get("bob").hold_sending = true;
    share(&mut world);
    let bob = world.get("bob");
    bob.hold_sending = false;
    let lost = bob.outbox.pop_front();
    assert!(matches!(lost, Some(ClientMessage::Application { .. })));
    let refused = ServiceMessage::Refused {
        request: "application".into(),
        reason: Refusal::RateLimited,
        code: None,
        detail: "the disk is full".into(),
    };
    let now = world.now;
    world.get("bob").manager.handle_message(refused, now);
    world.run(A_PING);
    assert!(alice_knows(&world));
}
