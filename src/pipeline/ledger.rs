//! What is counted and told of packets and frames.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use super::protected::Whose;
use super::{MediaEvent, MediaStats, OpenError, Trouble};
use crate::id::ParticipantId;

/// Counters, and the events that follow from them.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) stats: MediaStats,
    pub(super) events: VecDeque<MediaEvent>,
    /// What has been told of a sender and not yet been taken back.
    told: HashSet<(Arc<ParticipantId>, Trouble)>,
}

impl Ledger {
    /// Senders' troubles begin anew, with another group: those that were told of are over.
    pub(super) fn forget_troubles(&mut self) {
        let over = self
            .told
            .drain()
            .map(|(participant, trouble)| MediaEvent::Resumed {
                participant,
                trouble,
            });
        self.events.extend(over);
    }

    /// Something was opened; `late` if it had waited.
    pub(super) fn opened(&mut self, whose: &Whose, late: bool) {
        let counters = self.stats.sender(&whose.participant);
        counters.opened += 1;
        counters.opened_late += u64::from(late);
        if self.told.is_empty() {
            return;
        }
        for trouble in Trouble::ALL {
            let participant = Arc::clone(&whose.participant);
            if self.told.remove(&(Arc::clone(&participant), trouble)) {
                self.events.push_back(MediaEvent::Resumed {
                    participant,
                    trouble,
                });
            }
        }
    }

    /// Something was refused; `whose`, as far as its claim can be believed.
    pub(super) fn refused(&mut self, error: OpenError, whose: Option<&Whose>) {
        let trouble = match error {
            OpenError::Malformed(_) => return self.stats.malformed += 1,
            OpenError::UnknownEpoch => return self.stats.unknown_epoch += 1,
            OpenError::UnknownLeaf(_) => return self.stats.unknown_leaf += 1,
            OpenError::MissingKey => Trouble::MissingKey,
            OpenError::WrongStream => Trouble::WrongStream,
            OpenError::Replayed => Trouble::Replayed,
            OpenError::AuthFailed => Trouble::AuthFailed,
        };
        if trouble == Trouble::MissingKey {
            self.stats.missing_key += 1;
        }
        let Some(whose) = whose else {
            return;
        };
        let counters = self.stats.sender(&whose.participant);
        match trouble {
            Trouble::Replayed => counters.replayed += 1,
            Trouble::AuthFailed => counters.auth_failed += 1,
            Trouble::WrongStream => counters.wrong_stream += 1,
            Trouble::MissingKey => counters.missing_key += 1,
        }
        let participant = Arc::clone(&whose.participant);
        if self.told.insert((Arc::clone(&participant), trouble)) {
            self.events.push_back(MediaEvent::Refusing {
                participant,
                leaf: whose.leaf,
                trouble,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Epoch, LeafIndex};

    #[test]
    fn a_trouble_ends_when_frames_open_or_with_the_group() {
        let participant = ParticipantId::new("alice", "example.org", "phone").expect("a name");
        let whose = Whose {
            epoch: Epoch::new(1),
            leaf: LeafIndex::new(2),
            participant: Arc::new(participant),
        };
        let mut ledger = Ledger::default();
        let resumed = |event| matches!(event, Some(MediaEvent::Resumed { .. }));
        for end in [
            &(|ledger: &mut Ledger| ledger.opened(&whose, false)) as &dyn Fn(&mut Ledger),
            &|ledger| ledger.forget_troubles(),
        ] {
            ledger.refused(OpenError::MissingKey, Some(&whose));
            ledger.refused(OpenError::MissingKey, Some(&whose));
            let told = ledger.events.pop_front();
            assert!(matches!(told, Some(MediaEvent::Refusing { .. })));
            assert_eq!(ledger.events.pop_front(), None, "once");
            end(&mut ledger);
            assert!(resumed(ledger.events.pop_front()));
            assert_eq!(ledger.events.pop_front(), None);
        }
    }
}
