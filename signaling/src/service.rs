//! The rooms of a service and the clients that are in them.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use mls_srtp::delivery::{ClientMessage, CloseReason, MediaSignal, Refusal, ServiceMessage};
use mls_srtp::id::{ParticipantId, RoomName};
use mls_srtp::time::Moment;
use mls_srtp::token::SignedToken;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::access::Entry;
use crate::addresses::{Addresses, Admission, Guest};
use crate::config::ServiceConfig;
use crate::connection::{Batch, Outgoing};
use crate::media::MediaPort;
use crate::refused::Refused;
use crate::room::{ClientId, Room, RoomEvent, RoomEventKind, RoomOutput, Shared};
use crate::server::StartError;
use crate::stats::{Counters, ServiceStats, count};

/// Where a service tells what it accepted.
pub type RoomEvents = mpsc::UnboundedSender<RoomEvent>;

type SharedRoom = Arc<Mutex<Room>>;

/// All rooms. A room is locked for one message at a time; only the store is waited for while it is.
pub(crate) struct Service {
    config: ServiceConfig,
    shared: Arc<Shared>,
    started: Instant,
    rooms: Mutex<HashMap<RoomName, SharedRoom>>,
    clients: Mutex<HashMap<ClientId, Client>>,
    media: Option<MediaPort>,
    events: Option<RoomEvents>,
    next_client: AtomicU64,
    places: Arc<Semaphore>,
    addresses: Arc<Addresses>,
    counters: Counters,
}

/// Held as long as a connection lasts.
pub(crate) struct Place(
    #[expect(dead_code)] OwnedSemaphorePermit,
    #[expect(dead_code)] Guest,
);

struct Client {
    queue: mpsc::Sender<Batch>,
    /// Ends the connection at once, whatever is queued.
    drop_it: Option<oneshot::Sender<CloseReason>>,
    room: Option<SharedRoom>,
}

impl Service {
    pub(crate) fn new(
        config: ServiceConfig,
        shared: Shared,
        media: Option<MediaPort>,
        events: Option<RoomEvents>,
    ) -> Self {
        Self {
            places: Arc::new(Semaphore::new(config.max_connections)),
            addresses: Arc::new(Addresses::new(config.max_per_address, config.address_rate)),
            counters: Counters::default(),
            config,
            shared: Arc::new(shared),
            started: Instant::now(),
            rooms: Mutex::default(),
            clients: Mutex::default(),
            media,
            events,
            next_client: AtomicU64::new(1),
        }
    }

    /// Goes on with the groups that the store has.
    ///
    /// # Errors
    /// The room that cannot be gone on with: nothing is served then, for its members would meet
    /// an empty room.
    pub(crate) fn restore(&self) -> Result<(), StartError> {
        for name in self.shared.store.open_rooms()? {
            let room = self.open(&name);
            let room = room.map_err(|reason| StartError::Restore {
                room: name.clone(),
                reason,
            })?;
            lock(&self.rooms).insert(name, room);
        }
        Ok(())
    }

    fn open(&self, name: &RoomName) -> Result<SharedRoom, String> {
        let (config, shared) = (self.config.room.clone(), Arc::clone(&self.shared));
        let room = Room::new(name.clone(), config, shared, self.now())?;
        Ok(Arc::new(Mutex::new(room)))
    }

    fn now(&self) -> Moment {
        Moment::new(self.started.elapsed())
    }

    pub(crate) fn config(&self) -> &ServiceConfig {
        &self.config
    }

    /// A place for a new connection, or `None` when there are too many. It has a number unless it is
    /// to be told that there are too many from its address.
    pub(crate) fn admit(&self, from: IpAddr) -> Option<(Option<ClientId>, Place)> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        match self.addresses.admit(from, Instant::now()) {
            Admission::Served(guest) => {
                let number = self.next_client.fetch_add(1, Ordering::Relaxed);
                Some((Some(ClientId(number)), Place(place, guest)))
            }
            Admission::Refused(guest) => Some((None, Place(place, guest))),
            Admission::Dropped => None,
        }
    }

    pub(crate) fn connected(
        &self,
        client: ClientId,
        queue: mpsc::Sender<Batch>,
        drop_it: oneshot::Sender<CloseReason>,
    ) {
        let new = Client {
            queue,
            drop_it: Some(drop_it),
            room: None,
        };
        lock(&self.clients).insert(client, new);
    }

    pub(crate) fn disconnected(&self, client: ClientId) {
        let gone = lock(&self.clients).remove(&client);
        if let Some(room) = gone.and_then(|client| client.room) {
            self.with(&room, |room, now| room.disconnected(client, now));
        }
    }

    /// The first message of a client.
    pub(crate) fn hello(&self, client: ClientId, message: ClientMessage) -> Result<(), Refused> {
        let ClientMessage::Hello {
            room: name,
            participant,
            token,
            resume,
            ..
        } = &message
        else {
            return Err(Refused::new(Refusal::OutOfOrder, "say hello first"));
        };
        // A stranger opens no room: it would be read from the store, and takes a place.
        if !lock(&self.rooms).contains_key(name) {
            self.shared.access.admit(&Entry {
                room: name,
                participant,
                token: token.as_ref().map(SignedToken::as_str),
                resumes: resume.is_some(),
            })?;
        }
        let room = self.room(name)?;
        let entered = self.with(&room, |room, now| room.hello(client, message, now));
        if entered.is_ok()
            && let Some(client) = lock(&self.clients).get_mut(&client)
        {
            client.room = Some(room);
        }
        entered
    }

    /// Any later message.
    pub(crate) fn handle(&self, client: ClientId, message: ClientMessage) {
        let room = lock(&self.clients)
            .get(&client)
            .and_then(|client| client.room.clone());
        if let Some(room) = room {
            self.with(&room, |room, now| room.handle(client, message, now));
        }
    }

    /// Queues one envelope.
    pub(crate) fn send(&self, client: ClientId, message: &ServiceMessage) {
        if let ServiceMessage::Refused { .. } = message {
            count(&self.counters.refused);
        }
        if let Some(json) = encode(message) {
            self.queue(client, vec![Outgoing::Envelope(json)]);
        }
    }

    /// Closes a connection after what is queued.
    pub(crate) fn close(&self, client: ClientId) {
        self.queue(client, vec![Outgoing::Close]);
    }

    /// Queues what one message or moment brought for a client: one place, however much it is, so
    /// that a returning client may be given all that it missed. A client whose queue is full is
    /// dropped; it may resume.
    fn queue(&self, client: ClientId, batch: Batch) {
        let mut clients = lock(&self.clients);
        let Some(to) = clients.get_mut(&client) else {
            return;
        };
        if let Err(TrySendError::Full(_)) = to.queue.try_send(batch)
            && let Some(drop_it) = to.drop_it.take()
        {
            tracing::warn!(client = client.0, "too slow, dropped");
            count(&self.counters.too_slow);
            // The connection may be ending by itself.
            let _ = drop_it.send(CloseReason::TooSlow);
        }
    }

    pub(crate) fn count_silent(&self) {
        count(&self.counters.silent);
    }

    /// What has been done so far.
    pub(crate) fn stats(&self) -> ServiceStats {
        let rooms: Vec<_> = lock(&self.rooms).values().cloned().collect();
        ServiceStats {
            connections: lock(&self.clients).len(),
            rooms: rooms.len(),
            members: rooms.iter().map(|room| lock(room).member_count()).sum(),
            ..self.counters.read()
        }
    }

    /// Passes a signal of the SFU on.
    pub(crate) fn media_signal(
        &self,
        room: &RoomName,
        participant: &ParticipantId,
        signal: MediaSignal,
    ) {
        let room = lock(&self.rooms).get(room).cloned();
        if let Some(room) = room {
            self.with(&room, |room, _| room.media_signal(participant, signal));
        }
    }

    /// Passes a signal of the SFU on to everybody.
    pub(crate) fn media_signal_to_all(&self, signal: &MediaSignal) {
        let rooms: Vec<_> = lock(&self.rooms).values().cloned().collect();
        for room in rooms {
            self.with(&room, |room, _| room.media_signal_to_all(signal));
        }
    }

    /// Lets time pass in all rooms and forgets deserted ones.
    pub(crate) fn tick(&self) {
        self.addresses.forget_old(Instant::now());
        let rooms: Vec<_> = lock(&self.rooms).values().cloned().collect();
        for room in rooms {
            self.with(&room, |room, now| room.handle_timeout(now));
        }
        lock(&self.rooms)
            .retain(|_, room| Arc::strong_count(room) > 1 || !lock(room).is_deserted());
    }

    pub(crate) fn shut_down(&self) {
        let rooms: Vec<_> = lock(&self.rooms).values().cloned().collect();
        for room in rooms {
            self.with(&room, |room, _| room.shut_down());
        }
    }

    fn room(&self, name: &RoomName) -> Result<SharedRoom, Refused> {
        let mut rooms = lock(&self.rooms);
        if let Some(room) = rooms.get(name) {
            return Ok(Arc::clone(room));
        }
        if rooms.len() >= self.config.max_rooms {
            let detail = "the service has as many rooms as it may";
            return Err(Refused::new(Refusal::RoomFull, detail));
        }
        let room = self.open(name);
        let room = room.map_err(|error| {
            tracing::error!(room = %name, error, "cannot open the room");
            Refused::new(Refusal::RateLimited, "the service cannot open the room now")
        })?;
        rooms.insert(name.clone(), Arc::clone(&room));
        Ok(room)
    }

    /// Gives a room something and carries out what it wants, in order, before anybody else may.
    fn with<T>(&self, room: &SharedRoom, give: impl FnOnce(&mut Room, Moment) -> T) -> T {
        let now = self.now();
        let mut room = lock(room);
        let given = give(&mut room, now);
        let mut outbox = Outbox::default();
        while let Some(output) = room.poll_output() {
            match output {
                RoomOutput::Send(client, message) => {
                    if let ServiceMessage::Refused { .. } = message {
                        count(&self.counters.refused);
                    }
                    outbox.put(client, message);
                }
                RoomOutput::Close(client) => outbox.batch(client).push(Outgoing::Close),
                RoomOutput::Media(request) => {
                    if let Some(media) = &self.media {
                        let _ = media.send(request);
                    }
                }
                RoomOutput::Event(event) => self.tell(event),
            }
        }
        for (client, batch) in outbox.batches {
            self.queue(client, batch);
        }
        given
    }

    fn tell(&self, event: RoomEvent) {
        tracing::info!(room = %event.room, epoch = %event.epoch, kind = ?event.kind);
        if let RoomEventKind::Committed { commit_bytes, .. } = event.kind {
            count(&self.counters.commits);
            let bytes = u64::try_from(commit_bytes).unwrap_or(u64::MAX);
            let last = &self.counters.last_commit_bytes;
            last.store(bytes, Ordering::Relaxed);
        }
        if let Some(events) = &self.events {
            let _ = events.send(event);
        }
    }
}

/// What one message or moment brought, sorted by client.
#[derive(Default)]
struct Outbox {
    batches: BTreeMap<ClientId, Batch>,
    /// The newest envelope: what goes to a whole room is encoded once.
    newest: Option<(ServiceMessage, Utf8Bytes)>,
}

impl Outbox {
    fn put(&mut self, client: ClientId, message: ServiceMessage) {
        let json = match self.newest.take() {
            Some((same, json)) if same == message => Some(json),
            _ => encode(&message),
        };
        if let Some(json) = json {
            self.newest = Some((message, json.clone()));
            self.batch(client).push(Outgoing::Envelope(json));
        }
    }

    fn batch(&mut self, client: ClientId) -> &mut Batch {
        self.batches.entry(client).or_default()
    }
}

fn encode(message: &ServiceMessage) -> Option<Utf8Bytes> {
    match serde_json::to_string(message) {
        Ok(json) => Some(json.into()),
        Err(error) => {
            tracing::error!(%error, "an envelope of ours cannot be encoded");
            None
        }
    }
}

/// A panic while a lock was held is a bug that the log has shown; the state is still consistent
/// enough to serve the others.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
