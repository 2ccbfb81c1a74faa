//! Proposals that are taken back before anybody has committed them.

use mls_srtp::delivery::{Blob, ClientMessage, LogBody, Refusal, ServiceMessage};
use mls_srtp::event::Event;
use mls_srtp_signaling::RoomEventKind;

use crate::lab::{Lab, entries_in, hello, last_refusal, name, newest, whole_log, withdrawals};

#[test]
fn a_member_that_is_back_before_its_removal_is_committed_goes_on() {
    let mut lab = Lab::with(&["alice", "bob", "carol"]);
    let before = lab.position("alice");
    lab.get("alice").held = true;
    lab.disconnect("bob");
    lab.pass(5_300);
    lab.reconnect("bob");
    lab.settle();
    assert_eq!(withdrawals(&lab), 1);
    let participant = name("bob");
    let withdrawn = RoomEventKind::Withdrawn { participant };
    assert!(lab.happened().contains(&&withdrawn));
    // Alice had built her commit of bob's removal; it comes too late.
    lab.get("alice").held = false;
    lab.pass(1_000);
    let refused = Some(Refusal::WithdrawnProposal);
    assert_eq!(last_refusal(&mut lab, "alice"), refused);
    assert_eq!(lab.roster("alice"), ["alice", "bob", "carol"]);
    assert_eq!(lab.position("alice"), before, "nothing was left to commit");
    assert_eq!(lab.position("bob"), before);
    let resynced = |event: &Event| matches!(event, Event::Resyncing { .. });
    assert!(!lab.get("bob").events.iter().any(resynced));
    lab.join("dave");
    assert_eq!(lab.position("bob"), lab.position("dave"));
}

#[test]
fn who_is_back_but_wished_to_leave_still_goes() {
    let mut lab = Lab::with(&["alice", "bob", "carol"]);
    let seen = newest(&mut lab, "bob");
    let resume = lab.resume_of("bob", seen);
    lab.get("alice").held = true;
    lab.leave("bob");
    lab.disconnect("bob");
    let client = lab.stranger();
    let outputs = lab.say(client, hello("bob", Some(resume)));
    assert_eq!(entries_in(&outputs, client), [], "it is not resumed");
    assert_eq!(withdrawals(&lab), 0);
    lab.get("alice").held = false;
    lab.pass(500);
    assert_eq!(lab.roster("alice"), ["alice", "carol"]);
}

#[test]
fn a_wish_that_ends_takes_its_add_along() {
    let mut lab = Lab::with(&["alice", "bob"]);
    let before = lab.position("alice");
    lab.get("alice").held = true;
    for end in ["disconnect", "leave"] {
        let user = if end == "leave" { "carol" } else { "dave" };
        lab.enter(user);
        lab.pass(200);
        match end {
            "leave" => {
                let client = lab.get(user).client;
                lab.say(client, ClientMessage::Leave);
            }
            _ => lab.disconnect(user),
        }
    }
    assert_eq!(withdrawals(&lab), 2);
    lab.get("alice").held = false;
    lab.pass(1_000);
    assert_eq!(lab.position("alice"), before);
    let welcomed = |m: &ServiceMessage| matches!(m, ServiceMessage::Welcome { .. });
    assert!(!lab.get("dave").told.iter().any(welcomed));
}

#[test]
fn who_comes_and_goes_without_end_does_not_keep_commits_from_being_accepted() {
    let mut lab = Lab::with(&["alice", "bob"]);
    lab.get("alice").held = true;
    for _ in 0..4 {
        lab.enter("carol");
        lab.pass(150);
        lab.disconnect("carol");
    }
    assert_eq!(withdrawals(&lab), 1, "once in an epoch");
    let before = lab.position("alice").map(|(_, epoch)| epoch);
    lab.get("alice").held = false;
    lab.pass(2_000);
    assert!(lab.position("alice").map(|(_, epoch)| epoch) > before);
    assert_eq!(lab.roster("alice"), ["alice", "bob"], "and out again");
}

/// In a commit of everybody's it would be again what was withdrawn, and no commit would be accepted.
#[test]
fn what_is_said_to_the_group_is_neither_a_proposal_nor_a_commit() {
    let mut lab = Lab::with(&["alice", "mallory"]);
    lab.get("alice").held = true;
    lab.get("mallory").held = true;
    lab.enter("mallory/second");
    lab.pass(200);
    lab.disconnect("mallory/second");
    assert_eq!(withdrawals(&lab), 1);
    let logged = whole_log(&lab).into_iter().rev();
    let mut handshake: Vec<_> = logged
        .filter_map(|entry| match entry.body {
            LogBody::Proposal { proposal, .. } => Some(proposal),
            LogBody::Commit { commit, .. } => Some(commit),
            _ => None,
        })
        .collect();
    handshake.push(Blob::new(vec![0xff; 64]));
    assert!(handshake.len() > 3);
    for message in handshake {
        let (group_id, epoch) = lab.position("mallory").expect("a member");
        let said = ClientMessage::Application {
            group_id,
            epoch,
            message,
        };
        assert_eq!(lab.refusal("mallory", said), Some(Refusal::InvalidMls));
    }
    lab.get("alice").held = false;
    lab.enter("bob");
    lab.pass(2_000);
    assert_eq!(lab.roster("alice"), ["alice", "mallory", "bob"]);
}
