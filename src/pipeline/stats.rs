//! Counters by outcome and sender.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::id::ParticipantId;

/// Why packets or frames of a sender are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Trouble {
    /// Their epoch did not come within the hold time.
    MissingKey,
    /// Their tag does not verify.
    AuthFailed,
    /// They were received before.
    Replayed,
    /// Their sender has not announced their stream.
    WrongStream,
}

impl Trouble {
    pub(super) const ALL: [Self; 4] = [
        Self::MissingKey,
        Self::AuthFailed,
        Self::Replayed,
        Self::WrongStream,
    ];
}

/// Packets or frames of one sender, by what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SenderStats {
    /// Opened and handed on.
    pub opened: u64,
    /// Of these: waited for their epoch or announcement first.
    pub opened_late: u64,
    /// Received before, or too far behind to know.
    pub replayed: u64,
    /// Tag did not verify.
    pub auth_failed: u64,
    /// Epoch did not come in time, as far as their claim can be believed.
    pub missing_key: u64,
    /// Stream never announced by this sender.
    pub wrong_stream: u64,
}

/// What a pipeline has done since it was made.
#[derive(Debug, Clone, Default)]
pub struct MediaStats {
    /// By sender, who is the occupant of the claimed leaf in the claimed epoch.
    pub senders: BTreeMap<Arc<ParticipantId>, SenderStats>,
    /// Packets or frames protected.
    pub protected: u64,
    /// Those that `protect` refused.
    pub protect_refused: u64,
    /// Received ones that are not protected as the mode has it.
    pub malformed: u64,
    /// Received ones whose epoch is not, and will not be, alive here.
    pub unknown_epoch: u64,
    /// Received ones whose leaf was empty in their epoch, or is our own.
    pub unknown_leaf: u64,
    /// Those whose epoch did not come within the hold time, or that found the buffer full.
    pub missing_key: u64,
    /// Empty ones, discarded.
    pub probes: u64,
}

impl MediaStats {
    /// The counters of one sender, made when first needed.
    pub(super) fn sender(&mut self, participant: &Arc<ParticipantId>) -> &mut SenderStats {
        self.senders.entry(Arc::clone(participant)).or_default()
    }

    /// Sum of one counter over all senders.
    pub fn total(&self, counter: impl Fn(&SenderStats) -> u64) -> u64 {
        self.senders.values().map(counter).sum()
    }
}
