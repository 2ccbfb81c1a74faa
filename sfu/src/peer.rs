//! One WebRTC peer connection: a participant's streams to the SFU and all streams to it.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::RTCPeerConnection;
use rtc::peer_connection::event::RTCPeerConnectionEvent;
use rtc::peer_connection::message::RTCMessage;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::state::RTCPeerConnectionState;
use rtc::peer_connection::transport::{
    CandidateConfig, CandidateHostConfig, RTCDtlsTransportState, RTCIceCandidate,
};
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtp;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodingParameters, RTCRtpEncodingParameters, RTCRtpHeaderExtensionParameters,
    RTCRtpRtxParameters,
};
use rtc::rtp_transceiver::{
    RTCRtpReceiverId, RTCRtpSenderId, RTCRtpTransceiverDirection, RTCRtpTransceiverInit,
};
use rtc::sansio::Protocol;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};

use crate::codec;
use crate::config::SfuConfig;
use crate::contained::Contained;
use crate::demux::{self, Packet};
use crate::engine;
use crate::error::SfuError;
use crate::event::DisconnectReason;
use crate::forwarding::{Publication, Translation};
use crate::id::{ParticipantId, RoomId};
use crate::monitor::HopCounters;
use crate::negotiation::Negotiation;
use crate::offer::{self, Section, Source};
use crate::path::Path;
use crate::permissions::Permissions;
use crate::window::SentWindow;

/// RTCP senders a client may use beyond its declared SSRCs. The engine keeps state per SSRC from
/// before it authenticated anything, so the number is bounded here.
const MAX_RTCP_SOURCES: usize = 256;

/// What happened inside a peer connection.
pub(crate) enum PeerEvent {
    /// DTLS finished.
    Connected,
    /// The connection is over.
    Ended(DisconnectReason),
    /// The client sent a packet.
    Rtp(rtp::Packet),
}

/// How long a client that sends nothing may take from our last DTLS flight to its keys.
const KEY_GRACE: Duration = Duration::from_millis(200);

/// One peer connection.
pub(crate) struct Peer {
    pub(crate) room: RoomId,
    pub(crate) participant: ParticipantId,
    pub(crate) permissions: Permissions,
    pub(crate) ufrag: String,
    pub(crate) negotiation: Negotiation,
    pub(crate) counters: Arc<HopCounters>,
    pub(crate) connected: bool,
    /// When DTLS finished on our side.
    connected_at: Option<Instant>,
    /// Whether a packet of the client has verified, so that it has the hop's keys, too.
    has_keys: bool,
    pub(crate) born: Instant,
    pub(crate) last_heard: Instant,
    /// When the engine wants to be woken, as of the last flush.
    pub(crate) wake: Option<Instant>,
    /// Whether it is in the list of peers to flush.
    pub(crate) queued: bool,
    engine: Contained<RTCPeerConnection>,
    /// Whether it has been said that the engine is broken.
    told_broken: bool,
    local_addr: SocketAddr,
    path: Path,
    declared: HashSet<u32>,
    rtcp_sources: HashSet<u32>,
    sources: Vec<Source>,
    sections: usize,
    sent: HashMap<u32, SentWindow>,
}

impl Peer {
    /// Takes a client's offer. Returns the peer, the answer, and what the client publishes.
    ///
    /// # Errors
    ///
    /// The client's faults of [`offer::read`], [`SfuError::NoCommonCodec`], or what the engine
    /// does not like about the offer as [`SfuError::MalformedSdp`].
    pub(crate) fn accept(
        now: Instant,
        config: &SfuConfig,
        room: RoomId,
        participant: ParticipantId,
        sdp: &str,
    ) -> Result<(Self, String, Vec<Publication>), SfuError> {
        let sections = offer::read(sdp, config)?;
        let sources: Vec<Source> = sections
            .iter()
            .filter_map(|section| section.source)
            .collect();
        let declared = declare(&sources, config)?;
        let ufrag = engine::secret(8);
        let counters = Arc::new(HopCounters::default());
        let engine = engine::build(now, config, &ufrag, &counters)?;
        let mut peer = Self {
            room,
            participant,
            permissions: Permissions::ALL,
            ufrag,
            negotiation: Negotiation::new(config.offer_delay, config.answer_timeout),
            counters,
            connected: false,
            connected_at: None,
            has_keys: false,
            born: now,
            last_heard: now,
            wake: None,
            queued: false,
            engine: Contained::new(engine),
            told_broken: false,
            local_addr: config.public_addr,
            path: Path::default(),
            declared,
            rtcp_sources: HashSet::new(),
            sources,
            sections: sections.len(),
            sent: HashMap::new(),
        };
        let answer = peer.answer_offer(now, sdp)?;
        let publications = peer.publications(&sections)?;
        Ok((peer, answer, publications))
    }

    fn answer_offer(&mut self, now: Instant, sdp: &str) -> Result<String, SfuError> {
        let malformed =
            |error: rtc::shared::error::Error| SfuError::MalformedSdp(error.to_string());
        let offer = RTCSessionDescription::offer(sdp.to_owned()).map_err(malformed)?;
        self.engine
            .call(|engine| engine.set_remote_description(now, offer))?
            .map_err(malformed)?;
        self.add_candidate()?;
        self.engine
            .call(|engine| {
                let answer = engine.create_answer(None)?;
                engine.set_local_description(now, answer)
            })?
            .map_err(malformed)?;
        self.local_sdp()
    }

    fn add_candidate(&mut self) -> Result<(), SfuError> {
        let host = CandidateHostConfig {
            base_config: CandidateConfig {
                network: "udp".to_owned(),
                address: self.local_addr.ip().to_string(),
                port: self.local_addr.port(),
                component: 1,
                ..Default::default()
            },
            ..Default::default()
        };
        let candidate = host
            .new_candidate_host()
            .and_then(|candidate| RTCIceCandidate::from(&candidate).to_json())
            .map_err(SfuError::engine("describe the host candidate"))?;
        // The empty candidate ends the list (RFC 8838 §13): nothing will trickle.
        for candidate in [candidate, Default::default()] {
            self.engine
                .call(|engine| engine.add_local_candidate(candidate))?
                .map_err(SfuError::engine("add the host candidate"))?;
        }
        Ok(())
    }

    fn local_sdp(&mut self) -> Result<String, SfuError> {
        let description = self.engine.call(|engine| engine.local_description())?;
        let description = description.ok_or(SfuError::Engine {
            doing: "read the local description",
            reason: "there is none".into(),
        })?;
        Ok(description.sdp)
    }

    /// Pairs the sections of the offer with the engine's receivers.
    fn publications(&mut self, sections: &[Section]) -> Result<Vec<Publication>, SfuError> {
        let receivers: Vec<RTCRtpReceiverId> = self
            .engine
            .call(|engine| engine.get_receivers().collect())?;
        let mut publications = Vec::new();
        for section in sections {
            let Some(source) = section.source else {
                continue;
            };
            let found = receivers
                .iter()
                .find_map(|id| self.publication(*id, section, source));
            publications.push(found.ok_or_else(|| SfuError::NoCommonCodec {
                mid: section.mid.clone(),
            })?);
        }
        Ok(publications)
    }

    fn publication(
        &mut self,
        id: RTCRtpReceiverId,
        section: &Section,
        source: Source,
    ) -> Option<Publication> {
        let read = |engine: &mut RTCPeerConnection| {
            let mut receiver = engine.rtp_receiver(id)?;
            if !receiver.track().ssrcs().any(|ssrc| ssrc == source.ssrc) {
                return None;
            }
            let parameters = &receiver.get_parameters().rtp_parameters;
            let codec = parameters
                .codecs
                .iter()
                .find(|codec| codec::is_media(codec))?;
            Some(Publication {
                ssrc: source.ssrc,
                repair: source.repair,
                kind: section.kind,
                codec: codec.rtp_codec.clone(),
                payload_type: codec.payload_type,
                extensions: extension_ids(&parameters.header_extensions),
                receiver: id,
            })
        };
        self.engine.call(read).ok()?
    }

    /// Adds a leg for a stream of `publisher`. It carries nothing until the next offer is
    /// answered. `None` when this client has no use for the stream's codec.
    pub(crate) fn add_leg(
        &mut self,
        publication: &Publication,
        publisher: &ParticipantId,
    ) -> Option<RTCRtpSenderId> {
        let coding = RTCRtpCodingParameters {
            ssrc: Some(publication.ssrc),
            rtx: Some(RTCRtpRtxParameters {
                ssrc: rand::random(),
            }),
            ..Default::default()
        };
        let track = MediaStreamTrack::new(
            publisher.as_str().to_owned(),
            format!("{}-{:08x}", publisher, publication.ssrc),
            String::new(),
            codec::engine_kind(publication.kind),
            vec![RTCRtpEncodingParameters {
                rtp_coding_parameters: coding,
                codec: publication.codec.clone(),
                ..Default::default()
            }],
        );
        let init = RTCRtpTransceiverInit {
            direction: RTCRtpTransceiverDirection::Sendonly,
            streams: vec![],
            send_encodings: vec![],
        };
        let added = self
            .engine
            .call(|engine| engine.add_transceiver_from_track(track, Some(init)));
        match added.ok()? {
            Ok(id) => {
                self.sections += 1;
                Some(RTCRtpSenderId::from(id))
            }
            Err(error) => {
                tracing::debug!(participant = %self.participant, %error, "stream has no leg");
                None
            }
        }
    }

    /// Ends a leg; the next offer tells the client.
    pub(crate) fn remove_leg(&mut self, sender: RTCRtpSenderId) {
        if let Ok(Err(error)) = self.engine.call(|engine| engine.remove_track(sender)) {
            tracing::debug!(participant = %self.participant, %error, "leg was gone already");
        }
    }

    /// Media sections of this connection, dead ones included.
    pub(crate) fn sections(&self) -> usize {
        self.sections
    }

    /// Makes an offer that carries every change since the last one.
    pub(crate) fn offer(&mut self, now: Instant) -> Result<String, SfuError> {
        self.engine
            .call(|engine| {
                let offer = engine.create_offer(None)?;
                engine.set_local_description(now, offer)
            })?
            .map_err(SfuError::engine("make an offer"))?;
        self.negotiation.offered(now);
        self.local_sdp()
    }

    /// Applies the client's answer to the last offer.
    pub(crate) fn take_answer(
        &mut self,
        now: Instant,
        sdp: &str,
        config: &SfuConfig,
    ) -> Result<(), SfuError> {
        if !self.negotiation.is_waiting() {
            return Err(SfuError::NoOfferOutstanding);
        }
        let sections = offer::read(sdp, config)?;
        self.check_answer(&sections)?;
        let malformed =
            |error: rtc::shared::error::Error| SfuError::MalformedSdp(error.to_string());
        let answer = RTCSessionDescription::answer(sdp.to_owned()).map_err(malformed)?;
        self.engine
            .call(|engine| engine.set_remote_description(now, answer))?
            .map_err(malformed)?;
        self.negotiation.answered();
        Ok(())
    }

    /// An answer must mirror the offer's sections and keep the streams declared in `connect`.
    fn check_answer(&mut self, sections: &[Section]) -> Result<(), SfuError> {
        let offered = self
            .engine
            .call(|engine| engine.local_description())?
            .and_then(|description| description.unmarshal().ok())
            .ok_or(SfuError::NoOfferOutstanding)?;
        let mids = offered
            .media_descriptions
            .iter()
            .map(|media| media.attribute("mid").flatten().unwrap_or_default());
        if !mids.eq(sections.iter().map(|section| section.mid.as_str())) {
            return Err(SfuError::AnswerMismatch(
                "other media sections than offered",
            ));
        }
        let changed = sections
            .iter()
            .filter_map(|section| section.source)
            .any(|source| !self.sources.contains(&source));
        if changed {
            return Err(SfuError::AnswerMismatch("streams not declared in connect"));
        }
        Ok(())
    }

    /// How a leg was negotiated; `None` when the client refused it.
    pub(crate) fn translation(
        &mut self,
        sender: RTCRtpSenderId,
        publication: &Publication,
    ) -> Option<Translation> {
        let read = |engine: &mut RTCPeerConnection| {
            let transceiver = engine.rtp_transceiver(sender.into())?;
            if !transceiver.current_direction().has_send() {
                return None;
            }
            let mut sender = engine.rtp_sender(sender)?;
            let parameters = &sender.get_parameters().rtp_parameters;
            let mime = &publication.codec.mime_type;
            let codec = parameters
                .codecs
                .iter()
                .find(|codec| codec.rtp_codec.mime_type.eq_ignore_ascii_case(mime))?;
            let extensions = extension_ids(&parameters.header_extensions);
            Some(Translation::new(
                publication,
                codec.payload_type,
                &extensions,
            ))
        };
        self.engine.call(read).ok()?
    }

    /// Whether a media datagram's SSRC is one this client may use.
    pub(crate) fn admits(&mut self, packet: Packet) -> bool {
        match packet {
            Packet::Stun | Packet::Dtls => true,
            Packet::Rtp(ssrc) => self.declared.contains(&ssrc),
            Packet::Rtcp(ssrc) => {
                self.declared.contains(&ssrc)
                    || self.rtcp_sources.contains(&ssrc)
                    || (self.rtcp_sources.len() < MAX_RTCP_SOURCES
                        && self.rtcp_sources.insert(ssrc))
            }
        }
    }

    /// Feeds one datagram to the engine.
    pub(crate) fn handle_datagram(&mut self, now: Instant, from: SocketAddr, datagram: BytesMut) {
        let message = TaggedBytesMut {
            now,
            transport: TransportContext {
                local_addr: self.local_addr,
                peer_addr: self.path.inwards(from),
                transport_protocol: TransportProtocol::UDP,
                ecn: None,
            },
            message: datagram,
        };
        let before = self.verified();
        if let Ok(Err(error)) = self.engine.call(|engine| engine.handle_read(message)) {
            tracing::debug!(participant = %self.participant, %error, "datagram refused");
        }
        if self.verified() > before {
            self.path.follow(from);
        }
    }

    /// Lets the engine do what is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if let Ok(Err(error)) = self.engine.call(|engine| engine.handle_timeout(now)) {
            tracing::debug!(participant = %self.participant, %error, "engine timer failed");
        }
    }

    /// Whether the client can decrypt what we send.
    ///
    /// We have the hop's keys before the client has: it derives them from our last DTLS flight. An
    /// engine that reads that flight and media behind it in one go drops the media. A packet of
    /// its own proves that it is past that; a client that sends nothing gets [`KEY_GRACE`].
    pub(crate) fn can_receive(&self, now: Instant) -> bool {
        self.has_keys || self.connected_at.is_some_and(|at| now >= at + KEY_GRACE)
    }

    /// The next thing that happened.
    pub(crate) fn poll_event(&mut self, now: Instant) -> Option<PeerEvent> {
        while let Ok(Some(event)) = self.engine.call(|engine| engine.poll_event()) {
            if let RTCPeerConnectionEvent::OnConnectionStateChangeEvent(state) = event {
                match state {
                    RTCPeerConnectionState::Connected if !self.connected => {
                        self.connected = true;
                        self.connected_at = Some(now);
                        return Some(PeerEvent::Connected);
                    }
                    RTCPeerConnectionState::Failed => {
                        return Some(PeerEvent::Ended(DisconnectReason::Failed));
                    }
                    _ => {}
                }
            }
        }
        while let Ok(Some(message)) = self.engine.call(|engine| engine.poll_read()) {
            if let RTCMessage::RtpPacket(_, packet) = message.message {
                self.has_keys = true;
                return Some(PeerEvent::Rtp(packet));
            }
        }
        let breaks = self.engine.is_broken() && !std::mem::replace(&mut self.told_broken, true);
        breaks.then_some(PeerEvent::Ended(DisconnectReason::Failed))
    }

    /// Whether the client closed DTLS. The engine raises no event for it.
    pub(crate) fn is_closed_by_peer(&mut self) -> bool {
        let state = self.engine.call(|engine| {
            let id = engine.get_transceivers().next()?;
            let receiver = engine.rtp_receiver(id.into())?;
            receiver.transport().map(|transport| transport.state())
        });
        state == Ok(Some(RTCDtlsTransportState::Closed))
    }

    /// Hands a packet to a leg.
    ///
    /// Returns `Some(false)` when its sequence number was sent before, `None` when the engine
    /// refused it.
    pub(crate) fn send_rtp(
        &mut self,
        now: Instant,
        sender: RTCRtpSenderId,
        packet: rtp::Packet,
    ) -> Option<bool> {
        let window = self.sent.entry(packet.header.ssrc).or_default();
        if !window.take(packet.header.sequence_number) {
            return Some(false);
        }
        let write = |engine: &mut RTCPeerConnection| {
            let mut sender = engine.rtp_sender(sender)?;
            sender.write_rtp(now, packet).ok()
        };
        self.engine.call(write).ok()?.map(|()| true)
    }

    /// Asks the client for a keyframe (RFC 4585 §6.3.1).
    pub(crate) fn request_keyframe(&mut self, now: Instant, receiver: RTCRtpReceiverId, ssrc: u32) {
        let request = PictureLossIndication {
            sender_ssrc: 1,
            media_ssrc: ssrc,
        };
        let _ = self.engine.call(|engine| {
            let mut receiver = engine.rtp_receiver(receiver)?;
            receiver.write_rtcp(now, vec![Box::new(request)]).ok()
        });
    }

    /// The next datagram to send, and where to.
    pub(crate) fn poll_transmit(&mut self) -> Option<(SocketAddr, BytesMut)> {
        let transmit = self.engine.call(|engine| engine.poll_write()).ok()??;
        let to = transmit.transport.peer_addr;
        // ICE checks go to all kinds of addresses, all else to the one that was nominated.
        if demux::classify(&transmit.message) != Some(Packet::Stun) {
            self.path.nominate(to);
        }
        Some((self.path.outwards(to), transmit.message))
    }

    fn verified(&self) -> u64 {
        self.counters.verified.load(Ordering::Relaxed)
    }

    /// Asks the engine when to wake it.
    pub(crate) fn refresh_wake(&mut self) {
        let wake = self.engine.call(|engine| engine.poll_timeout());
        self.wake = wake.ok().flatten();
    }

    /// Says goodbye; what it wants to send is still to be polled.
    pub(crate) fn close(&mut self) {
        let _ = self.engine.call(|engine| engine.close());
    }
}

/// The SSRCs a client may send with.
fn declare(sources: &[Source], config: &SfuConfig) -> Result<HashSet<u32>, SfuError> {
    if sources.len() > config.max_streams_per_publisher {
        return Err(SfuError::TooManyStreams {
            limit: config.max_streams_per_publisher,
        });
    }
    let mut declared = HashSet::new();
    for source in sources {
        for ssrc in [Some(source.ssrc), source.repair].into_iter().flatten() {
            if !declared.insert(ssrc) {
                return Err(SfuError::SsrcTaken { ssrc });
            }
        }
    }
    Ok(declared)
}

fn extension_ids(extensions: &[RTCRtpHeaderExtensionParameters]) -> Vec<(u8, String)> {
    let id = |extension: &RTCRtpHeaderExtensionParameters| u8::try_from(extension.id).ok();
    extensions
        .iter()
        .filter_map(|extension| Some((id(extension)?, extension.uri.clone())))
        .collect()
}
