//! Running the checker and saying what it found.

use std::time::Instant;

use stateright::{Checker, HasDiscoveries, Model};

use crate::liveness::Recorded;
use crate::properties::SETTLES;
use crate::world::{Action, Room};

/// Visits every state of a room; every property must hold in it, and it must settle from each.
pub fn assert_holds(what: &str, room: &Room) {
    let start = Instant::now();
    let recorded = Recorded::new(room.clone());
    let checker = recorded.clone().checker().spawn_bfs().join();
    assert!(checker.is_done(), "the check was cut short");
    let (states, depth) = (checker.unique_state_count(), checker.max_depth());
    println!(
        "{what}: {states} states, {} steps, at most {depth} deep, in {:.1?}",
        checker.state_count(),
        start.elapsed()
    );
    if let Some((property, path)) = checker.discoveries().into_iter().next() {
        panic!("{property}: fails after {:#?}", path.into_actions());
    }
    if let Some(way) = recorded.graph().counterexample(room) {
        panic!("{SETTLES}: not after {way:#?}");
    }
}

/// Asserts that a property fails in a room, and prints a shortest way there.
pub fn assert_fails(rule: &str, property: &'static str, room: &Room) {
    let way = match property {
        SETTLES => never_settles(room),
        _ => shortest_violation(property, room),
    };
    let way = way.unwrap_or_else(|| panic!("without {rule} it still holds that {property}"));
    println!("without {rule} it fails that {property}:");
    println!("  {} steps: {way:?}", way.len());
}

/// The checker keeps the last violation that it met before it stopped, not the first. So it is run
/// again below that depth until there is none.
fn shortest_violation(property: &'static str, room: &Room) -> Option<Vec<Action>> {
    let mut shortest: Option<Vec<Action>> = None;
    loop {
        let mut builder = room.clone().checker();
        if let Some(way) = &shortest {
            builder = builder.target_max_depth(way.len() + 1);
        }
        let finish = HasDiscoveries::AnyOf([property].into());
        let checker = builder.finish_when(finish).spawn_bfs().join();
        match checker.discovery(property) {
            Some(path) => shortest = Some(path.into_actions()),
            None => return shortest,
        }
    }
}

fn never_settles(room: &Room) -> Option<Vec<Action>> {
    let recorded = Recorded::new(room.clone());
    recorded.clone().checker().spawn_bfs().join();
    recorded.graph().counterexample(room)
}
