//! What a pipeline of frames must do with keys, frames and time. The life of keys is that of
//! packets and tested there; here is what differs.

use std::collections::HashSet;

use super::*;
use crate::epoch::{EpochSecrets, SwitchReason};
use crate::group::Roster;
use crate::id::{GroupId, Ssrc};
use crate::media::sframe::{SframeHeader, Unprotectable};
use crate::media::{KeyLimits, Malformed};
use crate::pipeline::{MediaConfig, MediaEvent, MediaUpdate, Stream, StreamSource, Trouble};
use crate::schedule::{BaseKey, ExportedSecret, Profile, Suite};
use crate::secret::Secret;

const ALICE: u16 = 0;
const BOB: u16 = 1;
const CAMERA: StreamNumber = StreamNumber::new(3);
const SCREEN: StreamNumber = StreamNumber::new(4);
const FRAME: &[u8] = b"a frame of sound";

fn name(leaf: u16) -> ParticipantId {
    let user = ["alice", "bob", "carol"][usize::from(leaf)];
    ParticipantId::new(user, "example.org", "phone").expect("a name")
}

fn at(millis: u64) -> Moment {
    Moment::from_millis(millis)
}

fn secrets(own_leaf: u16, epoch: u64, members: &[u16]) -> EpochSecrets {
    let mut base = vec![0x5a; 16];
    base[..8].copy_from_slice(&epoch.to_be_bytes());
    let members = members
        .iter()
        .map(|leaf| (LeafIndex::new(*leaf), name(*leaf)));
    let base = BaseKey::new(Suite::default(), Secret::new(base));
    EpochSecrets {
        group_id: GroupId::new([9; 16]),
        epoch: Epoch::new(epoch),
        own_leaf: LeafIndex::new(own_leaf),
        roster: Roster::new(members),
        media: MediaSecret::Sframe(base.expect("16 bytes")),
    }
}

fn enter(pipeline: &mut FramePipeline, own_leaf: u16, epoch: u64, reason: SwitchReason) {
    let install = MediaUpdate::Install(secrets(own_leaf, epoch, &[ALICE, BOB]));
    pipeline.apply(install, at(0));
    let epoch = Epoch::new(epoch);
    pipeline.apply(MediaUpdate::SwitchSending { epoch, reason }, at(0));
}

fn announce(pipeline: &mut FramePipeline, leaf: u16, streams: &[StreamNumber], now: Moment) {
    let stream = |number: &StreamNumber| Stream {
        id: (*number).into(),
        source: StreamSource::Camera,
    };
    let participant = name(leaf);
    let streams = streams.iter().map(stream).collect();
    let update = MediaUpdate::Streams {
        participant,
        streams,
    };
    pipeline.apply(update, now);
}

/// A pipeline in `epoch` that knows Alice's camera and screen.
fn member(own_leaf: u16, epoch: u64) -> FramePipeline {
    let mut pipeline = FramePipeline::new(MediaConfig::default());
    enter(&mut pipeline, own_leaf, epoch, SwitchReason::First);
    announce(&mut pipeline, ALICE, &[CAMERA, SCREEN], at(0));
    pipeline
}

fn sealed(sender: &mut FramePipeline, stream: StreamNumber) -> Vec<u8> {
    let sealed = sender.protect(stream, Codec::Opus, FRAME, at(0));
    sealed.expect("protected")
}

fn open(receiver: &mut FramePipeline, frame: Vec<u8>, ticket: u64, now: Moment) -> FrameOpening {
    receiver.open(frame, Codec::Opus, ticket, now)
}

fn opened(opening: FrameOpening) -> OpenedFrame {
    match opening {
        FrameOpening::Opened(opened) => opened,
        other => panic!("not opened: {other:?}"),
    }
}

#[test]
fn a_frame_opens_under_the_name_of_its_leaf_and_stream() {
    let (mut alice, mut bob) = (member(ALICE, 0x102), member(BOB, 0x102));
    let frame = sealed(&mut alice, CAMERA);
    let (header, _) = SframeHeader::parse(&frame).expect("no prefix");
    assert_eq!((header.kid, header.counter), (0x0300_0002, 0));
    let expected = OpenedFrame {
        frame: FRAME.to_vec(),
        stream: CAMERA,
        epoch: Epoch::new(0x102),
        leaf: LeafIndex::new(ALICE),
        participant: Arc::new(name(ALICE)),
    };
    assert_eq!(opened(open(&mut bob, frame, 0, at(0))), expected);
    let camera = Some(StreamSource::Camera);
    assert_eq!(bob.stream_source(&name(ALICE), CAMERA), camera);
    assert_eq!(bob.stream_source(&name(ALICE), Ssrc::new(3)), None);
}

#[test]
fn counters_only_rise_over_epochs_and_groups() {
    let mut alice = member(ALICE, 1);
    let mut seen = HashSet::new();
    let mut last = [None; 2];
    for step in 0..300_u64 {
        match step % 100 {
            50 => enter(&mut alice, ALICE, step, SwitchReason::Cap),
            99 => {
                let group_id = GroupId::new([step as u8; 16]);
                let other = EpochSecrets {
                    group_id,
                    ..secrets(ALICE, 1, &[ALICE, BOB])
                };
                let epoch = other.epoch;
                alice.apply(MediaUpdate::Install(other), at(0));
                let reason = SwitchReason::First;
                alice.apply(MediaUpdate::SwitchSending { epoch, reason }, at(0));
            }
            _ => {}
        }
        for (last, stream) in last.iter_mut().zip([CAMERA, SCREEN]) {
            let (header, _) = SframeHeader::parse(&sealed(&mut alice, stream)).expect("SFrame");
            assert!(seen.insert(header_key(header)), "nonce used twice");
            assert!(last.is_none_or(|last| header.counter > last));
            *last = Some(header.counter);
        }
    }
}

fn header_key(header: SframeHeader) -> (u64, u64) {
    (header.kid, header.counter)
}

#[test]
fn a_refused_frame_uses_no_counter() {
    let mut alice = member(ALICE, 1);
    let refused = alice.protect(CAMERA, Codec::H264, FRAME, at(0));
    let not_annex_b = ProtectError::Unprotectable(Unprotectable::NotAnnexB);
    assert_eq!(refused, Err(not_annex_b));
    assert_eq!(alice.stats().protect_refused, 1);
    let (header, _) = SframeHeader::parse(&sealed(&mut alice, CAMERA)).expect("SFrame");
    assert_eq!(header.counter, 0);
}

#[test]
fn a_stream_ends_before_its_counter_wraps() {
    let mut alice = member(ALICE, 1);
    alice.counters.insert(CAMERA, u64::MAX - 1);
    sealed(&mut alice, CAMERA);
    let refused = alice.protect(CAMERA, Codec::Opus, FRAME, at(0));
    assert_eq!(refused, Err(ProtectError::StreamExhausted(CAMERA)));
    sealed(&mut alice, SCREEN);
}

#[test]
fn without_keys_nothing_leaves() {
    let mut alice = FramePipeline::new(MediaConfig::default());
    let protect = |alice: &mut FramePipeline| alice.protect(CAMERA, Codec::Opus, FRAME, at(0));
    assert_eq!(protect(&mut alice), Err(ProtectError::NoEpoch));
    enter(&mut alice, ALICE, 1, SwitchReason::First);
    alice.apply(MediaUpdate::Suspend, at(0));
    assert_eq!(protect(&mut alice), Err(ProtectError::Suspended));
    alice.apply(MediaUpdate::Resume, at(0));
    assert!(protect(&mut alice).is_ok());
    alice.apply(MediaUpdate::Close, at(0));
    assert_eq!(protect(&mut alice), Err(ProtectError::NoEpoch));
    // Secrets of a room of packets are none for frames.
    let exported = ExportedSecret::new(Secret::new(vec![1; 32]));
    let of_packets = EpochSecrets {
        media: MediaSecret::Srtp(Profile::default(), exported),
        ..secrets(ALICE, 2, &[ALICE, BOB])
    };
    alice.apply(MediaUpdate::Install(of_packets), at(0));
    let (epoch, reason) = (Epoch::new(2), SwitchReason::First);
    alice.apply(MediaUpdate::SwitchSending { epoch, reason }, at(0));
    assert_eq!(protect(&mut alice), Err(ProtectError::NoEpoch));
}

#[test]
fn a_frame_ahead_of_its_commit_waits_under_its_ticket() {
    let (mut alice, mut bob) = (member(ALICE, 1), member(BOB, 1));
    enter(&mut alice, ALICE, 2, SwitchReason::AllReady);
    for ticket in [7, 8] {
        let frame = sealed(&mut alice, CAMERA);
        assert_eq!(open(&mut bob, frame, ticket, at(10)), FrameOpening::Held);
    }
    assert!(bob.early_count() > 0 && bob.poll_released().is_none());
    enter(&mut bob, BOB, 2, SwitchReason::AllReady);
    let released: Vec<_> = std::iter::from_fn(|| bob.poll_released()).collect();
    assert_eq!(released.iter().map(|(t, _)| *t).collect::<Vec<_>>(), [7, 8]);
    assert!(released.iter().all(|(_, opened)| opened.frame == FRAME));
    assert_eq!(bob.poll_dropped(), None);
    assert_eq!(bob.stats().total(|sender| sender.opened_late), 2);
}

#[test]
fn whatever_waits_in_vain_gives_its_ticket_back() {
    let (mut alice, mut bob) = (member(ALICE, 1), member(BOB, 1));
    enter(&mut alice, ALICE, 2, SwitchReason::AllReady);
    let hold = |bob: &mut FramePipeline, frame, ticket, millis| {
        assert_eq!(open(bob, frame, ticket, at(millis)), FrameOpening::Held);
    };
    // In time, but forged.
    let mut forged = sealed(&mut alice, CAMERA);
    forged[10] ^= 1;
    hold(&mut bob, forged, 1, 10);
    // Never announced.
    let unannounced = sealed(&mut alice, StreamNumber::new(9));
    hold(&mut bob, unannounced, 2, 10);
    enter(&mut bob, BOB, 2, SwitchReason::AllReady);
    assert_eq!((bob.poll_dropped(), bob.poll_dropped()), (Some(1), None));
    bob.handle_timeout(at(510));
    assert_eq!((bob.poll_dropped(), bob.poll_dropped()), (Some(2), None));
    assert_eq!(bob.stats().total(|sender| sender.wrong_stream), 1);
    // Too many, too large, and a group that ends meanwhile.
    enter(&mut alice, ALICE, 3, SwitchReason::AllReady);
    bob.config.early_per_stream = 1;
    for ticket in [3, 4] {
        let frame = sealed(&mut alice, CAMERA);
        hold(&mut bob, frame, ticket, 600);
    }
    assert_eq!((bob.poll_dropped(), bob.poll_dropped()), (Some(3), None));
    bob.config.early_bytes = 10;
    let frame = sealed(&mut alice, SCREEN);
    hold(&mut bob, frame, 5, 600);
    assert_eq!((bob.poll_dropped(), bob.poll_dropped()), (Some(4), Some(5)));
    bob.config = MediaConfig::default();
    let frame = sealed(&mut alice, SCREEN);
    hold(&mut bob, frame, 6, 600);
    enter(&mut bob, BOB, 3, SwitchReason::AllReady);
    let frame = sealed(&mut alice, StreamNumber::new(9));
    hold(&mut bob, frame, 7, 600);
    let other = EpochSecrets {
        group_id: GroupId::new([1; 16]),
        ..secrets(BOB, 1, &[ALICE, BOB])
    };
    bob.apply(MediaUpdate::Install(other), at(601));
    let dropped: Vec<_> = std::iter::from_fn(|| bob.poll_dropped()).collect();
    assert_eq!(dropped, [7, 6], "6 was open, but not fetched");
    assert!(bob.poll_released().is_none());
}

#[test]
fn replay_is_refused_per_stream() {
    let (mut alice, mut bob) = (member(ALICE, 1), member(BOB, 1));
    let (camera, screen) = (sealed(&mut alice, CAMERA), sealed(&mut alice, SCREEN));
    opened(open(&mut bob, camera.clone(), 0, at(0)));
    opened(open(&mut bob, screen, 0, at(0)));
    let mut forged = camera.clone();
    let last = forged.len() - 2;
    forged[last] ^= 1;
    let replayed = FrameOpening::Refused(OpenError::Replayed);
    assert_eq!(open(&mut bob, forged, 0, at(0)), replayed);
    assert_eq!(open(&mut bob, camera, 0, at(0)), replayed);
    // A forged frame with a counter far ahead does not move the window.
    let mut ahead = sealed(&mut alice, CAMERA);
    let (header, len) = SframeHeader::parse(&ahead).expect("SFrame");
    let mut forged = Vec::new();
    let counter = header.counter + 1_000_000;
    SframeHeader { counter, ..header }.write(&mut forged);
    forged.extend(ahead.drain(len..));
    let refused = FrameOpening::Refused(OpenError::AuthFailed);
    assert_eq!(open(&mut bob, forged, 0, at(0)), refused);
    let frame = sealed(&mut alice, CAMERA);
    opened(open(&mut bob, frame, 0, at(0)));
    let told = |trouble| MediaEvent::Refusing {
        participant: Arc::new(name(ALICE)),
        leaf: LeafIndex::new(ALICE),
        trouble,
    };
    assert_eq!(bob.poll_event(), Some(told(Trouble::Replayed)));
    assert_eq!(bob.poll_event(), Some(told(Trouble::AuthFailed)));
}

#[test]
fn another_members_stream_number_is_not_ones_own() {
    let (mut bob, mut alice) = (member(BOB, 1), member(ALICE, 1));
    let frame = sealed(&mut bob, CAMERA);
    assert_eq!(open(&mut alice, frame, 1, at(0)), FrameOpening::Held);
    announce(&mut alice, BOB, &[SCREEN], at(1));
    assert!(alice.poll_released().is_none());
    announce(&mut alice, BOB, &[CAMERA], at(2));
    let (_, released) = alice.poll_released().expect("announced now");
    assert_eq!(*released.participant, name(BOB));
}

#[test]
fn epochs_are_told_apart_around_the_8_bit_wrap() {
    let (mut alice, mut bob) = (member(ALICE, 250), member(BOB, 250));
    let mut frames = Vec::new();
    for epoch in 250..=260 {
        enter(&mut alice, ALICE, epoch, SwitchReason::Cap);
        enter(&mut bob, BOB, epoch, SwitchReason::Cap);
        frames.push((epoch, sealed(&mut alice, CAMERA)));
    }
    for (epoch, frame) in frames {
        let opened = opened(open(&mut bob, frame, 0, at(0)));
        assert_eq!(opened.epoch, Epoch::new(epoch));
    }
    enter(&mut alice, ALICE, 260 + 17, SwitchReason::Cap);
    let far = sealed(&mut alice, CAMERA);
    let unknown = FrameOpening::Refused(OpenError::UnknownEpoch);
    assert_eq!(open(&mut bob, far, 0, at(0)), unknown);
}

#[test]
fn large_frames_wear_a_key_out_sooner() {
    let key_limits = KeyLimits { soft: 10, hard: 20 };
    let mut alice = FramePipeline::new(MediaConfig {
        key_limits,
        ..MediaConfig::default()
    });
    enter(&mut alice, ALICE, 1, SwitchReason::First);
    let protect = |alice: &mut FramePipeline, stream| {
        let protected = alice.protect(stream, Codec::Vp9, &[1; 12_000], at(0));
        (protected.err(), alice.poll_event())
    };
    let epoch = Epoch::new(1);
    let worn_out = Some(MediaEvent::KeyWornOut { epoch });
    assert_eq!(protect(&mut alice, CAMERA), (None, worn_out.clone()));
    assert_eq!(protect(&mut alice, CAMERA), (None, None));
    let (refused, _) = protect(&mut alice, CAMERA);
    assert!(matches!(refused, Some(ProtectError::KeyExhausted(_))));
    assert_eq!(
        protect(&mut alice, SCREEN),
        (None, worn_out),
        "a key of its own"
    );
}

#[test]
fn probes_and_nonsense_are_told_apart() {
    let (mut alice, mut bob) = (member(ALICE, 1), member(BOB, 1));
    let probe = alice.protect(CAMERA, Codec::H264, &[], at(0));
    assert_eq!(probe, Ok(Vec::new()));
    assert_eq!(open(&mut bob, Vec::new(), 0, at(0)), FrameOpening::Probe);
    let malformed = FrameOpening::Refused(OpenError::Malformed(Malformed::Frame));
    assert_eq!(open(&mut bob, FRAME.to_vec(), 0, at(0)), malformed);
    assert_eq!((bob.stats().probes, bob.stats().malformed), (1, 1));
}

#[test]
fn an_empty_leaf_and_our_own_are_refused() {
    let mut carol = FramePipeline::new(MediaConfig::default());
    let members = [ALICE, BOB, 2];
    carol.apply(MediaUpdate::Install(secrets(2, 1, &members)), at(0));
    let (epoch, reason) = (Epoch::new(1), SwitchReason::First);
    carol.apply(MediaUpdate::SwitchSending { epoch, reason }, at(0));
    let (mut alice, mut bob) = (member(ALICE, 1), member(BOB, 1));
    let unknown = |leaf| FrameOpening::Refused(OpenError::UnknownLeaf(LeafIndex::new(leaf)));
    let frame = sealed(&mut carol, CAMERA);
    assert_eq!(open(&mut bob, frame, 0, at(0)), unknown(2));
    let frame = sealed(&mut alice, CAMERA);
    assert_eq!(open(&mut alice, frame, 0, at(0)), unknown(ALICE));
}
