//! What sealing must keep and opening must refuse, for every codec.

use proptest::prelude::*;

use super::*;
use crate::id::{Epoch, LeafIndex, StreamNumber};
use crate::schedule::{BaseKey, Suite};
use crate::secret::Secret;

fn kid() -> KeyId {
    KeyId::new(StreamNumber::new(1), LeafIndex::new(2), Epoch::new(3))
}

fn key(suite: Suite) -> FrameKey {
    let base = BaseKey::new(suite, Secret::new(vec![7; suite.key_len()]));
    FrameKey::new(&base.expect("right length").into_secret().keys(kid()))
}

fn sealed(frame: &[u8], codec: Codec, suite: Suite, counter: u64) -> Vec<u8> {
    let cut = CutFrame::new(frame, codec).expect("can be protected");
    cut.seal(&key(suite), kid(), counter)
}

fn opened(frame: &[u8], codec: Codec, suite: Suite) -> Option<Vec<u8>> {
    let parsed = SealedFrame::parse(frame.to_vec(), codec).ok()?;
    // As the pipeline does: the key that the frame names.
    if parsed.kid() != kid() {
        return None;
    }
    parsed.open(&key(suite)).ok()
}

/// The clear prefix of what [`h264`] makes.
const CLEAR: usize = 19;

/// Parameter sets and a slice, with start codes of the given length.
fn h264(zeros: usize, slice: &[u8]) -> Vec<u8> {
    let code = [&vec![0; zeros][..], &[1]].concat();
    let sets = [&code[..], &[0x67, 0x42, 0xe0, 0x1f], &code, &[0x68, 0xce]].concat();
    [&sets[..], &code, &[0x65], slice].concat()
}

#[test]
fn vp8_headers_are_clear_and_the_rest_is_not() {
    for (first, clear) in [(0x10, 10), (0x11, 3)] {
        let mut frame = vec![0xaa; 300];
        frame[0] = first;
        let sealed = sealed(&frame, Codec::Vp8, Suite::default(), 5);
        assert_eq!(sealed[..clear], frame[..clear]);
        assert_eq!(sealed.last(), Some(&(clear as u8)));
        assert!(!sealed[clear..].windows(4).any(|four| four == [0xaa; 4]));
        // Key id in 4 bytes, counter in the first, tag, n.
        assert_eq!(sealed.len(), frame.len() + 1 + 4 + 16 + 1);
    }
}

#[test]
fn every_nonce_encrypts_differently_up_to_the_last_counter() {
    let counters = [0, 7, 8, 255, 256, u64::from(u32::MAX), u64::MAX];
    let all = counters.map(|counter| sealed(&[9; 64], Codec::Opus, Suite::default(), counter));
    for (at, one) in all.iter().enumerate() {
        assert!(all[..at].iter().all(|other| other != one));
        let plain = opened(one, Codec::Opus, Suite::default());
        assert_eq!(plain, Some(vec![9; 64]));
    }
}

#[test]
fn h264_comes_out_as_depacketizers_rebuild_it() {
    let slice = [
        0x88, 0, 0, 3, 1, 0, 0, 0, 1, 0x41, 0x9a, 0, 0, 1, 0x41, 0x9b,
    ];
    let rebuilt = h264(3, &slice);
    for zeros in [2, 3, 4] {
        let sealed = sealed(&h264(zeros, &slice), Codec::H264, Suite::default(), 1);
        assert_eq!(sealed[..CLEAR], rebuilt[..CLEAR]);
        let plain = opened(&sealed, Codec::H264, Suite::default());
        assert_eq!(plain.as_ref(), Some(&rebuilt), "{zeros} zeros");
        // A hop that shortens the start codes changes nothing.
        let shorter = [&h264(2, &[])[..], &sealed[CLEAR..]].concat();
        let plain = opened(&shorter, Codec::H264, Suite::default());
        assert_eq!(plain.as_ref(), Some(&rebuilt), "{zeros} zeros");
    }
}

/// Enough frames that some ciphertexts, tags and headers need escaping.
#[test]
fn h264_never_holds_a_start_code_behind_its_prefix() {
    let (mut escapes, plain) = (0, h264(3, &[0; 700]));
    for counter in 0..30_000 {
        let sealed = sealed(&plain, Codec::H264, Suite::default(), counter << 24);
        let behind = &sealed[CLEAR..];
        let start_code = |three: &[u8]| three[..2] == [0, 0] && three[2] < 3;
        assert!(!behind.windows(3).any(start_code));
        assert_ne!(behind.last(), Some(&0));
        escapes += behind
            .windows(3)
            .filter(|three| **three == [0, 0, 3])
            .count();
        if counter % 100 == 0 {
            let opened = opened(&sealed, Codec::H264, Suite::default());
            assert_eq!(opened.as_ref(), Some(&plain));
        }
    }
    assert!(escapes > 10_000, "only {escapes}: the counters have zeros");
}

#[test]
fn frames_of_nothing_but_their_prefix_are_authenticated_all_the_same() {
    for (codec, frame) in [
        (Codec::Opus, vec![0xf8]),
        (Codec::Vp8, vec![0x11, 2, 3]),
        (Codec::Vp8, vec![0x10; 9]),
        (Codec::H264, vec![0, 0, 0, 1, 0x41]),
    ] {
        let mut sealed = sealed(&frame, codec, Suite::default(), 0);
        assert_eq!(opened(&sealed, codec, Suite::default()), Some(frame));
        sealed[0] ^= 2;
        assert_eq!(opened(&sealed, codec, Suite::default()), None);
    }
}

#[test]
fn what_is_too_short_is_malformed() {
    let whole = sealed(&[0x11, 1, 2, 3], Codec::Vp8, Suite::default(), 0);
    let refused = |bytes: &[u8]| SealedFrame::parse(bytes.to_vec(), Codec::Vp8).err();
    assert_eq!(refused(&[]), Some(Malformed::Frame));
    assert_eq!(refused(&whole[..4]), Some(Malformed::Frame));
    // One byte of the tag is missing.
    let short = [&whole[..8], &whole[whole.len() - 16..]].concat();
    assert_eq!(refused(&short), Some(Malformed::Frame));
    // A key id that no MLS sender has.
    let foreign = [&[0xd0, 1, 0, 0, 0, 0, 0][..], &[0; 17]].concat();
    assert_eq!(refused(&foreign), Some(Malformed::Frame));
}

fn frames() -> impl Strategy<Value = (Codec, Vec<u8>)> {
    let bytes = || prop::collection::vec(prop_oneof![Just(0), 0u8..4, any::<u8>()], 1..300);
    let any_codec = prop::sample::select(&[Codec::Opus, Codec::Vp8, Codec::Vp9][..]);
    prop_oneof![
        3 => (any_codec, bytes()),
        // Already as depacketizers rebuild it.
        2 => bytes().prop_map(|slice| (Codec::H264, h264(3, &slice))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_frame_round_trips(
        (codec, frame) in frames(), counter: u64, suite in prop::sample::select(&Suite::ALL[..]),
    ) {
        let sealed = sealed(&frame, codec, suite, counter);
        prop_assert_eq!(opened(&sealed, codec, suite), Some(frame));
    }

    /// Every bit counts, also those of prefix, header and length.
    #[test]
    fn no_flipped_bit_is_accepted((codec, frame) in frames(), counter in 0u64..1 << 20) {
        let sealed = sealed(&frame, codec, Suite::default(), counter);
        for bit in 0..sealed.len() * 8 {
            let mut wrong = sealed.clone();
            wrong[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(opened(&wrong, codec, Suite::default()), None, "bit {}", bit);
        }
    }

    #[test]
    fn hostile_bytes_never_panic(
        bytes in prop::collection::vec(prop_oneof![Just(0), 0u8..10, any::<u8>()], 0..80),
        slice: bool,
    ) {
        let bytes = if slice { h264(3, &bytes) } else { bytes };
        for codec in Codec::ALL {
            prop_assert_eq!(opened(&bytes, codec, Suite::default()), None);
            let _ = CutFrame::new(&bytes, codec);
        }
    }

    /// Whatever H.264 bytes can be cut come out as their rebuilt form, and that form stays.
    #[test]
    fn rebuilding_is_done_once(
        bytes in prop::collection::vec(prop_oneof![3 => Just(0), 2 => Just(1), 1 => any::<u8>()], 0..60),
    ) {
        let frame = [&[0, 0, 1][..], &bytes].concat();
        if let Ok(cut) = CutFrame::new(&frame, Codec::H264) {
            let rebuilt = [&cut.prefix[..], cut.text].concat();
            let once = sealed(&frame, Codec::H264, Suite::default(), 4);
            prop_assert_eq!(opened(&once, Codec::H264, Suite::default()), Some(rebuilt.clone()));
            prop_assert_eq!(sealed(&rebuilt, Codec::H264, Suite::default(), 4), once);
        }
    }
}
