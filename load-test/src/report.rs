//! The report: one JSON object, or a few lines for a person.

use serde::Serialize;

use crate::faults::Tallies;
use crate::measure::Percentiles;

/// How a run went. Times are in milliseconds; README.md says what each number means.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// `ok`, or `failed` for the reasons below.
    pub verdict: &'static str,
    /// Why it failed.
    pub reasons: Vec<String>,
    /// What was run.
    pub profile: &'static str,
    /// Participants in the room.
    pub participants: usize,
    /// What the script was drawn from.
    pub seed: u64,
    /// How long it took, from the first join until everything had come to rest.
    pub seconds: f64,
    /// Joins of the script.
    pub expected_joins: usize,
    /// Of them those that came to their end.
    pub joined: usize,
    /// Of them those that did not: infinite in the percentiles.
    pub never_joined: usize,
    /// Epochs that somebody entered.
    pub epochs: u64,
    /// Commits that members were told of.
    pub commits: u64,
    /// Commits that the service refused.
    pub commits_rejected: u64,
    /// Commits of somebody else than the first committer.
    pub takeovers: u64,
    /// Commits that came back to their authors in the log.
    pub acknowledged: u64,
    /// How often one of those was held against the service's log.
    pub acknowledged_compared: u64,
    /// How often it was not there.
    pub accepted_commits_lost: u64,
    /// Log entries of which two clients were told different ones.
    pub forked_entries: u64,
    /// Codes of epochs that were compared with somebody else's.
    pub authenticators_compared: u64,
    /// Members that had another code than most.
    pub diverged_members: usize,
    /// Whether at the end everybody there was in one epoch, and nobody else was in it.
    pub at_rest: bool,
    /// Stays that ended without anybody's wish.
    pub unexpected_ends: usize,
    /// From wanting to join to having keys.
    pub join_to_keys_ms: Percentiles,
    /// From leaving, or from a crash, until the others are without whoever left.
    pub leave_to_excluded_ms: Percentiles,
    /// From the first member in an epoch to the last.
    pub epoch_converge_ms: Percentiles,
    /// Envelopes in and out, per member and join or leave; `null` without any.
    pub bytes_per_member_per_change: Option<f64>,
    /// Packets that should have been heard, once for each receiver.
    pub media_packets_expected: u64,
    /// Of them those that were not.
    pub lost_media_packets: u64,
    /// Connections to the SFU that broke by themselves.
    pub media_connections_lost: u64,
    /// Faults of each kind.
    pub faults: Tallies,
    /// How often the service was killed by somebody else.
    pub service_killed_by_others: u64,
    /// How often the service ended by itself.
    pub service_failures: u64,
    /// Processor time.
    pub cpu_seconds: Cpu,
    /// The most resident memory that a process of the service had; `null` where that is unknown.
    pub service_rss_mb: Option<f64>,
}

/// Seconds of processor time; `null` where that is unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Cpu {
    /// All processes of the service, with its SFU.
    pub service: Option<f64>,
    /// All clients, without what came before the first join.
    pub clients: Option<f64>,
}

impl Report {
    /// For a person.
    pub fn in_words(&self) -> String {
        let mut lines = vec![format!(
            "{}: {} · {} participants, {} s, seed {}",
            self.verdict, self.profile, self.participants, self.seconds, self.seed
        )];
        lines.extend(self.reasons.iter().map(|reason| format!("  ✗ {reason}")));
        lines.extend(
            self.rows()
                .into_iter()
                .map(|(name, value)| format!("  {name:<24} {value}")),
        );
        lines.join("\n")
    }

    /// Names and values, for tables.
    pub fn rows(&self) -> Vec<(&'static str, String)> {
        let times = |p: &Percentiles| match p.count {
            0 => "–".to_owned(),
            _ => format!(
                "p50 {} · p90 {} · p99 {} · max {} ({})",
                ms(p.p50),
                ms(p.p90),
                ms(p.p99),
                ms(p.max),
                p.count
            ),
        };
        let unknown = || "unknown".to_owned();
        let seconds = |s: Option<f64>| s.map_or_else(unknown, |s| format!("{s:.2} s"));
        let mut rows = vec![
            (
                "joined",
                format!("{} of {}", self.joined, self.expected_joins),
            ),
            ("epochs", self.epochs.to_string()),
            (
                "commits",
                format!(
                    "{} accepted, {} refused, {} takeovers",
                    self.commits, self.commits_rejected, self.takeovers
                ),
            ),
            (
                "acknowledged and lost",
                format!("{} and {}", self.acknowledged, self.accepted_commits_lost),
            ),
            (
                "codes compared",
                format!(
                    "{}, {} members diverged",
                    self.authenticators_compared, self.diverged_members
                ),
            ),
            ("join to keys", times(&self.join_to_keys_ms)),
            ("leave to excluded", times(&self.leave_to_excluded_ms)),
            ("epoch converges in", times(&self.epoch_converge_ms)),
            (
                "per member and change",
                self.bytes_per_member_per_change
                    .map_or_else(|| "–".to_owned(), |bytes| format!("{bytes:.0} bytes")),
            ),
        ];
        if self.media_packets_expected > 0 {
            rows.push((
                "media packets",
                format!(
                    "{} expected, {} lost",
                    self.media_packets_expected, self.lost_media_packets
                ),
            ));
        }
        for (name, tally) in [
            ("crashes of committers", self.faults.crash),
            ("cuts of committers", self.faults.cut),
            ("kills of the service", self.faults.kill),
        ] {
            if tally.injected > 0 {
                let (made, sent, accepted) = (
                    tally.after_proposal,
                    tally.after_submission,
                    tally.after_acceptance,
                );
                rows.push((
                    name,
                    format!("{made} before a commit, {sent} during, {accepted} after"),
                ));
            }
        }
        rows.push((
            "processor time",
            format!(
                "service {}, clients {}",
                seconds(self.cpu_seconds.service),
                seconds(self.cpu_seconds.clients)
            ),
        ));
        let memory = self.service_rss_mb;
        let memory = memory.map_or_else(unknown, |mb| format!("{mb:.0} MB"));
        rows.push(("memory of the service", memory));
        rows
    }
}

/// Milliseconds for a person.
pub fn ms(time: f64) -> String {
    match time {
        time if time.is_infinite() => "never".into(),
        time if time >= 10_000.0 => format!("{:.1} s", time / 1_000.0),
        time => format!("{time:.0} ms"),
    }
}
