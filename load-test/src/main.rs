//! `mls-srtp-load`: hundreds of real clients against one service, with faults, and a verdict.
#![forbid(unsafe_code)]

mod cli;
mod client;
mod faults;
mod html;
mod judge;
mod keeper;
mod ledger;
mod measure;
mod notebook;
mod progress;
mod report;
mod run;
mod script;
mod serve;
mod service;
mod usage;
mod watch;

use std::process::ExitCode;

use clap::Parser;
use cli::{Cli, Command, Common};
use mls_srtp_signaling::logging;
use run::Outcome;
use script::Profile;

/// Exit code of a process that Ctrl-C ended: 128 and the number of the signal.
const INTERRUPTED: u8 = 130;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return cli::explain(&error),
    };
    logging::start(&cli.log);
    if let Command::Service(args) = &cli.command {
        return serve::run(args).await;
    }
    match cli.command.profile() {
        Ok((profile, common)) => test(profile, common).await,
        Err(wrong) => {
            eprintln!("error: {wrong} (see --help)");
            ExitCode::from(2)
        }
    }
}

/// 0 if everything held, 1 if not, 130 after Ctrl-C.
async fn test(profile: Profile, common: &Common) -> ExitCode {
    let outcome = tokio::select! {
        outcome = run::run(profile, common) => outcome,
        _ = tokio::signal::ctrl_c() => return ExitCode::from(INTERRUPTED),
    };
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    show(&outcome, common)
}

fn show(outcome: &Outcome, common: &Common) -> ExitCode {
    let report = &outcome.report;
    println!("{}", report.in_words());
    if let Some(file) = &common.report
        && let Err(error) = std::fs::write(file, html::page(outcome))
    {
        eprintln!("error: {} cannot be written: {error}", file.display());
        return ExitCode::FAILURE;
    }
    if common.json {
        match serde_json::to_string(report) {
            Ok(json) => println!("{json}"),
            Err(error) => eprintln!("error: the report cannot be written: {error}"),
        }
    }
    ExitCode::from(u8::from(report.verdict != "ok"))
}
