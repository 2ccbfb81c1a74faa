//! ts-mls in one group with OpenMLS, under the rules of the service, without sockets.

mod bytes;
mod churn;
mod limits;
mod locking;
mod ours;
mod refusals;
mod room;

use interop::peer::ts_mls::TsMls;
use interop::peer::{Peer, Received};
use ours::OpenMls;
use room::{CREDENTIALS, EXTENSIONS, Room};

const ALICE: &str = "alice@example.org/phone";
const BOB: &str = "bob@example.org/laptop";
const CAROL: &str = "carol@example.com/phone";

fn stranger(name: &str) -> TsMls {
    TsMls::start(name, &EXTENSIONS, &CREDENTIALS).expect("`npm ci` was run in interop/ts-mls")
}

/// A room of two, the first of them its creator.
fn two(creator: (&mut dyn Peer, &str), joiner: &mut dyn Peer) -> Room {
    let mut room = Room::created_by(creator.0, creator.1);
    let key_package = joiner.key_package().expect("a key package");
    let (welcome, _) = {
        let mut members = [creator.0];
        room.propose_add(key_package, &mut members);
        room.commit(creator.1, &mut members)
    };
    let welcome = welcome.expect("somebody was added");
    joiner.join(&welcome, &room.tree()).expect("it joins");
    room
}

#[test]
fn a_stranger_joins_our_group() {
    let (mut alice, mut bob) = (OpenMls::new(ALICE), stranger(BOB));
    let mut room = two((&mut alice, ALICE), &mut bob);
    room.agrees(&mut [&mut alice, &mut bob]);
    assert_eq!(bob.view().expect("a view").own_leaf, 1);

    room.commit(BOB, &mut [&mut bob, &mut alice]);
    room.agrees(&mut [&mut bob, &mut alice]);
    room.commit(ALICE, &mut [&mut alice, &mut bob]);
    room.agrees(&mut [&mut alice, &mut bob]);
}

#[test]
fn we_join_a_strangers_group() {
    let (mut alice, mut bob) = (stranger(ALICE), OpenMls::new(BOB));
    let mut room = two((&mut alice, ALICE), &mut bob);
    room.agrees(&mut [&mut alice, &mut bob]);

    room.commit(BOB, &mut [&mut bob, &mut alice]);
    room.agrees(&mut [&mut bob, &mut alice]);
}

/// The same with a third member, whom the first one adds.
fn three(alice: &mut dyn Peer, bob: &mut dyn Peer, carol: &mut dyn Peer) -> Room {
    let mut room = two((alice, ALICE), bob);
    let mut members: [&mut dyn Peer; 2] = [alice, bob];
    room.propose_add(carol.key_package().expect("a key package"), &mut members);
    let (welcome, _) = room.commit(ALICE, &mut members);
    let welcome = welcome.expect("somebody was added");
    carol.join(&welcome, &room.tree()).expect("it joins");
    room
}

#[test]
fn a_stranger_that_lost_its_state_takes_its_leaf_back() {
    let (mut alice, mut bob) = (OpenMls::new(ALICE), stranger(BOB));
    let mut carol = stranger(CAROL);
    let mut room = three(&mut alice, &mut bob, &mut carol);

    let (info, tree) = (room.group_info.clone(), room.tree());
    let back = bob
        .external_commit(&info, &tree)
        .expect("an external commit");
    room.accept_external(BOB, &back)
        .expect("the service takes it");
    bob.accept_commit().expect("it waits");
    for other in [&mut alice as &mut dyn Peer, &mut carol] {
        assert_eq!(
            other.receive(&back.commit).expect("it follows"),
            Received::Commit
        );
    }
    room.agrees(&mut [&mut alice, &mut bob, &mut carol]);
    assert_eq!(bob.view().expect("a view").own_leaf, 1);

    room.commit(BOB, &mut [&mut bob, &mut alice, &mut carol]);
    room.agrees(&mut [&mut alice, &mut bob, &mut carol]);
}

#[test]
fn strangers_follow_when_we_take_our_leaf_back() {
    let (mut alice, mut bob) = (stranger(ALICE), OpenMls::new(BOB));
    let mut carol = stranger(CAROL);
    let mut room = three(&mut alice, &mut bob, &mut carol);

    let (info, tree) = (room.group_info.clone(), room.tree());
    let back = bob
        .external_commit(&info, &tree)
        .expect("an external commit");
    room.accept_external(BOB, &back)
        .expect("the service takes it");
    bob.accept_commit().expect("it waits");
    for other in [&mut alice, &mut carol] {
        assert_eq!(
            other.receive(&back.commit).expect("it follows"),
            Received::Commit
        );
    }
    room.agrees(&mut [&mut alice, &mut bob, &mut carol]);
}

#[test]
fn whom_the_service_removes_knows_it_and_is_out() {
    let (mut alice, mut bob) = (OpenMls::new(ALICE), stranger(BOB));
    let mut carol = OpenMls::new(CAROL);
    let mut room = three(&mut alice, &mut bob, &mut carol);

    room.propose_remove(CAROL, &mut [&mut bob, &mut alice, &mut carol]);
    let (_, was) = room.commit(BOB, &mut [&mut bob, &mut alice, &mut carol]);
    assert_eq!(was, [Received::Commit, Received::Removed]);
    room.agrees(&mut [&mut alice, &mut bob]);

    room.propose_remove(BOB, &mut [&mut alice, &mut bob]);
    let (_, was) = room.commit(ALICE, &mut [&mut alice, &mut bob]);
    assert_eq!(was, [Received::Removed]);
    room.agrees(&mut [&mut alice]);
    bob.view().expect_err("it is in no group");
}

#[test]
fn whom_its_own_new_device_replaces_knows_it() {
    let (mut alice, mut bob) = (OpenMls::new(ALICE), stranger(BOB));
    let mut room = two((&mut alice, ALICE), &mut bob);
    let mut again = stranger(BOB);
    room.propose_remove(BOB, &mut [&mut alice, &mut bob]);
    let key_package = again.key_package().expect("a key package");
    room.propose_add(key_package, &mut [&mut alice, &mut bob]);
    let (welcome, was) = room.commit(ALICE, &mut [&mut alice, &mut bob]);
    assert_eq!(was, [Received::Removed]);
    bob.view().expect_err("it is in no group");
    let welcome = welcome.expect("somebody was added");
    again.join(&welcome, &room.tree()).expect("it joins");
    assert_eq!(again.view().expect("a view").own_leaf, 1);
    room.agrees(&mut [&mut alice, &mut again]);
}
