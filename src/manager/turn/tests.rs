//! Turns, as one member sees them.

use super::*;

fn at(millis: u64) -> Moment {
    Moment::from_millis(millis)
}

fn leaf(index: u16) -> LeafIndex {
    LeafIndex::new(index)
}

/// Leaf `own` among 0, 1 and 2, in an epoch that began at 0 and has something pending since
/// 10 ms.
fn turn(own: u16) -> Turn {
    let mut turn = Turn::new(ManagerConfig::default(), leaf(own), at(0));
    turn.set_committers(vec![leaf(0), leaf(1), leaf(2)]);
    turn.set_pending(Pending::Adds, at(10));
    turn
}

#[test]
fn each_rank_waits_one_timeout_longer() {
    for (own, due) in [(0, 110), (1, 410), (2, 710)] {
        assert_eq!(turn(own).commit_at(), Some(at(due)), "leaf {own}");
    }
}

#[test]
fn while_newcomers_keep_coming_the_window_grows_to_its_end() {
    let mut turn = turn(0);
    for (newest, due) in [
        (50, 110),
        (90, 140),
        (120, 170),
        (300, 350),
        (390, 410),
        (900, 410),
    ] {
        turn.set_pending(Pending::Adds, at(newest));
        assert_eq!(turn.commit_at(), Some(at(due)), "newest at {newest}");
    }
}

#[test]
fn who_is_to_go_does_not_stay_for_newcomers() {
    let mut turn = turn(0);
    turn.set_pending(Pending::Adds, at(300));
    assert_eq!(turn.commit_at(), Some(at(350)));
    turn.set_pending(Pending::Removes, at(310));
    assert_eq!(turn.commit_at(), Some(at(110)), "it is overdue");
}

#[test]
fn nobody_renews_while_somebody_waits() {
    let mut turn = turn(2);
    let rotation = ManagerConfig::default().rotation;
    turn.set_committers(Vec::new());
    let much_later = at(10) + rotation * 2;
    assert_eq!(turn.commit_at(), None);
    assert!(!turn.renews(much_later));
    turn.set_pending(Pending::Nothing, much_later);
    assert!(turn.renews(much_later));
}

#[test]
fn a_quiet_room_commits_at_once() {
    let mut turn = turn(0);
    turn.set_pending(Pending::Nothing, at(20));
    turn.set_pending(Pending::Adds, at(1_000));
    assert_eq!(turn.commit_at(), Some(at(1_000)));
}

#[test]
fn who_let_a_turn_pass_comes_last_until_it_commits() {
    let mut turn = turn(1);
    turn.epoch_began(leaf(1), false, 3, at(420));
    turn.set_pending(Pending::Adds, at(420));
    assert_eq!(turn.commit_at(), Some(at(520)), "first now");
    turn.epoch_began(leaf(0), false, 3, at(500));
    turn.set_pending(Pending::Adds, at(500));
    assert_eq!(turn.commit_at(), Some(at(900)), "second again");
}

#[test]
fn a_fast_rival_does_not_make_the_first_one_late() {
    let mut turn = turn(1);
    turn.epoch_began(leaf(1), false, 3, at(200));
    turn.set_pending(Pending::Adds, at(200));
    assert_eq!(turn.commit_at(), Some(at(600)), "still second");
}

#[test]
fn patience_follows_the_measured_latency_within_bounds() {
    let mut slow = turn(1);
    slow.epoch_began(leaf(0), false, 3, at(110 + 1_000));
    assert_eq!(slow.patience.takeover(), Duration::from_secs(2));
    slow.set_pending(Pending::Adds, at(2_000));
    slow.epoch_began(leaf(0), false, 3, at(60_000));
    assert_eq!(slow.patience.takeover(), Duration::from_secs(5));
}

#[test]
fn a_refused_commit_is_tried_again_ever_later() {
    let mut turn = turn(0);
    turn.submitted(at(110));
    assert_eq!(turn.commit_at(), None, "one at a time");
    turn.refused(at(150));
    assert_eq!(turn.commit_at(), Some(at(250)));
    turn.submitted(at(250));
    turn.refused(at(300));
    assert_eq!(turn.commit_at(), Some(at(500)));
}

#[test]
fn a_large_tree_is_filled_by_every_second_leaf() {
    let gap = ManagerConfig::default().renewal_gap;
    for (own, members, fills) in [(4, 100, true), (5, 100, false), (4, 10, false)] {
        let mut turn = Turn::new(ManagerConfig::default(), leaf(own), at(0));
        turn.epoch_began(leaf(0), false, members, at(1_000));
        let due = turn.commit_at().expect("some day");
        assert_eq!(due <= at(1_000) + gap + RENEWAL_SLOT * 64, fills, "{own}");
    }
}

#[test]
fn a_new_epoch_forgets_what_was_refused_in_the_old_one() {
    let mut turn = turn(0);
    for millis in [110, 250] {
        turn.submitted(at(millis));
        turn.refused(at(millis + 10));
    }
    turn.epoch_began(leaf(1), false, 3, at(270));
    turn.set_pending(Pending::Adds, at(270));
    assert_eq!(turn.commit_at(), Some(at(370)), "no pause is left");
    turn.submitted(at(370));
    turn.refused(at(400));
    assert_eq!(
        turn.commit_at(),
        Some(at(500)),
        "and the next is a short one"
    );
}

#[test]
fn a_new_epoch_has_nothing_pending_and_nothing_in_flight() {
    let mut turn = turn(0);
    turn.submitted(at(110));
    turn.epoch_began(leaf(0), false, 3, at(5_000));
    assert_eq!(turn.answer_by(), None);
    let due = turn.commit_at().expect("a renewal, some day");
    assert!(due > at(60_000), "due at {due:?}");
    turn.set_pending(Pending::Adds, at(5_500));
    assert_eq!(turn.commit_at(), Some(at(5_600)), "the room is not quiet");
}

#[test]
fn refusals_without_end_are_answered_once_in_six_seconds() {
    let mut turn = turn(0);
    for _ in 0..50 {
        turn.submitted(at(1_000));
        turn.refused(at(1_000));
    }
    assert_eq!(turn.commit_at(), Some(at(1_000 + 6_400)));
}

#[test]
fn one_slow_commit_is_soon_forgotten() {
    let mut turn = turn(1);
    turn.epoch_began(leaf(0), false, 3, at(600_000));
    let mut now = at(600_000);
    for _ in 0..3 {
        turn.set_pending(Pending::Adds, now);
        now = now + Duration::from_millis(100);
        turn.epoch_began(leaf(0), false, 3, now);
    }
    assert!(turn.patience.takeover() < Duration::from_secs(5));
}

#[test]
fn each_member_renews_its_path_every_hour_in_a_quiet_room() {
    let config = ManagerConfig::default();
    let (hour, gap) = (config.rotation, config.renewal_gap);
    let mut turn = Turn::new(config, leaf(3), at(0));
    let start = at(0);
    assert_eq!(turn.commit_at(), Some(start + hour));
    assert!(!turn.renews(start + hour - Duration::from_millis(1)));
    assert!(turn.renews(start + hour));
    // Somebody was faster: one at a time, each in a slot of its own.
    let busy = start + hour - Duration::from_millis(5);
    turn.epoch_began(leaf(1), false, 4, busy);
    assert_eq!(turn.commit_at(), Some(busy + gap + RENEWAL_SLOT * 3));
    let renewed = start + hour + gap;
    turn.epoch_began(leaf(3), true, 4, renewed);
    assert_eq!(turn.commit_at(), Some(renewed + hour));
}

#[test]
fn a_wanted_renewal_waits_for_nobody_and_ends_with_our_own() {
    let mut turn = Turn::new(ManagerConfig::default(), leaf(9), at(0));
    turn.set_committers(vec![leaf(0)]);
    turn.want_renewal();
    assert_eq!(turn.commit_at(), Some(at(0)));
    turn.epoch_began(leaf(9), false, 3, at(50));
    assert!(turn.renews(at(50)), "that commit had no path");
    turn.epoch_began(leaf(9), true, 3, at(100));
    assert!(!turn.renews(at(200)));
}

#[test]
fn who_has_renewed_its_path_fills_no_tree() {
    let mut turn = Turn::new(ManagerConfig::default(), leaf(4), at(0));
    turn.epoch_began(leaf(4), true, 100, at(1_000));
    assert!(turn.commit_at() > Some(at(60_000)));
    turn.epoch_began(leaf(0), false, 100, at(2_000));
    assert!(turn.commit_at() > Some(at(60_000)), "nor later");
}

#[test]
fn an_answer_is_waited_for_once_in_each_connection() {
    let patience = ManagerConfig::default().answer_patience;
    let mut turn = turn(0);
    assert_eq!(turn.answer_by(), None);
    turn.submitted(at(110));
    assert_eq!(turn.answer_by(), Some(at(110) + patience));
    let missed = at(110) + patience;
    turn.answer_missed(missed);
    assert_eq!(turn.answer_by(), Some(missed + patience));
    assert_eq!(turn.commit_at(), None, "it may still have been accepted");
}
