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

use std::panic::{AssertUnwindSafe, catch_unwind};

use invariants::Looks;
use schedule::Schedule;
use world::World;

/// Runs one seed to its end, or says all that helps to understand why it did not get there.
fn run(seed: u64) -> Result<Looks, String> {
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
    Err(format!(
        "{}\n\n{}\n\n{what}\n\nto repeat it:\n  \
         SIM_SEED={seed} cargo test --release -p mls-srtp --test sim rooms -- --nocapture\n",
        world.schedule,
        world.trace.tail(),
    ))
}

#[test]
fn rooms_hold_whatever_befalls_them() {
    let seeds = seed::seeds();
    println!("seeds {} to {}", seeds.start, seeds.end.saturating_sub(1));
    let mut looks = Looks::default();
    for seed in seeds {
        match run(seed) {
            Ok(more) => looks += more,
            Err(report) => panic!("{report}"),
        }
    }
    println!("looked at {looks:?}");
}
