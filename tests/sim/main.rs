//! Whole rooms under virtual time on a network that fails in every way a seed can think of: real
//! key managers, real media pipelines and the service's real room logic in one process.
//!
//! `SIM_SEED=… SIM_RUNS=… cargo test --release -p mls-srtp --test sim` runs so many seeds from that
//! one on; without `SIM_SEED`, a fixed list.

mod acts;
mod campaign;
mod coverage;
mod draft;
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

use campaign::Campaign;
use schedule::Flavour;
use world::World;

#[test]
fn rooms_hold_whatever_befalls_them() {
    let seeds = seed::seeds();
    println!("seeds {} to {}", seeds.start, seeds.end.saturating_sub(1));
    let campaign = Campaign::run(seeds);
    println!("looked at {:?}, met\n{}", campaign.looks, campaign.coverage);
    for failure in &campaign.failures {
        let flavour = Flavour::of(failure.seed);
        println!("seed {}, {flavour:?}: {}", failure.seed, failure.what);
    }
    if let Some(first) = campaign.failures.first() {
        panic!(
            "{} failures, the first:\n{}",
            campaign.failures.len(),
            first.report
        );
    }
    let missing = campaign.coverage.missing();
    let usual = seed::are_usual();
    assert!(
        !usual || missing.is_empty(),
        "the usual runs never met {missing:?}"
    );
}

#[test]
fn a_seed_makes_the_same_run_twice() {
    for seed in seed::seeds().take(9) {
        let text = || {
            let mut world = World::new(draft::draw(seed));
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
