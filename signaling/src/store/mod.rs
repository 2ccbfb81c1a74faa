//! What survives: the ordered log of every room, and what its service has promised.

mod memory;

use mls_srtp::delivery::{Blob, LogEntry};
use mls_srtp::id::{Generation, GroupId, RoomName, Seq};

pub use memory::MemoryStore;

/// Why a store could not do its work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The entry does not follow the newest one of the room.
    #[error("entry {found} does not follow entry {newest}")]
    NotNext {
        /// The newest entry's position.
        newest: Seq,
        /// The refused entry's position.
        found: Seq,
    },
    /// The medium failed; nothing was recorded.
    #[error("the store failed: {0}")]
    Failed(String),
}

/// Where a room's log stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogHead {
    /// The generation of its newest group.
    pub generation: Generation,
    /// Position of its newest entry.
    pub seq: Seq,
    /// Hash chain value of that entry.
    pub chain: Blob,
}

/// The rooms' logs.
///
/// An implementation must make [`append`](Self::append) atomic and durable: the service answers
/// clients only after it returned. Entries of one room are never reordered or changed.
pub trait Store: Send + Sync {
    /// Appends an entry to a room's log.
    ///
    /// # Errors
    /// [`StoreError`]; the log is unchanged then.
    fn append(
        &self,
        room: &RoomName,
        generation: Generation,
        entry: &LogEntry,
    ) -> Result<(), StoreError>;

    /// Where a room's log stands; `None` for a room that never had a group.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    fn head(&self, room: &RoomName) -> Result<Option<LogHead>, StoreError>;

    /// The entries of one group after `seq`, in order; `None` if some of them are not kept.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    fn entries_after(
        &self,
        room: &RoomName,
        group_id: GroupId,
        seq: Seq,
    ) -> Result<Option<Vec<LogEntry>>, StoreError>;

    /// The room's group is over: nobody asks for its entries any more. The head must survive, for
    /// positions and chain go on with the next group.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    fn close(&self, room: &RoomName) -> Result<(), StoreError>;
}
