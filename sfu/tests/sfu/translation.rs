//! Legs that negotiated other numbers than the publisher.

use mls_srtp_sfu::{DropReason, PayloadFormat};

use crate::common::{ClientSetup, Net, room};

const LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
const ORIENTATION: &str = "urn:3gpp:video-orientation";

/// Ann numbers as Chromium does, ben as Firefox does.
fn chromium_and_firefox(format: PayloadFormat) -> Net {
    let mut net = Net::with(|config| config.default_format = format);
    let mut ben = ClientSetup::new(2);
    (ben.opus, ben.vp8) = (109, 120);
    net.join("ann", ClientSetup::new(1));
    net.join("ben", ben);
    net
}

#[test]
fn a_translated_payload_type_is_recorded_behind_the_unchanged_payload() {
    let mut net = chromium_and_firefox(PayloadFormat::Double);
    let now = net.now;
    net.client("ann")
        .send_video(1, b"ciphertext-tag-trailer\x00", now);
    net.client("ann").send_audio(1, b"sound\x60\x02", &[], now);
    net.client("ben").send_video(1, b"picture\x08", now);
    net.run(20);
    let video = net.clients["ben"].of(12)[0];
    assert_eq!(video.payload_type, 120);
    assert_eq!(video.payload, &b"ciphertext-tag-trailer\x60\x02"[..]);
    let audio = net.clients["ben"].of(11)[0];
    assert_eq!(
        (audio.payload_type, &audio.payload[..]),
        (109, &b"sound\x60\x02"[..])
    );
    let back = net.clients["ann"].of(22)[0];
    assert_eq!(
        (back.payload_type, &back.payload[..]),
        (96, &b"picture\x78\x0a"[..])
    );
}

#[test]
fn opaque_rooms_keep_the_payload_whatever_it_ends_with() {
    let mut net = chromium_and_firefox(PayloadFormat::Opaque);
    let now = net.now;
    net.client("ann").send_video(1, b"sframe\xff", now);
    net.run(20);
    let video = net.clients["ben"].of(12)[0];
    assert_eq!(
        (video.payload_type, &video.payload[..]),
        (120, &b"sframe\xff"[..])
    );
}

#[test]
fn a_payload_without_a_block_is_not_forwarded_to_a_translating_leg() {
    let mut net = chromium_and_firefox(PayloadFormat::Double);
    net.join("eve", ClientSetup::new(3));
    let now = net.now;
    net.client("ann").send_video(1, b"no block\xff", now);
    net.run(20);
    assert!(net.clients["ben"].of(12).is_empty());
    assert_eq!(
        net.clients["eve"].of(12).len(),
        1,
        "same numbers, nothing to record"
    );
    assert_eq!(net.sfu.stats().dropped[&DropReason::MalformedOhb], 1);
}

#[test]
fn the_format_of_a_room_is_fixed_while_it_is_in_use() {
    let mut net = Net::new();
    net.sfu
        .configure_room(&room(), PayloadFormat::Opaque)
        .unwrap();
    net.join("ann", ClientSetup::new(1));
    assert!(
        net.sfu
            .configure_room(&room(), PayloadFormat::Double)
            .is_err()
    );
    net.leave("ann");
    net.sfu
        .configure_room(&room(), PayloadFormat::Double)
        .unwrap();
}

#[test]
fn header_extensions_are_renumbered_or_cut_per_leg() {
    let mut net = Net::new();
    let mut ann = ClientSetup::new(1);
    ann.extensions = vec![LEVEL, ORIENTATION];
    let mut ben = ClientSetup::new(2);
    ben.extensions = vec![ORIENTATION, LEVEL];
    net.join("ann", ann);
    net.join("ben", ben);
    net.join("eve", ClientSetup::new(3));
    let level = net.extension_id("ann", LEVEL);
    let now = net.now;
    net.client("ann")
        .send_audio(1, b"sound\x00", &[(level, b"\x55")], now);
    net.run(20);
    let to_ben = net.extension_id("ben", LEVEL);
    let packet = net.clients["ben"].of(11)[0];
    assert_eq!(
        packet.extensions,
        vec![(to_ben, bytes::Bytes::from_static(b"\x55"))]
    );
    let packet = net.clients["eve"].of(11)[0];
    assert!(packet.extensions.is_empty(), "eve negotiated none");
}
