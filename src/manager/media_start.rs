//! When a member connects its media.

use std::time::Duration;

use crate::time::Moment;

/// What jitter may add to the ways of a few messages.
const JITTER: Duration = Duration::from_millis(50);

/// A member's wait until everybody sends in epochs that it has: what was sent in the epoch before
/// its first one, it could never open.
#[derive(Debug, Default)]
pub(super) enum MediaStart {
    /// Restored from storage, and the service has not gone on with the stay yet.
    #[default]
    Behind,
    /// It follows the group since then, and connects then.
    Waiting { since: Moment, at: Moment },
    /// The application has been told.
    Said,
}

impl MediaStart {
    /// We follow the group from now on. A member that applies our first commit no later than
    /// `cap` after us sends in its epoch after another `cap`, whatever happens.
    ///
    /// A stay that only changes its connection has begun already.
    pub(super) fn begin(&mut self, now: Moment, cap: Duration) {
        if let Self::Behind = self {
            *self = Self::Waiting {
                since: now,
                at: now + cap * 2,
            };
        }
    }

    /// All have the epoch, and learn it about now. The word that brings them to send in it may
    /// still be on its way to some: for no longer than the commit and their reports have taken,
    /// which include the same way.
    pub(super) fn all_ready(&mut self, now: Moment) {
        if let Self::Waiting { since, at } = self {
            *at = (*at).min(now + now.since(*since) + JITTER);
        }
    }

    /// Whether the time has come; says so once.
    pub(super) fn take_due(&mut self, now: Moment) -> bool {
        let due = self.poll_timeout().is_some_and(|at| at <= now);
        if due {
            *self = Self::Said;
        }
        due
    }

    pub(super) fn poll_timeout(&self) -> Option<Moment> {
        match self {
            Self::Waiting { at, .. } => Some(*at),
            Self::Behind | Self::Said => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAP: Duration = Duration::from_millis(300);

    fn at(millis: u64) -> Moment {
        Moment::from_millis(millis)
    }

    fn begun() -> MediaStart {
        let mut start = MediaStart::default();
        start.begin(at(1_000), CAP);
        start
    }

    #[test]
    fn waits_as_long_again_as_the_reports_took() {
        let mut start = begun();
        start.all_ready(at(1_080));
        assert!(!start.take_due(at(1_209)));
        assert!(start.take_due(at(1_210)));
    }

    #[test]
    fn never_waits_longer_than_two_caps() {
        let mut start = begun();
        start.all_ready(at(1_500));
        assert!(!start.take_due(at(1_599)));
        assert!(start.take_due(at(1_600)), "whatever was said");
    }

    #[test]
    fn speaks_once_and_a_new_connection_changes_nothing() {
        let mut start = begun();
        start.begin(at(1_500), CAP);
        assert!(start.take_due(at(1_600)));
        start.begin(at(2_000), CAP);
        start.all_ready(at(2_000));
        assert_eq!(start.poll_timeout(), None);
        assert!(!start.take_due(at(9_000)));
    }

    #[test]
    fn who_does_not_follow_the_group_has_nothing_to_wait_for() {
        let mut start = MediaStart::default();
        start.all_ready(at(1_000));
        assert_eq!(start.poll_timeout(), None);
    }
}
