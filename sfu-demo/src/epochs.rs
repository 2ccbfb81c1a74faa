//! The epochs of the demo's room, as its service accepted them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mls_srtp::id::{Epoch, ParticipantId};
use mls_srtp::time::Moment;
use mls_srtp_participant::clock::ClockOrigin;
use mls_srtp_signaling::{RoomEvent, RoomEventKind};
use tokio::sync::mpsc;

/// One epoch.
#[derive(Debug, Clone)]
pub struct EpochRecord {
    /// Its number.
    pub epoch: Epoch,
    /// Who came with it.
    pub added: Vec<ParticipantId>,
    /// Who went with it.
    pub removed: Vec<ParticipantId>,
    /// Members in it.
    pub members: usize,
    /// Size of its commit in bytes.
    pub commit_bytes: usize,
    /// When the service accepted it.
    pub accepted: Moment,
    /// When every connected member had it.
    pub ready: Option<Moment>,
    /// Packets refused so far by all participants, when it was accepted.
    pub refused_so_far: u64,
}

/// All epochs so far.
#[derive(Clone, Default)]
pub struct EpochLog(Arc<Mutex<Vec<EpochRecord>>>);

impl EpochLog {
    /// Listens until the service is gone. `refused` counts the packets refused so far.
    pub async fn listen(
        self,
        mut events: mpsc::UnboundedReceiver<RoomEvent>,
        origin: ClockOrigin,
        refused: impl Fn() -> u64 + Send,
    ) {
        while let Some(event) = events.recv().await {
            self.take(event, origin.now(), &refused);
        }
    }

    fn take(&self, event: RoomEvent, now: Moment, refused: &impl Fn() -> u64) {
        let mut record = EpochRecord {
            epoch: event.epoch,
            added: Vec::new(),
            removed: Vec::new(),
            members: 1,
            commit_bytes: 0,
            accepted: now,
            ready: None,
            refused_so_far: refused(),
        };
        match event.kind {
            RoomEventKind::Created { creator } => record.added = vec![creator],
            RoomEventKind::Committed {
                added,
                removed,
                members,
                commit_bytes,
            } => {
                record = EpochRecord {
                    added,
                    removed,
                    members,
                    commit_bytes,
                    ..record
                };
            }
            RoomEventKind::Ready => {
                let mut log = self.lock();
                if let Some(ready) = log.iter_mut().find(|record| record.epoch == event.epoch) {
                    ready.ready = Some(now);
                }
                return;
            }
            _ => return,
        }
        self.lock().push(record);
    }

    /// A copy of what is known.
    pub fn all(&self) -> Vec<EpochRecord> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<EpochRecord>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EpochRecord {
    /// Who came and went, in words.
    pub fn cause(&self) -> String {
        let names = |who: &[ParticipantId]| {
            who.iter()
                .map(ParticipantId::user)
                .collect::<Vec<_>>()
                .join(", ")
        };
        match (self.added.is_empty(), self.removed.is_empty()) {
            (true, true) => "keys renewed".into(),
            (false, true) if self.epoch == Epoch::default() => {
                format!("created by {}", names(&self.added))
            }
            (false, true) => format!("{} joined", names(&self.added)),
            (true, false) => format!("{} left", names(&self.removed)),
            (false, false) => {
                format!(
                    "{} joined, {} left",
                    names(&self.added),
                    names(&self.removed)
                )
            }
        }
    }
}
