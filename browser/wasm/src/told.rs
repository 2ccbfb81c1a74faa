//! What comes out of [`crate::Core::poll`].

use mls_srtp::delivery::{ClientMessage, MediaSignal};
use mls_srtp::id::ParticipantId;
use mls_srtp::pipeline::Stream;
use serde::Serialize;
use serde_json::Value;

/// One thing to do or to pass on, tagged by `kind`.
#[derive(Serialize)]
#[serde(tag = "kind", content = "body", rename_all = "snake_case")]
pub(crate) enum Told {
    /// Send this envelope.
    Send(ClientMessage),
    /// Drop the connection and connect again.
    Reconnect,
    /// Media signaling of the SFU.
    Signal(MediaSignal),
    /// A fact about the group.
    Group(Value),
    /// A fact about media.
    Media(Value),
    /// What a member says its streams are.
    Streams {
        participant: ParticipantId,
        streams: Vec<Stream>,
    },
}
