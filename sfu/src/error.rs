//! What can go wrong, sorted by whose fault it is.

use std::net::SocketAddr;

use crate::contained::Panicked;

/// Who has to change something before the same request can succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The participant's client sent something wrong or took something that is taken.
    Client,
    /// The program that drives the SFU (the signaling server, usually).
    Caller,
    /// The machine or its network.
    System,
    /// The SFU or the WebRTC engine below it.
    Internal,
}

/// Why a command was refused. Nothing changed when a command returns an error, but that a refused
/// offer counts among the participant's offers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SfuError {
    // The client's.
    /// The session description exceeds [`crate::SfuConfig::max_sdp_bytes`].
    #[error("session description of {bytes} bytes exceeds the limit of {limit}")]
    SdpTooLarge {
        /// Size of the refused description.
        bytes: usize,
        /// The configured limit.
        limit: usize,
    },
    /// The session description cannot be parsed or misses something required.
    #[error("malformed session description: {0}")]
    MalformedSdp(String),
    /// The description asks for something this SFU does not do.
    #[error("session description not supported: {0}")]
    UnsupportedSdp(&'static str),
    /// A media section has no codec in common with the SFU.
    #[error("no common codec in media section {mid:?}")]
    NoCommonCodec {
        /// The section's `mid`.
        mid: String,
    },
    /// Another participant of the room already uses this SSRC: offer again with another one.
    #[error("SSRC {ssrc:#010x} is already used in the room")]
    SsrcTaken {
        /// The SSRC both want.
        ssrc: u32,
    },
    /// More streams than [`crate::SfuConfig::max_streams_per_publisher`].
    #[error("more than {limit} streams in one offer")]
    TooManyStreams {
        /// The configured limit.
        limit: usize,
    },
    /// More than [`crate::SfuConfig::offers`] or [`crate::SfuConfig::new_streams`] allow: wait and
    /// offer again.
    #[error("too many offers or new streams of this participant; wait and offer again")]
    TooManyOffers,
    /// The offer has streams, and the participant may not send: offer again to receive only.
    #[error("this participant may not send media; offer again to receive only")]
    MayNotPublish,
    /// An answer arrived although no offer of the SFU waits for one.
    #[error("no offer is waiting for an answer")]
    NoOfferOutstanding,
    /// An answer does not fit the offer it answers.
    #[error("answer does not match the offer: {0}")]
    AnswerMismatch(&'static str),

    // The caller's.
    /// An id is empty, too long or not printable ASCII.
    #[error("ids are 1 to 64 printable ASCII characters without spaces")]
    InvalidId,
    /// No participant of this name is connected to this room.
    #[error("no such participant in this room")]
    UnknownParticipant,
    /// The room holds [`crate::SfuConfig::max_participants_per_room`] participants.
    #[error("the room already has {limit} participants")]
    RoomFull {
        /// The configured limit.
        limit: usize,
    },
    /// The room has participants, so its payload format can no longer change.
    #[error("the payload format of a room in use cannot change")]
    RoomInUse,
    /// A configuration value is out of its documented range.
    #[error("configuration: {0}")]
    Config(&'static str),
    /// The server has been stopped.
    #[error("the SFU has stopped")]
    Stopped,

    // The system's.
    /// Another program holds the UDP port.
    #[error("UDP address {addr} is already in use")]
    AddressInUse {
        /// The address that was asked for.
        addr: SocketAddr,
    },
    /// The UDP socket could not be opened or prepared.
    #[error("UDP socket on {addr}: {source}")]
    Socket {
        /// The address that was asked for.
        addr: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },

    // Ours.
    /// The WebRTC engine refused an operation that should have worked.
    #[error("WebRTC engine, {doing}: {reason}")]
    Engine {
        /// The operation.
        doing: &'static str,
        /// The engine's own words, for logs only.
        reason: String,
    },
}

impl SfuError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        use SfuError as E;
        match self {
            E::SdpTooLarge { .. }
            | E::MalformedSdp(_)
            | E::UnsupportedSdp(_)
            | E::NoCommonCodec { .. }
            | E::SsrcTaken { .. }
            | E::TooManyStreams { .. }
            | E::TooManyOffers
            | E::MayNotPublish
            | E::NoOfferOutstanding
            | E::AnswerMismatch(_) => Fault::Client,
            E::InvalidId
            | E::UnknownParticipant
            | E::RoomFull { .. }
            | E::RoomInUse
            | E::Config(_)
            | E::Stopped => Fault::Caller,
            E::AddressInUse { .. } | E::Socket { .. } => Fault::System,
            E::Engine { .. } => Fault::Internal,
        }
    }

    /// A short stable name for protocols and statistics.
    pub fn code(&self) -> &'static str {
        use SfuError as E;
        match self {
            E::SdpTooLarge { .. } => "sdp_too_large",
            E::MalformedSdp(_) => "malformed_sdp",
            E::UnsupportedSdp(_) => "unsupported_sdp",
            E::NoCommonCodec { .. } => "no_common_codec",
            E::SsrcTaken { .. } => "ssrc_taken",
            E::TooManyStreams { .. } => "too_many_streams",
            E::TooManyOffers => "too_many_offers",
            E::MayNotPublish => "may_not_publish",
            E::NoOfferOutstanding => "no_offer_outstanding",
            E::AnswerMismatch(_) => "answer_mismatch",
            E::InvalidId => "invalid_id",
            E::UnknownParticipant => "unknown_participant",
            E::RoomFull { .. } => "room_full",
            E::RoomInUse => "room_in_use",
            E::Config(_) => "config",
            E::Stopped => "stopped",
            E::AddressInUse { .. } => "address_in_use",
            E::Socket { .. } => "socket",
            E::Engine { .. } => "engine",
        }
    }

    /// Wraps an engine error together with what was being done.
    pub(crate) fn engine(doing: &'static str) -> impl FnOnce(rtc::shared::error::Error) -> Self {
        move |error| Self::Engine {
            doing,
            reason: error.to_string(),
        }
    }
}

impl From<Panicked> for SfuError {
    fn from(panicked: Panicked) -> Self {
        Self::Engine {
            doing: "with what this client sent",
            reason: panicked.to_string(),
        }
    }
}
