//! What every store must do. A new implementation is added to [`stores`] and nothing else.

use mls_srtp::delivery::{Blob, LogBody, LogEntry, chain};
use mls_srtp::id::{Epoch, Generation, GroupId, RoomName, Seq};
use mls_srtp_signaling::store::{LogHead, MemoryStore, Store, StoreError};

const GROUP: GroupId = GroupId::new([1; 16]);
const OTHER_GROUP: GroupId = GroupId::new([2; 16]);

/// One fresh store of every kind.
fn stores() -> Vec<(&'static str, Box<dyn Store>)> {
    vec![("memory", Box::new(MemoryStore::new(100)))]
}

fn room(name: &str) -> RoomName {
    RoomName::new(name).expect("a name")
}

fn entry(group_id: GroupId, seq: u64) -> LogEntry {
    let body = LogBody::Application {
        epoch: Epoch::new(0),
        message: Blob::new(vec![0xab; 10]),
    };
    let (seq, before) = (Seq::new(seq), chain::start());
    LogEntry {
        group_id,
        seq,
        term: 0,
        chain: chain::next(&before, group_id, seq, 0, &body),
        body,
    }
}

/// Appends entries of one group in the first generation.
fn fill(store: &dyn Store, name: &str, group_id: GroupId, seqs: std::ops::RangeInclusive<u64>) {
    for seq in seqs {
        let appended = store.append(&room(name), Generation::new(0), &entry(group_id, seq));
        assert_eq!(appended, Ok(()), "{seq}");
    }
}

fn seqs_after(store: &dyn Store, name: &str, group_id: GroupId, seq: u64) -> Option<Vec<u64>> {
    let entries = store.entries_after(&room(name), group_id, Seq::new(seq));
    let entries = entries.expect("works")?;
    Some(entries.iter().map(|entry| entry.seq.get()).collect())
}

#[test]
fn what_is_appended_is_read_in_order() {
    for (kind, store) in stores() {
        fill(&*store, "a", GROUP, 1..=3);
        let entries = store.entries_after(&room("a"), GROUP, Seq::new(1));
        let expected = vec![entry(GROUP, 2), entry(GROUP, 3)];
        assert_eq!(entries, Ok(Some(expected)), "{kind}");
        assert_eq!(
            seqs_after(&*store, "a", GROUP, 3),
            Some(vec![]),
            "{kind}: nothing new"
        );
    }
}

#[test]
fn the_head_says_where_a_log_stands() {
    for (kind, store) in stores() {
        assert_eq!(store.head(&room("a")), Ok(None), "{kind}");
        fill(&*store, "a", GROUP, 1..=1);
        let newest = entry(OTHER_GROUP, 2);
        let appended = store.append(&room("a"), Generation::new(7), &newest);
        assert_eq!(appended, Ok(()), "{kind}");
        let head = LogHead {
            generation: Generation::new(7),
            seq: Seq::new(2),
            chain: newest.chain,
        };
        assert_eq!(store.head(&room("a")), Ok(Some(head)), "{kind}");
    }
}

#[test]
fn gaps_and_repetitions_are_refused_and_change_nothing() {
    for (kind, store) in stores() {
        fill(&*store, "a", GROUP, 1..=2);
        for seq in [0, 1, 2, 4] {
            let found = Seq::new(seq);
            let refused = store.append(&room("a"), Generation::new(9), &entry(GROUP, seq));
            let newest = Seq::new(2);
            assert_eq!(
                refused,
                Err(StoreError::NotNext { newest, found }),
                "{kind}"
            );
        }
        let head = store.head(&room("a")).expect("works").expect("has entries");
        assert_eq!((head.seq.get(), head.generation.get()), (2, 0), "{kind}");
        assert_eq!(
            seqs_after(&*store, "a", GROUP, 0),
            Some(vec![1, 2]),
            "{kind}"
        );
    }
}

#[test]
fn rooms_do_not_see_each_other() {
    for (kind, store) in stores() {
        fill(&*store, "a", GROUP, 1..=3);
        fill(&*store, "b", GROUP, 1..=1);
        assert_eq!(seqs_after(&*store, "b", GROUP, 0), Some(vec![1]), "{kind}");
        assert_eq!(
            seqs_after(&*store, "c", GROUP, 0),
            None,
            "{kind}: no such room"
        );
    }
}

#[test]
fn a_closed_room_keeps_its_head_and_goes_on_after_it() {
    for (kind, store) in stores() {
        fill(&*store, "a", GROUP, 1..=3);
        let before = store.head(&room("a"));
        assert_eq!(store.close(&room("a")), Ok(()), "{kind}");
        assert_eq!(store.close(&room("b")), Ok(()), "{kind}: no such room");
        assert_eq!(store.head(&room("a")), before, "{kind}");
        fill(&*store, "a", OTHER_GROUP, 4..=5);
        assert_eq!(
            seqs_after(&*store, "a", OTHER_GROUP, 3),
            Some(vec![4, 5]),
            "{kind}"
        );
        assert_eq!(
            seqs_after(&*store, "a", GROUP, 1),
            None,
            "{kind}: the old group's are gone"
        );
    }
}

#[test]
fn a_bounded_store_says_that_entries_are_missing() {
    for store in [
        MemoryStore::new(2),
        MemoryStore::new(100).bytes_per_room(25),
    ] {
        fill(&store, "a", GROUP, 1..=4);
        assert_eq!(seqs_after(&store, "a", GROUP, 2), Some(vec![3, 4]));
        assert_eq!(seqs_after(&store, "a", GROUP, 1), None, "entry 2 is gone");
    }
    let nothing = MemoryStore::new(0);
    fill(&nothing, "a", GROUP, 1..=2);
    assert_eq!(seqs_after(&nothing, "a", GROUP, 2), Some(vec![]));
    assert_eq!(seqs_after(&nothing, "a", GROUP, 1), None);
}
