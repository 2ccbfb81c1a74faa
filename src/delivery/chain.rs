//! The hash chain over a room's log: two services that show one history show one chain.

use sha2::{Digest, Sha256};

use super::{Blob, LogBody, LogEntry};
use crate::id::{GroupId, Seq};

/// Length of a chain value in bytes.
pub const CHAIN_BYTES: usize = 32;

/// The chain value before the first entry of a room: 32 zero bytes.
pub fn start() -> Blob {
    Blob::new(vec![0; CHAIN_BYTES])
}

/// `SHA-256(previous ‖ group_id ‖ uint64 seq ‖ uint64 term ‖ JSON body)`.
///
/// The body is hashed in the field order of this crate's types, which both sides share; a member
/// recomputes it from what it parsed.
pub fn next(previous: &Blob, group_id: GroupId, seq: Seq, term: u64, body: &LogBody) -> Blob {
    let mut hash = Sha256::new();
    hash.update(previous.as_slice());
    hash.update(group_id.as_bytes());
    hash.update(seq.get().to_be_bytes());
    hash.update(term.to_be_bytes());
    let body = serde_json::to_vec(body).unwrap_or_default();
    hash.update(body);
    Blob::new(hash.finalize().to_vec())
}

/// Whether `entry` follows `previous` in the chain.
pub fn follows(previous: &Blob, entry: &LogEntry) -> bool {
    next(previous, entry.group_id, entry.seq, entry.term, &entry.body) == entry.chain
}
