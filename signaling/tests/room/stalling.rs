//! Members whose connections live, and who never commit.

use mls_srtp::delivery::{ClientMessage, CloseReason, Refusal, ServiceMessage};
use mls_srtp::id::Generation;
use mls_srtp::{KeyManager, ManagerConfig};
use mls_srtp_signaling::{RoomConfig, RoomEventKind};

use crate::lab::{Lab, closed, last_refusal, name, newest_proposal, room_name};

/// Everybody's connection lives, and the room hears nothing more of these.
fn silent(lab: &mut Lab, users: &[&str]) {
    users.iter().for_each(|user| lab.get(user).held = true);
}

fn pass_patience(lab: &mut Lab) {
    let patience = RoomConfig::default().commit_patience.as_millis();
    lab.pass(u64::try_from(patience).expect("seconds") - 200);
}

fn stalls(lab: &Lab) -> usize {
    let is = |kind: &&&RoomEventKind| matches!(kind, RoomEventKind::Stalled);
    lab.happened().iter().filter(is).count()
}

fn generation(lab: &mut Lab, user: &str) -> Option<Generation> {
    let told = lab.get(user).told.iter().rev();
    let mut rooms = told.filter_map(|message| match message {
        ServiceMessage::Room { policy, .. } => Some(policy.generation),
        _ => None,
    });
    rooms.next()
}

/// In a crowd on a slow machine it may take long. Who gives up the connection meanwhile withdraws its
/// Add, and with it the commit that is on its way.
#[test]
fn who_waits_to_be_added_waits_as_long_as_the_service_speaks() {
    let mut lab = Lab::with(&["alice", "bob"]);
    silent(&mut lab, &["alice", "bob"]);
    let waiting = KeyManager::new(name("carol"), ManagerConfig::default());
    lab.enter("carol");
    lab.disconnect("carol");
    lab.get("carol").manager = waiting.expect("a key");
    let joining = lab.get("carol").manager.join(room_name(), None);
    joining.expect("in no room");
    lab.reconnect("carol");
    lab.pass(25_000);
    assert_eq!(lab.get("carol").reconnects, 0);
    // One that is silent is not believed.
    lab.get("carol").deaf = true;
    lab.pass(10_500);
    assert!(lab.get("carol").reconnects > 0);
}

#[test]
fn a_room_of_silent_committers_goes_on_without_them() {
    let mut lab = Lab::with(&["alice", "bob"]);
    silent(&mut lab, &["alice", "bob"]);
    lab.enter("carol");
    pass_patience(&mut lab);
    assert_eq!(lab.position("carol"), None);
    assert_eq!(stalls(&lab), 0, "not yet");
    lab.pass(500);
    assert_eq!(stalls(&lab), 1);
    assert_eq!(lab.roster("carol"), ["carol"]);
    assert_eq!(generation(&mut lab, "carol"), Some(Generation::new(1)));
    // Whoever lives after all enters again by itself.
    lab.get("alice").held = false;
    lab.disconnect("alice");
    lab.reconnect("alice");
    lab.pass(1_000);
    assert_eq!(lab.position("alice"), lab.position("carol"));
}

#[test]
fn who_waits_to_leave_a_room_of_silent_committers_is_let_go() {
    let mut lab = Lab::with(&["alice", "bob"]);
    silent(&mut lab, &["alice"]);
    lab.leave("bob");
    pass_patience(&mut lab);
    assert_eq!(closed(&mut lab, "bob"), None);
    lab.pass(500);
    assert_eq!(closed(&mut lab, "bob"), Some(CloseReason::Removed));
}

#[test]
fn an_epoch_that_begins_is_given_its_own_time() {
    let mut lab = Lab::with(&["alice", "bob"]);
    silent(&mut lab, &["alice"]);
    lab.enter("carol");
    pass_patience(&mut lab);
    lab.get("alice").held = false;
    lab.pass(100);
    silent(&mut lab, &["alice"]);
    lab.enter("dave");
    lab.pass(10_000);
    assert_eq!(stalls(&lab), 0);
}

#[test]
fn an_add_that_one_declines_and_nobody_else_commits_costs_nobody_the_group() {
    let mut lab = Lab::with(&["alice", "bob"]);
    silent(&mut lab, &["alice", "bob"]);
    lab.enter("carol");
    lab.settle();
    let (group_id, _) = lab.position("alice").expect("a member");
    let message = ClientMessage::Declined {
        group_id,
        seq: newest_proposal(&lab),
        reason: "not trusted".into(),
        code: None,
    };
    assert_eq!(lab.refusal("alice", message), None);
    pass_patience(&mut lab);
    assert_eq!(last_refusal(&mut lab, "carol"), None);
    lab.pass(500);
    assert_eq!(last_refusal(&mut lab, "carol"), Some(Refusal::Declined));
    let joiner = name("carol");
    let dropped = RoomEventKind::JoinDropped { joiner };
    assert!(lab.happened().contains(&&dropped));
    assert_eq!(stalls(&lab), 0);
}
