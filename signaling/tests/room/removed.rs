//! Every door is closed behind a user whom a moderator removed.

use mls_srtp::delivery::{ClientMessage, CloseReason, MediaSignal, Refusal, ServiceMessage};
use mls_srtp::event::Event;
use mls_srtp_signaling::media::MediaRequestKind;
use mls_srtp_signaling::room::RoomOutput;

use crate::lab::{Lab, closed, hello, name, newest, refusal_in, withdrawals};
use crate::people::chaired;

fn evict(lab: &mut Lab, user: &str) {
    let participant = name(user);
    let message = ClientMessage::Evict { participant };
    assert_eq!(lab.refusal("chair", message), None);
}

fn readmit(user: &str) -> ClientMessage {
    let participant = name(user);
    ClientMessage::Readmit { participant }
}

/// What a new connection is refused.
fn knock(lab: &mut Lab, user: &str) -> Option<Refusal> {
    let client = lab.stranger();
    refusal_in(&lab.say(client, hello(user, None)), client)
}

fn bob_is_removed() -> Lab {
    let mut lab = chaired(&["chair", "bob", "carol"]);
    evict(&mut lab, "bob");
    lab.pass(500);
    assert_eq!(lab.roster("carol"), ["chair", "carol"]);
    lab
}

#[test]
fn a_new_connection_of_the_device_is_refused() {
    let mut lab = bob_is_removed();
    assert_eq!(closed(&mut lab, "bob"), Some(CloseReason::Removed));
    assert_eq!(lab.get("bob").events.last(), Some(&Event::Removed));
    assert_eq!(knock(&mut lab, "bob"), Some(Refusal::UserRemoved));
}

#[test]
fn so_is_it_while_its_leaf_waits_for_the_commit() {
    let mut lab = chaired(&["chair", "bob", "carol"]);
    for user in ["chair", "carol"] {
        lab.get(user).held = true;
    }
    evict(&mut lab, "bob");
    assert_eq!(knock(&mut lab, "bob"), Some(Refusal::UserRemoved));
}

#[test]
fn another_device_of_the_user_is_refused() {
    let mut lab = bob_is_removed();
    assert_eq!(knock(&mut lab, "bob/laptop"), Some(Refusal::UserRemoved));
    assert_eq!(knock(&mut lab, "dave"), None);
}

#[test]
fn all_devices_of_the_user_go() {
    let mut lab = chaired(&["chair", "bob", "bob/laptop", "carol"]);
    evict(&mut lab, "bob/laptop");
    lab.pass(500);
    assert_eq!(lab.roster("carol"), ["chair", "carol"]);
    for device in ["bob", "bob/laptop"] {
        assert_eq!(closed(&mut lab, device), Some(CloseReason::Removed));
    }
}

#[test]
fn who_resumes_the_old_session_hears_that_it_is_over() {
    let mut lab = chaired(&["chair", "bob", "carol"]);
    let seq = newest(&mut lab, "bob");
    let resume = lab.resume_of("bob", seq);
    evict(&mut lab, "bob");
    lab.pass(500);
    let client = lab.stranger();
    let outputs = lab.say(client, hello("bob", Some(resume)));
    let over = ServiceMessage::Closed {
        reason: CloseReason::Removed,
    };
    let told = |output: &RoomOutput| matches!(output, RoomOutput::Send(to, m) if *to == client && *m == over);
    assert!(outputs.iter().any(told));
    assert_eq!(refusal_in(&outputs, client), None);
}

#[test]
fn a_wish_to_join_is_withdrawn() {
    let mut lab = chaired(&["chair", "bob", "carol"]);
    for user in ["chair", "bob", "carol"] {
        lab.get(user).held = true;
    }
    lab.enter("bob/laptop");
    lab.settle();
    evict(&mut lab, "bob");
    lab.settle();
    assert_eq!(withdrawals(&lab), 1);
    assert_eq!(closed(&mut lab, "bob/laptop"), Some(CloseReason::Removed));
    for user in ["chair", "carol"] {
        lab.get(user).held = false;
    }
    lab.pass(1_000);
    assert_eq!(lab.roster("carol"), ["chair", "carol"]);
}

#[test]
fn who_only_waits_can_be_removed_as_well() {
    let mut lab = chaired(&["chair", "carol"]);
    for user in ["chair", "carol"] {
        lab.get(user).held = true;
    }
    lab.enter("bob");
    lab.settle();
    evict(&mut lab, "bob");
    assert_eq!(withdrawals(&lab), 1);
    assert_eq!(knock(&mut lab, "bob"), Some(Refusal::UserRemoved));
}

#[test]
fn a_removed_user_is_not_invited() {
    let mut lab = bob_is_removed();
    let participant = name("bob/tablet");
    let invite = ClientMessage::Invite { participant };
    assert_eq!(lab.refusal("chair", invite), Some(Refusal::UserRemoved));
}

#[test]
fn media_ends_with_the_wish_and_not_with_the_commit() {
    let mut lab = chaired(&["chair", "bob", "carol"]);
    for user in ["chair", "carol"] {
        lab.get(user).held = true;
    }
    lab.outputs.clear();
    evict(&mut lab, "bob");
    let stopped = lab.media();
    assert_eq!(stopped.len(), 1);
    assert_eq!(stopped[0].kind, MediaRequestKind::Removed);
    assert_eq!(stopped[0].participant, name("bob"));
    let offer = MediaSignal::Offer { sdp: "v=0".into() };
    let offered = lab.refusal("bob", ClientMessage::Media(offer));
    assert_eq!(offered, Some(Refusal::UserRemoved));
    assert_eq!(lab.media().len(), 1);
}

#[test]
fn nobody_removes_itself_and_who_is_removed_has_no_say() {
    let mut lab = chaired(&["chair", "chair/two", "bob"]);
    let evict = |user| ClientMessage::Evict {
        participant: name(user),
    };
    for own in ["chair", "chair/two"] {
        let refused = lab.refusal("chair", evict(own));
        assert_eq!(refused, Some(Refusal::PolicyViolation));
    }
    assert_eq!(
        lab.refusal("bob", readmit("x")),
        Some(Refusal::Unauthorised)
    );
    assert_eq!(
        lab.refusal("chair", readmit("x")),
        Some(Refusal::PolicyViolation),
        "was not removed"
    );
}

#[test]
fn who_is_readmitted_comes_in_again() {
    let mut lab = bob_is_removed();
    assert_eq!(lab.refusal("chair", readmit("bob/other")), None);
    lab.join("bob");
    assert_eq!(lab.roster("carol").len(), 3);
}

#[test]
fn the_service_remembers_it_over_a_restart() {
    let mut lab = bob_is_removed();
    lab.restart();
    assert_eq!(knock(&mut lab, "bob"), Some(Refusal::UserRemoved));
    lab.reconnect("chair");
    lab.reconnect("carol");
    lab.settle();
    assert_eq!(lab.refusal("chair", readmit("bob")), None);
    lab.restart();
    assert_eq!(knock(&mut lab, "bob"), None);
}

#[test]
fn it_outlives_the_group_and_everybody_in_it() {
    let mut lab = bob_is_removed();
    for user in ["carol", "chair"] {
        lab.leave(user);
        lab.pass(500);
    }
    lab.pass(100);
    assert!(lab.room.is_deserted());
    assert_eq!(knock(&mut lab, "bob"), Some(Refusal::UserRemoved));
    lab.restart();
    assert_eq!(knock(&mut lab, "bob"), Some(Refusal::UserRemoved));
}

/// Of which the removal of another device of the user is enough.
#[test]
fn an_external_commit_does_not_outrun_the_remove() {
    let mut lab = chaired(&["chair", "bob", "bob/laptop"]);
    lab.get("chair").held = true;
    lab.disconnect("bob/laptop");
    lab.pass(4_000);
    lab.come_back_anew("bob");
    lab.get("bob").deaf = true;
    lab.settle();
    let bob = lab.get("bob");
    (bob.held, bob.deaf) = (true, false);
    lab.settle();
    let ask = lab.get("bob").outbox.pop_front();
    assert_eq!(lab.refusal("bob", ask.expect("asks for the group")), None);
    lab.settle();
    let commit = lab.get("bob").outbox.pop_front().expect("has built it");
    assert!(matches!(commit, ClientMessage::ExternalCommit { .. }));
    lab.pass(2_000);
    let refused = lab.refusal("bob", commit);
    assert_eq!(refused, Some(Refusal::RemovePending));
}
