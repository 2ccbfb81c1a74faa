//! Honest participants over a network, or a service, that does what it likes with their messages.

use std::time::Duration;

use arbitrary::Arbitrary;

use crate::json::{JsonEdit, changed};
use crate::structured;
use crate::world::{Queued, Way, World, name};

/// All of them are honest.
const PEOPLE: usize = 3;
/// So many acts of an input count: more only take time.
const MOST_ACTS: usize = 40;

/// What happens.
#[derive(Debug, Arbitrary)]
enum Act {
    Deliver {
        who: u8,
        way: Way,
        count: u8,
    },
    Lose {
        who: u8,
        way: Way,
    },
    Repeat {
        who: u8,
        way: Way,
    },
    Swap {
        who: u8,
        way: Way,
    },
    Change {
        who: u8,
        way: Way,
        edits: Vec<JsonEdit>,
    },
    /// Something that was said before, by anybody.
    Replay {
        who: u8,
        way: Way,
        which: u8,
    },
    /// Time passes and nothing is delivered.
    Pass {
        steps: u8,
    },
    /// Time passes and everything is delivered.
    Run {
        steps: u8,
    },
    Break {
        who: u8,
    },
    Restart {
        who: u8,
    },
    LoseState {
        who: u8,
    },
    RestartService,
    Leave {
        who: u8,
    },
    Join {
        who: u8,
    },
    Lock {
        who: u8,
        locked: bool,
    },
    Evict {
        who: u8,
        whom: u8,
    },
    Readmit {
        who: u8,
        whom: u8,
    },
    Publish {
        who: u8,
    },
    Invite {
        who: u8,
        whom: u8,
    },
}

/// Key managers and the room under a hostile network: nobody panics, keys and epochs stay one, and
/// when everything is delivered again they are of one mind or have gone with a reason.
pub fn call(data: &[u8]) {
    let Some(acts) = structured::<Vec<Act>>(data) else {
        return;
    };
    let mut world = World::new(PEOPLE);
    for act in acts.into_iter().take(MOST_ACTS) {
        perform(&mut world, act);
    }
    world.converges(PEOPLE);
}

fn steps(count: u8) -> Duration {
    Duration::from_millis(50) * u32::from(count)
}

fn perform(world: &mut World, act: Act) {
    let one = |who: u8| usize::from(who) % PEOPLE;
    match act {
        Act::Deliver { who, way, count } => {
            for _ in 0..=count % 8 {
                world.deliver(one(who), way);
            }
        }
        Act::Lose { who, way } => {
            world.person(one(who)).queue(way).pop_front();
        }
        Act::Repeat { who, way } => {
            let queue = world.person(one(who)).queue(way);
            if let Some(Queued::Text(json)) = queue.front() {
                let again = Queued::Text(json.clone());
                queue.push_front(again);
            }
        }
        Act::Swap { who, way } => {
            let queue = world.person(one(who)).queue(way);
            if queue.len() > 1 {
                queue.swap(0, 1);
            }
        }
        Act::Change { who, way, edits } => {
            if let Some(Queued::Text(json)) = world.person(one(who)).queue(way).front_mut() {
                for edit in edits.iter().take(4) {
                    *json = changed(json, edit);
                }
            }
        }
        Act::Replay { who, way, which } => {
            if let Some(json) = world.past(way, which.into()) {
                world
                    .person(one(who))
                    .queue(way)
                    .push_front(Queued::Text(json));
            }
        }
        Act::Pass { steps: count } => world.pass(steps(count)),
        Act::Run { steps: count } => world.run(steps(count)),
        Act::Break { who } => {
            world.cut(one(who));
            world.connect(one(who));
        }
        Act::Restart { who } => world.restart(one(who)),
        Act::LoseState { who } => world.lose_state(one(who)),
        Act::RestartService => world.restart_service(),
        Act::Leave { who } => world.command(one(who), |manager, _| manager.leave()),
        Act::Join { who } => world.join(one(who)),
        Act::Lock { who, locked } => {
            world.command(one(who), |manager, now| manager.set_locked(locked, now));
        }
        Act::Evict { who, whom } => {
            world.command(one(who), |manager, _| manager.evict(name(one(whom))));
        }
        Act::Readmit { who, whom } => {
            world.command(one(who), |manager, _| manager.readmit(name(one(whom))));
        }
        Act::Publish { who } => {
            world.command(one(who), |manager, _| manager.publish_key_packages(2));
        }
        Act::Invite { who, whom } => {
            world.command(one(who), |manager, _| manager.invite(name(one(whom))));
        }
    }
}
