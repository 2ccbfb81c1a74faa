//! `mls-srtp-signaling`: the delivery service as a program of its own.
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

mod issuing;

use std::error::Error;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use issuing::{Token, TokenKey};
use mls_srtp::group::MlsSuite;
use mls_srtp::schedule::{MediaMode, ModeKind, Profile, Suite};
use mls_srtp_signaling::access::{AccessArgs, AccessControl};
use mls_srtp_signaling::store::Place;
use mls_srtp_signaling::transport::TransportArgs;
use mls_srtp_signaling::{RoomConfig, Server, ServerBuilder, ServiceConfig, logging};

/// Delivery service for MLS-SRTP conferences, over WebSocket. Runs until Ctrl-C.
#[derive(Debug, Parser)]
#[command(
    name = "mls-srtp-signaling",
    version,
    about,
    max_term_width = 100,
    args_conflicts_with_subcommands = true
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    access: AccessArgs,
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "IP:PORT")]
    listen: SocketAddr,
    /// Where rooms are kept: a file, which is made if there is none, or "memory", where a restart
    /// loses them.
    #[arg(
        long,
        default_value_t,
        env = "MLS_SRTP_STORE",
        value_name = "FILE|memory"
    )]
    store: Place,
    /// Participants that a room may have.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=65_535))]
    max_participants: u32,
    /// Seconds that a member may be without a connection before it is removed. Members notice after
    /// 4 s that a connection is dead: less than 5 gives them no time to come back.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(0..=3_600))]
    grace: u64,
    /// Seconds without a sign of life after which a connection counts as lost.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(5..=3_600))]
    silence: u64,
    /// What is protected in rooms that are created here: srtp (RTP packets) or sframe (encoded
    /// frames, as browsers need it).
    #[arg(long, default_value_t, value_name = "MODE")]
    mode: ModeKind,
    /// How packets are protected: aead_aes_128_gcm (default), aead_aes_256_gcm or
    /// aes128_cm_hmac_sha1_80.
    #[arg(long, value_name = "PROFILE")]
    profile: Option<Profile>,
    /// How frames are protected: aes_128_gcm_sha256_128 (default) or aes_256_gcm_sha512_128.
    #[arg(long, value_name = "SUITE")]
    suite: Option<Suite>,
    /// Groups that are created here have keys that a later quantum computer does not give away:
    /// X25519 and ML-KEM-768 together.
    #[arg(long)]
    post_quantum: bool,
    #[command(flatten)]
    transport: TransportArgs,
    /// What to log to stderr, such as "info" or "mls_srtp_signaling=debug".
    #[arg(long, default_value = "info", env = "RUST_LOG", value_name = "FILTER", value_parser = filter)]
    log: String,
}

#[derive(Debug, Subcommand)]
enum Command {
    TokenKey(TokenKey),
    Token(Token),
}

/// A filter in the syntax of tracing's EnvFilter.
fn filter(text: &str) -> Result<String, logging::ParseError> {
    logging::check(text).map(|()| text.to_owned())
}

/// Help and version go out whole with code 0; a mistake gets one line and code 2.
fn explain(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        print!("{error}");
        return ExitCode::SUCCESS;
    }
    let text = error.to_string();
    // What is wrong may be a list; behind the first empty line comes how it should be.
    let lines = text.lines().take_while(|line| !line.is_empty());
    let wrong: Vec<_> = lines.map(str::trim).collect();
    eprintln!("{} (see --help)", wrong.join(" "));
    ExitCode::from(2)
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return explain(&error),
    };
    logging::start(&cli.log);
    let made = match &cli.command {
        Some(Command::TokenKey(args)) => Some(args.run()),
        Some(Command::Token(args)) => Some(args.run()),
        None => None,
    };
    match made {
        Some(Ok(text)) => {
            println!("{text}");
            return ExitCode::SUCCESS;
        }
        Some(Err(error)) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
        None => {}
    }
    let access = match cli.access.control() {
        Ok(access) => access,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    let mode = match MediaMode::choose(cli.mode, cli.profile, cli.suite) {
        Ok(mode) => mode,
        Err(error) => {
            eprintln!("error: {error} (see --help)");
            return ExitCode::from(2);
        }
    };
    let room = RoomConfig {
        max_participants: cli.max_participants as usize,
        grace: Duration::from_secs(cli.grace),
        ciphersuite: MlsSuite::of_rooms(cli.post_quantum),
        mode,
        ..RoomConfig::default()
    };
    let mut config = ServiceConfig {
        listen: cli.listen,
        silence: Duration::from_secs(cli.silence),
        room,
        ..ServiceConfig::default()
    };
    cli.transport.apply(&mut config);
    let (server, notice) = match start(config, access, &cli).await {
        Ok(started) => started,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    // Whoever started us may have closed the pipe; that is no reason to end.
    let _ = writeln!(std::io::stdout(), "signaling on {}", server.url());
    if let Some(notice) = notice {
        let _ = writeln!(std::io::stdout(), "{notice}");
    }
    if let Some(warning) = cli.access.warning() {
        eprintln!("warning: {warning}");
    }
    server.run(told_to_end()).await;
    ExitCode::SUCCESS
}

/// A service that listens, and what is to be said about its certificate.
async fn start(
    config: ServiceConfig,
    access: Box<dyn AccessControl>,
    Cli {
        store, transport, ..
    }: &Cli,
) -> Result<(Server, Option<String>), Box<dyn Error>> {
    let listen = config.listen.ip();
    let mut builder = ServerBuilder::new(config, access).boxed_store(store.open()?);
    tracing::info!(%store, "rooms are kept here");
    let chosen = transport.tls(listen, store)?;
    let mut notice = None;
    if let Some(chosen) = chosen {
        builder = builder.tls(chosen.tls);
        notice = chosen.notice;
    }
    Ok((builder.bind().await?, notice))
}

/// Ctrl-C, or SIGTERM where there is such a thing.
async fn told_to_end() {
    let interrupted = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "Ctrl-C cannot be heard");
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminated = async {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();
    tokio::select! {
        () = interrupted => {}
        () = terminated => {}
    }
}
