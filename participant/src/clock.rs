//! The one place where the machine's clocks become the core's [`Moment`] and the time of day.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mls_srtp::time::Moment;

/// The time since the start of 1970 in UTC, for those who look at certificates and tokens (a
/// [`UnixClock`](mls_srtp::trust::UnixClock)). A clock from before that shows its start.
pub fn unix_time() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// The instant at which a participant's [`Moment`]s begin.
///
/// Everything that shares a media pipeline or key manager must share one origin, so it is made
/// once per process and copied.
#[derive(Debug, Clone, Copy)]
pub struct ClockOrigin(Instant);

impl ClockOrigin {
    /// Moments count from `origin`.
    pub const fn new(origin: Instant) -> Self {
        Self(origin)
    }

    /// Moments count from now.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The moment of `instant`; the origin itself for anything before it.
    pub fn moment(self, instant: Instant) -> Moment {
        Moment::new(instant.saturating_duration_since(self.0))
    }

    /// The instant of `moment`.
    pub fn instant(self, moment: Moment) -> Instant {
        self.0 + moment.since_origin()
    }

    /// The present moment.
    pub fn now(self) -> Moment {
        self.moment(Instant::now())
    }
}
