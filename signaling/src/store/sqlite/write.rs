//! Changes of a room as rows.

use mls_srtp::delivery::{LogBody, LogEntry, chain};
use mls_srtp::id::{Generation, RoomName, Seq};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::super::change::bytes_of;
use super::super::{Change, Fact, FactKey, Retention, Snapshot, StoreError};

/// Writes the changes of a room.
pub(super) fn write(
    connection: &Connection,
    room: &RoomName,
    changes: &[Change],
    retention: &Retention,
) -> Result<(), StoreError> {
    let writer = Writer {
        connection,
        room: id_of(connection, room)?,
    };
    changes.iter().try_for_each(|change| writer.write(change))?;
    writer.forget_oldest(retention)
}

/// The row of a room, made if there is none.
fn id_of(connection: &Connection, room: &RoomName) -> Result<i64, StoreError> {
    let find = "SELECT id FROM rooms WHERE name = ?1";
    let found = connection
        .prepare_cached(find)?
        .query_row([room.as_str()], |row| row.get(0))
        .optional()?;
    if let Some(id) = found {
        return Ok(id);
    }
    connection.execute(
        "INSERT INTO rooms (name, generation, seq, chain) VALUES (?1, 0, 0, ?2)",
        params![room.as_str(), chain::start().as_slice()],
    )?;
    Ok(connection.last_insert_rowid())
}

struct Writer<'a> {
    connection: &'a Connection,
    room: i64,
}

impl Writer<'_> {
    fn write(&self, change: &Change) -> Result<(), StoreError> {
        match change {
            Change::Append { generation, entry } => self.append(*generation, entry),
            Change::GroupInfo(group_info) => {
                let put = "UPDATE rooms SET group_info = ?2 WHERE id = ?1";
                self.run(put, params![self.room, group_info.as_slice()])
            }
            Change::Snapshot(snapshot) => self.snapshot(snapshot),
            Change::Put(fact) => self.put(fact),
            Change::Forget(key) => {
                let key = serde_json::to_string(key)?;
                self.run(
                    "DELETE FROM facts WHERE room = ?1 AND key = ?2",
                    params![self.room, key],
                )
            }
            Change::Trim { before } => self.trim(*before),
            Change::Close => self.close(),
        }
    }

    fn run(&self, sql: &str, values: impl rusqlite::Params) -> Result<(), StoreError> {
        self.connection.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    fn append(&self, generation: Generation, entry: &LogEntry) -> Result<(), StoreError> {
        let newest = self.newest()?;
        if entry.seq != newest.next() {
            let found = entry.seq;
            return Err(StoreError::NotNext { newest, found });
        }
        let (seq, bytes) = (integer(entry.seq.get()), size_of(entry));
        let group_id = entry.group_id.as_bytes().as_slice();
        let handshake = !matches!(entry.body, LogBody::Application { .. });
        self.run(
            "INSERT INTO entries (room, seq, group_id, bytes, handshake, entry) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                self.room,
                seq,
                group_id,
                bytes,
                handshake,
                serde_json::to_string(entry)?
            ],
        )?;
        self.run(
            "UPDATE rooms SET generation = ?2, seq = ?3, chain = ?4, \
             bytes = bytes + ?5, entries = entries + 1 WHERE id = ?1",
            params![
                self.room,
                generation.get(),
                seq,
                entry.chain.as_slice(),
                bytes
            ],
        )?;
        if let LogBody::Created { .. } = entry.body {
            let begin = "UPDATE rooms SET group_id = ?2, group_info = NULL WHERE id = ?1";
            self.run(begin, params![self.room, group_id])?;
        }
        Ok(())
    }

    fn newest(&self) -> Result<Seq, StoreError> {
        let find = "SELECT seq FROM rooms WHERE id = ?1";
        let mut find = self.connection.prepare_cached(find)?;
        let seq: i64 = find.query_row([self.room], |row| row.get(0))?;
        Ok(Seq::new(seq.unsigned_abs()))
    }

    fn snapshot(&self, snapshot: &Snapshot) -> Result<(), StoreError> {
        self.run(
            "INSERT OR REPLACE INTO snapshots (room, seq, group_info, tree) \
             VALUES (?1, ?2, ?3, ?4)",
            params![
                self.room,
                integer(snapshot.seq.get()),
                snapshot.group_info.as_slice(),
                snapshot.tree.as_slice()
            ],
        )
    }

    fn put(&self, fact: &Fact) -> Result<(), StoreError> {
        let key: FactKey = fact.key();
        self.run(
            "INSERT OR REPLACE INTO facts (room, key, of_group, fact) VALUES (?1, ?2, ?3, ?4)",
            params![
                self.room,
                serde_json::to_string(&key)?,
                key.is_of_group(),
                serde_json::to_string(fact)?
            ],
        )
    }

    /// Drops entries before a position, but for those that a restart needs.
    fn trim(&self, before: Seq) -> Result<(), StoreError> {
        let mut delete = self.connection.prepare_cached(
            "DELETE FROM entries WHERE room = ?1 AND seq < ?2 AND NOT (handshake AND seq > \
             coalesce((SELECT seq FROM snapshots WHERE room = ?1), 0)) RETURNING bytes",
        )?;
        let sizes = delete.query_map(params![self.room, integer(before.get())], |row| {
            row.get::<_, i64>(0)
        })?;
        let (mut entries, mut bytes) = (0_i64, 0_i64);
        for size in sizes {
            entries += 1;
            bytes += size?;
        }
        self.run(
            "UPDATE rooms SET bytes = bytes - ?2, entries = entries - ?3 WHERE id = ?1",
            params![self.room, bytes, entries],
        )
    }

    fn forget_oldest(&self, retention: &Retention) -> Result<(), StoreError> {
        let find = "SELECT entries, bytes FROM rooms WHERE id = ?1";
        let mut find = self.connection.prepare_cached(find)?;
        let (entries, bytes): (i64, i64) =
            find.query_row([self.room], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if count(entries) <= retention.entries && count(bytes) <= retention.bytes {
            return Ok(());
        }
        let list = "SELECT seq, bytes FROM entries WHERE room = ?1 ORDER BY seq DESC";
        let mut list = self.connection.prepare_cached(list)?;
        let sizes = list.query_map([self.room], |row| {
            let (seq, bytes): (i64, i64) = (row.get(0)?, row.get(1)?);
            Ok((Seq::new(seq.unsigned_abs()), count(bytes)))
        })?;
        let sizes: Vec<_> = sizes.collect::<Result<_, _>>()?;
        let first = retention.first_kept(sizes.into_iter());
        self.trim(first.unwrap_or(self.newest()?.next()))
    }

    fn close(&self) -> Result<(), StoreError> {
        for sql in [
            "DELETE FROM entries WHERE room = ?1",
            "DELETE FROM snapshots WHERE room = ?1",
            "DELETE FROM facts WHERE room = ?1 AND of_group",
            "UPDATE rooms SET group_id = NULL, group_info = NULL, bytes = 0, entries = 0 \
             WHERE id = ?1",
        ] {
            self.run(sql, [self.room])?;
        }
        Ok(())
    }
}

/// SQLite's integers are signed; no count of ours comes near their end.
pub(super) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn count(number: i64) -> usize {
    usize::try_from(number).unwrap_or(0)
}

fn size_of(entry: &LogEntry) -> i64 {
    i64::try_from(bytes_of(entry)).unwrap_or(i64::MAX)
}
