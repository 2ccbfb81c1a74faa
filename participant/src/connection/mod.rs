//! One peer connection to an SFU, with end-to-end encryption and loss repair in place.
//!
//! The participant offers once, with what it sends; the SFU answers, and offers again whenever
//! there is more to receive. SDP travels as text over whatever signaling there is; candidates are
//! in it.
//!
//! ```no_run
//! # use mls_srtp::id::Ssrc;
//! # use mls_srtp_participant::connection::{
//! #     ConnectionError, ConnectionEvent, LocalTrack, MediaConnection,
//! # };
//! # use mls_srtp_participant::{e2e::E2eMedia, kind::MediaKind, stream::SenderStream};
//! # async fn ask(offer: String) -> String { offer }
//! # async fn example(media: E2eMedia, opus: bytes::Bytes) -> Result<(), ConnectionError> {
//! let ssrc = Ssrc::new(0x1234_5678);
//! let microphone = LocalTrack { kind: MediaKind::Audio, ssrc, rtx_ssrc: None };
//! let (connection, mut events) =
//!     MediaConnection::builder(&media).track(microphone).open().await?;
//! let answer = ask(connection.create_offer().await?).await;
//! connection.handle_answer(&answer).await?;
//!
//! // Keep the stream for the next connection: its numbers must not start over.
//! let mut stream = SenderStream::new(MediaKind::Audio, ssrc);
//! for packet in stream.packetize(0, &opus).expect("an Opus packet fits") {
//!     connection.send(packet).await?;
//! }
//! while let Some(event) = events.next().await {
//!     if let ConnectionEvent::Packet(received) = event {
//!         let whose = media.owners().owner(received.ssrc);
//!         println!("{whose:?} sent {} bytes", received.packet.payload.len());
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod builder;
mod engine;
mod events;
mod keyframes;
mod sockets;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mls_srtp::id::Ssrc;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtp;
use tokio::sync::{Mutex, watch};
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::peer_connection::{PeerConnection, RTCSessionDescription, StatsSelector};

pub use builder::{ConnectionBuilder, LocalTrack};
pub use events::{ConnectionEvent, ConnectionState, Events, RemotePacket};

use crate::e2e::E2eMedia;
use events::Shared;

/// How long an SDP waits for our candidates. Host candidates are there at once; without a network
/// the SDP goes out as it is.
const GATHERING: Duration = Duration::from_secs(2);

/// Why a connection did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The other side's SDP was not understood: its fault.
    #[error("the description of the other side was refused: {0}")]
    RemoteDescription(webrtc::error::Error),
    /// An offer came while ours waits for its answer: answer first, or open a new connection.
    #[error("our own offer is not answered yet")]
    OfferPending,
    /// Packets cannot go out, now or any more. Keep counting and try the next one.
    #[error("the peer connection is not connected")]
    NotConnected,
    /// No such stream is sent, or none was received yet: the caller's mistake.
    #[error("stream {0} is not on this connection")]
    UnknownStream(Ssrc),
    /// Something failed inside `webrtc`.
    #[error(transparent)]
    Webrtc(#[from] webrtc::error::Error),
}

/// A peer connection to an SFU.
///
/// Close it with [`MediaConnection::close`]; dropped without, it closes in the background. What
/// outlives it are the participant's [`E2eMedia`] and
/// [`SenderStream`](crate::stream::SenderStream)s: give them to the next connection.
pub struct MediaConnection {
    peer: Arc<dyn PeerConnection>,
    tracks: HashMap<Ssrc, Arc<TrackLocalStaticRTP>>,
    shared: Arc<Shared>,
    gathered: watch::Receiver<bool>,
    /// Held from a description's arrival to its answer: descriptions are handled one by one.
    negotiating: Mutex<()>,
    closed: AtomicBool,
}

impl MediaConnection {
    /// Begins to set up a connection of the participant that `media` belongs to.
    pub fn builder(media: &E2eMedia) -> ConnectionBuilder {
        ConnectionBuilder::new(media)
    }

    /// An offer of everything that we send, as SDP with our candidates.
    ///
    /// # Errors
    /// [`ConnectionError::Webrtc`].
    pub async fn create_offer(&self) -> Result<String, ConnectionError> {
        let _alone = self.negotiating.lock().await;
        let offer = self.peer.create_offer(None).await?;
        self.describe(offer).await
    }

    /// The same with new ICE credentials: for a connection that was lost, or when the network
    /// changed.
    ///
    /// # Errors
    /// [`ConnectionError::Webrtc`].
    pub async fn restart_ice(&self) -> Result<String, ConnectionError> {
        self.peer.restart_ice().await?;
        self.create_offer().await
    }

    /// Takes the answer to our offer.
    ///
    /// # Errors
    /// [`ConnectionError::RemoteDescription`].
    pub async fn handle_answer(&self, sdp: &str) -> Result<(), ConnectionError> {
        let _alone = self.negotiating.lock().await;
        self.set_remote(RTCSessionDescription::answer(sdp.to_owned()))
            .await
    }

    /// Takes an offer and answers it.
    ///
    /// # Errors
    /// [`ConnectionError::OfferPending`], [`ConnectionError::RemoteDescription`],
    /// [`ConnectionError::Webrtc`].
    pub async fn handle_offer(&self, sdp: &str) -> Result<String, ConnectionError> {
        let _alone = self.negotiating.lock().await;
        if self.peer.pending_local_description().await.is_some() {
            return Err(ConnectionError::OfferPending);
        }
        self.set_remote(RTCSessionDescription::offer(sdp.to_owned()))
            .await?;
        let answer = self.peer.create_answer(None).await?;
        self.describe(answer).await
    }

    /// Sends a packet of one of our streams; it is encrypted on the way out. Waits while 256
    /// packets are ahead of it.
    ///
    /// # Errors
    /// [`ConnectionError::UnknownStream`], [`ConnectionError::NotConnected`].
    pub async fn send(&self, packet: rtp::Packet) -> Result<(), ConnectionError> {
        let ssrc = Ssrc::new(packet.header.ssrc);
        let track = self
            .tracks
            .get(&ssrc)
            .ok_or(ConnectionError::UnknownStream(ssrc))?;
        if self.state() != ConnectionState::Connected {
            return Err(ConnectionError::NotConnected);
        }
        track
            .write_rtp(packet)
            .await
            .map_err(|_| ConnectionError::NotConnected)
    }

    /// Asks the sender of a received picture for a keyframe (PLI, RFC 4585 §6.3.1).
    ///
    /// # Errors
    /// [`ConnectionError::UnknownStream`] before its first packet,
    /// [`ConnectionError::NotConnected`].
    pub async fn request_keyframe(&self, ssrc: Ssrc) -> Result<(), ConnectionError> {
        let track = self.shared.remote_track(ssrc);
        let track = track.ok_or(ConnectionError::UnknownStream(ssrc))?;
        let request = PictureLossIndication {
            sender_ssrc: 0,
            media_ssrc: ssrc.get(),
        };
        let request: Box<dyn rtc::rtcp::Packet> = Box::new(request);
        track
            .write_rtcp(vec![request])
            .await
            .map_err(|_| ConnectionError::NotConnected)
    }

    /// How the connection stands.
    pub fn state(&self) -> ConnectionState {
        match self.closed.load(Ordering::Acquire) {
            true => ConnectionState::Closed,
            false => self.shared.state(),
        }
    }

    /// Received packets that were dropped because [`Events`] was not read fast enough.
    pub fn dropped_packets(&self) -> u64 {
        self.shared.dropped()
    }

    /// How the hop to the SFU is encrypted, by the name of its DTLS-SRTP profile; `None` before it
    /// is connected.
    pub async fn hop_cipher(&self) -> Option<String> {
        let report = self
            .peer
            .get_stats(Instant::now(), StatsSelector::None)
            .await;
        let cipher = report.transport()?.srtp_cipher.clone();
        (!cipher.is_empty()).then_some(cipher)
    }

    /// Ends the connection and its tasks. Closing twice is no error.
    ///
    /// # Errors
    /// [`ConnectionError::Webrtc`]; the connection is unusable then as well.
    pub async fn close(&self) -> Result<(), ConnectionError> {
        self.closed.store(true, Ordering::Release);
        self.peer.close().await?;
        Ok(())
    }

    async fn set_remote(
        &self,
        description: webrtc::error::Result<RTCSessionDescription>,
    ) -> Result<(), ConnectionError> {
        let description = description.map_err(ConnectionError::RemoteDescription)?;
        let set = self.peer.set_remote_description(description).await;
        set.map_err(ConnectionError::RemoteDescription)
    }

    /// Applies our description and gives it back with candidates.
    async fn describe(&self, ours: RTCSessionDescription) -> Result<String, ConnectionError> {
        let without_candidates = ours.sdp.clone();
        self.peer.set_local_description(ours).await?;
        let mut gathered = self.gathered.clone();
        // Neither a closed channel nor the time running out is an error: see `GATHERING`.
        let _ = tokio::time::timeout(GATHERING, gathered.wait_for(|done| *done)).await;
        let described = self.peer.local_description().await;
        Ok(described.map_or(without_candidates, |description| description.sdp))
    }
}

impl Drop for MediaConnection {
    fn drop(&mut self) {
        if self.closed.load(Ordering::Acquire) {
            return;
        }
        // `webrtc` leaves the connection's task running when its handle is dropped.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let peer = Arc::clone(&self.peer);
            runtime.spawn(async move {
                let _ = peer.close().await;
            });
        }
    }
}
