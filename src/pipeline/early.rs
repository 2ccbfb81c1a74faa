//! Packets and frames that came before what is needed to open them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, VecDeque};

use super::MediaConfig;
use super::protected::{Lane, Protected, Whose};
use crate::time::Moment;

/// What is waited for.
pub(super) enum WaitsFor {
    /// Its epoch.
    Epoch,
    /// The announcement of its stream by its sender.
    Announcement(Whose),
}

/// A packet or frame that waits.
pub(super) struct Early<P> {
    pub(super) received: P,
    pub(super) arrived: Moment,
    pub(super) waits_for: WaitsFor,
}

impl<P: Protected> Early<P> {
    /// What it takes in memory, in bytes: many small ones are not free.
    fn size(&self) -> usize {
        self.received.len() + size_of::<Self>()
    }
}

/// Bounded queues in order of arrival, one for each lane. When a lane is full its oldest goes, for
/// that is what playout will miss least. When all together are too much, the largest lane gives:
/// nobody crowds out the others.
pub(super) struct EarlyBuffer<P> {
    lanes: HashMap<Lane, Waiting<P>>,
    /// The lane of each, in order of arrival.
    arrivals: BTreeMap<u64, Lane>,
    next: u64,
    bytes: usize,
}

/// What waits in one lane, with the number of its arrival.
struct Waiting<P> {
    queue: VecDeque<(u64, Early<P>)>,
    bytes: usize,
}

impl<P> Default for EarlyBuffer<P> {
    fn default() -> Self {
        Self {
            lanes: HashMap::new(),
            arrivals: BTreeMap::new(),
            next: 0,
            bytes: 0,
        }
    }
}

impl<P> Default for Waiting<P> {
    fn default() -> Self {
        Self {
            queue: VecDeque::new(),
            bytes: 0,
        }
    }
}

impl<P: Protected> EarlyBuffer<P> {
    /// Takes one in; returns those that had to go for it.
    pub(super) fn push(&mut self, early: Early<P>, config: &MediaConfig) -> Vec<Early<P>> {
        let mut dropped = Vec::new();
        let lane = early.received.lane();
        let waiting = self.lanes.get(&lane).map_or(0, |lane| lane.queue.len());
        if waiting >= config.early_per_stream {
            dropped.extend(self.pop(lane));
        }
        let (number, size) = (self.next, early.size());
        self.next += 1;
        self.arrivals.insert(number, lane);
        let waiting = self.lanes.entry(lane).or_default();
        waiting.queue.push_back((number, early));
        waiting.bytes += size;
        self.bytes += size;
        while self.bytes > config.early_bytes {
            let Some(largest) = self.largest() else { break };
            dropped.extend(self.pop(largest));
        }
        dropped
    }

    /// Takes all out in order of arrival, for trying them again.
    pub(super) fn take(&mut self) -> VecDeque<Early<P>> {
        let mut all = VecDeque::with_capacity(self.len());
        while let Some((_, lane)) = self.arrivals.first_key_value() {
            all.extend(self.pop(*lane));
        }
        all
    }

    /// Takes out one that has waited too long.
    pub(super) fn pop_expired(&mut self, now: Moment, config: &MediaConfig) -> Option<Early<P>> {
        let expiry = self.next_expiry(config)?;
        let (_, lane) = self.arrivals.first_key_value()?;
        (expiry <= now)
            .then_some(*lane)
            .and_then(|lane| self.pop(lane))
    }

    /// When the oldest will have waited too long.
    pub(super) fn next_expiry(&self, config: &MediaConfig) -> Option<Moment> {
        let (_, lane) = self.arrivals.first_key_value()?;
        let (_, oldest) = self.lanes.get(lane)?.queue.front()?;
        Some(oldest.arrived + config.early_hold)
    }

    pub(super) fn len(&self) -> usize {
        self.arrivals.len()
    }

    /// The lane with most bytes, of several the one whose oldest came first.
    fn largest(&self) -> Option<Lane> {
        let size = |(_, waiting): &(&Lane, &Waiting<P>)| {
            let first = waiting.queue.front().map(|(number, _)| *number);
            (waiting.bytes, Reverse(first))
        };
        self.lanes.iter().max_by_key(size).map(|(lane, _)| *lane)
    }

    /// Takes out the oldest of a lane.
    fn pop(&mut self, lane: Lane) -> Option<Early<P>> {
        let waiting = self.lanes.get_mut(&lane)?;
        let (number, early) = waiting.queue.pop_front()?;
        waiting.bytes -= early.size();
        self.bytes -= early.size();
        self.arrivals.remove(&number);
        if waiting.queue.is_empty() {
            self.lanes.remove(&lane);
        }
        Some(early)
    }
}
