//! A store in one SQLite file. What was written survives the end of the process at any moment and,
//! because every change is synchronised, the loss of power.

mod directory;
mod read;
mod tokens;
mod write;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mls_srtp::delivery::{Blob, LogEntry};
use mls_srtp::id::{GroupId, ParticipantId, RoomName, Seq};
use mls_srtp::secret::Secret;
use mls_srtp_database::{Kind, OpenError, open};
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior};

use super::{Change, KeyPackages, Retention, RoomRecord, Store, StoreError};

/// Our files. The log that SQLite writes ahead makes a change one write and one synchronisation.
const KIND: Kind = Kind {
    what: "a signaling store",
    application_id: 0x4d4c_5353, // "MLSS"
    version: 2,
    schema: include_str!("schema.sql"),
    settings: "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;",
};

/// How many free pages are given back when a group ends: as many as a large one leaves.
const PAGES: u32 = 4_096;

/// Rooms in a file of which this process is the only owner.
///
/// The file holds the service's own key and the sessions of members: it is readable by its owner
/// only, and should stay so.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    connection: Mutex<Connection>,
    retention: Retention,
}

impl SqliteStore {
    /// Opens the file, or creates it where there is none.
    ///
    /// # Errors
    /// [`OpenError`]: in use, not ours, damaged, or out of reach. The file is as it was then.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Ok(Self {
            path: path.into(),
            connection: Mutex::new(open(path, &KIND)?),
            retention: Retention::default(),
        })
    }

    /// Keeps so much of each room's log.
    #[must_use]
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A panic elsewhere leaves no transaction open.
    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Does all of it or nothing.
    fn change<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = work(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }
}

impl Store for SqliteStore {
    fn write(&self, room: &RoomName, changes: &[Change]) -> Result<(), StoreError> {
        self.change(|transaction| write::write(transaction, room, changes, &self.retention))?;
        if changes.contains(&Change::Close) {
            let vacuum = format!("PRAGMA incremental_vacuum({PAGES})");
            // The change is made; that the file stays larger for a while is no failure.
            let _ = self.connection().execute_batch(&vacuum);
        }
        Ok(())
    }

    fn load(&self, room: &RoomName) -> Result<RoomRecord, StoreError> {
        read::record(&self.connection(), room)
    }

    fn open_rooms(&self) -> Result<Vec<RoomName>, StoreError> {
        read::open_rooms(&self.connection())
    }

    fn entries_after(
        &self,
        room: &RoomName,
        group_id: GroupId,
        seq: Seq,
    ) -> Result<Option<Vec<LogEntry>>, StoreError> {
        read::entries_after(&self.connection(), room, group_id, seq)
    }

    fn log(&self, room: &RoomName) -> Result<Vec<LogEntry>, StoreError> {
        read::log(&self.connection(), room)
    }

    fn publish(&self, of: &ParticipantId, new: &KeyPackages) -> Result<u32, StoreError> {
        self.change(|transaction| directory::publish(transaction, of, new))
    }

    fn take_key_package(&self, of: &ParticipantId) -> Result<Option<Blob>, StoreError> {
        self.change(|transaction| directory::take(transaction, of))
    }

    fn bind_token(&self, token: &str, key: &Blob, until: u64) -> Result<Blob, StoreError> {
        self.change(|transaction| tokens::bind(transaction, token, key, until))
    }

    fn service_key(&self) -> Result<Option<Secret>, StoreError> {
        let connection = self.connection();
        let key = connection.query_row("SELECT key FROM service", (), |row| row.get(0));
        Ok(key.optional()?.map(Secret::new))
    }

    fn keep_service_key(&self, key: &Secret) -> Result<(), StoreError> {
        self.change(|transaction| {
            let put = "INSERT OR REPLACE INTO service (id, key) VALUES (0, ?1)";
            transaction.execute(put, [key.expose()])?;
            Ok(())
        })
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error as E;
        let corrupt = error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseCorrupt);
        match error {
            E::FromSqlConversionFailure(..) | E::InvalidColumnType(..) => {
                Self::Damaged(error.to_string())
            }
            _ if corrupt => Self::Damaged(error.to_string()),
            _ => Self::Failed(error.to_string()),
        }
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self::Damaged(error.to_string())
    }
}
