//! How the WebRTC engine of a peer connection is set up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc::interceptor::{
    NackGeneratorBuilder, NackResponderBuilder, ReceiverReportBuilder, Registry,
    SenderReportBuilder, Slot,
};
use rtc::peer_connection::configuration::setting_engine::{SettingEngine, SettingEngineBuilder};
use rtc::peer_connection::transport::RTCDtlsRole;
use rtc::peer_connection::{RTCPeerConnection, RTCPeerConnectionBuilder};

use crate::codec;
use crate::config::SfuConfig;
use crate::error::SfuError;
use crate::monitor::{HopCounters, HopMonitor};
use crate::rtx::{self, RtxUnwrap};

/// Sequence numbers the NACK generator looks back over; a power of two.
const NACK_LOG: u16 = 512;
/// Lost packets are asked for this often at most, then given up.
const MAX_NACKS_PER_PACKET: u16 = 10;
/// The newest sequence numbers are not asked for yet: they may only be reordered.
const NACK_SKIP_NEWEST: u16 = 2;
/// How often missing packets are asked for.
const NACK_INTERVAL: Duration = Duration::from_millis(50);

/// Builds the engine of one peer connection.
pub(crate) fn build(
    now: Instant,
    config: &SfuConfig,
    ufrag: &str,
    counters: &Arc<HopCounters>,
) -> Result<RTCPeerConnection, SfuError> {
    RTCPeerConnectionBuilder::new()
        .with_media_engine(codec::media_engine(config)?)
        .with_setting_engine(settings(ufrag))
        .with_interceptor_registry(interceptors(config, counters))
        .build(now)
        .map_err(SfuError::engine("build a peer connection"))
}

/// ICE-lite, DTLS server, and GCM only: the AES-CM profiles of the engine accept forged RTCP.
fn settings(ufrag: &str) -> SettingEngine {
    SettingEngineBuilder::new()
        .with_lite(true)
        .with_answering_dtls_role(RTCDtlsRole::Server)
        .with_ice_credentials(ufrag.to_owned(), secret(16))
        .with_srtp_protection_profiles(vec![
            SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm,
            SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
        ])
        .build()
}

fn interceptors(config: &SfuConfig, counters: &Arc<HopCounters>) -> Registry {
    let generator = NackGeneratorBuilder::new()
        .with_size(NACK_LOG)
        .with_interval(NACK_INTERVAL)
        .with_skip_last_n(NACK_SKIP_NEWEST)
        .with_max_nacks_per_packet(MAX_NACKS_PER_PACKET);
    let responder = NackResponderBuilder::new().with_size(config.nack_buffer);
    Registry::new()
        .with(HopMonitor::slot(), HopMonitor::new(counters.clone()))
        .with(Slot::NackResponder, responder.build())
        .with(rtx::slot(), RtxUnwrap::new(counters.repaired.clone()))
        .with(Slot::NackGenerator, generator.build())
        .with(Slot::ReceiverReport, ReceiverReportBuilder::new().build())
        .with(Slot::SenderReport, SenderReportBuilder::new().build())
}

/// Random hexadecimal digits, two per byte. ICE wants 24 and 128 bits at least (RFC 8445 §5.3).
pub(crate) fn secret(bytes: usize) -> String {
    (0..bytes)
        .map(|_| format!("{:02x}", rand::random::<u8>()))
        .collect()
}
