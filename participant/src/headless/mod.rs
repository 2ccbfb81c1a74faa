//! A participant without a screen: joins a room, publishes recordings as microphone and camera,
//! receives, decrypts and reassembles what everybody else sends.
//!
//! It is made of the same parts that an application uses, so it shows how they fit together:
//! a [`Session`] for the keys, a [`MediaLeg`] for the packets, one [`E2eMedia`] between.

mod run;
mod tracks;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use mls_srtp::ManagerConfig;
use mls_srtp::event::Event;
use mls_srtp::group::{Identity, MlsSuite, SafetyNumber};
use mls_srtp::id::{ParticipantId, RoomName};
use mls_srtp::pipeline::{FramePipeline, MediaConfig, MediaPipeline};
use mls_srtp::schedule::ModeKind;
use mls_srtp::time::Moment;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::clock::ClockOrigin;
use crate::e2e::{E2eMedia, FrameOpener, FrameSealer};
use crate::leg::{LegConfig, MediaLeg};
use crate::publish::{Player, PublishLog, Publisher, Source};
use crate::reassemble::{AssemblerConfig, MediaFrame, Reassembly};
use crate::record::{RecordError, RecordedFile, Recorder};
use crate::session::{KeyWitness, LinkConfig, Session, SessionConfig, SessionError};
use crate::state::StateConfig;
use run::Run;
use tracks::Tracks;

/// Sees every whole frame, with its sender by the key that opened it.
pub type FrameObserver = Box<dyn FnMut(&ParticipantId, &MediaFrame) + Send>;

/// Hears every fact about the group.
pub type EventObserver = Box<dyn FnMut(&Event) + Send>;

/// What a headless participant does.
pub struct HeadlessConfig {
    /// The signaling service, `ws://host:port/` or `wss://host/`.
    pub url: String,
    /// The room.
    pub room: RoomName,
    /// Who it is.
    pub participant: ParticipantId,
    /// Its signature key with evidence, where they come from elsewhere.
    pub identity: Option<Identity>,
    /// Times and trust of the key manager.
    pub manager: ManagerConfig,
    /// Proof of admission where the service asks for one.
    pub token: Option<String>,
    /// Where its media is sent from, and how it is connected again.
    pub leg: LegConfig,
    /// Times of the connection to the service, and whom it trusts.
    pub link: LinkConfig,
    /// Where its key and its stay are kept, if they are.
    pub state: Option<StateConfig>,
    /// What its microphone hears.
    pub sound: Arc<Source>,
    /// What its camera sees.
    pub picture: Arc<Source>,
    /// How the room protects media; another room is not entered.
    pub mode: ModeKind,
    /// Where to record what it decrypts.
    pub record: Option<PathBuf>,
    /// Where its moments begin.
    pub origin: ClockOrigin,
    /// Sees every whole frame.
    pub on_frame: Option<FrameObserver>,
    /// Hears every fact about the group.
    pub on_event: Option<EventObserver>,
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
    /// The stronger suite that all members could have, if the group's is weaker.
    pub stronger_suite: Option<MlsSuite>,
    /// How many epochs it has been in.
    pub epochs: Vec<u64>,
    /// When it asked to join.
    pub asked_at: Moment,
    /// When it was in the group.
    pub joined_at: Option<Moment>,
    /// When its media was first connected.
    pub media_at: Option<Moment>,
    /// When it had decrypted its first packet.
    pub first_packet_at: Option<Moment>,
    /// When it asked to leave.
    pub leaving_at: Option<Moment>,
    /// When its stay was over.
    pub ended_at: Option<Moment>,
    /// How it ended, if not as asked.
    pub trouble: Option<String>,
    /// Why media last failed.
    pub media_trouble: Option<String>,
    /// Whether media is connected now.
    pub media_up: bool,
    /// How often media was lost and connected again.
    pub media_reconnects: u32,
    /// How often the connection to the service was lost and made again.
    pub signaling_reconnects: u32,
    /// In a room of frames: the packets of opened frames.
    pub opened_packets: u64,
    /// In a room of frames: packets that were received but belong to no frame of ours, because
    /// they came twice, or are the rest of a picture that was under way when we came.
    pub superfluous_packets: u64,
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
    Suspend,
    SafetyNumber(ParticipantId, oneshot::Sender<Option<SafetyNumber>>),
}

/// A participant's keys for rooms of that mode.
fn keys(mode: ModeKind, origin: ClockOrigin) -> E2eMedia {
    let config = MediaConfig::default();
    match mode {
        ModeKind::Sframe => {
            let pipeline = FramePipeline::new(config);
            E2eMedia::for_frames(Arc::new(Mutex::new(pipeline)), origin)
        }
        _ => {
            let pipeline = MediaPipeline::new(config);
            E2eMedia::new(Arc::new(Mutex::new(pipeline)), origin)
        }
    }
}

impl Headless {
    /// Asks to join. Everything else happens by itself.
    ///
    /// # Errors
    /// [`HeadlessError`] when the service cannot be reached or the folder for recordings cannot be
    /// made.
    pub async fn start(config: HeadlessConfig) -> Result<Self, HeadlessError> {
        let recorder = config.record.map(Recorder::new).transpose()?;
        let media = keys(config.mode, config.origin);
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
            streams: tracks.announced(config.mode),
            identity: config.identity,
            manager: config.manager,
            link: config.link,
            state: config.state,
        };
        let (session, events) = Session::join_with(session, media.clone(), config.witness).await?;
        let leg = MediaLeg::new(media.clone(), tracks.local(), config.leg);
        let [sound, picture] = tracks.streams();
        let mut players = vec![
            Player::new(config.sound, sound),
            Player::new(config.picture, picture),
        ];
        let sealed = config.mode == ModeKind::Sframe;
        if sealed {
            let sealer = |number| FrameSealer::new(&media, number);
            let numbered = players.into_iter().zip([tracks::SOUND, tracks::PICTURE]);
            players = numbered
                .map(|(player, number)| player.sealed_by(sealer(number)))
                .collect();
        }
        let publisher = Publisher::start(players, leg.sink(), config.origin);
        let log = publisher.log().clone();
        let (orders, inbox) = mpsc::channel(4);
        let run = Run {
            session,
            media: media.clone(),
            leg,
            publisher: Some(publisher),
            tracks,
            untold: false,
            reassembly: Reassembly::new(AssemblerConfig {
                sealed,
                ..AssemblerConfig::default()
            }),
            opener: sealed.then(|| FrameOpener::new(&media)),
            recorder,
            on_frame: config.on_frame,
            on_event: config.on_event,
            progress: Arc::clone(&progress),
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

    /// What to compare with another member; `None` if either of both is none.
    pub async fn safety_number(&self, participant: &ParticipantId) -> Option<SafetyNumber> {
        let (answer, number) = oneshot::channel();
        let question = Order::SafetyNumber(participant.clone(), answer);
        self.orders.send(question).await.ok()?;
        number.await.ok()?
    }

    /// Sends no more media, but stays.
    pub async fn stop_publishing(&self) {
        let _ = self.orders.send(Order::StopPublishing).await;
    }

    /// Asks to leave; [`Headless::end`] waits for it.
    pub async fn leave(&self) {
        let _ = self.orders.send(Order::Leave).await;
    }

    /// Asks to stop without leaving, to go on later from its state; [`Headless::end`] waits for it.
    pub async fn suspend(&self) {
        let _ = self.orders.send(Order::Suspend).await;
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
