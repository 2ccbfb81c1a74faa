//! How often a participant may offer, and what its offers cost others.

use std::time::Duration;

use mls_srtp_sfu::{Allowance, SfuConfig, SfuError};

use crate::common::{ClientSetup, Net, id, room};

/// Ann and Ben are in a call.
fn call() -> Net {
    let mut net = Net::new();
    net.join("ann", ClientSetup::new(1));
    net.join("ben", ClientSetup::new(2));
    net
}

/// Eve offers streams that nobody has seen, `times` times in a row and `pause` ms apart. Returns
/// how often the SFU took them.
fn offer_new_streams(net: &mut Net, times: u32, pause: u64) -> usize {
    let mut taken = 0;
    for number in 0..times {
        match net.try_join("eve", ClientSetup::new(100 + number)) {
            Ok(()) => taken += 1,
            Err(error) => assert_eq!(error.code(), "too_many_offers"),
        }
        net.run(pause);
    }
    taken
}

fn ann_and_ben_go_on(net: &mut Net) {
    net.run(1_000);
    let gone = net.disconnects();
    assert!(
        gone.iter().all(|(who, _)| *who == id("eve")),
        "others lost their connections: {gone:?}"
    );
    let now = net.now;
    net.client("ann").send_video(7, b"x\x00", now);
    net.run(50);
    assert_eq!(net.clients["ben"].of(12).len(), 1);
}

#[test]
fn offers_at_once_cost_nobody_the_connection() {
    let mut net = call();
    let taken = offer_new_streams(&mut net, 300, 1);
    ann_and_ben_go_on(&mut net);
    assert_eq!(taken, 5);
}

/// Slow enough for the number of offers, and each connection comes about: what is left is what
/// each new stream takes at everybody else for good.
#[test]
fn new_streams_again_and_again_cost_nobody_the_connection() {
    let mut net = Net::with(|config| config.max_media_sections = 150);
    net.join("ann", ClientSetup::new(1));
    net.join("ben", ClientSetup::new(2));
    let taken = offer_new_streams(&mut net, 100, 2_000);
    ann_and_ben_go_on(&mut net);
    assert!((32..=42).contains(&taken), "{taken} times two streams");
}

#[test]
fn whoever_leaves_and_comes_back_does_not_begin_anew() {
    let mut net = call();
    for _ in 0..5 {
        net.try_join("eve", ClientSetup::new(3)).unwrap();
        net.sfu.disconnect(&room(), &id("eve"), net.now).unwrap();
    }
    let refused = net.try_join("eve", ClientSetup::new(3)).unwrap_err();
    assert!(matches!(refused, SfuError::TooManyOffers));
    net.try_join("joe", ClientSetup::new(4)).unwrap();
    net.run(2_000);
    net.try_join("eve", ClientSetup::new(3)).unwrap();
}

#[test]
fn a_stream_that_goes_on_over_a_new_connection_is_not_new() {
    let mut net = Net::with(|config| {
        config.new_streams = Allowance {
            at_once: 4,
            every: Duration::from_secs(3_600),
        };
    });
    net.join("ben", ClientSetup::new(2));
    for _ in 0..10 {
        net.join("ann", ClientSetup::new(1));
        net.run(2_000);
    }
    net.join("ann", ClientSetup::new(3));
    net.run(2_000);
    let refused = net.try_join("ann", ClientSetup::new(1)).unwrap_err();
    assert!(matches!(refused, SfuError::TooManyOffers), "again others");
}

#[test]
fn an_allowance_that_no_offer_fits_is_no_setting() {
    let none = Allowance {
        at_once: 0,
        every: Duration::ZERO,
    };
    let mut config = SfuConfig::new("192.0.2.1:3478".parse().unwrap());
    config.offers = none;
    assert!(config.validate().is_err());
    let mut config = SfuConfig::new("192.0.2.1:3478".parse().unwrap());
    config.new_streams.at_once = 3;
    assert!(config.validate().is_err(), "four streams are allowed");
}
