//! What will happen, in order of time.

use std::collections::BTreeMap;

use mls_srtp::time::Moment;

use super::network::{ConnectionId, Direction, Side};

/// Something that happens at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Happening {
    /// A step of the schedule, by its number.
    Step(usize),
    /// The service is back.
    ServiceUp,
    /// The service's rooms look at the time.
    Tick,
    /// The service asks a connection for a sign of life.
    Heartbeat(ConnectionId),
    /// The next frame of a stream may have arrived.
    Arrival(ConnectionId, Direction),
    /// One side of a connection learns that it is gone.
    Gone(ConnectionId, Side),
    /// A participant's process starts again.
    Restart(usize),
    /// A participant's driver connects.
    Connect(usize),
    /// The connection that a driver asked for is open.
    Open(ConnectionId),
    /// A participant's timers are due.
    Wake(usize),
    /// A participant captures a packet.
    Capture(usize),
    /// A packet arrives: its number and the receiver.
    Packet(usize, usize),
    /// The hostile client says something.
    Hostile,
    /// The liar lets go of what it held back.
    LiarLetsGo,
}

/// Happenings by moment. Those of one moment come in an order that depends on what they are and
/// not on who put them in first, because parts of the service keep their clients in hash maps.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: BTreeMap<(Moment, Happening, u64), ()>,
    count: u64,
}

impl Queue {
    pub fn put(&mut self, at: Moment, what: Happening) {
        self.count += 1;
        self.waiting.insert((at, what, self.count), ());
    }

    /// The next happening that comes no later than `end`.
    pub fn next_before(&mut self, end: Moment) -> Option<(Moment, Happening)> {
        let first = self.waiting.first_entry()?;
        let (at, what, _) = *first.key();
        if at > end {
            return None;
        }
        first.remove();
        Some((at, what))
    }
}
