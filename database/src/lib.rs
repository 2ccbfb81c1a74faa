//! One SQLite file with one owner. What is not ours, is damaged or is in use is never replaced or
//! written to: opening it fails and says why.
//!
//! The service keeps its rooms in such a file, a participant its state.
#![forbid(unsafe_code)]
// Nothing from outside may bring the process down. What cannot happen is said to the compiler, or
// expected on one function with the reason.
#![cfg_attr(
    not(test),
    deny(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

mod error;

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

pub use error::OpenError;

/// Where SQLite's file header has the `application_id`.
const APPLICATION_ID: Range<usize> = 68..72;

/// What kind of file it is.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// For messages, such as "a signaling store".
    pub what: &'static str,
    /// SQLite's `application_id`: tells our files from others.
    pub application_id: i32,
    /// SQLite's `user_version`: the version of `schema`.
    pub version: i32,
    /// Creates the tables of a new file.
    pub schema: &'static str,
    /// Pragmas for every connection, such as the journal's mode.
    pub settings: &'static str,
}

/// Opens a file, or creates it where there is none. Until the connection is closed, nobody else
/// can open it.
///
/// A new file is readable by its owner only. It appears under its name when it is whole.
///
/// # Errors
/// [`OpenError`]; the file is as it was then.
pub fn open(path: &Path, kind: &Kind) -> Result<Connection, OpenError> {
    let failed = |source| OpenError::io(path, source);
    match fs::metadata(path) {
        Ok(found) if found.len() == 0 => return Err(OpenError::Empty(path.into())),
        Ok(_) => check_header(path, kind)?,
        Err(error) if error.kind() == ErrorKind::NotFound => create(path, kind)?,
        Err(error) => return Err(failed(error)),
    }
    let connection = connect(path)?;
    let error = |source| OpenError::of(path, kind, source);
    // Our own files know no other lock. It is taken before anything is looked at.
    connection
        .execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT;")
        .map_err(error)?;
    check(&connection, path, kind)?;
    connection.execute_batch(kind.settings).map_err(error)?;
    Ok(connection)
}

/// Whether it may be one of our files, from its first bytes alone: to lock a database that another
/// program has left in the middle of a change would already write to it.
fn check_header(path: &Path, kind: &Kind) -> Result<(), OpenError> {
    let mut header = [0; APPLICATION_ID.end];
    let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut header));
    match read {
        Err(error) if error.kind() != ErrorKind::UnexpectedEof => Err(OpenError::io(path, error)),
        Ok(()) if header[APPLICATION_ID] == kind.application_id.to_be_bytes() => Ok(()),
        _ => Err(OpenError::foreign(path, kind)),
    }
}

/// Whether it is one of our files, of a version that we know, and whole.
fn check(connection: &Connection, path: &Path, kind: &Kind) -> Result<(), OpenError> {
    let error = |source| OpenError::of(path, kind, source);
    let number = |pragma: &str| {
        connection
            .query_row(pragma, (), |row| row.get::<_, i32>(0))
            .map_err(error)
    };
    if number("PRAGMA application_id")? != kind.application_id {
        return Err(OpenError::foreign(path, kind));
    }
    let version = number("PRAGMA user_version")?;
    if version != kind.version {
        return Err(OpenError::Version {
            path: path.into(),
            found: version,
            known: kind.version,
        });
    }
    let verdict: String = connection
        .query_row("PRAGMA quick_check(1)", (), |row| row.get(0))
        .map_err(error)?;
    if verdict == "ok" {
        Ok(())
    } else {
        Err(OpenError::damaged(path, verdict))
    }
}

/// Makes a whole file beside the place and moves it there: a process that dies in between leaves
/// nothing that would later pass for a damaged file.
fn create(path: &Path, kind: &Kind) -> Result<(), OpenError> {
    let failed = |source| OpenError::io(path, source);
    let unfinished = beside(path);
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    drop(options.open(&unfinished).map_err(failed)?);
    let connection = connect(&unfinished)?;
    let (id, version, schema) = (kind.application_id, kind.version, kind.schema);
    let made = connection.execute_batch(&format!(
        "PRAGMA auto_vacuum = INCREMENTAL; BEGIN EXCLUSIVE; {schema} \
         PRAGMA application_id = {id}; PRAGMA user_version = {version}; COMMIT;"
    ));
    made.map_err(|source| OpenError::of(path, kind, source))?;
    drop(connection);
    // A file that somebody else has created meanwhile stays.
    fs::hard_link(&unfinished, path)
        .or_else(|error| match error.kind() {
            ErrorKind::AlreadyExists => Ok(()),
            // Not every file system knows links.
            _ => fs::rename(&unfinished, path),
        })
        .map_err(failed)?;
    let _ = fs::remove_file(&unfinished);
    Ok(())
}

fn connect(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let failed = |source| OpenError::io(path, std::io::Error::other(source));
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    // Who has it open does not give it up soon.
    connection.busy_timeout(Duration::ZERO).map_err(failed)?;
    Ok(connection)
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}
