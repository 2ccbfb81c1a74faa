//! A participant without a screen: joins a room, publishes recordings as microphone and camera,
//! receives, decrypts and reassembles what everybody else sends.
//!
//! It is made of the same parts that an application uses, so it shows how they fit together:
//! a [`Session`] for the keys, a [`MediaConnection`] for the packets, one [`E2eMedia`] between.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mls_srtp::ManagerConfig;
use mls_srtp::delivery::MediaSignal;
use mls_srtp::event::Event;
use mls_srtp::id::{ParticipantId, RoomName, Ssrc};
use mls_srtp::pipeline::{MediaConfig, MediaPipeline, Stream, StreamSource};
use mls_srtp::time::Moment;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::clock::ClockOrigin;
use crate::connection::{
    ConnectionError, ConnectionEvent, ConnectionState, Events, LocalTrack, MediaConnection,
    RemotePacket,
};
use crate::e2e::E2eMedia;
use crate::kind::MediaKind;
use crate::publish::{Player, PublishLog, Publisher, Source};
use crate::reassemble::{Assembled, AssemblerConfig, MediaFrame, Reassembly};
use crate::record::{RecordError, RecordedFile, Recorder};
use crate::session::{
    KeyWitness, Session, SessionConfig, SessionError, SessionEvent, SessionEvents,
};
use crate::stream::SenderStream;

/// How long packets may still arrive after the group has gone on without us.
const DRAIN: Duration = Duration::from_millis(200);
/// How often reassembly gives up on what is missing.
const TICK: Duration = Duration::from_millis(50);
/// How long a media connection may take before it is tried anew.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// Delay before media is connected again after it was lost.
const RECONNECT_AFTER: Duration = Duration::from_millis(500);

/// Sees every whole frame, with its sender by the key that opened it.
pub type FrameObserver = Box<dyn FnMut(&ParticipantId, &MediaFrame) + Send>;

/// What a headless participant does.
pub struct HeadlessConfig {
    /// The signaling service, `ws://host:port/`.
    pub url: String,
    /// The room.
    pub room: RoomName,
    /// Who it is.
    pub participant: ParticipantId,
    /// Proof of admission where the service asks for one.
    pub token: Option<String>,
    /// The UDP address to send media from, `address:port`; port 0 takes a free one.
    pub udp_addr: String,
    /// What its microphone hears.
    pub sound: Arc<Source>,
    /// What its camera sees.
    pub picture: Arc<Source>,
    /// Where to record what it decrypts.
    pub record: Option<PathBuf>,
    /// Where its moments begin.
    pub origin: ClockOrigin,
    /// Sees every whole frame.
    pub on_frame: Option<FrameObserver>,
    /// Sees every key, for audits.
    pub witness: Option<KeyWitness>,
}

/// Why a participant could not begin, or could not end well.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HeadlessError {
    /// The room could not be entered.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// Recording failed.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Its task ended by a bug of ours.
    #[error("the participant's task crashed")]
    Crashed,
}

/// What a participant is about, at any time.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// The last epoch change: epoch, roster, code.
    pub epoch: Option<Event>,
    /// How many epochs it has been in.
    pub epochs: Vec<u64>,
    /// When it asked to join.
    pub asked_at: Moment,
    /// When it was in the group.
    pub joined_at: Option<Moment>,
    /// When its media was connected.
    pub media_at: Option<Moment>,
    /// When it had decrypted its first packet.
    pub first_packet_at: Option<Moment>,
    /// When it asked to leave.
    pub leaving_at: Option<Moment>,
    /// When its stay was over.
    pub ended_at: Option<Moment>,
    /// How it ended, if not as asked.
    pub trouble: Option<String>,
    /// What the SFU last refused.
    pub media_trouble: Option<String>,
    /// Media connections lost and made again.
    pub media_reconnects: u32,
}

/// What a participant leaves behind.
pub struct Ended {
    /// How it went.
    pub progress: Progress,
    /// What it recorded.
    pub recordings: Vec<RecordedFile>,
}

/// A running participant.
pub struct Headless {
    participant: ParticipantId,
    media: E2eMedia,
    log: PublishLog,
    progress: Arc<Mutex<Progress>>,
    orders: mpsc::Sender<Order>,
    task: JoinHandle<Result<Vec<RecordedFile>, RecordError>>,
}

enum Order {
    StopPublishing,
    Leave,
}

impl Headless {
    /// Asks to join. Everything else happens by itself.
    ///
    /// # Errors
    /// [`HeadlessError`] when the service cannot be reached or the folder for recordings cannot be
    /// made.
    pub async fn start(config: HeadlessConfig) -> Result<Self, HeadlessError> {
        let recorder = config.record.map(Recorder::new).transpose()?;
        let pipeline = Arc::new(Mutex::new(MediaPipeline::new(MediaConfig::default())));
        let media = E2eMedia::new(pipeline, config.origin);
        let tracks = Tracks::draw();
        let progress = Progress {
            asked_at: config.origin.now(),
            ..Progress::default()
        };
        let progress = Arc::new(Mutex::new(progress));
        let session = SessionConfig {
            url: config.url,
            room: config.room,
            participant: config.participant.clone(),
            token: config.token,
            streams: tracks.announced(),
            manager: ManagerConfig::default(),
        };
        let (session, events) = Session::join_with(session, media.clone(), config.witness).await?;
        let (connection, published) = watch::channel(None);
        let players = vec![
            Player::new(
                config.sound,
                SenderStream::new(MediaKind::Audio, tracks.sound.ssrc),
            ),
            Player::new(
                config.picture,
                SenderStream::new(MediaKind::Video, tracks.picture.ssrc),
            ),
        ];
        let publisher = Publisher::start(players, published, config.origin);
        let log = publisher.log().clone();
        let (orders, inbox) = mpsc::channel(4);
        let run = Run {
            session,
            media: media.clone(),
            publisher: Some(publisher),
            tracks,
            udp_addr: config.udp_addr,
            current: connection,
            reassembly: Reassembly::new(AssemblerConfig::default()),
            recorder,
            on_frame: config.on_frame,
            progress: Arc::clone(&progress),
            reconnect_at: None,
        };
        let task = tokio::spawn(run.run(events, inbox));
        Ok(Self {
            participant: config.participant,
            media,
            log,
            progress,
            orders,
            task,
        })
    }

    /// Who it is.
    pub fn participant(&self) -> &ParticipantId {
        &self.participant
    }

    /// Its media keys and counters.
    pub fn media(&self) -> &E2eMedia {
        &self.media
    }

    /// What it has sent.
    pub fn log(&self) -> &PublishLog {
        &self.log
    }

    /// How it goes.
    pub fn progress(&self) -> Progress {
        self.progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Whether its stay is over.
    pub fn is_over(&self) -> bool {
        self.task.is_finished()
    }

    /// Sends no more media, but stays.
    pub async fn stop_publishing(&self) {
        let _ = self.orders.send(Order::StopPublishing).await;
    }

    /// Asks to leave; [`Headless::end`] waits for it.
    pub async fn leave(&self) {
        let _ = self.orders.send(Order::Leave).await;
    }

    /// Waits until the stay is over and the recordings are closed.
    ///
    /// # Errors
    /// [`HeadlessError::Record`].
    pub async fn end(self) -> Result<Ended, HeadlessError> {
        let recordings = self.task.await.map_err(|_| HeadlessError::Crashed)??;
        let progress = self
            .progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        Ok(Ended {
            progress,
            recordings,
        })
    }
}

/// The streams that a participant sends.
#[derive(Clone, Copy)]
struct Tracks {
    sound: LocalTrack,
    picture: LocalTrack,
}

impl Tracks {
    /// SSRCs are drawn at random (RFC 3550 §8.1); the SFU refuses one that is taken.
    fn draw() -> Self {
        let ssrc = || Ssrc::new(rand::random());
        Self {
            sound: LocalTrack {
                kind: MediaKind::Audio,
                ssrc: ssrc(),
                rtx_ssrc: None,
            },
            picture: LocalTrack {
                kind: MediaKind::Video,
                ssrc: ssrc(),
                rtx_ssrc: Some(ssrc()),
            },
        }
    }

    fn announced(&self) -> Vec<Stream> {
        vec![
            Stream {
                ssrc: self.sound.ssrc,
                source: StreamSource::Microphone,
            },
            Stream {
                ssrc: self.picture.ssrc,
                source: StreamSource::Camera,
            },
        ]
    }
}

/// The task behind a [`Headless`].
struct Run {
    session: Session,
    media: E2eMedia,
    publisher: Option<Publisher>,
    tracks: Tracks,
    udp_addr: String,
    /// The connection that the publisher sends on.
    current: watch::Sender<Option<Arc<MediaConnection>>>,
    reassembly: Reassembly,
    recorder: Option<Recorder>,
    on_frame: Option<FrameObserver>,
    progress: Arc<Mutex<Progress>>,
    reconnect_at: Option<tokio::time::Instant>,
}

/// A media connection and its events.
type Link = Option<(Arc<MediaConnection>, Events)>;

impl Run {
    async fn run(
        mut self,
        mut events: SessionEvents,
        mut orders: mpsc::Receiver<Order>,
    ) -> Result<Vec<RecordedFile>, RecordError> {
        let mut link: Link = None;
        let mut tick = tokio::time::interval(TICK);
        loop {
            let reconnect_at = self.reconnect_at;
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => {
                        if self.hear(event, &mut link).await {
                            break;
                        }
                    }
                    None => break,
                },
                Some(event) = next_event(&mut link) => self.heed(event, &mut link).await,
                Some(order) = orders.recv() => self.obey(order).await,
                () = until(reconnect_at) => self.connect(&mut link).await,
                _ = tick.tick() => self.reassembly.handle_timeout(self.media.origin().now()),
            }
            self.take_frames(&link).await;
        }
        self.drain(&mut link).await;
        self.note(|progress, now| progress.ended_at = Some(now));
        self.recorder
            .take()
            .map_or(Ok(Vec::new()), Recorder::finish)
    }

    /// `true` once the stay is over.
    async fn hear(&mut self, event: SessionEvent, link: &mut Link) -> bool {
        match event {
            SessionEvent::Group(event) => self.hear_group(event, link).await,
            SessionEvent::Signal(signal) => {
                self.hear_signal(signal, link).await;
                false
            }
            SessionEvent::Media(event) => {
                tracing::debug!(?event, "media");
                false
            }
            SessionEvent::Disconnected(reason) => {
                tracing::info!(reason, "signaling lost");
                false
            }
            SessionEvent::Reconnected => false,
        }
    }

    async fn hear_group(&mut self, event: Event, link: &mut Link) -> bool {
        tracing::debug!(?event, "group");
        match event {
            Event::Joined { .. } => self.note(|progress, now| {
                progress.joined_at.get_or_insert(now);
            }),
            Event::EpochChanged { epoch, .. } => self.note(|progress, _| {
                progress.epochs.push(epoch.get());
                progress.epoch = Some(event);
            }),
            Event::MediaReady => self.connect(link).await,
            Event::KeyframeWanted => self.give_keyframe(self.tracks.picture.ssrc),
            Event::Left => return true,
            Event::Removed | Event::Fatal(_) => {
                self.note(|progress, _| progress.trouble = Some(format!("{event:?}")));
                return true;
            }
            _ => {}
        }
        false
    }

    async fn hear_signal(&mut self, signal: MediaSignal, link: &mut Link) {
        let Some((connection, _)) = link else { return };
        let heard = match signal {
            MediaSignal::Answer { sdp } => connection.handle_answer(&sdp).await,
            MediaSignal::Offer { sdp } => match connection.handle_offer(&sdp).await {
                Ok(sdp) => {
                    self.session.signal(MediaSignal::Answer { sdp }).await;
                    Ok(())
                }
                Err(error) => Err(error),
            },
            MediaSignal::Failed { code, detail } => {
                tracing::warn!(code, detail, "the SFU refused");
                self.note(|progress, _| progress.media_trouble = Some(format!("{code}: {detail}")));
                return self.lose(link).await;
            }
            _ => return,
        };
        if let Err(error) = heard {
            tracing::warn!(%error, "media signaling");
            self.lose(link).await;
        }
    }

    /// A media connection event.
    async fn heed(&mut self, event: ConnectionEvent, link: &mut Link) {
        match event {
            ConnectionEvent::State(ConnectionState::Connected) => {
                let connection = link.as_ref().map(|(connection, _)| Arc::clone(connection));
                self.current.send_replace(connection);
                self.reconnect_at = None;
                self.note(|progress, now| {
                    progress.media_at.get_or_insert(now);
                });
            }
            ConnectionEvent::State(ConnectionState::Failed | ConnectionState::Closed) => {
                self.lose(link).await;
            }
            ConnectionEvent::Packet(RemotePacket { kind, packet, .. }) => {
                self.note(|progress, now| {
                    progress.first_packet_at.get_or_insert(now);
                });
                self.reassembly
                    .push(kind, packet, self.media.origin().now());
            }
            ConnectionEvent::KeyframeWanted { ssrc } => self.give_keyframe(ssrc),
            _ => {}
        }
    }

    async fn obey(&mut self, order: Order) {
        self.publisher = None;
        if let Order::Leave = order {
            self.note(|progress, now| progress.leaving_at = Some(now));
            self.session.leave().await;
        }
    }

    /// Opens a media connection, in place of the one that there may be.
    async fn connect(&mut self, link: &mut Link) {
        self.reconnect_at = None;
        if let Some((old, _)) = link.take() {
            self.current.send_replace(None);
            let _ = old.close().await;
        }
        match self.offer().await {
            Ok(opened) => {
                *link = Some(opened);
                // The offer or its answer may be lost on the way.
                self.reconnect_at = Some(tokio::time::Instant::now() + CONNECT_WITHIN);
            }
            Err(error) => {
                tracing::warn!(%error, "cannot connect media");
                self.reconnect_at = Some(tokio::time::Instant::now() + RECONNECT_AFTER);
            }
        }
    }

    async fn offer(&mut self) -> Result<(Arc<MediaConnection>, Events), ConnectionError> {
        let (connection, events) = MediaConnection::builder(&self.media)
            .udp_addr(self.udp_addr.clone())
            .track(self.tracks.sound)
            .track(self.tracks.picture)
            .open()
            .await?;
        let sdp = connection.create_offer().await?;
        self.session.signal(MediaSignal::Offer { sdp }).await;
        Ok((Arc::new(connection), events))
    }

    /// Media is lost while the group lives: it is connected again, without a change of keys.
    async fn lose(&mut self, link: &mut Link) {
        self.current.send_replace(None);
        if let Some((connection, _)) = link.take() {
            let _ = connection.close().await;
            self.note(|progress, _| progress.media_reconnects += 1);
            self.reconnect_at = Some(tokio::time::Instant::now() + RECONNECT_AFTER);
        }
    }

    /// Takes what is still on its way, and closes.
    async fn drain(&mut self, link: &mut Link) {
        self.publisher = None;
        let end = tokio::time::Instant::now() + DRAIN;
        while let Ok(Some(event)) = tokio::time::timeout_at(end, next_event(link)).await {
            if let ConnectionEvent::Packet(RemotePacket { kind, packet, .. }) = event {
                self.reassembly
                    .push(kind, packet, self.media.origin().now());
            }
            self.take_frames(&None).await;
        }
        if let Some((connection, _)) = link.take() {
            let _ = connection.close().await;
        }
    }

    /// Hands whole frames on, under the name of the key that opened them.
    async fn take_frames(&mut self, link: &Link) {
        while let Some(assembled) = self.reassembly.poll() {
            match assembled {
                Assembled::Frame(frame) => self.take_frame(&frame),
                Assembled::KeyframeWanted { ssrc } => {
                    if let Some((connection, _)) = link {
                        let _ = connection.request_keyframe(ssrc).await;
                    }
                }
                Assembled::Lost { .. } => {}
            }
        }
    }

    fn take_frame(&mut self, frame: &MediaFrame) {
        let Some(owner) = self.media.owners().owner(frame.ssrc) else {
            return;
        };
        if let Some(on_frame) = &mut self.on_frame {
            on_frame(&owner.participant, frame);
        }
        if let Some(recorder) = &mut self.recorder
            && let Err(error) = recorder.record(&owner.participant, frame)
        {
            tracing::error!(%error, "cannot record");
            self.note(|progress, _| progress.trouble = Some(error.to_string()));
        }
    }

    fn give_keyframe(&self, ssrc: Ssrc) {
        if let Some(publisher) = &self.publisher {
            publisher.request_keyframe(ssrc);
        }
    }

    fn note(&self, note: impl FnOnce(&mut Progress, Moment)) {
        let now = self.media.origin().now();
        note(
            &mut self.progress.lock().unwrap_or_else(PoisonError::into_inner),
            now,
        );
    }
}

/// The next event of the media connection; never, while there is none.
async fn next_event(link: &mut Link) -> Option<ConnectionEvent> {
    match link {
        Some((_, events)) => events.next().await,
        None => std::future::pending().await,
    }
}

async fn until(instant: Option<tokio::time::Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
