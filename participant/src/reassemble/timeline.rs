//! RTP timestamps unwrapped into one growing media time.

use std::time::Duration;

use mls_srtp::time::Moment;

/// How far timestamps may drift from the clock between two frames before they count as a new
/// beginning: longer than any pause of a sender that keeps its numbers exact.
const MOST_DRIFT: Duration = Duration::from_secs(60);

/// The media time of a stream, in ticks since its first frame.
#[derive(Debug)]
pub(super) struct Timeline {
    clock_rate: u32,
    last: Option<Last>,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    timestamp: u32,
    media_time: u64,
    arrived: Moment,
}

impl Timeline {
    pub(super) fn new(clock_rate: u32) -> Self {
        Self {
            clock_rate,
            last: None,
        }
    }

    /// The media time of a frame. Where timestamps make no sense, as when a sender starts over,
    /// the time that has passed counts instead.
    pub(super) fn place(&mut self, timestamp: u32, arrived: Moment, restarted: bool) -> u64 {
        let media_time = self.last.map_or(0, |last| {
            let ticks = timestamp.wrapping_sub(last.timestamp).cast_signed();
            let passed = self.ticks(arrived.since(last.arrived));
            let drift = passed.abs_diff(ticks.into());
            let steps = match restarted || drift > self.ticks(MOST_DRIFT).unsigned_abs() {
                true => passed,
                false => ticks.into(),
            };
            last.media_time.saturating_add_signed(steps)
        });
        self.last = Some(Last {
            timestamp,
            media_time,
            arrived,
        });
        media_time
    }

    fn ticks(&self, span: Duration) -> i64 {
        let ticks = span.as_nanos() * u128::from(self.clock_rate) / 1_000_000_000;
        i64::try_from(ticks).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Moment {
        Moment::from_millis(millis)
    }

    #[test]
    fn timestamps_count_on_over_their_wrap() {
        let mut timeline = Timeline::new(90_000);
        assert_eq!(timeline.place(u32::MAX - 1_000, at(0), false), 0);
        assert_eq!(timeline.place(2_599, at(40), false), 3_600);
    }

    #[test]
    fn after_a_restart_the_time_that_passed_counts() {
        let mut timeline = Timeline::new(90_000);
        timeline.place(7, at(0), false);
        assert_eq!(timeline.place(1_000_000, at(500), true), 45_000);
        assert_eq!(timeline.place(1_003_600, at(540), false), 48_600);
    }

    #[test]
    fn a_senseless_timestamp_does_not_tear_the_timeline() {
        let mut timeline = Timeline::new(48_000);
        timeline.place(0, at(0), false);
        assert_eq!(timeline.place(0x7000_0000, at(20), false), 960);
        assert_eq!(timeline.place(0x7000_03c0, at(40), false), 1_920);
    }
}
