//! Accepting connections.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mls_srtp::delivery::MediaSignal;
use mls_srtp::group::ServiceIdentity;
use mls_srtp::id::{ParticipantId, RoomName};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::access::AccessControl;
use crate::config::ServiceConfig;
use crate::door::Door;
use crate::media::MediaPort;
use crate::origin::AllowedOrigin;
use crate::room::Shared;
use crate::service::{RoomEvents, Service};
use crate::site::Site;
use crate::stats::ServiceStats;
use crate::store::{MemoryStore, Store, StoreError};
use crate::tls::Tls;

/// How often rooms look at the time. Grace times are seconds.
const TICK: Duration = Duration::from_millis(50);
/// How long clients get to take their goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// Why a service did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on TCP {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The system has no randomness, or the store has another's key.
    #[error("the service's signature key: {0}")]
    Identity(#[from] mls_srtp::group::GroupError),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A room of the store cannot be gone on with.
    #[error("room {room} cannot be restored: {reason}")]
    Restore {
        /// The room.
        room: RoomName,
        /// What does not fit.
        reason: String,
    },
}

/// A service that is being put together.
pub struct ServerBuilder {
    config: ServiceConfig,
    access: Box<dyn AccessControl>,
    store: Option<Box<dyn Store>>,
    media: Option<MediaPort>,
    events: Option<RoomEvents>,
    site: Option<Site>,
    tls: Option<Tls>,
}

/// A service that listens. [`Server::run`] serves.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    service: Arc<Service>,
    door: Arc<Door>,
    over_tls: bool,
}

/// Reaches a running service from inside its process.
#[derive(Clone)]
pub struct ServerHandle(Arc<Service>);

impl ServerBuilder {
    /// A service that lets in whom `access` admits, in memory, without an SFU.
    pub fn new(config: ServiceConfig, access: impl AccessControl + 'static) -> Self {
        Self {
            config,
            access: Box::new(access),
            store: None,
            media: None,
            events: None,
            site: None,
            tls: None,
        }
    }

    /// Where logs are kept.
    #[must_use]
    pub fn store(mut self, store: impl Store + 'static) -> Self {
        self.store = Some(Box::new(store));
        self
    }

    /// The same, for a store that was chosen at run time.
    #[must_use]
    pub fn boxed_store(mut self, store: Box<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// Where requests to the SFU go.
    #[must_use]
    pub fn media(mut self, media: MediaPort) -> Self {
        self.media = Some(media);
        self
    }

    /// Where accepted changes are told.
    #[must_use]
    pub fn events(mut self, events: RoomEvents) -> Self {
        self.events = Some(events);
        self
    }

    /// What browsers are served over HTTP on the same port.
    #[must_use]
    pub fn site(mut self, site: Site) -> Self {
        self.site = Some(site);
        self
    }

    /// TLS for WebSockets and pages; nothing is served without it then.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Listens.
    ///
    /// # Errors
    /// [`StartError`], naming the address if it is taken.
    pub async fn bind(self) -> Result<Server, StartError> {
        let address = self.config.listen;
        if self.config.allowed_origins.contains(&AllowedOrigin::Any) {
            tracing::warn!("pages of any origin may connect: every site that somebody visits");
        }
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| StartError::Listen { address, source })?;
        let address = listener
            .local_addr()
            .map_err(|source| StartError::Listen { address, source })?;
        let store = self
            .store
            .unwrap_or_else(|| Box::new(MemoryStore::default()));
        let shared = Shared {
            identity: identity_in(&*store)?,
            access: self.access,
            store,
            has_media: self.media.is_some(),
            random: random_session,
        };
        let service = Service::new(self.config, shared, self.media, self.events);
        service.restore()?;
        let service = Arc::new(service);
        Ok(Server {
            listener,
            address,
            door: Arc::new(Door::new(
                self.tls.as_ref(),
                self.site,
                Arc::clone(&service),
            )),
            over_tls: self.tls.is_some(),
            service,
        })
    }
}

impl Server {
    /// The address listened on, with the port that the system chose for port 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Where participants connect: `wss://` with TLS, else `ws://`.
    pub fn url(&self) -> String {
        let scheme = if self.over_tls { "wss" } else { "ws" };
        format!("{scheme}://{}", self.address)
    }

    /// Where browsers find the pages, if there are any.
    pub fn page(&self) -> String {
        let scheme = if self.over_tls { "https" } else { "http" };
        format!("{scheme}://{}/", self.address)
    }

    /// Reaches this service from inside the process.
    pub fn handle(&self) -> ServerHandle {
        ServerHandle(Arc::clone(&self.service))
    }

    /// Serves until `shutdown` completes, then says goodbye to everyone.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let mut connections = JoinSet::new();
        let mut tick = tokio::time::interval(TICK);
        let (open, closing) = watch::channel(());
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                // First, so that a signal's handler is there before anybody is served.
                biased;
                () = &mut shutdown => break,
                _ = tick.tick() => self.service.tick(),
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        self.accept(&mut connections, stream, peer, closing.clone());
                    }
                    Err(error) => {
                        // Out of file descriptors, most likely; they come back.
                        tracing::error!(%error, "cannot accept");
                        tokio::time::sleep(TICK).await;
                    }
                },
                Some(_) = connections.join_next() => {}
            }
        }
        drop((self.listener, open));
        self.service.shut_down();
        let goodbye = async { while connections.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(GOODBYE, goodbye).await;
    }

    fn accept(
        &self,
        connections: &mut JoinSet<()>,
        stream: TcpStream,
        peer: SocketAddr,
        closing: watch::Receiver<()>,
    ) {
        let Some((client, place)) = self.service.admit(peer.ip()) else {
            tracing::warn!(%peer, "too many connections, dropped");
            return;
        };
        // Handshake messages are small and wait for answers.
        let _ = stream.set_nodelay(true);
        tracing::debug!(%peer, client = client.map(|client| client.0), "connected");
        let door = Arc::clone(&self.door);
        connections.spawn(async move {
            door.serve(stream, peer, client, closing).await;
            drop(place);
        });
    }
}

impl ServerHandle {
    /// Passes a signal of the SFU to a participant of a room.
    pub fn media_signal(&self, room: &RoomName, participant: &ParticipantId, signal: MediaSignal) {
        self.0.media_signal(room, participant, signal);
    }

    /// Passes a signal of the SFU to everybody who is connected, in all rooms: one that has lost
    /// them all does not know any more who they were.
    pub fn media_signal_to_all(&self, signal: &MediaSignal) {
        self.0.media_signal_to_all(signal);
    }

    /// What the service has done so far.
    pub fn stats(&self) -> ServiceStats {
        self.0.stats()
    }
}

/// The service's key. Groups go on over a restart because it stays the same.
fn identity_in(store: &dyn Store) -> Result<ServiceIdentity, StartError> {
    if let Some(key) = store.service_key()? {
        return Ok(ServiceIdentity::from_secret(&key)?);
    }
    let identity = ServiceIdentity::generate()?;
    store.keep_service_key(&identity.to_secret()?)?;
    Ok(identity)
}

/// Sixteen random bytes.
#[expect(clippy::expect_used, reason = "without randomness there is no service")]
fn random_session() -> [u8; 16] {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system's randomness worked when the service started");
    bytes
}
