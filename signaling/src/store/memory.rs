//! A store that forgets when the process ends.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mls_srtp::delivery::LogEntry;
use mls_srtp::id::{Generation, GroupId, RoomName, Seq};

use super::{LogHead, Store, StoreError};

/// Logs in memory, each bounded: the oldest entries go.
#[derive(Debug)]
pub struct MemoryStore {
    rooms: Mutex<HashMap<RoomName, Log>>,
    entries_per_room: usize,
}

#[derive(Debug, Default)]
struct Log {
    generation: Generation,
    entries: VecDeque<LogEntry>,
}

impl MemoryStore {
    /// A store that keeps at most so many entries of each room, at least one.
    pub fn new(entries_per_room: usize) -> Self {
        Self {
            rooms: Mutex::default(),
            entries_per_room: entries_per_room.max(1),
        }
    }

    /// A panic elsewhere leaves whole entries behind: they are pushed last.
    fn rooms(&self) -> MutexGuard<'_, HashMap<RoomName, Log>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn append(
        &self,
        room: &RoomName,
        generation: Generation,
        entry: &LogEntry,
    ) -> Result<(), StoreError> {
        let mut rooms = self.rooms();
        let log = rooms.entry(room.clone()).or_default();
        let newest = log
            .entries
            .back()
            .map_or(Seq::default(), |newest| newest.seq);
        if entry.seq != newest.next() {
            return Err(StoreError::NotNext {
                newest,
                found: entry.seq,
            });
        }
        log.generation = generation;
        log.entries.push_back(entry.clone());
        if log.entries.len() > self.entries_per_room {
            log.entries.pop_front();
        }
        Ok(())
    }

    fn head(&self, room: &RoomName) -> Result<Option<LogHead>, StoreError> {
        let rooms = self.rooms();
        let head = rooms.get(room).and_then(|log| {
            let newest = log.entries.back()?.clone();
            Some(LogHead {
                generation: log.generation,
                newest,
            })
        });
        Ok(head)
    }

    fn entries_after(
        &self,
        room: &RoomName,
        group_id: GroupId,
        seq: Seq,
    ) -> Result<Option<Vec<LogEntry>>, StoreError> {
        let rooms = self.rooms();
        let Some(log) = rooms.get(room) else {
            return Ok(None);
        };
        let oldest = log
            .entries
            .front()
            .map_or(Seq::default(), |oldest| oldest.seq);
        if oldest > seq.next() {
            return Ok(None);
        }
        let after = log
            .entries
            .iter()
            .filter(|e| e.seq > seq && e.group_id == group_id);
        Ok(Some(after.cloned().collect()))
    }
}
