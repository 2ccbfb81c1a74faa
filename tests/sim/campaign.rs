//! Many runs, one after the other or beside each other.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::coverage::Coverage;
use super::draft::draw;
use super::invariants::Looks;
use super::world::World;

/// After so many failures the rest of the seeds would say nothing new.
const ENOUGH: usize = 20;

/// What went wrong in one run.
pub struct Failure {
    pub seed: u64,
    pub what: String,
    pub report: String,
}

/// What came of many runs.
#[derive(Default)]
pub struct Campaign {
    pub looks: Looks,
    pub coverage: Coverage,
    pub failures: Vec<Failure>,
}

impl Campaign {
    /// Runs all seeds, on as many threads as there are processors. No run shares anything with
    /// another.
    pub fn run(seeds: Range<u64>) -> Self {
        let next = AtomicU64::new(seeds.start);
        let campaign = Mutex::new(Self::default());
        let work = || {
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                let enough = campaign.lock().expect("unharmed").failures.len() >= ENOUGH;
                if seed >= seeds.end || enough {
                    return;
                }
                let run = run(seed);
                campaign.lock().expect("unharmed").add(run);
            }
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            (0..threads).for_each(|_| {
                scope.spawn(work);
            });
        });
        let mut campaign = campaign.into_inner().expect("unharmed");
        campaign.failures.sort_by_key(|failure| failure.seed);
        campaign
    }

    fn add(&mut self, run: Result<(Looks, Coverage), Failure>) {
        match run {
            Ok((looks, coverage)) => {
                self.looks += looks;
                self.coverage += coverage;
            }
            Err(failure) => self.failures.push(failure),
        }
    }
}

/// Runs one seed to its end, or says all that helps to understand why it did not get there.
fn run(seed: u64) -> Result<(Looks, Coverage), Failure> {
    let mut world = World::new(draw(seed));
    let outcome = catch_unwind(AssertUnwindSafe(|| world.run()));
    let what = match outcome {
        Ok(Ok(looks)) => return Ok((looks, Coverage::of(&world.trace))),
        Ok(Err(violation)) => violation.to_string(),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            format!("panic: {}", text.unwrap_or("without words"))
        }
    };
    let report = format!(
        "{}\n\n{}\n\n{what}\n\nto repeat it:\n  \
         SIM_SEED={seed} SIM_LINES=10000 cargo test --release -p mls-srtp --test sim rooms -- --nocapture\n",
        world.schedule,
        world.trace.tail(),
    );
    Err(Failure { seed, what, report })
}
