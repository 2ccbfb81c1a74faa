//! Two peer connections in one process, over loopback, in real time.

mod call;
mod publishing;
mod tap;
#[path = "../../src/testing.rs"]
#[allow(dead_code, reason = "shared with the unit tests")]
mod testing;

use std::collections::HashSet;
use std::time::Duration;

use call::*;
use mls_srtp::id::{LeafIndex, Ssrc};
use mls_srtp_participant::connection::{
    ConnectionError, ConnectionEvent, ConnectionState, LocalTrack,
};
use mls_srtp_participant::kind::MediaKind;
use mls_srtp_participant::stream::SenderStream;
use rtc::rtp;
use tap::Tap;
use testing::{announce, member};
use tokio::time::timeout;

#[tokio::test]
async fn packets_arrive_as_they_were_sent_and_nobody_between_can_read_them() {
    let (alice_media, bob_media) = (in_epoch(ALICE, 1, 7), in_epoch(BOB, 1, 7));
    let tap = Tap::new();
    let builder = alice(&alice_media, Some(RTX)).interceptor(tap.slot(), tap.clone());
    let (alice, _alice_events, bob, mut events) = connect(builder, bob(&bob_media)).await;
    let mut sound = SenderStream::new(MediaKind::Audio, SOUND);
    let mut picture = SenderStream::new(MediaKind::Video, PICTURE);
    let sent: Vec<_> = (0..200)
        .map(|number| match number % 2 {
            0 => numbered(&mut sound, number),
            _ => numbered(&mut picture, number),
        })
        .collect();
    send_all(&alice, &sent).await;
    let mut expected: HashSet<_> = sent
        .iter()
        .map(|p| (p.header.ssrc, p.payload.clone()))
        .collect();
    while !expected.is_empty() {
        let got = packet(&mut events).await;
        let original = sent.iter().find(|sent| {
            (sent.header.ssrc, &sent.payload) == (got.ssrc.get(), &got.packet.payload)
        });
        assert_eq!(
            Some(&got.packet.header),
            original.map(|original| &original.header)
        );
        let kind = if got.ssrc == SOUND {
            MediaKind::Audio
        } else {
            MediaKind::Video
        };
        assert_eq!(got.kind, kind);
        assert!(
            expected.remove(&(got.ssrc.get(), got.packet.payload)),
            "twice"
        );
    }
    for ssrc in [SOUND, PICTURE] {
        let owner = bob_media.owners().owner(ssrc).expect("known");
        assert_eq!(
            (&*owner.participant, owner.leaf),
            (&member(ALICE), LeafIndex::new(ALICE))
        );
    }
    let wire = tap.packets();
    assert_eq!(wire.len(), 200);
    let readable = |packet: &rtp::Packet| packet.payload.windows(60).any(|part| part == [7; 60]);
    assert!(sent.iter().all(readable) && !wire.iter().any(readable));
    for side in [&alice, &bob] {
        assert_eq!(
            side.hop_cipher().await.as_deref(),
            Some("SRTP_AEAD_AES_256_GCM")
        );
        side.close().await.expect("closed");
        assert_eq!(side.state(), ConnectionState::Closed);
    }
}

#[tokio::test]
async fn with_other_keys_nothing_is_delivered() {
    let (alice_media, bob_media) = (in_epoch(ALICE, 1, 7), in_epoch(BOB, 1, 8));
    let builder = alice(&alice_media, Some(RTX));
    let (alice, _alice_events, _bob, mut events) = connect(builder, bob(&bob_media)).await;
    let mut sound = SenderStream::new(MediaKind::Audio, SOUND);
    let sent: Vec<_> = (0..50).map(|number| numbered(&mut sound, number)).collect();
    send_all(&alice, &sent).await;
    // The keys become right: the packet after shows that the ones before did arrive.
    let right = sound
        .packetize(960 * 50, &vec![0x10; 9].into())
        .expect("cut");
    enter(&bob_media, BOB, 2, 7);
    enter(&alice_media, ALICE, 2, 7);
    send_all(&alice, &right).await;
    assert_eq!(packet(&mut events).await.packet.payload, right[0].payload);
    let refused = bob_media
        .lock()
        .expect("whole")
        .stats()
        .total(|sender| sender.auth_failed);
    assert_eq!(refused, 50);
}

#[tokio::test]
async fn without_keys_nothing_leaves() {
    let (alice_media, bob_media) = (media(), in_epoch(BOB, 1, 7));
    let tap = Tap::new();
    let builder = alice(&alice_media, Some(RTX)).interceptor(tap.slot(), tap.clone());
    let (alice, _alice_events, _bob, mut events) = connect(builder, bob(&bob_media)).await;
    let mut sound = SenderStream::new(MediaKind::Audio, SOUND);
    let plain: Vec<_> = (0..50).map(|number| numbered(&mut sound, number)).collect();
    send_all(&alice, &plain).await;
    enter(&alice_media, ALICE, 1, 7);
    let sealed = numbered(&mut sound, 50);
    send_all(&alice, std::slice::from_ref(&sealed)).await;
    assert_eq!(packet(&mut events).await.packet, sealed);
    assert_eq!(tap.packets().len(), 1);
}

/// Drops every tenth picture packet of the first transmission; all must come through, each asked
/// for a bounded number of times.
async fn repaired(rtx_ssrc: Option<Ssrc>) -> (usize, usize) {
    let (alice_media, bob_media) = (in_epoch(ALICE, 1, 7), in_epoch(BOB, 1, 7));
    let tap = Tap::losing(10);
    let builder = alice(&alice_media, rtx_ssrc).interceptor(tap.slot(), tap.clone());
    let (alice, _alice_events, _bob, mut events) = connect(builder, bob(&bob_media)).await;
    let mut picture = SenderStream::new(MediaKind::Video, PICTURE);
    let sent: Vec<_> = (0..300)
        .map(|number| numbered(&mut picture, number))
        .collect();
    let sending = async {
        for chunk in sent.chunks(10) {
            send_all(&alice, chunk).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let mut missing: HashSet<_> = sent.iter().map(|p| p.header.sequence_number).collect();
    let receiving = async {
        // The newest packets are never asked for.
        while missing
            .iter()
            .any(|sequence| *sequence != sent[299].header.sequence_number)
        {
            let got = packet(&mut events).await.packet;
            let number = got.header.sequence_number;
            let index = number.wrapping_sub(sent[0].header.sequence_number);
            assert_eq!(got, sent[usize::from(index)]);
            assert!(missing.remove(&number), "twice");
        }
    };
    timeout(PATIENCE, futures_util::future::join(sending, receiving))
        .await
        .expect("in time");
    // Anything the NACK generator still asks for would be asked for by now.
    tokio::time::sleep(Duration::from_millis(200)).await;
    (tap.lost(), tap.repeated())
}

#[tokio::test]
async fn lost_packets_are_sent_again_and_opened_with_rtx() {
    let (lost, repeated) = repaired(Some(RTX)).await;
    assert!(lost >= 29, "{lost}");
    assert!(
        repeated <= 3 * lost,
        "{repeated} retransmissions of {lost} packets"
    );
}

#[tokio::test]
async fn lost_packets_are_sent_again_and_opened_without_rtx() {
    let (lost, repeated) = repaired(None).await;
    assert!(lost >= 29, "{lost}");
    assert!(
        repeated <= 3 * lost,
        "{repeated} retransmissions of {lost} packets"
    );
}

#[tokio::test]
async fn packets_ahead_of_their_epoch_come_out_when_it_comes() {
    let (alice_media, bob_media) = (in_epoch(ALICE, 2, 7), in_epoch(BOB, 1, 7));
    let builder = alice(&alice_media, Some(RTX));
    let (alice, _alice_events, _bob, mut events) = connect(builder, bob(&bob_media)).await;
    let mut sound = SenderStream::new(MediaKind::Audio, SOUND);
    let sent: Vec<_> = (0..20).map(|number| numbered(&mut sound, number)).collect();
    send_all(&alice, &sent).await;
    let held = || bob_media.lock().expect("whole").early_count();
    let all_held = async {
        while held() < sent.len() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, all_held).await.expect("in time");
    // No packet follows: the interceptor has to look by itself.
    enter(&bob_media, BOB, 2, 7);
    for expected in sent {
        assert_eq!(packet(&mut events).await.packet, expected);
    }
}

#[tokio::test]
async fn a_keyframe_request_reaches_the_sender() {
    let (alice_media, bob_media) = (in_epoch(ALICE, 1, 7), in_epoch(BOB, 1, 7));
    let builder = alice(&alice_media, Some(RTX));
    let (alice, mut alice_events, bob, mut events) = connect(builder, bob(&bob_media)).await;
    let before = bob.request_keyframe(PICTURE).await;
    assert!(matches!(
        before,
        Err(ConnectionError::UnknownStream(PICTURE))
    ));
    let mut picture = SenderStream::new(MediaKind::Video, PICTURE);
    send_all(&alice, &[numbered(&mut picture, 0)]).await;
    packet(&mut events).await;
    bob.request_keyframe(PICTURE).await.expect("asked");
    let asked = until(&mut alice_events, |event| match event {
        ConnectionEvent::KeyframeWanted { ssrc } => Some(ssrc),
        _ => None,
    });
    assert_eq!(asked.await, PICTURE);
}

#[tokio::test]
async fn a_stream_goes_on_over_a_new_connection() {
    let (alice_media, bob_media) = (in_epoch(ALICE, 1, 7), in_epoch(BOB, 1, 7));
    let mut sound = SenderStream::new(MediaKind::Audio, SOUND);
    let mut numbers = Vec::new();
    for round in 0..2 {
        let builder = alice(&alice_media, Some(RTX));
        let (alice, _alice_events, bob, mut events) = connect(builder, bob(&bob_media)).await;
        for number in 0..5 {
            let sent = numbered(&mut sound, round * 5 + number);
            send_all(&alice, std::slice::from_ref(&sent)).await;
            let got = packet(&mut events).await.packet;
            assert_eq!(got, sent);
            numbers.push(got.header.sequence_number);
        }
        alice.close().await.expect("closed");
        bob.close().await.expect("closed");
    }
    let first = numbers[0];
    let expected: Vec<_> = (0..10).map(|step| first.wrapping_add(step)).collect();
    assert_eq!(numbers, expected);
}

#[tokio::test]
async fn the_other_side_may_offer_more_later() {
    let (alice_media, bob_media) = (in_epoch(ALICE, 1, 7), in_epoch(BOB, 1, 7));
    let more = LocalTrack {
        kind: MediaKind::Audio,
        ssrc: Ssrc::new(99),
        rtx_ssrc: None,
    };
    let builder = bob(&bob_media).track(more);
    let (alice, mut alice_events, bob, mut events) =
        connect(alice(&alice_media, Some(RTX)), builder).await;
    connected(&mut events).await;
    let offer = bob.create_offer().await.expect("an offer");
    let glare = bob.handle_offer(&offer).await;
    assert!(matches!(glare, Err(ConnectionError::OfferPending)));
    let answer = alice.handle_offer(&offer).await.expect("an answer");
    bob.handle_answer(&answer).await.expect("taken");
    alice_media.apply(announce(BOB, &[99]));
    let mut sound = SenderStream::new(MediaKind::Audio, Ssrc::new(99));
    let sent = numbered(&mut sound, 0);
    send_all(&bob, std::slice::from_ref(&sent)).await;
    assert_eq!(packet(&mut alice_events).await.packet, sent);
}

#[tokio::test]
async fn media_goes_on_after_an_ice_restart() {
    let (alice_media, bob_media) = (in_epoch(ALICE, 1, 7), in_epoch(BOB, 1, 7));
    let builder = alice(&alice_media, Some(RTX));
    let (alice, _alice_events, bob, mut events) = connect(builder, bob(&bob_media)).await;
    let mut sound = SenderStream::new(MediaKind::Audio, SOUND);
    let before = numbered(&mut sound, 0);
    send_all(&alice, std::slice::from_ref(&before)).await;
    assert_eq!(packet(&mut events).await.packet, before);
    let credentials = |sdp: &str| {
        let mut lines = sdp.lines();
        lines
            .find(|line| line.contains("ice-ufrag"))
            .map(str::to_owned)
    };
    let first = alice.create_offer().await.expect("an offer");
    let answer = bob.handle_offer(&first).await.expect("an answer");
    alice.handle_answer(&answer).await.expect("taken");
    let second = alice.restart_ice().await.expect("an offer");
    assert_ne!(credentials(&first), credentials(&second));
    let answer = bob.handle_offer(&second).await.expect("an answer");
    alice.handle_answer(&answer).await.expect("taken");
    // While ICE starts over packets may go nowhere: the first that arrives ends the test.
    let sending = async {
        for number in 1.. {
            let _ = alice.send(numbered(&mut sound, number)).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        got = packet(&mut events) => assert_eq!(got.ssrc, SOUND),
        () = sending => {}
    }
}

#[tokio::test]
async fn what_cannot_be_is_refused_by_name() {
    let media = in_epoch(ALICE, 1, 7);
    let (alice, _events) = alice(&media, None).open().await.expect("open");
    let mut sound = SenderStream::new(MediaKind::Audio, SOUND);
    let sent = alice.send(numbered(&mut sound, 0)).await;
    assert!(matches!(sent, Err(ConnectionError::NotConnected)));
    let mut other = SenderStream::new(MediaKind::Audio, Ssrc::new(5));
    let sent = alice.send(numbered(&mut other, 0)).await;
    assert!(matches!(sent, Err(ConnectionError::UnknownStream(_))));
    for nonsense in ["", "v=0", "v=0\r\no=x\r\n", "\0\0"] {
        let refused = alice.handle_offer(nonsense).await;
        assert!(
            matches!(refused, Err(ConnectionError::RemoteDescription(_))),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn a_dropped_connection_ends() {
    let media = in_epoch(ALICE, 1, 7);
    let (connection, mut events) = alice(&media, None).open().await.expect("open");
    drop(connection);
    let end = async { while events.next().await.is_some() {} };
    timeout(PATIENCE, end).await.expect("in time");
}
