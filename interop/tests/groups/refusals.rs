//! What is not meant for the group, or not whole, or not what rooms require, changes nothing: on
//! neither side.

use interop::peer::ts_mls::TsMls;
use interop::peer::{Peer, PeerError, Received};
use mls_srtp::group::{FollowError, GroupError, RuleViolation};

use super::ours::OpenMls;
use super::room::{EXTENSIONS, Room};
use super::{ALICE, BOB, CAROL, stranger, two};

fn assert_refused<T: std::fmt::Debug>(result: Result<T, PeerError>) {
    match result {
        Err(PeerError::Refused { .. }) => {}
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn a_stranger_that_lists_less_than_rooms_require_is_not_added() {
    let mut alice = stranger(ALICE);
    let mut room = Room::created_by(&mut alice, ALICE);
    let mut bob = TsMls::start(BOB, &EXTENSIONS, &[1, 2]).expect("a device");
    let refused = room.addition_of(bob.key_package().expect("a key package"));
    let Err(FollowError::Group(GroupError::Rule(RuleViolation::Capabilities))) = refused else {
        panic!("not refused for its capabilities: {refused:?}");
    };
}

#[test]
fn who_loses_a_race_drops_its_commit_and_follows() {
    for strangers_lose in [true, false] {
        let (mut alice, mut bob) = (OpenMls::new(ALICE), stranger(BOB));
        let mut room = two((&mut alice, ALICE), &mut bob);
        let mut racers: [(&str, &mut dyn Peer); 2] = [(ALICE, &mut alice), (BOB, &mut bob)];
        if !strangers_lose {
            racers.reverse();
        }
        let [(first, winner), (second, loser)] = racers;

        let won = winner.commit().expect("a commit");
        let lost = loser.commit().expect("a commit");
        room.accept(first, &won).expect("the service takes it");
        winner.accept_commit().expect("it waits");
        let refused = room.accept(second, &lost);
        assert!(
            matches!(refused, Err(FollowError::WrongEpoch { .. })),
            "{refused:?}"
        );
        loser.discard_commit().expect("it waits");
        assert_eq!(
            loser.receive(&won.commit).expect("it follows"),
            Received::Commit
        );
        room.agrees(&mut [&mut alice, &mut bob]);
        room.commit(BOB, &mut [&mut bob, &mut alice]);
        room.agrees(&mut [&mut alice, &mut bob]);
    }
}

#[test]
fn a_commit_that_is_dropped_or_overtaken_cannot_be_applied() {
    let (mut alice, mut bob) = (OpenMls::new(ALICE), stranger(BOB));
    let mut room = two((&mut alice, ALICE), &mut bob);
    assert_refused(bob.accept_commit());
    bob.commit().expect("a commit");
    bob.discard_commit().expect("it waits");
    assert_refused(bob.accept_commit());
    bob.commit().expect("a commit");
    room.commit(ALICE, &mut [&mut alice, &mut bob]);
    assert_refused(bob.accept_commit());
    room.agrees(&mut [&mut alice, &mut bob]);
}

#[test]
fn proposals_of_another_epoch_group_or_service_are_not_kept() {
    let (mut alice, mut bob) = (OpenMls::new(ALICE), stranger(BOB));
    let mut room = two((&mut alice, ALICE), &mut bob);
    let late = room.removal_of(ALICE);
    room.commit(ALICE, &mut [&mut alice, &mut bob]);
    assert_refused(bob.receive(&late));

    // As far along, of the same group id, but signed with another service's key.
    let (mut carol, mut dave) = (OpenMls::new(CAROL), OpenMls::new(BOB));
    let mut elsewhere = two((&mut carol, CAROL), &mut dave);
    elsewhere.commit(CAROL, &mut [&mut carol, &mut dave]);
    assert_refused(bob.receive(&elsewhere.removal_of(CAROL)));

    // As far along, of the same service, but of another group.
    let mut carol = OpenMls::new(CAROL);
    let mut beside = room.beside(&mut carol, CAROL);
    for _ in 0..2 {
        beside.commit(CAROL, &mut [&mut carol]);
    }
    assert_refused(bob.receive(&beside.removal_of(CAROL)));

    let commit = alice.commit().expect("a commit");
    room.accept(ALICE, &commit).expect("the service takes it");
    alice.accept_commit().expect("it waits");
    let early = room.removal_of(ALICE);
    assert_refused(bob.receive(&early));
    bob.receive(&commit.commit).expect("it follows");
    room.agrees(&mut [&mut alice, &mut bob]);

    bob.receive(&early).expect("now it is of this epoch");
    alice.receive(&early).expect("it is of this epoch");
    let (_, was) = room.commit(BOB, &mut [&mut bob, &mut alice]);
    assert_eq!(was, [Received::Removed]);
    room.agrees(&mut [&mut bob]);
}

#[test]
fn a_commit_that_was_cut_or_changed_on_the_way_changes_nothing() {
    let (mut alice, mut bob) = (OpenMls::new(ALICE), stranger(BOB));
    let mut room = two((&mut alice, ALICE), &mut bob);
    let commit = alice.commit().expect("a commit");
    for end in 0..commit.commit.len() {
        assert_refused(bob.receive(&commit.commit[..end]));
    }
    for at in 0..commit.commit.len() {
        let mut changed = commit.commit.clone();
        changed[at] ^= 1;
        assert_refused(bob.receive(&changed));
    }
    let longer = [commit.commit.as_slice(), &[0]].concat();
    assert_refused(bob.receive(&longer));

    room.accept(ALICE, &commit).expect("the service takes it");
    alice.accept_commit().expect("it waits");
    bob.receive(&commit.commit).expect("it follows");
    room.agrees(&mut [&mut alice, &mut bob]);
}

#[test]
fn a_welcome_opens_for_its_key_package_only_and_once() {
    let (mut alice, mut bob, mut carol) = (OpenMls::new(ALICE), stranger(BOB), stranger(CAROL));
    let mut room = Room::created_by(&mut alice, ALICE);
    for device in [&mut bob, &mut carol] {
        device
            .key_package()
            .expect("a key package that nobody uses");
    }
    room.propose_add(bob.key_package().expect("a key package"), &mut [&mut alice]);
    let (welcome, _) = room.commit(ALICE, &mut [&mut alice]);
    let welcome = welcome.expect("somebody was added");
    assert_refused(carol.join(&welcome, &room.tree()));
    assert_refused(carol.external_commit(&room.group_info, &room.tree()));
    bob.join(&welcome, &room.tree()).expect("it joins");
    room.agrees(&mut [&mut alice, &mut bob]);
    assert_refused(bob.join(&welcome, &room.tree()));
    room.agrees(&mut [&mut alice, &mut bob]);
}
