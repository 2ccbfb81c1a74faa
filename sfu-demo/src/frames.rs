//! Holds every frame that somebody received against the frame that its sender sent.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mls_srtp::id::{ParticipantId, Ssrc};
use mls_srtp::time::Moment;
use mls_srtp_participant::headless::FrameObserver;
use mls_srtp_participant::publish::{Checked, PublishLog};

/// What one receiver made of one stream's frames.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Equal to the source.
    pub intact: u64,
    /// Not equal, or never sent by the one whose key opened it.
    pub wrong: u64,
}

#[derive(Default)]
struct Shared {
    logs: HashMap<ParticipantId, PublishLog>,
    /// When the intact frames of a stream had been sent, by receiver and stream.
    intact: HashMap<(ParticipantId, Ssrc), Vec<Moment>>,
    wrong: HashMap<(ParticipantId, Ssrc), u64>,
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
            let log = shared.logs.get(sender);
            let intact = log.is_some_and(|log| matches!(log.check(frame), Checked::Exact { .. }));
            let sent = log.and_then(|log| log.sent(frame.ssrc, frame.timestamp));
            let key = (receiver.clone(), frame.ssrc);
            match sent.filter(|_| intact) {
                Some(sent) => shared.intact.entry(key).or_default().push(sent.sent_at),
                None => *shared.wrong.entry(key).or_default() += 1,
            }
        })
    }

    /// What a receiver made of a stream's frames that were sent from `from` until before `to`;
    /// wrong ones count whenever they came.
    pub fn tally(&self, receiver: &ParticipantId, ssrc: Ssrc, from: Moment, to: Moment) -> Tally {
        let key = (receiver.clone(), ssrc);
        let shared = self.lock();
        let intact = shared.intact.get(&key).into_iter().flatten();
        Tally {
            intact: intact.filter(|at| (from..to).contains(at)).count() as u64,
            wrong: shared.wrong.get(&key).copied().unwrap_or_default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
