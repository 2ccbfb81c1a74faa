//! The log of a room in which everything happened that a log can tell, entry by entry.

use mls_srtp::delivery::{Blob, LogBody, LogEntry, chain};
use mls_srtp::id::{Epoch, GroupId, LeafIndex, ParticipantId, Seq};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{check, hex};

/// Some bytes whose base64 has every kind of character: `+`, `/`, and padding.
fn bytes(first: u8) -> Blob {
    Blob::new(vec![first, 0xfb, 0xff, 0xbe, 0x00, 0x10, 0x83])
}

/// One of each kind, and the room's next group.
fn bodies() -> Vec<(GroupId, LogBody)> {
    let alice = || ParticipantId::new("alice", "example.org", "phone").expect("a name");
    let (epoch, group) = (Epoch::new(0), GroupId::new([0xa5; 16]));
    let of_first = [
        LogBody::Created { creator: alice() },
        LogBody::Proposal {
            epoch,
            proposal: bytes(1),
        },
        LogBody::Withdrawn {
            epoch,
            proposal: Seq::new(2),
        },
        LogBody::Commit {
            epoch,
            author: LeafIndex::new(0),
            commit: bytes(2),
        },
        LogBody::Application {
            epoch: epoch.next(),
            message: bytes(3),
        },
    ];
    let next_group = (
        GroupId::new([0x5a; 16]),
        LogBody::Created { creator: alice() },
    );
    let mut bodies: Vec<_> = of_first.into_iter().map(|body| (group, body)).collect();
    bodies.push(next_group);
    bodies
}

/// The entry as it travels, the bytes of its body that are hashed, and the chain before it.
fn link(previous: &Blob, seq: u64, group_id: GroupId, body: LogBody) -> (Value, LogEntry) {
    // One service orders alone and says 0; a member hashes what it is told.
    let (seq, term) = (Seq::new(seq), u64::from(seq == 6));
    let hashed = serde_json::to_string(&body).expect("JSON");
    let chain = chain::next(previous, group_id, seq, term, &body);
    let entry = LogEntry {
        group_id,
        seq,
        term,
        chain,
        body,
    };
    let described = json!({
        "previous": hex(previous.as_slice()),
        "hashed_body": hashed,
        "chain": hex(entry.chain.as_slice()),
        "entry": entry,
    });
    (described, entry)
}

#[test]
fn published_log_is_what_this_implementation_makes() {
    let mut previous = chain::start();
    let mut entries = Vec::new();
    for (seq, (group_id, body)) in (1..).zip(bodies()) {
        let (described, entry) = link(&previous, seq, group_id, body);
        let heard: LogEntry = serde_json::from_value(described["entry"].clone()).expect("an entry");
        assert!(chain::follows(&previous, &heard), "{described:#}");
        previous = entry.chain;
        entries.push(described);
    }
    check(
        "chain-v1.json",
        &json!({ "version": 1, "entries": entries }),
    );
}

/// The chain as docs/protocol.md puts it, over a text.
fn chain_over(previous: &Blob, entry: &LogEntry, text: &str) -> Blob {
    let mut hash = Sha256::new();
    hash.update(previous.as_slice());
    hash.update(entry.group_id.as_bytes());
    hash.update(entry.seq.get().to_be_bytes());
    hash.update(entry.term.to_be_bytes());
    hash.update(text);
    Blob::new(hash.finalize().to_vec())
}

/// What a member does not know of a body, it does not hash: such an entry breaks the chain.
#[test]
fn a_body_with_another_field_follows_nothing() {
    let previous = chain::start();
    let (group_id, body) = bodies().swap_remove(1);
    let (described, entry) = link(&previous, 1, group_id, body);
    let text = described["hashed_body"].as_str().expect("a text");
    assert_eq!(chain_over(&previous, &entry, text), entry.chain);
    let longer = text.replace('}', r#","more":1}"#);
    let entry = LogEntry {
        chain: chain_over(&previous, &entry, &longer),
        body: serde_json::from_str(&longer).expect("more fields are ignored"),
        ..entry
    };
    assert!(!chain::follows(&previous, &entry));
}
