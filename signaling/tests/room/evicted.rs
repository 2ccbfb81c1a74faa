//! Members that have to go, and are away or come back before they are out.

use mls_srtp::delivery::{ClientMessage, CloseReason, Refusal};
use mls_srtp::event::{Event, FatalCause};

use crate::lab::{Lab, closed, hello, name, refusal_in};
use crate::people::chaired;

/// The chair has somebody removed.
fn evict(lab: &mut Lab, user: &str) {
    let participant = name(user);
    let message = ClientMessage::Evict { participant };
    assert_eq!(lab.refusal("chair", message), None);
}

fn came_in_again(lab: &mut Lab, user: &str) -> bool {
    let again = |event: &Event| matches!(event, Event::Resyncing { .. });
    lab.get(user).events.iter().any(again)
}

/// The chair may evict bob and carol, and nobody commits yet.
fn nobody_commits() -> Lab {
    let mut lab = chaired(&["chair", "bob", "carol"]);
    for user in ["chair", "carol"] {
        lab.get(user).held = true;
    }
    lab
}

fn go_on(lab: &mut Lab) {
    for user in ["chair", "carol"] {
        lab.get(user).held = false;
    }
    lab.pass(1_000);
}

#[test]
fn who_is_evicted_and_comes_back_before_the_commit_hears_it_and_stays_out() {
    let mut lab = nobody_commits();
    evict(&mut lab, "bob");
    lab.disconnect("bob");
    lab.reconnect("bob");
    lab.pass(200);
    assert_eq!(lab.get("bob").events.last(), Some(&Event::Removed));
    assert!(!came_in_again(&mut lab, "bob"));
    go_on(&mut lab);
    assert_eq!(lab.roster("carol"), ["chair", "carol"]);
}

#[test]
fn who_was_evicted_while_away_hears_it_when_it_is_back() {
    let mut lab = chaired(&["chair", "bob", "carol"]);
    lab.disconnect("bob");
    evict(&mut lab, "bob");
    lab.pass(500);
    assert_eq!(lab.roster("carol"), ["chair", "carol"]);
    lab.reconnect("bob");
    lab.pass(500);
    assert_eq!(lab.get("bob").events.last(), Some(&Event::Removed));
    assert!(!came_in_again(&mut lab, "bob"));
    assert_eq!(lab.roster("carol"), ["chair", "carol"]);
}

#[test]
fn who_is_about_to_go_for_a_lost_connection_can_be_evicted_as_well() {
    let mut lab = nobody_commits();
    lab.disconnect("bob");
    lab.pass(5_200);
    evict(&mut lab, "bob");
    lab.restart();
    lab.reconnect("bob");
    lab.settle();
    assert_eq!(lab.get("bob").events.last(), Some(&Event::Removed));
}

#[test]
fn who_left_and_comes_back_before_the_commit_hears_that_it_is_out() {
    let mut lab = nobody_commits();
    lab.leave("bob");
    lab.disconnect("bob");
    lab.reconnect("bob");
    lab.pass(200);
    assert_eq!(closed(&mut lab, "bob"), Some(CloseReason::Removed));
    assert_eq!(lab.get("bob").events.last(), Some(&Event::Left));
    go_on(&mut lab);
    assert_eq!(lab.roster("carol"), ["chair", "carol"]);
}

#[test]
fn who_left_may_come_anew_before_the_commit() {
    let mut lab = nobody_commits();
    lab.leave("bob");
    lab.disconnect("bob");
    lab.enter("bob");
    lab.pass(200);
    go_on(&mut lab);
    assert_eq!(lab.roster("carol"), ["chair", "bob", "carol"]);
    assert_eq!(lab.position("bob"), lab.position("carol"));
    // Its new stay goes on over a new connection.
    lab.disconnect("bob");
    lab.reconnect("bob");
    lab.pass(500);
    assert_eq!(lab.position("bob"), lab.position("carol"));
    assert!(!came_in_again(&mut lab, "bob"));
}

#[test]
fn who_is_evicted_may_not_come_anew_before_the_commit() {
    for leaves_first in [false, true] {
        let mut lab = nobody_commits();
        evict(&mut lab, "bob");
        if leaves_first {
            lab.leave("bob");
        }
        let client = lab.stranger();
        let outputs = lab.say(client, hello("bob", None));
        let refused = refusal_in(&outputs, client);
        assert_eq!(refused, Some(Refusal::UserRemoved));
        go_on(&mut lab);
        assert_eq!(lab.roster("carol"), ["chair", "carol"]);
    }
}

#[test]
fn who_is_about_to_come_anew_and_is_evicted_does_not_come() {
    let mut lab = nobody_commits();
    lab.disconnect("bob");
    lab.enter("bob");
    lab.pass(200);
    evict(&mut lab, "bob");
    lab.pass(200);
    let fatal = Event::Fatal(FatalCause::Closed(CloseReason::Removed));
    assert_eq!(lab.get("bob").events.last(), Some(&fatal));
    go_on(&mut lab);
    assert_eq!(lab.roster("carol"), ["chair", "carol"]);
}

#[test]
fn who_is_evicted_and_enters_anew_over_its_connection_stays_out() {
    let mut lab = nobody_commits();
    lab.get("bob").deaf = true;
    evict(&mut lab, "bob");
    let client = lab.get("bob").client;
    // As a client does that cannot follow.
    let key_package = lab.key_package("bob");
    lab.say(client, ClientMessage::Join { key_package });
    assert_eq!(closed(&mut lab, "bob"), Some(CloseReason::Removed));
    go_on(&mut lab);
    assert_eq!(lab.roster("carol"), ["chair", "carol"]);
}
