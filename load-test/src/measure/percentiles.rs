//! Percentiles of everything that was measured, not of a sample of it.

use serde::Serialize;

/// Percentiles in milliseconds, by nearest rank: each is a value that was measured. What never
/// happened counts as infinite, and an infinite percentile is `null` in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Percentiles {
    /// How many values there are, infinite ones included.
    pub count: usize,
    /// Half of the values are no larger.
    pub p50: f64,
    /// Nine of ten are no larger.
    pub p90: f64,
    /// 99 of 100 are no larger.
    pub p99: f64,
    /// The largest.
    pub max: f64,
}

impl Percentiles {
    /// Of values in milliseconds, in any order. All are infinite if there are none.
    pub fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let rank = |percent: usize| {
            let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
            let value = sorted.get(at).copied().unwrap_or(f64::INFINITY);
            (value * 10.0).round() / 10.0
        };
        Self {
            count: sorted.len(),
            p50: rank(50),
            p90: rank(90),
            p99: rank(99),
            max: rank(100),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_by_nearest_rank() {
        let values: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        let found = Percentiles::of(&values);
        assert_eq!(
            (found.p50, found.p90, found.p99, found.max),
            (100.0, 180.0, 198.0, 200.0)
        );
        let one = Percentiles::of(&[7.0]);
        assert_eq!((one.count, one.p50, one.p99, one.max), (1, 7.0, 7.0, 7.0));
    }

    #[test]
    fn what_never_happened_is_infinite_and_null() {
        let found = Percentiles::of(&[1.0, 2.0, f64::INFINITY]);
        assert_eq!((found.p50, found.p99), (2.0, f64::INFINITY));
        let json = serde_json::to_string(&found).expect("numbers");
        assert_eq!(
            json,
            r#"{"count":3,"p50":2.0,"p90":null,"p99":null,"max":null}"#
        );
        assert_eq!(Percentiles::of(&[]).p50, f64::INFINITY);
    }
}
