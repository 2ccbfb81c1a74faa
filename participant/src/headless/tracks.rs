//! The streams that a headless participant sends.

use mls_srtp::id::Ssrc;
use mls_srtp::pipeline::{Stream, StreamSource};

use crate::connection::LocalTrack;
use crate::kind::MediaKind;
use crate::stream::SenderStream;

/// A microphone and a camera.
#[derive(Clone, Copy)]
pub(super) struct Tracks {
    sound: LocalTrack,
    picture: LocalTrack,
}

impl Tracks {
    /// SSRCs are drawn at random (RFC 3550 §8.1); the SFU refuses one that is taken.
    pub(super) fn draw() -> Self {
        let ssrc = || Ssrc::new(rand::random());
        Self {
            sound: LocalTrack {
                kind: MediaKind::Audio,
                ssrc: ssrc(),
                rtx_ssrc: None,
            },
            picture: LocalTrack {
                kind: MediaKind::Video,
                ssrc: ssrc(),
                rtx_ssrc: Some(ssrc()),
            },
        }
    }

    /// What a peer connection sends.
    pub(super) fn local(&self) -> Vec<LocalTrack> {
        vec![self.sound, self.picture]
    }

    /// The SSRC of the camera.
    pub(super) fn picture(&self) -> Ssrc {
        self.picture.ssrc
    }

    /// New streams under these SSRCs: sound, then picture.
    pub(super) fn streams(&self) -> [SenderStream; 2] {
        [self.sound, self.picture].map(|track| SenderStream::new(track.kind, track.ssrc))
    }

    /// What the others are told.
    pub(super) fn announced(&self) -> Vec<Stream> {
        vec![
            Stream {
                ssrc: self.sound.ssrc,
                source: StreamSource::Microphone,
            },
            Stream {
                ssrc: self.picture.ssrc,
                source: StreamSource::Camera,
            },
        ]
    }
}
