//! `serve`: signaling and SFU until Ctrl-C.

use std::process::ExitCode;

use mls_srtp::schedule::ModeKind;
use mls_srtp_signaling::store::Place;
use tokio::sync::mpsc;

use crate::bots::Bots;
use crate::cli::Serve;
use crate::interrupt::Interrupt;
use sfu_demo::host::{Host, HostConfig};

/// Serves; 0 after Ctrl-C, 1 if an address or the store is taken, 2 if the arguments do not fit together.
pub async fn run(args: &Serve) -> ExitCode {
    let (events, mut inbox) = mpsc::unbounded_channel();
    let mode = match args.protection.mode(ModeKind::Sframe) {
        Ok(mode) => mode,
        Err(error) => {
            eprintln!("error: {error} (see --help)");
            return ExitCode::from(2);
        }
    };
    let config = HostConfig {
        listen: args.listen,
        media: args.media,
        public: args.public,
        mode,
        ciphersuite: args.protection.ciphersuite(),
        page: true,
    };
    let store = match args.store.open() {
        Ok(store) => store,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let access = match args.access.control() {
        Ok(access) => access,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    let host = match Host::start_over(config, store, access, events).await {
        Ok(host) => host,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!(
        "signaling {} · SFU udp://{} · Ctrl-C ends",
        host.url(),
        host.media_addr()
    );
    match mode.kind() {
        ModeKind::Sframe => println!("page {} · open it in a browser", host.page()),
        _ => println!(
            "page {} · no use here: browsers need --mode sframe",
            host.page()
        ),
    }
    match &args.store {
        Place::Memory => println!("rooms are kept nowhere: a restart loses them"),
        Place::File(path) => println!("rooms are kept in {}", path.display()),
    }
    if let Some(warning) = args.access.warning() {
        println!("{warning}");
    }
    let mut interrupt = Interrupt::listen();
    let bots = Bots::start(args, &host.url(), mode.kind()).await;
    let bots = match bots {
        Ok(bots) => bots,
        Err(error) => {
            eprintln!("error: the bots cannot enter: {error}");
            host.stop().await;
            return ExitCode::FAILURE;
        }
    };
    loop {
        tokio::select! {
            Some(event) = inbox.recv() => {
                println!("{} epoch {}: {:?}", event.room, event.epoch, event.kind);
            }
            () = interrupt.heard() => break,
        }
    }
    bots.leave().await;
    host.stop().await;
    ExitCode::SUCCESS
}
