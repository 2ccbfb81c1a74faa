//! A client whose bytes are made to break the WebRTC engine: nobody else notices.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use rtc::rtcp::raw_packet::RawPacket;

use crate::common::net::Wire;
use crate::common::{Client, ClientSetup, Net};

/// A change of one datagram: where, how, and with which byte.
type Cut = (usize, u8, u8);

fn cut(bytes: &BytesMut, cuts: &[Cut]) -> BytesMut {
    let mut bytes = bytes.to_vec();
    for &(at, how, byte) in cuts {
        let at = at % bytes.len().max(1);
        match how % 5 {
            _ if bytes.is_empty() => bytes.push(byte),
            0 | 1 => bytes[at] = byte,
            2 => bytes.truncate(at),
            3 => bytes.insert(at, byte),
            _ => bytes.extend_from_within(at..),
        }
    }
    bytes.truncate(1_500);
    BytesMut::from(&bytes[..])
}

fn cuts() -> impl Strategy<Value = Vec<Vec<Cut>>> {
    let cut = (0usize..1_500, any::<u8>(), any::<u8>());
    prop::collection::vec(prop::collection::vec(cut, 1..4), 1..40)
}

fn bytes(len: std::ops::Range<usize>) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), len)
}

/// Ann and Ben are in a call.
fn call() -> Net {
    let mut net = Net::new();
    net.join("ann", ClientSetup::new(1));
    net.join("ben", ClientSetup::new(2));
    net
}

fn ann_reaches_ben(net: &mut Net, sequence: u16) {
    let now = net.now;
    let before = net.clients["ben"].of(12).len();
    net.client("ann").send_video(sequence, b"x\x00", now);
    net.run(50);
    assert_eq!(net.clients["ben"].of(12).len(), before + 1);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 30,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Each datagram of Eve's comes with forged ones, from her address: STUN, DTLS and media.
    #[test]
    fn forged_datagrams_beside_real_ones_harm_nobody(cuts in cuts()) {
        let mut net = call();
        let (sfu, mut turn) = (net.sfu_addr, 0);
        net.forge = Box::new(move |wire: &Wire| {
            if wire.to != sfu || wire.from.port() != 40_003 {
                return vec![];
            }
            turn += 1;
            vec![cut(&wire.bytes, &cuts[turn % cuts.len()])]
        });
        net.try_join("eve", ClientSetup::new(3)).unwrap();
        net.run(500);
        let now = net.now;
        if net.clients["eve"].connected {
            net.client("eve").send_video(1, b"y\x00", now);
        }
        net.run(500);
        ann_reaches_ben(&mut net, 1);
    }

    /// What a participant can say once it has the hop's keys.
    #[test]
    fn media_of_a_hostile_participant_harms_nobody(
        rtcp in prop::collection::vec((any::<u8>(), 192u8..224, bytes(0..120)), 1..20),
        rtp in prop::collection::vec((any::<u16>(), bytes(0..60), bytes(1..16)), 1..20),
    ) {
        let mut net = call();
        let mut setup = ClientSetup::new(3);
        setup.extensions = vec!["urn:ietf:params:rtp-hdrext:ssrc-audio-level"];
        net.join("eve", setup);
        for (first, kind, body) in rtcp {
            let words = body.len().div_ceil(4);
            let mut bytes = vec![0x80 | first & 0x3f, kind];
            bytes.extend((words as u16).to_be_bytes());
            bytes.extend(body);
            bytes.resize(4 + 4 * words, 0);
            let now = net.now;
            say(net.client("eve"), bytes, now);
            net.run(10);
        }
        for (sequence, payload, extension) in rtp {
            let now = net.now;
            net.client("eve").send_audio(sequence, &payload, &[(1, &extension)], now);
            net.client("eve").send_video(sequence, &payload, now);
            net.run(10);
        }
        ann_reaches_ben(&mut net, 1);
    }
}

fn say(client: &mut Client, bytes: Vec<u8>, now: std::time::Instant) {
    let ids: Vec<_> = client.pc.get_receivers().collect();
    for id in ids {
        if let Some(mut receiver) = client.pc.rtp_receiver(id) {
            let packet = RawPacket(Bytes::from(bytes));
            let _ = receiver.write_rtcp(now, vec![Box::new(packet)]);
            return;
        }
    }
}
