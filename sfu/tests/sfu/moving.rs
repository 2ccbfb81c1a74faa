//! Clients whose address changes in mid-call.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

use bytes::BytesMut;

use crate::common::{ClientSetup, Net};

/// Ann sends, Ben sends and receives.
fn of_two() -> Net {
    let mut net = Net::new();
    net.join("ann", ClientSetup::new(1));
    net.join("ben", ClientSetup::new(2));
    net
}

/// Both send for a while; how many packets each got.
fn talk(net: &mut Net, first: u16) -> [usize; 2] {
    let before = [
        net.clients["ann"].of(21).len(),
        net.clients["ben"].of(11).len(),
    ];
    for sequence in first..first + 50 {
        let now = net.now;
        net.client("ann").send_audio(sequence, b"ann\x00", &[], now);
        net.client("ben").send_audio(sequence, b"ben\x00", &[], now);
        net.run(20);
    }
    let after = [
        net.clients["ann"].of(21).len(),
        net.clients["ben"].of(11).len(),
    ];
    [after[0] - before[0], after[1] - before[1]]
}

#[test]
fn media_follows_a_client_to_its_new_address() {
    let mut net = of_two();
    assert_eq!(talk(&mut net, 0), [50, 50]);
    for (round, first) in [100, 300, 500].into_iter().enumerate() {
        let address = net.rebind("ben");
        // Longer than ICE takes to ask the SFU again, and long enough for it to give up on somebody
        // whom it took for silent.
        talk(&mut net, first);
        net.run(40_000);
        assert_eq!(talk(&mut net, first + 100), [50, 50], "move {round}");
        assert!(net.rtp_from_sfu[&address] >= 50, "move {round}");
        assert!(net.clients["ben"].connected);
    }
    assert_eq!(net.disconnects(), []);
}

/// Only RTCP comes of a client that has nothing to say.
#[test]
fn media_follows_a_client_that_sends_none() {
    let mut net = Net::new();
    net.join("ann", ClientSetup::new(1));
    let silent = ClientSetup {
        audio_ssrc: None,
        ..ClientSetup::new(2)
    };
    net.join("ben", silent);
    net.rebind("ben");
    net.run(5_000);
    let now = net.now;
    net.client("ben").request_keyframe(12, now);
    net.run(20);
    let before = net.clients["ben"].of(11).len();
    talk_alone(&mut net);
    assert_eq!(net.clients["ben"].of(11).len() - before, 50);
}

fn talk_alone(net: &mut Net) {
    for sequence in 0..50 {
        let now = net.now;
        net.client("ann").send_audio(sequence, b"ann\x00", &[], now);
        net.run(20);
    }
}

/// Whoever can listen can send again what he heard, from anywhere; it moves nobody.
#[test]
fn packets_sent_again_from_elsewhere_move_nobody() {
    let mut net = of_two();
    let heard: Rc<RefCell<Vec<BytesMut>>> = Rc::default();
    let (listener, ben) = (Rc::clone(&heard), net.clients["ben"].addr);
    net.loss = Box::new(move |wire| {
        if wire.from == ben {
            listener.borrow_mut().push(wire.bytes.clone());
        }
        false
    });
    talk(&mut net, 0);
    // A check of ICE is among it.
    net.run(3_000);
    let elsewhere: SocketAddr = "203.0.113.99:9".parse().unwrap();
    net.loss = Box::new(|_| false);
    let heard = heard.take();
    for datagram in heard.iter().chain(&heard) {
        net.sfu
            .handle_datagram(elsewhere, datagram.clone(), net.now);
        net.settle();
    }
    assert_eq!(talk(&mut net, 200), [50, 50]);
    assert!(!net.rtp_from_sfu.contains_key(&elsewhere));
}
