//! Frames: ours in the crate `sframe`, its in ours, for every codec.

use mls_srtp::id::{Epoch, LeafIndex, StreamNumber};
use mls_srtp::media::Malformed;
use mls_srtp::media::sframe::{CutFrame, FrameKey};
use mls_srtp::pipeline::{Codec, FrameOpening, FramePipeline, OpenError};
use mls_srtp::schedule::{KeyId, Suite};
use proptest::prelude::*;
use sframe::CipherSuite;
use sframe::key::EncryptionKey;

use crate::frame_room::{FrameRoom, opened};
use crate::room::NOW;
use crate::stranger::{Frame, Parts, h264, other_keys};

fn frames() -> impl Strategy<Value = Frame> {
    let bytes = |len| prop::collection::vec(any::<u8>(), len);
    let whole = (
        prop::sample::select(&[Codec::Opus, Codec::Vp9][..]),
        bytes(0..400),
    );
    prop_oneof![
        whole.prop_map(|(codec, bytes)| Frame {
            codec,
            bytes,
            clear: 0
        }),
        bytes(1..400).prop_map(|bytes| {
            let header = if bytes[0] & 1 == 0 { 10 } else { 3 };
            let clear = if bytes.len() < header { 0 } else { header };
            Frame {
                codec: Codec::Vp8,
                bytes,
                clear,
            }
        }),
        (bytes(0..60), 1u8..=31, bytes(0..400)).prop_map(|(sets, nal, slice)| {
            h264(
                &sets,
                [0x01, 0x41, 0x65, 0x25][usize::from(nal % 4)],
                &slice,
            )
        }),
    ]
}

/// Small numbers, which fit the header's first byte, those of every length, and the largest.
fn numbers() -> impl Strategy<Value = u64> {
    prop_oneof![
        0u64..16,
        (any::<u64>(), 0u32..64).prop_map(|(number, zeros)| number >> zeros),
        Just(u64::MAX)
    ]
}

fn rooms() -> impl Strategy<Value = (FrameRoom, StreamNumber)> {
    let small_or_any = || prop_oneof![Just(0u16), Just(u16::MAX - 1), any::<u16>()];
    let suite = prop::sample::select(&Suite::ALL[..]);
    (
        suite,
        any::<[u8; 32]>(),
        0u64..1 << 20,
        small_or_any(),
        small_or_any(),
    )
        .prop_map(|(suite, exported, epoch, leaf, stream)| {
            let room = FrameRoom {
                suite,
                exported,
                epoch,
                leaf,
            };
            (room, StreamNumber::new(stream))
        })
}

fn open(receiver: &mut FramePipeline, frame: Vec<u8>, codec: Codec) -> Option<Vec<u8>> {
    opened(receiver.open(frame, codec, 0, NOW))
}

proptest! {
    #[test]
    fn the_other_opens_what_we_seal(
        (room, stream) in rooms(), frame in frames(), counter in numbers(),
    ) {
        let (_, opens) = other_keys(&room, stream);
        let kid = KeyId::new(stream, LeafIndex::new(room.leaf), Epoch::new(room.epoch));
        let key = FrameKey::new(&room.base_key().into_secret().keys(kid));
        let cut = CutFrame::new(&frame.bytes, frame.codec).expect("can be protected");
        let protected = cut.seal(&key, kid, counter);
        let parts = Parts::of(&protected, &frame);
        prop_assert_eq!(usize::from(parts.n), frame.clear);
        prop_assert_eq!(parts.opened_by_the_other(&opens), Some(frame.bytes.clone()));
        prop_assert_eq!(parts.together(frame.codec), protected);
    }

    #[test]
    fn we_open_what_the_other_seals_and_make_the_same(
        (room, stream) in rooms(), frame in frames(), counter in numbers(),
    ) {
        let (seals, _) = other_keys(&room, stream);
        let mut receiver = room.receiver(stream);
        let parts = Parts::sealed_by_the_other(&frame, &seals, counter);
        let protected = parts.together(frame.codec);
        let opened = open(&mut receiver, protected.clone(), frame.codec);
        prop_assert_eq!(opened, Some(frame.bytes.clone()));
        let again = FrameOpening::Refused(OpenError::Replayed);
        prop_assert_eq!(receiver.open(protected, frame.codec, 0, NOW), again);
        // Pipelines count from 0.
        let first = Parts::sealed_by_the_other(&frame, &seals, 0).together(frame.codec);
        let ours = room.sender().protect(stream, frame.codec, &frame.bytes, NOW);
        if !frame.bytes.is_empty() {
            prop_assert_eq!(ours, Ok(first));
        }
    }
}

/// Prefix, length, header, ciphertext and tag.
#[test]
fn a_changed_bit_is_refused_by_both() {
    let opus = Frame {
        codec: Codec::Opus,
        bytes: b"sound".to_vec(),
        clear: 0,
    };
    let vp8 = |first, clear| {
        let bytes = [&[first][..], b" byte and a picture"].concat();
        Frame {
            codec: Codec::Vp8,
            bytes,
            clear,
        }
    };
    let (key, delta) = (vp8(0x10, 10), vp8(0x11, 3));
    for suite in Suite::ALL {
        let (exported, epoch, leaf) = ([9; 32], 300, 4);
        let room = FrameRoom {
            suite,
            exported,
            epoch,
            leaf,
        };
        let stream = StreamNumber::new(2);
        let (seals, opens) = other_keys(&room, stream);
        for frame in [&opus, &key, &delta, &h264(&[0x42, 0xe0], 0x65, b"slice")] {
            let mut receiver = room.receiver(stream);
            let parts = Parts::sealed_by_the_other(frame, &seals, 1_000);
            let whole = [&parts.prefix[..], &parts.sframe, &[parts.n]].concat();
            for bit in 0..whole.len() * 8 {
                let mut wrong = whole.clone();
                wrong[bit / 8] ^= 1 << (bit % 8);
                let n = wrong.pop().expect("a length");
                let (prefix, sframe) = wrong.split_at(frame.clear);
                let (prefix, sframe) = (prefix.to_vec(), sframe.to_vec());
                let wrong = Parts { prefix, sframe, n };
                let what = format!("{suite}, {:?}, bit {bit}", frame.codec);
                assert_eq!(wrong.opened_by_the_other(&opens), None, "{what}");
                let ours = open(&mut receiver, wrong.together(frame.codec), frame.codec);
                assert_eq!(ours, None, "{what}");
            }
            assert_eq!(
                parts.opened_by_the_other(&opens).as_ref(),
                Some(&frame.bytes)
            );
            let ours = open(&mut receiver, parts.together(frame.codec), frame.codec);
            assert_eq!(ours.as_ref(), Some(&frame.bytes), "nothing has moved");
        }
    }
}

/// A sender that splits key ids in another way than our rooms do: no leaf is that large.
#[test]
fn key_ids_of_more_than_40_bits_are_no_members() {
    let (suite, exported) = (Suite::default(), [9; 32]);
    let room = FrameRoom {
        suite,
        exported,
        epoch: 1,
        leaf: 0,
    };
    let mut receiver = room.receiver(StreamNumber::new(0));
    let frame = Frame {
        codec: Codec::Opus,
        bytes: b"sound".to_vec(),
        clear: 0,
    };
    let sealed = |kid| {
        let base = &room.exported[..suite.key_len()];
        let key = EncryptionKey::derive_from(CipherSuite::AesGcm128Sha256, kid, base);
        Parts::sealed_by_the_other(&frame, &key.expect("a key"), 0).together(frame.codec)
    };
    for kid in [1 << 40 | 1, u64::MAX] {
        let refused = receiver.open(sealed(kid), frame.codec, 0, NOW);
        let malformed = OpenError::Malformed(Malformed::Frame);
        assert_eq!(refused, FrameOpening::Refused(malformed), "{kid:#x}");
    }
    let ours = open(&mut receiver, sealed(1), frame.codec);
    assert_eq!(ours, Some(frame.bytes), "stream 0 of leaf 0 in epoch 1");
}
