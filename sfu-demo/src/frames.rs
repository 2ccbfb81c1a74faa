//! Holds every frame that somebody received against the frame that its sender sent.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mls_srtp::id::{ParticipantId, Ssrc};
use mls_srtp::time::Moment;
use mls_srtp_participant::clock::ClockOrigin;
use mls_srtp_participant::headless::FrameObserver;
use mls_srtp_participant::publish::{Checked, PublishLog};

/// The shortest time.
const INSTANT: Duration = Duration::from_nanos(1);

/// What one receiver made of one stream's frames.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Equal to the source.
    pub intact: u64,
    /// Not equal, or never sent by the one whose key opened it.
    pub wrong: u64,
}

/// What an interruption did to one stream at one receiver.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pause {
    /// Frames that were sent meanwhile and never came.
    pub missed: u64,
    /// From the last frame before it to the first after it that can be decoded, as the application
    /// gets them; unknown if none came before.
    pub length: Option<Duration>,
    /// Whether frames came after it.
    pub is_over: bool,
}

/// A frame that came whole and equals its source.
#[derive(Clone, Copy)]
struct Intact {
    sent_at: Moment,
    seen_at: Moment,
    decodable: bool,
}

#[derive(Default)]
struct Shared {
    logs: HashMap<ParticipantId, PublishLog>,
    /// By receiver and stream.
    intact: HashMap<(ParticipantId, Ssrc), Vec<Intact>>,
    wrong: HashMap<(ParticipantId, Ssrc), u64>,
}

/// All senders' logs and all receivers' tallies.
#[derive(Clone)]
pub struct FrameCheck {
    shared: Arc<Mutex<Shared>>,
    origin: ClockOrigin,
}

impl FrameCheck {
    /// With nobody yet.
    pub fn new(origin: ClockOrigin) -> Self {
        Self {
            shared: Arc::default(),
            origin,
        }
    }

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
                Some(sent) => shared.intact.entry(key).or_default().push(Intact {
                    sent_at: sent.sent_at,
                    seen_at: check.origin.now(),
                    decodable: frame.decodable,
                }),
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
            intact: intact
                .filter(|one| (from..to).contains(&one.sent_at))
                .count() as u64,
            wrong: shared.wrong.get(&key).copied().unwrap_or_default(),
        }
    }

    /// What an interruption at `at` did to a stream of `sender`; frames are missed if they were sent
    /// from `from` until before `to`.
    pub fn pause(
        &self,
        (receiver, sender): (&ParticipantId, &ParticipantId),
        ssrc: Ssrc,
        at: Moment,
        (from, to): (Moment, Moment),
    ) -> Pause {
        let shared = self.lock();
        let frames = shared.intact.get(&(receiver.clone(), ssrc));
        let frames = || frames.into_iter().flatten().filter(|one| one.decodable);
        let before = frames().filter(|one| one.sent_at <= at);
        let before = before.max_by_key(|one| one.sent_at).copied();
        let after = frames().filter(|one| one.sent_at > at);
        let after = after.min_by_key(|one| one.sent_at).copied();
        let log = shared.logs.get(sender).cloned();
        drop(shared);
        let from = before.map_or(from, |one| from.max(one.sent_at + INSTANT));
        let to = after.map_or(to, |one| to.min(one.sent_at));
        let sent = log
            .map(|log| log.sent_between(from, to))
            .unwrap_or_default();
        let sent = sent.get(&ssrc).copied().unwrap_or(0);
        let came = self.tally(receiver, ssrc, from, to).intact;
        Pause {
            missed: sent.saturating_sub(came),
            length: before.zip(after).map(|(a, b)| b.seen_at.since(a.seen_at)),
            is_over: after.is_some(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
