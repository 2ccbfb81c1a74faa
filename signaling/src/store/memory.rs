//! A store that forgets when the process ends.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use mls_srtp::delivery::{Blob, LogBody, LogEntry};
use mls_srtp::id::{GroupId, ParticipantId, RoomName, Seq};
use mls_srtp::secret::Secret;

use super::change::{bytes_of, is_needed};
use super::{
    Change, Fact, FactKey, GroupRecord, KeyPackages, LogHead, Retention, RoomRecord, Snapshot,
    Store, StoreError,
};

/// So many tokens are kept before those that let nobody in any more are looked for.
const MANY_TOKENS: usize = 10_000;

/// Rooms in memory. Of a room without a group only the head stays, some 200 bytes for every room
/// name that ever had a group, and what is known of keys and sessions that may not come back.
#[derive(Debug, Default)]
pub struct MemoryStore {
    rooms: Mutex<HashMap<RoomName, Room>>,
    key_packages: Mutex<HashMap<ParticipantId, KeyPackages>>,
    /// The key that each token came with first, and until when that counts.
    tokens: Mutex<HashMap<String, (Blob, u64)>>,
    service_key: Mutex<Option<Secret>>,
    retention: Retention,
}

#[derive(Debug, Default)]
struct Room {
    head: Option<LogHead>,
    group: Option<Group>,
    entries: VecDeque<LogEntry>,
    bytes: usize,
    facts: HashMap<FactKey, (u64, Fact)>,
    next_fact: u64,
}

#[derive(Debug)]
struct Group {
    group_id: GroupId,
    group_info: Blob,
    snapshot: Option<Snapshot>,
}

impl MemoryStore {
    /// A store that keeps so much of each room's log.
    pub fn new(retention: Retention) -> Self {
        Self {
            retention,
            ..Self::default()
        }
    }
}

impl Store for MemoryStore {
    fn write(&self, room: &RoomName, changes: &[Change]) -> Result<(), StoreError> {
        let mut rooms = lock(&self.rooms);
        check_order(rooms.get(room), changes)?;
        let room = rooms.entry(room.clone()).or_default();
        changes.iter().for_each(|change| room.apply(change));
        room.forget_oldest(&self.retention);
        Ok(())
    }

    fn load(&self, room: &RoomName) -> Result<RoomRecord, StoreError> {
        let rooms = lock(&self.rooms);
        Ok(rooms.get(room).map(Room::record).unwrap_or_default())
    }

    fn open_rooms(&self) -> Result<Vec<RoomName>, StoreError> {
        let rooms = lock(&self.rooms);
        let open = rooms.iter().filter(|(_, room)| room.group.is_some());
        Ok(open.map(|(name, _)| name.clone()).collect())
    }

    fn entries_after(
        &self,
        room: &RoomName,
        group_id: GroupId,
        seq: Seq,
    ) -> Result<Option<Vec<LogEntry>>, StoreError> {
        let rooms = lock(&self.rooms);
        let Some(room) = rooms.get(room) else {
            return Ok(None);
        };
        let after = room.entries.iter();
        let after = after.filter(|e| e.seq > seq && e.group_id == group_id);
        let after: Vec<_> = after.cloned().collect();
        let newest = room.head.as_ref().map_or(Seq::default(), |head| head.seq);
        let is_whole = seq.get().saturating_add(after.len() as u64) >= newest.get();
        Ok(is_whole.then_some(after))
    }

    fn log(&self, room: &RoomName) -> Result<Vec<LogEntry>, StoreError> {
        let rooms = lock(&self.rooms);
        let entries = rooms.get(room).map(|room| room.entries.iter().cloned());
        Ok(entries.into_iter().flatten().collect())
    }

    fn publish(&self, of: &ParticipantId, new: &KeyPackages) -> Result<u32, StoreError> {
        let mut all = lock(&self.key_packages);
        let kept = all.entry(of.clone()).or_default();
        kept.once.extend(new.once.iter().cloned());
        let surplus = kept.once.len().saturating_sub(KeyPackages::MOST);
        kept.once.drain(..surplus);
        if new.last_resort.is_some() {
            kept.last_resort.clone_from(&new.last_resort);
        }
        Ok(u32::try_from(kept.once.len()).unwrap_or(u32::MAX))
    }

    fn take_key_package(&self, of: &ParticipantId) -> Result<Option<Blob>, StoreError> {
        let mut all = lock(&self.key_packages);
        let Some(kept) = all.get_mut(of) else {
            return Ok(None);
        };
        if kept.once.is_empty() {
            return Ok(kept.last_resort.clone());
        }
        Ok(Some(kept.once.remove(0)))
    }

    fn bind_token(&self, token: &str, key: &Blob, until: u64) -> Result<Blob, StoreError> {
        let mut tokens = lock(&self.tokens);
        if tokens.len() >= MANY_TOKENS {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            let now = now.map_or(0, |since| since.as_secs());
            tokens.retain(|_, (_, until)| *until >= now);
        }
        let (bound, _) = tokens
            .entry(token.to_owned())
            .or_insert_with(|| (key.clone(), until));
        Ok(bound.clone())
    }

    fn service_key(&self) -> Result<Option<Secret>, StoreError> {
        Ok(lock(&self.service_key).clone())
    }

    fn keep_service_key(&self, key: &Secret) -> Result<(), StoreError> {
        *lock(&self.service_key) = Some(key.clone());
        Ok(())
    }
}

/// Whether the entries among the changes go on after what a room has.
fn check_order(room: Option<&Room>, changes: &[Change]) -> Result<(), StoreError> {
    let head = room.and_then(|room| room.head.as_ref());
    let mut newest = head.map_or(Seq::default(), |head| head.seq);
    for change in changes {
        if let Change::Append { entry, .. } = change {
            let found = entry.seq;
            if found != newest.next() {
                return Err(StoreError::NotNext { newest, found });
            }
            newest = found;
        }
    }
    Ok(())
}

impl Room {
    fn apply(&mut self, change: &Change) {
        match change {
            Change::Append { generation, entry } => {
                self.head = Some(LogHead {
                    generation: *generation,
                    seq: entry.seq,
                    chain: entry.chain.clone(),
                });
                if let LogBody::Created { .. } = entry.body {
                    self.group = Some(Group {
                        group_id: entry.group_id,
                        group_info: Blob::default(),
                        snapshot: None,
                    });
                }
                self.bytes += bytes_of(entry);
                self.entries.push_back(entry.clone());
            }
            Change::GroupInfo(group_info) => {
                if let Some(group) = &mut self.group {
                    group.group_info = group_info.clone();
                }
            }
            Change::Snapshot(snapshot) => {
                if let Some(group) = &mut self.group {
                    group.snapshot = Some(snapshot.clone());
                }
            }
            Change::Put(fact) => {
                let order = self.next_fact;
                self.next_fact += 1;
                self.facts.insert(fact.key(), (order, fact.clone()));
            }
            Change::Forget(key) => {
                self.facts.remove(key);
            }
            Change::Trim { before } => self.drop_entries(|entry| entry.seq < *before),
            Change::Close => {
                self.group = None;
                self.entries = VecDeque::new();
                self.bytes = 0;
                self.facts.retain(|key, _| !key.is_of_group());
            }
        }
    }

    /// Drops entries that a restart does not need.
    fn drop_entries(&mut self, drop: impl Fn(&LogEntry) -> bool) {
        let snapshot = self.snapshot();
        self.entries
            .retain(|entry| is_needed(entry, snapshot) || !drop(entry));
        self.bytes = self.entries.iter().map(bytes_of).sum();
    }

    fn forget_oldest(&mut self, retention: &Retention) {
        if self.entries.len() > retention.entries || self.bytes > retention.bytes {
            let sizes = self.entries.iter().rev();
            let sizes = sizes.map(|entry| (entry.seq, bytes_of(entry)));
            let newest = self.head.as_ref().map_or(Seq::default(), |head| head.seq);
            let first = retention.first_kept(sizes).unwrap_or(newest.next());
            self.drop_entries(|entry| entry.seq < first);
        }
    }

    fn snapshot(&self) -> Seq {
        let snapshot = self
            .group
            .as_ref()
            .and_then(|group| group.snapshot.as_ref());
        snapshot.map_or(Seq::default(), |snapshot| snapshot.seq)
    }

    fn record(&self) -> RoomRecord {
        let group = self.group.as_ref().and_then(|group| {
            Some(GroupRecord {
                group_id: group.group_id,
                snapshot: group.snapshot.clone()?,
                group_info: group.group_info.clone(),
            })
        });
        let mut facts: Vec<_> = self.facts.values().collect();
        facts.sort_by_key(|(order, _)| *order);
        RoomRecord {
            head: self.head.clone(),
            group,
            facts: facts.into_iter().map(|(_, fact)| fact.clone()).collect(),
        }
    }
}

/// A panic elsewhere leaves whole rooms behind: nothing in here panics between two changes.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
