//! Settings, their defaults and the price of changing them.

use std::net::SocketAddr;
use std::time::Duration;

use crate::allowance::Allowance;
use crate::error::SfuError;

/// How the payloads of a room are laid out; decides what may be written behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PayloadFormat {
    /// The payload ends with an Original Header Block (RFC 8723 §4). When a leg needs another
    /// payload type, the original is recorded there; every byte before the block stays as it is.
    #[default]
    Double,
    /// The payload is never touched (SFrame and anything else that binds no header field).
    Opaque,
}

/// Settings of an [`crate::Sfu`]. Start from [`SfuConfig::new`] and change fields.
#[derive(Clone, Debug)]
pub struct SfuConfig {
    /// The address clients send to, written into every SDP as the only candidate. Behind NAT this
    /// is the outside address.
    pub public_addr: SocketAddr,
    /// Payload format of rooms that were not configured one by one. Default `Double`.
    pub default_format: PayloadFormat,
    /// Most participants of one room. Default 200: a mesh of 200 audio streams already costs
    /// some 40 000 legs, and the SDP of each participant grows with every other one.
    pub max_participants_per_room: usize,
    /// Most streams one participant may publish. Default 4: microphone, camera, screen and
    /// its sound.
    pub max_streams_per_publisher: usize,
    /// Offers one participant may make, refused ones included. Default 5 at once and one every 2 s
    /// beyond: a client whose connection fails again and again pauses longer, and everybody's
    /// media stands still while an offer is worked at.
    pub offers: Allowance,
    /// Streams that are new to the room, of one participant; those that a new connection only
    /// carries on do not count. Default 64 at once and one every 10 s beyond: each takes a media
    /// section of everybody else for good, and there are [`Self::max_media_sections`] of them.
    pub new_streams: Allowance,
    /// Largest accepted session description in bytes. Default 256 KiB: an answer to 200 remote
    /// tracks takes about 150 KB.
    pub max_sdp_bytes: usize,
    /// Most media sections of one peer connection, dead ones included, because a section cannot
    /// leave an SDP again (RFC 9429 §5.2.2). Beyond it the participant is disconnected with
    /// [`crate::DisconnectReason::SectionsExhausted`] and starts over. Default 512.
    pub max_media_sections: usize,
    /// How long changes of a room are collected before one offer carries them all. Default 50 ms:
    /// invisible to a person, and a burst of joins costs one renegotiation instead of dozens.
    pub offer_delay: Duration,
    /// How long a client may take to answer an offer before it is disconnected. Default 15 s.
    pub answer_timeout: Duration,
    /// How long a client may take from `connect` to finished DTLS. Default 30 s.
    pub connect_timeout: Duration,
    /// Silence after which a connected client counts as gone. Default 15 s: clients send ICE
    /// checks every few seconds even when they send no media (RFC 7675 allows 30 s).
    pub idle_timeout: Duration,
    /// Shortest time between two keyframe requests to one publisher stream. Default 500 ms.
    pub keyframe_interval: Duration,
    /// Packets kept per leg for retransmission: a power of two, 64 to 1024. Default 128, about
    /// half a second of video. Every leg pays about 100 bytes per slot before the first packet.
    pub nack_buffer: u16,
    /// Header extensions that are forwarded when publisher and subscriber both negotiated them;
    /// all others end at the SFU. Default: audio level (RFC 6464) and video orientation.
    pub forwarded_extensions: Vec<&'static str>,
    /// Most (publisher, subscriber, stream) routes whose counters are kept after they ended.
    /// Default 100 000, about 20 MB; later ones count in the totals only.
    pub max_kept_routes: usize,
}

impl SfuConfig {
    /// The defaults, for clients that reach the SFU at `public_addr`.
    pub fn new(public_addr: SocketAddr) -> Self {
        Self {
            public_addr,
            default_format: PayloadFormat::Double,
            max_participants_per_room: 200,
            max_streams_per_publisher: 4,
            offers: Allowance {
                at_once: 5,
                every: Duration::from_secs(2),
            },
            new_streams: Allowance {
                at_once: 64,
                every: Duration::from_secs(10),
            },
            max_sdp_bytes: 256 * 1024,
            max_media_sections: 512,
            offer_delay: Duration::from_millis(50),
            answer_timeout: Duration::from_secs(15),
            connect_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(15),
            keyframe_interval: Duration::from_millis(500),
            nack_buffer: 128,
            forwarded_extensions: vec![
                "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
                "urn:3gpp:video-orientation",
            ],
            max_kept_routes: 100_000,
        }
    }

    /// Checks what the types cannot express.
    ///
    /// # Errors
    ///
    /// [`SfuError::Config`] naming the first value out of range.
    pub fn validate(&self) -> Result<(), SfuError> {
        if self.public_addr.ip().is_unspecified() {
            return Err(SfuError::Config(
                "public_addr must name a reachable address",
            ));
        }
        if !self.nack_buffer.is_power_of_two() || !(64..=1024).contains(&self.nack_buffer) {
            return Err(SfuError::Config(
                "nack_buffer must be a power of two, 64 to 1024",
            ));
        }
        if self.max_participants_per_room == 0 || self.max_streams_per_publisher == 0 {
            return Err(SfuError::Config("a room needs participants and streams"));
        }
        if self.offers.at_once == 0
            || (self.new_streams.at_once as usize) < self.max_streams_per_publisher
        {
            return Err(SfuError::Config(
                "a participant must be able to offer all its streams at once",
            ));
        }
        Ok(())
    }
}
