//! Where all randomness of a run comes from: one number, and independent streams drawn from it.

use std::env;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Runs without `SIM_RUNS`: seventeen of each flavour, enough to meet everything; a few seconds.
const USUAL_RUNS: u64 = 153;

/// The seeds of this test run: `SIM_RUNS` of them from `SIM_SEED` on.
pub fn seeds() -> std::ops::Range<u64> {
    let first = number("SIM_SEED");
    // A seed by itself means that very run, as the report of a failure says it.
    let runs = number("SIM_RUNS").unwrap_or(if first.is_some() { 1 } else { USUAL_RUNS });
    let first = first.unwrap_or(1);
    first..first.saturating_add(runs)
}

/// Whether these are the seeds that run when nobody asks for others.
pub fn are_usual() -> bool {
    number("SIM_SEED").is_none() && number("SIM_RUNS").is_none()
}

/// A number in the environment. What is no number stops the test: a run of other seeds than asked
/// for would be taken for a success.
pub fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    let number = text.trim().parse();
    Some(number.unwrap_or_else(|_| panic!("{name} is a number, not {text:?}")))
}

/// What a stream of random numbers is for. Each purpose has its own, so that one more draw for one
/// leaves the others as they were.
#[derive(Debug, Clone, Copy)]
pub enum Purpose {
    Schedule,
    Liar,
    Hostile,
    Media,
    /// One direction of one participant's way to the service.
    Link(u64),
    /// One participant's driver.
    Driver(u64),
}

/// A stream of random numbers.
#[derive(Debug)]
pub struct Dice(ChaCha8Rng);

impl Dice {
    pub fn new(seed: u64, purpose: Purpose) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(match purpose {
            Purpose::Schedule => 1,
            Purpose::Liar => 2,
            Purpose::Hostile => 3,
            Purpose::Media => 4,
            Purpose::Link(number) => 1_000_000 + number,
            Purpose::Driver(number) => 2_000_000 + number,
        });
        Self(rng)
    }

    /// Any number.
    pub fn any(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `end`; the slight preference for small ones does not matter here.
    pub fn below(&mut self, end: u64) -> u64 {
        self.any() % end.max(1)
    }

    /// A place in something of this length.
    pub fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// A span of `low` to `high` milliseconds.
    pub fn millis(&mut self, low: u64, high: u64) -> Duration {
        Duration::from_millis(self.between(low, high))
    }

    /// True so many times in a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.index(from.len())]
    }

    /// Some of the numbers below `count`, at least one, in order.
    pub fn some_of(&mut self, count: usize) -> Vec<usize> {
        let mut chosen: Vec<_> = (0..count).filter(|_| self.chance(40)).collect();
        if chosen.is_empty() {
            chosen.push(self.index(count));
        }
        chosen
    }
}
