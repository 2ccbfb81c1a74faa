//! The delivery service: the real room logic and what the real service puts around it.
//!
//! What survives a restart is what the store has.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mls_srtp::delivery::{
    Blob, ClientMessage, LogEntry, MAX_ENVELOPE_BYTES, Refusal, ServiceMessage,
};
use mls_srtp::group::ServiceIdentity;
use mls_srtp::id::{GroupId, ParticipantId, RoomName, Seq};
use mls_srtp::secret::Secret;
use mls_srtp::time::Moment;
use mls_srtp::token::Right;
use mls_srtp_signaling::access::{AccessControl, Admission, Entry, OpenAccess};
use mls_srtp_signaling::room::{ClientId, Room, RoomOutput, Shared};
use mls_srtp_signaling::store::{Change, KeyPackages, MemoryStore, RoomRecord, Store, StoreError};
use mls_srtp_signaling::{Refused, RoomConfig};

use super::network::ConnectionId;

/// How often the real service lets its rooms look at the time.
pub const TICK: Duration = Duration::from_millis(50);
/// How often it asks each client for a sign of life.
pub const HEARTBEAT: Duration = Duration::from_secs(2);
/// After which silence it gives a client up.
const SILENCE: Duration = Duration::from_secs(10);
/// After how many refused envelopes in a row.
const MAX_FAULTS: u32 = 32;

/// The room in which everything happens.
pub fn room_name() -> RoomName {
    RoomName::new("sim").expect("a name")
}

/// Anyone may enter; only the first participant may have others removed.
struct Rules;

impl AccessControl for Rules {
    fn admit(&self, entry: &Entry<'_>) -> Result<Admission, Refused> {
        let mut admission = OpenAccess.admit(entry)?;
        if entry.participant.user() == "p0" {
            admission.rights.push(Right::Moderate);
        }
        Ok(admission)
    }
}

/// All entries that were ever appended, in order: what the service has acknowledged.
#[derive(Clone, Default)]
pub struct Acknowledged(Arc<Mutex<Vec<LogEntry>>>);

impl Acknowledged {
    pub fn entries(&self) -> MutexGuard<'_, Vec<LogEntry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The memory store, watched. It lives on when the service restarts, as a file would.
struct WatchedStore {
    store: MemoryStore,
    acknowledged: Acknowledged,
    /// Nothing can be recorded at present.
    full: Arc<AtomicBool>,
}

impl Store for WatchedStore {
    fn write(&self, room: &RoomName, changes: &[Change]) -> Result<(), StoreError> {
        if self.full.load(Ordering::Relaxed) {
            return Err(StoreError::Failed("the disk is full".into()));
        }
        self.store.write(room, changes)?;
        let appended = changes.iter().filter_map(|change| match change {
            Change::Append { entry, .. } => Some(entry.clone()),
            _ => None,
        });
        self.acknowledged.entries().extend(appended);
        Ok(())
    }

    fn load(&self, room: &RoomName) -> Result<RoomRecord, StoreError> {
        self.store.load(room)
    }

    fn open_rooms(&self) -> Result<Vec<RoomName>, StoreError> {
        self.store.open_rooms()
    }

    fn entries_after(
        &self,
        room: &RoomName,
        group_id: GroupId,
        seq: Seq,
    ) -> Result<Option<Vec<LogEntry>>, StoreError> {
        self.store.entries_after(room, group_id, seq)
    }

    fn log(&self, room: &RoomName) -> Result<Vec<LogEntry>, StoreError> {
        self.store.log(room)
    }

    fn publish(&self, of: &ParticipantId, new: &KeyPackages) -> Result<u32, StoreError> {
        self.store.publish(of, new)
    }

    fn take_key_package(&self, of: &ParticipantId) -> Result<Option<Blob>, StoreError> {
        self.store.take_key_package(of)
    }

    fn bind_token(&self, token: &str, key: &Blob, until: u64) -> Result<Blob, StoreError> {
        self.store.bind_token(token, key, until)
    }

    fn service_key(&self) -> Result<Option<Secret>, StoreError> {
        self.store.service_key()
    }

    fn keep_service_key(&self, key: &Secret) -> Result<(), StoreError> {
        self.store.keep_service_key(key)
    }
}

/// A session of its own for every stay. Its bytes say nothing that a trace could show.
fn session() -> [u8; 16] {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut session = [7; 16];
    session[..8].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    session
}

/// What the service knows of a connection.
struct Peer {
    entered: bool,
    faults: u32,
    heard: Moment,
}

pub struct Service {
    shared: Arc<Shared>,
    room: Option<Room>,
    peers: BTreeMap<ConnectionId, Peer>,
    pub acknowledged: Acknowledged,
    /// Until when the disk takes nothing.
    full_until: Moment,
    full: Arc<AtomicBool>,
}

impl Service {
    pub fn new() -> Self {
        let acknowledged = Acknowledged::default();
        let full = Arc::new(AtomicBool::new(false));
        let store = WatchedStore {
            store: MemoryStore::default(),
            acknowledged: acknowledged.clone(),
            full: Arc::clone(&full),
        };
        let shared = Shared {
            identity: ServiceIdentity::generate().expect("randomness"),
            access: Box::new(Rules),
            store: Box::new(store),
            has_media: true,
            random: session,
        };
        let mut service = Self {
            shared: Arc::new(shared),
            room: None,
            peers: BTreeMap::new(),
            acknowledged,
            full_until: Moment::default(),
            full,
        };
        service.start(Moment::default());
        service
    }

    /// The process starts: all that it has is the store.
    pub fn start(&mut self, now: Moment) {
        let shared = Arc::clone(&self.shared);
        let room = Room::new(room_name(), RoomConfig::default(), shared, now);
        self.room = Some(room.expect("the store works"));
    }

    /// The process dies.
    pub fn stop(&mut self) {
        self.room = None;
        self.peers.clear();
    }

    /// The disk takes nothing until then.
    pub fn fill_disk(&mut self, until: Moment) {
        self.full_until = until.max(self.full_until);
        self.full.store(true, Ordering::Relaxed);
    }

    pub fn is_up(&self) -> bool {
        self.room.is_some()
    }

    /// Whether somebody has come in by this connection, and is there.
    pub fn knows(&self, id: ConnectionId) -> bool {
        self.peers.get(&id).is_some_and(|peer| peer.entered)
    }

    pub fn connected(&mut self, id: ConnectionId, now: Moment) {
        let (entered, faults, heard) = (false, 0, now);
        self.peers.insert(
            id,
            Peer {
                entered,
                faults,
                heard,
            },
        );
    }

    pub fn disconnected(&mut self, id: ConnectionId, now: Moment) {
        let known = self.peers.remove(&id).is_some_and(|peer| peer.entered);
        if let (true, Some(room)) = (known, &mut self.room) {
            room.disconnected(ClientId(id), now);
        }
    }

    /// Any frame is a sign of life.
    pub fn heard(&mut self, id: ConnectionId, now: Moment) {
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.heard = now;
        }
    }

    /// Whether nothing was heard of a connection for too long.
    pub fn is_silent(&self, id: ConnectionId, now: Moment) -> bool {
        let heard = self.peers.get(&id).map(|peer| peer.heard);
        heard.is_some_and(|at| at + SILENCE <= now)
    }

    /// Takes an envelope. `false`: there were too many faults in a row, the client is given up.
    pub fn take(&mut self, id: ConnectionId, json: &[u8], now: Moment) -> bool {
        let (Some(room), Some(peer)) = (&mut self.room, self.peers.get_mut(&id)) else {
            return true;
        };
        let taken = decode(json).and_then(|message| {
            if peer.entered {
                room.handle(ClientId(id), message, now);
            } else {
                room.hello(ClientId(id), message, now)?;
                peer.entered = true;
            }
            Ok(())
        });
        let request = if peer.entered { "message" } else { "hello" };
        match taken {
            Ok(()) => peer.faults = 0,
            Err(refused) => {
                peer.faults += 1;
                room.refuse_client(ClientId(id), request, refused);
            }
        }
        peer.faults < MAX_FAULTS
    }

    pub fn tick(&mut self, now: Moment) {
        self.full.store(now < self.full_until, Ordering::Relaxed);
        if let Some(room) = &mut self.room {
            room.handle_timeout(now);
        }
    }

    /// What the room wants done. The order among clients is by their number, because the room
    /// keeps them in hash maps; what one client gets keeps its order.
    pub fn outputs(&mut self) -> Vec<RoomOutput> {
        let Some(room) = &mut self.room else {
            return Vec::new();
        };
        let mut outputs: Vec<_> = std::iter::from_fn(|| room.poll_output()).collect();
        outputs.sort_by_key(|output| match output {
            RoomOutput::Send(client, _) | RoomOutput::Close(client) => client.0,
            // The SFU is told before any member hears of a removal.
            _ => 0,
        });
        outputs
    }
}

fn decode(json: &[u8]) -> Result<ClientMessage, Refused> {
    if json.len() > MAX_ENVELOPE_BYTES {
        return Err(Refused::new(Refusal::TooLarge, "too large"));
    }
    serde_json::from_slice(json)
        .map_err(|error| Refused::new(Refusal::Malformed, error.to_string()))
}

/// A message as it goes over the wire.
pub fn encode(message: &ServiceMessage) -> Vec<u8> {
    serde_json::to_vec(message).expect("the service's own messages encode")
}
