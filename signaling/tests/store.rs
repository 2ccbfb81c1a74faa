//! What every store must do. A new implementation is added to [`places`] and nothing else.

use std::path::Path;

use mls_srtp::delivery::{Blob, LogBody, LogEntry, chain};
use mls_srtp::id::{Epoch, Generation, GroupId, ParticipantId, RoomName, Seq};
use mls_srtp::secret::Secret;
use mls_srtp_signaling::store::{
    Change, Fact, FactKey, GroupRecord, KeyPackages, LogHead, MemoryStore, OpenError, Place,
    Reason, Retention, RoomRecord, Snapshot, SqliteStore, Stay, Store, StoreError,
};
use tempfile::TempDir;

const GROUP: GroupId = GroupId::new([1; 16]);
const OTHER_GROUP: GroupId = GroupId::new([2; 16]);

/// One fresh store of every kind, each to be looked at again after it was closed and opened, if it
/// can be.
fn stores(retention: Retention) -> Vec<Lasting> {
    let dir = tempfile::tempdir().expect("a folder");
    let memory = Lasting {
        kind: "memory",
        store: Some(Box::new(MemoryStore::new(retention))),
        file: None,
    };
    let path = dir.path().join("store.db");
    let sqlite = Lasting {
        kind: "sqlite",
        store: Some(Box::new(at(&path).retention(retention))),
        file: Some((dir, retention)),
    };
    vec![memory, sqlite]
}

struct Lasting {
    kind: &'static str,
    store: Option<Box<dyn Store>>,
    file: Option<(TempDir, Retention)>,
}

impl Lasting {
    fn get(&self) -> &dyn Store {
        self.store.as_deref().expect("is open")
    }

    /// Closes and opens it, where that means anything.
    fn reopen(&mut self) {
        if let Some((dir, retention)) = &self.file {
            self.store = None;
            let store = at(&dir.path().join("store.db")).retention(*retention);
            self.store = Some(Box::new(store));
        }
    }
}

fn at(path: &Path) -> SqliteStore {
    SqliteStore::open(path).expect("opens")
}

/// Does something with every store, and looks at it before and after it was opened again.
fn with_all(fill: impl Fn(&dyn Store), look: impl Fn(&str, &dyn Store)) {
    with_retention(Retention::default(), fill, look);
}

fn with_retention(
    retention: Retention,
    fill: impl Fn(&dyn Store),
    look: impl Fn(&str, &dyn Store),
) {
    for mut store in stores(retention) {
        fill(store.get());
        look(store.kind, store.get());
        store.reopen();
        look(&format!("{}, opened again", store.kind), store.get());
    }
}

fn room(name: &str) -> RoomName {
    RoomName::new(name).expect("a name")
}

fn who(user: &str) -> ParticipantId {
    ParticipantId::new(user, "example.org", "test").expect("a name")
}

fn blob(byte: u8) -> Blob {
    Blob::new(vec![byte; 10])
}

fn entry_of(group_id: GroupId, seq: u64, body: LogBody) -> LogEntry {
    let (seq, before) = (Seq::new(seq), chain::start());
    LogEntry {
        group_id,
        seq,
        term: 0,
        chain: chain::next(&before, group_id, seq, 0, &body),
        body,
    }
}

/// An application message of ten bytes.
fn entry(group_id: GroupId, seq: u64) -> LogEntry {
    let epoch = Epoch::new(0);
    let message = blob(0xab);
    entry_of(group_id, seq, LogBody::Application { epoch, message })
}

/// A proposal of ten bytes.
fn proposal(group_id: GroupId, seq: u64) -> LogEntry {
    let epoch = Epoch::new(0);
    let proposal = blob(0xcd);
    entry_of(group_id, seq, LogBody::Proposal { epoch, proposal })
}

fn append(entry: LogEntry) -> Change {
    let generation = Generation::new(0);
    Change::Append { generation, entry }
}

fn snapshot(seq: u64) -> Snapshot {
    Snapshot {
        seq: Seq::new(seq),
        group_info: blob(seq as u8),
        tree: blob(0xee),
    }
}

/// What begins a group.
fn creation(group_id: GroupId, seq: u64) -> Vec<Change> {
    let creator = who("alice");
    vec![
        append(entry_of(group_id, seq, LogBody::Created { creator })),
        Change::GroupInfo(blob(seq as u8)),
        Change::Snapshot(snapshot(seq)),
    ]
}

fn write(store: &dyn Store, name: &str, changes: &[Change]) {
    assert_eq!(store.write(&room(name), changes), Ok(()), "{changes:?}");
}

/// Appends application messages of one group.
fn fill(store: &dyn Store, name: &str, group_id: GroupId, seqs: std::ops::RangeInclusive<u64>) {
    for seq in seqs {
        write(store, name, &[append(entry(group_id, seq))]);
    }
}

fn seqs_after(store: &dyn Store, name: &str, group_id: GroupId, seq: u64) -> Option<Vec<u64>> {
    let entries = store.entries_after(&room(name), group_id, Seq::new(seq));
    let entries = entries.expect("works")?;
    Some(entries.iter().map(|entry| entry.seq.get()).collect())
}

fn kept(store: &dyn Store, name: &str) -> Vec<u64> {
    let log = store.log(&room(name)).expect("works");
    log.iter().map(|entry| entry.seq.get()).collect()
}

fn load(store: &dyn Store, name: &str) -> RoomRecord {
    store.load(&room(name)).expect("works")
}

#[test]
fn what_is_appended_is_read_in_order() {
    let fill = |store: &dyn Store| fill(store, "a", GROUP, 1..=3);
    with_all(fill, |kind, store| {
        let entries = store.entries_after(&room("a"), GROUP, Seq::new(1));
        let expected = vec![entry(GROUP, 2), entry(GROUP, 3)];
        assert_eq!(entries, Ok(Some(expected)), "{kind}");
        let nothing = seqs_after(store, "a", GROUP, 3);
        assert_eq!(nothing, Some(vec![]), "{kind}: nothing new");
        assert_eq!(kept(store, "a"), [1, 2, 3], "{kind}");
    });
}

#[test]
fn the_head_says_where_a_log_stands() {
    let newest = entry(OTHER_GROUP, 2);
    let fill = |store: &dyn Store| {
        assert_eq!(load(store, "a"), RoomRecord::default());
        fill(store, "a", GROUP, 1..=1);
        let generation = Generation::new(7);
        let entry = newest.clone();
        write(store, "a", &[Change::Append { generation, entry }]);
    };
    with_all(fill, |kind, store| {
        let head = LogHead {
            generation: Generation::new(7),
            seq: Seq::new(2),
            chain: newest.chain.clone(),
        };
        assert_eq!(load(store, "a").head, Some(head), "{kind}");
    });
}

#[test]
fn gaps_and_repetitions_are_refused_and_change_nothing() {
    let fill = |store: &dyn Store| {
        fill(store, "a", GROUP, 1..=2);
        let newest = Seq::new(2);
        for seq in [0, 1, 2, 4] {
            let found = Seq::new(seq);
            let refused = store.write(&room("a"), &[append(entry(GROUP, seq))]);
            assert_eq!(refused, Err(StoreError::NotNext { newest, found }));
        }
        // All or nothing: what stands before the entry at fault is not written either.
        let changes = [
            append(entry(GROUP, 3)),
            Change::Put(Fact::Barred(blob(1))),
            append(entry(GROUP, 5)),
        ];
        assert!(store.write(&room("a"), &changes).is_err());
    };
    with_all(fill, |kind, store| {
        let record = load(store, "a");
        assert_eq!(record.head.map(|head| head.seq.get()), Some(2), "{kind}");
        assert_eq!(record.facts, [], "{kind}");
        assert_eq!(seqs_after(store, "a", GROUP, 0), Some(vec![1, 2]), "{kind}");
    });
}

#[test]
fn rooms_do_not_see_each_other() {
    let fill = |store: &dyn Store| {
        fill(store, "a", GROUP, 1..=3);
        fill(store, "b", GROUP, 1..=1);
        write(store, "b", &[Change::Put(Fact::Barred(blob(1)))]);
    };
    with_all(fill, |kind, store| {
        assert_eq!(seqs_after(store, "b", GROUP, 0), Some(vec![1]), "{kind}");
        let nothing = seqs_after(store, "c", GROUP, 0);
        assert_eq!(nothing, None, "{kind}: no such room");
        assert_eq!(load(store, "a").facts, [], "{kind}");
    });
}

#[test]
fn a_group_is_found_as_it_was_left() {
    let fill = |store: &dyn Store| {
        write(store, "a", &creation(GROUP, 1));
        let newer = [append(proposal(GROUP, 2)), Change::GroupInfo(blob(9))];
        write(store, "a", &newer);
        write(store, "b", &creation(OTHER_GROUP, 1));
        write(store, "b", &[Change::Close]);
    };
    with_all(fill, |kind, store| {
        let group = GroupRecord {
            group_id: GROUP,
            snapshot: snapshot(1),
            group_info: blob(9),
        };
        assert_eq!(load(store, "a").group, Some(group), "{kind}");
        assert_eq!(load(store, "b").group, None, "{kind}: it is over");
        assert_eq!(store.open_rooms(), Ok(vec![room("a")]), "{kind}");
    });
}

#[test]
fn a_closed_room_keeps_its_head_and_goes_on_after_it() {
    let fill = |store: &dyn Store| {
        write(store, "a", &creation(GROUP, 1));
        fill(store, "a", GROUP, 2..=3);
        let before = load(store, "a").head;
        write(store, "a", &[Change::Close]);
        assert_eq!(load(store, "a").head, before);
        assert_eq!(kept(store, "a"), [0; 0]);
        write(store, "a", &creation(OTHER_GROUP, 4));
        fill(store, "a", OTHER_GROUP, 5..=5);
    };
    with_all(fill, |kind, store| {
        let entries = seqs_after(store, "a", OTHER_GROUP, 3);
        assert_eq!(entries, Some(vec![4, 5]), "{kind}");
        let entries = seqs_after(store, "a", GROUP, 1);
        assert_eq!(entries, None, "{kind}: the old group's are gone");
        let group = load(store, "a").group.map(|group| group.group_id);
        assert_eq!(group, Some(OTHER_GROUP), "{kind}");
    });
}

fn stay(user: &str, session: u8) -> Fact {
    Fact::Stay(Stay {
        participant: who(user),
        session: blob(session),
        follows: Seq::new(1),
    })
}

fn going(user: &str, reason: Reason) -> Fact {
    let participant = who(user);
    Fact::Going {
        participant,
        reason,
    }
}

fn ended(user: &str, session: u8) -> Fact {
    Fact::Ended {
        participant: who(user),
        session: blob(session),
    }
}

#[test]
fn facts_are_replaced_by_newer_ones_and_forgotten() {
    let fill = |store: &dyn Store| {
        let facts = [
            stay("alice", 1),
            going("bob", Reason::Left),
            ended("bob", 3),
            Fact::Barred(blob(4)),
            Fact::Suspected(blob(4)),
            ended("carol", 5),
            stay("alice", 6),
            going("bob", Reason::Evicted),
        ];
        write(store, "a", &facts.map(Change::Put));
        let forget = [FactKey::Suspected(blob(4)), FactKey::Stay(who("nobody"))];
        write(store, "a", &forget.map(Change::Forget));
    };
    with_all(fill, |kind, store| {
        let expected = [
            ended("bob", 3),
            Fact::Barred(blob(4)),
            ended("carol", 5),
            stay("alice", 6),
            going("bob", Reason::Evicted),
        ];
        let record = load(store, "a");
        assert_eq!(record.facts, expected, "{kind}: oldest first");
        assert_eq!(record.head, None, "{kind}: there is no entry");
    });
}

#[test]
fn what_is_about_a_group_ends_with_it() {
    let lasting = [
        ended("bob", 3),
        Fact::Barred(blob(4)),
        Fact::Suspected(blob(5)),
        Fact::UserRemoved("bob@example.org".into()),
    ];
    let fill = |store: &dyn Store| {
        write(store, "a", &creation(GROUP, 1));
        write(store, "a", &lasting.clone().map(Change::Put));
        let passing = [stay("alice", 1), going("bob", Reason::Left)];
        write(store, "a", &passing.map(Change::Put));
        write(store, "a", &[Change::Close]);
    };
    with_all(fill, |kind, store| {
        assert_eq!(load(store, "a").facts, lasting, "{kind}");
    });
}

#[test]
fn what_nobody_needs_is_dropped_but_not_what_a_restart_needs() {
    let fill = |store: &dyn Store| {
        write(store, "a", &creation(GROUP, 1));
        write(store, "a", &[append(proposal(GROUP, 2))]);
        fill(store, "a", GROUP, 3..=5);
        write(store, "a", &[append(proposal(GROUP, 6))]);
        write(
            store,
            "a",
            &[Change::Trim {
                before: Seq::new(5),
            }],
        );
        assert_eq!(kept(store, "a"), [2, 5, 6], "handshake since the snapshot");
        assert_eq!(seqs_after(store, "a", GROUP, 1), None, "there is a gap");
        write(store, "a", &[Change::Snapshot(snapshot(6))]);
        write(
            store,
            "a",
            &[Change::Trim {
                before: Seq::new(6),
            }],
        );
    };
    with_all(fill, |kind, store| {
        assert_eq!(kept(store, "a"), [6], "{kind}");
        assert_eq!(seqs_after(store, "a", GROUP, 5), Some(vec![6]), "{kind}");
    });
}

#[test]
fn a_bounded_store_says_that_entries_are_missing() {
    let whole = Retention::default();
    for retention in [
        Retention {
            entries: 2,
            ..whole
        },
        Retention { bytes: 25, ..whole },
    ] {
        let fill = |store: &dyn Store| fill(store, "a", GROUP, 1..=4);
        with_retention(retention, fill, |kind, store| {
            let entries = seqs_after(store, "a", GROUP, 2);
            assert_eq!(entries, Some(vec![3, 4]), "{kind}");
            assert_eq!(
                seqs_after(store, "a", GROUP, 1),
                None,
                "{kind}: entry 2 is gone"
            );
        });
    }
    let fill = |store: &dyn Store| fill(store, "a", GROUP, 1..=2);
    with_retention(
        Retention {
            entries: 0,
            ..whole
        },
        fill,
        |kind, store| {
            assert_eq!(seqs_after(store, "a", GROUP, 2), Some(vec![]), "{kind}");
            assert_eq!(seqs_after(store, "a", GROUP, 1), None, "{kind}");
        },
    );
}

#[test]
fn bounds_leave_what_a_restart_needs() {
    let retention = Retention {
        entries: 2,
        bytes: 1_000,
    };
    let fill = |store: &dyn Store| {
        write(store, "a", &creation(GROUP, 1));
        write(store, "a", &[append(proposal(GROUP, 2))]);
        fill(store, "a", GROUP, 3..=9);
    };
    with_retention(retention, fill, |kind, store| {
        assert_eq!(kept(store, "a"), [2, 8, 9], "{kind}");
    });
}

#[test]
fn key_packages_are_handed_out_once_and_the_last_resort_when_there_is_no_other() {
    let packages = |once: &[u8], last: Option<u8>| KeyPackages {
        once: once.iter().copied().map(blob).collect(),
        last_resort: last.map(blob),
    };
    for mut store in stores(Retention::default()) {
        let kind = store.kind;
        let publish = |store: &dyn Store, user, once: &[u8], last| {
            store.publish(&who(user), &packages(once, last))
        };
        let take = |store: &dyn Store, user| store.take_key_package(&who(user)).expect("works");
        assert_eq!(take(store.get(), "alice"), None, "{kind}");
        assert_eq!(
            publish(store.get(), "alice", &[1, 2], Some(9)),
            Ok(2),
            "{kind}"
        );
        assert_eq!(publish(store.get(), "bob", &[7], None), Ok(1), "{kind}");
        assert_eq!(publish(store.get(), "alice", &[3], None), Ok(3), "{kind}");
        assert_eq!(take(store.get(), "alice"), Some(blob(1)), "{kind}");
        store.reopen();
        for expected in [2, 3, 9, 9] {
            assert_eq!(take(store.get(), "alice"), Some(blob(expected)), "{kind}");
        }
        assert_eq!(
            publish(store.get(), "alice", &[4], Some(8)),
            Ok(1),
            "{kind}"
        );
        for expected in [4, 8] {
            assert_eq!(take(store.get(), "alice"), Some(blob(expected)), "{kind}");
        }
        assert_eq!(take(store.get(), "bob"), Some(blob(7)), "{kind}");
        assert_eq!(
            take(store.get(), "bob"),
            None,
            "{kind}: it has no last resort"
        );
        let many: Vec<u8> = (0..=u8::try_from(KeyPackages::MOST).expect("few")).collect();
        assert_eq!(
            publish(store.get(), "carol", &many, None),
            Ok(100),
            "{kind}"
        );
        assert_eq!(
            take(store.get(), "carol"),
            Some(blob(1)),
            "{kind}: the oldest is gone"
        );
    }
}

#[test]
fn key_packages_have_a_largest_sum() {
    for store in stores(Retention::default()) {
        let (kind, each) = (store.kind, KeyPackages::MOST_BYTES / 8);
        let large = |byte| KeyPackages {
            once: vec![Blob::new(vec![byte; each]); 6],
            last_resort: None,
        };
        let alice = who("alice");
        assert_eq!(store.get().publish(&alice, &large(1)), Ok(6), "{kind}");
        assert_eq!(store.get().publish(&alice, &large(2)), Ok(8), "{kind}");
        let taken = store.get().take_key_package(&alice).expect("works");
        assert_eq!(taken, Some(Blob::new(vec![1; each])), "{kind}");
    }
}

#[test]
fn a_device_too_many_is_refused_and_the_others_keep_what_they_have() {
    let one = KeyPackages {
        once: vec![blob(1)],
        last_resort: None,
    };
    for store in stores(Retention::default()) {
        let (kind, store) = (store.kind, store.get());
        for n in 0..KeyPackages::MOST_DEVICES {
            let published = store.publish(&who(&format!("user{n}")), &one);
            assert_eq!(published, Ok(1), "{kind}");
        }
        let refused = store.publish(&who("mallory"), &one);
        assert_eq!(refused, Err(StoreError::Full), "{kind}");
        assert_eq!(store.publish(&who("user0"), &one), Ok(2), "{kind}");
        for _ in 0..2 {
            let taken = store.take_key_package(&who("user0")).expect("works");
            assert_eq!(taken, Some(blob(1)), "{kind}");
        }
        assert_eq!(store.publish(&who("mallory"), &one), Ok(1), "{kind}");
    }
}

#[test]
fn the_services_key_is_kept() {
    let fill = |store: &dyn Store| {
        assert!(store.service_key().expect("works").is_none());
        for key in [b"older", b"newer"] {
            let kept = store.keep_service_key(&Secret::new(key.to_vec()));
            assert_eq!(kept, Ok(()));
        }
    };
    with_all(fill, |kind, store| {
        let key = store.service_key().expect("works").expect("is kept");
        assert_eq!(key.expose(), b"newer", "{kind}");
    });
}

#[test]
fn a_file_has_one_owner_and_is_never_replaced() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("store.db");
    let place: Place = path.display().to_string().parse().expect("a path");
    let store = place.open().expect("opens");
    fill(&*store, "a", GROUP, 1..=1);
    assert!(matches!(place.open(), Err(OpenError::InUse(_))));
    drop(store);
    assert_eq!(kept(&*place.open().expect("opens"), "a"), [1]);
    std::fs::write(&path, "no longer a store, but something else").expect("written");
    assert!(matches!(place.open(), Err(OpenError::Foreign { .. })));
}

#[test]
fn a_damaged_row_is_an_error() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("store.db");
    write(&at(&path), "a", &creation(GROUP, 1));
    let spoil = |sql: &str| {
        let file = rusqlite::Connection::open(&path).expect("opens");
        assert_eq!(file.execute(sql, ()), Ok(1), "{sql}");
    };
    spoil("UPDATE entries SET entry = '{'");
    let damaged = |result| matches!(result, Err(StoreError::Damaged(_)));
    assert!(damaged(at(&path).log(&room("a")).map(|_| ())));
    spoil("DELETE FROM snapshots");
    assert!(damaged(at(&path).load(&room("a")).map(|_| ())));
    spoil("UPDATE rooms SET name = ''");
    assert!(damaged(at(&path).open_rooms().map(|_| ())));
}

#[test]
fn a_token_stays_bound_to_its_first_key() {
    const LATER: u64 = 1 << 40;
    with_all(
        |store| {
            assert_eq!(store.bind_token("one", &blob(1), LATER), Ok(blob(1)));
            assert_eq!(store.bind_token("over", &blob(1), 1), Ok(blob(1)));
        },
        |kind, store| {
            let again = store.bind_token("one", &blob(2), LATER);
            assert_eq!(again, Ok(blob(1)), "{kind}");
            let another = store.bind_token("two", &blob(2), LATER);
            assert_eq!(another, Ok(blob(2)), "{kind}");
        },
    );
}
