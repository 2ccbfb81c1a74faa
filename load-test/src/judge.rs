//! The verdict: what must hold, and that enough was looked at to say so.

use crate::report::Report;
use crate::script::Shape;

/// Why a run did not hold; nothing if it did.
pub fn judge(report: &Report, shape: Shape, media: bool) -> Vec<String> {
    let mut judge = Judge::default();
    judge.all_came(report);
    judge.one_history(report);
    judge.one_group(report);
    if shape.has_leavers() {
        judge.must(report.leave_to_excluded_ms.count > 0, || {
            "nobody was seen to leave".into()
        });
        judge.must(report.leave_to_excluded_ms.max.is_finite(), || {
            "somebody who left was never excluded".into()
        });
    }
    if let Some(kind) = shape.fault() {
        judge.must(report.faults.of(kind).hit_all(), || {
            let tally = report.faults.of(kind);
            format!("not every window of a commit was hit: {tally:?}")
        });
    }
    if matches!(shape, Shape::CommitterCrash) {
        judge.must(report.takeovers > 0, || "nobody took a commit over".into());
    }
    if media {
        judge.media(report, shape);
    }
    judge.0
}

#[derive(Default)]
struct Judge(Vec<String>);

impl Judge {
    fn must(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.0.push(otherwise());
        }
    }

    fn all_came(&mut self, report: &Report) {
        self.must(report.expected_joins > 0, || "nobody was to join".into());
        let missing = report.expected_joins.saturating_sub(report.joined);
        self.must(missing == 0 && report.never_joined == 0, || {
            format!(
                "{} of {} never joined",
                missing.max(report.never_joined),
                report.expected_joins
            )
        });
        self.must(report.unexpected_ends == 0, || {
            format!(
                "{} stays ended without anybody's wish",
                report.unexpected_ends
            )
        });
        self.must(report.service_failures == 0, || {
            format!(
                "the service ended by itself {} times",
                report.service_failures
            )
        });
    }

    fn one_history(&mut self, report: &Report) {
        self.must(report.acknowledged > 0, || {
            "no commit was acknowledged".into()
        });
        self.must(report.acknowledged_compared >= report.acknowledged, || {
            format!(
                "{} commits were acknowledged, and {} compared with the service's log",
                report.acknowledged, report.acknowledged_compared
            )
        });
        self.must(report.accepted_commits_lost == 0, || {
            format!(
                "{} acknowledged commits are lost",
                report.accepted_commits_lost
            )
        });
        self.must(report.forked_entries == 0, || {
            format!("{} log entries have two versions", report.forked_entries)
        });
    }

    fn one_group(&mut self, report: &Report) {
        self.must(report.epochs > 1, || "there was no second epoch".into());
        self.must(report.authenticators_compared > 0, || {
            "no codes were compared".into()
        });
        self.must(report.diverged_members == 0, || {
            format!(
                "{} members had another code than most",
                report.diverged_members
            )
        });
        self.must(report.at_rest, || {
            "at the end not everybody was in one epoch".into()
        });
        self.must(report.epoch_converge_ms.count > 0, || {
            "no epoch was seen to converge".into()
        });
        self.must(report.epoch_converge_ms.max.is_finite(), || {
            "somebody connected never reached an epoch".into()
        });
    }

    fn media(&mut self, report: &Report, shape: Shape) {
        self.must(report.media_packets_expected > 0, || {
            "no media packet was expected".into()
        });
        self.must(report.lost_media_packets == 0, || {
            format!(
                "{} of {} media packets were lost",
                report.lost_media_packets, report.media_packets_expected
            )
        });
        // The SFU dies with the service.
        let may_break =
            matches!(shape, Shape::ServiceRestart) || report.service_killed_by_others > 0;
        self.must(may_break || report.media_connections_lost == 0, || {
            let lost = report.media_connections_lost;
            format!("{lost} connections to the SFU broke by themselves")
        });
    }
}

#[cfg(test)]
mod tests;
