//! The demo: a whole conference in one process, over real sockets on loopback, that checks itself.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mls_srtp::group::MlsSuite;
use mls_srtp::id::{Epoch, ParticipantId, RoomName};
use mls_srtp::pipeline::{MediaStats, MediaUpdate};
use mls_srtp::schedule::{MediaMode, ModeKind, OtherModesCipher};
use mls_srtp_participant::clock::ClockOrigin;
use mls_srtp_participant::headless::{Headless, HeadlessConfig, HeadlessError};
use mls_srtp_participant::leg::LegConfig;
use mls_srtp_participant::session::LinkConfig;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::audit::{Audit, Hoard, LeaverResult};
use crate::cli::Demo;
use crate::codes::CodeLog;
use crate::epochs::EpochLog;
use crate::frames::FrameCheck;
use crate::interrupt::Interrupt;
use crate::media::SampleMedia;
use crate::outage::Outage;
use crate::report::Report;
use crate::results;
use crate::view::View;
use sfu_demo::host::{Host, HostConfig, HostError};

/// Participants come so far apart.
const BETWEEN_JOINS: Duration = Duration::from_millis(500);
/// What is on its way when sending stops may take so long.
const DRAIN: Duration = Duration::from_millis(500);
/// How long everybody may take to leave at the end.
const GOODBYE: Duration = Duration::from_secs(5);
/// How often the view is drawn.
const FRAME: Duration = Duration::from_millis(250);

const NAMES: [&str; 16] = [
    "alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "kevin",
    "laura", "mallory", "niaj", "olivia", "peggy",
];

/// Why the demo could not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DemoError {
    /// The services did not start.
    #[error(transparent)]
    Host(#[from] HostError),
    /// A participant could not begin.
    #[error(transparent)]
    Headless(#[from] HeadlessError),
    /// The arguments do not fit together.
    #[error(transparent)]
    Mode(#[from] OtherModesCipher),
    /// The samples are broken.
    #[error("{0}")]
    Samples(String),
}

/// Everybody who takes part, shared with the one who counts.
pub type Everybody = Arc<Mutex<Vec<Arc<Headless>>>>;

/// A running demo.
pub struct Conference {
    host: Host,
    media: SampleMedia,
    pub origin: ClockOrigin,
    started: Instant,
    pub everybody: Everybody,
    pub frames: FrameCheck,
    pub epochs: EpochLog,
    codes: CodeLog,
    pub audit: Audit,
    pub leaver: ParticipantId,
    hoard: Arc<Mutex<Hoard>>,
    /// The SFU's death, once it has been killed.
    pub outage: Option<Outage>,
    record: Option<PathBuf>,
    pub mode: MediaMode,
    pub ciphersuite: MlsSuite,
    view: View,
}

/// Runs the demo to its report; `None` if `interrupt` came first. Everybody says goodbye either way.
///
/// # Errors
/// [`DemoError`] when it could not even begin.
pub async fn run(args: &Demo, mut interrupt: Interrupt) -> Result<Option<Report>, DemoError> {
    let mut conference = Conference::start(args).await?;
    let finished = tokio::select! {
        finished = conference.play_and_report(args) => finished.map(Some),
        () = interrupt.heard() => Ok(None),
    };
    conference.stop().await;
    finished
}

impl Conference {
    async fn start(args: &Demo) -> Result<Self, DemoError> {
        let mode = args.protection.mode(ModeKind::Srtp)?;
        let ciphersuite = args.protection.ciphersuite();
        let media = SampleMedia::load().map_err(DemoError::Samples)?;
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let (events, inbox) = mpsc::unbounded_channel();
        let config = HostConfig {
            listen: loopback,
            media: loopback,
            public: None,
            mode,
            ciphersuite,
            page: false,
        };
        let host = Host::start(config, events).await?;
        let origin = ClockOrigin::start();
        let leaver = name(1);
        let audit = Audit::new(media.check(), leaver.to_string(), mode.kind(), origin);
        host.set_tap(audit.tap());
        let everybody = Everybody::default();
        let epochs = EpochLog::default();
        let counted = Arc::clone(&everybody);
        tokio::spawn(
            epochs
                .clone()
                .listen(inbox, origin, move || refused_by_all(&counted)),
        );
        let view = View::new(host.url(), host.media_addr());
        Ok(Self {
            host,
            media,
            origin,
            started: Instant::now(),
            everybody,
            frames: FrameCheck::new(origin),
            epochs,
            codes: CodeLog::default(),
            audit,
            leaver,
            hoard: Arc::new(Mutex::new(Hoard::new(mode.kind()))),
            outage: None,
            record: args.record.clone(),
            mode,
            ciphersuite,
            view,
        })
    }

    /// The script of the conference.
    async fn play(&mut self, args: &Demo) -> Result<(), DemoError> {
        let joined_by = BETWEEN_JOINS * u32::from(args.participants);
        let length = Duration::from_secs(args.seconds);
        for index in 0..args.participants {
            self.join(usize::from(index)).await?;
            self.watch_until(BETWEEN_JOINS * u32::from(index + 1)).await;
        }
        // Then somebody comes late, and later somebody else leaves early.
        let rest = length.saturating_sub(joined_by);
        self.watch_until(joined_by + rest * 4 / 10).await;
        self.join(usize::from(args.participants)).await?;
        if args.kill_sfu {
            self.watch_until(joined_by + rest * 55 / 100).await;
            self.kill_sfu().await;
        }
        self.watch_until(joined_by + rest * 7 / 10).await;
        self.leave_early().await;
        self.watch_until(length).await;
        Ok(())
    }

    async fn join(&mut self, index: usize) -> Result<(), DemoError> {
        let participant = name(index);
        let config = HeadlessConfig {
            url: self.host.url(),
            room: RoomName::new("demo").map_err(|e| DemoError::Samples(e.to_string()))?,
            participant: participant.clone(),
            identity: None,
            manager: mls_srtp::ManagerConfig::default(),
            token: None,
            leg: LegConfig::new("127.0.0.1:0"),
            link: LinkConfig::default(),
            state: None,
            sound: Arc::clone(&self.media.sound),
            picture: Arc::clone(&self.media.picture),
            mode: self.mode.kind(),
            record: self
                .record
                .as_deref()
                .map(|dir| folder_of(dir, &participant)),
            origin: self.origin,
            on_frame: Some(self.frames.observer(participant.clone())),
            on_event: Some(self.codes.observer()),
            witness: None,
        };
        let config = if participant == self.leaver {
            self.hoarding(config)
        } else {
            config
        };
        let headless = Headless::start(config).await?;
        self.frames.add_sender(&participant, headless.log().clone());
        lock(&self.everybody).push(Arc::new(headless));
        Ok(())
    }

    /// The leaver keeps every key it ever gets, in a pipeline that never erases one.
    fn hoarding(&self, config: HeadlessConfig) -> HeadlessConfig {
        let (hoard, origin) = (Arc::clone(&self.hoard), self.origin);
        let witness = move |update: &MediaUpdate| {
            if !matches!(update, MediaUpdate::Close) {
                lock(&hoard).apply(update.clone(), origin.now());
            }
        };
        HeadlessConfig {
            witness: Some(Box::new(witness)),
            ..config
        }
    }

    async fn kill_sfu(&mut self) {
        self.view.say(self.started.elapsed(), "the SFU is killed");
        let everybody = lock(&self.everybody).clone();
        self.outage = Some(Outage::strike(&self.host, &everybody, self.origin).await);
        let line = "everybody is connected to another SFU";
        self.view.say(self.started.elapsed(), line);
    }

    async fn leave_early(&mut self) {
        let leaver = lock(&self.everybody)
            .iter()
            .find(|h| *h.participant() == self.leaver)
            .cloned();
        if let Some(leaver) = leaver {
            self.audit.leaving();
            leaver.leave().await;
        }
    }

    /// Shows what happens until so long after the start.
    async fn watch_until(&mut self, since_start: Duration) {
        let end = self.started + since_start;
        while Instant::now() < end {
            sleep_until(end.min(Instant::now() + FRAME)).await;
            let everybody = lock(&self.everybody).clone();
            self.view
                .show(self.started.elapsed(), &everybody, &self.epochs.all());
        }
    }

    async fn play_and_report(&mut self, args: &Demo) -> Result<Report, DemoError> {
        self.play(args).await?;
        Ok(self.report().await)
    }

    /// Ends sending, looks at what came of it, and lets everybody leave.
    async fn report(&mut self) -> Report {
        let everybody = lock(&self.everybody).clone();
        for headless in &everybody {
            headless.stop_publishing().await;
        }
        let ended_at = self.origin.now();
        tokio::time::sleep(DRAIN).await;
        self.view
            .show(self.started.elapsed(), &everybody, &self.epochs.all());
        let server = self.host.stats().await;
        let epochs = self.epochs.all();
        let removal = epochs
            .iter()
            .find(|e| e.removed.contains(&self.leaver))
            .map(|e| e.epoch);
        let (leaver, control_forwarded, control_readable) = self.examine(removal).await;
        let mut report = results::collect(self, &everybody, &epochs, &server, leaver, ended_at);
        report.sfu.control_forwarded = control_forwarded;
        report.sfu.control_readable = control_readable;
        let stayed = everybody.iter().map(|one| &**one);
        let stayed: Vec<_> = stayed
            .filter(|one| *one.participant() != self.leaver)
            .collect();
        report.codes = self.codes.report(&stayed).await;
        self.say_goodbye(everybody, &mut report).await;
        report.judge();
        report
    }

    /// What the leaver's keys still open, then how many payloads the readability check was shown
    /// in plain, as many as the SFU forwarded, and how many of these it found readable. All of it
    /// takes a while, so it runs where it does not keep Ctrl-C from being heard.
    async fn examine(&self, removal: Option<Epoch>) -> (LeaverResult, u64, u64) {
        let (audit, hoard, media) = (
            self.audit.clone(),
            Arc::clone(&self.hoard),
            self.media.clone(),
        );
        let examining = tokio::task::spawn_blocking(move || {
            let leaver = removal.map_or(LeaverResult::default(), |removal| {
                audit.try_leaver(&mut lock(&hoard), removal)
            });
            let (control, payloads) = (media.check(), media.payloads());
            let forwarded = usize::try_from(audit.readable().0).unwrap_or(0);
            let plain = payloads.iter().cycle().take(forwarded);
            let readable = plain.clone().filter(|payload| control.readable(payload));
            (
                leaver,
                plain.clone().count() as u64,
                readable.count() as u64,
            )
        });
        // A panic in there has been shown, and zeros do not pass.
        examining.await.unwrap_or_default()
    }

    /// Whoever is still there leaves, and the services stop.
    async fn stop(mut self) {
        self.view.end();
        let everybody = lock(&self.everybody).clone();
        self.say_goodbye(everybody, &mut Report::default()).await;
        self.host.stop().await;
    }

    /// Everybody leaves; recordings are closed.
    async fn say_goodbye(&mut self, everybody: Vec<Arc<Headless>>, report: &mut Report) {
        lock(&self.everybody).clear();
        for headless in &everybody {
            headless.leave().await;
        }
        let deadline = Instant::now() + GOODBYE;
        for headless in everybody {
            let who = headless.participant().user().to_owned();
            let Some(headless) = Arc::into_inner(headless) else {
                report
                    .reasons
                    .push(format!("{who}: somebody still holds it"));
                continue;
            };
            match timeout_at(deadline, headless.end()).await {
                Ok(Ok(ended)) => {
                    if let Some(trouble) = ended.progress.trouble {
                        report.reasons.push(format!("{who}: {trouble}"));
                    }
                }
                Ok(Err(error)) => report.reasons.push(format!("{who}: {error}")),
                Err(_) => report.reasons.push(format!("{who} could not leave")),
            }
        }
    }
}

/// Packets that somebody's pipeline refused, for whatever reason but having them already.
pub fn refused(stats: &MediaStats) -> u64 {
    stats.malformed
        + stats.unknown_epoch
        + stats.unknown_leaf
        + stats.missing_key
        + stats.total(|sender| sender.auth_failed + sender.wrong_stream)
}

fn refused_by_all(everybody: &Everybody) -> u64 {
    let pipelines = lock(everybody).clone();
    pipelines
        .iter()
        .filter_map(|h| Some(refused(&h.media().stats()?)))
        .sum()
}

/// `alice@localhost/demo` and so on.
#[expect(clippy::expect_used, reason = "the names are in the program")]
fn name(index: usize) -> ParticipantId {
    let user = NAMES
        .get(index)
        .map_or_else(|| format!("guest{index}"), ToString::to_string);
    ParticipantId::new(&user, "localhost", "demo").expect("names are letters and digits")
}

/// Recordings of each participant in a folder of its own.
fn folder_of(dir: &Path, participant: &ParticipantId) -> PathBuf {
    dir.join(participant.user())
}

/// A panic elsewhere has been shown; the lists are whole.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
