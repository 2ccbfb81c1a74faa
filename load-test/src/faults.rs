//! Faults that lie in wait for the next commit, and a count of those that struck.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::script::{Fault, FaultKind, Window};

/// How often a kind of fault was to strike, and how often it did in each window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tally {
    /// Faults that the script laid.
    pub injected: u64,
    /// Struck with the commit made and not sent.
    pub after_proposal: u64,
    /// Struck with the commit sent.
    pub after_submission: u64,
    /// Struck when the service had accepted the commit, before its author processed that.
    pub after_acceptance: u64,
}

impl Tally {
    /// Whether it struck in each of the windows.
    pub fn hit_all(&self) -> bool {
        self.after_proposal > 0 && self.after_submission > 0 && self.after_acceptance > 0
    }
}

/// The counts of all kinds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tallies {
    /// Committers that crashed.
    pub crash: Tally,
    /// Connections of committers that were cut.
    pub cut: Tally,
    /// Connections that were cut at any time.
    pub cut_at_random: u64,
    /// SIGKILLs of the service.
    pub kill: Tally,
}

impl Tallies {
    /// That of one kind.
    pub fn of(&self, kind: FaultKind) -> &Tally {
        match kind {
            FaultKind::Crash => &self.crash,
            FaultKind::Cut => &self.cut,
            FaultKind::Kill => &self.kill,
        }
    }

    fn of_mut(&mut self, kind: FaultKind) -> &mut Tally {
        match kind {
            FaultKind::Crash => &mut self.crash,
            FaultKind::Cut => &mut self.cut,
            FaultKind::Kill => &mut self.kill,
        }
    }
}

/// The fault that lies in wait, for all clients. One at a time: what does two things at once
/// proves neither.
#[derive(Debug, Default)]
pub struct Traps(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    armed: Option<Fault>,
    tallies: Tallies,
    strikes: Vec<Strike>,
}

/// A fault that struck.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Strike {
    /// When, since the beginning of the run.
    pub at: Duration,
    /// Which.
    pub fault: Fault,
}

impl Traps {
    /// Lays a fault, unless one is in wait already.
    pub fn arm(&self, fault: Fault) {
        let mut inner = self.lock();
        if inner.armed.is_none() {
            inner.armed = Some(fault);
            inner.tallies.of_mut(fault.kind).injected += 1;
        }
    }

    /// Takes the fault that lies in wait: somebody is about to commit.
    pub fn spring(&self) -> Option<Fault> {
        self.lock().armed.take()
    }

    /// Puts a fault back whose moment did not come: the commit lost its race.
    pub fn put_back(&self, fault: Fault) {
        self.lock().armed.get_or_insert(fault);
    }

    /// The fault strikes now.
    pub fn struck(&self, at: Duration, fault: Fault) {
        let mut inner = self.lock();
        inner.strikes.push(Strike { at, fault });
        let tally = inner.tallies.of_mut(fault.kind);
        match fault.window {
            Window::Proposal => tally.after_proposal += 1,
            Window::Submission => tally.after_submission += 1,
            Window::Acceptance => tally.after_acceptance += 1,
        }
    }

    /// A connection is cut without regard to commits.
    pub fn cut_at_random(&self) {
        self.lock().tallies.cut_at_random += 1;
    }

    /// Disarms.
    pub fn disarm(&self) {
        self.lock().armed = None;
    }

    /// The counts so far.
    pub fn tallies(&self) -> Tallies {
        self.lock().tallies
    }

    /// All that struck so far.
    pub fn strikes(&self) -> Vec<Strike> {
        self.lock().strikes.clone()
    }

    /// Nothing in here panics between two changes.
    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
