//! A participant's state as one row of an SQLite file, and a row for every key that is remembered.

use std::path::{Path, PathBuf};

use mls_srtp::delivery::Blob;
use mls_srtp::id::ParticipantId;
use mls_srtp::manager::SavedState;
use mls_srtp::trust::Pin;
use mls_srtp_database::Kind;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row};

use super::{StateError, StateStore};

/// Secrets that were replaced must not linger. `secure_delete` overwrites them in the file itself.
/// The rollback journal holds the pages as they were: it is cut to nothing after each write, which a
/// connection with an exclusive lock does in this mode only (in mode DELETE it would just mark the
/// journal as over). A write-ahead log would hold old states until its next checkpoint.
///
/// The table of pins is made when it is missing, for there are files from before it.
const KIND: Kind = Kind {
    what: "a participant's state",
    application_id: 0x4d4c_5350, // "MLSP"
    version: 1,
    schema: "CREATE TABLE state (one INTEGER PRIMARY KEY CHECK (one = 1), saved BLOB NOT NULL) STRICT;",
    settings: "PRAGMA secure_delete = ON; PRAGMA journal_mode = TRUNCATE; PRAGMA temp_store = MEMORY; \
               CREATE TABLE IF NOT EXISTS pins \
               (met INTEGER PRIMARY KEY, participant TEXT NOT NULL, signature_key BLOB NOT NULL) STRICT;",
};

/// A state in a file that is locked until this is dropped.
#[derive(Debug)]
pub struct SqliteStateStore {
    path: PathBuf,
    connection: Connection,
}

impl SqliteStateStore {
    /// Opens a file, or creates it where there is none, readable by its owner only.
    ///
    /// # Errors
    /// [`StateError::Open`]: somebody has it open, or it is foreign, empty, damaged or of a newer
    /// program. It is as it was then.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StateError> {
        let path = path.as_ref();
        Ok(Self {
            path: path.into(),
            connection: mls_srtp_database::open(path, &KIND)?,
        })
    }

    fn failed(&self, undone: &'static str, error: &rusqlite::Error) -> StateError {
        StateError::Failed {
            place: self.path.display().to_string(),
            undone,
            reason: error.to_string(),
        }
    }
}

impl StateStore for SqliteStateStore {
    fn load(&mut self) -> Result<Option<SavedState>, StateError> {
        let query = "SELECT saved FROM state";
        let row = self.connection.query_row(query, (), |row| row.get(0));
        let saved = row.optional().map_err(|e| self.failed("read", &e))?;
        Ok(saved.map(SavedState::new))
    }

    fn save(&mut self, state: &SavedState) -> Result<(), StateError> {
        let replace = "INSERT INTO state VALUES (1, ?1) \
                       ON CONFLICT (one) DO UPDATE SET saved = excluded.saved";
        let replaced = self.connection.execute(replace, [state.as_bytes()]);
        replaced.map_err(|e| self.failed("written", &e))?;
        Ok(())
    }

    fn load_pins(&mut self) -> Result<Vec<Pin>, StateError> {
        let pins = || {
            let query = "SELECT participant, signature_key FROM pins ORDER BY met";
            let mut query = self.connection.prepare(query)?;
            let pins = query.query_map((), pin)?;
            pins.collect::<rusqlite::Result<_>>()
        };
        pins().map_err(|e| self.failed("read", &e))
    }

    fn save_pins(&mut self, pins: &[Pin]) -> Result<(), StateError> {
        let replaced = replace(&mut self.connection, pins);
        replaced.map_err(|e| self.failed("written", &e))
    }
}

fn pin(row: &Row<'_>) -> rusqlite::Result<Pin> {
    let participant: String = row.get(0)?;
    let participant: Result<ParticipantId, _> = participant.parse();
    let participant = participant
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, error.into()))?;
    Ok(Pin {
        participant,
        signature_key: Blob::new(row.get(1)?),
    })
}

fn replace(connection: &mut Connection, pins: &[Pin]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute("DELETE FROM pins", ())?;
    let mut insert = transaction.prepare("INSERT INTO pins VALUES (NULL, ?1, ?2)")?;
    for pin in pins {
        insert.execute((pin.participant.to_string(), pin.signature_key.as_slice()))?;
    }
    drop(insert);
    transaction.commit()
}
