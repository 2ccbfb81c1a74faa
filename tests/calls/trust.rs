//! Members with stricter trust settings than their service.

use std::sync::Arc;
use std::time::Duration;

use mls_srtp::ManagerConfig;
use mls_srtp::event::{Event, FatalCause};
use mls_srtp::pipeline::ProtectError;
use mls_srtp::trust::{CredentialValidator, Presented, TrustCode, TrustError};
use mls_srtp_signaling::RoomEventKind;

use crate::world::{World, name};

/// Trusts everybody but one.
#[derive(Debug)]
struct AllBut(&'static str);

impl CredentialValidator for AllBut {
    fn validate(&self, presented: &Presented<'_>) -> Result<(), TrustError> {
        if presented.participant.user() == self.0 {
            Err(TrustError::new(TrustCode::Other, "not on the list"))
        } else {
            Ok(())
        }
    }
}

fn strict() -> ManagerConfig {
    ManagerConfig {
        validator: Arc::new(AllBut("mallory")),
        ..ManagerConfig::default()
    }
}

#[test]
fn two_members_see_one_safety_number_for_as_long_as_they_keep_their_keys() {
    let mut world = World::new();
    for user in ["alice", "bob", "carol"] {
        world.join(user);
    }
    let number = |world: &World, of: &str, with: &str| {
        let manager = &world.at(of).manager;
        manager
            .safety_number(&name(with))
            .expect("both are members")
    };
    let first = number(&world, "alice", "bob");
    assert_eq!(first, number(&world, "bob", "alice"));
    assert_ne!(first, number(&world, "alice", "carol"));
    assert_eq!(world.at("alice").manager.safety_number(&name("dave")), None);

    let identity = world.identity_of("bob");
    world.leave("bob");
    world.restart("bob", &identity);
    world.run(Duration::from_secs(1));
    assert_eq!(number(&world, "alice", "bob"), first, "another stay");

    world.leave("bob");
    world.join("bob");
    assert_ne!(number(&world, "alice", "bob"), first, "another key");
}

#[test]
fn a_strict_member_sends_nothing_to_whom_it_does_not_trust_and_leaves() {
    let mut world = World::new();
    world.join("alice");
    world.join("carol");
    world.enter_with("bob", strict());
    world.run(Duration::from_millis(500));
    world.join("mallory");
    world.assert_agreed(&["alice", "bob", "carol", "mallory"]);
    assert_eq!(world.packet("bob"), Err(ProtectError::Suspended));
    let bob = &world.at("bob").events;
    assert!(bob.iter().any(|event| matches!(
        event,
        Event::Untrusted { participant, .. } if *participant == name("mallory")
    )));
    let declined = Event::JoinerDeclined {
        participant: name("mallory"),
        code: TrustCode::Other,
        reason: "not on the list".into(),
    };
    assert!(bob.contains(&declined), "before others let it in");
    assert!(!world.at("alice").events.contains(&declined));

    world.run(Duration::from_secs(6));
    let last = world.at("bob").events.last();
    assert!(
        matches!(last, Some(Event::Fatal(FatalCause::NotTrusted { .. }))),
        "{last:?}"
    );
    world.assert_agreed(&["alice", "carol", "mallory"]);
}

#[test]
fn trust_returns_when_the_one_in_question_is_gone() {
    let mut world = World::new();
    world.join("alice");
    world.join("carol");
    world.enter_with("bob", strict());
    world.run(Duration::from_millis(500));
    world.join("mallory");
    world.leave("mallory");
    let back = Event::TrustRestored {
        participant: name("mallory"),
    };
    assert!(world.at("bob").events.contains(&back));
    world.run(Duration::from_secs(6));
    world.assert_agreed(&["alice", "bob", "carol"]);
    world.everybody_hears_everybody();
}

#[test]
fn whoever_takes_the_leaf_of_the_one_in_question_is_not_in_question() {
    let mut world = World::new();
    world.join("alice");
    world.join("carol");
    world.enter_with("bob", strict());
    world.run(Duration::from_millis(500));
    world.join("mallory");
    let leaf_of = |world: &World, user: &str| {
        let roster = world.at("carol").manager.roster().expect("a member");
        roster.leaf_of(&name(user))
    };
    let leaf = leaf_of(&world, "mallory");
    world.get("mallory").manager.leave().expect("in the room");
    world.carry_out("mallory");
    world.enter("dave");
    world.run(Duration::from_millis(500));
    assert_eq!(leaf_of(&world, "dave"), leaf, "by one commit");
    let back = Event::TrustRestored {
        participant: name("mallory"),
    };
    assert!(world.at("bob").events.contains(&back));
    assert!(world.packet("bob").is_ok());
}

#[test]
fn a_strict_newcomer_does_not_enter_where_somebody_is_whom_it_does_not_trust() {
    let mut world = World::new();
    world.join("alice");
    world.join("mallory");
    world.enter_with("bob", strict());
    world.run(Duration::from_secs(2));
    let last = world.at("bob").events.last();
    assert!(
        matches!(last, Some(Event::Fatal(FatalCause::NotTrusted { .. }))),
        "{last:?}"
    );
    world.assert_agreed(&["alice", "mallory"]);
}

#[test]
fn a_strict_committer_leaves_the_add_out_and_commits_the_rest() {
    let mut world = World::new();
    world.enter_with("alice", strict());
    world.run(Duration::from_millis(500));
    world.join("bob");
    world.run(Duration::from_secs(2));
    world.get("alice").hold_receiving = true;
    world.enter("mallory");
    world.enter("dave");
    world.settle();
    world.get("alice").hold_receiving = false;
    world.run(Duration::from_secs(8));
    let roster = world.at("bob").manager.roster().expect("a member");
    assert!(roster.leaf_of(&name("dave")).is_some(), "the rest went on");
}

#[test]
fn two_strict_users_have_the_one_whom_they_do_not_trust_removed() {
    let mut world = World::new();
    world.join("alice");
    for user in ["bob", "carol"] {
        world.enter_with(user, strict());
        world.run(Duration::from_millis(500));
    }
    // Neither can decline in time.
    for user in ["bob", "carol"] {
        world.get(user).hold_sending = true;
    }
    world.join("mallory");
    for user in ["bob", "carol"] {
        world.get(user).hold_sending = false;
    }
    world.run(Duration::from_secs(6));
    world.assert_agreed(&["alice", "bob", "carol"]);
    world.everybody_hears_everybody();
    assert_eq!(world.at("mallory").events.last(), Some(&Event::Removed));
}

#[test]
fn who_is_not_trusted_is_not_trusted_after_a_restart_either() {
    let mut world = World::new();
    world.join("alice");
    world.join("carol");
    let kept = ManagerConfig {
        keeps_group: true,
        ..strict()
    };
    world.enter_with("bob", kept.clone());
    world.run(Duration::from_millis(500));
    world.join("mallory");
    let saved = world.at("bob").manager.save().expect("can be encoded");
    world.restart_with("bob", &saved, kept);
    world.run(Duration::from_millis(500));
    let again = |event: &Event| matches!(event, Event::Untrusted { participant, .. } if *participant == name("mallory"));
    assert!(world.at("bob").events.iter().any(again));
    assert!(world.packet("bob").is_err(), "nothing is sent");
    let distrusts = |event: &&RoomEventKind| matches!(event, RoomEventKind::Distrusted { reporter, .. } if *reporter == name("bob"));
    assert_eq!(
        world.events.iter().filter(distrusts).count(),
        2,
        "said again"
    );
    world.run(Duration::from_secs(6));
    let last = world.at("bob").events.last();
    assert!(
        matches!(last, Some(Event::Fatal(FatalCause::NotTrusted { .. }))),
        "{last:?}"
    );
}
