//! A model of how a room orders commits, hands over between committers, and keeps wishes; and a
//! check of all that can happen in it.
mod liveness;
mod member;
mod normal;
mod ordering;
mod properties;
mod proposals;
mod rules;
mod service;
mod state;
mod world;

use stateright::{Checker, Model};

use rules::{Budget, Rules};
use world::Room;

#[test]
fn explore() {
    let var = |name: &str| {
        std::env::var(name)
            .ok()
            .and_then(|v| v.parse::<u8>().ok())
            .unwrap_or(0)
    };
    let room = Room {
        rules: Rules::ALL,
        budget: Budget {
            joins: var("J"),
            leaves: var("L"),
            crashes: var("C"),
            breaks: var("B"),
            silences: var("S"),
            omissions: var("O"),
            distrusts: var("D"),
        },
        members: std::env::var("M").unwrap_or_default().chars().map(|c| c as usize - 48).collect(),
    };
    let start = std::time::Instant::now();
    let recorded = liveness::Recorded::new(room.clone());
    let checker = recorded.clone().checker().timeout(std::time::Duration::from_secs(60)).spawn_bfs().join();
    println!(
        "{} states, {} unique, depth {}, {:?} done {}",
        checker.state_count(),
        checker.unique_state_count(),
        checker.max_depth(),
        start.elapsed(), checker.is_done()
    );
    for (name, path) in checker.discoveries() {
        if std::env::var("V").is_ok() {
            for (state, action) in path.clone().into_vec() {
                println!("{action:?}");
                println!("   log {:?}", state.service.log);
                for m in &state.members { println!("   {:?} {} seq {} ep {} op {:?} own {:?} known {:?} up {:?} down {:?} on {} gr {}", m.phase, m.epoch, m.seq, m.epoch, m.opened, m.own, m.known, m.up, m.down, m.online, m.greeted); }
                println!("   {:?} {:?} {:?} {:?} {:?}", state.service.members, state.service.presence, state.service.joins, state.service.going, state.broken.could_not_apply);
            }
        }
        let last = path.last_state().clone();
        println!("VIOLATED {name}: {:?}\n{last:?}", path.into_actions());
    }
    let way = recorded.graph().counterexample(&room);
    println!("{:?} liveness {way:?}", start.elapsed());
    if let (Some(way), true) = (way, std::env::var("V").is_ok()) {
        let mut state = room.init_states()[0].clone();
        for a in way {
            println!("{a:?}");
            state = room.next_state(&state, a).expect("s");
        }
        println!("{state:#?}");
    }
}
