//! What we set in `webrtc`, and why it is not the default.

use std::sync::Arc;
use std::time::Duration;

use rtc::interceptor::{
    NackGeneratorBuilder, NackResponderBuilder, ReceiverReportBuilder, Registry,
    SenderReportBuilder, Slot,
};
use rtc::peer_connection::configuration::media_engine::{
    MIME_TYPE_OPUS, MIME_TYPE_RTX, MIME_TYPE_VP8,
};
use rtc::rtp_transceiver::rtp_sender::{
    RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RtpCodecKind,
};
use webrtc::peer_connection::{
    MediaEngine, SettingEngine, SettingEngineBuilder, SrtpProtectionProfile,
};

use super::events::Shared;
use super::keyframes::{self, KeyframeListener};
use crate::e2e::{self, E2eMedia};
use crate::kind::{MediaKind, RTX_PAYLOAD_TYPE};
use crate::rtx::{self, RtxUnwrap};

/// Sent packets kept for retransmission, per stream: half a second of video. The default of 1,024
/// costs 105 KB a stream.
const RESENDABLE: u16 = 128;

/// How often missing packets are asked for.
const NACK_INTERVAL: Duration = Duration::from_millis(40);

/// How often one missing packet is asked for: after 400 ms nobody waits for it any more.
const NACKS_PER_PACKET: u16 = 10;

/// The newest packets are not asked for: they may be overtaking.
const NACK_SKIPS: u16 = 2;

/// How often the SFU is asked for a sign of life. After a change of our address, as the SFU sees it,
/// media passes again with the next one.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);

/// How long none may come before the connection counts as disconnected: three of them, lost.
const SILENCE: Duration = Duration::from_secs(3);

/// Opus, VP8 and VP8's retransmissions, nothing else.
pub(super) fn media_engine() -> webrtc::error::Result<MediaEngine> {
    let mut engine = MediaEngine::default();
    engine.register_codec(codec(MediaKind::Audio), RtpCodecKind::Audio)?;
    engine.register_codec(codec(MediaKind::Video), RtpCodecKind::Video)?;
    engine.register_codec(rtx_codec(), RtpCodecKind::Video)?;
    Ok(engine)
}

pub(super) fn codec(kind: MediaKind) -> RTCRtpCodecParameters {
    let (mime_type, channels, sdp_fmtp_line) = match kind {
        MediaKind::Audio => (MIME_TYPE_OPUS, 2, "minptime=10;useinbandfec=1"),
        MediaKind::Video => (MIME_TYPE_VP8, 0, ""),
    };
    let rtcp_feedback = match kind {
        // A repaired 20 ms of sound comes too late to be heard.
        MediaKind::Audio => Vec::new(),
        MediaKind::Video => [("nack", ""), ("nack", "pli"), ("ccm", "fir")]
            .map(|(typ, parameter)| RTCPFeedback {
                typ: typ.into(),
                parameter: parameter.into(),
            })
            .into(),
    };
    RTCRtpCodecParameters {
        rtp_codec: RTCRtpCodec {
            mime_type: mime_type.into(),
            clock_rate: kind.clock_rate(),
            channels,
            sdp_fmtp_line: sdp_fmtp_line.into(),
            rtcp_feedback,
        },
        payload_type: kind.payload_type(),
    }
}

fn rtx_codec() -> RTCRtpCodecParameters {
    RTCRtpCodecParameters {
        rtp_codec: RTCRtpCodec {
            mime_type: MIME_TYPE_RTX.into(),
            clock_rate: MediaKind::Video.clock_rate(),
            sdp_fmtp_line: format!("apt={}", MediaKind::Video.payload_type()),
            ..RTCRtpCodec::default()
        },
        payload_type: RTX_PAYLOAD_TYPE,
    }
}

/// Loss repair, reports, and ours. No transport-wide congestion control on the sending side: it
/// would stamp a retransmission anew, and two different packets would go out under one nonce of
/// the hop.
pub(super) fn registry(media: &E2eMedia, shared: &Arc<Shared>) -> Registry {
    let responder = NackResponderBuilder::new().with_size(RESENDABLE).build();
    let generator = NackGeneratorBuilder::new()
        .with_interval(NACK_INTERVAL)
        .with_skip_last_n(NACK_SKIPS)
        .with_max_nacks_per_packet(NACKS_PER_PACKET)
        .build();
    Registry::new()
        .with(Slot::NackResponder, responder)
        .with(rtx::slot(), RtxUnwrap::new())
        .with(Slot::NackGenerator, generator)
        .with(Slot::ReceiverReport, ReceiverReportBuilder::new().build())
        .with(Slot::SenderReport, SenderReportBuilder::new().build())
        .with(keyframes::slot(), KeyframeListener::new(Arc::clone(shared)))
        .with(e2e::slot(), media.interceptor())
}

/// AES-GCM only on the hop: its counter-mode profiles would accept forged RTCP without a key.
pub(super) fn setting_engine() -> SettingEngine {
    SettingEngineBuilder::new()
        .with_srtp_protection_profiles(vec![
            SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm,
            SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
        ])
        .with_ice_timeouts(Some(SILENCE), None, Some(SIGN_OF_LIFE))
        // Only an address that was asked for is bound, so loopback is there on purpose.
        .with_include_loopback_candidate(true)
        .build()
}
