//! Who sends which stream, by the key that opened its packets.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use mls_srtp::id::{Epoch, LeafIndex, ParticipantId, Ssrc};

/// How many streams are remembered. A call of 200 with camera, microphone and screen has 600.
const MOST_STREAMS: usize = 4_096;

/// The sender of a stream, as the last opened packet of the stream showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamOwner {
    /// Who held the leaf in the packet's epoch.
    pub participant: Arc<ParticipantId>,
    /// The leaf whose key opened the packet.
    pub leaf: LeafIndex,
    /// The epoch of the first packet that this leaf's key opened.
    pub since: Epoch,
}

/// The side table from which tiles get their names.
///
/// Labels in SDP come from the SFU and prove nothing; this table is filled by decryption alone.
/// Clones share the table.
#[derive(Debug, Clone, Default)]
pub struct StreamOwners(Arc<Mutex<HashMap<Ssrc, StreamOwner>>>);

impl StreamOwners {
    /// Who sends `ssrc`; `None` until a packet of it was opened.
    pub fn owner(&self, ssrc: Ssrc) -> Option<StreamOwner> {
        self.table().get(&ssrc).cloned()
    }

    /// All streams and their senders, in order of SSRC.
    pub fn all(&self) -> Vec<(Ssrc, StreamOwner)> {
        let mut all: Vec<_> = self
            .table()
            .iter()
            .map(|(ssrc, owner)| (*ssrc, owner.clone()))
            .collect();
        all.sort_by_key(|(ssrc, _)| *ssrc);
        all
    }

    /// Drops what `keep` does not want kept, for instance the streams of those who left.
    pub fn retain(&self, mut keep: impl FnMut(Ssrc, &StreamOwner) -> bool) {
        self.table().retain(|ssrc, owner| keep(*ssrc, owner));
    }

    /// Something of the stream `ssrc` was opened with a key of `leaf` in `epoch`.
    pub(super) fn note(
        &self,
        ssrc: Ssrc,
        since: Epoch,
        leaf: LeafIndex,
        participant: &Arc<ParticipantId>,
    ) {
        let mut table = self.table();
        let known = table
            .get(&ssrc)
            .is_some_and(|owner| owner.leaf == leaf && owner.participant == *participant);
        // Only members can add entries, one for each stream they announced; the bound is for a
        // member that announces without end.
        if known || (table.len() >= MOST_STREAMS && !table.contains_key(&ssrc)) {
            return;
        }
        let owner = StreamOwner {
            participant: Arc::clone(participant),
            leaf,
            since,
        };
        table.insert(ssrc, owner);
    }

    /// A table half written by a panicking thread is still a table of true entries.
    fn table(&self) -> std::sync::MutexGuard<'_, HashMap<Ssrc, StreamOwner>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
