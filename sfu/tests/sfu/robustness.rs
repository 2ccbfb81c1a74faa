//! What a hostile or broken client can send.

use std::time::Instant;

use bytes::BytesMut;
use mls_srtp_sfu::{DisconnectReason, DropReason, Sfu, SfuConfig, SfuError};
use proptest::prelude::*;
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;

use crate::common::{Client, ClientSetup, Net, id, room};

fn offer() -> String {
    let addr = "198.51.100.7:4000".parse().unwrap();
    Client::new(ClientSetup::new(1), addr, Instant::now()).offer(Instant::now())
}

fn sfu() -> Sfu {
    Sfu::new(SfuConfig::new("192.0.2.1:3478".parse().unwrap())).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn mangled_offers_never_panic(cuts in prop::collection::vec((0usize..4000, any::<u8>(), 0usize..4), 1..6)) {
        let mut sdp = offer().into_bytes();
        for (at, byte, how) in cuts {
            let at = at % sdp.len().max(1);
            if sdp.is_empty() {
                break;
            }
            match how {
                0 => sdp[at] = byte,
                1 => { sdp.remove(at); }
                2 => sdp.insert(at, byte),
                _ => sdp.truncate(at.max(1)),
            }
        }
        let sdp = String::from_utf8_lossy(&sdp);
        let mut sfu = sfu();
        let _ = sfu.connect(&room(), &id("ann"), &sdp, Instant::now());
        let _ = sfu.poll_timeout();
    }

    #[test]
    fn shuffled_lines_never_panic(order in Just((0usize..60).collect::<Vec<_>>()).prop_shuffle(), keep in 5usize..60) {
        let sdp = offer();
        let lines: Vec<&str> = sdp.lines().collect();
        let mixed: String = order
            .iter()
            .take(keep)
            .filter_map(|line| lines.get(*line))
            .flat_map(|line| [line, "\r\n"])
            .collect();
        let _ = sfu().connect(&room(), &id("ann"), &format!("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n{mixed}"), Instant::now());
    }

    #[test]
    fn stray_datagrams_never_panic(datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..20)) {
        let mut net = connected();
        let from = net.clients["ann"].addr;
        for datagram in datagrams {
            net.sfu.handle_datagram(from, BytesMut::from(&datagram[..]), net.now);
        }
        net.run(50);
        assert!(net.clients["ann"].connected);
    }
}

fn connected() -> Net {
    let mut net = Net::new();
    net.join("ann", ClientSetup::new(1));
    net
}

#[test]
fn broken_answers_are_refused_and_a_good_one_still_counts() {
    let mut net = connected();
    let sdp = net.offer_for("ben", ClientSetup::new(2));
    let now = net.now;
    let good = net.client("ben").answer(&sdp, now);
    let fewer = good.rsplit_once("m=video").unwrap().0.to_owned();
    let other = good
        .replace("a=ssrc:22 ", "a=ssrc:99 ")
        .replace("FID 22 ", "FID 99 ");
    for (bad, code) in [
        ("garbage".to_owned(), "malformed_sdp"),
        (fewer, "answer_mismatch"),
        (other, "answer_mismatch"),
        ("x".repeat(300_000), "sdp_too_large"),
    ] {
        let refused = net.sfu.answer(&room(), &id("ben"), &bad, now).unwrap_err();
        assert_eq!(refused.code(), code);
    }
    net.sfu.answer(&room(), &id("ben"), &good, now).unwrap();
    let again = net.sfu.answer(&room(), &id("ben"), &good, now).unwrap_err();
    assert!(matches!(again, SfuError::NoOfferOutstanding));
    net.client("ann").send_video(0, b"x\x00", now);
    net.run(20);
    assert_eq!(net.clients["ben"].of(12).len(), 1);
}

#[test]
fn whoever_never_answers_is_disconnected() {
    let mut net = connected();
    net.offer_for("ben", ClientSetup::new(2));
    net.run(20_000);
    assert_eq!(
        net.disconnects(),
        vec![(id("ben"), DisconnectReason::AnswerTimeout)]
    );
}

#[test]
fn whoever_falls_silent_is_disconnected() {
    let mut net = connected();
    net.join("ben", ClientSetup::new(2));
    net.clients.remove("ann");
    net.run(20_000);
    assert_eq!(net.disconnects(), vec![(id("ann"), DisconnectReason::Idle)]);
    assert!(
        net.clients["ben"].connected,
        "ICE checks keep the other one alive"
    );
}

#[test]
fn whoever_says_goodbye_is_gone_at_once() {
    let mut net = connected();
    rtc::sansio::Protocol::close(&mut net.client("ann").pc).unwrap();
    net.run(100);
    assert_eq!(
        net.disconnects(),
        vec![(id("ann"), DisconnectReason::ClosedByPeer)]
    );
}

#[test]
fn whoever_never_connects_is_disconnected() {
    let mut net = Net::new();
    net.loss = Box::new(|_| true);
    net.try_join("ann", ClientSetup::new(1)).unwrap();
    net.run(31_000);
    assert_eq!(
        net.disconnects(),
        vec![(id("ann"), DisconnectReason::ConnectTimeout)]
    );
}

#[test]
fn profiles_without_gcm_are_not_negotiated() {
    let mut net = Net::new();
    let mut setup = ClientSetup::new(1);
    setup.profiles = vec![SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80];
    net.try_join("ann", setup).unwrap();
    net.run(5_000);
    assert!(!net.clients["ann"].connected);
    assert_eq!(net.sfu.stats().connected, 0);
}

#[test]
fn undeclared_ssrcs_and_strangers_are_dropped_before_any_key_is_used() {
    let mut net = connected();
    let ann = net.clients["ann"].addr;
    let rtp = [0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 3, 9, 1, 2, 3, 4];
    net.sfu
        .handle_datagram(ann, BytesMut::from(&rtp[..]), net.now);
    let stranger = "203.0.113.5:9".parse().unwrap();
    net.sfu
        .handle_datagram(stranger, BytesMut::from(&rtp[..]), net.now);
    net.sfu
        .handle_datagram(stranger, BytesMut::from(&b"\xff"[..]), net.now);
    let dropped = net.sfu.stats().dropped;
    assert_eq!(dropped[&DropReason::UndeclaredSsrc], 1);
    assert_eq!(dropped[&DropReason::UnknownSource], 1);
    assert_eq!(dropped[&DropReason::NotWebRtc], 1);
}

#[test]
fn rooms_and_offers_have_limits() {
    let mut net = Net::with(|config| {
        config.max_participants_per_room = 2;
        config.max_streams_per_publisher = 1;
    });
    let two_streams = net.try_join("ann", ClientSetup::new(1)).unwrap_err();
    assert_eq!(two_streams.code(), "too_many_streams");
    for (name, number) in [("ann", 1), ("ben", 2), ("eve", 3)] {
        let mut setup = ClientSetup::new(number);
        setup.audio_ssrc = None;
        let joined = net.try_join(name, setup);
        assert_eq!(joined.is_ok(), number < 3, "{name}");
    }
}

#[test]
fn a_connection_out_of_media_sections_ends_with_that_reason() {
    let mut net = Net::with(|config| config.max_media_sections = 5);
    net.join("ann", ClientSetup::new(1));
    net.join("ben", ClientSetup::new(2));
    net.try_join("eve", ClientSetup::new(3)).unwrap();
    net.run(1_000);
    assert!(
        net.disconnects()
            .iter()
            .all(|(_, why)| *why == DisconnectReason::SectionsExhausted)
    );
    assert!(!net.disconnects().is_empty());
}
