//! Complaints that are over: about those who are gone, by those who are gone, and from long ago.

use mls_srtp::delivery::ServiceMessage;
use mls_srtp::id::LeafIndex;
use mls_srtp_signaling::RoomEventKind;

use crate::complaints::{complain, distrust, is_evicted};
use crate::lab::{Lab, name};

fn evictions(lab: &Lab, user: &str) -> usize {
    let participant = name(user);
    let evicted = RoomEventKind::Evicted { participant };
    lab.happened()
        .into_iter()
        .filter(|k| **k == evicted)
        .count()
}

/// Mallory at the third leaf, removed by the others.
fn evicted() -> Lab {
    let mut lab = Lab::with(&["alice", "bob", "mallory", "carol"]);
    for user in ["alice", "bob"] {
        assert_eq!(distrust(&mut lab, user, 2), None);
    }
    lab.pass(500);
    assert_eq!(lab.roster("alice"), ["alice", "bob", "carol"]);
    lab
}

#[test]
fn who_comes_again_under_the_same_name_is_removed_again() {
    let mut lab = evicted();
    lab.join("mallory");
    for user in ["alice", "bob"] {
        assert_eq!(distrust(&mut lab, user, 2), None);
    }
    assert_eq!(evictions(&lab, "mallory"), 2);
    lab.pass(500);
    assert_eq!(lab.roster("alice"), ["alice", "bob", "carol"]);
}

#[test]
fn one_liar_does_not_remove_again_who_was_removed_once() {
    let mut lab = evicted();
    lab.join("mallory");
    assert_eq!(distrust(&mut lab, "carol", 2), None);
    assert_eq!(evictions(&lab, "mallory"), 1);
}

#[test]
fn what_somebody_said_who_is_gone_does_not_count() {
    let mut lab = Lab::with(&["alice", "bob", "carol", "dave"]);
    assert_eq!(distrust(&mut lab, "bob", 2), None);
    lab.leave("bob");
    lab.pass(500);
    assert_eq!(distrust(&mut lab, "dave", 2), None);
    assert!(!is_evicted(&lab, "carol"));
    assert_eq!(distrust(&mut lab, "alice", 2), None);
    assert!(is_evicted(&lab, "carol"), "two who are there");
}

#[test]
fn what_was_said_five_minutes_ago_does_not_count() {
    let mut lab = Lab::with(&["alice", "bob", "carol"]);
    assert_eq!(distrust(&mut lab, "bob", 2), None);
    lab.pass(300_000);
    assert_eq!(distrust(&mut lab, "alice", 2), None);
    assert!(!is_evicted(&lab, "carol"));
    lab.pass(200_000);
    assert_eq!(distrust(&mut lab, "alice", 2), None);
    lab.pass(200_000);
    assert_eq!(distrust(&mut lab, "bob", 2), None);
    assert!(is_evicted(&lab, "carol"), "who says it again means it");
}

#[test]
fn about_whom_somebody_complains_commits_after_all_others() {
    let mut lab = Lab::with(&["alice", "bob", "carol"]);
    let ranked = |lab: &mut Lab| {
        let told = &lab.get("carol").told;
        let mut lists = told.iter().filter_map(|message| match message {
            ServiceMessage::Committers { leaves, .. } => Some(leaves.clone()),
            _ => None,
        });
        lists.next_back()
    };
    let leaves = |leaves: &[u16]| Some(leaves.iter().copied().map(LeafIndex::new).collect());
    assert_eq!(ranked(&mut lab), leaves(&[0, 1, 2]));
    complain(&mut lab, "bob");
    assert_eq!(ranked(&mut lab), leaves(&[2, 0]));
    lab.enter("bob");
    lab.pass(500);
    assert_eq!(ranked(&mut lab), leaves(&[1, 2, 0]));
}
