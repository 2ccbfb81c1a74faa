//! The service's process: this program, started again with a hidden command.

use std::future::pending;
use std::io::Write as _;
use std::process::ExitCode;

use mls_srtp::group::MlsSuite;
use mls_srtp::schedule::MediaMode;
use mls_srtp_signaling::access::OpenAccess;
use mls_srtp_signaling::{RoomConfig, ServerBuilder, ServiceConfig};
use sfu_demo::host::{Host, HostConfig};

use crate::cli;
use crate::ledger;

/// Rooms of the largest run, with everybody who has left and is not out yet.
const ROOM_FOR: usize = 12_000;

/// Serves until it is killed, or until whoever started it is gone.
pub async fn run(args: &cli::Service) -> ExitCode {
    match serve(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(args: &cli::Service) -> Result<(), String> {
    let ciphersuite = MlsSuite::of_rooms(args.post_quantum);
    let room = RoomConfig {
        ciphersuite,
        max_participants: ROOM_FOR,
        ..RoomConfig::default()
    };
    let config = ServiceConfig {
        listen: args.listen,
        max_connections: ROOM_FOR,
        // All clients are on this machine.
        max_per_address: 0,
        room,
        ..ServiceConfig::default()
    };
    let store = ledger::open(&args.store).map_err(|error| error.to_string())?;
    let builder = ServerBuilder::new(config, OpenAccess).store(store);
    if args.media {
        let config = HostConfig {
            listen: args.listen,
            media: ([127, 0, 0, 1], 0).into(),
            public: None,
            mode: MediaMode::default(),
            ciphersuite,
            page: false,
        };
        let host = Host::start_with(config, builder).await;
        let host = host.map_err(|error| error.to_string())?;
        say(&host.url());
        abandoned().await;
        host.stop().await;
    } else {
        let server = builder.bind().await.map_err(|error| error.to_string())?;
        say(&format!("ws://{}", server.local_addr()));
        server.run(abandoned()).await;
    }
    Ok(())
}

/// Tells whoever started us where we are.
fn say(url: &str) {
    let _ = writeln!(std::io::stdout(), "{url}");
}

/// Whoever started us holds our stdin open for as long as it lives.
async fn abandoned() {
    let mut stdin = tokio::io::stdin();
    let mut sink = tokio::io::sink();
    if tokio::io::copy(&mut stdin, &mut sink).await.is_err() {
        pending::<()>().await;
    }
}
