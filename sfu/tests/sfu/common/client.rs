//! A participant's client.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use mls_srtp_sfu::rtx::{self, RtxUnwrap};
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc::interceptor::{
    Interceptor, NackGeneratorBuilder, NackResponderBuilder, Packet, Registry, Slot, StreamInfo,
    TaggedPacket,
};
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::media_engine::MediaEngine;
use rtc::peer_connection::configuration::setting_engine::SettingEngineBuilder;
use rtc::peer_connection::event::RTCPeerConnectionEvent;
use rtc::peer_connection::message::RTCMessage;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::state::RTCPeerConnectionState;
use rtc::peer_connection::transport::{CandidateConfig, CandidateHostConfig, RTCIceCandidate};
use rtc::peer_connection::{RTCPeerConnection, RTCPeerConnectionBuilder};
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtp;
use rtc::rtp_transceiver::rtp_sender::{
    RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters,
    RTCRtpEncodingParameters, RTCRtpHeaderExtensionCapability, RTCRtpRtxParameters, RtpCodecKind,
};
use rtc::rtp_transceiver::{RTCRtpSenderId, RTCRtpTransceiverDirection, RTCRtpTransceiverInit};
use rtc::sansio::Protocol;
use rtc::shared::error::Error;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};

/// What a client negotiates.
#[derive(Clone)]
pub struct ClientSetup {
    pub audio_ssrc: Option<u32>,
    pub video_ssrc: Option<u32>,
    pub opus: u8,
    pub vp8: u8,
    pub rtx: bool,
    /// The first one gets id 1, and so on.
    pub extensions: Vec<&'static str>,
    pub profiles: Vec<SrtpProtectionProfile>,
}

impl ClientSetup {
    pub fn new(number: u32) -> Self {
        Self {
            audio_ssrc: Some(number * 10 + 1),
            video_ssrc: Some(number * 10 + 2),
            opus: 111,
            vp8: 96,
            rtx: true,
            extensions: vec![],
            profiles: vec![
                SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm,
                SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
            ],
        }
    }

    fn engine(&self) -> MediaEngine {
        let codec =
            |mime: &str, clock, channels, fmtp: &str, feedback: &[(&str, &str)]| RTCRtpCodec {
                mime_type: mime.into(),
                clock_rate: clock,
                channels,
                sdp_fmtp_line: fmtp.into(),
                rtcp_feedback: feedback
                    .iter()
                    .map(|(typ, parameter)| RTCPFeedback {
                        typ: (*typ).into(),
                        parameter: (*parameter).into(),
                    })
                    .collect(),
            };
        let numbered = |payload_type, rtp_codec| RTCRtpCodecParameters {
            rtp_codec,
            payload_type,
        };
        let mut engine = MediaEngine::default();
        let opus = codec("audio/opus", 48_000, 2, "minptime=10;useinbandfec=1", &[]);
        engine
            .register_codec(numbered(self.opus, opus), RtpCodecKind::Audio)
            .unwrap();
        let feedback = [("nack", ""), ("nack", "pli"), ("ccm", "fir")];
        let vp8 = codec("video/VP8", 90_000, 0, "", &feedback);
        engine
            .register_codec(numbered(self.vp8, vp8), RtpCodecKind::Video)
            .unwrap();
        if self.rtx {
            let rtx = codec("video/rtx", 90_000, 0, &format!("apt={}", self.vp8), &[]);
            engine
                .register_codec(numbered(self.vp8 + 1, rtx), RtpCodecKind::Video)
                .unwrap();
        }
        for uri in &self.extensions {
            for kind in [RtpCodecKind::Audio, RtpCodecKind::Video] {
                let extension = RTCRtpHeaderExtensionCapability { uri: (*uri).into() };
                engine
                    .register_header_extension(extension, kind, None)
                    .unwrap();
            }
        }
        engine
    }
}

/// A packet a client received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub ssrc: u32,
    pub payload_type: u8,
    pub sequence_number: u16,
    pub timestamp: u32,
    pub marker: bool,
    pub extensions: Vec<(u8, Bytes)>,
    pub payload: Bytes,
}

pub struct Client {
    pub setup: ClientSetup,
    pub addr: SocketAddr,
    pub pc: RTCPeerConnection,
    pub connected: bool,
    pub received: Vec<Received>,
    /// PLIs that arrived.
    pub keyframe_requests: Arc<AtomicUsize>,
    audio: Option<RTCRtpSenderId>,
    video: Option<RTCRtpSenderId>,
}

impl Client {
    pub fn new(setup: ClientSetup, addr: SocketAddr, now: Instant) -> Self {
        let keyframe_requests = Arc::new(AtomicUsize::new(0));
        let registry = Registry::new()
            .with(
                Slot::from(3_600),
                PliCounter::new(keyframe_requests.clone()),
            )
            .with(
                Slot::NackResponder,
                NackResponderBuilder::new().with_size(512).build(),
            )
            .with(rtx::slot(), RtxUnwrap::default())
            .with(
                Slot::NackGenerator,
                NackGeneratorBuilder::new().with_size(512).build(),
            );
        let settings = SettingEngineBuilder::new()
            .with_srtp_protection_profiles(setup.profiles.clone())
            .build();
        let mut pc = RTCPeerConnectionBuilder::new()
            .with_media_engine(setup.engine())
            .with_setting_engine(settings)
            .with_interceptor_registry(registry)
            .build(now)
            .unwrap();
        let host = CandidateHostConfig {
            base_config: CandidateConfig {
                network: "udp".into(),
                address: addr.ip().to_string(),
                port: addr.port(),
                component: 1,
                ..Default::default()
            },
            ..Default::default()
        };
        let candidate = RTCIceCandidate::from(&host.new_candidate_host().unwrap());
        pc.add_local_candidate(candidate.to_json().unwrap())
            .unwrap();
        let audio = setup.audio_ssrc.map(|ssrc| {
            add_track(
                &mut pc,
                RtpCodecKind::Audio,
                ssrc,
                "audio/opus",
                48_000,
                2,
                false,
            )
        });
        let video = setup.video_ssrc.map(|ssrc| {
            add_track(
                &mut pc,
                RtpCodecKind::Video,
                ssrc,
                "video/VP8",
                90_000,
                0,
                setup.rtx,
            )
        });
        if audio.is_none() && video.is_none() {
            // A listener asks for something, or its offer would be empty.
            let init = RTCRtpTransceiverInit {
                direction: RTCRtpTransceiverDirection::Recvonly,
                streams: vec![],
                send_encodings: vec![],
            };
            pc.add_transceiver_from_kind(RtpCodecKind::Audio, Some(init))
                .unwrap();
        }
        Self {
            setup,
            addr,
            pc,
            connected: false,
            received: Vec::new(),
            keyframe_requests,
            audio,
            video,
        }
    }

    pub fn offer(&mut self, now: Instant) -> String {
        let offer = self.pc.create_offer(None).unwrap();
        self.pc.set_local_description(now, offer).unwrap();
        self.pc.local_description().unwrap().sdp
    }

    pub fn take_answer(&mut self, sdp: &str, now: Instant) {
        let answer = RTCSessionDescription::answer(sdp.into()).unwrap();
        self.pc.set_remote_description(now, answer).unwrap();
    }

    pub fn answer(&mut self, offer: &str, now: Instant) -> String {
        let offer = RTCSessionDescription::offer(offer.into()).unwrap();
        self.pc.set_remote_description(now, offer).unwrap();
        let answer = self.pc.create_answer(None).unwrap();
        self.pc.set_local_description(now, answer).unwrap();
        self.pc.local_description().unwrap().sdp
    }

    pub fn send_video(&mut self, sequence: u16, payload: &[u8], now: Instant) {
        let (sender, ssrc) = (self.video.unwrap(), self.setup.video_ssrc.unwrap());
        self.send(sender, ssrc, self.setup.vp8, sequence, payload, &[], now);
    }

    pub fn send_audio(
        &mut self,
        sequence: u16,
        payload: &[u8],
        extensions: &[(u8, &[u8])],
        now: Instant,
    ) {
        let (sender, ssrc) = (self.audio.unwrap(), self.setup.audio_ssrc.unwrap());
        self.send(
            sender,
            ssrc,
            self.setup.opus,
            sequence,
            payload,
            extensions,
            now,
        );
    }

    #[allow(clippy::too_many_arguments)]
    fn send(
        &mut self,
        sender: RTCRtpSenderId,
        ssrc: u32,
        payload_type: u8,
        sequence: u16,
        payload: &[u8],
        extensions: &[(u8, &[u8])],
        now: Instant,
    ) {
        let mut header = rtp::header::Header {
            version: 2,
            marker: sequence.is_multiple_of(3),
            payload_type,
            sequence_number: sequence,
            timestamp: u32::from(sequence) * 960,
            ssrc,
            ..Default::default()
        };
        for (id, value) in extensions {
            header
                .set_extension(*id, Bytes::copy_from_slice(value))
                .unwrap();
        }
        let packet = rtp::Packet {
            header,
            payload: Bytes::copy_from_slice(payload),
        };
        self.pc
            .rtp_sender(sender)
            .unwrap()
            .write_rtp(now, packet)
            .unwrap();
    }

    /// Asks for a keyframe of a stream it receives.
    pub fn request_keyframe(&mut self, ssrc: u32, now: Instant) {
        let ids: Vec<_> = self.pc.get_receivers().collect();
        for id in ids {
            let mut receiver = self.pc.rtp_receiver(id).unwrap();
            if receiver.track().ssrcs().any(|known| known == ssrc) {
                let pli = PictureLossIndication {
                    sender_ssrc: 77,
                    media_ssrc: ssrc,
                };
                return receiver.write_rtcp(now, vec![Box::new(pli)]).unwrap();
            }
        }
        panic!("no receiver for {ssrc}");
    }

    pub fn handle(&mut self, from: SocketAddr, datagram: BytesMut, now: Instant) {
        let transport = TransportContext {
            local_addr: self.addr,
            peer_addr: from,
            transport_protocol: TransportProtocol::UDP,
            ecn: None,
        };
        let _ = self.pc.handle_read(TaggedBytesMut {
            now,
            transport,
            message: datagram,
        });
        self.drain();
    }

    pub fn drain(&mut self) {
        while let Some(event) = self.pc.poll_event() {
            if let RTCPeerConnectionEvent::OnConnectionStateChangeEvent(state) = event {
                self.connected = state == RTCPeerConnectionState::Connected;
            }
        }
        while let Some(message) = self.pc.poll_read() {
            if let RTCMessage::RtpPacket(_, packet) = message.message {
                let ids = packet.header.get_extension_ids();
                let value = |id: u8| (id, packet.header.get_extension(id).unwrap());
                self.received.push(Received {
                    ssrc: packet.header.ssrc,
                    payload_type: packet.header.payload_type,
                    sequence_number: packet.header.sequence_number,
                    timestamp: packet.header.timestamp,
                    marker: packet.header.marker,
                    extensions: ids.into_iter().map(value).collect(),
                    payload: packet.payload,
                });
            }
        }
    }

    /// Packets received of one SSRC, in order of arrival.
    pub fn of(&self, ssrc: u32) -> Vec<&Received> {
        self.received
            .iter()
            .filter(|packet| packet.ssrc == ssrc)
            .collect()
    }
}

fn add_track(
    pc: &mut RTCPeerConnection,
    kind: RtpCodecKind,
    ssrc: u32,
    mime: &str,
    clock_rate: u32,
    channels: u16,
    rtx: bool,
) -> RTCRtpSenderId {
    let coding = RTCRtpCodingParameters {
        ssrc: Some(ssrc),
        rtx: rtx.then_some(RTCRtpRtxParameters {
            ssrc: ssrc + 100_000,
        }),
        ..Default::default()
    };
    let codec = RTCRtpCodec {
        mime_type: mime.into(),
        clock_rate,
        channels,
        ..Default::default()
    };
    let coding = RTCRtpEncodingParameters {
        rtp_coding_parameters: coding,
        codec,
        ..Default::default()
    };
    let track = MediaStreamTrack::new(
        "own".into(),
        format!("own-{ssrc}"),
        String::new(),
        kind,
        vec![coding],
    );
    let init = RTCRtpTransceiverInit {
        direction: RTCRtpTransceiverDirection::Sendonly,
        streams: vec![],
        send_encodings: vec![],
    };
    pc.add_transceiver_from_track(track, Some(init))
        .unwrap()
        .into()
}

/// Counts the keyframe requests that reach a client.
struct PliCounter {
    count: Arc<AtomicUsize>,
    reads: VecDeque<TaggedPacket>,
    writes: VecDeque<TaggedPacket>,
}

impl PliCounter {
    fn new(count: Arc<AtomicUsize>) -> Self {
        Self {
            count,
            reads: VecDeque::new(),
            writes: VecDeque::new(),
        }
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for PliCounter {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, message: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtcp(packets) = &message.message.packet {
            let plis = packets
                .iter()
                .filter(|packet| packet.as_any().is::<PictureLossIndication>());
            self.count.fetch_add(plis.count(), Ordering::Relaxed);
        }
        self.reads.push_back(message);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.reads.pop_front()
    }

    fn handle_write(&mut self, message: TaggedPacket) -> Result<(), Error> {
        self.writes.push_back(message);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.writes.pop_front()
    }
}

impl Interceptor for PliCounter {
    fn bind_local_stream(&mut self, _info: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _info: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _info: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _info: &StreamInfo) {}
}
