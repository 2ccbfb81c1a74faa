//! Packets. What of them a hop may change is listed here, bit by bit.

use std::ops::Range;

use mls_srtp::id::{LeafIndex, Ssrc};
use mls_srtp::pipeline::{MediaConfig, MediaPipeline, OpenError, Opening};
use mls_srtp::schedule::{ExportedSecret, MediaSecret, Profile};
use mls_srtp::secret::Secret;
use proptest::prelude::*;
use proptest::sample::Index;

use super::damage::damages;
use super::{ALICE, BOB, CAROL, LATER, NOW, updates};

const CAMERA: Ssrc = Ssrc::new(0x0102_0304);
const SCREEN: Ssrc = Ssrc::new(0x0102_0305);

/// The pipeline of the member at `leaf`.
fn member(profile: Profile, leaf: LeafIndex) -> MediaPipeline {
    let mut pipeline = MediaPipeline::new(MediaConfig::default());
    let exported = ExportedSecret::new(Secret::new(vec![7; 32]));
    let media = MediaSecret::Srtp(profile, exported);
    for update in updates(leaf, media, &[CAMERA.into(), SCREEN.into()]) {
        pipeline.apply(update, NOW);
    }
    pipeline
}

/// An RTP packet of payload type 96, without marker and padding.
#[derive(Debug, Clone)]
struct Rtp {
    ssrc: Ssrc,
    sequence: u16,
    csrc: Vec<u32>,
    extension: Option<Vec<u8>>,
    payload: Vec<u8>,
}

impl Rtp {
    fn bytes(&self) -> Vec<u8> {
        let x = if self.extension.is_some() { 0x10 } else { 0 };
        let mut packet = vec![0x80 | x | self.csrc.len() as u8, 96];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend([0, 0, 0, 9]);
        packet.extend(self.ssrc.get().to_be_bytes());
        packet.extend(self.csrc.iter().flat_map(|csrc| csrc.to_be_bytes()));
        if let Some(elements) = &self.extension {
            packet.extend([0xbe, 0xde]);
            packet.extend((elements.len() as u16 / 4).to_be_bytes());
            packet.extend(elements);
        }
        packet.extend(&self.payload);
        packet
    }

    fn protected(&self, sender: &mut MediaPipeline) -> Vec<u8> {
        let mut packet = self.bytes();
        sender.protect(&mut packet, NOW).expect("protected");
        packet
    }

    /// What the tag covers.
    fn content(&self) -> Vec<u8> {
        let extension = None;
        Self {
            extension,
            ..self.clone()
        }
        .bytes()
    }
}

/// Whose an opened packet is, and what of it the tag covers: all but its extension. Padding is gone.
fn opened(opening: Opening) -> Option<(LeafIndex, Vec<u8>)> {
    let Opening::Opened(opened) = opening else {
        return None;
    };
    let mut packet = opened.packet;
    let at = 12 + 4 * usize::from(packet[0] & 0x0f);
    if packet[0] & 0x10 != 0 {
        let words = u16::from_be_bytes([packet[at + 2], packet[at + 3]]);
        packet.drain(at..at + 4 + 4 * usize::from(words));
        packet[0] &= !0x10;
    }
    Some((opened.leaf, packet))
}

/// Flips each bit of a packet on the wire. Those in `free` are a hop's: the packet opens all the
/// same. All others are refused, and the packet opens after that.
fn flip_every_bit(
    profile: Profile,
    what: &str,
    wire: &[u8],
    content: &[u8],
    free: &[Range<usize>],
) {
    let mut receiver = member(profile, BOB);
    for bit in 0..wire.len() * 8 {
        let mut wrong = wire.to_vec();
        wrong[bit / 8] ^= 0x80 >> (bit % 8);
        let what = format!("{profile}, {what}, bit {} of byte {}", bit % 8, bit / 8);
        if free.iter().any(|free| free.contains(&bit)) {
            let mut fresh = member(profile, BOB);
            let opened = opened(fresh.open(wrong, NOW));
            assert_eq!(opened, Some((ALICE, content.to_vec())), "{what}");
            let again = fresh.open(wire.to_vec(), NOW);
            assert_eq!(again, Opening::Refused(OpenError::Replayed), "{what}");
        } else {
            assert_eq!(opened(receiver.open(wrong, NOW)), None, "{what}");
        }
    }
    let opened = opened(receiver.open(wire.to_vec(), NOW));
    assert_eq!(opened, Some((ALICE, content.to_vec())), "{what}");
}

/// Bits of whole bytes.
fn bytes(range: Range<usize>) -> Range<usize> {
    range.start * 8..range.end * 8
}

/// The tag covers neither a header extension nor padding, nor what a hop has changed and recorded:
/// these bits and no others.
#[test]
fn every_bit_is_authenticated_or_a_hops_to_change() {
    for profile in Profile::ALL {
        let plain = Rtp {
            ssrc: CAMERA,
            sequence: 0x0102,
            csrc: vec![7, 8],
            extension: None,
            payload: b"a picture".to_vec(),
        };
        let content = plain.content();
        let sent = plain.protected(&mut member(profile, ALICE));
        flip_every_bit(profile, "as sent", &sent, &content, &[]);

        let extension = Some(vec![0x10, 0x55, 0, 0, 0, 0, 0, 0]);
        let extended = Rtp { extension, ..plain };
        let extended = extended.protected(&mut member(profile, ALICE));
        // Its kind and elements, but not the bit that announces it, nor its length.
        let free = [bytes(20..22), bytes(24..32)];
        flip_every_bit(profile, "extended", &extended, &content, &free);

        let mut padded = sent.clone();
        padded[0] |= 0x20;
        padded.extend([0xaa, 0xbb, 3]);
        let free = [bytes(sent.len()..sent.len() + 2)];
        flip_every_bit(profile, "padded by a hop", &padded, &content, &free);

        let mut changed = sent.clone();
        changed[1] = 0x80 | 31;
        changed[2..4].copy_from_slice(&[0xfe, 0xfd]);
        changed.pop();
        changed.extend([96, 0x01, 0x02, 0x07]);
        // Payload type and sequence number, not the marker: it would be recorded without a change.
        let free = [9..16, bytes(2..4)];
        flip_every_bit(profile, "changed by a hop", &changed, &content, &free);
    }
}

/// Forgeries of packets far ahead, as the first of a stream and later. Had they moved the window, what
/// comes after them would be behind it, and the packet that was forged would be a repeated one.
#[test]
fn forgeries_far_ahead_move_no_window() {
    for profile in Profile::ALL {
        let (mut alice, mut receiver) = (member(profile, ALICE), member(profile, BOB));
        let mut sent = |sequence: u16| {
            let packet = Rtp {
                ssrc: CAMERA,
                sequence,
                csrc: Vec::new(),
                extension: None,
                payload: b"a picture".to_vec(),
            };
            (packet.protected(&mut alice), packet.content())
        };
        let [first, second, far] = [1, 2, 20_000].map(&mut sent);
        // Behind the tag: MKI, roll-over counter and an OHB of one byte.
        let (tag, counter) = (first.0.len() - 8, first.0.len() - 3);
        let forge = |receiver: &mut MediaPipeline| {
            for (of, byte) in [
                (&far, tag),
                (&far, counter),
                (&first, counter),
                (&second, 2),
            ] {
                let mut forged = of.0.clone();
                forged[byte] ^= 0x40;
                assert_eq!(
                    opened(receiver.open(forged, NOW)),
                    None,
                    "{profile}, {byte}"
                );
            }
        };
        for (wire, content) in [first.clone(), second.clone(), far.clone()] {
            forge(&mut receiver);
            let opened = opened(receiver.open(wire, NOW));
            assert_eq!(opened, Some((ALICE, content)), "{profile}");
        }
        let again = receiver.open(far.0, NOW);
        assert_eq!(again, Opening::Refused(OpenError::Replayed), "{profile}");
    }
}

/// Packets of both senders and both streams, whose sequence numbers rise.
fn traffic() -> impl Strategy<Value = Vec<(LeafIndex, Rtp)>> {
    let csrc = prop::collection::vec(any::<u32>(), 0..3);
    let words = prop::collection::vec(any::<[u8; 4]>(), 0..3);
    let extension = prop::option::of(words.prop_map(|words| words.concat()));
    let payload = prop::collection::vec(any::<u8>(), 1..60);
    let packet = (any::<(bool, bool)>(), csrc, extension, payload);
    prop::collection::vec(packet, 2..6).prop_map(|packets| {
        let packets = (0xfffd..=0x1_0002u32).zip(packets);
        packets
            .map(|(sequence, ((alice, camera), csrc, extension, payload))| {
                let packet = Rtp {
                    ssrc: if camera { CAMERA } else { SCREEN },
                    sequence: sequence as u16,
                    csrc,
                    extension,
                    payload,
                };
                (if alice { ALICE } else { CAROL }, packet)
            })
            .collect()
    })
}

proptest! {
    /// Whatever is opened is the content of one packet, of who sent it, and for the first time.
    #[test]
    fn damaged_packets_open_as_nothing_else_and_spoil_nothing(
        profile in prop::sample::select(&Profile::ALL[..]),
        traffic in traffic(),
        damages in prop::collection::vec((any::<Index>(), any::<Index>(), damages()), 1..60),
    ) {
        let (mut alice, mut carol) = (member(profile, ALICE), member(profile, CAROL));
        let sent: Vec<_> = traffic.iter().map(|(leaf, packet)| {
            let sender = if *leaf == ALICE { &mut alice } else { &mut carol };
            (packet.protected(sender), (*leaf, packet.content()))
        }).collect();
        let mut receiver = member(profile, BOB);
        let mut left: Vec<_> = sent.iter().map(|(_, content)| content).collect();
        for (one, other, damage) in &damages {
            let (one, other) = (one.get(&sent), other.get(&sent));
            let wrong = damage.of(&one.0, &other.0);
            if let Some(content) = opened(receiver.open(wrong, NOW)) {
                let place = left.iter().position(|left| **left == content);
                prop_assert!(place.is_some(), "{:?} made {:?}", damage, content);
                left.swap_remove(place.unwrap_or_default());
            }
        }
        receiver.handle_timeout(LATER);
        prop_assert_eq!((receiver.early_count(), receiver.poll_released()), (0, None));
        for (wire, content) in &sent {
            let opening = receiver.open(wire.clone(), LATER);
            if left.contains(&content) {
                prop_assert_eq!(opened(opening), Some(content.clone()));
            } else {
                prop_assert_eq!(opening, Opening::Refused(OpenError::Replayed));
            }
        }
    }
}
