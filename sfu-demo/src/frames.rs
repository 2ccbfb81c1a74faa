//! Holds every frame that somebody received against the frame that its sender sent.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mls_srtp::id::ParticipantId;
use mls_srtp_participant::headless::FrameObserver;
use mls_srtp_participant::publish::{Checked, PublishLog};

/// What one receiver made of one sender's frames.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    /// Equal to the source.
    pub intact: u64,
    /// Not equal, or never sent by the one whose key opened it.
    pub wrong: u64,
}

#[derive(Default)]
struct Shared {
    logs: HashMap<ParticipantId, PublishLog>,
    tallies: HashMap<(ParticipantId, ParticipantId), Tally>,
}

/// All senders' logs and all receivers' tallies.
#[derive(Clone, Default)]
pub struct FrameCheck(Arc<Mutex<Shared>>);

impl FrameCheck {
    /// A sender and what it sends.
    pub fn add_sender(&self, sender: &ParticipantId, log: PublishLog) {
        self.lock().logs.insert(sender.clone(), log);
    }

    /// Sees the frames of one receiver. The sender is whose key opened them: a frame under a wrong
    /// name is wrong.
    pub fn observer(&self, receiver: ParticipantId) -> FrameObserver {
        let check = self.clone();
        Box::new(move |sender, frame| {
            let mut shared = check.lock();
            let checked = shared.logs.get(sender).map(|log| log.check(frame));
            let tally = shared
                .tallies
                .entry((receiver.clone(), sender.clone()))
                .or_default();
            match checked {
                Some(Checked::Exact { .. }) => tally.intact += 1,
                _ => tally.wrong += 1,
            }
        })
    }

    /// What a receiver made of a sender's frames.
    pub fn tally(&self, receiver: &ParticipantId, sender: &ParticipantId) -> Tally {
        let key = (receiver.clone(), sender.clone());
        self.lock().tallies.get(&key).copied().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
