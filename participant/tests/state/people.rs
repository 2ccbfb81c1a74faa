//! Sessions against a service of the test's own, over real sockets, that can be killed.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mls_srtp::ManagerConfig;
use mls_srtp::event::Event;
use mls_srtp::id::{Epoch, LeafIndex, ParticipantId, RoomName, Ssrc};
use mls_srtp::manager::SavedState;
use mls_srtp::pipeline::{MediaConfig, MediaPipeline, Stream, StreamSource};
use mls_srtp::trust::Pin;
use mls_srtp_participant::clock::ClockOrigin;
use mls_srtp_participant::e2e::E2eMedia;
use mls_srtp_participant::session::{
    LinkConfig, Session, SessionConfig, SessionError, SessionEvent, SessionEvents,
};
use mls_srtp_participant::state::{SqliteStateStore, StateConfig, StateError, StateStore};
use mls_srtp_signaling::access::OpenAccess;
use mls_srtp_signaling::{RoomConfig, RoomEvent, RoomEventKind, ServerBuilder, ServiceConfig};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Nothing here takes that long; it only ends a test that would hang.
const PATIENCE: Duration = Duration::from_secs(20);

pub fn name(user: &str) -> ParticipantId {
    ParticipantId::new(user, "example.org", "test").expect("a name")
}

pub fn room(name: &str) -> RoomName {
    RoomName::new(name).expect("a name")
}

/// A service that gives everybody a minute to come back.
pub struct Service {
    url: String,
    events: mpsc::UnboundedReceiver<RoomEvent>,
}

impl Service {
    pub async fn start() -> Self {
        let (teller, events) = mpsc::unbounded_channel();
        let config = ServiceConfig {
            listen: ([127, 0, 0, 1], 0).into(),
            room: RoomConfig {
                grace: Duration::from_secs(60),
                ..RoomConfig::default()
            },
            ..ServiceConfig::default()
        };
        let server = ServerBuilder::new(config, OpenAccess)
            .events(teller)
            .bind()
            .await;
        let server = server.expect("listens");
        let url = format!("ws://{}", server.local_addr());
        tokio::spawn(server.run(std::future::pending()));
        Self { url, events }
    }

    /// How often a device came back to its leaf by an external commit.
    pub fn returns(&mut self) -> usize {
        let told = std::iter::from_fn(|| self.events.try_recv().ok());
        told.filter(|event| matches!(event.kind, RoomEventKind::Returned { .. }))
            .count()
    }

    pub fn config(&self, user: &str) -> SessionConfig {
        SessionConfig {
            url: self.url.clone(),
            room: room("room"),
            participant: name(user),
            identity: None,
            token: None,
            streams: vec![Stream {
                id: Ssrc::new(7).into(),
                source: StreamSource::Camera,
            }],
            manager: ManagerConfig::default(),
            link: LinkConfig::default(),
            state: None,
        }
    }
}

/// A participant's process.
pub struct Process {
    runtime: Option<Runtime>,
    /// The handle, until it is dropped.
    pub session: Option<Session>,
    pub media: E2eMedia,
    events: SessionEvents,
}

impl Process {
    pub async fn start(config: SessionConfig) -> Result<Self, SessionError> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let pipeline = MediaPipeline::new(MediaConfig::default());
        let media = E2eMedia::new(Arc::new(Mutex::new(pipeline)), ClockOrigin::start());
        let joining = runtime.spawn(Session::join(config, media.clone()));
        match joining.await.expect("does not crash") {
            Ok((session, events)) => Ok(Self {
                runtime: Some(runtime),
                session: Some(session),
                media,
                events,
            }),
            Err(error) => {
                runtime.shutdown_background();
                Err(error)
            }
        }
    }

    /// The next event of the group that is meant; what comes before it is passed over.
    pub async fn until<T>(&mut self, what: &str, meant: impl Fn(Event) -> Option<T>) -> T {
        let all = async {
            loop {
                match self.events.recv().await.expect("goes on") {
                    SessionEvent::Group(event) => {
                        if let Some(found) = meant(event) {
                            return found;
                        }
                    }
                    SessionEvent::NotKept(reason) => panic!("not kept: {reason}"),
                    _ => {}
                }
            }
        };
        timeout(PATIENCE, all)
            .await
            .unwrap_or_else(|_| panic!("not in time: {what}"))
    }

    pub async fn joined(&mut self) -> LeafIndex {
        self.until("joined", |event| match event {
            Event::Joined { leaf, .. } => Some(leaf),
            _ => None,
        })
        .await
    }

    /// The first epoch of so many members.
    pub async fn epoch_of(&mut self, members: usize) -> Epoch {
        self.until("an epoch", |event| match event {
            Event::EpochChanged { epoch, roster, .. } if roster.len() == members => Some(epoch),
            _ => None,
        })
        .await
    }

    /// The next epoch that sending moves to.
    pub async fn sending(&mut self) -> Epoch {
        self.until("sending", |event| match event {
            Event::SendingIn { epoch, .. } => Some(epoch),
            _ => None,
        })
        .await
    }

    /// The process ends where it stands, without a word to anybody.
    pub async fn kill(mut self) {
        let runtime = self.runtime.take().expect("runs");
        let killed = tokio::task::spawn_blocking(|| runtime.shutdown_timeout(PATIENCE));
        killed.await.expect("ends");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // What else drops a runtime blocks, and a test is asynchronous.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A file store that says when something was written.
#[derive(Debug)]
pub struct Told {
    store: SqliteStateStore,
    teller: mpsc::UnboundedSender<()>,
}

/// How many writes have ended.
pub type Writes = mpsc::UnboundedReceiver<()>;

impl StateStore for Told {
    fn load(&mut self) -> Result<Option<SavedState>, StateError> {
        self.store.load()
    }

    fn save(&mut self, state: &SavedState) -> Result<(), StateError> {
        self.store.save(state)?;
        let _ = self.teller.send(());
        Ok(())
    }

    fn load_pins(&mut self) -> Result<Vec<Pin>, StateError> {
        self.store.load_pins()
    }

    fn save_pins(&mut self, pins: &[Pin]) -> Result<(), StateError> {
        self.store.save_pins(pins)
    }
}

/// Keeps the state in a file; the key is written once, and then the stay, once in an hour.
pub fn kept_in(file: &Path) -> (Option<StateConfig>, Writes) {
    let (teller, writes) = mpsc::unbounded_channel();
    let store = SqliteStateStore::open(file).expect("opens");
    let config = StateConfig {
        every: Duration::from_secs(3_600),
        ..StateConfig::new(Told { store, teller })
    };
    (Some(config), writes)
}
