//! What reassembly must do under loss, reordering, repetition and nonsense.

use proptest::prelude::*;

use super::*;
use crate::files::ivf::IvfFile;
use crate::files::ogg::OpusFile;
use crate::samples;
use crate::stream::SenderStream;

const SSRC: Ssrc = Ssrc::new(7);

fn at(millis: u64) -> Moment {
    Moment::from_millis(millis)
}

fn pictures() -> Vec<Bytes> {
    let file = IvfFile::read(samples::PATTERN_IVF).expect("read");
    file.frames.into_iter().map(|frame| frame.data).collect()
}

/// The packets of each frame; sequence numbers wrap on the way.
fn packets(kind: MediaKind, frames: &[Bytes], ticks: u64) -> Vec<Vec<rtp::Packet>> {
    let mut stream = SenderStream::starting_at(kind, SSRC, 65_500, 10);
    let cut = |(frame, index)| stream.packetize(index * ticks, frame).expect("cut");
    frames.iter().zip(0..).map(cut).collect()
}

fn assembler(kind: MediaKind) -> FrameAssembler {
    FrameAssembler::new(kind, SSRC, AssemblerConfig::default())
}

fn drain(assembler: &mut FrameAssembler) -> Vec<Assembled> {
    std::iter::from_fn(|| assembler.poll()).collect()
}

fn frames<'a>(assembled: &'a [Assembled]) -> Vec<&'a MediaFrame> {
    let frame = |out: &'a Assembled| match out {
        Assembled::Frame(frame) => Some(frame),
        _ => None,
    };
    assembled.iter().filter_map(frame).collect()
}

fn asks(assembled: &[Assembled]) -> usize {
    let ask = |out: &&Assembled| matches!(out, Assembled::KeyframeWanted { .. });
    assembled.iter().filter(ask).count()
}

#[test]
fn pictures_come_out_as_they_went_in() {
    let sent = pictures();
    let mut assembler = assembler(MediaKind::Video);
    for packet in packets(MediaKind::Video, &sent, 3_600).concat() {
        assembler.push(packet, at(0));
    }
    let out = drain(&mut assembler);
    let frames = frames(&out);
    assert_eq!(out.len(), 100);
    for (index, frame) in frames.iter().enumerate() {
        assert_eq!(frame.data, sent[index]);
        assert_eq!(frame.media_time, index as u64 * 3_600);
        assert_eq!((frame.keyframe, frame.decodable), (index % 25 == 0, true));
    }
}

#[test]
fn sound_comes_out_as_it_went_in() {
    let sent = OpusFile::read(samples::TONE_OGG).expect("read").packets;
    let mut assembler = assembler(MediaKind::Audio);
    for packet in packets(MediaKind::Audio, &sent, 960).concat() {
        assembler.push(packet, at(0));
    }
    let out = drain(&mut assembler);
    assert_eq!(
        frames(&out)
            .iter()
            .map(|frame| &frame.data)
            .collect::<Vec<_>>(),
        { sent.iter().collect::<Vec<_>>() }
    );
    assert!(
        frames(&out)
            .iter()
            .all(|frame| frame.keyframe && frame.decodable)
    );
}

#[test]
fn a_gap_asks_for_a_keyframe_until_one_comes() {
    let sent = packets(MediaKind::Video, &pictures(), 3_600);
    let mut assembler = assembler(MediaKind::Video);
    let mut now = at(0);
    for (index, packets) in sent.iter().take(27).enumerate() {
        // One picture every 40 ms; the second is lost, and nothing is sent again.
        for packet in packets.iter().filter(|_| index != 1) {
            assembler.push(packet.clone(), now);
        }
        now = now + Duration::from_millis(40);
        assembler.handle_timeout(now);
    }
    let out = drain(&mut assembler);
    let lost = sent[1].len() as u64;
    assert_eq!(
        out[1],
        Assembled::Lost {
            ssrc: SSRC,
            packets: lost
        }
    );
    assert_eq!(out[2], Assembled::KeyframeWanted { ssrc: SSRC });
    assert_eq!(asks(&out), 2, "at once and after 500 ms");
    let decodable: Vec<_> = frames(&out).iter().map(|frame| frame.decodable).collect();
    assert_eq!(decodable, [&[true][..], &[false; 23], &[true; 2]].concat());
    assert_eq!(
        (assembler.stats().lost, assembler.stats().frames),
        (lost, 26)
    );
}

#[test]
fn a_stream_that_is_entered_midway_asks_for_a_keyframe() {
    let sent = packets(MediaKind::Video, &pictures(), 3_600);
    let mut assembler = assembler(MediaKind::Video);
    for packet in sent[10..30].concat() {
        assembler.push(packet, at(0));
    }
    let out = drain(&mut assembler);
    assert_eq!(asks(&out), 1);
    let first = frames(&out)
        .into_iter()
        .find(|frame| frame.decodable)
        .expect("one");
    assert_eq!((first.keyframe, first.timestamp), (true, 10 + 25 * 3_600));
}

#[test]
fn a_late_packet_within_the_wait_loses_nothing() {
    let mut sent = packets(MediaKind::Video, &pictures()[..10], 3_600).concat();
    let late = sent.remove(3);
    let mut assembler = assembler(MediaKind::Video);
    for packet in sent {
        assembler.push(packet, at(0));
    }
    assembler.handle_timeout(at(249));
    assembler.push(late, at(249));
    let out = drain(&mut assembler);
    assert_eq!((frames(&out).len(), asks(&out)), (10, 0));
    assert_eq!(assembler.poll_timeout(), None);
}

#[test]
fn nonsense_is_counted_and_does_not_reach_a_decoder() {
    let packet = |sequence_number, marker, payload: &[u8]| rtp::Packet {
        header: rtp::Header {
            version: 2,
            sequence_number,
            marker,
            ..rtp::Header::default()
        },
        payload: payload.to_vec().into(),
    };
    let mut video = assembler(MediaKind::Video);
    video.push(packet(1, true, &[]), at(0));
    video.push(packet(2, true, &[0x90]), at(0));
    // A picture that begins twice, and one of which only the end is there.
    video.push(packet(3, false, &[0x10, 1]), at(0));
    video.push(packet(4, true, &[0x10, 2]), at(0));
    video.push(packet(5, true, &[0x00, 3]), at(0));
    // The end of another picture than the one that began.
    video.push(packet(6, false, &[0x10, 4]), at(0));
    let mut other = packet(7, true, &[0x00, 5]);
    other.header.timestamp = 9;
    video.push(other, at(0));
    let out = drain(&mut video);
    assert_eq!(
        frames(&out).iter().map(|f| &f.data[..]).collect::<Vec<_>>(),
        [[2]]
    );
    assert_eq!(video.stats().malformed, 4);
    let mut audio = assembler(MediaKind::Audio);
    audio.push(packet(1, true, &[]), at(0));
    audio.push(packet(2, true, &[0xff, 0]), at(0));
    assert_eq!(drain(&mut audio), []);
    assert_eq!(audio.stats().malformed, 2);
}

#[test]
fn a_picture_without_an_end_stays_within_the_bound() {
    let config = AssemblerConfig {
        frame_bytes: 1_000,
        ..AssemblerConfig::default()
    };
    let mut assembler = FrameAssembler::new(MediaKind::Video, SSRC, config);
    let mut packet = rtp::Packet::default();
    for sequence in 0..20 {
        packet.header.sequence_number = sequence;
        let mut payload = vec![0; 101];
        payload[0] = if sequence == 0 { 0x10 } else { 0 };
        packet.payload = payload.into();
        assembler.push(packet.clone(), at(0));
    }
    assert_eq!(assembler.stats().malformed, 1);
    assert!(assembler.partial_len() <= 1_000);
}

#[test]
fn streams_are_kept_apart_and_bounded() {
    let mut reassembly = Reassembly::default();
    let sound = OpusFile::read(samples::TONE_OGG).expect("read").packets;
    for ssrc in 0..1_100 {
        let mut stream = SenderStream::new(MediaKind::Audio, Ssrc::new(ssrc));
        for packet in stream.packetize(0, &sound[0]).expect("cut") {
            reassembly.push(MediaKind::Audio, packet, at(0));
        }
    }
    let heard = std::iter::from_fn(|| reassembly.poll()).count();
    assert_eq!(heard, 1_024);
    assert_eq!(
        reassembly.stats(Ssrc::new(3)).map(|stats| stats.frames),
        Some(1)
    );
    reassembly.forget(Ssrc::new(3));
    assert_eq!(reassembly.stats(Ssrc::new(3)), None);
}

/// Loss, reordering and repetition as a list of what happens to each packet.
fn disturbed() -> impl Strategy<Value = Vec<(usize, u64)>> {
    let fate = prop_oneof![
        8 => Just(vec![0_u64]),
        1 => Just(vec![]),
        1 => (1..30_u64).prop_map(|late| vec![late]),
        1 => (0..30_u64).prop_map(|late| vec![0, late]),
    ];
    prop::collection::vec(fate, 150).prop_map(|fates| {
        let mut arrivals: Vec<(usize, u64)> = Vec::new();
        for (index, copies) in fates.into_iter().enumerate() {
            arrivals.extend(
                copies
                    .into_iter()
                    .map(|late| (index, index as u64 * 10 + late * 10)),
            );
        }
        arrivals.sort_by_key(|(_, when)| *when);
        arrivals
    })
}

proptest! {
    #[test]
    fn only_whole_frames_come_out_once_and_in_order(arrivals in disturbed()) {
        let pictures = pictures();
        let sent = packets(MediaKind::Video, &pictures, 3_600).concat();
        let mut assembler = assembler(MediaKind::Video);
        for (index, when) in &arrivals {
            if let Some(packet) = sent.get(*index) {
                assembler.handle_timeout(at(*when));
                assembler.push(packet.clone(), at(*when));
            }
        }
        assembler.handle_timeout(at(100_000));
        prop_assert_eq!(assembler.poll_timeout(), None);
        let out = drain(&mut assembler);
        let mut next = 0;
        let mut whole_since_keyframe = true;
        for frame in frames(&out) {
            let index = ((frame.timestamp - 10) / 3_600) as usize;
            prop_assert!(index >= next, "a frame came twice or out of order");
            prop_assert_eq!(&frame.data, &pictures[index]);
            whole_since_keyframe = frame.keyframe
                || (whole_since_keyframe && index == next && next > 0);
            prop_assert_eq!(frame.decodable, whole_since_keyframe);
            next = index + 1;
        }
    }

    #[test]
    fn any_bytes_in_any_order_are_survived(
        inputs in prop::collection::vec(
            (any::<u16>(), any::<u32>(), any::<bool>(), prop::collection::vec(any::<u8>(), 0..20)),
            0..200,
        ),
        near: bool,
    ) {
        for kind in [MediaKind::Audio, MediaKind::Video] {
            let mut assembler = assembler(kind);
            for (index, (sequence, timestamp, marker, payload)) in inputs.iter().enumerate() {
                let mut packet = rtp::Packet::default();
                packet.header.sequence_number = if near { sequence % 64 } else { *sequence };
                packet.header.timestamp = *timestamp;
                packet.header.marker = *marker;
                packet.payload = payload.clone().into();
                assembler.push(packet, at(index as u64));
            }
            assembler.handle_timeout(at(100_000));
            prop_assert_eq!(assembler.poll_timeout(), None);
        }
    }
}
