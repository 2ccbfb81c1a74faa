//! `participant`: one headless participant of a room that somebody serves.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use mls_srtp::schedule::ModeKind;
use mls_srtp_participant::clock::ClockOrigin;
use mls_srtp_participant::headless::{Headless, HeadlessConfig};
use mls_srtp_participant::leg::LegConfig;
use mls_srtp_participant::session::LinkConfig;
use mls_srtp_participant::state::{SqliteStateStore, StateConfig};
use mls_srtp_participant::trust::Trust;

use crate::cli::Participant;
use crate::interrupt::Interrupt;
use crate::media::SampleMedia;

/// How long leaving may take.
const GOODBYE: Duration = Duration::from_secs(5);
/// How often it is looked whether the stay is over.
const LOOK: Duration = Duration::from_millis(100);

/// Takes part; 0 if the stay ended as asked, 1 if not.
pub async fn run(args: Participant) -> ExitCode {
    match take_part(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn take_part(args: Participant) -> Result<(), String> {
    let media = SampleMedia::load()?;
    let state = args.state.map(SqliteStateStore::open).transpose();
    let state = state.map_err(|error| error.to_string())?;
    let keeps_state = state.is_some();
    let mut link = LinkConfig::default();
    if let Some(file) = &args.tls_ca {
        link.trust = Trust::with_file(file).map_err(|error| error.to_string())?;
    }
    let origin = ClockOrigin::start();
    println!("{} enters {} at {}", args.name, args.room, args.url);
    let headless = Headless::start(HeadlessConfig {
        url: args.url,
        room: args.room,
        participant: args.name,
        token: None,
        leg: LegConfig::new("0.0.0.0:0"),
        link,
        state: state.map(StateConfig::new),
        sound: Arc::clone(&media.sound),
        picture: Arc::clone(&media.picture),
        mode: args.mode,
        record: args.record,
        origin,
        on_frame: None,
        witness: None,
    })
    .await
    .map_err(|error| error.to_string())?;

    let length = args.seconds.map_or(Duration::MAX, Duration::from_secs);
    let over = async {
        while !headless.is_over() {
            tokio::time::sleep(LOOK).await;
        }
    };
    let mut interrupt = Interrupt::listen();
    tokio::select! {
        () = over => {}
        () = tokio::time::sleep(length) => headless.leave().await,
        () = interrupt.heard() => {
            if keeps_state {
                headless.suspend().await;
            } else {
                headless.leave().await;
            }
        }
    }
    let stats = headless.media().stats();
    let unit = match args.mode {
        ModeKind::Sframe => "frames",
        _ => "packets",
    };
    let ended = tokio::time::timeout(GOODBYE, headless.end()).await;
    let ended = ended
        .map_err(|_| "could not leave in time")?
        .map_err(|error| error.to_string())?;
    for (who, sender) in stats.unwrap_or_default().senders {
        println!(
            "{who}: {} {unit} decrypted, {} refused",
            sender.opened, sender.auth_failed
        );
    }
    for recording in ended.recordings {
        println!("{}: {} frames", recording.path.display(), recording.frames);
    }
    let progress = ended.progress;
    match (progress.trouble, progress.joined_at, progress.media_at) {
        (Some(trouble), ..) => Err(trouble),
        (None, None, _) => Err("was never admitted to the room".into()),
        (None, Some(_), None) => {
            let why = progress
                .media_trouble
                .unwrap_or_else(|| "no answer from the SFU".into());
            Err(format!("media was never connected: {why}"))
        }
        _ => Ok(()),
    }
}
