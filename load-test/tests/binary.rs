//! The real binary, small: every profile holds, and says so as it should.

use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn load(args: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mls-srtp-load"))
        .args(args.split_whitespace())
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs")
}

/// Runs a profile that must hold; its report.
fn holds(args: &str) -> Value {
    let output = load(&format!("{args} --json"));
    let text = String::from_utf8_lossy(&output.stdout);
    let report: Value = serde_json::from_str(text.lines().last().unwrap_or_default())
        .expect("the last line is the report");
    assert_eq!(report["verdict"], "ok", "{text}");
    assert_eq!(report["reasons"], Value::Array(Vec::new()), "{text}");
    assert_eq!(output.status.code(), Some(0));
    for counts in [
        "acknowledged",
        "acknowledged_compared",
        "authenticators_compared",
    ] {
        assert!(number(&report, counts) > 0.0, "{counts}: {text}");
    }
    for fails in ["never_joined", "accepted_commits_lost", "diverged_members"] {
        assert_eq!(report[fails], 0, "{fails}: {text}");
    }
    report
}

fn number(value: &Value, name: &str) -> f64 {
    value[name].as_f64().expect("a number")
}

/// Every window was hit.
fn struck(report: &Value, kind: &str) {
    let tally = &report["faults"][kind];
    for window in ["after_proposal", "after_submission", "after_acceptance"] {
        assert!(number(tally, window) >= 1.0, "{window}: {tally}");
    }
}

#[test]
fn churn_holds() {
    let report = holds("churn --participants 6 --seconds 5 --rate 2 --seed 3");
    assert!(number(&report, "expected_joins") > 6.0);
    assert_eq!(report["joined"], report["expected_joins"]);
    assert!(number(&report["leave_to_excluded_ms"], "count") > 0.0);
    assert_eq!(report["seed"], 3);
}

#[test]
fn media_is_heard_and_the_page_is_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = folder.path().join("report.html");
    let report = holds(&format!(
        "churn --participants 4 --seconds 6 --media --report {}",
        page.display()
    ));
    assert!(number(&report, "media_packets_expected") > 0.0);
    assert_eq!(report["lost_media_packets"], 0);
    let page = std::fs::read_to_string(page).expect("a page");
    assert!(page.ends_with("</html>\n") && page.contains("Media packets"));
    for outside in ["http:", "https:", "src=", "href="] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn a_flash_crowd_comes_in() {
    let report = holds("flash-crowd --participants 20 --over 500ms");
    assert_eq!(report["joined"], 20);
    assert!(number(&report, "epochs") < 20.0, "joins are batched");
}

#[test]
fn a_mass_exodus_leaves_the_others() {
    let report = holds("mass-exodus --participants 12 --seconds 4 --over 500ms");
    assert_eq!(report["leave_to_excluded_ms"]["count"], 11);
}

#[test]
fn committers_may_crash() {
    let report = holds("committer-crash --participants 8 --seconds 6");
    struck(&report, "crash");
    assert!(number(&report, "takeovers") >= 1.0);
}

#[test]
fn connections_may_break() {
    struck(&holds("flapping --participants 6 --seconds 6"), "cut");
}

#[test]
fn the_service_may_be_killed() {
    let report = holds("service-restart --participants 6 --seconds 7");
    struck(&report, "kill");
    let (acknowledged, compared) = ("acknowledged", "acknowledged_compared");
    assert!(number(&report, compared) > number(&report, acknowledged));
}

#[test]
fn wrong_arguments_are_refused_with_code_2() {
    for wrong in [
        "",
        "churn --participants 1",
        "churn --seconds 1h1",
        "service-restart --url ws://127.0.0.1:1/",
        "earthquake",
    ] {
        let output = load(wrong);
        assert_eq!(output.status.code(), Some(2), "{wrong}");
        assert!(output.stdout.is_empty());
    }
    let help = load("flash-crowd --help");
    assert_eq!(help.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&help.stdout).contains("--over"));
}

#[test]
fn a_service_that_is_not_there_fails_the_verdict() {
    let output = load("flash-crowd --participants 2 --over 100ms --url ws://127.0.0.1:9/ --json");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stdout);
    let report: Value =
        serde_json::from_str(text.lines().last().unwrap_or_default()).expect("a report");
    assert_eq!(report["verdict"], "failed");
    assert_eq!(report["never_joined"], 2);
    assert_eq!(report["join_to_keys_ms"]["p50"], Value::Null);
}

#[test]
fn a_file_that_is_no_certificate_ends_it_before_it_begins() {
    let output =
        load("flash-crowd --participants 2 --url wss://127.0.0.1:9/ --tls-ca /nowhere/ca.pem");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("/nowhere/ca.pem"), "{text}");
    assert!(output.stdout.is_empty());
}
