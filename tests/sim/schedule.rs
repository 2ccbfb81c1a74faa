//! What people do and what befalls them, drawn from the seed before anything happens.

use std::fmt;
use std::time::Duration;

use mls_srtp::time::Moment;

use super::network::{Direction, Way};

/// What kind of run a seed makes. Each kind has promises of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// People come and go, and nothing fails: no packet is lost either.
    Quiet,
    /// Connections break, stall and lie about being open.
    Network,
    /// Processes die and come back with more or less of their state.
    Crashes,
    /// The service dies and comes back with its store, or its disk is full.
    Restarts,
    /// All of the above.
    Everything,
    /// The service withholds, drops, repeats, reorders, replays and alters what it sends.
    Lies,
    /// The service shows some members another history than the others.
    Forks,
    /// A stranger sends whatever it can think of.
    Outsider,
    /// The same, by somebody who is a member.
    Insider,
}

const FLAVOURS: [Flavour; 9] = [
    Flavour::Quiet,
    Flavour::Network,
    Flavour::Crashes,
    Flavour::Restarts,
    Flavour::Everything,
    Flavour::Lies,
    Flavour::Forks,
    Flavour::Outsider,
    Flavour::Insider,
];

impl Flavour {
    pub fn of(seed: u64) -> Self {
        FLAVOURS[(seed % FLAVOURS.len() as u64) as usize]
    }

    /// Whether processes die, so that they had better keep their state.
    pub fn crashes(self) -> bool {
        matches!(self, Self::Crashes | Self::Everything)
    }

    /// Whether the service may show different members different things.
    pub fn service_lies(self) -> bool {
        matches!(self, Self::Lies | Self::Forks)
    }

    /// Whether nobody may be thrown out: there is nobody who would want to.
    pub fn everybody_is_honest(self) -> bool {
        !self.service_lies() && !matches!(self, Self::Insider)
    }
}

/// What a process finds when it starts again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeps {
    /// Everything, as it was when it died.
    TheMoment,
    /// Everything, as it was when the last epoch began.
    TheEpoch,
    /// Everything, as it was some epochs before: an old copy of the disk.
    AnOldCopy,
    /// Its identity, but not the group's state.
    Identity,
    /// Nothing: the device is set up anew under its old name.
    Nothing,
}

/// One way to lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// Nothing is passed on until the lie ends; then all of it, late.
    Withhold,
    /// Some messages are not passed on.
    Drop,
    /// Messages come twice.
    Repeat,
    /// Neighbours change places.
    Reorder,
    /// Old log entries come again.
    Replay,
    /// Bytes are changed.
    Alter,
    /// The victims get another commit than the others.
    Fork,
}

/// Something that is done or happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Join(usize),
    Leave(usize),
    /// The first participant asks for somebody's removal.
    Evict(usize),
    /// A process dies; without `back_after` for good.
    Crash {
        who: usize,
        keeps: Keeps,
        back_after: Option<Duration>,
        /// Whether its system lives and ends the connection for it.
        said_goodbye: bool,
    },
    /// A connection breaks with all that is on it. Each side learns of it after a time, or not.
    Reset {
        who: usize,
        client_learns: Option<Duration>,
        service_learns: Option<Duration>,
    },
    /// A driver gives its connection up for a new one; what it had sent still arrives.
    Abandon(usize),
    /// Nothing passes in these directions.
    Partition {
        who: Vec<usize>,
        directions: Vec<Direction>,
        span: Duration,
    },
    Slow {
        who: usize,
        by: Duration,
        span: Duration,
    },
    RestartService {
        down: Duration,
    },
    /// The service can record nothing.
    FullDisk {
        span: Duration,
    },
    Lie {
        lie: Lie,
        victims: Vec<usize>,
        span: Duration,
    },
    /// Every so often a hostile message, for a while. `who` is a member; nobody: a stranger.
    Hostility {
        who: Option<usize>,
        every: Duration,
        span: Duration,
    },
    /// A key has protected as many packets as is good for it.
    WearOut(usize),
}

impl Step {
    /// How long it goes on befalling somebody.
    pub fn lasts(&self) -> Duration {
        match self {
            Self::Crash { back_after, .. } => back_after.unwrap_or_default(),
            Self::RestartService { down } => *down,
            Self::Partition { span, .. }
            | Self::Slow { span, .. }
            | Self::FullDisk { span }
            | Self::Lie { span, .. }
            | Self::Hostility { span, .. } => *span,
            _ => Duration::ZERO,
        }
    }
}

/// All of a run that is decided beforehand.
#[derive(Debug, Clone)]
pub struct Schedule {
    pub seed: u64,
    pub flavour: Flavour,
    pub ways: Vec<Way>,
    pub steps: Vec<(Moment, Step)>,
    /// From here on nothing befalls anybody any more.
    pub calm_at: Moment,
}

impl Schedule {
    /// The ways of all participants and of a stranger.
    pub fn ways_of_all(&self) -> Vec<Way> {
        let stranger = Way {
            delay: Duration::from_millis(20),
            jitter: Duration::from_millis(5),
        };
        let mut ways = self.ways.clone();
        ways.push(stranger);
        ways
    }

    pub fn people(&self) -> usize {
        self.ways.len()
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seed, flavour) = (self.seed, self.flavour);
        writeln!(
            f,
            "seed {seed}: {flavour:?}, {} participants",
            self.people()
        )?;
        for (who, Way { delay, jitter }) in self.ways.iter().enumerate() {
            writeln!(f, "  p{who}: {delay:?} one way, up to {jitter:?} more")?;
        }
        for (at, step) in &self.steps {
            writeln!(f, "  {:?}: {step:?}", at.since_origin())?;
        }
        write!(f, "  {:?}: calm", self.calm_at.since_origin())
    }
}
