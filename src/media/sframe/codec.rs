//! Which codecs' frames can be protected, and what each must leave clear.

/// The codec of an encoded frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// Nothing is clear.
    Opus,
    /// The frame header is clear (RFC 6386 §9.1): 10 bytes in key frames, 3 in others.
    Vp8,
    /// Nothing is clear: what SFUs need is in the RTP payload descriptor (RFC 9628).
    Vp9,
    /// Annex B. Everything up to and including the first slice's NAL header is clear: parameter
    /// sets and SEI, 255 bytes at most. Delimiters and filler before it are dropped; a unit that
    /// might show part of a picture is refused.
    ///
    /// The rest is escaped with emulation-prevention bytes (H.264 §7.4.1), or depacketizers would
    /// find start codes in the ciphertext. So packetizers see one slice, whatever the frame has.
    H264,
}

/// Why frames of a codec cannot be protected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnsupportedCodec {
    /// AV1.
    #[error(
        "AV1 cannot be protected: its packetizers parse and rewrite the units of a frame \
         (OBUs), which ciphertext has none of"
    )]
    Av1,
    /// H.265.
    #[error("H.265 cannot be protected yet: its parameter sets and slices are not told apart")]
    H265,
    /// Anything else.
    #[error("{0:?} is no codec that can be protected: there are Opus, VP8, VP9 and H264")]
    Other(String),
}

impl Codec {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Opus, Self::Vp8, Self::Vp9, Self::H264];

    /// The codec of a media type such as `video/VP8`, in any case.
    ///
    /// # Errors
    /// [`UnsupportedCodec`] with the reason: the track must not be sent in plain.
    pub fn from_mime(mime: &str) -> Result<Self, UnsupportedCodec> {
        match mime.to_ascii_lowercase().as_str() {
            "audio/opus" => Ok(Self::Opus),
            "video/vp8" => Ok(Self::Vp8),
            "video/vp9" => Ok(Self::Vp9),
            "video/h264" => Ok(Self::H264),
            "video/av1" => Err(UnsupportedCodec::Av1),
            "video/h265" => Err(UnsupportedCodec::H265),
            _ => Err(UnsupportedCodec::Other(mime.to_owned())),
        }
    }

    /// How many bytes of a frame stay clear where that does not take parsing. A frame that has no
    /// more is none of the codec: nothing of it need be read on the way, so nothing is clear.
    pub(super) fn prefix_len(self, frame: &[u8]) -> usize {
        let header = match (self, frame.first()) {
            (Self::Vp8, Some(tag)) if tag & 1 == 0 => 10,
            (Self::Vp8, Some(_)) => 3,
            _ => 0,
        };
        if frame.len() < header { 0 } else { header }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_are_read_in_any_case() {
        for (mime, codec) in [
            ("audio/opus", Codec::Opus),
            ("video/VP8", Codec::Vp8),
            ("video/vp9", Codec::Vp9),
            ("video/H264", Codec::H264),
        ] {
            assert_eq!(Codec::from_mime(mime), Ok(codec));
        }
    }

    #[test]
    fn other_codecs_are_refused_with_the_reason() {
        let reason = |mime| Codec::from_mime(mime).expect_err("refused").to_string();
        assert!(reason("video/AV1").contains("OBU"));
        assert!(reason("video/H265").contains("H.265"));
        assert!(reason("audio/PCMU").contains("audio/PCMU"));
    }

    #[test]
    fn vp8_headers_stay_clear() {
        let len = |first: u8, len: usize| {
            let mut frame = vec![0; len];
            frame[0] = first;
            Codec::Vp8.prefix_len(&frame)
        };
        assert_eq!((len(0x10, 10), len(0x10, 9)), (10, 0), "a key frame");
        assert_eq!((len(0x11, 3), len(0x11, 2)), (3, 0), "another frame");
        assert_eq!(Codec::Vp8.prefix_len(&[]), 0);
        assert_eq!(Codec::Opus.prefix_len(&[0; 20]), 0);
        assert_eq!(Codec::Vp9.prefix_len(&[0; 20]), 0);
    }
}
