//! What a connection does without a network.

use super::*;
use crate::kind::MediaKind;

#[tokio::test]
async fn a_reader_that_sleeps_loses_packets_but_no_state() {
    let (shared, mut events) = events::channel(0);
    for number in 0..500 {
        shared.emit(ConnectionEvent::Packet(RemotePacket {
            ssrc: Ssrc::new(number),
            kind: MediaKind::Audio,
            packet: rtp::Packet::default(),
        }));
    }
    shared.emit(ConnectionEvent::State(ConnectionState::Failed));
    assert_eq!(shared.dropped(), 500 - 64);
    drop(shared);
    let mut last = None;
    while let Some(event) = events.next().await {
        last = Some(event);
    }
    assert_eq!(last, Some(ConnectionEvent::State(ConnectionState::Failed)));
}
