//! The streams that a headless participant sends.

use mls_srtp::id::{Ssrc, StreamNumber};
use mls_srtp::pipeline::{Stream, StreamSource};
use mls_srtp::schedule::ModeKind;

use crate::connection::LocalTrack;
use crate::kind::MediaKind;
use crate::stream::SenderStream;

/// The microphone's number in a room of frames.
pub(super) const SOUND: StreamNumber = StreamNumber::new(0);
/// The camera's.
pub(super) const PICTURE: StreamNumber = StreamNumber::new(1);

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

    /// What the others are told, by the room's mode.
    pub(super) fn announced(&self, mode: ModeKind) -> Vec<Stream> {
        let (sound, picture) = match mode {
            ModeKind::Sframe => (SOUND.into(), PICTURE.into()),
            _ => (self.sound.ssrc.into(), self.picture.ssrc.into()),
        };
        vec![
            Stream {
                id: sound,
                source: StreamSource::Microphone,
            },
            Stream {
                id: picture,
                source: StreamSource::Camera,
            },
        ]
    }
}
