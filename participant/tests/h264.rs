//! Protected H.264 frames on their way through a packetizer and a depacketizer that know nothing of
//! the protection and look for start codes, as RFC 6184 has it.

use bytes::Bytes;
use mls_srtp::epoch::{EpochSecrets, SwitchReason};
use mls_srtp::group::Roster;
use mls_srtp::id::{Epoch, GroupId, LeafIndex, ParticipantId, StreamNumber};
use mls_srtp::pipeline::{
    Codec, FrameOpening, FramePipeline, MediaConfig, MediaUpdate, Stream, StreamSource,
};
use mls_srtp::schedule::{BaseKey, MediaSecret, Suite};
use mls_srtp::secret::Secret;
use mls_srtp::time::Moment;
use rtc::rtp::codec::h264::{H264Packet, H264Payloader};
use rtc::rtp::packetizer::{Depacketizer, Payloader};

const CAMERA: StreamNumber = StreamNumber::new(1);
const NOW: Moment = Moment::from_millis(0);
const FRAMES: usize = 20_000;
const FRAME_BYTES: usize = 10_000;
const MTU: usize = 1_160;

fn name(leaf: u16) -> ParticipantId {
    ParticipantId::new(&format!("user{leaf}"), "example.org", "test").expect("a name")
}

/// A pipeline of two members at `own_leaf` that knows leaf 0's camera.
fn pipeline(own_leaf: u16) -> FramePipeline {
    let suite = Suite::default();
    let base_key = BaseKey::new(suite, Secret::new(vec![3; suite.key_len()]));
    let secrets = EpochSecrets {
        group_id: GroupId::new([1; 16]),
        epoch: Epoch::new(1),
        own_leaf: LeafIndex::new(own_leaf),
        roster: Roster::new([0, 1].map(|leaf| (LeafIndex::new(leaf), name(leaf)))),
        media: MediaSecret::Sframe(base_key.expect("right length")),
    };
    let mut pipeline = FramePipeline::new(MediaConfig::default());
    let (epoch, reason) = (secrets.epoch, SwitchReason::First);
    pipeline.apply(MediaUpdate::Install(secrets), NOW);
    pipeline.apply(MediaUpdate::SwitchSending { epoch, reason }, NOW);
    let streams = vec![Stream {
        id: CAMERA.into(),
        source: StreamSource::Camera,
    }];
    let participant = name(0);
    let announced = MediaUpdate::Streams {
        participant,
        streams,
    };
    pipeline.apply(announced, NOW);
    pipeline
}

/// Every fiftieth frame is a key frame with a delimiter and parameter sets; half of the frames have
/// start codes of three bytes, and each has a second slice.
fn frame(index: usize) -> Vec<u8> {
    let code: &[u8] = if index.is_multiple_of(2) {
        &[0, 0, 1]
    } else {
        &[0, 0, 0, 1]
    };
    let mut frame = Vec::with_capacity(FRAME_BYTES + 40);
    let mut unit = |bytes: &[u8]| {
        frame.extend_from_slice(code);
        frame.extend_from_slice(bytes);
    };
    if index.is_multiple_of(50) {
        unit(&[0x09, 0x10]);
        unit(&[0x67, 0x42, 0xe0, 0x1f, 0x8c, 0x8d, 0x40]);
        unit(&[0x68, 0xce, 0x3c, 0x80]);
        unit(&[0x65, 0x88]);
    } else {
        unit(&[0x41, 0x9a]);
    }
    let mut state = index as u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // A slice holds no start code.
        state.to_be_bytes()[0] | 4
    };
    let half = FRAME_BYTES / 2;
    frame.extend((0..half).map(|_| noise()));
    frame.extend_from_slice(&[0, 0, 1, 0x41]);
    frame.extend((0..half).map(|_| noise()));
    frame
}

/// The frame as depacketizers rebuild its beginning: what is to come out.
fn rebuilt(index: usize) -> Vec<u8> {
    let frame = frame(index);
    let (beginning, clear): (&[u8], usize) = if index.is_multiple_of(50) {
        let beginning = &[
            0, 0, 0, 1, 0x67, 0x42, 0xe0, 0x1f, 0x8c, 0x8d, 0x40, 0, 0, 0, 1, 0x68, 0xce, 0x3c,
            0x80, 0, 0, 0, 1, 0x65,
        ];
        // Four start codes of three bytes, delimiter, parameter sets, NAL header.
        (beginning, 4 * 3 + 2 + 7 + 4 + 1)
    } else {
        let code = if index.is_multiple_of(2) { 3 } else { 4 };
        (&[0, 0, 0, 1, 0x41], code + 1)
    };
    [beginning, &frame[clear..]].concat()
}

#[test]
fn no_frame_is_lost_on_its_way_through_packetizers() {
    let (mut sender, mut receiver) = (pipeline(0), pipeline(1));
    let mut payloader = H264Payloader::default();
    let (mut escaped, mut packets) = (0, 0);
    for index in 0..FRAMES {
        let sealed = sender.protect(CAMERA, Codec::H264, &frame(index), NOW);
        let sealed = Bytes::from(sealed.expect("protected"));
        escaped += usize::from(sealed[24..].windows(3).any(|three| three == [0, 0, 3]));
        let payloads = payloader.payload(MTU, &sealed).expect("cut");
        packets += payloads.len();
        let mut depacketizer = H264Packet::default();
        let mut received = Vec::with_capacity(sealed.len());
        for payload in &payloads {
            assert!(payload.len() <= MTU);
            received.extend_from_slice(&depacketizer.depacketize(payload).expect("understood"));
        }
        assert_eq!(received, sealed, "frame {index} changed on its way");
        match receiver.open(received, Codec::H264, index as u64, NOW) {
            FrameOpening::Opened(opened) => assert_eq!(opened.frame, rebuilt(index)),
            other => panic!("frame {index}: {other:?}"),
        }
    }
    assert!(packets > FRAMES * FRAME_BYTES / MTU);
    assert!(escaped > 20, "only {escaped} frames needed escaping");
}
