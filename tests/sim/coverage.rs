//! What the runs met: a simulation in which nothing happens proves nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;

use super::trace::Trace;

/// What some of the usual runs must have met, and how a trace says it.
const MET: [(&str, &str); 18] = [
    ("a stay resumed", "→ hello, resume after"),
    ("an entry anew", "Resyncing"),
    (
        "a return by external commit",
        "→ external commit ends epoch",
    ),
    ("a process back from the dead", "is back"),
    ("a service back from the dead", "the service is back"),
    ("a service that can record nothing", "* FullDisk"),
    ("a connection lost", "has lost connection"),
    (
        "a connection given up by its member",
        "wants another connection",
    ),
    (
        "a connection given up by the service",
        "the service gives connection",
    ),
    ("a member silenced", "Stalled"),
    ("a switch that did not wait for all", "(Cap)"),
    ("a switch because of a removal", "(Removal)"),
    ("a proposal taken back", ": withdrawn"),
    ("a commit refused", "refused commit"),
    ("a second group of the room", "create generation 1"),
    ("a member sent off", "closed: Removed"),
    ("a fork", "the liar forks"),
    ("a hostile commit", "! commit"),
];

/// How often each was met.
#[derive(Debug, Default)]
pub struct Coverage(BTreeMap<&'static str, u64>);

impl Coverage {
    pub fn of(trace: &Trace) -> Self {
        let mut coverage = Self::default();
        for line in trace.lines() {
            for (what, words) in MET {
                if line.contains(words) {
                    *coverage.0.entry(what).or_default() += 1;
                }
            }
        }
        coverage
    }

    /// What never happened.
    pub fn missing(&self) -> Vec<&'static str> {
        let all = MET.iter().map(|(what, _)| *what);
        all.filter(|what| !self.0.contains_key(what)).collect()
    }
}

impl AddAssign for Coverage {
    fn add_assign(&mut self, other: Self) {
        for (what, count) in other.0 {
            *self.0.entry(what).or_default() += count;
        }
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, count) in &self.0 {
            writeln!(f, "  {count:6} × {what}")?;
        }
        Ok(())
    }
}
