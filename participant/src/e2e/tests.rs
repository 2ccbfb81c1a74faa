//! What the interceptor must do with packets, keys and time.

use std::time::{Duration, Instant};

use mls_srtp::pipeline::MediaConfig;
use rtc::interceptor::{AttributedPacket, Interceptor, Packet, StreamInfo, TaggedPacket};
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtp;
use rtc::sansio::Protocol;
use rtc::shared::TransportContext;
use rtc::shared::marshal::MarshalSize;

use super::*;
use crate::kind::MediaKind;
use crate::stream::{MAX_PAYLOAD, MAX_UDP_PAYLOAD, SenderStream};
use crate::testing::{announce, install, member, read_all, switch, tagged_at, written};

const ALICE: u16 = 0;
const BOB: u16 = 1;
const SSRC: u32 = 0xcafe_babe;

struct Side {
    media: E2eMedia,
    start: Instant,
}

impl Side {
    fn without_keys() -> Self {
        let start = Instant::now();
        let pipeline = Arc::new(Mutex::new(MediaPipeline::new(MediaConfig::default())));
        Self {
            media: E2eMedia::new(pipeline, ClockOrigin::new(start)),
            start,
        }
    }

    fn in_epoch(own_leaf: u16, epoch: u64) -> Self {
        let side = Self::without_keys();
        side.enter(own_leaf, epoch);
        side.media.apply(announce(ALICE, &[SSRC]));
        side
    }

    fn enter(&self, own_leaf: u16, epoch: u64) {
        self.media.apply(install(own_leaf, epoch, 2, 7));
        self.media.apply(switch(epoch));
    }

    fn at(&self, millis: u64) -> Instant {
        self.start + Duration::from_millis(millis)
    }
}

fn plain(sequence_number: u16) -> rtp::Packet {
    rtp::Packet {
        header: rtp::Header {
            version: 2,
            marker: sequence_number.is_multiple_of(2),
            payload_type: 96,
            sequence_number,
            timestamp: 3_000,
            ssrc: SSRC,
            ..rtp::Header::default()
        },
        payload: format!("a frame of video, {sequence_number}").into(),
    }
}

/// What Alice's interceptor puts on the wire for the plain packets of `sequence`.
fn sealed(alice: &Side, sequence: impl IntoIterator<Item = u16>) -> Vec<rtp::Packet> {
    let mut interceptor = alice.media.interceptor();
    for number in sequence {
        let packet = tagged_at(plain(number), alice.start);
        interceptor.handle_write(packet).expect("taken");
    }
    written(&mut interceptor)
}

fn deliver(interceptor: &mut E2eInterceptor, packets: &[rtp::Packet], at: Instant) {
    for packet in packets {
        interceptor
            .handle_read(tagged_at(packet.clone(), at))
            .expect("taken");
    }
}

#[test]
fn packets_are_sealed_on_the_way_out_and_opened_on_the_way_in() {
    let (alice, bob) = (Side::in_epoch(ALICE, 1), Side::in_epoch(BOB, 1));
    let on_the_wire = sealed(&alice, 1..=3);
    for packet in &on_the_wire {
        let plain = plain(packet.header.sequence_number);
        assert_eq!(packet.header, plain.header);
        assert_eq!(packet.payload.len(), plain.payload.len() + 23);
        assert!(!packet.payload.starts_with(b"a frame"));
    }
    let mut interceptor = bob.media.interceptor();
    deliver(&mut interceptor, &on_the_wire, bob.start);
    assert_eq!(read_all(&mut interceptor), [plain(1), plain(2), plain(3)]);
}

#[test]
fn without_keys_nothing_is_sent() {
    assert_eq!(sealed(&Side::without_keys(), 1..=3), []);
}

#[test]
fn what_does_not_open_is_dropped() {
    let alice = Side::in_epoch(ALICE, 1);
    let bob = Side::without_keys();
    bob.media.apply(install(BOB, 1, 2, 8));
    bob.media.apply(announce(ALICE, &[SSRC]));
    let mut interceptor = bob.media.interceptor();
    deliver(&mut interceptor, &sealed(&alice, 1..=3), bob.start);
    deliver(&mut interceptor, &[plain(4)], bob.start);
    assert_eq!(read_all(&mut interceptor), []);
    assert_eq!(bob.media.owners().all(), []);
}

#[test]
fn the_owner_of_a_stream_is_whose_key_opened_it() {
    let (alice, bob) = (Side::in_epoch(ALICE, 1), Side::in_epoch(BOB, 1));
    let ssrc = Ssrc::new(SSRC);
    assert_eq!(bob.media.owners().owner(ssrc), None);
    let mut interceptor = bob.media.interceptor();
    deliver(&mut interceptor, &sealed(&alice, [1]), bob.start);
    let owner = bob.media.owners().owner(ssrc).expect("known");
    assert_eq!(*owner.participant, member(ALICE));
    bob.media
        .owners()
        .retain(|_, owner| *owner.participant != member(ALICE));
    assert_eq!(bob.media.owners().owner(ssrc), None);
}

#[test]
fn packets_ahead_of_their_epoch_wait_and_come_out_in_order() {
    let (alice, bob) = (Side::in_epoch(ALICE, 2), Side::in_epoch(BOB, 1));
    let mut interceptor = bob.media.interceptor();
    deliver(&mut interceptor, &sealed(&alice, 1..=3), bob.at(20));
    assert_eq!(read_all(&mut interceptor), []);
    let wake = interceptor.poll_timeout().expect("it looks again");
    assert!(wake <= bob.at(30), "later than 10 ms");

    bob.enter(BOB, 2);
    interceptor.handle_timeout(wake).expect("taken");
    assert_eq!(read_all(&mut interceptor), [plain(1), plain(2), plain(3)]);
}

#[test]
fn waiting_packets_come_out_before_a_new_one() {
    let (alice, bob) = (Side::in_epoch(ALICE, 2), Side::in_epoch(BOB, 1));
    let packets = sealed(&alice, 1..=3);
    let mut interceptor = bob.media.interceptor();
    deliver(&mut interceptor, &packets[..2], bob.at(20));
    bob.enter(BOB, 2);
    deliver(&mut interceptor, &packets[2..], bob.at(21));
    assert_eq!(read_all(&mut interceptor), [plain(1), plain(2), plain(3)]);
}

#[test]
fn many_waiting_packets_come_out_in_bursts() {
    let (alice, bob) = (Side::in_epoch(ALICE, 2), Side::in_epoch(BOB, 1));
    let mut interceptor = bob.media.interceptor();
    deliver(&mut interceptor, &sealed(&alice, 0..200), bob.at(20));
    bob.enter(BOB, 2);
    let mut bursts = vec![read_all(&mut interceptor)];
    let mut wakes = vec![bob.at(20)];
    while bursts.iter().map(Vec::len).sum::<usize>() < 200 {
        let wake = interceptor.poll_timeout().expect("it goes on");
        assert!(wake <= wakes[wakes.len() - 1] + Duration::from_millis(10));
        wakes.push(wake);
        interceptor.handle_timeout(wake).expect("taken");
        bursts.push(read_all(&mut interceptor));
    }
    assert!(bursts.iter().all(|burst| burst.len() <= 64));
    let sequence: Vec<_> = bursts
        .concat()
        .iter()
        .map(|p| p.header.sequence_number)
        .collect();
    assert_eq!(sequence, (0..200).collect::<Vec<_>>());
}

#[test]
fn an_interceptor_with_nothing_to_wait_for_sleeps() {
    let (alice, bob) = (Side::in_epoch(ALICE, 2), Side::in_epoch(BOB, 1));
    let mut interceptor = bob.media.interceptor();
    assert_eq!(interceptor.poll_timeout(), None);
    deliver(&mut interceptor, &sealed(&alice, 1..=3), bob.at(20));
    let mut wakes = 0;
    while let Some(wake) = interceptor.poll_timeout() {
        interceptor.handle_timeout(wake).expect("taken");
        assert_eq!(read_all(&mut interceptor), []);
        wakes += 1;
        assert!(wakes < 100, "it never sleeps");
    }
    assert!(wakes > 10, "it gave up early");
}

#[test]
fn a_next_peer_connection_hands_on_what_the_last_one_left() {
    let (alice, bob) = (Side::in_epoch(ALICE, 2), Side::in_epoch(BOB, 1));
    let packets = sealed(&alice, 1..=3);
    deliver(&mut bob.media.interceptor(), &packets[..2], bob.at(20));
    bob.enter(BOB, 2);
    let mut next = bob.media.interceptor();
    deliver(&mut next, &packets[2..], bob.at(40));
    assert_eq!(read_all(&mut next), [plain(1), plain(2), plain(3)]);
}

#[test]
fn a_stream_bound_on_a_next_peer_connection_repeats_no_nonce() {
    let (alice, bob) = (Side::in_epoch(ALICE, 1), Side::in_epoch(BOB, 1));
    let info = StreamInfo {
        ssrc: SSRC,
        ..StreamInfo::default()
    };
    let mut on_the_wire = Vec::new();
    for _connection in 0..3 {
        let mut interceptor = alice.media.interceptor();
        // A renegotiation binds a second time and must change nothing.
        for number in [10, 11] {
            interceptor.bind_local_stream(&info);
            interceptor
                .handle_write(tagged_at(plain(number), alice.start))
                .expect("taken");
        }
        on_the_wire.extend(written(&mut interceptor));
    }
    let rocs: Vec<_> = on_the_wire.iter().map(roll_over_counter).collect();
    assert_eq!(rocs, [0, 0, 1, 1, 2, 2]);
    let mut interceptor = bob.media.interceptor();
    deliver(&mut interceptor, &on_the_wire, bob.start);
    assert_eq!(read_all(&mut interceptor).len(), 6);
}

/// Bytes 5 to 7 from the end of a sealed packet: ROC and a one-byte OHB close it.
fn roll_over_counter(packet: &rtp::Packet) -> u16 {
    let at = packet.payload.len() - 3;
    u16::from_be_bytes([packet.payload[at], packet.payload[at + 1]])
}

#[test]
fn rtcp_passes_both_ways() {
    let bob = Side::without_keys();
    let mut interceptor = bob.media.interceptor();
    let rtcp = || TaggedPacket {
        now: bob.start,
        transport: TransportContext::default(),
        message: AttributedPacket::new(Packet::Rtcp(vec![Box::new(PictureLossIndication {
            sender_ssrc: 1,
            media_ssrc: SSRC,
        })])),
    };
    interceptor.handle_read(rtcp()).expect("taken");
    assert_eq!(
        interceptor.poll_read().map(|msg| msg.message.packet),
        Some(rtcp().message.packet)
    );
    interceptor.handle_write(rtcp()).expect("taken");
    assert_eq!(
        interceptor.poll_write().map(|msg| msg.message.packet),
        Some(rtcp().message.packet)
    );
}

#[test]
fn padding_of_a_hop_is_not_taken_for_payload() {
    let (alice, bob) = (Side::in_epoch(ALICE, 1), Side::in_epoch(BOB, 1));
    let mut packets = sealed(&alice, [1]);
    packets[0].header.padding = true;
    let mut interceptor = bob.media.interceptor();
    deliver(&mut interceptor, &packets, bob.start);
    assert_eq!(read_all(&mut interceptor), [plain(1)]);
}

#[test]
fn after_a_panic_under_the_lock_nothing_passes() {
    let alice = Side::in_epoch(ALICE, 1);
    let media = alice.media.clone();
    let panicked = std::thread::spawn(move || {
        let _held = media.lock();
        panic!("on purpose");
    });
    assert!(panicked.join().is_err());
    assert_eq!(sealed(&alice, 1..=3), []);
    assert!(!alice.media.apply(switch(1)));
}

#[test]
fn every_packet_fits_a_datagram_also_as_a_retransmission() {
    let alice = Side::in_epoch(ALICE, 1);
    let mut stream = SenderStream::new(MediaKind::Video, Ssrc::new(SSRC));
    let mut interceptor = alice.media.interceptor();
    for len in [1_000, 3 * (MAX_PAYLOAD - 1), 50_000] {
        for packet in stream.packetize(0, &vec![1; len].into()).expect("cut") {
            interceptor
                .handle_write(tagged_at(packet, alice.start))
                .expect("taken");
        }
    }
    let sizes: Vec<_> = written(&mut interceptor)
        .iter()
        .map(MarshalSize::marshal_size)
        .collect();
    // A hop adds its tag, may add header extensions and lengthen the OHB to 4 bytes.
    let (rtx, hop_tag, hop_extensions, longer_ohb) = (2, 16, 16, 3);
    let hop = rtx + hop_tag + hop_extensions + longer_ohb;
    assert_eq!(
        sizes.iter().max().map(|size| size + hop),
        Some(MAX_UDP_PAYLOAD)
    );
}
