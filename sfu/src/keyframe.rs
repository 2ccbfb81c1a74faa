//! Throttled keyframe requests, one throttle per published stream.

use std::time::{Duration, Instant};

/// Lets the first request through at once and remembers that others came while it was closed:
/// they become one trailing request, so a subscriber that asked at the wrong moment is not
/// forgotten.
#[derive(Debug, Clone)]
pub struct KeyframeThrottle {
    interval: Duration,
    last: Option<Instant>,
    waiting: bool,
}

impl KeyframeThrottle {
    /// At most one request per `interval`.
    pub fn new(interval: Duration) -> Self {
        Self {
            interval,
            last: None,
            waiting: false,
        }
    }

    /// A subscriber asks. Returns whether the publisher is to be asked now.
    pub fn request(&mut self, now: Instant) -> bool {
        self.waiting = true;
        self.poll(now)
    }

    /// When a remembered request becomes due.
    pub fn due(&self) -> Option<Instant> {
        self.waiting
            .then(|| self.last.map(|last| last + self.interval))?
    }

    /// Returns whether a remembered request is to be sent now.
    pub fn poll(&mut self, now: Instant) -> bool {
        let open = self.last.is_none_or(|last| now >= last + self.interval);
        if !(self.waiting && open) {
            return false;
        }
        self.waiting = false;
        self.last = Some(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_becomes_one_request_now_and_one_later() {
        let start = Instant::now();
        let mut throttle = KeyframeThrottle::new(Duration::from_millis(500));
        assert!(throttle.request(start));
        assert_eq!(throttle.due(), None);
        for ms in [1, 100, 499] {
            assert!(!throttle.request(start + Duration::from_millis(ms)));
        }
        let due = throttle.due().unwrap();
        assert_eq!(due, start + Duration::from_millis(500));
        assert!(throttle.poll(due));
        assert!(
            !throttle.poll(due + Duration::from_secs(9)),
            "nobody asked again"
        );
    }
}
