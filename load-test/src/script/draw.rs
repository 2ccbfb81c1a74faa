//! Drawing a script from its seed.

use std::ops::Range;
use std::time::Duration;

use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::{Act, Fault, FaultKind, Profile, Returns, Script, Step, User, Window};

/// A room fills at so many joins per second, unless it is to fill faster.
const FILLING: f64 = 20.0;
/// How long somebody is in, or out, before it goes or comes again: what it did before has come to
/// its end then, even where that took seconds.
const STAYS_AT_LEAST: Duration = Duration::from_secs(3);
/// The service gets so long to come to its feet before it is killed again.
const BETWEEN_KILLS: Duration = Duration::from_millis(2_500);

/// A script in the making.
pub(super) struct Draw {
    random: ChaCha8Rng,
    participants: usize,
    end: Duration,
    /// Since when each user is in or out.
    users: Vec<(bool, Duration)>,
    steps: Vec<Step>,
}

impl Draw {
    pub(super) fn new(profile: &Profile) -> Self {
        Self {
            random: ChaCha8Rng::seed_from_u64(profile.seed),
            participants: profile.participants,
            end: profile.seconds,
            users: vec![(false, Duration::ZERO); profile.participants],
            steps: Vec::new(),
        }
    }

    pub(super) fn script(mut self) -> Script {
        self.steps.sort_by_key(|step| step.at);
        Script {
            users: self.users.len(),
            steps: self.steps,
            end: self.end,
        }
    }

    /// Everybody joins some time in `over`.
    pub(super) fn crowd(&mut self, users: Range<User>, over: Duration) {
        for user in users {
            let at = over.mul_f64(self.random.random_range(0.0..1.0));
            self.join(user, at);
        }
    }

    /// The room fills; says when it is full.
    fn fill(&mut self) -> Duration {
        let usual = Duration::from_secs_f64(self.participants as f64 / FILLING);
        let over = usual.min(self.end / 4);
        self.crowd(0..self.participants, over);
        over
    }

    /// Some more wait outside. Again and again somebody goes and somebody comes.
    pub(super) fn churn(&mut self, rate: Option<f64>) {
        let rate = rate.unwrap_or((self.participants as f64 / 50.0).max(0.5));
        let full = self.fill();
        let outside = 2 + (rate * STAYS_AT_LEAST.as_secs_f64() * 1.5) as usize;
        self.users
            .resize(self.participants + outside, (false, Duration::ZERO));
        let pause = Duration::from_secs_f64(1.0 / rate);
        let mut at = full + pause.mul_f64(self.random.random_range(0.5..1.0));
        while at < self.end {
            if let Some(user) = self.anybody(true, at) {
                self.leave(user, at);
            }
            let later = at + pause.mul_f64(self.random.random_range(0.0..1.0));
            if let Some(user) = self.anybody(false, later).filter(|_| later < self.end) {
                self.join(user, later);
            }
            at += pause;
        }
    }

    /// Half-way nine of ten go.
    pub(super) fn exodus(&mut self, over: Duration) {
        self.fill();
        let stay = (self.participants / 10).max(1);
        let mut users: Vec<User> = (0..self.participants).collect();
        users.shuffle(&mut self.random);
        for user in users.drain(stay..) {
            let at = self.end / 2 + over.mul_f64(self.random.random_range(0.0..1.0));
            self.leave(user, at);
        }
    }

    /// Half of the users stay and commit. The other half come and go now and then, so that there
    /// is something to commit, and with each of them a fault lies in wait.
    pub(super) fn faults(&mut self, kind: FaultKind) {
        let full = self.fill();
        let visitors = self.participants.div_ceil(2)..self.participants;
        let pause = match kind {
            FaultKind::Kill => BETWEEN_KILLS.min(self.left(full) / 3),
            _ => Duration::from_secs(1).min(self.left(full) / 6),
        };
        // At most a third of all may stay away, or nobody would be left in the end.
        let mut may_stay_away = self.participants / 3;
        let mut at = full + pause / 2;
        let mut windows = Vec::new();
        while at + pause / 4 < self.end {
            if windows.is_empty() {
                windows.extend(Window::ALL);
                windows.shuffle(&mut self.random);
            }
            if let Some(window) = windows.pop() {
                let fault = self.fault(kind, window, &mut may_stay_away);
                self.push(at, Act::Arm(fault));
            }
            self.visit(visitors.clone(), at);
            at += pause;
        }
    }

    fn left(&self, from: Duration) -> Duration {
        self.end.saturating_sub(from)
    }

    fn fault(&mut self, kind: FaultKind, window: Window, may_stay_away: &mut usize) -> Fault {
        let down = Duration::from_millis(self.random.random_range(100..2_000));
        let returns = match self.random.random_range(0..3) {
            0 if *may_stay_away > 0 && kind == FaultKind::Crash => {
                *may_stay_away -= 1;
                Returns::Never
            }
            1 => Returns::WithState,
            _ => Returns::WithKey,
        };
        let down = match kind {
            FaultKind::Kill => down / 4,
            _ => down,
        };
        Fault {
            kind,
            window,
            down,
            returns,
        }
    }

    /// A visitor that has been away for long enough comes back, or else one goes.
    fn visit(&mut self, visitors: Range<User>, at: Duration) {
        let longest = |inside| {
            let fit = visitors
                .clone()
                .filter(|user| self.users[*user].0 == inside);
            fit.min_by_key(|user| self.users[*user].1)
        };
        let (outside, inside) = (longest(false), longest(true));
        let back = outside.filter(|user| self.users[*user].1 + STAYS_AT_LEAST <= at);
        match (back, inside, outside) {
            (Some(user), ..) | (None, None, Some(user)) => self.join(user, at),
            (None, Some(user), _) => self.leave(user, at),
            (None, None, None) => {}
        }
    }

    /// Any connection may break, for a moment or for seconds.
    pub(super) fn flapping(&mut self) {
        let pause = Duration::from_secs_f64(4.0 / self.participants as f64);
        let mut at = self.end / 4;
        while at < self.end {
            let user = self.random.random_range(0..self.participants);
            let down = Duration::from_millis(self.random.random_range(50..3_000));
            self.push(at, Act::Cut(user, down));
            at += pause.mul_f64(self.random.random_range(0.5..1.5));
        }
    }

    /// Anybody who is in, or out, for long enough.
    fn anybody(&mut self, inside: bool, at: Duration) -> Option<User> {
        let fit: Vec<User> = (0..self.users.len())
            .filter(|user| {
                let (is_in, since) = self.users[*user];
                is_in == inside && (since.is_zero() || since + STAYS_AT_LEAST <= at)
            })
            .collect();
        match fit.len() {
            0 => None,
            many => Some(fit[self.random.random_range(0..many)]),
        }
    }

    fn join(&mut self, user: User, at: Duration) {
        self.users[user] = (true, at);
        self.push(at, Act::Join(user));
    }

    fn leave(&mut self, user: User, at: Duration) {
        self.users[user] = (false, at);
        self.push(at, Act::Leave(user));
    }

    fn push(&mut self, at: Duration, act: Act) {
        self.steps.push(Step { at, act });
    }
}
