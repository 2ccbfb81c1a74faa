//! What one packet and one epoch change cost. `cargo bench -p mls-srtp --bench packets`

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use mls_srtp::epoch::{EpochSecrets, SwitchReason};
use mls_srtp::group::Roster;
use mls_srtp::id::{Epoch, GroupId, LeafIndex, ParticipantId, Ssrc};
use mls_srtp::pipeline::{MediaConfig, MediaPipeline, MediaUpdate, Opening, Stream, StreamSource};
use mls_srtp::schedule::{ExportedSecret, MediaSecret, Profile};
use mls_srtp::secret::Secret;
use mls_srtp::time::Moment;

const SSRC: u32 = 7;
const NOW: Moment = Moment::from_millis(0);

fn name(leaf: u16) -> ParticipantId {
    ParticipantId::new(&format!("user{leaf}"), "example.org", "bench").expect("a name")
}

/// A pipeline of `members` at `own_leaf`, in epoch 1, that knows leaf 0's stream.
fn pipeline(own_leaf: u16, members: u16, profile: Profile) -> MediaPipeline {
    let exported = ExportedSecret::new(Secret::new(vec![3; 32]));
    let secrets = EpochSecrets {
        group_id: GroupId::new([1; 16]),
        epoch: Epoch::new(1),
        own_leaf: LeafIndex::new(own_leaf),
        roster: Roster::new((0..members).map(|leaf| (LeafIndex::new(leaf), name(leaf)))),
        media: MediaSecret::Srtp(profile, exported),
    };
    let mut pipeline = MediaPipeline::new(MediaConfig::default());
    let epoch = secrets.epoch;
    pipeline.apply(MediaUpdate::Install(secrets), NOW);
    let reason = SwitchReason::First;
    pipeline.apply(MediaUpdate::SwitchSending { epoch, reason }, NOW);
    let stream = Stream {
        id: Ssrc::new(SSRC).into(),
        source: StreamSource::Camera,
    };
    let participant = name(0);
    pipeline.apply(
        MediaUpdate::Streams {
            participant,
            streams: vec![stream],
        },
        NOW,
    );
    pipeline
}

fn rtp(sequence: u16, len: usize) -> Vec<u8> {
    let mut packet = Vec::with_capacity(len + 32);
    packet.extend([0x80, 96]);
    packet.extend(sequence.to_be_bytes());
    packet.extend([0, 0, 0, 9]);
    packet.extend(SSRC.to_be_bytes());
    packet.resize(len, 0xa5);
    packet
}

fn packets(c: &mut Criterion) {
    for profile in Profile::ALL {
        for len in [160, 1200] {
            let mut group = c.benchmark_group(format!("{profile}/{len} B"));
            group.throughput(Throughput::Bytes(len as u64));
            let mut sender = pipeline(0, 2, profile);
            let mut sequence = 0u16;
            group.bench_function("protect", |b| {
                b.iter_batched_ref(
                    || {
                        sequence = sequence.wrapping_add(1);
                        rtp(sequence, len)
                    },
                    |packet| sender.protect(packet, NOW).expect("protected"),
                    BatchSize::SmallInput,
                );
            });
            let mut sender = pipeline(0, 2, profile);
            let mut receiver = pipeline(1, 2, profile);
            let mut sequence = 0u16;
            group.bench_function("open", |b| {
                b.iter_batched(
                    || {
                        sequence = sequence.wrapping_add(1);
                        let mut packet = rtp(sequence, len);
                        sender.protect(&mut packet, NOW).expect("protected");
                        packet
                    },
                    |packet| {
                        let opening = receiver.open(packet, NOW);
                        assert!(matches!(opening, Opening::Opened(_)));
                        opening
                    },
                    BatchSize::SmallInput,
                );
            });
        }
    }
}

fn sender_key(c: &mut Criterion) {
    let epoch = ExportedSecret::new(Secret::new(vec![3; 32])).into_epoch_key();
    c.bench_function("derive one sender's session key and salt", |b| {
        b.iter(|| {
            epoch
                .sender(black_box(LeafIndex::new(5)), Profile::AeadAes128Gcm)
                .into_session_keys()
        });
    });
}

criterion_group!(benches, packets, sender_key);
criterion_main!(benches);
