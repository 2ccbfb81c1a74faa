//! What keys are good for that somebody has who should not, or not yet.

use mls_srtp::delivery::ServiceMessage;
use mls_srtp::manager::Output;
use mls_srtp::pipeline::MediaUpdate;
use mls_srtp::token::SignedToken;
use mls_srtp::{KeyManager, ManagerConfig};
use mls_srtp_signaling::room::RoomOutput;

use super::*;
use crate::world::{Overheard, kept};

#[test]
fn a_newcomer_opens_nothing_from_before_it_came() {
    let mut world = World::new();
    world.join("alice");
    world.join("bob");
    let before = world.packet("alice").expect("has keys");
    world.join("carol");
    let now = world.now;
    let opened = world.get("carol").pipeline.open(before.clone(), now);
    assert_eq!(opened, Opening::Refused(OpenError::UnknownEpoch));
    assert!(matches!(
        world.get("bob").pipeline.open(before, now),
        Opening::Opened(_)
    ));
}

/// Epochs whose keys somebody gets.
fn installed(manager: &mut KeyManager) -> Vec<Epoch> {
    let outputs = std::iter::from_fn(|| manager.poll_output());
    let installed = outputs.filter_map(|output| match output {
        Output::Media(MediaUpdate::Install(epoch)) => Some(epoch.epoch),
        _ => None,
    });
    installed.collect()
}

#[test]
fn who_has_stolen_a_members_state_is_out_when_its_leaf_is_renewed() {
    let config = || ManagerConfig {
        rotation: Duration::from_secs(30),
        ..kept()
    };
    let mut world = World::new();
    world.enter_with("alice", config());
    world.run(A_WHILE);
    // Whose leaf is not renewed: what it hears, the thief hears.
    world.join("bob");
    let stolen = world.at("alice").manager.save().expect("can be encoded");
    let mut thief = KeyManager::restore(&stolen, config(), world.now).expect("a saved state");
    let (_, had) = thief.position().expect("a member");
    assert!(installed(&mut thief).contains(&had));

    let follow = |world: &mut World, thief: &mut KeyManager| {
        let bob = world.client_of("bob");
        let overheard = world.overheard.replace(Overheard::default());
        for output in overheard.unwrap_or_default().room {
            if let RoomOutput::Send(client, message @ ServiceMessage::Entry(_)) = output
                && client == bob
            {
                thief.handle_message(message, world.now);
            }
        }
        installed(thief)
    };
    world.overheard = Some(Overheard::default());
    world.join("carol");
    let before = world.epoch_of("bob").expect("a member");
    let followed = follow(&mut world, &mut thief);
    assert!(
        followed.contains(&before),
        "a thief follows until then: {followed:?}"
    );
    world.run(Duration::from_secs(40));
    let after = world.epoch_of("bob").expect("a member");
    assert!(after > before, "the leaf was renewed");
    let followed = follow(&mut world, &mut thief);
    assert!(!followed.contains(&after), "{followed:?}");
    world.everybody_hears_everybody();
}

#[test]
fn a_token_is_written_as_it_is_and_not_printed() {
    let token = SignedToken::from("a.b.c");
    assert_eq!(serde_json::to_string(&token).expect("JSON"), "\"a.b.c\"");
    assert_eq!(token.as_str(), "a.b.c");
    assert_eq!(format!("{token:?}"), "SignedToken(5 bytes)");
}
