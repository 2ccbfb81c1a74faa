//! What people do and what befalls them, drawn from the seed before anything happens.

use std::fmt;
use std::time::Duration;

use mls_srtp::time::Moment;

use super::network::{Direction, Way};
use super::seed::{Dice, Purpose};

/// What kind of run a seed makes. Each kind has promises of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// People come and go, and nothing fails: no packet is lost either.
    Quiet,
    /// Connections break, stall and lie about being open.
    Network,
    /// Processes die and come back with more or less of their state.
    Crashes,
    /// The service dies and comes back with its store.
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
    pub fn draw(seed: u64) -> Self {
        let mut dice = Dice::new(seed, Purpose::Schedule);
        let flavour = Flavour::of(seed);
        let people = dice.between(2, 8) as usize;
        let slowest = if flavour == Flavour::Quiet { 60 } else { 150 };
        let ways = (0..people).map(|_| Way {
            delay: dice.millis(1, slowest),
            jitter: dice.millis(0, 30),
        });
        let ways = ways.collect();
        let span = dice.millis(8_000, 30_000);
        let mut draft = Draft {
            dice,
            people,
            span,
            steps: Vec::new(),
        };
        draft.comings_and_goings(flavour);
        draft.misfortunes(flavour);
        let Draft { mut steps, .. } = draft;
        // Stable: what was drawn first comes first.
        steps.sort_by_key(|(at, _)| *at);
        Self {
            seed,
            flavour,
            ways,
            steps,
            calm_at: Moment::new(START + span),
        }
    }

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

/// When the first thing may happen.
const START: Duration = Duration::from_secs(1);

struct Draft {
    dice: Dice,
    people: usize,
    span: Duration,
    steps: Vec<(Moment, Step)>,
}

impl Draft {
    /// A moment between `from_percent` and the end of the span, `room` before it.
    fn moment(&mut self, from_percent: u64, room: Duration) -> Moment {
        let span = self.span.as_millis() as u64;
        let low = span * from_percent / 100;
        let high = span.saturating_sub(room.as_millis() as u64).max(low);
        Moment::new(START + self.dice.millis(low, high))
    }

    fn put(&mut self, at: Moment, step: Step) {
        self.steps.push((at, step));
    }

    fn comings_and_goings(&mut self, flavour: Flavour) {
        let all_at_once = self.dice.chance(30);
        for who in 0..self.people {
            let at = match (all_at_once, self.dice.chance(20)) {
                (true, _) => self.dice.millis(0, 30),
                (false, false) => self.dice.millis(0, 3_000),
                (false, true) => self.dice.millis(0, self.span.as_millis() as u64 * 3 / 4),
            };
            self.put(Moment::new(START + at), Step::Join(who));
        }
        for _ in 0..self.dice.below(5) {
            let who = self.dice.index(self.people);
            let at = self.moment(20, Duration::from_millis(500));
            match self.dice.below(10) {
                0 if flavour != Flavour::Quiet => self.put(at, Step::Evict(who)),
                1..3 => self.put(at, Step::WearOut(who)),
                3..6 => self.put(at, Step::Join(who)),
                _ => self.put(at, Step::Leave(who)),
            }
        }
    }

    fn misfortunes(&mut self, flavour: Flavour) {
        let count = self.dice.between(1, 6);
        match flavour {
            Flavour::Quiet => {}
            Flavour::Network => (0..count).for_each(|_| self.network()),
            Flavour::Crashes => (0..count).for_each(|_| self.crash()),
            Flavour::Restarts => (0..count.min(3)).for_each(|_| self.service_restart()),
            Flavour::Everything => (0..count).for_each(|_| self.anything()),
            Flavour::Lies => (0..count).for_each(|_| self.lie()),
            Flavour::Forks => (0..count.min(2)).for_each(|_| self.fork()),
            Flavour::Outsider => self.hostility(None),
            Flavour::Insider => {
                let who = self.dice.index(self.people);
                self.hostility(Some(who));
            }
        }
    }

    fn anything(&mut self) {
        match self.dice.below(5) {
            0 => self.service_restart(),
            1 | 2 => self.crash(),
            _ => self.network(),
        }
    }

    fn network(&mut self) {
        let who = self.dice.index(self.people);
        let learns = |dice: &mut Dice| dice.chance(70).then(|| dice.millis(0, 300));
        let longest = if self.dice.chance(20) { 20_000 } else { 6_000 };
        let span = self.dice.millis(50, longest);
        let step = match self.dice.below(10) {
            0..4 => Step::Reset {
                who,
                client_learns: learns(&mut self.dice),
                service_learns: learns(&mut self.dice),
            },
            4..6 => Step::Abandon(who),
            6..8 => Step::Partition {
                who: self.dice.some_of(self.people),
                directions: self.dice.pick(&DIRECTIONS).to_vec(),
                span,
            },
            _ => Step::Slow {
                who,
                by: self.dice.millis(100, 3_000),
                span,
            },
        };
        let at = self.moment(5, span);
        self.put(at, step);
    }

    fn crash(&mut self) {
        let back_after = self.dice.chance(85).then(|| self.dice.millis(50, 8_000));
        let step = Step::Crash {
            who: self.dice.index(self.people),
            keeps: self.dice.pick(&[
                Keeps::TheMoment,
                Keeps::TheEpoch,
                Keeps::AnOldCopy,
                Keeps::Identity,
                Keeps::Nothing,
            ]),
            back_after,
            said_goodbye: self.dice.chance(60),
        };
        let at = self.moment(5, back_after.unwrap_or_default());
        self.put(at, step);
    }

    fn service_restart(&mut self) {
        let down = self.dice.millis(10, 4_000);
        let at = self.moment(5, down);
        self.put(at, Step::RestartService { down });
    }

    fn lie(&mut self) {
        let span = self.dice.millis(100, 5_000);
        let step = Step::Lie {
            lie: self.dice.pick(&LIES),
            victims: self.dice.some_of(self.people),
            span,
        };
        let at = self.moment(5, span);
        self.put(at, step);
    }

    /// A fork needs two commits, so somebody joins or goes while it lasts.
    fn fork(&mut self) {
        let (span, who) = (self.dice.millis(1_500, 6_000), self.dice.index(self.people));
        let at = self.moment(30, span);
        let (lie, victims) = (Lie::Fork, self.dice.some_of(self.people));
        self.put(at, Step::Lie { lie, victims, span });
        let later = at + self.dice.millis(50, 1_000);
        let cause = self.dice.pick(&[Step::Join, Step::Leave, Step::WearOut]);
        self.put(later, cause(who));
    }

    fn hostility(&mut self, who: Option<usize>) {
        let (every, span) = (self.dice.millis(10, 200), self.dice.millis(3_000, 20_000));
        let at = self.moment(5, span);
        self.put(at, Step::Hostility { who, every, span });
    }
}

const DIRECTIONS: [&[Direction]; 3] = [
    &[Direction::Up, Direction::Down],
    &[Direction::Up],
    &[Direction::Down],
];

const LIES: [Lie; 6] = [
    Lie::Withhold,
    Lie::Drop,
    Lie::Repeat,
    Lie::Reorder,
    Lie::Replay,
    Lie::Alter,
];
