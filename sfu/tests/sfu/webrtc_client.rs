//! Against the `webrtc` crate, the asynchronous face of the engine that native clients use.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mls_srtp_sfu::{Event, ParticipantId, RoomId, SfuConfig, SfuHandle, SfuServer};
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc::interceptor::Registry;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::interceptor_registry::register_default_interceptors;
use rtc::peer_connection::configuration::media_engine::MediaEngine;
use rtc::peer_connection::configuration::setting_engine::SettingEngineBuilder;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::rtp;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler};

const LOOPBACK: &str = "127.0.0.1:0";
const PATIENCE: Duration = Duration::from_secs(20);

fn room() -> RoomId {
    RoomId::new("room").unwrap()
}

fn id(name: &str) -> ParticipantId {
    ParticipantId::new(name).unwrap()
}

/// Stream id (the publisher's name) and packet.
type Arrival = (String, rtp::Packet);

struct Receiver(UnboundedSender<Arrival>);

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Receiver {
    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let arrivals = self.0.clone();
        tokio::spawn(async move {
            let publisher = track.stream_id().await;
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event {
                    let _ = arrivals.send((publisher.clone(), packet));
                }
            }
        });
    }
}

struct Client {
    name: &'static str,
    connection: Box<dyn PeerConnection>,
    audio: Arc<TrackLocalStaticRTP>,
    video: Arc<TrackLocalStaticRTP>,
    ssrc: u32,
    arrivals: UnboundedReceiver<Arrival>,
}

fn track(
    kind: RtpCodecKind,
    ssrc: u32,
    mime: &str,
    clock_rate: u32,
    channels: u16,
) -> Arc<TrackLocalStaticRTP> {
    let coding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters {
            ssrc: Some(ssrc),
            ..Default::default()
        },
        codec: RTCRtpCodec {
            mime_type: mime.to_owned(),
            clock_rate,
            channels,
            ..Default::default()
        },
        ..Default::default()
    };
    let name = format!("track-{ssrc}");
    let track = MediaStreamTrack::new("own".into(), name, String::new(), kind, vec![coding]);
    Arc::new(TrackLocalStaticRTP::new(track))
}

impl Client {
    async fn join(name: &'static str, ssrc: u32, sfu: &SfuHandle) -> Self {
        let (sender, arrivals) = unbounded_channel();
        let mut engine = MediaEngine::default();
        engine.register_default_codecs().unwrap();
        let registry = register_default_interceptors(Registry::new(), &mut engine).unwrap();
        let settings = SettingEngineBuilder::new()
            .with_srtp_protection_profiles(vec![
                SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm,
                SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
            ])
            .build();
        let connection = PeerConnectionBuilder::new()
            .with_media_engine(engine)
            .with_setting_engine(settings)
            .with_interceptor_registry(registry)
            .with_handler(Arc::new(Receiver(sender)))
            .with_udp_addrs(vec![LOOPBACK.to_owned()])
            .build()
            .await
            .unwrap();
        let audio = track(RtpCodecKind::Audio, ssrc + 1, "audio/opus", 48_000, 2);
        let video = track(RtpCodecKind::Video, ssrc, "video/VP8", 90_000, 0);
        connection
            .add_track(audio.clone() as Arc<dyn TrackLocal>)
            .await
            .unwrap();
        connection
            .add_track(video.clone() as Arc<dyn TrackLocal>)
            .await
            .unwrap();
        let offer = connection.create_offer(None).await.unwrap();
        connection.set_local_description(offer).await.unwrap();
        let sdp = connection.local_description().await.unwrap().sdp;
        let (reply, answer) = oneshot::channel();
        sfu.connect(
            room(),
            id(name),
            sdp,
            Box::new(|result| reply.send(result).unwrap()),
        );
        let answer = RTCSessionDescription::answer(answer.await.unwrap().unwrap()).unwrap();
        connection.set_remote_description(answer).await.unwrap();
        Self {
            name,
            connection: Box::new(connection),
            audio,
            video,
            ssrc,
            arrivals,
        }
    }

    async fn answer(&self, offer: String, sfu: &SfuHandle) {
        let offer = RTCSessionDescription::offer(offer).unwrap();
        self.connection.set_remote_description(offer).await.unwrap();
        let answer = self.connection.create_answer(None).await.unwrap();
        self.connection.set_local_description(answer).await.unwrap();
        let sdp = self.connection.local_description().await.unwrap().sdp;
        sfu.answer(
            room(),
            id(self.name),
            sdp,
            Box::new(|result| result.unwrap()),
        );
    }

    async fn send(&self, sequence: u16) {
        for (track, ssrc, payload_type) in [
            (&self.video, self.ssrc, 96),
            (&self.audio, self.ssrc + 1, 111),
        ] {
            let header = rtp::header::Header {
                version: 2,
                payload_type,
                sequence_number: sequence,
                ssrc,
                ..Default::default()
            };
            let payload = Bytes::from(format!("{ssrc} {sequence}\0"));
            let _ = track.write_rtp(rtp::Packet { header, payload }).await;
        }
    }

    /// Whether audio and video of everyone in `others` have arrived.
    fn heard(&mut self, seen: &mut Vec<(String, u32)>, others: &[(&str, u32)]) -> bool {
        while let Ok((publisher, packet)) = self.arrivals.try_recv() {
            let sent = format!("{} {}\0", packet.header.ssrc, packet.header.sequence_number);
            assert_eq!(packet.payload, sent.as_bytes());
            seen.push((publisher, packet.header.ssrc));
        }
        others.iter().all(|(name, ssrc)| {
            [*ssrc, ssrc + 1]
                .iter()
                .all(|ssrc| seen.contains(&((*name).to_owned(), *ssrc)))
        })
    }
}

/// Sends from everyone and answers offers until everyone heard everyone.
async fn until_all_heard(
    clients: &mut [Client],
    events: &mut UnboundedReceiver<Event>,
    sfu: &SfuHandle,
    sequence: &mut u16,
) {
    let names: Vec<(&str, u32)> = clients
        .iter()
        .map(|client| (client.name, client.ssrc))
        .collect();
    let mut seen = vec![Vec::new(); clients.len()];
    loop {
        while let Ok(event) = events.try_recv() {
            if let Event::Offer {
                participant, sdp, ..
            } = event
            {
                let client = clients
                    .iter()
                    .find(|client| client.name == participant.as_str());
                client.unwrap().answer(sdp, sfu).await;
            }
        }
        *sequence += 1;
        let mut done = true;
        for (client, seen) in clients.iter_mut().zip(&mut seen) {
            client.send(*sequence).await;
            let others: Vec<_> = names
                .iter()
                .copied()
                .filter(|(name, _)| *name != client.name)
                .collect();
            done &= client.heard(seen, &others);
        }
        if done {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_of_the_webrtc_crate_hear_each_other_and_later_joiners() {
    let (sender, mut events) = unbounded_channel();
    let config = SfuConfig::new(LOOPBACK.parse().unwrap());
    let server = SfuServer::start(LOOPBACK.parse().unwrap(), config, move |event| {
        let _ = sender.send(event);
    })
    .unwrap();
    let sfu = server.handle();
    let mut sequence = 0;
    let mut clients = vec![Client::join("ann", 1000, &sfu).await];
    for (name, ssrc) in [("ben", 2000), ("eve", 3000)] {
        clients.push(Client::join(name, ssrc, &sfu).await);
        let all = until_all_heard(&mut clients, &mut events, &sfu, &mut sequence);
        tokio::time::timeout(PATIENCE, all)
            .await
            .expect("not everyone heard everyone");
    }
    for client in &clients {
        client.connection.close().await.unwrap();
    }
    let stats = server.stop();
    assert_eq!(stats.sfu.routes.len(), 12);
}
