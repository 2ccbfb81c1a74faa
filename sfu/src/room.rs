//! A room: who is in it and who receives whom.

use std::collections::{HashMap, HashSet};

use crate::config::PayloadFormat;
use crate::forwarding::ForwardingTable;
use crate::id::{ParticipantId, PeerKey};

/// The state of one room.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) format: PayloadFormat,
    pub(crate) participants: HashMap<ParticipantId, PeerKey>,
    pub(crate) table: ForwardingTable,
    /// Participants nothing is forwarded to or from.
    pub(crate) muted: HashSet<ParticipantId>,
}

impl Room {
    pub(crate) fn new(format: PayloadFormat) -> Self {
        Self {
            format,
            participants: HashMap::new(),
            table: ForwardingTable::default(),
            muted: HashSet::new(),
        }
    }
}
