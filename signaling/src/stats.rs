//! What a service has done so far, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};

/// A service at one moment. Counters start with the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ServiceStats {
    /// Open connections.
    pub connections: usize,
    /// Rooms that somebody is in.
    pub rooms: usize,
    /// Leaves in the groups of all rooms.
    pub members: usize,
    /// Commits accepted.
    pub commits: u64,
    /// Size in bytes of the commit accepted last, without Welcome and GroupInfo.
    pub last_commit_bytes: u64,
    /// Messages refused, for whatever reason.
    pub refused: u64,
    /// Clients dropped because they did not take what was sent to them.
    pub too_slow: u64,
    /// Clients given up because nothing was heard from them.
    pub silent: u64,
}

/// The counters behind [`ServiceStats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) commits: AtomicU64,
    pub(crate) last_commit_bytes: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) too_slow: AtomicU64,
    pub(crate) silent: AtomicU64,
}

impl Counters {
    /// What was counted; the rest is zero.
    pub(crate) fn read(&self) -> ServiceStats {
        ServiceStats {
            commits: self.commits.load(Ordering::Relaxed),
            last_commit_bytes: self.last_commit_bytes.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            too_slow: self.too_slow.load(Ordering::Relaxed),
            silent: self.silent.load(Ordering::Relaxed),
            ..ServiceStats::default()
        }
    }
}

/// One more.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
