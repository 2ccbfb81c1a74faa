//! The service's log on disk, held against what it acknowledged.

use std::collections::BTreeMap;
use std::path::Path;

use mls_srtp::delivery::{Blob, LogEntry};
use mls_srtp::id::{RoomName, Seq};
use mls_srtp_signaling::store::{OpenError, SqliteStore, Store as _};

/// The store of a service whose log is to outlive it.
///
/// # Errors
/// The store's.
pub fn open(path: &Path) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(path)
}

/// What a dead service has left of a room's log, in order.
///
/// # Errors
/// The store's, in words.
pub fn read(path: &Path, room: &RoomName) -> Result<Vec<LogEntry>, String> {
    let store = open(path).map_err(|error| error.to_string())?;
    store.log(room).map_err(|error| error.to_string())
}

/// A comparison.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compared {
    /// Commits that were held against the log.
    pub compared: u64,
    /// Of them those that are not in it, or in another history.
    pub lost: u64,
}

/// Holds acknowledged commits against the log. What the log has dropped because nobody needs it any
/// more is not lost: but the log must reach as far as the newest of them.
pub fn compare(acknowledged: &BTreeMap<Seq, Blob>, log: &[LogEntry]) -> Compared {
    let chains: BTreeMap<Seq, &Blob> = log.iter().map(|entry| (entry.seq, &entry.chain)).collect();
    let oldest = chains.keys().next().copied();
    let mut compared = Compared::default();
    for (seq, chain) in acknowledged {
        let dropped = oldest.is_some_and(|oldest| *seq < oldest);
        let kept = chains.get(seq).is_some_and(|kept| *kept == chain);
        compared.compared += 1;
        compared.lost += u64::from(!dropped && !kept);
    }
    compared
}

#[cfg(test)]
mod tests {
    use mls_srtp::delivery::LogBody;
    use mls_srtp::id::{Epoch, GroupId};

    use super::*;

    fn chain(seq: u64) -> Blob {
        Blob::new(vec![seq as u8; 32])
    }

    fn log(seqs: std::ops::Range<u64>) -> Vec<LogEntry> {
        seqs.map(|seq| LogEntry {
            group_id: GroupId::new([1; 16]),
            seq: Seq::new(seq),
            term: 0,
            chain: chain(seq),
            body: LogBody::Withdrawn {
                epoch: Epoch::new(0),
                proposal: Seq::new(1),
            },
        })
        .collect()
    }

    fn acknowledged(seqs: &[u64]) -> BTreeMap<Seq, Blob> {
        seqs.iter()
            .map(|seq| (Seq::new(*seq), chain(*seq)))
            .collect()
    }

    fn lost(seqs: &[u64], log: &[LogEntry]) -> u64 {
        let compared = compare(&acknowledged(seqs), log);
        assert_eq!(compared.compared, seqs.len() as u64);
        compared.lost
    }

    #[test]
    fn what_is_not_in_the_log_is_lost() {
        assert_eq!(lost(&[3, 5, 9], &log(1..10)), 0);
        assert_eq!(lost(&[3, 5, 10], &log(1..10)), 1, "the log is too short");
        assert_eq!(lost(&[3, 5], &[]), 2, "the log is empty");
        assert_eq!(lost(&[3, 5], &log(4..10)), 0, "3 is needed no more");
        let mut gap = log(1..10);
        gap.remove(4);
        assert_eq!(lost(&[3, 5], &gap), 1, "5 is missing in between");
    }

    #[test]
    fn what_is_in_another_history_is_lost() {
        let mut other = log(1..10);
        other[4].chain = chain(99);
        assert_eq!(lost(&[3, 5], &other), 1);
    }
}
