//! The one place where the machine's clock becomes the core's [`Moment`].

use std::time::Instant;

use mls_srtp::time::Moment;

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
