//! Rooms of packets and rooms of frames.

use mls_srtp::ManagerConfig;
use mls_srtp::event::{Event, FatalCause};
use mls_srtp::manager::{KeyManager, RestoreError};
use mls_srtp::pipeline::{Codec, FrameOpening, ProtectError};
use mls_srtp::schedule::{MediaMode, ModeKind, Suite};

use crate::A_WHILE;
use crate::world::{CAMERA, World, name};

fn for_frames() -> ManagerConfig {
    ManagerConfig {
        modes: vec![ModeKind::Sframe],
        ..ManagerConfig::default()
    }
}

fn frame(world: &mut World, from: &str) -> Result<Vec<u8>, ProtectError> {
    let now = world.now;
    let plain = from.repeat(40).into_bytes();
    let frames = &mut world.get(from).frames;
    frames.protect(CAMERA, Codec::Opus, &plain, now)
}

fn open(world: &mut World, to: &str, frame: &[u8]) -> FrameOpening {
    let now = world.now;
    let frames = &mut world.get(to).frames;
    frames.open(frame.to_vec(), Codec::Opus, 0, now)
}

/// A frame from everybody opens at everybody else under the sender's name.
fn everybody_sees_everybody(world: &mut World, users: &[&str]) {
    for from in users {
        let frame = frame(world, from).expect("has keys");
        for to in users.iter().filter(|to| *to != from) {
            match open(world, to, &frame) {
                FrameOpening::Opened(opened) => {
                    assert_eq!(*opened.participant, name(from));
                    assert_eq!(opened.frame, from.repeat(40).into_bytes());
                }
                other => panic!("{to} cannot open {from}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_room_of_frames_shares_frame_keys_and_no_packet_keys() {
    for suite in Suite::ALL {
        let mode = MediaMode::Sframe(suite);
        let mut world = World::in_mode(mode);
        for user in ["alice", "bob", "carol"] {
            world.enter_with(user, for_frames());
            world.run(A_WHILE);
        }
        world.assert_agreed(&["alice", "bob", "carol"]);
        assert_eq!(world.at("bob").manager.mode(), Some(mode));
        everybody_sees_everybody(&mut world, &["alice", "bob", "carol"]);
        assert_eq!(world.packet("alice"), Err(ProtectError::NoEpoch));

        let before = frame(&mut world, "alice").expect("has keys");
        world.leave("carol");
        everybody_sees_everybody(&mut world, &["alice", "bob"]);
        let after = frame(&mut world, "alice").expect("has keys");
        assert!(matches!(
            open(&mut world, "bob", &before),
            FrameOpening::Opened(_)
        ));
        assert!(!matches!(
            open(&mut world, "carol", &after),
            FrameOpening::Opened(_)
        ));
    }
}

#[test]
fn a_client_without_the_rooms_mode_stays_out() {
    let frames = MediaMode::Sframe(Suite::default());
    for (mode, modes) in [
        (frames, vec![ModeKind::Srtp]),
        (MediaMode::default(), vec![ModeKind::Sframe]),
        (frames, Vec::new()),
    ] {
        let mut world = World::in_mode(mode);
        let config = ManagerConfig {
            modes,
            ..ManagerConfig::default()
        };
        world.enter_with("alice", config);
        world.run(A_WHILE);
        let fatal = Event::Fatal(FatalCause::UnsupportedMode { mode });
        assert_eq!(world.at("alice").events, [fatal]);
        assert_eq!(world.at("alice").manager.position(), None);
        assert_eq!(frame(&mut world, "alice"), Err(ProtectError::NoEpoch));
        assert_eq!(world.packet("alice"), Err(ProtectError::NoEpoch));
    }
}

#[test]
fn a_client_with_both_modes_enters_either() {
    for mode in [MediaMode::default(), MediaMode::Sframe(Suite::default())] {
        let mut world = World::in_mode(mode);
        let config = ManagerConfig {
            modes: ModeKind::ALL.to_vec(),
            ..ManagerConfig::default()
        };
        world.enter_with("alice", config);
        world.run(A_WHILE);
        world.assert_agreed(&["alice"]);
    }
}

#[test]
fn a_saved_stay_is_not_restored_without_its_mode() {
    let mut world = World::in_mode(MediaMode::Sframe(Suite::default()));
    let config = ManagerConfig {
        keeps_group: true,
        ..for_frames()
    };
    world.enter_with("alice", config);
    world.run(A_WHILE);
    let saved = world.at("alice").manager.save().expect("can be encoded");
    let restored = KeyManager::restore(&saved, ManagerConfig::default(), world.now);
    let refused = restored.err();
    assert!(
        matches!(refused, Some(RestoreError::UnsupportedMode(_))),
        "{refused:?}"
    );
    assert!(KeyManager::restore(&saved, for_frames(), world.now).is_ok());
}
