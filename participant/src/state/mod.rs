//! What a participant keeps on disk, so that a process which stops, or is stopped, can go on where
//! it was.
//!
//! Beside it are the keys of others by which people are known again in the next call.
//!
//! **It is every secret of the group, and the signature key.** It has one owner: two processes that
//! went on from one state would be two members at one leaf.

mod sqlite;

use std::fmt::Debug;
use std::time::Duration;

use mls_srtp::manager::{RestoreError, SavedState};
use mls_srtp::trust::Pin;

pub use mls_srtp_database::OpenError;
pub use sqlite::SqliteStateStore;

/// A place for one participant's state.
///
/// Whoever has the store owns the state: an implementation gives it to one at a time, over all
/// processes, until it is dropped.
pub trait StateStore: Debug + Send + 'static {
    /// What was saved last; `None` if nothing ever was.
    ///
    /// # Errors
    /// [`StateError::Failed`].
    fn load(&mut self) -> Result<Option<SavedState>, StateError>;

    /// Puts this in the place of what was saved before, durably, as a whole or not at all. What was
    /// there is overwritten: it holds secrets that are deleted everywhere else.
    ///
    /// # Errors
    /// [`StateError::Failed`]; what was saved before is still there.
    fn save(&mut self, state: &SavedState) -> Result<(), StateError>;

    /// The keys of others that were remembered last, the longest ago first; none if none ever were.
    ///
    /// # Errors
    /// [`StateError::Failed`].
    fn load_pins(&mut self) -> Result<Vec<Pin>, StateError>;

    /// Puts these in the place of those remembered before, durably, all or none.
    ///
    /// # Errors
    /// [`StateError::Failed`]; what was remembered before is still there.
    fn save_pins(&mut self, pins: &[Pin]) -> Result<(), StateError>;
}

/// Why a state could not be kept, or not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The file is somebody else's, or is not what it should be.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The medium failed.
    #[error("the state in {place} could not be {undone}: {reason}; see to the disk and try again")]
    Failed {
        /// Where.
        place: String,
        /// `read` or `written`.
        undone: &'static str,
        /// The system's words.
        reason: String,
    },
    /// There is a state, and not even its signature key can be used.
    #[error(
        "the kept state cannot be used: {0}; use the program that wrote it, or move it away to \
         begin with a new key"
    )]
    Unusable(#[from] RestoreError),
    /// It goes with another signature key than the one to be used.
    #[error(
        "the kept state is that of another signature key; name another file, or use the key that \
         it was made with"
    )]
    OtherKey,
    /// It is another participant's.
    #[error("the kept state is that of {found}, not of {asked}; name another file or participant")]
    OfAnother {
        /// Whose it is.
        found: String,
        /// Who asked for it.
        asked: String,
    },
}

/// Where a session keeps its state, and how often.
#[derive(Debug)]
pub struct StateConfig {
    /// The place. It is the session's until it has ended.
    pub store: Box<dyn StateStore>,
    /// How long after the beginning of one write the next one begins at the soonest. Default 5 s:
    /// whoever comes back reads the rest in the room's log, so a little old is as good as new, and a
    /// crowd that comes in costs one write and not one for each epoch. Secrets of an epoch that is
    /// over stay on disk for as long.
    pub every: Duration,
}

impl StateConfig {
    /// Keeps the state in `store`.
    pub fn new(store: impl StateStore) -> Self {
        Self {
            store: Box::new(store),
            every: Duration::from_secs(5),
        }
    }
}
