//! Key packages as rows.

use mls_srtp::delivery::Blob;
use mls_srtp::id::ParticipantId;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::super::{KeyPackages, StoreError};

/// Keeps new ones.
pub(super) fn publish(
    connection: &Connection,
    of: &ParticipantId,
    new: &KeyPackages,
) -> Result<u32, StoreError> {
    let of = of.to_string();
    let is_full = "SELECT NOT EXISTS (SELECT 1 FROM key_packages WHERE participant = ?1) \
                   AND (SELECT count(DISTINCT participant) FROM key_packages) >= ?2";
    let most = i64::try_from(KeyPackages::MOST_DEVICES).unwrap_or(i64::MAX);
    if connection.query_row(is_full, params![of, most], |row| row.get(0))? {
        return Err(StoreError::Full);
    }
    let put =
        "INSERT INTO key_packages (participant, last_resort, key_package) VALUES (?1, ?2, ?3)";
    let mut put = connection.prepare_cached(put)?;
    for key_package in &new.once {
        put.execute(params![of, false, key_package.as_slice()])?;
    }
    if let Some(last) = &new.last_resort {
        let clear = "DELETE FROM key_packages WHERE participant = ?1 AND last_resort";
        connection.execute(clear, [&of])?;
        put.execute(params![of, true, last.as_slice()])?;
    }
    connection.execute(
        "DELETE FROM key_packages WHERE id IN (SELECT id FROM (SELECT id, \
         row_number() OVER newest AS number, sum(length(key_package)) OVER newest AS bytes \
         FROM key_packages WHERE participant = ?1 AND NOT last_resort \
         WINDOW newest AS (ORDER BY id DESC)) WHERE number > ?2 OR bytes > ?3)",
        params![
            of,
            i64::try_from(KeyPackages::MOST).unwrap_or(i64::MAX),
            i64::try_from(KeyPackages::MOST_BYTES).unwrap_or(i64::MAX)
        ],
    )?;
    let count = "SELECT count(*) FROM key_packages WHERE participant = ?1 AND NOT last_resort";
    Ok(connection.query_row(count, [&of], |row| row.get(0))?)
}

/// Hands the oldest one out, or else the last resort.
pub(super) fn take(
    connection: &Connection,
    of: &ParticipantId,
) -> Result<Option<Blob>, StoreError> {
    let find = "SELECT id, last_resort, key_package FROM key_packages WHERE participant = ?1 \
                ORDER BY last_resort, id LIMIT 1";
    let mut find = connection.prepare_cached(find)?;
    let found = find.query_row([of.to_string()], |row| {
        let (id, is_last): (i64, bool) = (row.get(0)?, row.get(1)?);
        Ok((id, is_last, row.get(2)?))
    });
    let Some((id, is_last, key_package)) = found.optional()? else {
        return Ok(None);
    };
    if !is_last {
        connection.execute("DELETE FROM key_packages WHERE id = ?1", [id])?;
    }
    Ok(Some(Blob::new(key_package)))
}
