//! What a pipeline must do with keys, packets and time.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::epoch::{EpochSecrets, SwitchReason};
use crate::group::Roster;
use crate::id::GroupId;
use crate::media::KeyLimits;
use crate::pipeline::early::Early;
use crate::pipeline::{MediaConfig, MediaEvent, MediaUpdate, Stream, StreamSource, Trouble};
use crate::schedule::{BaseKey, ExportedSecret, Suite};
use crate::secret::Secret;

const ALICE: u16 = 0;
const BOB: u16 = 1;
const SSRC: u32 = 0xcafe_babe;

fn name(leaf: u16) -> ParticipantId {
    ParticipantId::new(
        ["alice", "bob", "carol"][usize::from(leaf)],
        "example.org",
        "phone",
    )
    .expect("a name")
}

fn at(millis: u64) -> Moment {
    Moment::from_millis(millis)
}

/// Secrets that all members of an epoch share, as `own_leaf` sees them.
fn secrets(own_leaf: u16, epoch: u64, members: &[u16]) -> EpochSecrets {
    let mut exported = vec![0x5a; 32];
    exported[..8].copy_from_slice(&epoch.to_be_bytes());
    EpochSecrets {
        group_id: GroupId::new([9; 16]),
        epoch: Epoch::new(epoch),
        own_leaf: LeafIndex::new(own_leaf),
        roster: Roster::new(
            members
                .iter()
                .map(|leaf| (LeafIndex::new(*leaf), name(*leaf))),
        ),
        media: MediaSecret::Srtp(
            Profile::AeadAes128Gcm,
            ExportedSecret::new(Secret::new(exported)),
        ),
    }
}

fn install(pipeline: &mut MediaPipeline, own_leaf: u16, epoch: u64, now: Moment) {
    pipeline.apply(
        MediaUpdate::Install(secrets(own_leaf, epoch, &[ALICE, BOB])),
        now,
    );
}

fn switch(pipeline: &mut MediaPipeline, epoch: u64, reason: SwitchReason, now: Moment) {
    pipeline.apply(
        MediaUpdate::SwitchSending {
            epoch: Epoch::new(epoch),
            reason,
        },
        now,
    );
}

fn announce(pipeline: &mut MediaPipeline, leaf: u16, ssrc: u32) {
    let stream = Stream {
        id: Ssrc::new(ssrc).into(),
        source: StreamSource::Camera,
    };
    let update = MediaUpdate::Streams {
        participant: name(leaf),
        streams: vec![stream],
    };
    pipeline.apply(update, at(0));
}

/// A pipeline in `epoch` that knows Alice's camera.
fn member(own_leaf: u16, epoch: u64) -> MediaPipeline {
    member_with(Profile::default(), own_leaf, epoch)
}

fn member_with(profile: Profile, own_leaf: u16, epoch: u64) -> MediaPipeline {
    let mut pipeline = MediaPipeline::new(MediaConfig::default());
    let mut secrets = secrets(own_leaf, epoch, &[ALICE, BOB]);
    if let MediaSecret::Srtp(stated, _) = &mut secrets.media {
        *stated = profile;
    }
    pipeline.apply(MediaUpdate::Install(secrets), at(0));
    switch(&mut pipeline, epoch, SwitchReason::First, at(0));
    announce(&mut pipeline, ALICE, SSRC);
    pipeline
}

fn rtp(ssrc: u32, sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 96];
    packet.extend(sequence.to_be_bytes());
    packet.extend([0, 0, 0, 9]);
    packet.extend(ssrc.to_be_bytes());
    packet.extend(b"a frame of video");
    packet
}

fn sealed(sender: &mut MediaPipeline, sequence: u16) -> Vec<u8> {
    let mut packet = rtp(SSRC, sequence);
    sender.protect(&mut packet, at(0)).expect("protected");
    packet
}

fn opened(opening: Opening) -> Opened {
    match opening {
        Opening::Opened(opened) => opened,
        other => panic!("not opened: {other:?}"),
    }
}

#[test]
fn a_packet_opens_under_the_name_of_its_leaf() {
    let (mut alice, mut bob) = (member(ALICE, 1), member(BOB, 1));
    let packet = sealed(&mut alice, 7);
    assert_eq!(packet.len(), rtp(SSRC, 7).len() + 23);
    let opened = opened(bob.open(packet, at(0)));
    assert_eq!(opened.packet, rtp(SSRC, 7));
    assert_eq!(
        (opened.leaf, &*opened.participant),
        (LeafIndex::new(ALICE), &name(ALICE))
    );
}

#[test]
fn padding_is_dropped_and_an_extension_stays() {
    let (mut alice, mut bob) = (member(ALICE, 1), member(BOB, 1));
    let mut packet = rtp(SSRC, 7);
    packet[0] |= 0x30;
    packet.splice(12..12, [0xbe, 0xde, 0, 1, 0x10, 0x55, 0, 0]);
    packet.extend([0, 0, 3]);
    alice.protect(&mut packet, at(0)).expect("protected");
    assert_eq!(packet[0], 0x90);
    // A hop may take the extension away: the tag does not cover it.
    packet.drain(12..20);
    packet[0] = 0x80;
    assert_eq!(opened(bob.open(packet, at(0))).packet, rtp(SSRC, 7));
}

#[test]
fn a_late_joiner_opens_after_the_sequence_number_has_wrapped() {
    let (mut alice, mut bob) = (member(ALICE, 1), member(BOB, 1));
    let mut last = Vec::new();
    for sequence in 0..=2 * 0x1_0000 + 5 {
        last = sealed(&mut alice, sequence as u16);
    }
    assert_eq!(Trailer::parse(&last[12..]).expect("trailer").roc, 2);
    assert_eq!(opened(bob.open(last, at(0))).packet, rtp(SSRC, 5));
}

#[test]
fn a_gap_of_more_than_2_15_packets_does_not_matter() {
    let (mut alice, mut bob) = (member(ALICE, 1), member(BOB, 1));
    opened(bob.open(sealed(&mut alice, 0), at(0)));
    for sequence in 1..0x9000 {
        sealed(&mut alice, sequence);
    }
    opened(bob.open(sealed(&mut alice, 0x9000), at(0)));
}

#[test]
fn a_packet_ahead_of_its_commit_waits_and_comes_out_in_order() {
    let (mut alice, mut bob) = (member(ALICE, 1), member(BOB, 1));
    install(&mut alice, ALICE, 2, at(0));
    switch(&mut alice, 2, SwitchReason::AllReady, at(0));
    for sequence in [3, 4] {
        assert_eq!(
            bob.open(sealed(&mut alice, sequence), at(10)),
            Opening::Held
        );
    }
    assert_eq!(bob.poll_released(), None);
    install(&mut bob, BOB, 2, at(200));
    let released: Vec<_> = std::iter::from_fn(|| bob.poll_released())
        .map(|o| o.packet)
        .collect();
    assert_eq!(released, [rtp(SSRC, 3), rtp(SSRC, 4)]);
    assert_eq!(bob.stats().total(|sender| sender.opened_late), 2);
}

#[test]
fn a_packet_whose_commit_never_comes_is_dropped_and_told_once() {
    let (mut alice, mut bob) = (member(ALICE, 1), member(BOB, 1));
    install(&mut alice, ALICE, 2, at(0));
    switch(&mut alice, 2, SwitchReason::AllReady, at(0));
    bob.open(sealed(&mut alice, 3), at(10));
    bob.open(sealed(&mut alice, 4), at(11));
    assert_eq!(bob.poll_timeout(), Some(at(510)));
    bob.handle_timeout(at(511));
    assert_eq!(bob.stats().missing_key, 2);
    let participant = Arc::new(name(ALICE));
    let (leaf, trouble) = (LeafIndex::new(ALICE), Trouble::MissingKey);
    let told = MediaEvent::Refusing {
        participant: Arc::clone(&participant),
        leaf,
        trouble,
    };
    assert_eq!(bob.poll_event(), Some(told));
    assert_eq!(bob.poll_event(), None);
    install(&mut bob, BOB, 2, at(600));
    opened(bob.open(sealed(&mut alice, 5), at(601)));
    assert_eq!(
        bob.poll_event(),
        Some(MediaEvent::Resumed {
            participant,
            trouble
        })
    );
}

#[test]
fn the_early_buffer_is_bounded_by_packets_and_bytes() {
    let (mut alice, mut bob) = (member(ALICE, 1), member(BOB, 1));
    install(&mut alice, ALICE, 2, at(0));
    switch(&mut alice, 2, SwitchReason::AllReady, at(0));
    for sequence in 0..300 {
        bob.open(sealed(&mut alice, sequence), at(0));
    }
    assert_eq!(bob.stats().missing_key, 44, "256 of 300 are kept");
    let place = size_of::<Early<ReceivedPacket>>();
    bob.config.early_bytes = place + 100;
    bob.open(sealed(&mut alice, 300), at(0));
    assert_eq!(bob.stats().missing_key, 300, "one packet of 51 bytes fits");
    install(&mut bob, BOB, 2, at(1));
    assert_eq!(
        bob.poll_released().map(|o| o.packet),
        Some(rtp(SSRC, 300)),
        "the oldest went"
    );
}

/// Nothing that waits can be checked yet. Whoever floods the others with what will never open must
/// not have theirs thrown away for it.
#[test]
fn what_floods_the_early_buffer_crowds_out_itself() {
    let (mut alice, mut bob) = (member(ALICE, 1), member(BOB, 1));
    install(&mut alice, ALICE, 2, at(0));
    switch(&mut alice, 2, SwitchReason::AllReady, at(0));
    let ours: Vec<_> = (0..3).map(|at| sealed(&mut alice, at)).collect();
    for packet in ours.iter().cloned() {
        bob.open(packet, at(0));
    }
    bob.config.early_bytes = 100_000;
    for number in 0..20_000_u32 {
        let mut forged = ours[0].clone();
        // A few streams, and every leaf that there could be, the honest sender's too.
        let ssrc = (0xbad0 + number % 16).to_be_bytes();
        forged[8..12].copy_from_slice(&ssrc);
        let leaf = forged.len() - 5;
        forged[leaf..leaf + 2].copy_from_slice(&(number as u16).to_be_bytes());
        bob.open(forged, at(1));
    }
    assert!(bob.early_count() > 100 && bob.early_count() < 20_000);
    install(&mut bob, BOB, 2, at(2));
    let opened: Vec<_> = std::iter::from_fn(|| bob.poll_released()).collect();
    let packets: Vec<_> = opened.into_iter().map(|opened| opened.packet).collect();
    assert_eq!(packets, [0, 1, 2].map(|at| rtp(SSRC, at)));
}

#[test]
fn replay_is_refused_and_told() {
    let (mut alice, mut bob) = (member(ALICE, 1), member(BOB, 1));
    let packet = sealed(&mut alice, 7);
    opened(bob.open(packet.clone(), at(0)));
    assert_eq!(
        bob.open(packet, at(0)),
        Opening::Refused(OpenError::Replayed)
    );
    assert_eq!(bob.stats().total(|sender| sender.replayed), 1);
    let trouble = Trouble::Replayed;
    assert!(
        matches!(bob.poll_event(), Some(MediaEvent::Refusing { trouble: t, .. }) if t == trouble)
    );
}

#[test]
fn an_unannounced_stream_waits_for_its_announcement_and_is_then_refused() {
    let (mut alice, mut bob) = (member(ALICE, 1), member(BOB, 1));
    let mut packet = rtp(77, 1);
    alice.protect(&mut packet, at(0)).expect("protected");
    assert_eq!(bob.open(packet.clone(), at(0)), Opening::Held);
    announce(&mut bob, ALICE, 77);
    assert_eq!(bob.poll_released().map(|o| o.packet), Some(rtp(77, 1)));

    let mut packet = rtp(78, 1);
    alice.protect(&mut packet, at(0)).expect("protected");
    assert_eq!(bob.open(packet, at(0)), Opening::Held);
    bob.handle_timeout(at(500));
    assert_eq!(bob.stats().total(|sender| sender.wrong_stream), 1);
}

#[test]
fn swapped_publishers_are_caught() {
    let members = [ALICE, BOB, 2];
    let joined = |own: u16| {
        let mut pipeline = MediaPipeline::new(MediaConfig::default());
        pipeline.apply(MediaUpdate::Install(secrets(own, 1, &members)), at(0));
        switch(&mut pipeline, 1, SwitchReason::First, at(0));
        announce(&mut pipeline, ALICE, 100);
        announce(&mut pipeline, BOB, 200);
        pipeline
    };
    let (mut alice, mut bob, mut carol) = (joined(ALICE), joined(BOB), joined(2));
    let protect = |who: &mut MediaPipeline, ssrc| {
        let mut packet = rtp(ssrc, 1);
        who.protect(&mut packet, at(0)).expect("protected");
        packet
    };
    let (from_alice, from_bob) = (protect(&mut alice, 100), protect(&mut bob, 200));
    // Alice's payload under Bob's header and the reverse: the SSRC is not the sender's own.
    let swapped = [&from_bob[..12], &from_alice[12..]].concat();
    assert_eq!(
        carol.open(swapped, at(0)),
        Opening::Held,
        "waits for an announcement in vain"
    );
    // The same with Bob's MKI, so that the announcement fits: the tag does not.
    let mut swapped = [&from_bob[..12], &from_alice[12..]].concat();
    let mki = swapped.len() - 7..swapped.len() - 3;
    swapped[mki.clone()].copy_from_slice(&from_bob[mki]);
    assert_eq!(
        carol.open(swapped, at(0)),
        Opening::Refused(OpenError::AuthFailed)
    );
    carol.handle_timeout(at(500));
    assert_eq!(carol.stats().total(|sender| sender.wrong_stream), 1);
    // Only the labels swapped: names come from the keys, whatever the SFU says.
    assert_eq!(
        *opened(carol.open(from_alice, at(0))).participant,
        name(ALICE)
    );
    assert_eq!(*opened(carol.open(from_bob, at(0))).participant, name(BOB));
}

#[test]
fn epochs_are_told_apart_around_the_16_bit_wrap() {
    let (mut alice, mut bob) = (member(ALICE, 65_535), member(BOB, 65_535));
    let old = sealed(&mut alice, 1);
    for pipeline in [(&mut alice, ALICE), (&mut bob, BOB)] {
        install(pipeline.0, pipeline.1, 65_536, at(0));
    }
    switch(&mut alice, 65_536, SwitchReason::AllReady, at(0));
    let new = sealed(&mut alice, 2);
    assert_eq!(Trailer::parse(&new[12..]).expect("trailer").mki.epoch, 0);
    assert_eq!(opened(bob.open(new, at(0))).epoch, Epoch::new(65_536));
    assert_eq!(opened(bob.open(old, at(0))).epoch, Epoch::new(65_535));
}

#[test]
fn epochs_outside_the_live_range_are_unknown() {
    let (mut alice, mut bob) = (member(ALICE, 1), member(BOB, 1));
    let old = sealed(&mut alice, 1);
    for epoch in 2..=65 {
        install(&mut bob, BOB, epoch, at(0));
    }
    assert_eq!(
        bob.open(old, at(0)),
        Opening::Refused(OpenError::UnknownEpoch)
    );
    install(&mut alice, ALICE, 82, at(0));
    switch(&mut alice, 82, SwitchReason::AllReady, at(0));
    let far = sealed(&mut alice, 2);
    assert_eq!(
        bob.open(far, at(0)),
        Opening::Refused(OpenError::UnknownEpoch),
        "17 ahead of 65"
    );
    assert_eq!(bob.stats().unknown_epoch, 2);
}

#[test]
fn a_refilled_leaf_has_its_occupant_of_the_packets_epoch() {
    let (mut alice, mut bob) = (member(ALICE, 1), member(BOB, 1));
    let by_alice = sealed(&mut alice, 1);
    // Alice leaves and Carol gets her leaf 0.
    let refilled = Roster::new([(LeafIndex::new(0), name(2)), (LeafIndex::new(1), name(BOB))]);
    let of = |own| EpochSecrets {
        roster: refilled.clone(),
        ..secrets(own, 2, &[])
    };
    bob.apply(MediaUpdate::Install(of(BOB)), at(0));
    announce(&mut bob, 2, 300);
    let mut carol = MediaPipeline::new(MediaConfig::default());
    carol.apply(MediaUpdate::Install(of(0)), at(0));
    switch(&mut carol, 2, SwitchReason::First, at(0));
    let mut by_carol = rtp(300, 1);
    carol.protect(&mut by_carol, at(0)).expect("protected");

    assert_eq!(*opened(bob.open(by_alice, at(0))).participant, name(ALICE));
    assert_eq!(*opened(bob.open(by_carol, at(0))).participant, name(2));
    // Alice's old announcement does not let Carol use Alice's SSRC.
    let mut taken = rtp(SSRC, 1);
    carol.protect(&mut taken, at(0)).expect("protected");
    assert_eq!(bob.open(taken, at(0)), Opening::Held);
}

#[test]
fn an_empty_leaf_and_our_own_derive_no_key() {
    let (mut alice, mut bob) = (member(ALICE, 1), member(BOB, 1));
    for (leaf, shown) in [(BOB, BOB), (5u16, 5)] {
        let mut packet = sealed(&mut alice, 20 + leaf);
        let end = packet.len();
        packet[end - 5..end - 3].copy_from_slice(&leaf.to_be_bytes());
        let error = OpenError::UnknownLeaf(LeafIndex::new(shown));
        assert_eq!(bob.open(packet, at(0)), Opening::Refused(error));
    }
    assert_eq!(bob.stats().unknown_leaf, 2);
}

#[test]
fn a_removed_member_opens_nothing_new_and_old_keys_go_after_a_second() {
    let (mut alice, mut bob) = (member(ALICE, 1), member(BOB, 1));
    let before = [sealed(&mut alice, 1), sealed(&mut alice, 2)];
    // Bob is removed: he never gets epoch 2.
    alice.apply(MediaUpdate::Install(secrets(ALICE, 2, &[ALICE])), at(1000));
    switch(&mut alice, 2, SwitchReason::Removal, at(1000));
    let mut after = sealed(&mut alice, 3);
    opened(bob.open(before[0].clone(), at(1001)));
    assert_eq!(bob.open(after.clone(), at(1001)), Opening::Held);
    // Lying about the epoch does not help either.
    let end = after.len();
    after[end - 7..end - 5].copy_from_slice(&1u16.to_be_bytes());
    assert_eq!(
        bob.open(after, at(1001)),
        Opening::Refused(OpenError::AuthFailed)
    );

    assert_eq!(alice.poll_timeout(), Some(at(2000)));
    alice.handle_timeout(at(1999));
    assert_eq!(alice.live_epochs(), [Epoch::new(1), Epoch::new(2)]);
    alice.handle_timeout(at(2000));
    assert_eq!(alice.live_epochs(), [Epoch::new(2)]);
}

#[test]
fn a_new_group_opens_nothing_of_the_old_one() {
    let (mut alice, mut bob) = (member(ALICE, 1), member(BOB, 1));
    let old = sealed(&mut alice, 1);
    let group_id = GroupId::new([10; 16]);
    bob.apply(
        MediaUpdate::Install(EpochSecrets {
            group_id,
            ..secrets(BOB, 1, &[ALICE, BOB])
        }),
        at(0),
    );
    assert_eq!(bob.sending_epoch(), None);
    announce(&mut bob, ALICE, SSRC);
    // Same epoch number and leaf; in a real group the exported secret differs as well.
    let other = ExportedSecret::new(Secret::new(vec![1; 32]));
    let fresh = EpochSecrets {
        group_id,
        media: MediaSecret::Srtp(Profile::default(), other),
        ..secrets(BOB, 1, &[ALICE, BOB])
    };
    bob.apply(MediaUpdate::Install(fresh), at(0));
    assert_eq!(
        bob.open(old, at(0)),
        Opening::Refused(OpenError::AuthFailed)
    );
}

#[test]
fn closing_stops_sending_at_once_and_erases_everything_after_a_second() {
    let (mut alice, mut bob) = (member(ALICE, 1), member(BOB, 1));
    let under_way = sealed(&mut alice, 1);
    let late = sealed(&mut alice, 2);
    bob.apply(MediaUpdate::Close, at(0));
    assert_eq!(
        bob.protect(&mut rtp(SSRC, 1), at(0)),
        Err(ProtectError::NoEpoch)
    );
    opened(bob.open(under_way, at(500)));
    assert_eq!(bob.poll_timeout(), Some(at(1_000)));
    bob.handle_timeout(at(1_000));
    assert_eq!((bob.live_epochs().len(), bob.poll_timeout()), (0, None));
    assert!(!matches!(bob.open(late, at(1_000)), Opening::Opened(_)));
}

#[test]
fn a_nonce_is_never_used_twice_whatever_the_track_does() {
    let mut alice = member(ALICE, 1);
    let mut indexes = HashSet::new();
    let mut protect = |alice: &mut MediaPipeline, sequence| {
        let mut packet = rtp(SSRC, sequence);
        alice.protect(&mut packet, at(0)).map(|()| {
            let trailer = Trailer::parse(&packet[12..]).expect("trailer");
            assert!(
                indexes.insert((trailer.mki, trailer.roc, sequence)),
                "nonce used twice"
            );
        })
    };
    protect(&mut alice, 1000).expect("first");
    protect(&mut alice, 1001).expect("next");
    let again = ProtectError::NotAhead {
        ssrc: Ssrc::new(SSRC),
        sequence: 1001,
    };
    assert_eq!(
        protect(&mut alice, 1001),
        Err(again),
        "sent again by the application"
    );
    // The peer connection is gone; a new track with the same SSRC starts anywhere.
    alice.restart_stream(Ssrc::new(SSRC));
    for sequence in [1000, 1001, 1002] {
        protect(&mut alice, sequence).expect("under the next roll-over counter");
    }
    alice.restart_stream(Ssrc::new(SSRC));
    alice.restart_stream(Ssrc::new(SSRC));
    protect(&mut alice, 3).expect("restarted twice");
    // Counters go on over epochs and groups.
    install(&mut alice, ALICE, 2, at(0));
    switch(&mut alice, 2, SwitchReason::AllReady, at(0));
    assert!(protect(&mut alice, 3).is_err());
    protect(&mut alice, 4).expect("ahead");
}

#[test]
fn sending_never_goes_back_to_an_older_epoch() {
    let mut alice = member(ALICE, 1);
    install(&mut alice, ALICE, 2, at(0));
    switch(&mut alice, 2, SwitchReason::AllReady, at(0));
    switch(&mut alice, 1, SwitchReason::Cap, at(0));
    assert_eq!(alice.sending_epoch(), Some(Epoch::new(2)));
}

#[test]
fn an_ssrc_ends_before_its_roc_needs_17_bits() {
    let mut alice = member(ALICE, 1);
    let mut packet = rtp(SSRC, 0);
    alice.protect(&mut packet, at(0)).expect("protected");
    for _ in 0..0xffff {
        alice.restart_stream(Ssrc::new(SSRC));
        alice.protect(&mut rtp(SSRC, 0), at(0)).expect("protected");
    }
    alice.restart_stream(Ssrc::new(SSRC));
    let exhausted = ProtectError::SsrcExhausted(Ssrc::new(SSRC));
    assert_eq!(alice.protect(&mut rtp(SSRC, 0), at(0)), Err(exhausted));
    alice
        .protect(&mut rtp(SSRC + 1, 0), at(0))
        .expect("a new SSRC goes on");
}

#[test]
fn a_worn_out_key_asks_for_an_epoch_and_then_refuses() {
    let key_limits = KeyLimits { soft: 2, hard: 3 };
    let mut alice = MediaPipeline::new(MediaConfig {
        key_limits,
        ..MediaConfig::default()
    });
    install(&mut alice, ALICE, 1, at(0));
    switch(&mut alice, 1, SwitchReason::First, at(0));
    for sequence in 0..3 {
        sealed(&mut alice, sequence);
    }
    assert_eq!(
        alice.poll_event(),
        Some(MediaEvent::KeyWornOut {
            epoch: Epoch::new(1)
        })
    );
    assert_eq!(alice.poll_event(), None);
    let refused = alice.protect(&mut rtp(SSRC, 3), at(0));
    assert!(matches!(refused, Err(ProtectError::KeyExhausted(_))));
    install(&mut alice, ALICE, 2, at(0));
    switch(&mut alice, 2, SwitchReason::AllReady, at(0));
    sealed(&mut alice, 3);
}

#[test]
fn secrets_of_a_room_of_frames_give_nothing_to_protect_or_open_with() {
    let mut alice = member(ALICE, 1);
    let base_key = BaseKey::new(Suite::default(), Secret::new(vec![1; 16])).expect("16 bytes");
    let of_frames = EpochSecrets {
        group_id: GroupId::new([8; 16]),
        media: MediaSecret::Sframe(base_key),
        ..secrets(ALICE, 5, &[ALICE, BOB])
    };
    alice.apply(MediaUpdate::Install(of_frames), at(0));
    switch(&mut alice, 5, SwitchReason::First, at(0));
    let refused = alice.protect(&mut rtp(SSRC, 1), at(0));
    assert_eq!(refused, Err(ProtectError::NoEpoch));
    assert_eq!(alice.live_epochs(), [], "the old group's keys are gone too");
}

#[test]
fn probes_are_discarded_silently() {
    let mut bob = member(BOB, 1);
    assert_eq!(bob.open(rtp(SSRC, 1)[..12].to_vec(), at(0)), Opening::Probe);
    let mut padding_only = rtp(SSRC, 2)[..12].to_vec();
    padding_only[0] |= 0x20;
    padding_only.extend([0, 0, 3]);
    assert_eq!(bob.open(padding_only, at(0)), Opening::Probe);
    assert_eq!((bob.stats().probes, bob.stats().malformed), (2, 0));
}

#[test]
fn a_short_payload_is_malformed() {
    let mut bob = member(BOB, 1);
    let short = [&rtp(SSRC, 1)[..12], &[0; 6]].concat();
    let error = OpenError::Malformed(Malformed::Trailer);
    assert_eq!(bob.open(short, at(0)), Opening::Refused(error));
}

#[test]
fn a_hop_may_change_pt_sequence_and_marker_if_it_records_them() {
    for profile in Profile::ALL {
        let mut alice = member_with(profile, ALICE, 1);
        let mut bob = member_with(profile, BOB, 1);
        let mut packet = sealed(&mut alice, 0x0102);
        packet[1] = 0x80 | 100;
        packet[2..4].copy_from_slice(&[9, 9]);
        packet.pop();
        packet.extend([96, 0x01, 0x02, 0x07]);
        assert_eq!(opened(bob.open(packet, at(0))).packet, rtp(SSRC, 0x0102));
    }
}

proptest! {
    /// No damaged packet opens, and none makes a panic; the trailer's epoch, leaf and ROC included.
    #[test]
    fn a_flipped_bit_is_never_accepted(at_bit: prop::sample::Index, sequence: u16) {
        for profile in Profile::ALL {
            let mut alice = member_with(profile, ALICE, 1);
            let mut bob = member_with(profile, BOB, 1);
            let mut packet = sealed(&mut alice, sequence);
            prop_assert_eq!(packet.len(), rtp(SSRC, 0).len() + profile.tag_len() + 7);
            let at_bit = at_bit.index(packet.len() * 8);
            packet[at_bit / 8] ^= 1 << (at_bit % 8);
            if let Opening::Opened(opened) = bob.open(packet, at(0)) {
                prop_assert!(false, "{}: bit {} opened as {:?}", profile, at_bit, opened);
            }
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        let mut bob = member(BOB, 1);
        let _ = bob.open(bytes.clone(), at(0));
        let _ = bob.protect(&mut bytes.clone(), at(0));
        let mut valid_start = rtp(SSRC, 1)[..12].to_vec();
        valid_start.extend(bytes);
        prop_assert!(!matches!(bob.open(valid_start, at(0)), Opening::Opened(_)));
    }
}
