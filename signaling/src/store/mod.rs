//! What survives a restart: the ordered log of every room, the group that it leads to, and what
//! the service has promised its clients.
//!
//! A room writes [`Change`]s; [`Store::load`] says what they came to. Whatever a client was told
//! was written before.

mod change;
mod memory;
mod place;
mod sqlite;

use mls_srtp::delivery::{Blob, LogEntry};
use mls_srtp::id::{GroupId, ParticipantId, RoomName, Seq};
use mls_srtp::secret::Secret;

pub(crate) use change::bytes_of;
pub use change::{
    Change, Fact, FactKey, GroupRecord, KeptWelcome, KeyPackages, LogHead, Reason, RoomRecord,
    Snapshot, Stay,
};
pub use memory::MemoryStore;
pub use mls_srtp_database::OpenError;
pub use place::Place;
pub use sqlite::SqliteStore;

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
    /// As many devices as may have key packages here.
    #[error("the service keeps key packages of as many devices as it may")]
    Full,
    /// The medium failed; nothing was recorded.
    #[error("the store failed: {0}")]
    Failed(String),
    /// What was read is not what was written.
    #[error("the store is damaged: {0}")]
    Damaged(String),
}

/// How much of each room's log is kept at most. What a restart needs is kept in any case: the
/// handshake since the newest snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Entries. Default 4,096; a member that missed more joins anew.
    pub entries: usize,
    /// Bytes of MLS messages. Default 16 MiB, the commits of an hour in which somebody comes or
    /// goes every second in a room of 50.
    pub bytes: usize,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            entries: 4_096,
            bytes: 16 << 20,
        }
    }
}

impl Retention {
    /// The first entry that is kept, given position and size of a room's entries, newest first;
    /// nothing if none is.
    fn first_kept(&self, newest_first: impl Iterator<Item = (Seq, usize)>) -> Option<Seq> {
        let mut bytes = 0_usize;
        let kept = newest_first.take(self.entries).take_while(|(_, size)| {
            bytes = bytes.saturating_add(*size);
            bytes <= self.bytes
        });
        kept.last().map(|(seq, _)| seq)
    }
}

/// The rooms of a service.
///
/// An implementation must make [`write`](Self::write) atomic and durable: the service answers
/// clients only after it returned. Entries of one room are never reordered or changed.
pub trait Store: Send + Sync {
    /// Writes all of these changes of a room, in order, or none.
    ///
    /// # Errors
    /// [`StoreError`]; the room is as it was then.
    fn write(&self, room: &RoomName, changes: &[Change]) -> Result<(), StoreError>;

    /// What a room's changes came to; an empty record for a room that never had any.
    ///
    /// # Errors
    /// [`StoreError::Failed`] or [`StoreError::Damaged`].
    fn load(&self, room: &RoomName) -> Result<RoomRecord, StoreError>;

    /// The rooms that have a group.
    ///
    /// # Errors
    /// [`StoreError::Failed`] or [`StoreError::Damaged`].
    fn open_rooms(&self) -> Result<Vec<RoomName>, StoreError>;

    /// The entries of one group after `seq`, in order; `None` if some of them are not kept.
    ///
    /// # Errors
    /// [`StoreError::Failed`] or [`StoreError::Damaged`].
    fn entries_after(
        &self,
        room: &RoomName,
        group_id: GroupId,
        seq: Seq,
    ) -> Result<Option<Vec<LogEntry>>, StoreError>;

    /// All entries kept of a room, in order.
    ///
    /// # Errors
    /// [`StoreError::Failed`] or [`StoreError::Damaged`].
    fn log(&self, room: &RoomName) -> Result<Vec<LogEntry>, StoreError>;

    /// Keeps key packages of a device besides those that it has, and the last resort in the place of
    /// an older one. Of more than [`KeyPackages::MOST`] or [`KeyPackages::MOST_BYTES`] the oldest go.
    /// Says how many there are, without the last resort.
    ///
    /// # Errors
    /// [`StoreError::Full`] for a device more than [`KeyPackages::MOST_DEVICES`],
    /// [`StoreError::Failed`]; nothing was kept.
    fn publish(&self, of: &ParticipantId, new: &KeyPackages) -> Result<u32, StoreError>;

    /// Hands out a key package of a device: the oldest one, which nobody gets again, or the last
    /// resort if there is no other.
    ///
    /// # Errors
    /// [`StoreError::Failed`]; nothing was handed out.
    fn take_key_package(&self, of: &ParticipantId) -> Result<Option<Blob>, StoreError>;

    /// Binds a token to a signature key, unless it is bound already; says to which it is bound.
    /// After `until`, in seconds since 1970, it may be forgotten: the token lets nobody in any more.
    ///
    /// # Errors
    /// [`StoreError::Failed`]; nothing was bound.
    fn bind_token(&self, token: &str, key: &Blob, until: u64) -> Result<Blob, StoreError>;

    /// The service's own key, kept by [`keep_service_key`](Self::keep_service_key).
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    fn service_key(&self) -> Result<Option<Secret>, StoreError>;

    /// Keeps the service's own key, in the place of an older one.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    fn keep_service_key(&self, key: &Secret) -> Result<(), StoreError>;
}
