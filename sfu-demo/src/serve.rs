//! `serve`: signaling and SFU until Ctrl-C.

use std::error::Error;
use std::process::ExitCode;

use mls_srtp::schedule::{MediaMode, ModeKind};
use mls_srtp_participant::trust::Trust;
use mls_srtp_signaling::access::AccessControl;
use mls_srtp_signaling::store::Place;
use mls_srtp_signaling::transport::ChosenTls;
use mls_srtp_signaling::{RoomConfig, ServerBuilder, ServiceConfig};
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
    let access = match args.access.control() {
        Ok(access) => access,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    let (server, tls) = match signaling(args, mode, access) {
        Ok((server, tls)) => (server.events(events), tls),
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let host = match Host::start_with(config, server).await {
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
    if let Some(notice) = tls.as_ref().and_then(|chosen| chosen.notice.as_ref()) {
        println!("{notice}");
    }
    match &args.store {
        Place::Memory => println!("rooms are kept nowhere: a restart loses them"),
        Place::File(path) => println!("rooms are kept in {}", path.display()),
    }
    if let Some(warning) = args.access.warning() {
        println!("{warning}");
    }
    let mut interrupt = Interrupt::listen();
    let trust = tls.map_or(Trust::SYSTEM, |chosen| {
        Trust::only(chosen.tls.certificate())
    });
    let bots = Bots::start(args, &host.url(), trust, mode.kind()).await;
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

/// The signaling service as the arguments have it, and its certificate.
fn signaling(
    args: &Serve,
    mode: MediaMode,
    access: Box<dyn AccessControl>,
) -> Result<(ServerBuilder, Option<ChosenTls>), Box<dyn Error>> {
    let mut config = ServiceConfig {
        listen: args.listen,
        room: RoomConfig {
            mode,
            ciphersuite: args.protection.ciphersuite(),
            ..RoomConfig::default()
        },
        ..ServiceConfig::default()
    };
    args.transport.apply(&mut config);
    let mut server = ServerBuilder::new(config, access).boxed_store(args.store.open()?);
    let tls = args.transport.tls(args.listen.ip(), &args.store)?;
    if let Some(chosen) = &tls {
        server = server.tls(chosen.tls.clone());
    }
    Ok((server, tls))
}
