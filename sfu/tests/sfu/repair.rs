//! Lost packets and lost pictures.

use std::cell::RefCell;
use std::rc::Rc;

use crate::common::net::Loss;
use crate::common::{ClientSetup, Net};

const PACKETS: u16 = 600;

/// Loses every twentieth RTP packet of `ssrc` once, in the direction given.
fn every_twentieth(
    from_sfu: bool,
    sfu: std::net::SocketAddr,
    ssrc: u32,
) -> (Loss, Rc<RefCell<usize>>) {
    let lost = Rc::new(RefCell::new(0));
    let count = lost.clone();
    let mut seen = std::collections::HashSet::new();
    let loss = Box::new(move |wire: &crate::common::net::Wire| {
        let direction = (wire.from == sfu) == from_sfu;
        let hit = direction
            && wire.is_rtp()
            && wire.ssrc() == ssrc
            && wire.sequence() % 20 == 7
            && seen.insert((wire.to, wire.sequence()));
        *count.borrow_mut() += usize::from(hit);
        hit
    });
    (loss, lost)
}

fn two_clients(rtx: bool) -> Net {
    let mut net = Net::new();
    for (name, number) in [("ann", 1), ("ben", 2)] {
        let mut setup = ClientSetup::new(number);
        setup.rtx = rtx;
        net.join(name, setup);
    }
    net
}

/// Sends video from ann at 100 packets per second and lets repairs finish.
fn play(net: &mut Net) {
    for sequence in 0..PACKETS {
        let now = net.now;
        net.client("ann")
            .send_video(sequence, &[sequence as u8, 1, 2, 3, 0], now);
        net.run(10);
    }
    // The tail cannot be asked for, because nothing behind it shows the gap.
    net.run(500);
}

/// Every packet once, and as it was sent.
fn assert_complete(net: &Net) {
    let mut received: Vec<_> = net.clients["ben"].of(12);
    received.sort_by_key(|packet| packet.sequence_number);
    let sequences: Vec<u16> = received
        .iter()
        .map(|packet| packet.sequence_number)
        .collect();
    assert_eq!(sequences, (0..PACKETS).collect::<Vec<_>>());
    for packet in received {
        assert_eq!(
            packet.payload,
            &[packet.sequence_number as u8, 1, 2, 3, 0][..]
        );
        assert_eq!(packet.payload_type, 96);
    }
}

fn subscriber_loss(rtx: bool) {
    let mut net = two_clients(rtx);
    let (loss, lost) = every_twentieth(true, net.sfu_addr, 12);
    net.loss = loss;
    play(&mut net);
    assert_complete(&net);
    let lost = *lost.borrow() as u64;
    let stats = net.sfu.stats();
    assert_eq!(lost, u64::from(PACKETS) / 20);
    assert!(stats.retransmissions >= lost, "{stats:?}");
    assert!(stats.retransmissions <= lost * 2, "a storm: {stats:?}");
    assert_eq!(
        stats.forwarded,
        u64::from(PACKETS),
        "retransmissions do not count"
    );
}

#[test]
fn loss_on_the_subscribers_leg_is_repaired_with_rtx() {
    subscriber_loss(true);
}

#[test]
fn loss_on_the_subscribers_leg_is_repaired_without_rtx() {
    subscriber_loss(false);
}

fn publisher_loss(rtx: bool) {
    let mut net = two_clients(rtx);
    let (loss, lost) = every_twentieth(false, net.sfu_addr, 12);
    net.loss = loss;
    play(&mut net);
    assert_complete(&net);
    let lost = *lost.borrow() as u64;
    let stats = net.sfu.stats();
    assert!(lost > 0);
    assert!(
        stats.nacks_sent >= lost && stats.nacks_sent <= lost * 3,
        "{stats:?}"
    );
    assert_eq!(stats.repaired, if rtx { lost } else { 0 });
}

#[test]
fn loss_on_the_publishers_leg_is_repaired_with_rtx() {
    publisher_loss(true);
}

#[test]
fn loss_on_the_publishers_leg_is_repaired_without_rtx() {
    publisher_loss(false);
}

fn requests_sent(net: &Net) -> u64 {
    net.sfu.stats().keyframe_requests_sent
}

#[test]
fn keyframe_requests_reach_the_publisher_throttled() {
    let mut net = two_clients(true);
    net.join("eve", ClientSetup::new(3));
    net.run(1_000);
    let before = requests_sent(&net);
    let now = net.now;
    // A first packet, so that the receivers know the stream.
    net.client("ann").send_video(0, b"x\x00", now);
    net.run(10);
    for _ in 0..20 {
        let now = net.now;
        net.client("ben").request_keyframe(12, now);
        net.client("eve").request_keyframe(12, now);
        net.run(10);
    }
    assert_eq!(
        requests_sent(&net) - before,
        1,
        "the first goes through at once"
    );
    net.run(1_000);
    assert_eq!(
        requests_sent(&net) - before,
        2,
        "the rest became one trailing request"
    );
    assert_eq!(net.sfu.stats().keyframe_requests, 40);
    assert!(net.plis_at("ann") >= 2, "the publisher really got them");
}

#[test]
fn a_new_subscriber_causes_a_keyframe_request() {
    let mut net = two_clients(true);
    net.run(1_000);
    let before = requests_sent(&net);
    net.join("eve", ClientSetup::new(3));
    net.run(1_000);
    // Ann's and ben's video for eve, and eve's for the two of them.
    assert_eq!(requests_sent(&net) - before, 3);
}
