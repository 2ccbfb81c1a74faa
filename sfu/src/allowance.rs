//! How often somebody may do what costs others something.

use std::time::{Duration, Instant};

/// So many at once, and one more in every so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// How many at once, after a rest.
    pub at_once: u32,
    /// How long it takes to regain one.
    pub every: Duration,
}

impl Allowance {
    /// How long it takes to regain `number`.
    fn rest(&self, number: u32) -> Duration {
        self.every.saturating_mul(number)
    }
}

/// What somebody has used of an [`Allowance`].
#[derive(Debug)]
pub(crate) struct Used {
    /// When all of it is regained.
    regained: Instant,
}

impl Used {
    /// Nothing yet.
    pub(crate) fn nothing(now: Instant) -> Self {
        Self { regained: now }
    }

    /// Whether it is as if nothing had ever been used.
    pub(crate) fn is_nothing(&self, now: Instant) -> bool {
        self.regained <= now
    }

    /// Uses `number` if so many are left.
    pub(crate) fn take(&mut self, allowance: &Allowance, number: u32, now: Instant) -> bool {
        let owed = self.regained.saturating_duration_since(now) + allowance.rest(number);
        let enough = owed <= allowance.rest(allowance.at_once);
        if enough {
            self.regained = now + owed;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn so_many_at_once_and_then_one_after_another() {
        let allowance = Allowance {
            at_once: 5,
            every: SECOND,
        };
        let start = Instant::now();
        let mut used = Used::nothing(start);
        assert!(used.take(&allowance, 3, start));
        assert!(!used.take(&allowance, 3, start), "two are left");
        assert!(used.take(&allowance, 2, start));
        assert!(used.take(&allowance, 0, start), "nothing costs nothing");
        assert!(!used.take(&allowance, 1, start + SECOND / 2));
        assert!(used.take(&allowance, 1, start + SECOND));
        assert!(!used.is_nothing(start + 5 * SECOND));
        assert!(used.is_nothing(start + 6 * SECOND));
        let later = start + 60 * SECOND;
        let taken = (0..9).filter(|_| used.take(&allowance, 1, later));
        assert_eq!(taken.count(), 5, "no more than that after any rest");
    }
}
