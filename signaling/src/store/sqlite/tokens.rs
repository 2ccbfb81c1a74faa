//! Which key each token came with first.

use mls_srtp::delivery::Blob;
use rusqlite::{Connection, params};

use super::super::StoreError;

/// Binds a token, and forgets those that let nobody in any more.
pub(super) fn bind(
    connection: &Connection,
    token: &str,
    key: &Blob,
    until: u64,
) -> Result<Blob, StoreError> {
    connection.execute("DELETE FROM tokens WHERE until < unixepoch()", ())?;
    let until = i64::try_from(until).unwrap_or(i64::MAX);
    connection.execute(
        "INSERT OR IGNORE INTO tokens (token, key, until) VALUES (?1, ?2, ?3)",
        params![token, key.as_slice(), until],
    )?;
    let find = "SELECT key FROM tokens WHERE token = ?1";
    let bound: Vec<u8> = connection.query_row(find, [token], |row| row.get(0))?;
    Ok(Blob::new(bound))
}
