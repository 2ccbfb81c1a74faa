//! A participant's media connection, made again whenever it is lost.
//!
//! The group and its keys know nothing of this: a lost peer connection costs no commit. What must
//! not start over lives elsewhere and outlives every connection: send counters in the
//! [`E2eMedia`], RTP numbers in [`SenderStream`](crate::stream::SenderStream)s.
//!
//! A lost connection is replaced by a new one rather than mended by an ICE restart: the SFU takes
//! an offer at any time, puts the new connection in the old one's place, and keeps the streams that
//! go on under their SSRC. That also mends what an ICE restart cannot, an SFU that has forgotten us.
//!
//! Offers travel through the signaling service. While it cannot be reached nothing is tried, and a
//! connection that is up goes on.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use mls_srtp::delivery::MediaSignal;
use mls_srtp::id::Ssrc;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::connection::{
    ConnectionError, ConnectionEvent, ConnectionState, Events, LocalTrack, MediaConnection,
    RemotePacket,
};
use crate::e2e::E2eMedia;
use crate::retry::{Backoff, RetryConfig};

/// Times and limits of a [`MediaLeg`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegConfig {
    /// The UDP address to send from, `address:port`; port 0 takes a free one.
    pub udp_addr: String,
    /// How long a connection may take from its offer until media flows. Default 10 s.
    pub connect_within: Duration,
    /// How long a connection on which nothing comes back, for three seconds already, may take to
    /// recover by itself. Default 1 s. What the SFU or the service notice first, such as the SFU's
    /// own death, they say at once.
    pub recover_within: Duration,
    /// Delays between attempts. Default 500 ms to 10 s.
    pub retry: RetryConfig,
    /// Attempts that may fail in a row before nothing is tried any more until
    /// [`MediaLeg::connect`] is called. Default 20, some three minutes.
    pub attempts: u32,
}

impl LegConfig {
    /// The defaults, sending from `udp_addr`.
    pub fn new(udp_addr: impl Into<String>) -> Self {
        Self {
            udp_addr: udp_addr.into(),
            connect_within: Duration::from_secs(10),
            recover_within: Duration::from_secs(1),
            retry: RetryConfig {
                first: Duration::from_millis(500),
                last: Duration::from_secs(10),
            },
            attempts: 20,
        }
    }
}

/// What a leg tells.
#[derive(Debug)]
#[non_exhaustive]
pub enum LegEvent {
    /// To be sent to the SFU through [`Session::signal`](crate::session::Session::signal).
    Signal(MediaSignal),
    /// Media flows, for the first time or again.
    Connected,
    /// Media is lost, or could not be connected, and is tried again.
    Lost {
        /// Why, for a person.
        reason: String,
        /// When it is tried again.
        retry_in: Duration,
    },
    /// It failed too often in a row. [`MediaLeg::connect`] begins anew.
    GaveUp {
        /// Why it failed last, for a person.
        reason: String,
    },
    /// The SFU knows one of our SSRCs as somebody else's. Give others to [`MediaLeg::set_tracks`];
    /// it connects by itself. Announce them once it has, or they may be taken as well.
    SsrcTaken,
    /// A packet was received and opened.
    Packet(RemotePacket),
    /// Somebody cannot show our picture without a keyframe.
    KeyframeWanted {
        /// Our stream.
        ssrc: Ssrc,
    },
}

type Opened = (MediaConnection, Events, String);
type Attempt = Pin<Box<dyn Future<Output = Result<Opened, ConnectionError>> + Send>>;

enum State {
    /// Not asked for, or given up.
    Idle,
    /// Tried at this time, if the service can be reached then.
    Waiting(Instant),
    /// Sockets are opened and the offer is made.
    Opening(Attempt),
    Live(Live),
}

/// A connection that was offered to the SFU.
struct Live {
    connection: Arc<MediaConnection>,
    events: Events,
    /// What the SFU says before its answer is about a connection before this one.
    answered: bool,
    /// Since when media flows.
    connected: Option<Instant>,
    /// When it counts as lost if nothing changes.
    deadline: Option<Instant>,
}

/// The media connection of a stay. Dropped, it closes.
pub struct MediaLeg {
    media: E2eMedia,
    config: LegConfig,
    tracks: Vec<LocalTrack>,
    state: State,
    /// What packets can be sent on at the moment.
    current: watch::Sender<Option<Arc<MediaConnection>>>,
    backoff: Backoff,
    failures: u32,
    /// Whether the signaling service can be reached.
    reachable: bool,
}

impl MediaLeg {
    /// A leg that sends `tracks`; [`Self::connect`] begins.
    pub fn new(media: E2eMedia, tracks: Vec<LocalTrack>, config: LegConfig) -> Self {
        Self {
            media,
            tracks,
            state: State::Idle,
            current: watch::channel(None).0,
            backoff: Backoff::new(config.retry),
            failures: 0,
            reachable: true,
            config,
        }
    }

    /// Where to send packets: the connection of the moment, or none.
    pub fn sink(&self) -> watch::Receiver<Option<Arc<MediaConnection>>> {
        self.current.subscribe()
    }

    /// Connects, in place of the connection that there may be.
    pub fn connect(&mut self) {
        self.failures = 0;
        self.let_go(State::Waiting(Instant::now()));
    }

    /// Sends other tracks from the next connection on, which is made now if there is one.
    pub fn set_tracks(&mut self, tracks: Vec<LocalTrack>) {
        self.tracks = tracks;
        if !matches!(self.state, State::Idle) {
            self.let_go(State::Waiting(Instant::now()));
        }
    }

    /// The connection to the signaling service was lost: nothing is tried until it is back.
    pub fn signaling_lost(&mut self) {
        self.reachable = false;
        // An offer that is not answered yet may be lost, or its answer.
        let waits = matches!(&self.state, State::Live(live) if live.connected.is_none());
        if waits || matches!(self.state, State::Opening(_)) {
            self.let_go(State::Waiting(Instant::now()));
        }
    }

    /// The connection to the signaling service is back.
    pub fn signaling_back(&mut self) {
        self.reachable = true;
    }

    /// Takes a signal of the SFU. What it leads to is told by [`Self::next`], or returned when it
    /// can be told at once.
    pub async fn handle_signal(&mut self, signal: MediaSignal) -> Option<LegEvent> {
        let State::Live(live) = &mut self.state else {
            return None;
        };
        let result = match signal {
            MediaSignal::Answer { sdp } => {
                live.answered = true;
                live.connection.handle_answer(&sdp).await.map(|()| None)
            }
            MediaSignal::Offer { sdp } => live.connection.handle_offer(&sdp).await.map(Some),
            MediaSignal::Failed { code, detail } => return self.refused(&code, &detail),
            _ => return None,
        };
        match result {
            Ok(answer) => answer.map(|sdp| LegEvent::Signal(MediaSignal::Answer { sdp })),
            Err(error) => Some(self.lose(error.to_string())),
        }
    }

    /// Asks the sender of a picture for a keyframe, if we are connected.
    pub async fn request_keyframe(&mut self, ssrc: Ssrc) {
        if let State::Live(live) = &self.state {
            // The next frame that is missing asks again.
            let _ = live.connection.request_keyframe(ssrc).await;
        }
    }

    /// Waits for something to tell. Cancelling loses nothing.
    pub async fn next(&mut self) -> LegEvent {
        loop {
            match &mut self.state {
                State::Idle => std::future::pending().await,
                State::Waiting(_) if !self.reachable => std::future::pending().await,
                State::Waiting(due) => {
                    tokio::time::sleep_until(*due).await;
                    self.state = State::Opening(self.attempt());
                }
                State::Opening(attempt) => match attempt.await {
                    Ok(opened) => return self.offered(opened),
                    Err(error) => return self.lose(error.to_string()),
                },
                State::Live(live) => {
                    let event = tokio::select! {
                        event = live.events.next() => event,
                        () = until(live.deadline) => {
                            return self.lose("nothing comes back from the SFU".into());
                        }
                    };
                    if let Some(told) = self.heed(event) {
                        return told;
                    }
                }
            }
        }
    }

    /// Ends the connection and stays without one.
    pub async fn close(&mut self) {
        self.current.send_replace(None);
        if let State::Live(live) = std::mem::replace(&mut self.state, State::Idle) {
            let _ = live.connection.close().await;
        }
    }

    fn attempt(&self) -> Attempt {
        let mut builder = MediaConnection::builder(&self.media).udp_addr(&self.config.udp_addr);
        for track in &self.tracks {
            builder = builder.track(*track);
        }
        Box::pin(async move {
            let (connection, events) = builder.open().await?;
            let sdp = connection.create_offer().await?;
            Ok((connection, events, sdp))
        })
    }

    fn offered(&mut self, (connection, events, sdp): Opened) -> LegEvent {
        self.state = State::Live(Live {
            connection: Arc::new(connection),
            events,
            answered: false,
            connected: None,
            deadline: Some(Instant::now() + self.config.connect_within),
        });
        LegEvent::Signal(MediaSignal::Offer { sdp })
    }

    /// What a connection's event means to those above; `None` if nothing.
    fn heed(&mut self, event: Option<ConnectionEvent>) -> Option<LegEvent> {
        let State::Live(live) = &mut self.state else {
            return None;
        };
        match event {
            Some(ConnectionEvent::Packet(packet)) => Some(LegEvent::Packet(packet)),
            Some(ConnectionEvent::KeyframeWanted { ssrc }) => {
                Some(LegEvent::KeyframeWanted { ssrc })
            }
            Some(ConnectionEvent::State(ConnectionState::Connected)) => {
                live.deadline = None;
                if live.connected.is_some() {
                    return None;
                }
                live.connected = Some(Instant::now());
                self.failures = 0;
                self.current
                    .send_replace(Some(Arc::clone(&live.connection)));
                Some(LegEvent::Connected)
            }
            Some(ConnectionEvent::State(ConnectionState::Disconnected)) => {
                live.deadline = Some(Instant::now() + self.config.recover_within);
                None
            }
            Some(ConnectionEvent::State(ConnectionState::Failed)) => {
                Some(self.lose("the connection to the SFU failed".into()))
            }
            Some(ConnectionEvent::State(ConnectionState::Closed)) | None => {
                Some(self.lose("the SFU closed the connection".into()))
            }
            Some(_) => None,
        }
    }

    /// The SFU refused, or has ended the connection.
    fn refused(&mut self, code: &str, detail: &str) -> Option<LegEvent> {
        let State::Live(live) = &self.state else {
            return None;
        };
        match code {
            "disconnected" if !live.answered => None,
            "ssrc_taken" => match self.lose(detail.to_owned()) {
                LegEvent::Lost { .. } => Some(LegEvent::SsrcTaken),
                gave_up => Some(gave_up),
            },
            "may_not_publish" => {
                // To listen is allowed all the same.
                self.tracks.clear();
                Some(self.lose(format!("{detail}; from now on we only listen")))
            }
            _ => Some(self.lose(format!("{code}: {detail}"))),
        }
    }

    /// Lets the connection go and decides about the next attempt.
    fn lose(&mut self, reason: String) -> LegEvent {
        let connected = match &self.state {
            State::Live(live) => live.connected,
            _ => None,
        };
        self.backoff
            .lost_after(connected.map_or(Duration::ZERO, |since| since.elapsed()));
        self.failures += 1;
        if self.failures > self.config.attempts {
            self.let_go(State::Idle);
            return LegEvent::GaveUp { reason };
        }
        let retry_in = self.backoff.delay();
        self.let_go(State::Waiting(Instant::now() + retry_in));
        LegEvent::Lost { reason, retry_in }
    }

    /// Goes on in another state; the connection, if any, closes in the background.
    fn let_go(&mut self, next: State) {
        self.current.send_replace(None);
        if let State::Live(live) = std::mem::replace(&mut self.state, next) {
            tokio::spawn(async move {
                let _ = live.connection.close().await;
            });
        }
    }
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
