//! Devices that are added while they are away, and Welcomes that wait.

use std::time::Duration;

use mls_srtp::delivery::{ClientMessage, LogBody, Refusal, ServiceMessage};
use mls_srtp::event::Event;
use mls_srtp::manager::SavedState;
use mls_srtp::{KeyManager, ManagerConfig};
use mls_srtp_signaling::RoomConfig;
use mls_srtp_signaling::store::Fact;

use crate::lab::{
    Lab, Setup, hello, last_refusal, name, positions, refusal_in, room_name, take_commit, whole_log,
};

fn resynced(lab: &mut Lab, user: &str) -> bool {
    let again = |event: &Event| matches!(event, Event::Resyncing { .. });
    lab.get(user).events.iter().any(again)
}

fn commits(lab: &Lab) -> usize {
    positions(lab, |body| matches!(body, LogBody::Commit { .. })).len()
}

/// Bob has been here, published key packages, and gone; alice is here.
fn bob_has_published(count: usize) -> Lab {
    let mut lab = Lab::with(&["alice", "bob"]);
    let published = lab.get("bob").manager.publish_key_packages(count);
    published.expect("a member");
    lab.carry_out("bob");
    lab.settle();
    let left = Event::KeyPackages {
        left: u32::try_from(count).expect("few"),
    };
    assert!(lab.get("bob").events.contains(&left));
    lab.leave("bob");
    lab.pass(500);
    assert_eq!(lab.roster("alice"), ["alice"]);
    lab
}

fn invite(lab: &mut Lab, user: &str) {
    let invited = lab.get("alice").manager.invite(name(user));
    invited.expect("a member");
    lab.carry_out("alice");
    lab.pass(500);
}

/// Bob comes to the room again, with what he has.
fn bob_comes(lab: &mut Lab) {
    let person = lab.get("bob");
    person.events.clear();
    let joining = person.manager.join(room_name(), None);
    joining.expect("in no room");
    lab.reconnect("bob");
    lab.pass(500);
}

#[test]
fn who_is_invited_finds_its_welcome_when_it_comes() {
    let mut lab = bob_has_published(2);
    invite(&mut lab, "bob");
    assert_eq!(lab.roster("alice"), ["alice", "bob"]);
    // The group goes on meanwhile, and the service may be started again.
    lab.renew("alice");
    lab.restart();
    lab.reconnect("alice");
    lab.renew("alice");
    let before = commits(&lab);
    let epoch = lab.position("alice").map(|(_, epoch)| epoch);
    bob_comes(&mut lab);
    // It is in at once. Its keys were written down, so it sends only in an epoch of its own.
    assert!(commits(&lab) <= before + 1);
    assert_eq!(lab.position("bob"), lab.position("alice"));
    assert!(!resynced(&mut lab, "bob"));
    let sending = lab.get("bob").events.iter().find_map(|event| match event {
        Event::SendingIn { epoch, .. } => Some(*epoch),
        _ => None,
    });
    assert!(sending > epoch, "{sending:?} after {epoch:?}");
    lab.join("carol");
    assert_eq!(lab.position("bob"), lab.position("carol"));
}

#[test]
fn key_packages_are_used_once_and_the_last_resort_again_and_again() {
    let mut lab = bob_has_published(1);
    let mut used = Vec::new();
    for _ in 0..3 {
        invite(&mut lab, "bob");
        let log = whole_log(&lab);
        let add = log.iter().rev().find_map(|entry| match &entry.body {
            LogBody::Proposal { proposal, .. } => Some(proposal.clone()),
            _ => None,
        });
        used.push(add.expect("was proposed").len());
        bob_comes(&mut lab);
        assert_eq!(lab.position("bob"), lab.position("alice"));
        lab.leave("bob");
        lab.pass(500);
    }
    // The last resort says in its leaf and in itself that it is one, which takes some bytes.
    assert!(used[0] < used[1] && used[1] == used[2], "{used:?}");
}

#[test]
fn who_is_invited_and_does_not_come_is_removed_again() {
    let mut lab = bob_has_published(1);
    invite(&mut lab, "bob");
    lab.pass(59_000);
    assert_eq!(lab.roster("alice"), ["alice", "bob"]);
    lab.pass(2_000);
    assert_eq!(lab.roster("alice"), ["alice"]);
    bob_comes(&mut lab);
    assert_eq!(lab.roster("alice"), ["alice", "bob"], "by its own wish");
}

#[test]
fn who_has_lost_its_key_packages_takes_the_leaf_in_another_way() {
    let mut lab = bob_has_published(1);
    invite(&mut lab, "bob");
    let saved = lab.get("bob").manager.save().expect("encodes");
    let wire = String::from_utf8(saved.as_bytes().to_vec()).expect("JSON");
    let start = wire.find(",\"invitations\"").expect("are kept");
    let without = format!("{}}}", &wire[..start]);
    let saved = SavedState::new(without.into_bytes());
    let restored = KeyManager::restore(&saved, ManagerConfig::default(), lab.now);
    lab.get("bob").manager = restored.expect("an identity");
    bob_comes(&mut lab);
    assert_eq!(lab.position("bob"), lab.position("alice"));
}

#[test]
fn key_packages_outlive_the_process() {
    let mut lab = bob_has_published(1);
    invite(&mut lab, "bob");
    let before = commits(&lab);
    let saved = lab.get("bob").manager.save().expect("encodes");
    let restored = KeyManager::restore(&saved, ManagerConfig::default(), lab.now);
    lab.get("bob").manager = restored.expect("an identity");
    bob_comes(&mut lab);
    assert_eq!(lab.position("bob"), lab.position("alice"));
    assert!(commits(&lab) <= before + 1);
    assert!(!resynced(&mut lab, "bob"));
}

#[test]
fn who_has_published_nothing_cannot_be_invited() {
    let mut lab = Lab::with(&["alice"]);
    invite(&mut lab, "bob");
    assert_eq!(last_refusal(&mut lab, "alice"), Some(Refusal::NoKeyPackage));
    let mut lab = bob_has_published(0);
    lab.join("bob");
    let participant = name("bob");
    let refusal = lab.refusal("alice", ClientMessage::Invite { participant });
    assert_eq!(refusal, Some(Refusal::PolicyViolation), "is in already");
}

#[test]
fn only_members_invite() {
    let mut lab = bob_has_published(1);
    let client = lab.stranger();
    lab.say(client, hello("mallory", None));
    let participant = name("bob");
    let outputs = lab.say(client, ClientMessage::Invite { participant });
    let refusal = refusal_in(&outputs, client);
    assert_eq!(refusal, Some(Refusal::Unauthorised));
}

#[test]
fn what_is_published_must_be_ones_own_and_of_its_kind() {
    let mut lab = Lab::with(&["alice", "bob"]);
    let own = lab.key_package("bob");
    let publish = |once: Vec<_>, last_resort| ClientMessage::PublishKeyPackages {
        key_packages: once,
        last_resort,
    };
    let of_alice = lab.refusal("alice", publish(vec![own.clone()], None));
    assert_eq!(of_alice, Some(Refusal::Unauthorised));
    let last = lab.refusal("bob", publish(vec![], Some(own.clone())));
    assert_eq!(last, Some(Refusal::InvalidMls), "it is not marked so");
    lab.restart_for_all();
    let many = lab.refusal("bob", publish(vec![own.clone(); 101], None));
    assert_eq!(many, Some(Refusal::TooLarge));
    assert_eq!(lab.refusal("bob", publish(vec![own], None)), None);
}

#[test]
fn nobody_publishes_without_end() {
    let mut lab = Lab::with(&["alice"]);
    let nothing = ClientMessage::PublishKeyPackages {
        key_packages: Vec::new(),
        last_resort: None,
    };
    let refusals: Vec<_> = (0..6)
        .map(|_| lab.refusal("alice", nothing.clone()))
        .collect();
    assert_eq!(refusals[3], None);
    assert_eq!(refusals[4], Some(Refusal::RateLimited));
}

/// The Welcome is on its way when the connection breaks, or the service dies.
#[test]
fn a_lost_welcome_is_found_again() {
    for dies in [false, true] {
        let mut lab = Lab::new(Setup {
            config: RoomConfig {
                grace: Duration::from_secs(600),
                ..RoomConfig::default()
            },
            ..Setup::default()
        });
        ["alice", "bob"].into_iter().for_each(|user| lab.join(user));
        lab.get("alice").held = true;
        lab.enter("carol");
        lab.pass(150);
        let commit = take_commit(&mut lab, "alice");
        lab.get("carol").deaf = true;
        lab.get("alice").held = false;
        assert_eq!(lab.refusal("alice", commit), None);
        lab.renew("bob");
        let before = commits(&lab);
        if dies {
            lab.restart();
            ["alice", "bob"]
                .into_iter()
                .for_each(|user| lab.reconnect(user));
        } else {
            lab.disconnect("carol");
        }
        lab.get("carol").deaf = false;
        lab.reconnect("carol");
        lab.pass(1_000);
        assert_eq!(commits(&lab), before, "it costs no commit");
        assert_eq!(lab.position("carol"), lab.position("alice"));
        let welcomes = lab.get("carol").told.iter();
        let welcomes = welcomes.filter(|told| matches!(told, ServiceMessage::Welcome { .. }));
        assert!(welcomes.count() >= 1);
        // It is not kept for ever.
        let record = lab.store().load(&room_name()).expect("works");
        let kept = |fact: &&Fact| matches!(fact, Fact::Welcome(_));
        assert_eq!(record.facts.iter().filter(kept).count(), 0);
    }
}
