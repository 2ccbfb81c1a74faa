//! How long we send without a sign that the group is still the one we know.

use std::time::Duration;

use crate::time::Moment;

/// Bounds the time for which a service can hide a removal: without fresh word of where the group
/// stands, sending ends.
#[derive(Debug)]
pub(super) struct Exposure {
    max: Duration,
    /// When the service last said that the group is in our epoch.
    proven_at: Moment,
    stalled: bool,
}

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExposureChange {
    Stalled,
    Recovered,
}

impl Exposure {
    pub(super) fn new(max: Duration, now: Moment) -> Self {
        Self {
            max,
            proven_at: now,
            stalled: false,
        }
    }

    /// The service said that the group is in our epoch, and that we have its whole log.
    pub(super) fn proven(&mut self, now: Moment) -> Option<ExposureChange> {
        self.proven_at = now;
        std::mem::take(&mut self.stalled).then_some(ExposureChange::Recovered)
    }

    pub(super) fn handle_timeout(&mut self, now: Moment) -> Option<ExposureChange> {
        let stalls = !self.stalled && now >= self.proven_at + self.max;
        self.stalled |= stalls;
        stalls.then_some(ExposureChange::Stalled)
    }

    pub(super) fn poll_timeout(&self) -> Option<Moment> {
        (!self.stalled).then_some(self.proven_at + self.max)
    }

    pub(super) fn is_stalled(&self) -> bool {
        self.stalled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stalls_once_and_recovers_once() {
        let at = Moment::from_millis;
        let mut exposure = Exposure::new(Duration::from_secs(15), at(0));
        assert_eq!(exposure.proven(at(1_000)), None);
        assert_eq!(exposure.handle_timeout(at(15_999)), None);
        let stalled = Some(ExposureChange::Stalled);
        assert_eq!(exposure.handle_timeout(at(16_000)), stalled);
        assert_eq!(exposure.handle_timeout(at(17_000)), None);
        assert_eq!(exposure.poll_timeout(), None);
        assert_eq!(exposure.proven(at(18_000)), Some(ExposureChange::Recovered));
        assert_eq!(exposure.poll_timeout(), Some(at(33_000)));
    }
}
