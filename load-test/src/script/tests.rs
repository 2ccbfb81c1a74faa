use super::*;

const SHAPES: [Shape; 6] = [
    Shape::Churn { rate: None },
    Shape::FlashCrowd {
        over: Duration::from_secs(2),
    },
    Shape::MassExodus {
        over: Duration::from_secs(1),
    },
    Shape::CommitterCrash,
    Shape::Flapping,
    Shape::ServiceRestart,
];

fn profile(shape: Shape, participants: usize, seconds: u64, seed: u64) -> Profile {
    Profile {
        shape,
        participants,
        seconds: Duration::from_secs(seconds),
        seed,
    }
}

/// Who is in at the end; nobody joins twice or leaves what it is not in.
fn play(script: &Script) -> Vec<bool> {
    let mut inside = vec![false; script.users];
    for step in &script.steps {
        match step.act {
            Act::Join(user) => assert!(!std::mem::replace(&mut inside[user], true), "{step:?}"),
            Act::Leave(user) => assert!(std::mem::replace(&mut inside[user], false), "{step:?}"),
            Act::Cut(..) | Act::Arm(_) => {}
        }
    }
    inside
}

#[test]
fn a_seed_gives_one_script_and_another_seed_another() {
    for shape in SHAPES {
        let script = |seed| Script::of(&profile(shape, 30, 20, seed));
        assert_eq!(script(7), script(7), "{shape:?}");
        assert_ne!(script(7), script(8), "{shape:?}");
    }
}

#[test]
fn every_script_makes_sense() {
    for shape in SHAPES {
        for (participants, seconds) in [(4, 4), (6, 8), (30, 30), (1_000, 60)] {
            for seed in 0..20 {
                let script = Script::of(&profile(shape, participants, seconds, seed));
                assert!(play(&script).contains(&true), "somebody is left: {shape:?}");
                let in_order = script.steps.is_sorted_by_key(|step| step.at);
                assert!(in_order && script.steps.iter().all(|step| step.at < script.end));
                assert!(script.joins() >= participants, "{shape:?}");
            }
        }
    }
}

#[test]
fn churn_keeps_the_room_as_full_as_it_was() {
    let script = Script::of(&profile(Shape::Churn { rate: Some(5.0) }, 50, 60, 3));
    let leaves = script.steps.iter();
    let leaves = leaves.filter(|step| matches!(step.act, Act::Leave(_)));
    let leaves = leaves.count();
    assert!(leaves > 200, "{leaves}");
    let inside = play(&script).into_iter().filter(|inside| *inside).count();
    assert!(inside.abs_diff(50) <= 5, "{inside}");
}

#[test]
fn a_crowd_joins_in_its_time() {
    let over = Duration::from_secs(2);
    let script = Script::of(&profile(Shape::FlashCrowd { over }, 200, 10, 1));
    assert_eq!(script.joins(), 200);
    assert!(script.steps.iter().all(|step| step.at < over));
}

#[test]
fn one_in_ten_remains_after_an_exodus() {
    let over = Duration::from_secs(1);
    let script = Script::of(&profile(Shape::MassExodus { over }, 50, 10, 1));
    let inside = play(&script).into_iter().filter(|inside| *inside).count();
    assert_eq!(inside, 5);
}

#[test]
fn faults_come_in_every_window_and_most_of_the_crashed_come_back() {
    for shape in SHAPES.into_iter().filter(|shape| shape.has_faults()) {
        for (participants, seconds) in [(6, 6), (30, 60)] {
            let script = Script::of(&profile(shape, participants, seconds, 5));
            let faults: Vec<Fault> = script
                .steps
                .iter()
                .filter_map(|step| match step.act {
                    Act::Arm(fault) => Some(fault),
                    _ => None,
                })
                .collect();
            for window in Window::ALL {
                let hit = faults.iter().filter(|fault| fault.window == window);
                assert!(hit.count() >= 1, "{shape:?} {window:?}");
            }
            assert!(faults.iter().all(|fault| Some(fault.kind) == shape.fault()));
            let gone = faults.iter().filter(|f| f.returns == Returns::Never);
            assert!(gone.count() <= participants / 3);
        }
    }
}
