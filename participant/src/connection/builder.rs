//! Setting a connection up.

use std::collections::HashMap;
use std::sync::Arc;

use mls_srtp::id::Ssrc;
use rtc::interceptor::{BoxedInterceptor, Interceptor, Slot};
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodingParameters, RTCRtpEncodingParameters, RTCRtpRtxParameters,
};
use rtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};
use tokio::sync::{Mutex, watch};
use webrtc::media_stream::MediaStreamTrack;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::peer_connection::{PeerConnection, PeerConnectionBuilder};
use webrtc::runtime::default_runtime;

use super::events::{self, Events, Handler};
use super::sockets::Buffered;
use super::{ConnectionError, MediaConnection, engine};
use crate::e2e::E2eMedia;
use crate::kind::MediaKind;

/// A stream that we send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalTrack {
    /// What it carries.
    pub kind: MediaKind,
    /// Its SSRC, free in the whole room.
    pub ssrc: Ssrc,
    /// The SSRC of its retransmissions (RFC 4588), free in the whole room; only for pictures.
    /// Without one, lost packets are sent again as they were.
    pub rtx_ssrc: Option<Ssrc>,
}

/// What a [`MediaConnection`] is made of.
pub struct ConnectionBuilder {
    media: E2eMedia,
    udp_addrs: Vec<String>,
    tracks: Vec<LocalTrack>,
    interceptors: Vec<(Slot, BoxedInterceptor)>,
    event_capacity: usize,
}

impl ConnectionBuilder {
    pub(super) fn new(media: &E2eMedia) -> Self {
        Self {
            media: media.clone(),
            udp_addrs: Vec::new(),
            tracks: Vec::new(),
            interceptors: Vec::new(),
            event_capacity: 2_048,
        }
    }

    /// Binds a UDP address, as `address:port`; port 0 takes a free one. Default: every address of
    /// the machine but loopback.
    #[must_use]
    pub fn udp_addr(mut self, addr: impl Into<String>) -> Self {
        self.udp_addrs.push(addr.into());
        self
    }

    /// Sends a stream.
    #[must_use]
    pub fn track(mut self, track: LocalTrack) -> Self {
        self.tracks.push(track);
        self
    }

    /// Adds an interceptor of the application's own, for instance for congestion control. The
    /// slots of [`crate::e2e`] and [`crate::rtx`] and those of `rtc`'s NACK and report
    /// interceptors are taken; what sits below them sees ciphertext.
    #[must_use]
    pub fn interceptor(mut self, slot: Slot, interceptor: impl Interceptor + 'static) -> Self {
        self.interceptors.push((slot, Box::new(interceptor)));
        self
    }

    /// How many events wait to be read; packets beyond are dropped and counted. Default 2,048,
    /// at least 128.
    #[must_use]
    pub fn event_capacity(mut self, events: usize) -> Self {
        self.event_capacity = events;
        self
    }

    /// Opens the sockets and starts the connection's task on the present tokio runtime. Read
    /// [`Events`] promptly.
    ///
    /// # Errors
    /// [`ConnectionError::Webrtc`], for instance if an address cannot be bound.
    pub async fn open(mut self) -> Result<(MediaConnection, Events), ConnectionError> {
        if self.udp_addrs.is_empty() {
            self.udp_addrs.push("0.0.0.0:0".to_owned());
        }
        let (shared, events) = events::channel(self.event_capacity);
        let (gathered_tx, gathered) = watch::channel(false);
        let media_engine = engine::media_engine()?;
        let registry = engine::registry(&self.media, &shared);
        let registry = self
            .interceptors
            .into_iter()
            .fold(registry, |registry, (slot, interceptor)| {
                registry.with(slot, interceptor)
            });
        #[expect(
            clippy::expect_used,
            reason = "a feature of a dependency, no matter of input"
        )]
        let runtime = default_runtime().expect("the tokio runtime is compiled in");
        let peer = PeerConnectionBuilder::new()
            .with_runtime(Arc::new(Buffered(runtime)))
            .with_media_engine(media_engine)
            .with_setting_engine(engine::setting_engine())
            .with_interceptor_registry(registry)
            .with_handler(Arc::new(Handler::new(Arc::clone(&shared), gathered_tx)))
            .with_udp_addrs(self.udp_addrs)
            .build()
            .await?;
        if self.tracks.is_empty() {
            offer_to_receive(&peer).await?;
        }
        let mut tracks = HashMap::new();
        for track in &self.tracks {
            tracks.insert(track.ssrc, add_track(&peer, track).await?);
        }
        let connection = MediaConnection {
            peer: Arc::new(peer),
            tracks,
            shared,
            gathered,
            negotiating: Mutex::new(()),
            closed: false.into(),
        };
        Ok((connection, events))
    }
}

/// An offer has a section for media even if we send none: in it, what others send begins.
async fn offer_to_receive(peer: &impl PeerConnection) -> Result<(), ConnectionError> {
    let init = RTCRtpTransceiverInit {
        direction: RTCRtpTransceiverDirection::Recvonly,
        streams: Vec::new(),
        send_encodings: Vec::new(),
    };
    peer.add_transceiver_from_kind(RtpCodecKind::Audio, Some(init))
        .await?;
    Ok(())
}

async fn add_track(
    peer: &impl PeerConnection,
    track: &LocalTrack,
) -> Result<Arc<TrackLocalStaticRTP>, ConnectionError> {
    let kind = match track.kind {
        MediaKind::Audio => RtpCodecKind::Audio,
        MediaKind::Video => RtpCodecKind::Video,
    };
    let rtx = track.rtx_ssrc.filter(|_| track.kind == MediaKind::Video);
    let encoding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters {
            ssrc: Some(track.ssrc.get()),
            rtx: rtx.map(|ssrc| RTCRtpRtxParameters { ssrc: ssrc.get() }),
            ..RTCRtpCodingParameters::default()
        },
        active: true,
        codec: engine::codec(track.kind).rtp_codec,
        ..RTCRtpEncodingParameters::default()
    };
    // Names in SDP carry nothing: who sends a stream is known by the key that opens it.
    let id = format!("{}-{}", track.kind, track.ssrc);
    let encodings = vec![encoding.clone()];
    let stream = MediaStreamTrack::new("media".into(), id.clone(), id, kind, encodings);
    let local = Arc::new(TrackLocalStaticRTP::new(stream));
    let init = RTCRtpTransceiverInit {
        direction: RTCRtpTransceiverDirection::Sendonly,
        streams: vec!["media".into()],
        send_encodings: vec![encoding],
    };
    let sent = Arc::clone(&local) as Arc<dyn TrackLocal>;
    peer.add_transceiver_from_track(sent, Some(init)).await?;
    Ok(local)
}
