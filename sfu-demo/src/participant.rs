//! `participant`: one headless participant of a room that somebody serves.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use mls_srtp::ManagerConfig;
use mls_srtp::event::Event;
use mls_srtp::schedule::ModeKind;
use mls_srtp_participant::clock::ClockOrigin;
use mls_srtp_participant::headless::{Headless, HeadlessConfig};
use mls_srtp_participant::leg::LegConfig;
use mls_srtp_participant::session::LinkConfig;
use mls_srtp_participant::state::{SqliteStateStore, StateConfig};
use mls_srtp_participant::trust::Trust;
use tokio::sync::mpsc;

use crate::cli::Participant;
use crate::identity;
use crate::interrupt::Interrupt;
use crate::media::SampleMedia;
use crate::telling::Telling;

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
    let ciphersuites = args.ciphersuites();
    let state = args.state.map(SqliteStateStore::open).transpose();
    let mut state = state.map_err(|error| error.to_string())?;
    args.identity.forget(state.as_mut())?;
    let keeps_state = state.is_some();
    let identity = args.identity.identity(&args.name)?;
    let manager = ManagerConfig {
        validator: args.identity.validator()?,
        ciphersuites,
        ..ManagerConfig::default()
    };
    let mut link = LinkConfig::default();
    if let Some(file) = &args.tls_ca {
        link.trust = Trust::with_file(file).map_err(|error| error.to_string())?;
    }
    let (teller, mut told) = mpsc::unbounded_channel();
    let origin = ClockOrigin::start();
    println!("{} enters {} at {}", args.name, args.room, args.url);
    let (mut telling, mut on_event) = Telling::new(args.name.clone(), args.qr);
    let headless = Headless::start(HeadlessConfig {
        url: args.url,
        room: args.room,
        participant: args.name,
        identity,
        manager,
        token: args.token.map(|token| token.as_str().to_owned()),
        leg: LegConfig::new("0.0.0.0:0"),
        link,
        state: state.map(StateConfig::new),
        sound: Arc::clone(&media.sound),
        picture: Arc::clone(&media.picture),
        mode: args.mode,
        record: args.record,
        origin,
        on_frame: None,
        on_event: Some(Box::new(move |event| {
            on_event(event);
            // Nobody listens any more once it is over.
            let _ = teller.send(event.clone());
        })),
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
    let mut remedy = String::new();
    let mut interrupt = Interrupt::listen();
    let listen = async {
        while let Some(event) = told.recv().await {
            tell(&event, &headless).await;
            if let Some(found) = identity::remedy_of(&event) {
                remedy = found;
            }
        }
        // Nothing more will be told, and `over` says that it is over.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = over => {}
        () = telling.tell(&headless) => {}
        () = listen => {}
        () = tokio::time::sleep(length) => headless.leave().await,
        () = interrupt.heard() => {
            if keeps_state {
                headless.suspend().await;
            } else {
                headless.leave().await;
            }
        }
    }
    while let Ok(event) = told.try_recv() {
        tell(&event, &headless).await;
        if let Some(found) = identity::remedy_of(&event) {
            remedy = found;
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
    if let Some(suite) = progress.stronger_suite {
        println!("the service gave the room a weaker MLS cipher suite than all could do: {suite}");
    }
    match (progress.trouble, progress.joined_at, progress.media_at) {
        (Some(trouble), ..) => Err(trouble + &remedy),
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

/// Says what a person should know of somebody's key or certificate.
async fn tell(event: &Event, headless: &Headless) {
    let number = match identity::to_compare(event) {
        Some(participant) => headless.safety_number(participant).await,
        None => None,
    };
    if let Some(said) = identity::about(event, number.as_ref()) {
        println!("{said}");
    }
}
