//! The sample media and what its packets look like.

use std::sync::Arc;

use mls_srtp::id::Ssrc;
use mls_srtp_participant::files::ivf::IvfFile;
use mls_srtp_participant::files::ogg::OpusFile;
use mls_srtp_participant::kind::MediaKind;
use mls_srtp_participant::publish::Source;
use mls_srtp_participant::samples;
use mls_srtp_participant::stream::SenderStream;

use crate::readable::ReadabilityCheck;

/// What every participant sends.
#[derive(Clone)]
pub struct SampleMedia {
    /// Opus.
    pub sound: Arc<Source>,
    /// VP8.
    pub picture: Arc<Source>,
}

impl SampleMedia {
    /// Reads the samples that are compiled in.
    ///
    /// # Errors
    /// In words, if the samples are broken.
    pub fn load() -> Result<Self, String> {
        let words = |error: &dyn std::fmt::Display| format!("the sample media: {error}");
        let sound = OpusFile::read(samples::TONE_OGG).map_err(|e| words(&e))?;
        let picture = IvfFile::read(samples::PATTERN_IVF).map_err(|e| words(&e))?;
        Ok(Self {
            sound: Arc::new(Source::opus(&sound).map_err(|e| words(&e))?),
            picture: Arc::new(Source::vp8(&picture).map_err(|e| words(&e))?),
        })
    }

    /// The payloads that a publisher's packetizer makes of the samples.
    pub fn payloads(&self) -> Vec<Vec<u8>> {
        let mut payloads = Vec::new();
        for (kind, source) in [
            (MediaKind::Audio, &self.sound),
            (MediaKind::Video, &self.picture),
        ] {
            let mut stream = SenderStream::new(kind, Ssrc::new(1));
            for frame in source.frames() {
                let packets = stream.packetize(0, &frame.data).unwrap_or_default();
                payloads.extend(packets.into_iter().map(|packet| packet.payload.to_vec()));
            }
        }
        payloads
    }

    /// A check that knows all of them.
    pub fn check(&self) -> ReadabilityCheck {
        ReadabilityCheck::new(self.payloads().iter().map(Vec::as_slice))
    }
}
