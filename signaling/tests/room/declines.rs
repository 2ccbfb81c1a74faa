//! Adds that members will not commit.

use mls_srtp::delivery::{ClientMessage, Refusal, ServiceMessage};
use mls_srtp::id::{LeafIndex, Seq};
use mls_srtp_signaling::RoomEventKind;

use crate::lab::{
    Lab, hello, last_refusal, name, newest, newest_proposal, refusal_in, take_commit,
    with_seen_seq, withdrawals,
};

fn declined(lab: &Lab, seq: Seq) -> ClientMessage {
    let (group_id, _) = lab.position("alice").expect("a member");
    ClientMessage::Declined {
        group_id,
        seq,
        reason: "not trusted".into(),
        code: None,
    }
}

/// The list of committers that somebody was told last.
fn committers(lab: &mut Lab, user: &str) -> Vec<u16> {
    let told = lab.get(user).told.iter().rev();
    let mut lists = told.filter_map(|message| match message {
        ServiceMessage::Committers { leaves, .. } => Some(leaves.clone()),
        _ => None,
    });
    let list = lists.next().expect("was told");
    list.into_iter().map(LeafIndex::get).collect()
}

#[test]
fn who_declined_an_add_may_leave_it_out_and_nobody_else_may() {
    let mut lab = Lab::with(&["alice", "bob"]);
    lab.get("alice").held = true;
    lab.enter("carol");
    lab.pass(150);
    let commit = take_commit(&mut lab, "alice");
    // Dave's Add comes after alice has built her commit.
    lab.get("alice").deaf = true;
    lab.enter("dave");
    lab.settle();
    let seen = newest(&mut lab, "bob");
    let commit = with_seen_seq(commit, seen);
    let message = declined(&lab, newest_proposal(&lab));
    assert_eq!(lab.refusal("bob", message.clone()), None);
    let omits = Some(Refusal::OmitsProposal);
    assert_eq!(lab.refusal("alice", commit.clone()), omits);
    // Bob alone keeps nobody out; alice's decline is one too many.
    assert_eq!(withdrawals(&lab), 0);
    assert_eq!(lab.refusal("alice", message), None);
    assert_eq!(withdrawals(&lab), 1);
    assert_eq!(last_refusal(&mut lab, "dave"), Some(Refusal::Declined));
    assert_eq!(lab.refusal("alice", commit), None);
}

#[test]
fn one_decliner_ranks_last_and_keeps_nobody_out_over_epochs() {
    let mut lab = Lab::with(&["alice", "bob", "carol"]);
    lab.get("alice").held = true;
    lab.enter("dave");
    lab.pass(150);
    let commit = take_commit(&mut lab, "alice");
    lab.get("alice").deaf = true;
    lab.get("bob").held = true;
    lab.enter("erin");
    lab.settle();
    let message = declined(&lab, newest_proposal(&lab));
    assert_eq!(lab.refusal("alice", message), None);
    assert_eq!(committers(&mut lab, "carol"), [1, 2, 0]);
    let seen = newest(&mut lab, "carol");
    assert_eq!(lab.refusal("alice", with_seen_seq(commit, seen)), None);
    // In the next epoch erin's wish is still open, and alice still against it.
    assert_eq!(committers(&mut lab, "carol")[..2], [1, 2]);
    assert_eq!(committers(&mut lab, "carol").last(), Some(&0));
    for user in ["alice", "bob"] {
        lab.get(user).held = false;
        lab.get(user).deaf = false;
    }
    lab.pass(1_000);
    assert_eq!(lab.position("erin"), lab.position("alice"));
    assert_eq!(committers(&mut lab, "carol")[0], 0, "all is well again");
}

#[test]
fn two_users_together_keep_somebody_out_though_a_third_would_commit() {
    let mut lab = Lab::with(&["alice", "bob", "carol"]);
    lab.get("alice").held = true;
    lab.enter("dave");
    lab.pass(150);
    let message = declined(&lab, newest_proposal(&lab));
    for (user, dropped) in [("bob", 0), ("carol", 1)] {
        assert_eq!(lab.refusal(user, message.clone()), None);
        assert_eq!(withdrawals(&lab), dropped);
    }
    assert_eq!(last_refusal(&mut lab, "dave"), Some(Refusal::Declined));
}

#[test]
fn two_devices_of_one_user_do_not_keep_somebody_out_while_others_would_commit() {
    let mut lab = Lab::with(&["alice", "bob", "bob/tablet", "carol"]);
    lab.get("alice").held = true;
    lab.enter("dave");
    lab.pass(150);
    let message = declined(&lab, newest_proposal(&lab));
    for (user, dropped) in [("bob", 0), ("bob/tablet", 0), ("carol", 1)] {
        assert_eq!(lab.refusal(user, message.clone()), None);
        assert_eq!(withdrawals(&lab), dropped, "{user}");
    }
}

#[test]
fn a_third_wish_goes_on_when_the_second_is_declined_and_a_fourth_is_refused() {
    let mut lab = Lab::with(&["alice", "bob"]);
    for user in ["alice", "bob"] {
        lab.get(user).held = true;
    }
    lab.enter("carol");
    lab.pass(150);
    lab.ask_again("carol");
    lab.settle();
    assert_eq!(withdrawals(&lab), 1, "the first gives way to the second");
    let second = newest_proposal(&lab);
    let decline = |lab: &mut Lab, seq| {
        for user in ["alice", "bob"] {
            let message = declined(lab, seq);
            assert_eq!(lab.refusal(user, message), None);
        }
    };
    lab.ask_again("carol");
    lab.settle();
    assert_eq!(newest_proposal(&lab), second, "no more of that");
    decline(&mut lab, second);
    let third = newest_proposal(&lab);
    assert!(third > second, "the third does not wait for another epoch");
    assert_eq!(last_refusal(&mut lab, "carol"), None);
    lab.ask_again("carol");
    lab.settle();
    decline(&mut lab, third);
    assert_eq!(newest_proposal(&lab), third);
    assert_eq!(last_refusal(&mut lab, "carol"), Some(Refusal::Declined));
}

#[test]
fn a_third_wish_that_nobody_declines_is_fulfilled() {
    let mut lab = Lab::with(&["alice", "bob"]);
    lab.get("alice").held = true;
    lab.enter("carol");
    for _ in 0..2 {
        lab.pass(150);
        lab.ask_again("carol");
    }
    lab.get("alice").held = false;
    lab.pass(2_000);
    assert_eq!(lab.position("carol"), lab.position("alice"));
    assert_eq!(last_refusal(&mut lab, "carol"), None);
}

#[test]
fn a_wish_that_nobody_could_commit_is_dropped() {
    let mut lab = Lab::with(&["alice"]);
    lab.get("alice").held = true;
    lab.enter("bob");
    lab.pass(150);
    let message = declined(&lab, newest_proposal(&lab));
    assert_eq!(lab.refusal("alice", message.clone()), None);
    assert_eq!(last_refusal(&mut lab, "bob"), Some(Refusal::Declined));
    let joiner = name("bob");
    let dropped = RoomEventKind::JoinDropped { joiner };
    assert!(lab.happened().contains(&&dropped));
    // Said twice, or too late, it does nothing.
    assert_eq!(lab.refusal("alice", message), None);
    assert_eq!(withdrawals(&lab), 1);
}

#[test]
fn the_last_willing_committer_goes_and_the_wish_with_it() {
    let mut lab = Lab::with(&["alice", "bob"]);
    for user in ["alice", "bob"] {
        lab.get(user).held = true;
    }
    lab.enter("carol");
    lab.pass(150);
    let message = declined(&lab, newest_proposal(&lab));
    assert_eq!(lab.refusal("bob", message), None);
    assert_eq!(withdrawals(&lab), 0);
    lab.disconnect("alice");
    lab.pass(50);
    assert_eq!(last_refusal(&mut lab, "carol"), Some(Refusal::Declined));
}

#[test]
fn only_members_decline_and_only_adds() {
    let mut lab = Lab::with(&["alice", "bob", "carol"]);
    lab.get("alice").held = true;
    lab.leave("bob");
    let message = declined(&lab, newest_proposal(&lab));
    let refused = lab.refusal("carol", message.clone());
    assert_eq!(refused, Some(Refusal::PolicyViolation));
    let client = lab.stranger();
    lab.say(client, hello("stranger", None));
    let outputs = lab.say(client, message);
    assert_eq!(refusal_in(&outputs, client), Some(Refusal::Unauthorised));
}
