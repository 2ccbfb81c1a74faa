use std::time::Duration;

use super::judge;
use crate::faults::{Tallies, Tally};
use crate::measure::Percentiles;
use crate::report::{Cpu, Report};
use crate::script::Shape;

const CROWD: Shape = Shape::FlashCrowd {
    over: Duration::from_secs(2),
};
const CHURN: Shape = Shape::Churn { rate: None };

fn hit() -> Tally {
    Tally {
        injected: 3,
        after_proposal: 1,
        after_submission: 1,
        after_acceptance: 1,
    }
}

/// A report that holds under every profile.
fn good() -> Report {
    let times = Percentiles::of(&[1.0, 2.0]);
    Report {
        verdict: "ok",
        reasons: Vec::new(),
        profile: "churn",
        participants: 2,
        seed: 1,
        seconds: 4.0,
        expected_joins: 3,
        joined: 3,
        never_joined: 0,
        epochs: 4,
        commits: 3,
        commits_rejected: 1,
        takeovers: 1,
        acknowledged: 3,
        acknowledged_compared: 3,
        accepted_commits_lost: 0,
        forked_entries: 0,
        authenticators_compared: 6,
        diverged_members: 0,
        at_rest: true,
        unexpected_ends: 0,
        join_to_keys_ms: times,
        leave_to_excluded_ms: times,
        epoch_converge_ms: times,
        bytes_per_member_per_change: Some(1.0),
        media_packets_expected: 10,
        lost_media_packets: 0,
        media_connections_lost: 0,
        faults: Tallies {
            crash: hit(),
            cut: hit(),
            cut_at_random: 0,
            kill: hit(),
        },
        service_killed_by_others: 0,
        service_failures: 0,
        cpu_seconds: Cpu::default(),
        service_rss_mb: None,
    }
}

/// Fails for that one reason.
fn fails(shape: Shape, media: bool, spoil: impl FnOnce(&mut Report)) -> bool {
    let mut report = good();
    spoil(&mut report);
    judge(&report, shape, media).len() == 1
}

#[test]
fn a_good_run_holds() {
    for shape in [
        CROWD,
        CHURN,
        Shape::CommitterCrash,
        Shape::Flapping,
        Shape::ServiceRestart,
    ] {
        let reasons = judge(&good(), shape, true);
        assert!(reasons.is_empty(), "{shape:?}: {reasons:?}");
    }
}

#[test]
fn everybody_must_come_and_go_as_asked() {
    assert!(fails(CROWD, false, |r| r.expected_joins = 0));
    assert!(fails(CROWD, false, |r| r.joined = 2));
    assert!(fails(CROWD, false, |r| r.never_joined = 1));
    assert!(fails(CROWD, false, |r| r.unexpected_ends = 1));
    assert!(fails(CROWD, false, |r| r.service_failures = 1));
    let nobody = Percentiles::of(&[]);
    let never = Percentiles::of(&[1.0, f64::INFINITY]);
    assert!(fails(CHURN, false, |r| r.leave_to_excluded_ms.count = 0));
    assert!(fails(CHURN, false, |r| r.leave_to_excluded_ms = never));
    assert!(
        !fails(CROWD, false, |r| r.leave_to_excluded_ms = nobody),
        "nobody leaves"
    );
}

#[test]
fn there_must_be_one_history() {
    assert!(fails(CHURN, false, |r| r.acknowledged = 0));
    assert!(fails(CHURN, false, |r| r.acknowledged_compared = 2));
    assert!(fails(CHURN, false, |r| r.accepted_commits_lost = 1));
    assert!(fails(CHURN, false, |r| r.forked_entries = 1));
}

#[test]
fn there_must_be_one_group() {
    assert!(fails(CHURN, false, |r| r.epochs = 1));
    assert!(fails(CHURN, false, |r| r.authenticators_compared = 0));
    assert!(fails(CHURN, false, |r| r.diverged_members = 1));
    assert!(fails(CHURN, false, |r| r.at_rest = false));
    assert!(fails(CHURN, false, |r| r.epoch_converge_ms.count = 0));
    let never = Percentiles::of(&[f64::INFINITY]);
    assert!(fails(CHURN, false, |r| r.epoch_converge_ms = never));
}

#[test]
fn faults_must_strike_in_every_window() {
    assert!(fails(Shape::CommitterCrash, false, |r| {
        r.faults.crash.after_proposal = 0;
    }));
    assert!(fails(Shape::Flapping, false, |r| {
        r.faults.cut.after_submission = 0;
    }));
    assert!(fails(Shape::ServiceRestart, false, |r| {
        r.faults.kill.after_acceptance = 0;
    }));
    assert!(fails(Shape::CommitterCrash, false, |r| r.takeovers = 0));
    assert!(
        !fails(CHURN, false, |r| r.faults = Tallies::default()),
        "none were to strike"
    );
}

#[test]
fn media_must_be_heard() {
    assert!(fails(CHURN, true, |r| r.media_packets_expected = 0));
    assert!(fails(CHURN, true, |r| r.lost_media_packets = 1));
    assert!(fails(CHURN, true, |r| r.media_connections_lost = 1));
    let broken = |r: &mut Report| r.media_connections_lost = 1;
    assert!(
        !fails(Shape::ServiceRestart, true, broken),
        "the SFU is killed"
    );
    assert!(
        !fails(CHURN, false, |r| r.media_packets_expected = 0),
        "nobody sends"
    );
}
