//! A store that forgets when the process ends.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mls_srtp::delivery::{LogBody, LogEntry};
use mls_srtp::id::{Generation, GroupId, RoomName, Seq};

use super::{LogHead, Store, StoreError};

/// Bytes of MLS messages kept of each room unless said otherwise: 16 MiB, the commits of an hour
/// in which somebody comes or goes every second in a room of 50.
const BYTES_PER_ROOM: usize = 16 << 20;

/// Logs in memory, each bounded: the oldest entries go. Of a room without a group only the head
/// stays, some 200 bytes for every room name that ever had a group.
#[derive(Debug)]
pub struct MemoryStore {
    rooms: Mutex<HashMap<RoomName, Log>>,
    entries_per_room: usize,
    bytes_per_room: usize,
}

#[derive(Debug, Default)]
struct Log {
    head: Option<LogHead>,
    entries: VecDeque<LogEntry>,
    bytes: usize,
}

impl MemoryStore {
    /// A store that keeps at most so many entries of each room.
    pub fn new(entries_per_room: usize) -> Self {
        Self {
            rooms: Mutex::default(),
            entries_per_room,
            bytes_per_room: BYTES_PER_ROOM,
        }
    }

    /// Keeps at most so many bytes of MLS messages of each room. Default 16 MiB.
    #[must_use]
    pub fn bytes_per_room(mut self, bytes: usize) -> Self {
        self.bytes_per_room = bytes;
        self
    }

    /// A panic elsewhere leaves whole entries behind: nothing in here panics between two changes.
    fn rooms(&self) -> MutexGuard<'_, HashMap<RoomName, Log>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    fn push(&mut self, entry: &LogEntry) {
        self.bytes += bytes_of(entry);
        self.entries.push_back(entry.clone());
    }

    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.entries.pop_front() {
            self.bytes -= bytes_of(&oldest);
        }
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
        let newest = rooms
            .get(room)
            .and_then(|log| log.head.as_ref())
            .map_or(Seq::default(), |head| head.seq);
        if entry.seq != newest.next() {
            return Err(StoreError::NotNext {
                newest,
                found: entry.seq,
            });
        }
        let log = rooms.entry(room.clone()).or_default();
        log.head = Some(LogHead {
            generation,
            seq: entry.seq,
            chain: entry.chain.clone(),
        });
        log.push(entry);
        while log.entries.len() > self.entries_per_room || log.bytes > self.bytes_per_room {
            log.forget_oldest();
        }
        Ok(())
    }

    fn head(&self, room: &RoomName) -> Result<Option<LogHead>, StoreError> {
        Ok(self.rooms().get(room).and_then(|log| log.head.clone()))
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
        let after: Vec<_> = log
            .entries
            .iter()
            .filter(|e| e.seq > seq && e.group_id == group_id)
            .cloned()
            .collect();
        let newest = log.head.as_ref().map_or(Seq::default(), |head| head.seq);
        let is_complete = match after.first() {
            Some(first) => first.seq == seq.next(),
            None => seq >= newest,
        };
        Ok(is_complete.then_some(after))
    }

    fn close(&self, room: &RoomName) -> Result<(), StoreError> {
        if let Some(log) = self.rooms().get_mut(room) {
            log.entries = VecDeque::new();
            log.bytes = 0;
        }
        Ok(())
    }
}

fn bytes_of(entry: &LogEntry) -> usize {
    match &entry.body {
        LogBody::Proposal {
            proposal: message, ..
        }
        | LogBody::Commit {
            commit: message, ..
        }
        | LogBody::Application { message, .. } => message.len(),
        _ => 0,
    }
}
