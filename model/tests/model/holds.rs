//! With all rules, every property holds.
//!
//! Each test bounds how often the room may be struck, and by what; what the parties do about it is
//! unbounded, and so are epochs.

use crate::check::assert_holds;
use crate::rules::{Budget, Rules};
use crate::world::{Action, Room};

fn holds(what: &str, members: &[usize], budget: Budget) {
    assert_holds(what, &Room::of(members, Rules::ALL, budget));
}

const NONE: Budget = Budget {
    joins: 0,
    leaves: 0,
    crashes: 0,
    breaks: 0,
    silences: 0,
    omissions: 0,
    distrusts: 0,
};

#[test]
fn while_one_joins_one_leaves_and_a_connection_breaks() {
    let budget = Budget {
        joins: 1,
        leaves: 1,
        breaks: 1,
        ..NONE
    };
    holds("join, leave, break", &[2], budget);
}

#[test]
fn while_one_joins_one_crashes_and_a_connection_breaks() {
    let budget = Budget {
        joins: 1,
        crashes: 1,
        breaks: 1,
        ..NONE
    };
    holds("join, crash, break", &[2, 3], budget);
}

#[test]
fn while_one_leaves_one_crashes_and_a_connection_breaks() {
    let budget = Budget {
        leaves: 1,
        crashes: 1,
        breaks: 1,
        ..NONE
    };
    holds("leave, crash, break", &[3], budget);
}

#[test]
fn while_connections_break_twice() {
    let budget = Budget { breaks: 2, ..NONE };
    holds("two breaks", &[2, 3], budget);
}

#[test]
fn while_two_join_and_one_crashes() {
    let budget = Budget {
        joins: 2,
        crashes: 1,
        ..NONE
    };
    holds("two joins, crash", &[1, 2, 3], budget);
}

#[test]
fn while_a_joiner_is_declined() {
    let budget = Budget {
        joins: 1,
        crashes: 1,
        breaks: 1,
        distrusts: 1,
        ..NONE
    };
    holds("declined join, crash, break", &[2], budget);
}

#[test]
fn while_a_joiner_is_declined_and_comes_again() {
    let budget = Budget {
        joins: 1,
        breaks: 2,
        distrusts: 1,
        ..NONE
    };
    holds("declined join, two breaks", &[1], budget);
}

#[test]
fn while_committers_are_silent() {
    let budget = Budget {
        joins: 1,
        breaks: 1,
        silences: 2,
        ..NONE
    };
    holds("two silences, join, break", &[2], budget);
}

#[test]
fn while_one_is_silent_and_another_declines() {
    let budget = Budget {
        joins: 1,
        silences: 1,
        distrusts: 1,
        ..NONE
    };
    holds("silence, declined join", &[1, 2], budget);
}

#[test]
fn while_a_member_leaves_proposals_out() {
    let budget = Budget {
        joins: 1,
        breaks: 1,
        omissions: 1,
        ..NONE
    };
    holds("omission, join, break", &[2], budget);
}

/// A joiner is let in although the first committer dies on the way.
#[test]
fn when_the_first_committer_crashes() {
    use Action::{Ask, Commit, Crash, Receive, Take};
    let budget = Budget {
        joins: 1,
        crashes: 1,
        ..NONE
    };
    let room = Room::of(&[2], Rules::ALL, budget);
    let proposed = room.after(&[Ask(2, 0), Receive(2), Receive(2), Take(0)]);
    let submitted = proposed.after(&[Commit(0)]);
    let accepted = submitted.after(&[Receive(0)]);
    for (when, room) in [
        ("between proposal and commit", proposed),
        ("between submission and acceptance", submitted),
        ("between acceptance and merge", accepted),
    ] {
        assert_holds(&format!("crash {when}"), &room.after(&[Crash(0)]));
    }
}
