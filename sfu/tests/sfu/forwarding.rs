//! Who receives what, and that it is what was sent.

use mls_srtp_sfu::{DisconnectReason, DropReason, MediaKind, Permissions, SfuError};

use crate::common::{ClientSetup, Net, id, room};

/// A payload as a doubly encrypted packet has it: arbitrary bytes and an empty block.
fn payload(seed: u16) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..200u32)
        .map(|n| (n * 31 + u32::from(seed) * 7) as u8)
        .collect();
    bytes.push(0);
    bytes
}

#[test]
fn three_participants_receive_each_other_byte_for_byte() {
    let mut net = Net::new();
    let names = ["ann", "ben", "eve"];
    for (name, number) in names.iter().zip(1..) {
        net.join(name, ClientSetup::new(number));
    }
    for sequence in 0..50 {
        for name in names {
            let now = net.now;
            net.client(name)
                .send_video(sequence, &payload(sequence), now);
            net.client(name)
                .send_audio(sequence, &payload(sequence + 1000), &[], now);
        }
        net.run(20);
    }
    for (name, own) in names.iter().zip(1u32..) {
        for other in (1u32..=3).filter(|other| *other != own) {
            let video = net.clients[*name].of(other * 10 + 2);
            assert_eq!(video.len(), 50, "{name} from {other}");
            for (sequence, packet) in (0u16..).zip(video) {
                assert_eq!(packet.sequence_number, sequence);
                assert_eq!(packet.timestamp, u32::from(sequence) * 960);
                assert_eq!(packet.marker, sequence % 3 == 0);
                assert_eq!(packet.payload, payload(sequence));
            }
            assert_eq!(net.clients[*name].of(other * 10 + 1).len(), 50);
        }
        assert!(net.clients[*name].of(own * 10 + 2).is_empty(), "no echo");
    }
    let stats = net.sfu.stats();
    assert_eq!(stats.received, 300);
    assert_eq!(stats.forwarded, 600);
    assert_eq!(stats.routes.len(), 12);
    assert!(
        stats
            .routes
            .values()
            .all(|count| count.packets == 50 && count.bytes == 50 * 201)
    );
    assert_eq!(stats.connected, 3);
}

#[test]
fn a_later_joiner_gets_the_streams_that_are_there() {
    let mut net = Net::new();
    net.join("ann", ClientSetup::new(1));
    net.join("ben", ClientSetup::new(2));
    let now = net.now;
    net.client("ann").send_video(0, &payload(0), now);
    net.run(20);
    net.join("eve", ClientSetup::new(3));
    let now = net.now;
    net.client("ann").send_video(1, &payload(1), now);
    net.client("ben").send_audio(1, &payload(1), &[], now);
    net.run(20);
    assert_eq!(net.clients["eve"].of(12).len(), 1);
    assert_eq!(net.clients["eve"].of(21).len(), 1);
    assert_eq!(net.offers["eve"], 1, "all streams in one offer");
}

#[test]
fn a_burst_of_joins_costs_one_offer_each() {
    let mut net = Net::new();
    net.join("ann", ClientSetup::new(1));
    for number in 2..8 {
        net.try_join(&format!("p{number}"), ClientSetup::new(number))
            .unwrap();
        net.run(5);
    }
    net.run(1_000);
    assert_eq!(net.offers["ann"], 1);
}

#[test]
fn tracks_are_grouped_by_participant() {
    let mut net = Net::new();
    net.silent.push("ben".into());
    net.join("ann", ClientSetup::new(1));
    let sdp = net.offer_for("ben", ClientSetup::new(2));
    assert!(sdp.contains("a=msid:ann ann-0000000b"), "{sdp}");
    assert!(sdp.contains("a=msid:ann ann-0000000c"), "{sdp}");
    assert!(sdp.contains("a=ssrc:12 "), "{sdp}");
    assert!(sdp.contains("a=ssrc-group:FID 12 "), "{sdp}");
}

#[test]
fn a_leaving_publisher_leaves_the_others() {
    let mut net = Net::new();
    for (name, number) in [("ann", 1), ("ben", 2), ("eve", 3)] {
        net.join(name, ClientSetup::new(number));
    }
    let now = net.now;
    net.client("ann").send_video(0, &payload(0), now);
    net.run(20);
    let offers = net.offers["ben"];
    net.leave("ann");
    assert_eq!(net.offers["ben"], offers + 1);
    assert_eq!(
        net.disconnects(),
        vec![(id("ann"), DisconnectReason::Requested)]
    );
    let now = net.now;
    net.client("ben").send_video(0, &payload(0), now);
    net.run(20);
    assert_eq!(net.clients["eve"].of(22).len(), 1, "the rest goes on");
    let stats = net.sfu.stats();
    let to_ben = stats
        .routes
        .iter()
        .find(|(route, _)| route.ssrc == 12 && route.subscriber == id("ben"));
    assert_eq!(
        to_ben.unwrap().1.packets,
        1,
        "counters outlive the participant"
    );
    assert_eq!(stats.connected, 2);
}

#[test]
fn someone_who_leaves_and_comes_back_is_received_again() {
    let mut net = Net::new();
    net.join("ann", ClientSetup::new(1));
    net.join("ben", ClientSetup::new(2));
    net.leave("ann");
    net.join("ann", ClientSetup::new(7));
    let now = net.now;
    net.client("ann").send_video(0, &payload(0), now);
    net.client("ben").send_audio(5, &payload(5), &[], now);
    net.run(20);
    assert_eq!(net.clients["ben"].of(72).len(), 1);
    assert_eq!(net.clients["ann"].of(21).len(), 1);
}

#[test]
fn a_second_connect_replaces_the_first_without_touching_the_others() {
    let mut net = Net::new();
    net.join("ann", ClientSetup::new(1));
    net.join("ben", ClientSetup::new(2));
    let now = net.now;
    net.client("ann").send_video(100, &payload(0), now);
    net.run(20);
    let offers = net.offers["ben"];
    net.join("ann", ClientSetup::new(1));
    let now = net.now;
    net.client("ann").send_video(101, &payload(1), now);
    net.client("ben").send_video(1, &payload(2), now);
    net.run(20);
    assert_eq!(
        net.offers["ben"], offers,
        "same SSRC and codec: nothing to renegotiate"
    );
    let received: Vec<u16> = net.clients["ben"]
        .of(12)
        .iter()
        .map(|p| p.sequence_number)
        .collect();
    assert_eq!(received, vec![100, 101]);
    assert_eq!(net.clients["ann"].of(22).len(), 1);
    assert!(net.disconnects().is_empty());
}

#[test]
fn a_repeated_sequence_number_is_never_sent_again() {
    let mut net = Net::new();
    net.join("ann", ClientSetup::new(1));
    net.join("ben", ClientSetup::new(2));
    let now = net.now;
    net.client("ann").send_video(100, &payload(0), now);
    net.run(20);
    // A new connection has new keys, so its first packet may use any number; the leg to ben
    // still has the old keys.
    net.join("ann", ClientSetup::new(1));
    let now = net.now;
    net.client("ann").send_video(100, &payload(9), now);
    net.run(20);
    assert_eq!(net.clients["ben"].of(12).len(), 1);
    assert_eq!(net.sfu.stats().dropped[&DropReason::StaleSequence], 1);
}

#[test]
fn ssrcs_are_unique_in_a_room() {
    let mut net = Net::new();
    net.join("ann", ClientSetup::new(1));
    let mut thief = ClientSetup::new(2);
    thief.video_ssrc = Some(12);
    let refused = net.try_join("ben", thief).unwrap_err();
    assert!(
        matches!(refused, SfuError::SsrcTaken { ssrc: 12 }),
        "{refused}"
    );
    assert_eq!(refused.code(), "ssrc_taken");
    // Repair SSRCs count as well.
    let mut thief = ClientSetup::new(2);
    thief.audio_ssrc = Some(100_012);
    assert!(net.try_join("ben", thief).is_err());
    net.join("ben", ClientSetup::new(2));
}

#[test]
fn nothing_more_goes_to_or_from_a_silenced_participant_at_once() {
    let mut net = Net::new();
    net.join("ann", ClientSetup::new(1));
    net.join("ben", ClientSetup::new(2));
    let now = net.now;
    net.client("ann").send_video(0, &payload(0), now);
    net.run(20);
    net.sfu.silence(&room(), &id("ben")).unwrap();
    let now = net.now;
    net.client("ann").send_video(1, &payload(1), now);
    net.client("ben").send_video(1, &payload(1), now);
    net.run(200);
    assert_eq!(net.clients["ben"].of(12).len(), 1);
    assert!(net.clients["ann"].of(22).is_empty(), "nor is it heard");
    net.join("ben", ClientSetup::new(2));
    let now = net.now;
    net.client("ann").send_video(2, &payload(2), now);
    net.run(200);
    assert!(
        net.clients["ben"].of(12).is_empty(),
        "a reconnect does not unmute"
    );
    assert!(net.sfu.stats().dropped[&DropReason::Muted] >= 2);
}

#[test]
fn whoever_said_goodbye_while_muted_hears_when_it_comes_anew() {
    let mut net = Net::new();
    net.join("ann", ClientSetup::new(1));
    net.join("ben", ClientSetup::new(2));
    net.run(200);
    net.sfu.silence(&room(), &id("ben")).unwrap();
    rtc::sansio::Protocol::close(&mut net.client("ben").pc).unwrap();
    net.run(100);
    let now = net.now;
    let gone = net.sfu.disconnect(&room(), &id("ben"), now).unwrap_err();
    assert!(matches!(gone, SfuError::UnknownParticipant), "{gone}");
    net.join("ben", ClientSetup::new(2));
    net.run(200);
    let now = net.now;
    net.client("ann").send_video(0, &payload(0), now);
    net.run(200);
    assert_eq!(net.clients["ben"].of(12).len(), 1);
}

#[test]
fn the_tap_sees_each_packet_once_and_as_it_arrived() {
    let mut net = Net::new();
    for (name, number) in [("ann", 1), ("ben", 2), ("eve", 3)] {
        net.join(name, ClientSetup::new(number));
    }
    let (seen, tapped) = std::sync::mpsc::channel();
    net.sfu.set_tap(Some(Box::new(move |packet| {
        let what = (
            packet.publisher.clone(),
            packet.kind,
            packet.ssrc,
            packet.payload.clone(),
        );
        seen.send(what).unwrap();
    })));
    let now = net.now;
    net.client("ann").send_audio(1, &payload(3), &[], now);
    net.run(20);
    let all: Vec<_> = tapped.try_iter().collect();
    assert_eq!(
        all,
        vec![(id("ann"), MediaKind::Audio, 11, payload(3).into())]
    );
}

#[test]
fn who_may_not_publish_is_told_and_may_come_to_receive() {
    let mut net = Net::new();
    net.join("ann", ClientSetup::new(1));
    net.permissions = Permissions {
        publish: false,
        subscribe: true,
    };
    let refused = net.try_join("ben", ClientSetup::new(2)).unwrap_err();
    assert_eq!(refused.code(), "may_not_publish");
    let mut listener = ClientSetup::new(2);
    (listener.audio_ssrc, listener.video_ssrc) = (None, None);
    net.join("ben", listener);
    net.run(200);
    let now = net.now;
    net.client("ann").send_video(0, &payload(0), now);
    net.run(200);
    assert_eq!(net.clients["ben"].of(12).len(), 1);
}

#[test]
fn nothing_is_offered_or_forwarded_to_who_may_not_subscribe() {
    let mut net = Net::new();
    net.join("ann", ClientSetup::new(1));
    net.permissions = Permissions {
        publish: true,
        subscribe: false,
    };
    net.join("ben", ClientSetup::new(2));
    net.permissions = Permissions::ALL;
    net.join("eve", ClientSetup::new(3));
    net.run(200);
    let now = net.now;
    for (name, seed) in [("ann", 0), ("ben", 1), ("eve", 2)] {
        net.client(name).send_video(0, &payload(seed), now);
    }
    net.run(200);
    let received = |name: &str, ssrc| net.clients[name].of(ssrc).len();
    assert_eq!(received("ann", 22), 1, "it is heard");
    assert_eq!((received("ben", 12), received("ben", 32)), (0, 0));
    assert!(!net.offers.contains_key("ben"));
}
