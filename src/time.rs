//! Time as the caller tells it: the core reads no clock.

use std::ops::{Add, Sub};
use std::time::Duration;

/// A monotonic point in time, counted from an origin that the caller chooses.
///
/// `std::time::Instant` cannot be made up in a simulation and does not exist in a browser worker,
/// so the core takes this instead. All moments given to one object must share one origin and
/// never go back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Moment(Duration);

impl Moment {
    /// The moment that lies `since_origin` after the caller's origin.
    pub const fn new(since_origin: Duration) -> Self {
        Self(since_origin)
    }

    /// The moment `millis` milliseconds after the origin.
    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// Time since the caller's origin.
    pub const fn since_origin(self) -> Duration {
        self.0
    }

    /// Time since `earlier`, zero if that lies ahead.
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }
}

impl Sub<Duration> for Moment {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(span))
    }
}

/// The earlier of two deadlines, where `None` is "never".
pub fn earlier(a: Option<Moment>, b: Option<Moment>) -> Option<Moment> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}
