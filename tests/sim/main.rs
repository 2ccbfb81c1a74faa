//! Whole rooms under virtual time on a network that fails in every way a seed can think of: real
//! key managers, real media pipelines and the service's real room logic in one process.
//!
//! `SIM_SEED=… SIM_RUNS=… cargo test --release -p mls-srtp --test sim` runs so many seeds from that
//! one on; without `SIM_SEED`, a fixed list.

mod acts;
mod fork;
mod hostile;
mod invariants;
mod liar;
mod media;
mod mutation;
mod network;
mod numbers;
mod participant;
mod queue;
mod schedule;
mod seed;
mod service;
mod trace;
mod wire;
mod world;

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use invariants::Looks;
use schedule::{Flavour, Schedule};
use world::World;

/// What went wrong in one run.
struct Failure {
    seed: u64,
    what: String,
    report: String,
}

/// Runs one seed to its end, or says all that helps to understand why it did not get there.
fn run(seed: u64) -> Result<Looks, Failure> {
    let mut world = World::new(Schedule::draw(seed));
    let outcome = catch_unwind(AssertUnwindSafe(|| world.run()));
    let what = match outcome {
        Ok(Ok(looks)) => return Ok(looks),
        Ok(Err(violation)) => violation.to_string(),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            format!("panic: {}", text.unwrap_or("without words"))
        }
    };
    let report = format!(
        "{}\n\n{}\n\n{what}\n\nto repeat it:\n  \
         SIM_SEED={seed} cargo test --release -p mls-srtp --test sim rooms -- --nocapture\n",
        world.schedule,
        world.trace.tail(),
    );
    Err(Failure { seed, what, report })
}

/// After so many failures the rest of the seeds would say nothing new.
const ENOUGH: usize = 20;

/// Runs all seeds, on as many threads as there are processors. A run shares nothing with another.
fn run_all(seeds: Range<u64>) -> (Looks, Vec<Failure>) {
    let next = AtomicU64::new(seeds.start);
    let sum = Mutex::new((Looks::default(), Vec::new()));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let enough = |failures: &Vec<Failure>| failures.len() >= ENOUGH;
            if seed >= seeds.end || enough(&sum.lock().expect("no panic in here").1) {
                return;
            }
            let outcome = run(seed);
            let mut sum = sum.lock().expect("no panic in here");
            match outcome {
                Ok(looks) => sum.0 += looks,
                Err(failure) => sum.1.push(failure),
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        (0..threads).for_each(|_| {
            scope.spawn(work);
        });
    });
    let (looks, mut failures) = sum.into_inner().expect("no panic in here");
    failures.sort_by_key(|failure| failure.seed);
    (looks, failures)
}

#[test]
fn rooms_hold_whatever_befalls_them() {
    let seeds = seed::seeds();
    println!("seeds {} to {}", seeds.start, seeds.end.saturating_sub(1));
    let (looks, failures) = run_all(seeds.clone());
    println!("looked at {looks:?}");
    for failure in &failures {
        println!(
            "seed {}, {:?}: {}",
            failure.seed,
            Flavour::of(failure.seed),
            failure.what
        );
    }
    if let Some(first) = failures.first() {
        panic!("{} failures, the first:\n{}", failures.len(), first.report);
    }
}

#[test]
fn a_seed_makes_the_same_run_twice() {
    for seed in seed::seeds().take(9) {
        let text = || {
            let mut world = World::new(Schedule::draw(seed));
            let outcome = world.run().map(|_| ()).map_err(|violation| violation.rule);
            (outcome, world.trace.text())
        };
        let (first, second) = (text(), text());
        if first != second {
            let pairs = first.1.lines().zip(second.1.lines());
            let differ = pairs.enumerate().find(|(_, (a, b))| a != b);
            panic!("seed {seed} made two different runs: {differ:#?}");
        }
    }
}
