//! `sfu-demo`: a whole conference from one command, or its parts.
#![forbid(unsafe_code)]
// Nothing from outside may bring the process down. What cannot happen is said to the compiler, or
// expected on one function with the reason.
#![cfg_attr(
    not(test),
    deny(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

mod audit;
mod bots;
mod cli;
mod codes;
mod demo;
mod epochs;
mod frames;
mod identity;
mod interrupt;
mod key;
mod media;
mod outage;
mod participant;
mod readable;
#[cfg(test)]
mod recovery;
mod report;
mod results;
mod serve;
mod telling;
mod view;

use std::process::ExitCode;

use clap::Parser;
use cli::{Cli, Command};
use interrupt::{INTERRUPTED, Interrupt};
use mls_srtp_signaling::logging;
use report::Report;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return cli::explain(&error),
    };
    logging::start(&cli.log);
    match cli.command.unwrap_or(Command::Demo(cli::Demo::default())) {
        Command::Demo(args) => run_demo(&args).await,
        Command::Serve(args) => serve::run(&args).await,
        Command::Participant(args) => participant::run(args).await,
        Command::Key(args) => key::run(&args),
    }
}

/// 0 if everything held, 1 if not, 130 after Ctrl-C.
async fn run_demo(args: &cli::Demo) -> ExitCode {
    if let Err(wrong) = args.check() {
        eprintln!("error: {wrong}");
        return ExitCode::from(2);
    }
    match demo::run(args, Interrupt::listen()).await {
        Ok(Some(report)) => {
            show(&report, args.json);
            ExitCode::from(u8::from(report.verdict != "ok"))
        }
        Ok(None) => {
            eprintln!("interrupted; everybody has left");
            ExitCode::from(INTERRUPTED)
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn show(report: &Report, json: bool) {
    println!("{}", report.in_words());
    if json {
        match serde_json::to_string(report) {
            Ok(json) => println!("{json}"),
            Err(error) => eprintln!("error: the report cannot be written: {error}"),
        }
    }
}
