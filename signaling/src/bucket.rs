//! How much a client may send.

use std::time::Instant;

/// A token bucket: a burst at once, a rate in the long run.
pub(crate) struct Bucket {
    tokens: f64,
    burst: f64,
    rate: f64,
    filled: Instant,
}

impl Bucket {
    /// A full bucket of `burst` tokens, refilled with `rate` tokens per second.
    pub(crate) fn full(burst: u32, rate: u32, now: Instant) -> Self {
        Self {
            tokens: f64::from(burst),
            burst: f64::from(burst),
            rate: f64::from(rate),
            filled: now,
        }
    }

    /// Whether it holds a whole burst.
    pub(crate) fn is_full(&self, now: Instant) -> bool {
        self.tokens_at(now) >= self.burst
    }

    /// Takes one token if there is one.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        self.tokens = self.tokens_at(now);
        self.filled = now;
        let enough = self.tokens >= 1.0;
        if enough {
            self.tokens -= 1.0;
        }
        enough
    }

    fn tokens_at(&self, now: Instant) -> f64 {
        let gained = now.saturating_duration_since(self.filled).as_secs_f64() * self.rate;
        (self.tokens + gained).min(self.burst)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_bucket_gives_a_burst_and_then_a_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::full(3, 10, start);
        assert!((0..3).all(|_| bucket.take(start)));
        assert!(!bucket.take(start));
        assert!(bucket.take(start + Duration::from_millis(100)));
        assert!(!bucket.take(start + Duration::from_millis(101)));
        let long_after = start + Duration::from_secs(60);
        assert_eq!(
            (0..9).filter(|_| bucket.take(long_after)).count(),
            3,
            "no more than a burst"
        );
    }
}
