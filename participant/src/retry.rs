//! How long to wait before the next attempt.

use std::time::Duration;

use rand::RngExt as _;

/// Delays between attempts that fail.
///
/// Each delay is twice the one before, up to [`Self::last`], and then shortened at random by up to
/// half: what everybody lost at the same moment, everybody would otherwise try again at the same
/// moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryConfig {
    /// Delay before the first attempt.
    pub first: Duration,
    /// Longest delay.
    pub last: Duration,
}

/// The delays of one row of failures.
#[derive(Debug)]
pub struct Backoff {
    config: RetryConfig,
    next: Duration,
}

impl Backoff {
    /// A row that has not begun.
    pub fn new(config: RetryConfig) -> Self {
        Self {
            config,
            next: config.first,
        }
    }

    /// The delay before the next attempt.
    pub fn delay(&mut self) -> Duration {
        let full = self.next.min(self.config.last);
        self.next = full.saturating_mul(2);
        full.mul_f64(rand::rng().random_range(0.5..=1.0))
    }

    /// What was up for `lived` is lost. A row of failures has ended if it lived longer than the
    /// longest delay: what comes up and fails again at once must not be tried ever faster.
    pub fn lost_after(&mut self, lived: Duration) {
        if lived > self.config.last {
            self.next = self.config.first;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: RetryConfig = RetryConfig {
        first: Duration::from_millis(200),
        last: Duration::from_secs(5),
    };

    #[test]
    fn delays_double_up_to_the_last_and_are_shortened_by_half_at_most() {
        let mut backoff = Backoff::new(CONFIG);
        for full in [200, 400, 800, 1600, 3200, 5000, 5000] {
            let (delay, full) = (backoff.delay(), Duration::from_millis(full));
            assert!(full / 2 <= delay && delay <= full, "{delay:?} of {full:?}");
        }
    }

    #[test]
    fn clients_do_not_come_back_in_step() {
        let delays: std::collections::HashSet<_> =
            (0..20).map(|_| Backoff::new(CONFIG).delay()).collect();
        assert!(delays.len() > 10, "{delays:?}");
    }

    #[test]
    fn only_what_lived_starts_over() {
        let mut backoff = Backoff::new(CONFIG);
        for _ in 0..4 {
            backoff.delay();
        }
        backoff.lost_after(CONFIG.last);
        assert!(backoff.delay() >= Duration::from_millis(1600));
        backoff.lost_after(CONFIG.last * 2);
        assert!(backoff.delay() <= CONFIG.first);
    }
}
