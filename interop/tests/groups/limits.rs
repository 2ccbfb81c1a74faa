//! Where ts-mls 1.6.4 does not do what RFC 9420 says, and that the room goes on. A newer one for which
//! these tests fail may do more in `churn`.

use interop::peer::{Peer, PeerError, PeerKind, Received};

use super::ours::OpenMls;
use super::room::{Members, Room};
use super::{ALICE, BOB, CAROL, stranger, three};

/// The commit secret follows from the last secret of the path (§12.4.1). ts-mls goes on to the root
/// also where the root is not on the path, because nobody is left in the other half of the tree.
#[test]
fn a_member_that_cannot_follow_comes_back() {
    let (mut alice, mut bob) = (OpenMls::new(ALICE), OpenMls::new(BOB));
    let mut carol = stranger(CAROL);
    let mut room = three(&mut alice, &mut bob, &mut carol);
    let dave_name = "dave@example.com/phone";
    let mut dave = OpenMls::new(dave_name);
    add(
        &mut room,
        ALICE,
        &mut dave,
        &mut [&mut alice, &mut bob, &mut carol],
    );

    room.propose_remove(ALICE, &mut [&mut dave, &mut alice, &mut bob, &mut carol]);
    room.commit(
        dave_name,
        &mut [&mut dave, &mut alice, &mut bob, &mut carol],
    );
    room.propose_remove(BOB, &mut [&mut dave, &mut bob, &mut carol]);
    let commit = dave.commit().expect("a commit");
    room.accept(dave_name, &commit)
        .expect("the service takes it");
    dave.accept_commit().expect("it waits");
    assert_eq!(
        bob.receive(&commit.commit).expect("it follows"),
        Received::Removed
    );
    let refused = carol
        .receive(&commit.commit)
        .expect_err("the root is not on the path");
    assert!(
        refused.to_string().contains("confirmation tag"),
        "{refused}"
    );

    let back = carol.external_commit(&room.group_info, &room.tree());
    let back = back.expect("an external commit");
    room.accept_external(CAROL, &back)
        .expect("the service takes it");
    carol.accept_commit().expect("it waits");
    assert_eq!(
        dave.receive(&back.commit).expect("it follows"),
        Received::Commit
    );
    room.agrees(&mut [&mut carol, &mut dave]);
}

/// The same the other way round: the service cannot see what is wrong, the members do.
#[test]
fn a_commit_that_only_its_author_can_apply_is_refused_by_the_others() {
    let (mut alice, mut bob) = (OpenMls::new(ALICE), OpenMls::new(BOB));
    let mut carol = OpenMls::new(CAROL);
    let mut room = three(&mut alice, &mut bob, &mut carol);
    let dave_name = "dave@example.com/phone";
    let mut dave = stranger(dave_name);
    add(
        &mut room,
        ALICE,
        &mut dave,
        &mut [&mut alice, &mut bob, &mut carol],
    );
    room.propose_remove(ALICE, &mut [&mut carol, &mut alice, &mut bob, &mut dave]);
    room.commit(CAROL, &mut [&mut carol, &mut alice, &mut bob, &mut dave]);

    room.propose_remove(BOB, &mut [&mut dave, &mut bob, &mut carol]);
    let commit = dave.commit().expect("a commit");
    room.accept(dave_name, &commit).expect("it looks well");
    dave.accept_commit().expect("it waits");
    let before = carol.view().expect("a view");
    carol.receive(&commit.commit).expect_err("other secrets");
    assert_eq!(carol.view().expect("a view"), before);

    let back = carol.external_commit(&room.group_info, &room.tree());
    let back = back.expect("an external commit");
    room.accept_external(CAROL, &back)
        .expect("the service takes it");
    carol.accept_commit().expect("it waits");
    assert_eq!(
        dave.receive(&back.commit).expect("it follows"),
        Received::Commit
    );
    room.agrees(&mut [&mut carol, &mut dave]);
}

/// Between an unmerged leaf and a node that lists it, all nodes have to list it (§12.4.3.1). ts-mls
/// asks the same of the nodes above, though a commit may have renewed them since.
#[test]
fn a_newcomer_that_refuses_the_tree_is_removed_and_the_next_one_comes() {
    let name = |n: usize| format!("guest{n}@example.com/phone");
    let mut guests: Vec<OpenMls> = (0..7).map(|n| OpenMls::new(&name(n))).collect();
    let (first, rest) = guests.split_first_mut().expect("seven");
    let mut room = Room::created_by(first, &name(0));
    let mut members: Vec<&mut dyn Peer> = vec![first];
    for guest in rest {
        add(&mut room, &name(0), guest, &mut members);
        members.push(guest);
    }
    // Leaf 6 puts a key where leaf 7 will be unmerged, and leaf 0 renews the root.
    let renew = |room: &mut Room, members: &mut Members| {
        members.swap(0, 6);
        room.commit(&name(6), members);
        members.swap(0, 6);
    };
    renew(&mut room, &mut members);
    let mut bob = stranger(BOB);
    let key_package = bob.key_package().expect("a key package");
    room.propose_add(key_package, &mut members);
    let (welcome, _) = room.commit(&name(0), &mut members);
    let refused = bob.join(&welcome.expect("somebody was added"), &room.tree());
    let Err(PeerError::Refused { why, .. }) = refused else {
        panic!("it has entered");
    };
    assert!(why.contains("unmerged_leaves"), "{why}");

    room.propose_remove(BOB, &mut members);
    room.commit(&name(0), &mut members);
    renew(&mut room, &mut members);
    let participant = CAROL.parse().expect("a participant");
    let mut carol = PeerKind::MlsRs.open(&participant).expect("a device");
    add(&mut room, &name(0), &mut *carol, &mut members);
    members.push(&mut *carol);
    room.agrees(&mut members);
}

/// The first member adds somebody.
fn add(room: &mut Room, author: &str, newcomer: &mut dyn Peer, members: &mut Members) {
    let key_package = newcomer.key_package().expect("a key package");
    room.propose_add(key_package, members);
    let (welcome, _) = room.commit(author, members);
    let welcome = welcome.expect("somebody was added");
    newcomer.join(&welcome, &room.tree()).expect("it joins");
}
