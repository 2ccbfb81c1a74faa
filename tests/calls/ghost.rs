//! Services that bring in somebody whom nobody asked for, and members who notice.

use std::time::Duration;

use mls_srtp::delivery::{Blob, LogBody, LogEntry, ServiceMessage, chain};
use mls_srtp::event::{Event, FatalCause};
use mls_srtp::id::{Epoch, GroupId, LeafIndex, Seq};

use crate::mallory::Mallory;
use crate::world::{World, name};

/// A call of alice, bob and mallory, who works for the service.
fn call() -> (World, Mallory) {
    let mut world = World::new();
    for user in ["alice", "bob"] {
        world.join(user);
    }
    let mut mallory = Mallory::join(&mut world);
    world.run(Duration::from_secs(2));
    mallory.follow(&mut world);
    (world, mallory)
}

/// Tells alice that an external commit was accepted, whatever it is.
fn tell_alice(world: &mut World, mallory: &Mallory, author: u16, commit: Blob) {
    let (group_id, seq, before): (GroupId, Seq, Blob) = mallory.at();
    let body = LogBody::Commit {
        epoch: mallory.epoch(),
        author: LeafIndex::new(author),
        commit,
    };
    let seq = seq.next();
    let entry = LogEntry {
        group_id,
        seq,
        term: 0,
        chain: chain::next(&before, group_id, seq, 0, &body),
        body,
    };
    let now = world.now;
    let manager = &mut world.get("alice").manager;
    manager.handle_message(ServiceMessage::Entry(entry), now);
    world.carry_out("alice");
}

fn epoch_of_alice(world: &World) -> Option<Epoch> {
    world.at("alice").manager.position().map(|(_, epoch)| epoch)
}

#[test]
fn somebody_without_a_name_ends_the_stay_at_once() {
    let (mut world, mallory) = call();
    assert!(world.packet("alice").is_ok());
    let ghost = mallory.ghost(b"x");
    tell_alice(&mut world, &mallory, 3, ghost);
    let last = world.at("alice").events.last();
    let broken = Event::Fatal(FatalCause::TermsBroken);
    assert_eq!(last, Some(&broken), "nobody to suspect by name");
    assert!(world.packet("alice").is_err(), "nothing is sent any more");
}

#[test]
fn somebody_who_was_never_added_is_suspected_and_hears_nothing() {
    let (mut world, mallory) = call();
    let before = epoch_of_alice(&world);
    let ghost = mallory.ghost(name("ghost").to_string().as_bytes());
    tell_alice(&mut world, &mallory, 3, ghost);
    assert_eq!(epoch_of_alice(&world), before.map(Epoch::next), "followed");
    let suspected = |event: &Event| {
        matches!(event, Event::Untrusted { participant, leaf, .. }
            if *participant == name("ghost") && *leaf == LeafIndex::new(3))
    };
    assert!(world.at("alice").events.iter().any(suspected));
    assert!(world.packet("alice").is_err(), "nothing is sent");
}

#[test]
fn nobody_is_blamed_for_what_another_did() {
    let (mut world, mallory) = call();
    let ghost = mallory.ghost(name("ghost").to_string().as_bytes());
    // The service says that it was bob, or a leaf where nobody is.
    tell_alice(&mut world, &mallory, 1, ghost);
    let blamed = |event: &Event| matches!(event, Event::Untrusted { .. });
    assert!(!world.at("alice").events.iter().any(blamed));
    let gave_up = |event: &Event| matches!(event, Event::Resyncing { .. });
    assert!(world.at("alice").events.iter().any(gave_up));
    assert!(world.packet("alice").is_err(), "the epoch was not entered");
}
