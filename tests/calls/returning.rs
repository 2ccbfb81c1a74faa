//! A device that has its signature key and nothing else takes its leaf back, or asks to be added.

use std::time::Duration;

use mls_srtp::ManagerConfig;
use mls_srtp::delivery::{Blob, ClientMessage, Refusal, ServiceMessage};
use mls_srtp::id::GroupId;
use mls_srtp_signaling::RoomEventKind;

use crate::world::World;

/// Bob is back without its state. Nothing that it says goes further than its outbox.
fn bob_returns() -> World {
    bob_returns_with(ManagerConfig::default())
}

fn bob_returns_with(config: ManagerConfig) -> World {
    let mut world = World::new();
    for user in ["alice", "bob", "carol"] {
        world.join(user);
    }
    let identity = world.identity_of("bob");
    world.restart_with("bob", &identity, config);
    world.get("bob").hold_sending = true;
    let hello = said(&mut world);
    assert!(matches!(hello[..], [ClientMessage::Hello { .. }]));
    pass_on(&mut world, hello);
    world
}

/// What bob has said since it was asked last.
fn said(world: &mut World) -> Vec<ClientMessage> {
    world.get("bob").outbox.drain(..).collect()
}

fn pass_on(world: &mut World, messages: Vec<ClientMessage>) {
    let client = world.client_of("bob");
    for message in messages {
        world.submit(client, message);
    }
    world.settle();
}

fn tell(world: &mut World, message: ServiceMessage) {
    let now = world.now;
    world.get("bob").manager.handle_message(message, now);
    world.carry_out("bob");
}

fn refuse(world: &mut World, reason: Refusal) {
    let refused = ServiceMessage::Refused {
        request: "external_commit".into(),
        reason,
        code: None,
        detail: "a test".into(),
    };
    tell(world, refused);
}

/// Bob asks for the GroupInfo, gets it and commits; what it has committed.
fn attempt(world: &mut World) -> ClientMessage {
    let asks = said(world);
    assert!(
        matches!(asks[..], [ClientMessage::AskGroupInfo { .. }]),
        "{asks:?}"
    );
    pass_on(world, asks);
    let mut commits = said(world);
    assert_eq!(commits.len(), 1);
    commits.remove(0)
}

fn joins(message: &ClientMessage) -> bool {
    matches!(message, ClientMessage::Join { .. })
}

#[test]
fn whoever_loses_three_races_asks_to_be_added() {
    let mut world = bob_returns();
    for _ in 0..3 {
        let commit = attempt(&mut world);
        assert!(matches!(commit, ClientMessage::ExternalCommit { .. }));
        refuse(&mut world, Refusal::WrongEpoch);
    }
    let join = said(&mut world);
    assert!(matches!(&join[..], [join] if joins(join)), "{join:?}");
    world.get("bob").hold_sending = false;
    pass_on(&mut world, join);
    world.run(Duration::from_secs(1));
    world.assert_agreed(&["alice", "bob", "carol"]);
    world.everybody_hears_everybody();
}

#[test]
fn whoever_may_not_return_asks_to_be_added_at_once() {
    let mut world = bob_returns();
    attempt(&mut world);
    refuse(&mut world, Refusal::RateLimited);
    assert!(said(&mut world).iter().any(joins));
}

#[test]
fn a_lost_race_is_run_again() {
    let mut world = bob_returns();
    let late = attempt(&mut world);
    world.leave("carol");
    world.get("bob").hold_sending = false;
    pass_on(&mut world, vec![late]);
    world.run(Duration::from_millis(100));
    world.assert_agreed(&["alice", "bob"]);
    let returned = |kind: &&RoomEventKind| matches!(kind, RoomEventKind::Returned { .. });
    assert_eq!(world.events.iter().filter(returned).count(), 1);
    world.everybody_hears_everybody();
}

#[test]
fn a_group_info_that_was_not_asked_for_is_not_committed_to() {
    let mut world = bob_returns();
    let (group_id, epoch) = world.assert_agreed_among(&["alice"]);
    let group_info = |group_id| ServiceMessage::GroupInfo {
        group_id,
        epoch,
        group_info: Blob::default(),
        tree: Blob::default(),
    };
    tell(&mut world, group_info(GroupId::new([9; 16])));
    let commit = attempt(&mut world);
    tell(&mut world, group_info(group_id));
    assert!(said(&mut world).is_empty(), "one commit at a time");
    world.get("bob").hold_sending = false;
    pass_on(&mut world, vec![commit]);
    world.assert_agreed(&["alice", "bob", "carol"]);
}

#[test]
fn each_question_on_the_way_back_has_its_own_time_for_an_answer() {
    // Short enough for the grace time, after which the leaf would be gone.
    let patience = Duration::from_secs(1);
    let almost = Duration::from_millis(900);
    let mut world = bob_returns_with(ManagerConfig {
        answer_patience: patience,
        ..ManagerConfig::default()
    });
    let client = world.client_of("bob");
    for _ in 0..2 {
        world.run(almost);
        attempt(&mut world);
        world.run(almost);
        refuse(&mut world, Refusal::WrongEpoch);
    }
    assert_eq!(world.client_of("bob"), client, "the connection is sound");
    world.run(patience);
    assert_ne!(world.client_of("bob"), client, "and now it is not");
}
