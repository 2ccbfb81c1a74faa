//! `interop`: other implementations of MLS in one group with ours, every secret side by side.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use interop::call::Call;
use interop::peer::PeerKind;
use interop::report::Report;
use interop::scenario::Scenario;
use interop::service;
use mls_srtp::id::RoomName;

/// Puts other implementations of MLS into one group with this one, over the delivery service, and
/// prints for every epoch the epoch authenticator, the exporter's output and the SRTP master key and
/// salt of every sender, as each of them has it.
///
/// ts-mls needs Node.js 18 or later with npm, which brings its packages at the first time.
///
/// THESE ARE SECRETS, of groups that are thrown away at once: do not point it at a room of people.
///
/// Exit code 0 if everything agreed, 1 if not, 2 for a wrong command line.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// One JSON document instead of a table
    #[arg(long)]
    json: bool,
    /// Another implementation alone with ours; all: each alone, and all together
    #[arg(long, default_value = "all")]
    peer: Peers,
    /// One scenario only
    #[arg(long)]
    scenario: Option<Scenario>,
    /// MLS cipher suite of the groups; 1 is the only one that all have
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1))]
    suite: u16,
    /// A service with open admission, ws://HOST:PORT, instead of one in this process. It lets nobody
    /// remove others, so the scenarios evict and remove are left out unless they are asked for
    #[arg(long, value_name = "URL")]
    service: Option<String>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Peers {
    MlsRs,
    TsMls,
    All,
}

impl Peers {
    /// Who is in a room together, for each room.
    fn rooms(self) -> Vec<Vec<PeerKind>> {
        match self {
            Self::MlsRs => vec![vec![PeerKind::MlsRs]],
            Self::TsMls => vec![vec![PeerKind::TsMls]],
            Self::All => {
                let alone = PeerKind::ALL.map(|kind| vec![kind]);
                alone.into_iter().chain([PeerKind::ALL.into()]).collect()
            }
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<bool, Box<dyn std::error::Error>> {
    let scenarios: Vec<_> = match (args.scenario, &args.service) {
        (Some(one), _) => vec![one],
        (None, None) => Scenario::ALL.into(),
        (None, Some(_)) => {
            let all = Scenario::ALL.into_iter();
            all.filter(|one| !one.moderates()).collect()
        }
    };
    let rooms = args.peer.rooms();
    // Before anything is played: who lacks something shall hear of it at once.
    for kind in rooms.iter().flatten() {
        kind.prepare()?;
    }
    let url = match args.service {
        Some(url) => url,
        None => service::start().await?,
    };
    let mut reports = Vec::new();
    for peers in rooms {
        for scenario in &scenarios {
            let call = Call::new(&url, vacant_room()?);
            let report = Report::of(*scenario, call, &peers).await;
            if !args.json {
                println!("{report}");
            }
            reports.push(report);
        }
    }
    let agreed = reports.iter().all(|report| report.agreed);
    if args.json {
        let document = serde_json::json!({
            "mls_cipher_suite": args.suite,
            "agreed": agreed,
            "runs": reports,
        });
        println!("{document:#}");
    } else {
        let good = reports.iter().filter(|report| report.agreed).count();
        println!("{good} of {} agreed", reports.len());
    }
    Ok(agreed)
}

/// Nobody else is in a room of such a name.
fn vacant_room() -> Result<RoomName, Box<dyn std::error::Error>> {
    let number = getrandom::u64()?;
    Ok(RoomName::new(format!("interop-{number:016x}"))?)
}
