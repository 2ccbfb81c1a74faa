//! How many epochs a crowd costs: counted, not timed.
//!
//! No media here: what a thousand people would send in ten seconds says nothing about epochs.

use std::time::Duration;

use mls_srtp::delivery::LogBody;
use mls_srtp::time::Moment;

use super::network::Way;
use super::schedule::{Flavour, Schedule, Step};
use super::seed;
use super::world::World;

/// One way between everybody and the service.
const LINK: Duration = Duration::from_millis(50);

/// Of a thousand, one in so many sends something.
const SPEAKERS: usize = 50;

/// So many people who join one after the other within a span, on equal links.
fn crowd(count: usize, span: Duration) -> World {
    let start = Duration::from_secs(1);
    let joins = (0..count).map(|who| {
        let at = start + span * who as u32 / count as u32;
        (Moment::new(at), Step::Join(who))
    });
    let way = Way {
        delay: LINK,
        jitter: Duration::ZERO,
    };
    World::without_media(Schedule {
        seed: 1,
        flavour: Flavour::Quiet,
        ways: vec![way; count],
        steps: joins.collect(),
        calm_at: Moment::new(start + span),
    })
}

/// The commits that the service has accepted.
fn commits(world: &World) -> usize {
    let is_commit = |body: &LogBody| matches!(body, LogBody::Commit { .. });
    let entries = world.acknowledged();
    entries
        .iter()
        .filter(|entry| is_commit(&entry.body))
        .count()
}

/// Lets a crowd come in; says how many epochs that took.
fn gather(world: &mut World) -> usize {
    world
        .gather()
        .unwrap_or_else(|violation| panic!("{violation}"));
    commits(world)
}

#[test]
fn two_hundred_joins_in_two_seconds_are_at_most_12_epochs() {
    let mut world = crowd(200, Duration::from_secs(2));
    let epochs = gather(&mut world);
    println!("200 joins over 2 s: {epochs} epochs");
    assert!(epochs <= 12, "{epochs} epochs");
}

#[test]
fn a_thousand_joins_in_ten_seconds_are_at_most_60_epochs() {
    // Minutes of work even in a release build: half a million proposals are verified. In a room of
    // a thousand most people listen, and every announcement costs all others a decryption.
    let Some(count) = seed::number("SIM_CROWD") else {
        println!("set SIM_CROWD=1000 to run this one");
        return;
    };
    let mut world = crowd(count as usize, Duration::from_secs(10));
    for person in &mut world.people {
        person.only_listens = person.who % SPEAKERS != 0;
    }
    let epochs = gather(&mut world);
    println!("{count} joins over 10 s: {epochs} epochs");
    assert!(epochs <= 60, "{epochs} epochs");
}

#[test]
fn a_hundred_leaves_at_once_are_at_most_3_epochs() {
    let mut world = crowd(120, Duration::from_secs(1));
    let before = gather(&mut world);
    let leavers = 20..120;
    let left = world.part_with(leavers);
    left.unwrap_or_else(|violation| panic!("{violation}"));
    let epochs = commits(&world) - before;
    println!("100 leaves at once of 120: {epochs} epochs");
    assert!(epochs <= 3, "{epochs} epochs");
}
