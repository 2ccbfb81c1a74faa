//! What a publisher must send, when, and what it must know of it afterwards.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::advance;

use super::*;
use crate::files::ivf::{IvfFile, IvfFrame};
use crate::files::ogg::OpusFile;
use crate::kind::MediaKind;
use crate::reassemble::{Assembled, MediaFrame, Reassembly};
use crate::samples;
use crate::stream::SenderStream;

const SOUND: Ssrc = Ssrc::new(1);
const PICTURE: Ssrc = Ssrc::new(2);

fn at(millis: u64) -> Moment {
    Moment::from_millis(millis)
}

fn tone() -> Arc<Source> {
    let file = OpusFile::read(samples::TONE_OGG).expect("read");
    Arc::new(Source::opus(&file).expect("sound"))
}

fn pattern() -> Arc<Source> {
    let file = IvfFile::read(samples::PATTERN_IVF).expect("read");
    Arc::new(Source::vp8(&file).expect("pictures"))
}

fn camera() -> Player {
    let stream = SenderStream::starting_at(MediaKind::Video, PICTURE, 0, 1_000);
    let mut player = Player::new(pattern(), stream);
    player.start(at(0));
    player
}

/// Plays until `until`, woken exactly when it wants to be.
fn play(player: &mut Player, until: Moment) -> Vec<(Moment, SentFrame)> {
    let mut sent = Vec::new();
    while let Some(due) = player.poll_timeout().filter(|due| *due < until) {
        let outgoing = player.poll(due).expect("due");
        assert!(!outgoing.packets.is_empty());
        sent.push((due, outgoing.frame));
    }
    sent
}

#[test]
fn an_hour_of_pictures_does_not_drift_and_loops() {
    let mut player = camera();
    let sent = play(&mut player, at(3_600_000));
    assert_eq!(sent.len(), 90_000);
    for (number, (when, frame)) in sent.iter().enumerate() {
        assert_eq!(*when, at(40 * number as u64));
        assert_eq!(frame.source_index, number % 100);
        assert_eq!(
            frame.timestamp,
            1_000_u32.wrapping_add(3_600 * number as u32)
        );
    }
}

#[test]
fn waking_late_now_and_then_adds_up_to_nothing() {
    let mut player = camera();
    let mut sent = 0;
    for step in 0..1_000_u64 {
        let late = step * 37 % 200;
        while let Some(outgoing) = player.poll(at(step * 40 + late)) {
            assert_eq!(outgoing.frame.timestamp, 1_000 + 3_600 * sent);
            sent += 1;
        }
    }
    assert!((1_000..=1_005).contains(&sent), "{sent}");
}

#[test]
fn a_long_sleep_is_skipped_not_caught_up_with() {
    let mut player = camera();
    play(&mut player, at(100));
    let after: Vec<_> = std::iter::from_fn(|| player.poll(at(60_000))).collect();
    assert_eq!(after.len(), 1);
    assert_eq!(after[0].frame.timestamp, 1_000 + 60 * 90_000);
    assert_eq!(
        after[0].frame.source_index, 3,
        "no frame of the recording is skipped"
    );
    assert_eq!(player.poll_timeout(), Some(at(60_040)));
}

#[test]
fn a_request_jumps_to_a_keyframe_without_a_break_in_time() {
    let mut player = camera();
    play(&mut player, at(400));
    player.want_keyframe();
    let sent = play(&mut player, at(520));
    let indices: Vec<_> = sent.iter().map(|(_, frame)| frame.source_index).collect();
    assert_eq!(indices, [25, 26, 27]);
    assert_eq!(sent[0].1.timestamp, 1_000 + 10 * 3_600);
    assert!(sent[0].1.keyframe);
}

#[test]
fn requests_in_a_row_are_answered_every_300_ms() {
    let mut player = camera();
    let mut keyframes = Vec::new();
    for step in 0..50 {
        player.want_keyframe();
        let sent = play(&mut player, at(40 * step + 1));
        keyframes.extend(
            sent.iter()
                .filter(|(_, f)| f.keyframe)
                .map(|(when, _)| *when),
        );
    }
    assert_eq!(keyframes, [0, 320, 640, 960, 1_280, 1_600, 1_920].map(at));
}

#[test]
fn recordings_that_cannot_be_played_are_refused() {
    let mut file = IvfFile::read(samples::PATTERN_IVF).expect("read");
    let with = |frames: Vec<IvfFrame>| {
        let file = IvfFile {
            frames,
            ..file.clone()
        };
        Source::vp8(&file)
    };
    assert_eq!(with(vec![]), Err(SourceError::Empty));
    assert_eq!(
        with(file.frames[1..].to_vec()),
        Err(SourceError::NoKeyframe)
    );
    assert!(with(file.frames[..1].to_vec()).is_ok());
    file.frames[7].timestamp = file.frames[6].timestamp;
    assert_eq!(Source::vp8(&file), Err(SourceError::NotLater(7)));
    let mut sound = OpusFile::read(samples::TONE_OGG).expect("read");
    sound.packets[3] = bytes::Bytes::new();
    assert_eq!(Source::opus(&sound), Err(SourceError::BadPacket(3)));
    sound.packets.clear();
    assert_eq!(Source::opus(&sound), Err(SourceError::Empty));
}

/// Receives everything for `span` of virtual time.
async fn receive(packets: &mut mpsc::Receiver<rtp::Packet>, span: Duration) -> Vec<MediaFrame> {
    let mut reassembly = Reassembly::default();
    let start = Instant::now();
    let end = start + span;
    let mut frames = Vec::new();
    while let Ok(Some(packet)) = tokio::time::timeout_at(end, packets.recv()).await {
        let kind = match packet.header.payload_type {
            111 => MediaKind::Audio,
            _ => MediaKind::Video,
        };
        let now = Moment::new(start.elapsed());
        reassembly.push(kind, packet, now);
        while let Some(out) = reassembly.poll() {
            match out {
                Assembled::Frame(frame) => frames.push(frame),
                other => panic!("{other:?}"),
            }
        }
    }
    frames
}

#[tokio::test(start_paused = true)]
async fn every_frame_received_is_found_in_the_log() {
    let (sink, mut packets) = mpsc::channel(1_000);
    let players = vec![
        Player::new(tone(), SenderStream::new(MediaKind::Audio, SOUND)),
        Player::new(pattern(), SenderStream::new(MediaKind::Video, PICTURE)),
    ];
    let origin = ClockOrigin::new(Instant::now().into_std());
    let publisher = Publisher::start(players, sink, origin);
    let frames = receive(&mut packets, Duration::from_millis(9_999)).await;
    assert_eq!(frames.len(), 500 + 250);
    let mut expected = HashMap::from([(SOUND, 0), (PICTURE, 0)]);
    for frame in &frames {
        let next = expected.get_mut(&frame.ssrc).expect("one of the two");
        let Checked::Exact { source_index, .. } = publisher.log().check(frame) else {
            panic!("{frame:?}");
        };
        assert_eq!(source_index, *next);
        *next = (*next + 1) % if frame.ssrc == SOUND { 201 } else { 100 };
    }
    assert_eq!(
        (publisher.log().total(), publisher.log().unsent()),
        (750, 0)
    );

    let mut other = frames[100].clone();
    other.data = frames[101].data.clone();
    assert!(matches!(
        publisher.log().check(&other),
        Checked::Differs { .. }
    ));
    other.timestamp = other.timestamp.wrapping_add(1);
    assert_eq!(publisher.log().check(&other), Checked::Unknown);
}

#[tokio::test(start_paused = true)]
async fn a_requested_keyframe_is_the_next_picture() {
    let (sink, mut packets) = mpsc::channel(1_000);
    let player = Player::new(pattern(), SenderStream::new(MediaKind::Video, PICTURE));
    let origin = ClockOrigin::new(Instant::now().into_std());
    let publisher = Publisher::start(vec![player], sink, origin);
    receive(&mut packets, Duration::from_millis(390)).await;
    publisher.request_keyframe(PICTURE);
    publisher.request_keyframe(SOUND);
    let frames = receive(&mut packets, Duration::from_millis(40)).await;
    let keyframes: Vec<_> = frames.iter().map(|frame| frame.keyframe).collect();
    assert_eq!(keyframes, [true]);
}

#[tokio::test(start_paused = true)]
async fn without_a_connection_time_goes_on_and_nothing_counts_as_sent() {
    let (_connection, none) = watch::channel(None);
    let player = Player::new(tone(), SenderStream::new(MediaKind::Audio, SOUND));
    let origin = ClockOrigin::new(Instant::now().into_std());
    let publisher = Publisher::start(vec![player], none, origin);
    for _step in 0..100 {
        tokio::task::yield_now().await;
        advance(Duration::from_millis(20)).await;
    }
    tokio::task::yield_now().await;
    assert_eq!(
        (publisher.log().total(), publisher.log().unsent()),
        (0, 101)
    );
}

#[tokio::test(start_paused = true)]
async fn the_log_forgets_the_oldest() {
    let log = PublishLog::new(std::iter::empty());
    for timestamp in 0..10_500 {
        log.note(SentFrame {
            ssrc: SOUND,
            timestamp,
            source_index: 0,
            sent_at: at(0),
            keyframe: true,
        });
    }
    assert_eq!(log.sent(SOUND, 499), None);
    assert!(log.sent(SOUND, 500).is_some());
    assert_eq!(log.total(), 10_500);
}
