//! Commits that members say they cannot apply, and members that others refuse.

use mls_srtp::delivery::{ClientMessage, CloseReason, Refusal, ServiceMessage};
use mls_srtp::event::{Event, FatalCause};
use mls_srtp::id::{GroupId, LeafIndex, Seq};
use mls_srtp::pipeline::MediaEvent;
use mls_srtp_signaling::RoomEventKind;

use crate::lab::{Lab, closed, last_refusal, name, newest_commit, room_name};

pub fn complaint(group_id: GroupId, seq: Seq) -> ClientMessage {
    ClientMessage::CannotApply {
        group_id,
        seq,
        reason: "x".repeat(1_000),
    }
}

/// Somebody complains about the newest commit.
pub fn complain(lab: &mut Lab, user: &str) {
    let (group_id, _) = lab.position(user).expect("a member");
    let message = complaint(group_id, newest_commit(lab));
    assert_eq!(lab.refusal(user, message), None);
}

pub fn distrust(lab: &mut Lab, user: &str, leaf: u16) -> Option<Refusal> {
    let (group_id, _) = lab.position(user).expect("a member");
    let message = ClientMessage::Distrust {
        group_id,
        leaf: LeafIndex::new(leaf),
        reason: "a changed key".into(),
    };
    lab.refusal(user, message)
}

fn complaints(lab: &Lab) -> usize {
    let is = |kind: &&&RoomEventKind| matches!(kind, RoomEventKind::CannotApply { .. });
    lab.happened().iter().filter(is).count()
}

pub fn is_evicted(lab: &Lab, user: &str) -> bool {
    let participant = name(user);
    lab.happened()
        .contains(&&RoomEventKind::Evicted { participant })
}

/// Who was barred by each reset, in order.
pub fn resets(lab: &Lab) -> Vec<Vec<String>> {
    let resets = lab.happened().into_iter().filter_map(|kind| match kind {
        RoomEventKind::Reset { barred, .. } => {
            Some(barred.iter().map(|who| who.user().to_owned()).collect())
        }
        _ => None,
    });
    resets.collect()
}

#[test]
fn one_user_alone_has_nobody_removed() {
    let mut lab = Lab::with(&["alice", "bob", "carol"]);
    complain(&mut lab, "bob");
    complain(&mut lab, "bob");
    lab.pass(4_000);
    assert_eq!(complaints(&lab), 1, "it does not follow any more");
    assert!(!is_evicted(&lab, "alice"));
    assert_eq!(resets(&lab), [] as [Vec<String>; 0], "carol has applied it");
    let shortened = lab.happened().into_iter().any(|kind| {
        matches!(kind, RoomEventKind::CannotApply { author, reason, .. }
            if *author == name("alice") && reason.len() == 200)
    });
    assert!(shortened);
    lab.pass(1_500);
    assert_eq!(
        lab.roster("alice"),
        ["alice", "carol"],
        "nor did it come back"
    );
}

#[test]
fn one_user_counts_once_however_many_commits_it_complains_about() {
    let mut lab = Lab::with(&["alice", "bob", "carol"]);
    for _ in 0..2 {
        complain(&mut lab, "bob");
        lab.enter("bob");
        lab.pass(500);
        lab.renew("alice");
    }
    complain(&mut lab, "bob");
    assert_eq!(complaints(&lab), 3);
    assert!(!is_evicted(&lab, "alice"));
}

#[test]
fn two_devices_of_one_user_count_once() {
    let mut lab = Lab::with(&["alice", "bob", "bob/tablet", "carol"]);
    complain(&mut lab, "bob");
    complain(&mut lab, "bob/tablet");
    assert_eq!(complaints(&lab), 2);
    assert!(!is_evicted(&lab, "alice"));
    complain(&mut lab, "carol");
    assert!(is_evicted(&lab, "alice"));
    // Nor do they count twice as witnesses of what somebody is like.
    let mut lab = Lab::with(&["alice", "bob", "bob/tablet", "carol"]);
    assert_eq!(distrust(&mut lab, "bob", 0), None);
    assert_eq!(distrust(&mut lab, "bob/tablet", 0), None);
    assert!(!is_evicted(&lab, "alice"));
}

#[test]
fn a_second_user_has_the_author_removed_though_commits_lie_between() {
    let mut lab = Lab::with(&["alice", "bob", "carol", "dave"]);
    complain(&mut lab, "bob");
    lab.renew("alice");
    complain(&mut lab, "carol");
    assert!(is_evicted(&lab, "alice"));
    lab.pass(500);
    assert_eq!(closed(&mut lab, "alice"), Some(CloseReason::Removed));
    assert_eq!(lab.roster("dave"), ["bob", "carol", "dave"]);
    assert_eq!(resets(&lab), [] as [Vec<String>; 0]);
}

#[test]
fn nobody_left_to_remove_the_author_ends_the_group_and_bars_its_key() {
    let mut lab = Lab::with(&["alice", "bob", "carol"]);
    let before = lab.position("bob").map(|(group_id, _)| group_id);
    complain(&mut lab, "bob");
    complain(&mut lab, "carol");
    assert_eq!(resets(&lab), [["alice"]]);
    assert_eq!(closed(&mut lab, "alice"), Some(CloseReason::Barred));
    for user in ["alice", "bob", "carol"] {
        let told = &lab.get(user).told;
        let reset = told.iter().any(|message| {
            matches!(message, ServiceMessage::RoomReset { author, .. } if *author == name("alice"))
        });
        assert!(reset, "{user} is told");
    }
    lab.pass(1_000);
    assert_eq!(lab.position("bob"), lab.position("carol"));
    assert_ne!(lab.position("bob").map(|(group_id, _)| group_id), before);
    // The same key may neither join nor, once the room is empty, create.
    come_again(&mut lab, "alice");
    assert_eq!(lab.roster("bob").len(), 2);
    ["bob", "carol"]
        .into_iter()
        .for_each(|user| lab.leave(user));
    lab.pass(500);
    come_again(&mut lab, "alice");
    lab.restart();
    come_again(&mut lab, "alice");
    lab.join("dave");
    assert_eq!(lab.roster("dave"), ["dave"]);
}

/// Somebody who is barred tries to come in with the same key.
fn come_again(lab: &mut Lab, user: &str) {
    let at = lab.get(user).events.len();
    lab.get(user).told.clear();
    let manager = &mut lab.get(user).manager;
    manager.join(room_name(), None).expect("in no room");
    lab.reconnect(user);
    lab.pass(300);
    assert_eq!(last_refusal(lab, user), Some(Refusal::Barred));
    assert_eq!(closed(lab, user), Some(CloseReason::Barred));
    let fatal = |event: &Event| matches!(event, Event::Fatal(_));
    assert!(lab.get(user).events[at..].iter().any(fatal));
}

/// Alice commits, bob cannot apply it, and alice is all that is left.
fn bob_is_left_behind(lab: &mut Lab) {
    lab.get("bob").held = true;
    lab.renew("alice");
    lab.get("bob").outbox.clear();
    complain(lab, "bob");
}

#[test]
fn in_a_call_of_two_nobody_can_tell_who_lies_the_first_time() {
    let mut lab = Lab::with(&["alice", "bob"]);
    bob_is_left_behind(&mut lab);
    lab.pass(2_900);
    assert_eq!(resets(&lab).len(), 0, "bob has his time");
    lab.pass(200);
    assert_eq!(resets(&lab), [[] as [String; 0]]);
    lab.get("bob").held = false;
    lab.pass(1_000);
    assert_eq!(lab.position("alice"), lab.position("bob"), "both are back");
    lab.restart_for_all();
    bob_is_left_behind(&mut lab);
    lab.pass(3_100);
    assert_eq!(resets(&lab)[1], ["alice"], "the second time counts");
    let barred = Event::Fatal(FatalCause::Closed(CloseReason::Barred));
    assert!(lab.get("alice").events.contains(&barred));
    come_again(&mut lab, "alice");
}

#[test]
fn a_removal_that_nobody_commits_ends_the_group() {
    let mut lab = Lab::with(&["alice", "bob", "carol", "dave"]);
    complain(&mut lab, "bob");
    lab.get("dave").held = true;
    complain(&mut lab, "carol");
    assert!(is_evicted(&lab, "alice"));
    lab.pass(2_900);
    assert_eq!(resets(&lab).len(), 0);
    lab.pass(200);
    assert_eq!(resets(&lab), [["alice"]]);
}

#[test]
fn complaints_about_what_was_before_or_elsewhere_do_nothing() {
    let mut lab = Lab::with(&["alice", "bob"]);
    let old = newest_commit(&lab);
    lab.join("carol");
    let (group_id, _) = lab.position("carol").expect("a member");
    for seq in [old, Seq::new(0), Seq::new(1_000)] {
        assert_eq!(lab.refusal("carol", complaint(group_id, seq)), None);
    }
    let elsewhere = complaint(GroupId::new([9; 16]), old);
    assert_eq!(lab.refusal("carol", elsewhere), Some(Refusal::WrongGroup));
    assert_eq!(complaints(&lab), 0);
    // It still counts as following.
    lab.join("dave");
    assert_eq!(lab.position("carol"), lab.position("dave"));
}

#[test]
fn who_complained_and_came_back_is_a_member_like_any_other() {
    let mut lab = Lab::with(&["alice", "bob", "carol"]);
    let commit = newest_commit(&lab);
    complain(&mut lab, "bob");
    lab.enter("bob");
    lab.pass(500);
    assert_eq!(lab.position("bob"), lab.position("alice"));
    // The complaint comes once more, late.
    let (group_id, _) = lab.position("bob").expect("a member");
    assert_eq!(lab.refusal("bob", complaint(group_id, commit)), None);
    lab.pass(6_000);
    assert_eq!(lab.roster("alice"), ["alice", "bob", "carol"]);
    assert_eq!(resets(&lab).len(), 0);
}

#[test]
fn two_users_that_distrust_a_member_have_it_removed() {
    let mut lab = Lab::with(&["alice", "bob", "carol"]);
    assert_eq!(distrust(&mut lab, "bob", 2), None);
    assert_eq!(distrust(&mut lab, "bob", 2), None);
    assert!(!is_evicted(&lab, "carol"));
    assert_eq!(distrust(&mut lab, "alice", 2), None);
    assert!(is_evicted(&lab, "carol"));
    lab.pass(500);
    assert_eq!(lab.roster("alice"), ["alice", "bob"]);
    for leaf in [0, 9] {
        let refused = distrust(&mut lab, "alice", leaf);
        assert_eq!(refused, Some(Refusal::PolicyViolation));
    }
}

#[test]
fn whose_welcome_was_garbage_adds_its_victim_only_if_nobody_else_does() {
    let mut lab = Lab::with(&["alice", "bob", "carol"]);
    complain(&mut lab, "carol");
    lab.get("bob").held = true;
    lab.enter("carol");
    lab.settle();
    // Alice does not wait for her turn.
    let (_, epoch) = lab.position("alice").expect("a member");
    let now = lab.now;
    let worn_out = MediaEvent::KeyWornOut { epoch };
    lab.get("alice").manager.handle_media_event(&worn_out, now);
    lab.carry_out("alice");
    lab.pass(2_900);
    assert_eq!(
        last_refusal(&mut lab, "alice"),
        Some(Refusal::PolicyViolation)
    );
    assert_eq!(lab.position("carol"), None, "bob could do it");
    lab.pass(6_000);
    assert_eq!(lab.position("carol"), lab.position("alice"));
}
