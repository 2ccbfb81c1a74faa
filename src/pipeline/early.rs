//! Packets and frames that came before what is needed to open them.

use std::collections::VecDeque;

use super::protected::{Protected, Whose};
use super::{MediaConfig, StreamId};
use crate::id::LeafIndex;
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
    fn stream(&self) -> (LeafIndex, StreamId) {
        let claim = self.received.claim();
        (claim.leaf, claim.stream)
    }
}

/// A bounded queue in order of arrival. When it is full the oldest goes, for it is the one that
/// playout will miss least.
pub(super) struct EarlyBuffer<P> {
    waiting: VecDeque<Early<P>>,
    bytes: usize,
}

impl<P> Default for EarlyBuffer<P> {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            bytes: 0,
        }
    }
}

impl<P: Protected> EarlyBuffer<P> {
    /// Takes one in; returns those that had to go for it.
    pub(super) fn push(&mut self, early: Early<P>, config: &MediaConfig) -> Vec<Early<P>> {
        let mut dropped = Vec::new();
        let stream = early.stream();
        let of_stream = |held: &Early<P>| held.stream() == stream;
        let held = self.waiting.iter().filter(|held| of_stream(held)).count();
        if held >= config.early_per_stream {
            let oldest = self.waiting.iter().position(of_stream);
            dropped.extend(oldest.and_then(|at| self.remove(at)));
        }
        self.bytes += early.received.len();
        self.waiting.push_back(early);
        while self.bytes > config.early_bytes {
            dropped.extend(self.remove(0));
        }
        dropped
    }

    /// Takes all out, for trying them again.
    pub(super) fn take(&mut self) -> VecDeque<Early<P>> {
        self.bytes = 0;
        std::mem::take(&mut self.waiting)
    }

    /// Takes out one that has waited too long.
    pub(super) fn pop_expired(&mut self, now: Moment, config: &MediaConfig) -> Option<Early<P>> {
        let oldest = self.waiting.front()?;
        if oldest.arrived + config.early_hold <= now {
            self.remove(0)
        } else {
            None
        }
    }

    /// When the oldest will have waited too long.
    pub(super) fn next_expiry(&self, config: &MediaConfig) -> Option<Moment> {
        self.waiting
            .front()
            .map(|oldest| oldest.arrived + config.early_hold)
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    fn remove(&mut self, at: usize) -> Option<Early<P>> {
        let early = self.waiting.remove(at)?;
        self.bytes -= early.received.len();
        Some(early)
    }
}
