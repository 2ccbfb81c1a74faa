//! Whether every wish is fulfilled in the end.
//!
//! stateright's own `eventually` overlooks paths that end in a cycle or that join others, as its
//! documentation says. So the graph that it walks is recorded here, and the question asked of the
//! graph: from every state that can be reached, once nothing more befalls the room, does every
//! order of steps end in a settled state? That covers all schedules and all timers, and a cycle
//! counts as a failure just like a dead end.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard};

use stateright::{Model, Property};

use crate::properties;
use crate::state::State;
use crate::world::{Action, Room};

/// The states that the checker has seen and the steps between them.
#[derive(Debug, Default)]
pub struct Graph {
    ids: HashMap<u64, u32>,
    nodes: Vec<Node>,
    /// Steps that happen by themselves.
    calm: Vec<(u32, u32)>,
    /// The state whose steps the checker is taking.
    current: u32,
}

#[derive(Debug, Clone)]
struct Node {
    /// Where the checker came from when it found this state: on a shortest path.
    parent: Option<u32>,
    settled: bool,
    /// Hash of the state, for finding it again.
    print: u64,
}

impl Graph {
    fn id(&mut self, state: &State, parent: Option<u32>) -> u32 {
        let print = print_of(state);
        let next = u32::try_from(self.nodes.len()).expect("fewer states than that");
        let id = *self.ids.entry(print).or_insert(next);
        if id == next {
            self.nodes.push(Node {
                parent,
                settled: properties::is_settled(state),
                print,
            });
        }
        id
    }

    /// For each state, whether it leads to a settled one: by every order of steps, or by some.
    fn settles(&self, by_every_order: bool) -> Vec<bool> {
        let mut open_steps = vec![0_u32; self.nodes.len()];
        let mut before: Vec<Vec<u32>> = vec![Vec::new(); self.nodes.len()];
        for (from, to) in &self.calm {
            open_steps[*from as usize] += 1;
            before[*to as usize].push(*from);
        }
        let mut settles: Vec<bool> = self.nodes.iter().map(|node| node.settled).collect();
        let mut fresh: Vec<usize> = (0..settles.len()).filter(|id| settles[*id]).collect();
        while let Some(id) = fresh.pop() {
            for from in before[id].iter().map(|from| *from as usize) {
                open_steps[from] -= 1;
                if !settles[from] && (open_steps[from] == 0 || !by_every_order) {
                    settles[from] = true;
                    fresh.push(from);
                }
            }
        }
        settles
    }

    /// A shortest way to a state from which the room never settles, or else to one from which it
    /// may not.
    pub fn counterexample(&self, room: &Room) -> Option<Vec<Action>> {
        let first = |settles: Vec<bool>| settles.iter().position(|settles| !settles);
        let may_not = first(self.settles(true))?;
        let found = first(self.settles(false)).unwrap_or(may_not);
        let mut way = vec![self.nodes[found].print];
        let mut at = found;
        while let Some(parent) = self.nodes[at].parent {
            at = parent as usize;
            way.push(self.nodes[at].print);
        }
        way.reverse();
        Some(replay(room, &way))
    }
}

fn print_of(state: &State) -> u64 {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    hasher.finish()
}

/// The steps that lead through states with these hashes.
fn replay(room: &Room, way: &[u64]) -> Vec<Action> {
    let mut starts = room.init_states().into_iter();
    let mut state = starts
        .find(|state| print_of(state) == way[0])
        .expect("the way begins at a start");
    let mut steps = Vec::new();
    for next in &way[1..] {
        let (action, there) = room
            .next_steps(&state)
            .into_iter()
            .find(|(_, there)| print_of(there) == *next)
            .expect("the way was walked before");
        steps.push(action);
        state = there;
    }
    steps
}

/// A room whose graph is recorded while the checker walks it.
#[derive(Clone)]
pub struct Recorded {
    pub room: Room,
    graph: Arc<Mutex<Graph>>,
}

impl Recorded {
    pub fn new(room: Room) -> Self {
        let graph = Arc::default();
        Self { room, graph }
    }

    pub fn graph(&self) -> MutexGuard<'_, Graph> {
        self.graph.lock().expect("nobody panics holding it")
    }
}

impl Model for Recorded {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        self.room.init_states()
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let mut graph = self.graph();
        graph.current = graph.id(state, None);
        drop(graph);
        self.room.actions(state, actions);
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let next = self.room.next_state(last, action)?;
        let mut graph = self.graph();
        // The checker asks for the actions of a state, and then takes them.
        let from = graph.current;
        let to = graph.id(&next, Some(from));
        if action.is_calm() {
            graph.calm.push((from, to));
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}
