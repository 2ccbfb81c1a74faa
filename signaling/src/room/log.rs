//! The end of a room's log: position and chain of the next entry.

use mls_srtp::delivery::{Blob, LogBody, LogEntry, chain};
use mls_srtp::id::{GroupId, Seq};

use crate::store::LogHead;

/// One service orders alone, so there is one term.
const TERM: u64 = 0;

/// Where the log stands. The entries are in the store.
#[derive(Debug)]
pub(super) struct RoomLog {
    newest: Seq,
    chain: Blob,
}

impl RoomLog {
    /// Goes on after what the store has.
    pub(super) fn after(head: Option<LogHead>) -> Self {
        match head {
            Some(head) => Self {
                newest: head.seq,
                chain: head.chain,
            },
            None => Self {
                newest: Seq::default(),
                chain: chain::start(),
            },
        }
    }

    pub(super) fn newest(&self) -> Seq {
        self.newest
    }

    pub(super) fn chain(&self) -> &Blob {
        &self.chain
    }

    /// The entry that comes next, not yet recorded.
    pub(super) fn next(&self, group_id: GroupId, body: LogBody) -> LogEntry {
        let seq = self.newest.next();
        let chain = chain::next(&self.chain, group_id, seq, TERM, &body);
        LogEntry {
            group_id,
            seq,
            term: TERM,
            chain,
            body,
        }
    }

    /// The entry is recorded.
    pub(super) fn advance(&mut self, entry: &LogEntry) {
        self.newest = entry.seq;
        self.chain = entry.chain.clone();
    }
}
