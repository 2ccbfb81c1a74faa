//! The network between participants and their service: ordered byte streams, as TCP gives them.
//!
//! A stream loses nothing and reorders nothing; it delays, and it breaks. What was in flight is
//! gone then, in both directions, and each side learns of it at a time of its own or never.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use mls_srtp::time::Moment;

use super::seed::{Dice, Purpose};

/// One connection, in order of their making over all participants.
pub type ConnectionId = u64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// Participant → service.
    Up,
    /// Service → participant.
    Down,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    Client,
    Service,
}

/// What travels in a stream: WebSocket frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    Text(Vec<u8>),
    Ping,
    Pong,
    Close,
}

/// What is at the end of a stream at a moment.
#[derive(Debug, PartialEq, Eq)]
pub enum Arrived {
    Frame(Frame),
    /// Look again then.
    Later(Moment),
    Nothing,
}

/// How long the way to the service takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    /// One way, at least.
    pub delay: Duration,
    /// So much more at most.
    pub jitter: Duration,
}

#[derive(Debug, Default)]
struct Pipe {
    frames: VecDeque<(Moment, Frame)>,
    newest: Moment,
}

#[derive(Debug)]
pub struct Connection {
    pub who: usize,
    pub client_open: bool,
    pub service_open: bool,
    /// The path is gone: whatever is sent vanishes.
    cut: bool,
    up: Pipe,
    down: Pipe,
}

/// What ails one participant's way at present.
#[derive(Debug, Clone, Copy, Default)]
struct Ailment {
    up_blocked_until: Moment,
    down_blocked_until: Moment,
    slow_until: Moment,
    slow_by: Duration,
}

#[derive(Debug)]
pub struct Network {
    connections: BTreeMap<ConnectionId, Connection>,
    ways: Vec<Way>,
    ailments: Vec<Ailment>,
    dice: Vec<[Dice; 2]>,
    count: ConnectionId,
}

impl Network {
    pub fn new(seed: u64, ways: Vec<Way>) -> Self {
        let link = |number| Dice::new(seed, Purpose::Link(number));
        let people = ways.len() as u64;
        Self {
            connections: BTreeMap::new(),
            ailments: vec![Ailment::default(); ways.len()],
            dice: (0..people)
                .map(|who| [link(2 * who), link(2 * who + 1)])
                .collect(),
            ways,
            count: 0,
        }
    }

    /// A connection that somebody asks for. It carries frames at once; when it is open is for the
    /// caller to say.
    pub fn connect(&mut self, who: usize) -> ConnectionId {
        self.count += 1;
        let connection = Connection {
            who,
            client_open: true,
            service_open: true,
            cut: false,
            up: Pipe::default(),
            down: Pipe::default(),
        };
        self.connections.insert(self.count, connection);
        self.count
    }

    pub fn get(&self, id: ConnectionId) -> Option<&Connection> {
        self.connections.get(&id)
    }

    /// How long one frame takes now.
    pub fn delay(&mut self, who: usize, direction: Direction, now: Moment) -> Duration {
        let (way, ailment) = (self.ways[who], self.ailments[who]);
        let dice = &mut self.dice[who][usize::from(direction == Direction::Down)];
        let jitter = Duration::from_micros(dice.below(way.jitter.as_micros() as u64 + 1));
        let slow = if now < ailment.slow_until {
            ailment.slow_by
        } else {
            Duration::ZERO
        };
        way.delay + jitter + slow
    }

    /// Puts a frame into a stream; says when it arrives, or nothing if it never will.
    pub fn send(
        &mut self,
        id: ConnectionId,
        direction: Direction,
        frame: Frame,
        now: Moment,
    ) -> Option<Moment> {
        let who = self.connections.get(&id).filter(|c| !c.cut)?.who;
        let at = now + self.delay(who, direction, now);
        let pipe = self.connections.get_mut(&id)?.pipe(direction);
        let at = at.max(pipe.newest);
        pipe.newest = at;
        pipe.frames.push_back((at, frame));
        Some(at)
    }

    /// Takes the next frame out of a stream if it has arrived.
    pub fn arrive(&mut self, id: ConnectionId, direction: Direction, now: Moment) -> Arrived {
        let Some(connection) = self.connections.get_mut(&id) else {
            return Arrived::Nothing;
        };
        let ailment = self.ailments[connection.who];
        let blocked_until = match direction {
            Direction::Up => ailment.up_blocked_until,
            Direction::Down => ailment.down_blocked_until,
        };
        let pipe = connection.pipe(direction);
        match pipe.frames.front() {
            None => Arrived::Nothing,
            // The sender's system sends it again when it can.
            Some(_) if blocked_until > now => Arrived::Later(blocked_until),
            Some((at, _)) if *at > now => Arrived::Later(*at),
            Some(_) => match pipe.frames.pop_front() {
                Some((_, frame)) => Arrived::Frame(frame),
                None => Arrived::Nothing,
            },
        }
    }

    /// The path is gone with all that is on it.
    pub fn cut(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.cut = true;
            connection.up.frames.clear();
            connection.down.frames.clear();
        }
    }

    /// One side gives the connection up, or learns that the other did. Says whether it is news.
    pub fn close(&mut self, id: ConnectionId, side: Side) -> bool {
        let Some(connection) = self.connections.get_mut(&id) else {
            return false;
        };
        let open = match side {
            Side::Client => &mut connection.client_open,
            Side::Service => &mut connection.service_open,
        };
        let news = std::mem::replace(open, false);
        if !connection.client_open && !connection.service_open {
            self.connections.remove(&id);
        }
        news
    }

    /// All connections that the service still believes in.
    pub fn of_service(&self) -> Vec<ConnectionId> {
        let open = self.connections.iter().filter(|(_, c)| c.service_open);
        open.map(|(id, _)| *id).collect()
    }

    /// When all that is under way now will have arrived.
    pub fn all_arrived_at(&self) -> Moment {
        let pipes = self.connections.values().flat_map(|c| [&c.up, &c.down]);
        pipes.map(|pipe| pipe.newest).max().unwrap_or_default()
    }

    /// Nothing passes in these directions until then.
    pub fn block(&mut self, who: usize, directions: &[Direction], until: Moment) {
        let ailment = &mut self.ailments[who];
        for direction in directions {
            let blocked = match direction {
                Direction::Up => &mut ailment.up_blocked_until,
                Direction::Down => &mut ailment.down_blocked_until,
            };
            *blocked = until.max(*blocked);
        }
    }

    pub fn slow_down(&mut self, who: usize, by: Duration, until: Moment) {
        let ailment = &mut self.ailments[who];
        (ailment.slow_by, ailment.slow_until) = (by, until);
    }

    /// Whether a connection can be made, or media flows.
    pub fn reaches(&self, who: usize, now: Moment) -> bool {
        let ailment = &self.ailments[who];
        ailment.up_blocked_until <= now && ailment.down_blocked_until <= now
    }
}

impl Connection {
    fn pipe(&mut self, direction: Direction) -> &mut Pipe {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }
}
