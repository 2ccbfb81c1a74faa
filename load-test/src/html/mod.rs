//! The report as one page that needs nothing else: numbers, curves and histograms.

mod chart;
mod histogram;

use crate::faults::Strike;
use crate::run::Outcome;
use crate::script::{FaultKind, Window};
use crate::watch::Sample;
use chart::{Chart, Mark, Series, Shape, escape};
use histogram::histogram;

const STYLE: &str = include_str!("style.css");

/// The page.
pub fn page(outcome: &Outcome) -> String {
    let report = &outcome.report;
    let title = format!("{} · {}", report.profile, report.verdict);
    let media = match report.media_packets_expected {
        0 => "",
        _ => " · with media",
    };
    let head = format!(
        "<h1>{profile} <span class=\"{verdict}\">{verdict}</span></h1>\n\
         <p class=\"what\">{participants} participants · {seconds} s · seed {seed}{media}</p>\n",
        profile = report.profile,
        verdict = report.verdict,
        participants = report.participants,
        seconds = report.seconds,
        seed = report.seed,
    );
    let charts: String = charts(outcome).iter().map(Chart::svg).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         {head}{reasons}{table}<div class=\"charts\">\n{charts}</div>\n</body>\n</html>\n",
        reasons = reasons(&report.reasons),
        table = table(&report.rows()),
    )
}

fn reasons(reasons: &[String]) -> String {
    if reasons.is_empty() {
        return String::new();
    }
    let items = reasons
        .iter()
        .map(|reason| format!("<li>{}</li>\n", escape(reason)));
    format!(
        "<ul class=\"reasons\">\n{}</ul>\n",
        items.collect::<String>()
    )
}

fn table(rows: &[(&str, String)]) -> String {
    let rows = rows
        .iter()
        .map(|(name, value)| format!("<tr><th>{name}</th><td>{}</td></tr>\n", escape(value)));
    format!("<table>\n{}</table>\n", rows.collect::<String>())
}

fn charts(outcome: &Outcome) -> Vec<Chart> {
    let (timeline, samples) = (&outcome.timeline, &outcome.samples);
    let marks: Vec<Mark> = outcome.strikes.iter().map(mark).collect();
    let end = outcome.report.seconds;
    let over_time = |title, unit, series| Chart {
        title,
        x: "seconds",
        y: unit,
        x_end: end,
        series,
        marks: marks.clone(),
    };
    let line = |name, shape, points| Series {
        name,
        shape,
        points,
    };
    let members = sampled(samples, |sample| Some(sample.members as f64));
    let epochs = timeline.epochs_at.iter().zip(1_u32..);
    let epochs = epochs.map(|(at, number)| (*at, f64::from(number)));
    let mut charts = vec![
        over_time("Members", "", vec![line("members", Shape::Line, members)]),
        over_time(
            "Epochs",
            "",
            vec![line("epochs", Shape::Steps, epochs.collect())],
        ),
    ];
    for (title, values) in [
        ("Join to keys", &timeline.joins),
        ("Leave to excluded", &timeline.excluded),
        ("Epoch converges", &timeline.converged),
    ] {
        charts.extend(histogram(title, values));
    }
    let cores = vec![
        line("service", Shape::Line, rates(samples, |s| s.service)),
        line("clients", Shape::Line, rates(samples, |s| s.clients)),
    ];
    let memory = sampled(samples, |sample| sample.rss_mb);
    charts.push(over_time("Processor time", "cores", cores));
    charts.push(over_time(
        "Memory of the service",
        "MB",
        vec![line("resident", Shape::Line, memory)],
    ));
    if outcome.loss.expected > 0 {
        let seconds = || outcome.loss.seconds.iter().zip(0_u32..);
        let expected = seconds().map(|(s, at)| (f64::from(at), s.expected as f64));
        let lost = seconds().map(|(s, at)| (f64::from(at), s.lost as f64));
        let series = vec![
            line("expected", Shape::Line, expected.collect()),
            line("lost", Shape::Bars(1.0), lost.collect()),
        ];
        charts.push(over_time("Media packets", "per second", series));
    }
    charts.retain(|chart| chart.series.iter().any(|series| !series.points.is_empty()));
    charts
}

fn sampled(samples: &[Sample], value: impl Fn(&Sample) -> Option<f64>) -> Vec<(f64, f64)> {
    let points = samples.iter();
    points
        .filter_map(|sample| Some((sample.at, value(sample)?)))
        .collect()
}

/// Seconds of processor time per second. The clock's ticks are too coarse for less than half a second.
fn rates(samples: &[Sample], used: impl Fn(&Sample) -> Option<f64>) -> Vec<(f64, f64)> {
    let pairs = samples.windows(2).filter_map(|pair| {
        let [before, after] = pair else { return None };
        let (time, spent) = (after.at - before.at, used(after)? - used(before)?);
        (time > 0.5).then_some((after.at, (spent / time).max(0.0)))
    });
    pairs.collect()
}

fn mark(strike: &Strike) -> Mark {
    let what = match strike.fault.kind {
        FaultKind::Crash => "the committer crashed",
        FaultKind::Cut => "the committer's connection was cut",
        FaultKind::Kill => "the service was killed",
    };
    let when = match strike.fault.window {
        Window::Proposal => "before its commit was sent",
        Window::Submission => "after the commit was sent",
        Window::Acceptance => "after the commit was accepted",
    };
    Mark {
        at: strike.at.as_secs_f64(),
        label: "",
        words: format!("{what} {when}"),
    }
}
