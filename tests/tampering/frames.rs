//! Frames. Of a protected frame every bit is authenticated; how H.264 units before the first slice
//! are delimited is a hop's to change, and does not show in what is opened.

use mls_srtp::id::{LeafIndex, StreamNumber};
use mls_srtp::pipeline::{Codec, FrameOpening, FramePipeline, MediaConfig, OpenError};
use mls_srtp::schedule::{BaseKey, MediaSecret, Suite};
use mls_srtp::secret::Secret;
use proptest::prelude::*;
use proptest::sample::Index;

use super::damage::damages;
use super::{ALICE, BOB, CAROL, LATER, NOW, updates};

const CAMERA: StreamNumber = StreamNumber::new(3);
const SCREEN: StreamNumber = StreamNumber::new(4);

/// The pipeline of the member at `leaf`.
fn member(suite: Suite, leaf: LeafIndex) -> FramePipeline {
    let mut pipeline = FramePipeline::new(MediaConfig::default());
    let base = BaseKey::new(suite, Secret::new(vec![7; suite.key_len()]));
    let media = MediaSecret::Sframe(base.expect("its length"));
    for update in updates(leaf, media, &[CAMERA.into(), SCREEN.into()]) {
        pipeline.apply(update, NOW);
    }
    pipeline
}

/// A frame in plain as depacketizers rebuild it, and whose it is.
#[derive(Debug, Clone)]
struct Frame {
    leaf: LeafIndex,
    stream: StreamNumber,
    codec: Codec,
    bytes: Vec<u8>,
}

/// One stream number of one leaf, and what it showed.
type Shown = (LeafIndex, StreamNumber, Vec<u8>);

impl Frame {
    fn shown(&self) -> Shown {
        (self.leaf, self.stream, self.bytes.clone())
    }

    fn protected(&self, sender: &mut FramePipeline) -> Vec<u8> {
        let protected = sender.protect(self.stream, self.codec, &self.bytes, NOW);
        protected.expect("protected")
    }
}

fn opened(opening: FrameOpening) -> Option<Shown> {
    match opening {
        FrameOpening::Opened(opened) => Some((opened.leaf, opened.stream, opened.frame)),
        _ => None,
    }
}

/// A parameter set and a slice.
fn h264(slice: &[u8]) -> Vec<u8> {
    [&[0, 0, 0, 1, 0x67, 0x42, 0xe0, 0, 0, 0, 1, 0x65], slice].concat()
}

/// A frame of every codec, and for VP8 one of either kind.
fn frames_of_every_codec() -> [(Codec, Vec<u8>); 5] {
    let vp8 = |first: u8| [&[first][..], b" byte and a picture"].concat();
    [
        (Codec::Opus, b"sound".to_vec()),
        (Codec::Vp8, vp8(0x10)),
        (Codec::Vp8, vp8(0x11)),
        (Codec::Vp9, b"a picture".to_vec()),
        (Codec::H264, h264(b"a slice")),
    ]
}

#[test]
fn every_bit_is_authenticated() {
    let all = frames_of_every_codec();
    assert!(
        Codec::ALL
            .iter()
            .all(|codec| all.iter().any(|(of, _)| of == codec))
    );
    for suite in Suite::ALL {
        for (codec, bytes) in &all {
            let (leaf, stream, codec, bytes) = (ALICE, CAMERA, *codec, bytes.clone());
            let frame = Frame {
                leaf,
                stream,
                codec,
                bytes,
            };
            let wire = frame.protected(&mut member(suite, ALICE));
            let mut receiver = member(suite, BOB);
            for bit in 0..wire.len() * 8 {
                let mut wrong = wire.clone();
                wrong[bit / 8] ^= 0x80 >> (bit % 8);
                let opening = receiver.open(wrong, codec, 0, NOW);
                assert_eq!(opened(opening), None, "{suite}, {codec:?}, bit {bit}");
            }
            let opening = receiver.open(wire, codec, 0, NOW);
            assert_eq!(opened(opening), Some(frame.shown()), "{suite}, {codec:?}");
        }
    }
}

/// Which codec a stream has is not in its frames. Told another, a receiver opens the same or nothing.
#[test]
fn another_codec_makes_no_other_frame() {
    for (sent_as, bytes) in frames_of_every_codec() {
        for opened_as in Codec::ALL {
            let (leaf, stream, codec) = (ALICE, CAMERA, sent_as);
            let frame = Frame {
                leaf,
                stream,
                codec,
                bytes: bytes.clone(),
            };
            let wire = frame.protected(&mut member(Suite::default(), ALICE));
            let opening = member(Suite::default(), BOB).open(wire, opened_as, 0, NOW);
            if let Some(shown) = opened(opening) {
                assert_eq!(shown, frame.shown(), "{sent_as:?} as {opened_as:?}");
            }
        }
    }
}

/// Start codes of three bytes, more zeros, delimiters and filler before the first slice.
#[test]
fn other_delimiters_of_h264_units_make_no_other_frame() {
    let (leaf, stream, codec, bytes) = (ALICE, CAMERA, Codec::H264, h264(b"a slice"));
    let frame = Frame {
        leaf,
        stream,
        codec,
        bytes,
    };
    let wire = frame.protected(&mut member(Suite::default(), ALICE));
    let slice = &wire[12..];
    for prefix in [
        &[0, 0, 1, 0x67, 0x42, 0xe0, 0, 0, 1, 0x65][..],
        &[0, 0, 0, 0, 1, 0x67, 0x42, 0xe0, 0, 0, 0, 0, 1, 0x65],
        &[
            0, 0, 1, 9, 0x10, 0, 0, 1, 0x67, 0x42, 0xe0, 0, 0, 1, 12, 0xff, 0, 0, 1, 0x65,
        ],
    ] {
        let rebuilt = [prefix, slice].concat();
        let opening = member(Suite::default(), BOB).open(rebuilt, codec, 0, NOW);
        assert_eq!(opened(opening), Some(frame.shown()), "{prefix:?}");
    }
}

/// Frames of both senders and both streams, no two alike.
fn traffic() -> impl Strategy<Value = Vec<Frame>> {
    let text = prop::collection::vec(any::<u8>(), 0..60);
    let codec = prop::sample::select(&Codec::ALL[..]);
    let frame = (any::<(bool, bool)>(), codec, text);
    prop::collection::vec(frame, 2..6).prop_map(|frames| {
        let numbered = (0u8..).zip(frames);
        numbered
            .map(|(number, ((alice, camera), codec, mut text))| {
                text.push(number);
                Frame {
                    leaf: if alice { ALICE } else { CAROL },
                    stream: if camera { CAMERA } else { SCREEN },
                    codec,
                    bytes: if codec == Codec::H264 {
                        h264(&text)
                    } else {
                        text
                    },
                }
            })
            .collect()
    })
}

proptest! {
    /// Whatever is opened is one frame, of who sent it, and for the first time.
    #[test]
    fn damaged_frames_open_as_nothing_else_and_spoil_nothing(
        suite in prop::sample::select(&Suite::ALL[..]),
        traffic in traffic(),
        damages in prop::collection::vec((any::<Index>(), any::<Index>(), damages()), 1..60),
    ) {
        let (mut alice, mut carol) = (member(suite, ALICE), member(suite, CAROL));
        let sent: Vec<_> = traffic.into_iter().map(|frame| {
            let sender = if frame.leaf == ALICE { &mut alice } else { &mut carol };
            (frame.protected(sender), frame.codec, frame.shown())
        }).collect();
        let mut receiver = member(suite, BOB);
        let mut left: Vec<_> = sent.iter().map(|(_, _, shown)| shown).collect();
        for (one, other, damage) in &damages {
            let (one, other) = (one.get(&sent), other.get(&sent));
            let wrong = damage.of(&one.0, &other.0);
            if let Some(shown) = opened(receiver.open(wrong, one.1, 0, NOW)) {
                let place = left.iter().position(|left| **left == shown);
                prop_assert!(place.is_some(), "{:?} made {:?}", damage, shown);
                left.swap_remove(place.unwrap_or_default());
            }
        }
        receiver.handle_timeout(LATER);
        prop_assert_eq!((receiver.early_count(), receiver.poll_released()), (0, None));
        for (wire, codec, shown) in &sent {
            let opening = receiver.open(wire.clone(), *codec, 0, LATER);
            if left.contains(&shown) {
                prop_assert_eq!(opened(opening), Some(shown.clone()));
            } else {
                prop_assert_eq!(opening, FrameOpening::Refused(OpenError::Replayed));
            }
        }
    }
}
