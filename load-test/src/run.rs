//! A run from its first join to its verdict.

use std::sync::Arc;
use std::time::Duration;

use mls_srtp::id::RoomName;
use mls_srtp_participant::clock::ClockOrigin;
use mls_srtp_participant::connect::connect;
use mls_srtp_participant::signaling::SignalingError;
use mls_srtp_participant::trust::Trust;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::cli::Common;
use crate::client::{self, Command, MediaLog, World};
use crate::faults::Traps;
use crate::keeper::{Keeper, Kept};
use crate::measure::{Loss, Percentiles, Timeline};
use crate::notebook::Notebook;
use crate::progress::Progress;
use crate::report::{Cpu, Report};
use crate::script::{Act, Profile, Script, Shape};
use crate::service::{Service, ServiceError};
use crate::usage;
use crate::watch::{Sample, Watch};
use crate::{judge, script};

/// How long nothing may happen after the script before the run is given up: not at rest, and nobody
/// enters an epoch.
const REST: Duration = Duration::from_secs(60);
/// The same if nobody has got in at all: then there is no service.
const NOBODY: Duration = Duration::from_secs(5);
/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_millis(50);
/// How long packets may be on their way.
const ON_THEIR_WAY: Duration = Duration::from_secs(1);

/// A run that is over: the report, and what the page shows besides.
pub struct Outcome {
    /// The numbers.
    pub report: Report,
    /// Everything that has a time.
    pub timeline: Timeline,
    /// Media by the second.
    pub loss: Loss,
    /// What was going on, second by second.
    pub samples: Vec<Sample>,
    /// The faults that struck, and the service's own.
    pub strikes: Vec<crate::faults::Strike>,
}

/// Runs a profile.
///
/// # Errors
/// [`ServiceError`] when there is no service to run it against.
pub async fn run(profile: Profile, common: &Common) -> Result<Outcome, ServiceError> {
    let script = Script::of(&profile);
    let service = match &common.url {
        Some(_) => None,
        None => Some(Arc::new(
            Service::start(common.media, common.post_quantum).await?,
        )),
    };
    let url = match (&common.url, &service) {
        (Some(url), _) => url.clone(),
        (None, Some(service)) => service.url(),
        (None, None) => String::new(),
    };
    let trust = trust(common).await?;
    let (killed, kills) = mpsc::unbounded_channel();
    let world = Arc::new(World {
        url,
        trust,
        room: room(&profile, common),
        notebook: Notebook::new(ClockOrigin::start(), script.users),
        traps: Traps::default(),
        service: service.clone(),
        killed,
        saves: matches!(profile.shape, Shape::CommitterCrash),
        media: common.media.then(|| MediaLog::new(common.media_rate)),
    });
    let keeper = service.as_ref().map(|service| Keeper::new(&world, service));
    let keeping = keeper
        .clone()
        .map(|keeper| tokio::spawn(keeper.keep(kills)));
    let run = Run {
        profile,
        media: common.media,
        world,
        keeper,
        users: JoinSet::new(),
        commands: Vec::new(),
        own_before: usage::own().cpu_seconds,
    };
    let outcome = run.play(&script).await;
    if let Some(keeping) = keeping {
        keeping.abort();
    }
    Ok(outcome)
}

/// Whose certificates are believed. One that is not would keep every client out, so it is looked at
/// before the run.
async fn trust(common: &Common) -> Result<Trust, ServiceError> {
    let trust = match &common.tls_ca {
        Some(file) => Trust::with_file(file)?,
        None => Trust::SYSTEM,
    };
    if let Some(url) = &common.url
        && let Err(error @ SignalingError::Certificate { .. }) = connect(url, &trust).await
    {
        return Err(ServiceError::Certificate(error));
    }
    Ok(trust)
}

/// Rooms of somebody else's service may be in use; one of our own is always new.
fn room(profile: &Profile, common: &Common) -> RoomName {
    let name = match common.url {
        Some(_) => format!("load-{:08x}", rand::random::<u32>()),
        None => format!("load-{}", profile.seed),
    };
    RoomName::new(name).expect("letters and digits")
}

struct Run {
    profile: Profile,
    media: bool,
    world: Arc<World>,
    keeper: Option<Keeper>,
    users: JoinSet<()>,
    commands: Vec<mpsc::UnboundedSender<Command>>,
    /// Processor time of this process before the first join.
    own_before: Option<f64>,
}

impl Run {
    async fn play(mut self, script: &Script) -> Outcome {
        for user in 0..script.users {
            let (commands, inbox) = mpsc::unbounded_channel();
            self.commands.push(commands);
            self.users
                .spawn(client::live(Arc::clone(&self.world), user, inbox));
        }
        let watch = Watch::start(&self.world, self.own_before);
        let progress = Progress::start(&self.profile);
        let begin = Instant::from_std(self.world.notebook.origin().instant(Default::default()));
        for step in &script.steps {
            self.wait_until(begin + step.at, &progress).await;
            self.act(step);
        }
        self.wait_until(begin + script.end, &progress).await;
        self.world.traps.disarm();
        let at_rest = self.come_to_rest(&progress).await;
        let seconds = self.world.notebook.now();
        let samples = watch.stop();
        if let Some(media) = &self.world.media {
            media.fall_silent();
            tokio::time::sleep(ON_THEIR_WAY).await;
        }
        progress.end();
        self.conclude(script, at_rest, seconds, samples).await
    }

    async fn wait_until(&self, at: Instant, progress: &Progress) {
        while Instant::now() < at {
            let now = self.world.notebook.now();
            self.world.notebook.read(|pages| progress.show(now, pages));
            let look = Instant::now() + 4 * LOOK;
            tokio::time::sleep_until(at.min(look)).await;
        }
    }

    fn act(&self, step: &script::Step) {
        let tell = |user: usize, command| {
            if let Some(commands) = self.commands.get(user) {
                // The user's task lives as long as this end.
                let _ = commands.send(command);
            }
        };
        match step.act {
            Act::Join(user) => tell(user, Command::Join(step.at)),
            Act::Leave(user) => tell(user, Command::Leave),
            Act::Cut(user, down) => {
                self.world.traps.cut_at_random();
                tell(user, Command::Cut(down));
            }
            Act::Arm(fault) => self.world.traps.arm(fault),
        }
    }

    /// Waits until everybody is in one epoch; says whether that came.
    async fn come_to_rest(&self, progress: &Progress) -> bool {
        let mut begin = Instant::now();
        let mut before = 0;
        loop {
            let down = self
                .keeper
                .as_ref()
                .is_some_and(|keeper| keeper.kept().down);
            let now = self.world.notebook.now();
            let (rests, patience, entered) = self.world.notebook.read(|pages| {
                progress.show(now, pages);
                let patience = if pages.epochs > 0 { REST } else { NOBODY };
                (pages.at_rest(), patience, pages.entered)
            });
            if entered > before {
                (begin, before) = (Instant::now(), entered);
            }
            if rests && !down {
                return true;
            }
            if begin.elapsed() >= patience {
                return false;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Ends everybody, looks at the service's log for the last time, and judges.
    async fn conclude(
        mut self,
        script: &Script,
        at_rest: bool,
        seconds: Duration,
        samples: Vec<Sample>,
    ) -> Outcome {
        let cpu = usage::own().cpu_seconds;
        let clients = cpu.zip(self.own_before).map(|(now, before)| now - before);
        let service = self.world.service.as_ref();
        let used = service.map(|service| service.usage()).unwrap_or_default();
        let kept = self.last_look();
        self.users.abort_all();
        while self.users.join_next().await.is_some() {}
        let spans = self.world.media.as_ref().map(MediaLog::spans);
        let loss = Loss::of(&spans.unwrap_or_default());
        let bytes = self.world.notebook.bytes();
        let pages = self.world.notebook.read(Clone::clone);
        let timeline = Timeline::of(&pages);
        let mut report = Report {
            verdict: "ok",
            reasons: Vec::new(),
            profile: self.profile.shape.name(),
            participants: self.profile.participants,
            seed: self.profile.seed,
            seconds: (seconds.as_secs_f64() * 1_000.0).round() / 1_000.0,
            expected_joins: script.joins(),
            joined: timeline.joined(),
            never_joined: timeline.joins.len() - timeline.joined(),
            epochs: pages.epochs,
            commits: timeline.commits,
            commits_rejected: pages.rejected,
            takeovers: timeline.takeovers,
            acknowledged: pages.acknowledged.len() as u64,
            acknowledged_compared: kept.compared,
            accepted_commits_lost: kept.lost,
            forked_entries: pages.forks,
            authenticators_compared: timeline.compared,
            diverged_members: timeline.diverged,
            at_rest,
            unexpected_ends: timeline.unexpected.len(),
            join_to_keys_ms: Percentiles::of(&timeline.joins),
            leave_to_excluded_ms: Percentiles::of(&timeline.excluded),
            epoch_converge_ms: Percentiles::of(&timeline.converged),
            bytes_per_member_per_change: (timeline.changes > 0)
                .then(|| (bytes as f64 / timeline.changes as f64).round()),
            media_packets_expected: loss.expected,
            lost_media_packets: loss.lost,
            media_connections_lost: loss.connections_lost,
            faults: self.world.traps.tallies(),
            service_killed_by_others: kept.killed_by_others,
            service_failures: kept.failures,
            cpu_seconds: Cpu {
                service: used.cpu_seconds.map(hundredths),
                clients: clients.map(hundredths),
            },
            service_rss_mb: used.peak_mb.map(hundredths),
        };
        report.reasons = kept.trouble;
        report.reasons.dedup();
        report
            .reasons
            .extend(timeline.unexpected.iter().take(5).cloned());
        let judged = judge::judge(&report, self.profile.shape, self.media);
        report.reasons.extend(judged);
        if !report.reasons.is_empty() {
            report.verdict = "failed";
        }
        Outcome {
            report,
            timeline,
            loss,
            samples,
            strikes: self.world.traps.strikes(),
        }
    }

    /// Kills the service, as hard as any, and holds its log against everything. A service that is
    /// not ours is taken by what it has told its members.
    fn last_look(&self) -> Kept {
        if let (Some(keeper), Some(service)) = (&self.keeper, &self.world.service) {
            service.kill();
            keeper.audit();
            return keeper.kept();
        }
        self.world.notebook.read(|pages| {
            let own = pages.acknowledged.iter();
            let lost = own.filter(|(seq, chain)| {
                let told = pages.log.get(seq);
                told.is_none_or(|told| told.chain != **chain)
            });
            Kept {
                compared: pages.acknowledged.len() as u64,
                lost: lost.count() as u64,
                ..Kept::default()
            }
        })
    }
}

fn hundredths(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}
