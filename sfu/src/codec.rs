//! The codecs the SFU lets through. It decodes none of them; it only has to name them in SDP.

use rtc::peer_connection::configuration::media_engine::{
    MIME_TYPE_H264, MIME_TYPE_OPUS, MIME_TYPE_RTX, MIME_TYPE_VP8, MIME_TYPE_VP9, MediaEngine,
};
use rtc::rtp_transceiver::rtp_sender::{
    RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RTCRtpHeaderExtensionCapability, RtpCodecKind,
};

use crate::config::SfuConfig;
use crate::error::SfuError;
use crate::event::MediaKind;

const H264_BASELINE: &str =
    "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f";
const H264_CONSTRAINED: &str =
    "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";

/// Video codecs in order of preference: payload type, name, format parameters. The payload type
/// is only ours until the client names its own; its RTX is the number after it.
const VIDEO: [(u8, &str, &str); 5] = [
    (96, MIME_TYPE_VP8, ""),
    (98, MIME_TYPE_VP9, "profile-id=0"),
    (100, MIME_TYPE_VP9, "profile-id=2"),
    (102, MIME_TYPE_H264, H264_BASELINE),
    (108, MIME_TYPE_H264, H264_CONSTRAINED),
];

/// The engine's kind for ours.
pub(crate) fn engine_kind(kind: MediaKind) -> RtpCodecKind {
    match kind {
        MediaKind::Audio => RtpCodecKind::Audio,
        MediaKind::Video => RtpCodecKind::Video,
    }
}

/// Whether this is a stream's own codec, not the wrapper of its retransmissions.
pub(crate) fn is_media(codec: &RTCRtpCodecParameters) -> bool {
    !codec
        .rtp_codec
        .mime_type
        .eq_ignore_ascii_case(MIME_TYPE_RTX)
}

/// A media engine for one peer connection.
pub(crate) fn media_engine(config: &SfuConfig) -> Result<MediaEngine, SfuError> {
    let mut engine = MediaEngine::default();
    register(&mut engine, config).map_err(SfuError::engine("register codecs"))?;
    Ok(engine)
}

fn register(engine: &mut MediaEngine, config: &SfuConfig) -> rtc::shared::error::Result<()> {
    let opus = codec(
        MIME_TYPE_OPUS,
        48_000,
        2,
        "minptime=10;useinbandfec=1",
        vec![],
    );
    engine.register_codec(numbered(111, opus), RtpCodecKind::Audio)?;
    for (payload_type, mime, parameters) in VIDEO {
        let video = codec(mime, 90_000, 0, parameters, video_feedback());
        engine.register_codec(numbered(payload_type, video), RtpCodecKind::Video)?;
        let rtx = codec(
            MIME_TYPE_RTX,
            90_000,
            0,
            &format!("apt={payload_type}"),
            vec![],
        );
        engine.register_codec(numbered(payload_type + 1, rtx), RtpCodecKind::Video)?;
    }
    for uri in &config.forwarded_extensions {
        for kind in [RtpCodecKind::Audio, RtpCodecKind::Video] {
            let uri = (*uri).to_owned();
            let extension = RTCRtpHeaderExtensionCapability { uri };
            engine.register_header_extension(extension, kind, None)?;
        }
    }
    Ok(())
}

fn codec(
    mime: &str,
    clock_rate: u32,
    channels: u16,
    parameters: &str,
    rtcp_feedback: Vec<RTCPFeedback>,
) -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: mime.to_owned(),
        clock_rate,
        channels,
        sdp_fmtp_line: parameters.to_owned(),
        rtcp_feedback,
    }
}

fn numbered(payload_type: u8, rtp_codec: RTCRtpCodec) -> RTCRtpCodecParameters {
    RTCRtpCodecParameters {
        rtp_codec,
        payload_type,
    }
}

/// Lost packets are asked for again, lost pictures too. No transport-wide congestion control:
/// see the crate documentation for what it would do to the hop's nonces.
fn video_feedback() -> Vec<RTCPFeedback> {
    [("nack", ""), ("nack", "pli"), ("ccm", "fir")]
        .map(|(typ, parameter)| RTCPFeedback {
            typ: typ.to_owned(),
            parameter: parameter.to_owned(),
        })
        .into()
}
