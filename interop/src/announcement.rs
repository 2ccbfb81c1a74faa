//! What members tell each other inside the group: which streams are their own.

use std::collections::BTreeMap;

use mls_srtp::id::{ParticipantId, Ssrc};
use mls_srtp::pipeline::{Stream, StreamSource};
use serde::{Deserialize, Serialize};

/// The streams that a member knows, by the name of whoever announced them.
pub type Heard = BTreeMap<ParticipantId, Vec<Stream>>;

/// The content of an application message, in JSON.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Announcement {
    Streams { streams: Vec<Stream> },
}

/// The one stream that a member of these rooms has.
pub(crate) fn stream(ssrc: Ssrc) -> Stream {
    Stream {
        id: ssrc.into(),
        source: StreamSource::Camera,
    }
}

/// The announcement of it.
pub(crate) fn write(ssrc: Ssrc) -> Result<Vec<u8>, serde_json::Error> {
    let streams = vec![stream(ssrc)];
    serde_json::to_vec(&Announcement::Streams { streams })
}

/// The streams that somebody announces.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<Stream>, serde_json::Error> {
    let Announcement::Streams { streams } = serde_json::from_slice(bytes)?;
    Ok(streams)
}
