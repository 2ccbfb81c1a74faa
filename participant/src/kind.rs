//! Sound or picture, and the numbers that go with it.

use std::fmt;

/// What a stream carries. Each kind has one codec here: Opus (RFC 7587) or VP8 (RFC 7741).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MediaKind {
    /// Opus, RTP clock 48 kHz, payload type 111.
    Audio,
    /// VP8, RTP clock 90 kHz, payload type 96; its retransmissions carry 97.
    Video,
}

/// Payload type of VP8 retransmissions (RFC 4588).
pub const RTX_PAYLOAD_TYPE: u8 = 97;

impl MediaKind {
    /// RTP clock rate in Hz.
    pub const fn clock_rate(self) -> u32 {
        match self {
            Self::Audio => 48_000,
            Self::Video => 90_000,
        }
    }

    /// The payload type that we offer.
    pub const fn payload_type(self) -> u8 {
        match self {
            Self::Audio => 111,
            Self::Video => 96,
        }
    }
}

impl fmt::Display for MediaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Audio => "audio",
            Self::Video => "video",
        })
    }
}
