//! Alice who sends, Bob who receives, and a wire between them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mls_srtp::id::Ssrc;
use mls_srtp::pipeline::{MediaConfig, MediaPipeline};
use mls_srtp_participant::clock::ClockOrigin;
use mls_srtp_participant::connection::{
    ConnectionBuilder, ConnectionEvent, ConnectionState, Events, LocalTrack, MediaConnection,
    RemotePacket,
};
use mls_srtp_participant::e2e::E2eMedia;
use mls_srtp_participant::kind::MediaKind;
use mls_srtp_participant::stream::SenderStream;
use rtc::rtp;
use tokio::time::timeout;

use crate::testing::{announce, install, switch};

pub(crate) const ALICE: u16 = 0;
pub(crate) const BOB: u16 = 1;
pub(crate) const SOUND: Ssrc = Ssrc::new(11);
pub(crate) const PICTURE: Ssrc = Ssrc::new(22);
pub(crate) const RTX: Ssrc = Ssrc::new(23);

/// Nothing here takes a tenth of it; a test that fails should fail soon.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn media() -> E2eMedia {
    let pipeline = MediaPipeline::new(MediaConfig::default());
    E2eMedia::new(Arc::new(Mutex::new(pipeline)), ClockOrigin::start())
}

pub(crate) fn enter(media: &E2eMedia, leaf: u16, epoch: u64, seed: u8) {
    media.apply(install(leaf, epoch, 2, seed));
    media.apply(switch(epoch));
    media.apply(announce(ALICE, &[SOUND.get(), PICTURE.get()]));
}

pub(crate) fn in_epoch(leaf: u16, epoch: u64, seed: u8) -> E2eMedia {
    let media = media();
    enter(&media, leaf, epoch, seed);
    media
}

/// Alice's side, sending; `tap` sees what goes out below the encryption.
pub(crate) fn alice(media: &E2eMedia, rtx_ssrc: Option<Ssrc>) -> ConnectionBuilder {
    MediaConnection::builder(media)
        .udp_addr("127.0.0.1:0")
        .track(LocalTrack {
            kind: MediaKind::Audio,
            ssrc: SOUND,
            rtx_ssrc: None,
        })
        .track(LocalTrack {
            kind: MediaKind::Video,
            ssrc: PICTURE,
            rtx_ssrc,
        })
}

pub(crate) fn bob(media: &E2eMedia) -> ConnectionBuilder {
    MediaConnection::builder(media).udp_addr("127.0.0.1:0")
}

pub(crate) async fn connect(
    alice: ConnectionBuilder,
    bob: ConnectionBuilder,
) -> (MediaConnection, Events, MediaConnection, Events) {
    let (alice, mut alice_events) = alice.open().await.expect("open");
    let (bob, bob_events) = bob.open().await.expect("open");
    let offer = alice.create_offer().await.expect("an offer");
    let answer = bob.handle_offer(&offer).await.expect("an answer");
    alice.handle_answer(&answer).await.expect("taken");
    connected(&mut alice_events).await;
    (alice, alice_events, bob, bob_events)
}

pub(crate) async fn connected(events: &mut Events) {
    let connected = ConnectionEvent::State(ConnectionState::Connected);
    until(events, |event| (event == connected).then_some(())).await;
}

pub(crate) async fn until<T>(
    events: &mut Events,
    found: impl Fn(ConnectionEvent) -> Option<T>,
) -> T {
    let wait = async {
        loop {
            let event = events.next().await.expect("open");
            if let Some(found) = found(event) {
                return found;
            }
        }
    };
    timeout(PATIENCE, wait).await.expect("in time")
}

/// The next packet of somebody else's.
pub(crate) async fn packet(events: &mut Events) -> RemotePacket {
    until(events, |event| match event {
        ConnectionEvent::Packet(packet) => Some(packet),
        _ => None,
    })
    .await
}

/// One packet of `kind`, numbered in its payload.
pub(crate) fn numbered(stream: &mut SenderStream, number: u32) -> rtp::Packet {
    let frame = [&[0x10][..], &number.to_be_bytes(), &[7; 60]].concat();
    let packets = stream
        .packetize(u64::from(number) * 960, &frame.into())
        .expect("cut");
    packets.into_iter().next().expect("one")
}

/// Sends at a rate that the receiving socket takes without loss.
pub(crate) async fn send_all(connection: &MediaConnection, packets: &[rtp::Packet]) {
    for packet in packets {
        connection.send(packet.clone()).await.expect("sent");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
