//! Who receives what, and that it is what was sent.

mod common;

use common::{ClientSetup, Net};

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
