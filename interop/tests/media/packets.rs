//! Packets: ours without their trailer in libsrtp, libsrtp's with a trailer in ours.
//!
//! Both sides get the same master key, so RFC 3711's key derivation is checked along with the
//! ciphers. What each makes must be what the other makes, byte for byte, and not only open.

use std::collections::HashSet;

use mls_srtp::id::Ssrc;
use mls_srtp::media::{PacketIndex, PacketKey, RtpHeader, WINDOW};
use mls_srtp::pipeline::{OpenError, Opening};
use mls_srtp::schedule::Profile;
use proptest::prelude::*;

use crate::libsrtp::{Libsrtp, Refused};
use crate::room::{NOW, Room, Rtp, opened};

const SSRC: Ssrc = Ssrc::new(0xcafe_babe);

fn rooms() -> impl Strategy<Value = Room> {
    let profiles = prop::sample::select(&Profile::ALL[..]);
    (profiles, any::<[u8; 32]>(), 0u64..1 << 20, any::<u16>()).prop_map(
        |(profile, exported, epoch, leaf)| Room {
            profile,
            exported,
            epoch,
            leaf,
        },
    )
}

fn room(profile: Profile) -> Room {
    let (exported, epoch, leaf) = ([7; 32], 0x1_0009, 3);
    Room {
        profile,
        exported,
        epoch,
        leaf,
    }
}

/// Which of three streams, how far its sequence number moves, and the rest of a packet.
fn traffic() -> impl Strategy<Value = Vec<(usize, u16, Rtp)>> {
    let moved = prop_oneof![4 => Just(1u16), 2 => 2u16..100, 1 => 0x7000u16..0x8000];
    let csrc = prop::collection::vec(any::<u32>(), 0..=15);
    let words = prop::collection::vec(any::<[u8; 4]>(), 0..4);
    let extension = prop::option::of(words.prop_map(|words| words.concat()));
    let payload = prop::collection::vec(any::<u8>(), 1..300);
    let packet = (0usize..3, moved, csrc, extension, payload).prop_map(
        |(stream, moved, csrc, extension, payload)| {
            let packet = Rtp {
                csrc,
                extension,
                ..Rtp::new(SSRC, 0, &payload)
            };
            (stream, moved, packet)
        },
    );
    prop::collection::vec(packet, 1..24)
}

/// Three streams of one sender, each with its SSRC and the index of its last packet.
fn streams() -> impl Strategy<Value = [(Ssrc, PacketIndex); 3]> {
    let sequence = prop_oneof![Just(0xfff0u16), any::<u16>()];
    let start = (0u32..4, sequence).prop_map(|(roc, sequence)| PacketIndex::new(roc, sequence));
    (any::<u32>(), prop::array::uniform3(start)).prop_map(|(first, starts)| {
        let mut ssrc = first;
        starts.map(|start| {
            ssrc = ssrc.wrapping_add(0x1000_0001);
            (Ssrc::new(ssrc), start)
        })
    })
}

/// The next packet of its stream.
fn next(
    streams: &mut [(Ssrc, PacketIndex); 3],
    (stream, moved, packet): (usize, u16, Rtp),
) -> (Rtp, u16) {
    let (ssrc, last) = &mut streams[stream];
    let sequence = last.sequence().wrapping_add(moved);
    *last = last.following(sequence).expect("ahead by less than 2^15");
    let packet = Rtp {
        ssrc: *ssrc,
        sequence,
        ..packet
    };
    (packet, last.roc() as u16)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn libsrtp_makes_and_opens_what_we_seal(
        room in rooms(), mut streams in streams(), traffic in traffic(),
    ) {
        let (mut sender, mut libsrtp) = (room.sender(), Libsrtp::new(&room.master_key()));
        for (ssrc, start) in &streams {
            // So often has the track begun anew; then it sends the packet before `traffic`.
            for begun in 0..=start.roc() {
                sender.restart_stream(*ssrc);
                let sequence = if begun == start.roc() { start.sequence() } else { 9 };
                sender.protect(&mut Rtp::new(*ssrc, sequence, b"x").bytes(), NOW).expect("protected");
            }
            libsrtp.stream(*ssrc, start.roc());
            let first = Rtp::new(*ssrc, start.sequence(), b"x").bytes();
            let sealed = libsrtp.protect(&first).expect("sealed");
            libsrtp.unprotect(&sealed).expect("opened");
        }
        for packet in traffic {
            let (packet, roc) = next(&mut streams, packet);
            let mut protected = packet.bytes();
            sender.protect(&mut protected, NOW).expect("protected");
            let inner = packet.inner(&protected);
            prop_assert_eq!(libsrtp.protect(&packet.synthetic()), Ok(inner.clone()));
            prop_assert_eq!(libsrtp.unprotect(&inner), Ok(packet.synthetic()));
            let whole = room.with_trailer(&packet.on_the_hop(&inner), roc);
            prop_assert_eq!(whole, protected);
        }
    }

    #[test]
    fn we_open_what_libsrtp_seals(
        room in rooms(), mut streams in streams(), traffic in traffic(), high: u16,
    ) {
        let ssrcs = streams.map(|(ssrc, _)| ssrc);
        let (mut receiver, mut libsrtp) =
            (room.receiver(&ssrcs), Libsrtp::new(&room.master_key()));
        for (ssrc, start) in &mut streams {
            // Whatever 16 bits hold: the receiver reads it in the trailer and counts nothing.
            let roc = u32::from(high).max(start.roc()).min(0xfff0);
            *start = PacketIndex::new(roc, start.sequence());
            libsrtp.stream(*ssrc, roc);
            let first = Rtp::new(*ssrc, start.sequence(), b"x").bytes();
            libsrtp.protect(&first).expect("sealed");
        }
        for packet in traffic {
            let (packet, roc) = next(&mut streams, packet);
            let sealed = libsrtp.protect(&packet.synthetic()).expect("sealed");
            let protected = room.with_trailer(&packet.on_the_hop(&sealed), roc);
            prop_assert_eq!(opened(receiver.open(protected, NOW)), Some(packet.bytes()));
        }
    }
}

/// The roll-over counters at the ends of what a packet carries, and with one packet each.
#[test]
fn every_roll_over_counter_is_the_same_in_both() {
    for profile in Profile::ALL {
        let room = room(profile);
        let key = PacketKey::new(&room.master_key().into_session_keys());
        for roc in [0, 1, 0x7fff, 0x8000, 0xfffe, 0xffff_u16] {
            // A late joiner of libsrtp's is told the counter; one of ours reads it.
            let (mut libsrtp, mut receiver) =
                (Libsrtp::new(&room.master_key()), room.receiver(&[SSRC]));
            libsrtp.stream(SSRC, roc.into());
            let plain = Rtp::new(SSRC, 40_000, b"late").bytes();
            let theirs = libsrtp.protect(&plain).expect("sealed");
            let mut ours = plain.clone();
            let header = RtpHeader::parse(&ours).expect("RTP");
            key.seal(&header, PacketIndex::new(roc.into(), 40_000), &mut ours);
            assert_eq!(ours, theirs, "{profile} {roc}");
            assert_eq!(libsrtp.unprotect(&ours), Ok(plain.clone()));
            let protected = room.with_trailer(&theirs, roc);
            assert_eq!(opened(receiver.open(protected, NOW)), Some(plain));
        }
    }
}

/// Our pipeline takes a packet without payload for a probe; a stranger may seal one.
#[test]
fn empty_payloads_are_a_tag_and_nothing_else() {
    for profile in Profile::ALL {
        let room = room(profile);
        let (mut libsrtp, mut receiver) =
            (Libsrtp::new(&room.master_key()), room.receiver(&[SSRC]));
        let plain = Rtp::new(SSRC, 7, b"").bytes();
        let theirs = libsrtp.protect(&plain).expect("sealed");
        assert_eq!(theirs.len(), plain.len() + profile.tag_len());
        let mut ours = plain.clone();
        let header = RtpHeader::parse(&ours).expect("RTP");
        let key = PacketKey::new(&room.master_key().into_session_keys());
        key.seal(&header, PacketIndex::new(0, 7), &mut ours);
        assert_eq!(ours, theirs, "{profile}");
        assert_eq!(libsrtp.unprotect(&ours), Ok(plain.clone()));
        let protected = room.with_trailer(&theirs, 0);
        assert_eq!(opened(receiver.open(protected, NOW)), Some(plain));
    }
}

/// What is authenticated end to end has no extension. libsrtp's tag over one is none of ours.
#[test]
fn an_extension_under_the_tag_is_refused() {
    for profile in Profile::ALL {
        let room = room(profile);
        let (mut libsrtp, mut receiver) =
            (Libsrtp::new(&room.master_key()), room.receiver(&[SSRC]));
        let packet = Rtp {
            extension: Some(vec![0x10, 0x55, 0, 0]),
            ..Rtp::new(SSRC, 7, b"a frame")
        };
        let sealed = libsrtp.protect(&packet.bytes()).expect("sealed");
        let refused = receiver.open(room.with_trailer(&sealed, 0), NOW);
        assert_eq!(refused, Opening::Refused(OpenError::AuthFailed));
    }
}

/// Every bit of a packet, in a stream that has begun.
#[test]
fn a_changed_bit_is_refused_by_both() {
    for profile in Profile::ALL {
        let room = room(profile);
        let (mut libsrtp, mut receiver) =
            (Libsrtp::new(&room.master_key()), room.receiver(&[SSRC]));
        let mut sender = room.sender();
        let mut sealed = |sequence| {
            let packet = Rtp {
                csrc: vec![5],
                ..Rtp::new(SSRC, sequence, b"text")
            };
            let mut protected = packet.bytes();
            sender.protect(&mut protected, NOW).expect("protected");
            (packet.inner(&protected), packet.bytes())
        };
        for sequence in [40_000, 40_001] {
            let (inner, plain) = sealed(sequence);
            let flips = (0..inner.len() * 8).filter(|_| sequence == 40_001);
            for bit in flips {
                let mut wrong = inner.clone();
                wrong[bit / 8] ^= 1 << (bit % 8);
                assert!(libsrtp.unprotect(&wrong).is_err(), "{profile}: bit {bit}");
                let opening = receiver.open(room.with_trailer(&wrong, 0), NOW);
                assert_eq!(opened(opening), None, "{profile}: bit {bit}");
            }
            // What was tried before has moved nothing in either of them.
            assert_eq!(libsrtp.unprotect(&inner), Ok(plain.clone()), "{profile}");
            let opening = receiver.open(room.with_trailer(&inner, 0), NOW);
            assert_eq!(opened(opening), Some(plain), "{profile}");
        }
    }
}

/// How far the next packet lies from the newest one so far.
fn steps() -> impl Strategy<Value = Vec<i64>> {
    let edge = -(WINDOW as i64);
    let step = prop_oneof![
        2 => 1i64..3,
        1 => 3i64..2000,
        4 => -1200i64..=0,
        1 => edge - 1..edge + 2,
    ];
    prop::collection::vec(step, 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Reordered, repeated and late packets: one implementation takes what the other takes.
    #[test]
    fn replayed_and_late_packets_are_judged_alike(
        room in rooms(), start: u16, roc in 1u32..0xfff0, steps in steps(),
    ) {
        let (mut libsrtp, mut receiver) =
            (Libsrtp::new(&room.master_key()), room.receiver(&[SSRC]));
        let key = PacketKey::new(&room.master_key().into_session_keys());
        libsrtp.stream(SSRC, roc);
        let mut newest = PacketIndex::new(roc, start).get();
        let mut taken = HashSet::new();
        for step in std::iter::once(0).chain(steps) {
            let index = newest.saturating_add_signed(step);
            let (at, sequence) = ((index >> 16) as u32, index as u16);
            let plain = Rtp::new(SSRC, sequence, b"again").bytes();
            let mut srtp = plain.clone();
            let header = RtpHeader::parse(&plain).expect("RTP");
            key.seal(&header, PacketIndex::new(at, sequence), &mut srtp);
            let expected = if index + WINDOW <= newest {
                Err(Refused::TooOld)
            } else if !taken.insert(index) {
                Err(Refused::Replay)
            } else {
                Ok(plain)
            };
            let ours = match receiver.open(room.with_trailer(&srtp, at as u16), NOW) {
                Opening::Refused(OpenError::Replayed) => None,
                other => Some(opened(other).expect("neither opened nor a replay")),
            };
            prop_assert_eq!(ours.as_ref(), expected.as_ref().ok(), "step {}", step);
            prop_assert_eq!(libsrtp.unprotect(&srtp), expected, "step {}", step);
            newest = newest.max(index);
        }
    }
}
