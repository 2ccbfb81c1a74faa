//! Drawing a schedule from a seed.

use std::time::Duration;

use mls_srtp::time::Moment;

use super::network::{Direction, Way};
use super::schedule::{Flavour, Keeps, Lie, Schedule, Step};
use super::seed::{Dice, Purpose};

/// When the first thing may happen.
const START: Duration = Duration::from_secs(1);

/// Decides on a whole run.
pub fn draw(seed: u64) -> Schedule {
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
    let ends = steps.iter().map(|(at, step)| *at + step.lasts());
    let calm_at = ends.fold(Moment::new(START + span), Moment::max);
    Schedule {
        seed,
        flavour,
        ways,
        steps,
        calm_at,
    }
}

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

    /// A moment for a misfortune: mostly while the membership changes, where it hurts.
    fn bad_moment(&mut self, room: Duration) -> Moment {
        let anywhere = self.moment(5, room);
        if self.dice.chance(40) {
            return anywhere;
        }
        let at = self.dice.index(self.steps.len());
        let latest = Moment::new(START + self.span) - room;
        let (change, _) = self.steps[at];
        (change + self.dice.millis(0, 700)).min(latest)
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
        for _ in 0..self.dice.below(10) {
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
        let count = self.dice.between(1, 10);
        match flavour {
            Flavour::Quiet => {}
            Flavour::Network => (0..count).for_each(|_| self.network()),
            Flavour::Crashes => (0..count).for_each(|_| self.crash()),
            Flavour::Restarts => (0..count.min(3)).for_each(|_| self.service()),
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
            0 => self.service(),
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
        let at = self.bad_moment(span);
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
        let at = self.bad_moment(back_after.unwrap_or_default());
        self.put(at, step);
    }

    fn service(&mut self) {
        let span = self.dice.millis(10, 4_000);
        let at = self.bad_moment(span);
        let step = if self.dice.chance(35) {
            Step::FullDisk { span }
        } else {
            Step::RestartService { down: span }
        };
        self.put(at, step);
    }

    fn lie(&mut self) {
        // Long enough now and then that a member must stop sending for want of an answer.
        let longest = if self.dice.chance(25) { 20_000 } else { 5_000 };
        let span = self.dice.millis(100, longest);
        let step = Step::Lie {
            lie: self.dice.pick(&LIES),
            victims: self.dice.some_of(self.people),
            span,
        };
        let at = self.bad_moment(span);
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
