//! Signaling service and SFU side by side, joined by a bridge: what `serve` runs. An SFU that dies
//! is followed by another, and everybody is told to connect to that.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mls_srtp::delivery::MediaSignal;
use mls_srtp::group::MlsSuite;
use mls_srtp::id::{ParticipantId, RoomName};
use mls_srtp::schedule::{MediaMode, ModeKind};
use mls_srtp_sfu::{
    DisconnectReason, Event, ParticipantId as SfuParticipant, PayloadFormat, RoomId, ServerStats,
    SfuConfig, SfuError, Tap,
};
use mls_srtp_signaling::access::{AccessControl, OpenAccess};
use mls_srtp_signaling::media::{MediaRequest, MediaRequestKind};
use mls_srtp_signaling::store::{MemoryStore, Store};
use mls_srtp_signaling::{
    RoomConfig, RoomEvent, ServerBuilder, ServerHandle, ServiceConfig, StartError,
};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::page;
use crate::unit::{Events, Unit};

/// How long a removed participant may keep its silent connection before it is closed.
const REMOVED_GOES: Duration = Duration::from_secs(2);

/// Why the services did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The signaling service.
    #[error("signaling: {0}")]
    Signaling(#[from] StartError),
    /// The SFU.
    #[error("SFU: {0}")]
    Sfu(#[from] SfuError),
}

/// Where to serve, and how.
#[derive(Debug, Clone, Copy)]
pub struct HostConfig {
    /// Address of the signaling service.
    pub listen: SocketAddr,
    /// UDP address of the SFU.
    pub media: SocketAddr,
    /// Where participants reach the SFU, if not at `media`.
    pub public: Option<SocketAddr>,
    /// How media is protected in the rooms.
    pub mode: MediaMode,
    /// The MLS cipher suite of their groups.
    pub ciphersuite: MlsSuite,
    /// Whether browsers are served the conference page on `listen`.
    pub page: bool,
}

/// Running services.
pub struct Host {
    url: String,
    page: String,
    sfu: Unit,
    stop: Option<oneshot::Sender<()>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Host {
    /// Starts both services, open to anybody. What the signaling service accepts is told to `events`.
    ///
    /// # Errors
    /// [`HostError`], naming the address that is taken.
    pub async fn start(
        config: HostConfig,
        events: mpsc::UnboundedSender<RoomEvent>,
    ) -> Result<Self, HostError> {
        let (store, access) = (MemoryStore::default(), OpenAccess);
        Self::start_over(config, Box::new(store), Box::new(access), events).await
    }

    /// The same with a door, and over a store that outlives this process.
    ///
    /// # Errors
    /// [`HostError`], naming the address that is taken or the room that cannot be gone on with.
    pub async fn start_over(
        config: HostConfig,
        store: Box<dyn Store>,
        access: Box<dyn AccessControl>,
        events: mpsc::UnboundedSender<RoomEvent>,
    ) -> Result<Self, HostError> {
        let service = ServiceConfig {
            listen: config.listen,
            room: RoomConfig {
                mode: config.mode,
                ciphersuite: config.ciphersuite,
                ..RoomConfig::default()
            },
            // Who runs a whole conference in one process has all of it at one address.
            max_per_address: 0,
            ..ServiceConfig::default()
        };
        let server = ServerBuilder::new(service, access)
            .events(events)
            .boxed_store(store);
        Self::start_with(config, server).await
    }

    /// The same with a signaling service of the caller's making, for instance with a store of its
    /// own. It listens where its own configuration says, in rooms of the mode that is stated there.
    ///
    /// # Errors
    /// [`HostError`], naming the address that is taken.
    pub async fn start_with(config: HostConfig, server: ServerBuilder) -> Result<Self, HostError> {
        let (requests, request_inbox) = mpsc::unbounded_channel();
        let mut server = server.media(requests);
        if config.page {
            server = server.site(page::site());
        }
        let server = server.bind().await?;
        let mut sfu_config = SfuConfig::new(config.public.unwrap_or(config.media));
        if config.mode.kind() == ModeKind::Sframe {
            // Nothing may be written behind a part of a frame.
            sfu_config.default_format = PayloadFormat::Opaque;
        }
        let (sfu, sfu_events) = Unit::start(config.media, sfu_config)?;
        let (url, page) = (server.url(), server.page());
        let bridge = Bridge::new(sfu.clone(), server.handle());
        let (stop, stopped) = oneshot::channel();
        let tasks = vec![
            tokio::spawn(bridge.clone().carry_requests(request_inbox)),
            tokio::spawn(bridge.carry_events(sfu_events)),
            tokio::spawn(server.run(async {
                let _ = stopped.await;
            })),
        ];
        Ok(Self {
            url,
            page,
            sfu,
            stop: Some(stop),
            tasks,
        })
    }

    /// Where participants connect.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Where browsers find the page.
    pub fn page(&self) -> String {
        self.page.clone()
    }

    /// Where media goes.
    pub fn media_addr(&self) -> SocketAddr {
        self.sfu.local_addr()
    }

    /// Shows every forwarded packet to `tap`.
    pub fn set_tap(&self, tap: Tap) {
        self.sfu.set_tap(tap);
    }

    /// The SFU itself.
    pub fn sfu(&self) -> mls_srtp_sfu::SfuHandle {
        self.sfu.handle()
    }

    /// The SFU's counters so far.
    pub async fn stats(&self) -> ServerStats {
        self.sfu.stats().await
    }

    /// Kills the SFU as a crash would end it, and waits until another is in its place. Returns what
    /// was counted until then.
    pub async fn kill_sfu(&self) -> ServerStats {
        self.sfu.kill().await
    }

    /// Says goodbye to everyone and stops.
    pub async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(server) = self.tasks.pop() {
            let _ = server.await;
        }
        for task in self.tasks {
            task.abort();
            // What is over puts no other SFU in place.
            let _ = task.await;
        }
        self.sfu.stop().await;
    }
}

/// Carries SDP between participants and the SFU, and removals to the SFU.
#[derive(Clone)]
struct Bridge {
    sfu: Unit,
    signaling: ServerHandle,
    /// Those to whom nothing is forwarded any more, until they are members again.
    removed: Arc<Mutex<HashSet<(RoomName, ParticipantId)>>>,
}

impl Bridge {
    fn new(sfu: Unit, signaling: ServerHandle) -> Self {
        Self {
            sfu,
            signaling,
            removed: Arc::default(),
        }
    }

    async fn carry_requests(self, mut requests: mpsc::UnboundedReceiver<MediaRequest>) {
        while let Some(MediaRequest {
            room,
            participant,
            kind,
        }) = requests.recv().await
        {
            match kind {
                MediaRequestKind::Signal(MediaSignal::Offer { sdp }) => {
                    self.offer(room, participant, sdp);
                }
                MediaRequestKind::Signal(MediaSignal::Answer { sdp }) => {
                    self.answer(room, participant, sdp);
                }
                MediaRequestKind::Signal(_) => {}
                MediaRequestKind::Removed => self.remove(room, participant),
            }
        }
    }

    fn offer(&self, room: RoomName, participant: ParticipantId, sdp: String) {
        let Some((sfu_room, who)) = ids(&room, &participant) else {
            return;
        };
        if self.lock().remove(&(room.clone(), participant.clone())) {
            // A member again: the silence of the one that was removed ends here.
            self.sfu
                .handle()
                .disconnect(sfu_room.clone(), who.clone(), Box::new(|_| {}));
        }
        let signaling = self.signaling.clone();
        let reply = move |result: Result<String, SfuError>| {
            let signal = match result {
                Ok(sdp) => MediaSignal::Answer { sdp },
                Err(error) => failed(&error),
            };
            signaling.media_signal(&room, &participant, signal);
        };
        let sfu = self.sfu.handle();
        sfu.connect(sfu_room, who, sdp, Box::new(reply));
    }

    fn answer(&self, room: RoomName, participant: ParticipantId, sdp: String) {
        let Some((sfu_room, who)) = ids(&room, &participant) else {
            return;
        };
        let signaling = self.signaling.clone();
        let reply = move |result: Result<(), SfuError>| {
            if let Err(error) = result {
                signaling.media_signal(&room, &participant, failed(&error));
            }
        };
        let sfu = self.sfu.handle();
        sfu.answer(sfu_room, who, sdp, Box::new(reply));
    }

    fn remove(&self, room: RoomName, participant: ParticipantId) {
        let Some((sfu_room, who)) = ids(&room, &participant) else {
            return;
        };
        self.sfu
            .handle()
            .forward_nothing_to(sfu_room.clone(), who.clone(), Box::new(|_| {}));
        self.lock().insert((room.clone(), participant.clone()));
        let bridge = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(REMOVED_GOES).await;
            if bridge.lock().remove(&(room, participant)) {
                bridge
                    .sfu
                    .handle()
                    .disconnect(sfu_room, who, Box::new(|_| {}));
            }
        });
    }

    async fn carry_events(self, mut events: Events) {
        loop {
            while let Some(event) = events.recv().await {
                self.pass_on(event);
            }
            tracing::error!("the SFU is dead; another one takes its place");
            // Said before there is another one: who has its answer already must not take it for an
            // end of that connection.
            self.signaling.media_signal_to_all(&disconnected("SfuDied"));
            events = self.sfu.replace().await;
        }
    }

    fn pass_on(&self, event: Event) {
        let (room, participant, signal) = match event {
            Event::Offer {
                room,
                participant,
                sdp,
            } => (room, participant, MediaSignal::Offer { sdp }),
            Event::Disconnected {
                reason: DisconnectReason::Requested,
                ..
            } => return,
            Event::Disconnected {
                room,
                participant,
                reason,
            } => {
                tracing::info!(%participant, ?reason, "media disconnected");
                (room, participant, disconnected(&format!("{reason:?}")))
            }
            _ => return,
        };
        if let (Ok(room), Ok(participant)) =
            (RoomName::new(room.as_str()), participant.as_str().parse())
        {
            self.signaling.media_signal(&room, &participant, signal);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<(RoomName, ParticipantId)>> {
        self.removed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The SFU's ids. Ours are printable and short enough for it.
fn ids(room: &RoomName, participant: &ParticipantId) -> Option<(RoomId, SfuParticipant)> {
    let room = RoomId::new(room.as_str()).ok()?;
    Some((room, SfuParticipant::new(&participant.to_string()).ok()?))
}

fn disconnected(detail: &str) -> MediaSignal {
    MediaSignal::Failed {
        code: "disconnected".to_owned(),
        detail: detail.to_owned(),
    }
}

fn failed(error: &SfuError) -> MediaSignal {
    MediaSignal::Failed {
        code: error.code().to_owned(),
        detail: error.to_string(),
    }
}
