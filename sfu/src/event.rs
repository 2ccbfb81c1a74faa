//! What the SFU tells its caller.

use std::net::SocketAddr;

use bytes::BytesMut;

use crate::id::{ParticipantId, RoomId};

/// Audio or video.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MediaKind {
    /// `m=audio`.
    Audio,
    /// `m=video`: camera or screen, the SFU cannot tell.
    Video,
}

/// A datagram to send from the SFU's one UDP socket.
#[derive(Debug, Clone)]
pub struct Transmit {
    /// Where to.
    pub to: SocketAddr,
    /// What.
    pub bytes: BytesMut,
}

/// Something the signaling side has to know or pass on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Deliver this offer to the participant and its answer to [`crate::Sfu::answer`]. There is
    /// at most one unanswered offer per participant.
    Offer {
        /// Room of the participant.
        room: RoomId,
        /// Who must answer.
        participant: ParticipantId,
        /// The session description.
        sdp: String,
    },
    /// ICE and DTLS are up: media flows from here on.
    Connected {
        /// Room of the participant.
        room: RoomId,
        /// Who connected.
        participant: ParticipantId,
    },
    /// The participant has no peer connection any more; its streams left the others.
    Disconnected {
        /// Room of the participant.
        room: RoomId,
        /// Who is gone.
        participant: ParticipantId,
        /// Why.
        reason: DisconnectReason,
    },
}

/// Why a participant has no peer connection any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The caller said so.
    Requested,
    /// The client closed its DTLS association.
    ClosedByPeer,
    /// Nothing was heard for [`crate::SfuConfig::idle_timeout`].
    Idle,
    /// ICE and DTLS did not finish within [`crate::SfuConfig::connect_timeout`].
    ConnectTimeout,
    /// An offer was not answered within [`crate::SfuConfig::answer_timeout`].
    AnswerTimeout,
    /// The peer connection ran out of media sections; a fresh `connect` starts over.
    SectionsExhausted,
    /// The WebRTC engine reported failure (a wrong DTLS fingerprint, for example), or panicked over
    /// what the client sent.
    Failed,
}
