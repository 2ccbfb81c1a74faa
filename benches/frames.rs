//! What one encoded frame costs. `cargo bench -p mls-srtp --bench frames`

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use mls_srtp::epoch::{EpochSecrets, SwitchReason};
use mls_srtp::group::Roster;
use mls_srtp::id::{Epoch, GroupId, LeafIndex, ParticipantId, StreamNumber};
use mls_srtp::pipeline::{
    Codec, FrameOpening, FramePipeline, MediaConfig, MediaUpdate, Stream, StreamSource,
};
use mls_srtp::schedule::{BaseKey, MediaSecret, Suite};
use mls_srtp::secret::Secret;
use mls_srtp::time::Moment;

const CAMERA: StreamNumber = StreamNumber::new(1);
const NOW: Moment = Moment::from_millis(0);

fn name(leaf: u16) -> ParticipantId {
    ParticipantId::new(&format!("user{leaf}"), "example.org", "bench").expect("a name")
}

/// A pipeline of two members at `own_leaf`, in epoch 1, that knows leaf 0's camera.
fn pipeline(own_leaf: u16, suite: Suite) -> FramePipeline {
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

/// Something that looks compressed.
fn frame(codec: Codec, len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    let mut frame: Vec<u8> = (0..len).map(|_| noise()).collect();
    let header: &[u8] = match codec {
        Codec::H264 => &[0, 0, 0, 1, 0x41, 0x9a],
        _ => &[0x11],
    };
    frame[..header.len()].copy_from_slice(header);
    frame
}

fn frames(c: &mut Criterion) {
    let sizes = [
        (Codec::Opus, 160),
        (Codec::Vp8, 10_000),
        (Codec::H264, 10_000),
    ];
    for suite in Suite::ALL {
        for (codec, len) in sizes {
            let mut group = c.benchmark_group(format!("{suite}/{codec:?} {len} B"));
            group.throughput(Throughput::Bytes(len as u64));
            let plain = frame(codec, len);
            let mut sender = pipeline(0, suite);
            group.bench_function("protect", |b| {
                b.iter(|| {
                    sender
                        .protect(CAMERA, codec, &plain, NOW)
                        .expect("protected")
                });
            });
            let (mut sender, mut receiver) = (pipeline(0, suite), pipeline(1, suite));
            group.bench_function("open", |b| {
                b.iter_batched(
                    || {
                        sender
                            .protect(CAMERA, codec, &plain, NOW)
                            .expect("protected")
                    },
                    |frame| {
                        let opening = receiver.open(frame, codec, 0, NOW);
                        assert!(matches!(opening, FrameOpening::Opened(_)));
                        opening
                    },
                    BatchSize::SmallInput,
                );
            });
        }
    }
}

criterion_group!(benches, frames);
criterion_main!(benches);
