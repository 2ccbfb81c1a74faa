//! What a connection tells, through one bounded channel.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use mls_srtp::id::Ssrc;
use rtc::rtp;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use tokio::sync::{mpsc, watch};
use tracing::debug;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    PeerConnectionEventHandler, RTCIceGatheringState, RTCPeerConnectionState,
};

use crate::kind::MediaKind;

/// Places in the channel that packets leave free, so that a flood of them hides nothing else.
const RESERVE: usize = 64;

/// How a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ConnectionState {
    /// Not negotiated yet, or on the way.
    #[default]
    Connecting,
    /// Media flows.
    Connected,
    /// Nothing comes back at the moment; it may recover by itself.
    Disconnected,
    /// It will not recover by itself: restart ICE or open a new connection.
    Failed,
    /// Over.
    Closed,
}

/// An opened packet of somebody else's stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemotePacket {
    /// The stream; [`StreamOwners`](crate::e2e::StreamOwners) knows whose it is.
    pub ssrc: Ssrc,
    /// What it carries.
    pub kind: MediaKind,
    /// The packet as its sender made it, but for the hop's header extensions.
    pub packet: rtp::Packet,
}

/// Something a connection tells.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionEvent {
    /// The connection stands differently.
    State(ConnectionState),
    /// A packet was received and opened.
    Packet(RemotePacket),
    /// Somebody cannot show our picture without a keyframe. Repeated until one comes; answer at
    /// most every 300 ms or so.
    KeyframeWanted {
        /// Our stream.
        ssrc: Ssrc,
    },
}

/// The receiving end; `None` once the connection is gone.
pub struct Events(mpsc::Receiver<ConnectionEvent>);

impl Events {
    /// The next event. Cancelling loses none.
    pub async fn next(&mut self) -> Option<ConnectionEvent> {
        self.0.recv().await
    }
}

pub(super) fn channel(capacity: usize) -> (Arc<Shared>, Events) {
    let (sender, receiver) = mpsc::channel(capacity.max(2 * RESERVE));
    let shared = Shared {
        events: sender,
        dropped: AtomicU64::new(0),
        state: Mutex::default(),
        remote: Mutex::default(),
    };
    (Arc::new(shared), Events(receiver))
}

/// What the connection's tasks and its handle share.
pub(super) struct Shared {
    events: mpsc::Sender<ConnectionEvent>,
    dropped: AtomicU64,
    state: Mutex<ConnectionState>,
    remote: Mutex<HashMap<Ssrc, Arc<dyn TrackRemote>>>,
}

impl Shared {
    /// Never waits: `webrtc` runs handlers on the task that moves packets.
    pub(super) fn emit(&self, event: ConnectionEvent) {
        let packet = matches!(event, ConnectionEvent::Packet(_));
        if packet && self.events.capacity() <= RESERVE {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if let Err(mpsc::error::TrySendError::Full(event)) = self.events.try_send(event) {
            debug!(?event, "nobody reads the events");
        }
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub(super) fn state(&self) -> ConnectionState {
        *unpoisoned(&self.state)
    }

    pub(super) fn remote_track(&self, ssrc: Ssrc) -> Option<Arc<dyn TrackRemote>> {
        unpoisoned(&self.remote).get(&ssrc).cloned()
    }

    fn set_state(&self, state: ConnectionState) {
        let before = std::mem::replace(&mut *unpoisoned(&self.state), state);
        if before != state {
            self.emit(ConnectionEvent::State(state));
        }
    }

    /// Hands a track's packets on until it ends.
    async fn drain(self: Arc<Self>, track: Arc<dyn TrackRemote>) {
        let kind = match track.kind().await {
            RtpCodecKind::Audio => MediaKind::Audio,
            RtpCodecKind::Video => MediaKind::Video,
            _ => return,
        };
        let mut seen = Vec::new();
        while let Some(event) = track.poll().await {
            match event {
                TrackRemoteEvent::OnRtpPacket(packet) => {
                    let ssrc = Ssrc::new(packet.header.ssrc);
                    if !seen.contains(&ssrc) {
                        seen.push(ssrc);
                        unpoisoned(&self.remote).insert(ssrc, Arc::clone(&track));
                    }
                    let packet = RemotePacket { ssrc, kind, packet };
                    self.emit(ConnectionEvent::Packet(packet));
                }
                TrackRemoteEvent::OnEnded => break,
                _ => {}
            }
        }
        unpoisoned(&self.remote).retain(|_, kept| !Arc::ptr_eq(kept, &track));
    }
}

/// Nothing here is left half changed by a panic.
fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What `webrtc` calls.
pub(super) struct Handler {
    shared: Arc<Shared>,
    gathered: watch::Sender<bool>,
}

impl Handler {
    pub(super) fn new(shared: Arc<Shared>, gathered: watch::Sender<bool>) -> Self {
        Self { shared, gathered }
    }
}

#[async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        self.gathered
            .send_replace(state == RTCIceGatheringState::Complete);
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.shared.set_state(match state {
            RTCPeerConnectionState::Connected => ConnectionState::Connected,
            RTCPeerConnectionState::Disconnected => ConnectionState::Disconnected,
            RTCPeerConnectionState::Failed => ConnectionState::Failed,
            RTCPeerConnectionState::Closed => ConnectionState::Closed,
            _ => ConnectionState::Connecting,
        });
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        tokio::spawn(Arc::clone(&self.shared).drain(track));
    }
}
