//! Rows of a room as what they were written from.

use mls_srtp::delivery::{Blob, LogEntry};
use mls_srtp::id::{Generation, GroupId, RoomName, Seq};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::super::{Fact, GroupRecord, LogHead, RoomRecord, Snapshot, StoreError};
use super::write::integer;

/// All but the entries.
pub(super) fn record(connection: &Connection, room: &RoomName) -> Result<RoomRecord, StoreError> {
    let Some(found) = find(connection, room)? else {
        return Ok(RoomRecord::default());
    };
    let group = match found.group {
        Some((group_id, group_info)) => Some(GroupRecord {
            group_id,
            snapshot: snapshot(connection, found.id)?,
            group_info,
        }),
        None => None,
    };
    Ok(RoomRecord {
        // A room of which only a fact was ever written has no entry.
        head: Some(found.head).filter(|head| head.seq > Seq::default()),
        group,
        facts: facts(connection, found.id)?,
    })
}

struct Found {
    id: i64,
    head: LogHead,
    group: Option<(GroupId, Blob)>,
}

fn find(connection: &Connection, room: &RoomName) -> Result<Option<Found>, StoreError> {
    let find = "SELECT id, generation, seq, chain, group_id, group_info FROM rooms WHERE name = ?1";
    let mut find = connection.prepare_cached(find)?;
    let found = find.query_row([room.as_str()], |row| {
        let head = LogHead {
            generation: Generation::new(row.get(1)?),
            seq: Seq::new(unsigned(row, 2)?),
            chain: blob(row, 3)?,
        };
        let group_id: Option<[u8; 16]> = row.get(4)?;
        let group_info: Option<Vec<u8>> = row.get(5)?;
        let group = group_id.zip(group_info);
        Ok(Found {
            id: row.get(0)?,
            head,
            group: group.map(|(id, info)| (GroupId::new(id), info.into())),
        })
    });
    Ok(found.optional()?)
}

fn snapshot(connection: &Connection, room: i64) -> Result<Snapshot, StoreError> {
    let find = "SELECT seq, group_info, tree FROM snapshots WHERE room = ?1";
    let mut find = connection.prepare_cached(find)?;
    let found = find.query_row([room], |row| {
        Ok(Snapshot {
            seq: Seq::new(unsigned(row, 0)?),
            group_info: blob(row, 1)?,
            tree: blob(row, 2)?,
        })
    });
    let missing = || StoreError::Damaged("a group without a snapshot".into());
    found.optional()?.ok_or_else(missing)
}

fn facts(connection: &Connection, room: i64) -> Result<Vec<Fact>, StoreError> {
    let list = "SELECT fact FROM facts WHERE room = ?1 ORDER BY id";
    let mut list = connection.prepare_cached(list)?;
    let facts = list.query_map([room], |row| row.get::<_, String>(0))?;
    facts
        .map(|fact| Ok(serde_json::from_str(&fact?)?))
        .collect()
}

pub(super) fn open_rooms(connection: &Connection) -> Result<Vec<RoomName>, StoreError> {
    let list = "SELECT name FROM rooms WHERE group_id IS NOT NULL ORDER BY id";
    let mut list = connection.prepare_cached(list)?;
    let names = list.query_map((), |row| row.get::<_, String>(0))?;
    let name = |name: String| {
        let damaged = |_| StoreError::Damaged(format!("{name:?} is no name of a room"));
        RoomName::new(&name).map_err(damaged)
    };
    names.map(|found| name(found?)).collect()
}

pub(super) fn entries_after(
    connection: &Connection,
    room: &RoomName,
    group_id: GroupId,
    seq: Seq,
) -> Result<Option<Vec<LogEntry>>, StoreError> {
    let Some(found) = find(connection, room)? else {
        return Ok(None);
    };
    let list = "SELECT entry FROM entries WHERE room = ?1 AND seq > ?2 AND group_id = ?3 \
                ORDER BY seq";
    let mut list = connection.prepare_cached(list)?;
    let group_id = group_id.as_bytes().as_slice();
    let entries = list.query_map(params![found.id, integer(seq.get()), group_id], text)?;
    let entries: Vec<LogEntry> = entries.map(parse).collect::<Result<_, _>>()?;
    let is_whole = seq.get().saturating_add(entries.len() as u64) >= found.head.seq.get();
    Ok(is_whole.then_some(entries))
}

pub(super) fn log(connection: &Connection, room: &RoomName) -> Result<Vec<LogEntry>, StoreError> {
    let list = "SELECT entry FROM entries WHERE room = (SELECT id FROM rooms WHERE name = ?1) \
                ORDER BY seq";
    let mut list = connection.prepare_cached(list)?;
    let entries = list.query_map([room.as_str()], text)?;
    entries.map(parse).collect()
}

fn text(row: &Row<'_>) -> rusqlite::Result<String> {
    row.get(0)
}

fn parse(entry: rusqlite::Result<String>) -> Result<LogEntry, StoreError> {
    Ok(serde_json::from_str(&entry?)?)
}

fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(column)?.unsigned_abs())
}

fn blob(row: &Row<'_>, column: usize) -> rusqlite::Result<Blob> {
    Ok(Blob::new(row.get(column)?))
}
