//! The service dies and is started again: what was said to anybody still holds.

use std::time::Duration;

use mls_srtp::delivery::{
    Blob, ClientMessage, CloseReason, LogBody, Refusal, ServiceMessage, chain,
};
use mls_srtp::event::Event;
use mls_srtp::id::Seq;
use mls_srtp_signaling::RoomConfig;
use mls_srtp_signaling::RoomEventKind;
use mls_srtp_signaling::store::{Change, Fact, FactKey, Reason, Snapshot};

use crate::lab::{
    Lab, Setup, closed, hello, name, newest, newest_commit, refusal_in, room_name, take_commit,
    whole_log,
};
use crate::people::chaired;

/// Nobody came in by another way than the one it knows.
fn nobody_came_in_again(lab: &mut Lab, users: &[&str]) {
    for user in users {
        let again = |event: &Event| matches!(event, Event::Resyncing { .. });
        let events = &lab.get(user).events;
        assert!(!events.iter().any(again), "{user}");
        let joined = |event: &&Event| matches!(event, Event::Joined { .. });
        assert_eq!(events.iter().filter(joined).count(), 1, "{user}");
    }
}

#[test]
fn the_group_goes_on_where_it_was() {
    let users = ["alice", "bob", "carol"];
    let mut lab = Lab::with(&users);
    let before = lab.position("alice");
    lab.restart_for_all();
    let restored = RoomEventKind::Restored { members: 3 };
    assert!(lab.happened().contains(&&restored));
    lab.pass(500);
    for user in users {
        assert_eq!(lab.position(user), before, "{user}: it costs no epoch");
    }
    lab.join("dave");
    assert_eq!(lab.roster("bob"), ["alice", "bob", "carol", "dave"]);
    nobody_came_in_again(&mut lab, &users);
    let mut chained = chain::start();
    for entry in whole_log(&lab) {
        assert!(chain::follows(&chained, &entry), "entry {}", entry.seq);
        chained = entry.chain;
    }
}

#[test]
fn a_group_of_one_that_never_changed_goes_on_as_well() {
    let mut lab = Lab::with(&["alice"]);
    let before = lab.position("alice");
    lab.restart_for_all();
    lab.pass(500);
    assert_eq!(lab.position("alice"), before);
    lab.restart();
    lab.come_back_anew("alice");
    lab.pass(500);
    let (group, epoch) = lab.position("alice").expect("a member");
    assert_eq!((group, epoch.get()), (before.expect("a member").0, 1));
    lab.join("bob");
}

/// Snapshots are written now and then, and what follows is replayed: after any number of commits,
/// of members and from outside, with and without proposals.
#[test]
fn it_may_die_after_any_commit() {
    let mut lab = Lab::with(&["alice", "bob"]);
    for round in 0..12 {
        lab.renew(if round % 2 == 0 { "alice" } else { "bob" });
        lab.restart_for_all();
        lab.join("carol");
        lab.restart_for_all();
        lab.leave("carol");
        lab.restart_for_all();
        lab.pass(500);
        assert_eq!(lab.roster("bob"), ["alice", "bob"], "round {round}");
    }
    nobody_came_in_again(&mut lab, &["alice", "bob"]);
    lab.pass(14_000);
    let kept = lab.store().log(&room_name()).expect("works");
    assert!(kept.len() < 40, "snapshots go on: {}", kept.len());
    lab.come_back_anew("bob");
    lab.pass(500);
    lab.restart_for_all();
    lab.renew("bob");
    assert_eq!(lab.position("alice"), lab.position("bob"));
}

#[test]
fn a_commit_that_was_under_way_is_sent_again() {
    let mut lab = Lab::with(&["alice", "bob"]);
    lab.get("alice").held = true;
    lab.enter("carol");
    lab.pass(150);
    take_commit(&mut lab, "alice");
    lab.restart();
    lab.get("alice").held = false;
    for user in ["alice", "bob", "carol"] {
        lab.reconnect(user);
    }
    lab.pass(1_000);
    assert_eq!(lab.roster("bob"), ["alice", "bob", "carol"]);
    nobody_came_in_again(&mut lab, &["alice", "bob", "carol"]);
}

#[test]
fn what_was_withdrawn_stays_withdrawn() {
    let mut lab = Lab::with(&["alice", "bob"]);
    lab.get("alice").held = true;
    lab.enter("carol");
    lab.pass(150);
    let commit = take_commit(&mut lab, "alice");
    lab.disconnect("carol");
    lab.restart();
    lab.get("alice").held = false;
    lab.reconnect("alice");
    lab.settle();
    let refusal = lab.refusal("alice", commit);
    assert_eq!(refusal, Some(Refusal::WithdrawnProposal));
}

#[test]
fn who_wished_to_join_and_does_not_come_back_does_not_come_in() {
    let mut lab = Lab::with(&["alice", "bob"]);
    lab.get("alice").held = true;
    lab.enter("carol");
    lab.pass(150);
    lab.restart();
    lab.get("alice").held = false;
    lab.reconnect("alice");
    lab.reconnect("bob");
    let before = lab.position("alice");
    lab.pass(1_000);
    assert_eq!(lab.position("alice"), before, "there is nothing to commit");
}

#[test]
fn an_accepted_commit_stands_though_nobody_has_heard_of_it() {
    let mut lab = Lab::with(&["alice", "bob"]);
    lab.get("alice").held = true;
    lab.enter("carol");
    lab.pass(150);
    let commit = take_commit(&mut lab, "alice");
    for user in ["alice", "bob", "carol"] {
        lab.get(user).deaf = true;
    }
    assert_eq!(lab.refusal("alice", commit), None);
    lab.restart();
    for user in ["alice", "bob", "carol"] {
        lab.get(user).deaf = false;
        lab.get(user).held = false;
        lab.reconnect(user);
    }
    lab.pass(1_000);
    // Her Welcome was lost, so she takes the leaf that she has by now.
    assert_eq!(lab.roster("bob"), ["alice", "bob", "carol"]);
    assert_eq!(lab.position("alice"), lab.position("carol"));
    nobody_came_in_again(&mut lab, &["alice", "bob"]);
}

#[test]
fn who_does_not_come_back_goes_when_the_longer_grace_time_is_over() {
    let mut lab = Lab::with(&["alice", "bob"]);
    lab.restart();
    lab.reconnect("alice");
    lab.pass(9_900);
    assert_eq!(lab.roster("alice"), ["alice", "bob"]);
    lab.pass(600);
    assert_eq!(lab.roster("alice"), ["alice"]);
}

#[test]
fn when_nobody_comes_back_the_next_one_begins_anew() {
    let mut lab = Lab::with(&["alice", "bob"]);
    let (before, _) = lab.position("alice").expect("a member");
    lab.restart();
    lab.pass(10_500);
    assert!(lab.room.is_deserted());
    assert_eq!(lab.store().open_rooms(), Ok(vec![]));
    lab.restart();
    lab.join("carol");
    let (group, _) = lab.position("carol").expect("a member");
    assert_ne!(group, before);
    let created = |body: &LogBody| matches!(body, LogBody::Created { .. });
    let log = whole_log(&lab);
    assert_eq!(log.iter().filter(|e| created(&e.body)).count(), 2);
}

#[test]
fn who_wished_to_leave_still_goes() {
    let mut lab = Lab::with(&["alice", "bob"]);
    lab.get("alice").held = true;
    lab.leave("bob");
    lab.restart();
    lab.get("alice").held = false;
    lab.reconnect("alice");
    lab.pass(500);
    assert_eq!(lab.roster("alice"), ["alice"], "long before any grace time");
    lab.reconnect("bob");
    lab.settle();
    assert_eq!(closed(&mut lab, "bob"), Some(CloseReason::Removed));
}

#[test]
fn who_is_evicted_stays_out() {
    let mut lab = chaired(&["chair", "bob", "carol"]);
    for user in ["chair", "carol"] {
        lab.get(user).held = true;
    }
    let participant = name("bob");
    let evict = ClientMessage::Evict { participant };
    assert_eq!(lab.refusal("chair", evict), None);
    lab.restart();
    lab.reconnect("bob");
    lab.settle();
    assert_eq!(lab.get("bob").events.last(), Some(&Event::Removed));
    // Nor does it come in anew before it is out, with or without its key.
    lab.restart();
    let client = lab.stranger();
    let outputs = lab.say(client, hello("bob", None));
    let refused = refusal_in(&outputs, client);
    assert_eq!(refused, Some(Refusal::UserRemoved));
    for user in ["chair", "carol"] {
        lab.get(user).held = false;
        lab.reconnect(user);
    }
    lab.pass(1_000);
    assert_eq!(lab.roster("carol"), ["chair", "carol"]);
}

#[test]
fn who_was_about_to_go_for_a_lost_connection_stays_if_it_comes_back() {
    let mut lab = Lab::with(&["alice", "bob"]);
    lab.get("alice").held = true;
    lab.disconnect("bob");
    lab.pass(5_200);
    lab.restart();
    lab.get("alice").held = false;
    lab.reconnect("bob");
    lab.settle();
    lab.reconnect("alice");
    lab.pass(500);
    assert_eq!(lab.roster("alice"), ["alice", "bob"]);
    nobody_came_in_again(&mut lab, &["alice", "bob"]);
}

#[test]
fn one_that_complains_afterwards_ends_no_group() {
    let mut lab = Lab::with(&["alice", "bob", "carol"]);
    lab.renew("alice");
    let seq = newest_commit(&lab);
    lab.restart_for_all();
    let (group_id, _) = lab.position("carol").expect("a member");
    let reason = "it lies".into();
    let complaint = ClientMessage::CannotApply {
        group_id,
        seq,
        reason,
    };
    assert_eq!(lab.refusal("carol", complaint), None);
    lab.pass(3_500);
    let reset = |kind: &&RoomEventKind| matches!(kind, RoomEventKind::Reset { .. });
    assert!(!lab.happened().iter().any(reset), "bob had applied it");
}

/// A snapshot may be one that the MLS library refuses by now, for the time of a key package in it is
/// over.
#[test]
fn a_group_that_cannot_be_followed_any_more_is_closed_and_the_room_goes_on() {
    let mut lab = Lab::with(&["alice", "bob"]);
    let before = lab.position("alice").map(|(group_id, _)| group_id);
    let spoiled = Snapshot {
        seq: Seq::new(1),
        group_info: Blob::new(vec![0xff; 9]),
        tree: Blob::default(),
    };
    let changes = [Change::Snapshot(spoiled)];
    assert_eq!(lab.store().write(&room_name(), &changes), Ok(()));
    lab.restart_for_all();
    lab.pass(1_000);
    assert_eq!(lab.position("alice"), lab.position("bob"));
    assert_ne!(lab.position("alice").map(|(group_id, _)| group_id), before);
}

/// The process died between a commit and what follows from it.
#[test]
fn who_was_removed_last_is_out_and_may_come_anew() {
    let mut lab = Lab::with(&["alice", "bob"]);
    let record = lab.store().load(&room_name()).expect("works");
    let mut facts = record.facts.into_iter();
    let stay = facts.find(|fact| fact.key() == FactKey::Stay(name("bob")));
    lab.get("bob").deaf = true;
    lab.leave("bob");
    lab.pass(500);
    let participant = name("bob");
    let going = Fact::Going {
        participant,
        reason: Reason::Left,
    };
    let unwritten = [Change::Put(going), Change::Put(stay.expect("is kept"))];
    assert_eq!(lab.store().write(&room_name(), &unwritten), Ok(()));
    lab.restart();
    lab.reconnect("alice");
    lab.get("bob").deaf = false;
    lab.reconnect("bob");
    lab.pass(500);
    assert_eq!(closed(&mut lab, "bob"), Some(CloseReason::Removed));
    lab.join("bob");
    lab.pass(1_000);
    assert_eq!(lab.roster("alice"), ["alice", "bob"]);
}

#[test]
fn an_ended_stay_has_ended() {
    let mut lab = Lab::with(&["alice", "bob"]);
    lab.get("bob").deaf = true;
    lab.leave("bob");
    lab.pass(500);
    assert_eq!(lab.roster("alice"), ["alice"]);
    lab.restart();
    lab.reconnect("alice");
    lab.get("bob").deaf = false;
    lab.reconnect("bob");
    lab.pass(500);
    assert_eq!(closed(&mut lab, "bob"), Some(CloseReason::Removed));
    assert_eq!(lab.roster("alice"), ["alice"]);
    let record = lab.store().load(&room_name()).expect("works");
    let stays = record.facts.iter();
    let stays = stays.filter(|fact| matches!(fact, Fact::Stay(_) | Fact::Going { .. }));
    assert_eq!(stays.count(), 1, "alice's: {:?}", record.facts);
}

#[test]
fn who_is_away_finds_all_that_it_missed() {
    let mut lab = Lab::new(Setup {
        config: RoomConfig {
            grace: Duration::from_secs(600),
            ..RoomConfig::default()
        },
        ..Setup::default()
    });
    ["alice", "bob"].into_iter().for_each(|user| lab.join(user));
    // Long enough that what bob has by now will be forgotten soon.
    lab.pass(3_000);
    lab.disconnect("bob");
    // So many that the handshake since the snapshot does not reach back to bob.
    (0..20).for_each(|_| lab.renew("alice"));
    lab.pass(14_000);
    lab.reconnect("bob");
    lab.pass(500);
    assert_eq!(lab.position("bob"), lab.position("alice"));
    nobody_came_in_again(&mut lab, &["alice", "bob"]);
}

#[test]
fn a_member_whose_stay_was_not_written_takes_its_leaf_back() {
    let mut lab = Lab::with(&["alice", "bob"]);
    let forget = Change::Forget(FactKey::Stay(name("bob")));
    assert_eq!(lab.store().write(&room_name(), &[forget]), Ok(()));
    lab.restart();
    lab.reconnect("alice");
    lab.pass(3_000);
    assert_eq!(lab.roster("alice"), ["alice", "bob"], "bob has time");
    lab.reconnect("bob");
    lab.pass(500);
    let again = |event: &Event| matches!(event, Event::Resyncing { .. });
    assert!(lab.get("bob").events.iter().any(again));
    assert_eq!(lab.roster("alice"), ["alice", "bob"]);
    assert_eq!(lab.position("alice"), lab.position("bob"));
}

#[test]
fn the_store_forgets_what_all_members_have() {
    let mut lab = Lab::with(&["alice", "bob"]);
    (0..20).for_each(|_| lab.renew("alice"));
    lab.disconnect("bob");
    let seen = newest(&mut lab, "bob");
    lab.renew("alice");
    lab.pass(3_000);
    let kept = lab.store().log(&room_name()).expect("works");
    let first = kept.first().map(|entry| entry.seq);
    assert!(first <= Some(seen.next()), "bob may come back: {first:?}");
    lab.reconnect("bob");
    lab.pass(14_000);
    let kept = lab.store().log(&room_name()).expect("works");
    assert!(
        kept.len() < 16,
        "but for what a restart needs: {}",
        kept.len()
    );
    lab.restart_for_all();
    lab.join("carol");
    nobody_came_in_again(&mut lab, &["alice", "bob"]);
    let told = |message: &&ServiceMessage| matches!(message, ServiceMessage::Room { .. });
    assert!(lab.get("carol").told.iter().any(|message| told(&message)));
}
