//! Histograms with the percentiles marked.

use super::chart::{Chart, Mark, Series, Shape, round_up};
use crate::measure::Percentiles;
use crate::report::ms;

/// Most columns of a histogram.
const COLUMNS: usize = 40;

/// How often which time was measured; nothing without any. What never happened has no column: the
/// numbers above have it.
pub(super) fn histogram(title: &'static str, values: &[f64]) -> Option<Chart> {
    let finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    let most = finite.iter().copied().fold(0.0, f64::max);
    if finite.is_empty() {
        return None;
    }
    let width = round_up(most / COLUMNS as f64).max(0.1);
    let columns = (most / width) as usize + 1;
    let mut counts = vec![0_u32; columns];
    for value in &finite {
        counts[((value / width) as usize).min(columns - 1)] += 1;
    }
    let left = |column: usize| column as f64 * width;
    let points = counts.iter().enumerate();
    let points = points.map(|(column, count)| (left(column), f64::from(*count)));
    let found = Percentiles::of(values);
    let named = [("p50", found.p50), ("p90", found.p90), ("p99", found.p99)];
    // Names that would lie on each other are said under the pointer only.
    let crowded = |at: f64| {
        let near = |other: f64| other > at && other - at < left(columns) / 15.0;
        named.iter().any(|(_, other)| near(*other))
    };
    let marks = named.into_iter().filter(|(_, at)| at.is_finite());
    Some(Chart {
        title,
        x: "ms",
        y: "times",
        x_end: left(columns),
        series: vec![Series {
            name: "",
            shape: Shape::Bars(width),
            points: points.collect(),
        }],
        marks: marks
            .map(|(name, at)| Mark {
                at,
                label: if crowded(at) { "" } else { name },
                words: format!("{name} {}", ms(at)),
            })
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finite_value_is_in_a_column() {
        for values in [
            vec![0.0],
            vec![40.0; 3],
            (0..1_000).map(|v| f64::from(v) * 7.3).collect(),
        ] {
            let with_infinite = [values.as_slice(), &[f64::INFINITY]].concat();
            let chart = histogram("x", &with_infinite).expect("there are values");
            let sum: f64 = chart.series[0].points.iter().map(|(_, count)| count).sum();
            assert_eq!(sum as usize, values.len());
            assert!(chart.series[0].points.len() <= COLUMNS + 1);
        }
        assert!(histogram("x", &[f64::INFINITY]).is_none());
    }
}
