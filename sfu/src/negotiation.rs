//! When to offer. Pure timing, no SDP.
//!
//! The client offers exactly once, in `connect`; from then on only the SFU offers, so offers never
//! cross. Changes are collected for a short while, and while an offer waits for its answer all
//! further changes wait with it.

use std::time::{Duration, Instant};

/// The renegotiation state of one peer connection.
#[derive(Debug)]
pub struct Negotiation {
    delay: Duration,
    patience: Duration,
    /// Something changed and the next offer is due then.
    due: Option<Instant>,
    /// An offer waits for its answer until then.
    waiting: Option<Instant>,
}

/// What [`Negotiation::poll`] asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing yet.
    Wait,
    /// Make an offer with everything that changed, then call [`Negotiation::offered`].
    Offer,
    /// The client never answered.
    GiveUp,
}

impl Negotiation {
    /// Collects changes for `delay` and waits `patience` for an answer.
    pub fn new(delay: Duration, patience: Duration) -> Self {
        Self {
            delay,
            patience,
            due: None,
            waiting: None,
        }
    }

    /// Something changed that the client has to learn. The first change sets the time.
    pub fn want(&mut self, now: Instant) {
        self.due.get_or_insert(now + self.delay);
    }

    /// An offer went out.
    pub fn offered(&mut self, now: Instant) {
        self.due = None;
        self.waiting = Some(now + self.patience);
    }

    /// Whether an offer waits for its answer.
    pub fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// The answer arrived.
    pub fn answered(&mut self) {
        self.waiting = None;
    }

    /// When to call [`Negotiation::poll`].
    pub fn timeout(&self) -> Option<Instant> {
        self.waiting.or(self.due)
    }

    /// What is to be done at `now`.
    pub fn poll(&self, now: Instant) -> Step {
        match (self.waiting, self.due) {
            (Some(until), _) if now >= until => Step::GiveUp,
            (None, Some(due)) if now >= due => Step::Offer,
            _ => Step::Wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn changes_are_batched_and_wait_for_the_answer() {
        let start = Instant::now();
        let mut negotiation = Negotiation::new(50 * MS, 1000 * MS);
        negotiation.want(start);
        negotiation.want(start + 40 * MS);
        assert_eq!(negotiation.poll(start + 49 * MS), Step::Wait);
        assert_eq!(negotiation.poll(start + 50 * MS), Step::Offer);
        negotiation.offered(start + 50 * MS);
        negotiation.want(start + 60 * MS);
        assert_eq!(
            negotiation.poll(start + 500 * MS),
            Step::Wait,
            "one offer at a time"
        );
        negotiation.answered();
        assert_eq!(negotiation.poll(start + 500 * MS), Step::Offer);
    }

    #[test]
    fn an_unanswered_offer_ends_the_patience() {
        let start = Instant::now();
        let mut negotiation = Negotiation::new(50 * MS, 1000 * MS);
        negotiation.offered(start);
        assert_eq!(negotiation.timeout(), Some(start + 1000 * MS));
        assert_eq!(negotiation.poll(start + 1000 * MS), Step::GiveUp);
    }
}
