//! Locked rooms: who locks them, and who comes in all the same.

use mls_srtp::delivery::{ClientMessage, Refusal, ServiceMessage};
use mls_srtp::event::Event;
use mls_srtp::group::Identity;
use mls_srtp::manager::Misuse;
use mls_srtp::token::{
    Confirmation, Right, RoomToken, TOKEN_AUDIENCE, TokenIssuer, new_key, thumbprint,
};
use mls_srtp::trust::Evidence;

use crate::lab::{Lab, hello, last_refusal, name, newest_commit, refusal_in, withdrawals};
use crate::people::chaired;

/// Somebody whose credential says that it may moderate.
fn moderator(user: &str) -> Identity {
    let participant = name(user);
    let identity = Identity::generate(participant.clone()).expect("a key");
    let (private, _) = new_key([7; 32]).expect("a key");
    let token = RoomToken {
        aud: TOKEN_AUDIENCE.into(),
        sub: format!("{}@{}", participant.user(), participant.domain()),
        device: participant.device().into(),
        room: "room".into(),
        rights: vec![Right::Moderate],
        iat: 0,
        exp: u64::MAX,
        nbf: None,
        jti: user.into(),
        cnf: Some(Confirmation {
            jkt: thumbprint(identity.public_key().as_slice()),
        }),
    };
    let token = TokenIssuer::read(&private).and_then(|issuer| issuer.issue(&token));
    identity.with_evidence(Evidence::Token(token.expect("signed")))
}

/// The chair may lock, bob may not.
fn with_a_chair() -> Lab {
    let mut lab = chaired(&[]);
    lab.enter_as("chair", moderator("chair"));
    lab.pass(500);
    lab.join("bob");
    lab
}

fn lock(lab: &mut Lab, user: &str, locked: bool) {
    let now = lab.now;
    let manager = &mut lab.get(user).manager;
    manager.set_locked(locked, now).expect("may lock");
    lab.carry_out(user);
    lab.pass(300);
}

fn locked() -> Lab {
    let mut lab = with_a_chair();
    lock(&mut lab, "chair", true);
    lab
}

/// What a stranger is refused at the door.
fn knock(lab: &mut Lab, user: &str) -> Option<Refusal> {
    let client = lab.stranger();
    refusal_in(&lab.say(client, hello(user, None)), client)
}

#[test]
fn a_moderator_locks_and_unlocks_for_everybody() {
    let mut lab = locked();
    for user in ["chair", "bob"] {
        let by = Some(name("chair"));
        let told = Event::RoomLocked { locked: true, by };
        assert!(lab.get(user).events.contains(&told), "{user}");
        assert_eq!(lab.get(user).manager.is_locked(), Some(true));
    }
    assert_eq!(knock(&mut lab, "dave"), Some(Refusal::RoomLocked));
    lock(&mut lab, "chair", false);
    assert_eq!(lab.get("bob").manager.is_locked(), Some(false));
    let told = |event: &&Event| matches!(event, Event::RoomLocked { .. });
    assert_eq!(lab.get("bob").events.iter().filter(told).count(), 2);
    lab.join("dave");
    assert!(!lab.get("dave").events.iter().any(|event| told(&event)));
    lab.renew("bob");
    assert_eq!(lab.position("dave"), lab.position("chair"));
}

#[test]
fn who_shows_no_right_to_moderate_does_not_lock() {
    let mut lab = with_a_chair();
    let now = lab.now;
    let refused = lab.get("bob").manager.set_locked(true, now);
    assert_eq!(refused, Err(Misuse::CannotLock));
    // Members who do not know the issuer take a credential's word for it. The service does not.
    lab.enter_as("mary", moderator("mary"));
    lab.pass(500);
    lock(&mut lab, "mary", true);
    assert_eq!(last_refusal(&mut lab, "mary"), Some(Refusal::Unauthorised));
    let refusals = |lab: &mut Lab| {
        let told = lab.get("mary").told.iter();
        let refused = told.filter(|m| matches!(m, ServiceMessage::Refused { .. }));
        refused.count()
    };
    lab.pass(5_000);
    assert_eq!(refusals(&mut lab), 1, "it does not try again");
    assert_eq!(lab.get("bob").manager.is_locked(), Some(false));
}

#[test]
fn a_lock_outlives_the_service() {
    let mut lab = locked();
    for _ in 0..2 {
        lab.restart_for_all();
        assert_eq!(knock(&mut lab, "dave"), Some(Refusal::RoomLocked));
        let told = lab.get("bob").told.iter().rev();
        let policy = told.into_iter().find_map(|message| match message {
            ServiceMessage::Room { policy, .. } => Some(policy.clone()),
            _ => None,
        });
        assert!(policy.expect("was told of the room").locked);
        // The next time from a snapshot in which it is locked.
        (0..20).for_each(|_| lab.renew("bob"));
    }
}

#[test]
fn who_is_proposed_already_comes_in_with_the_lock() {
    let mut lab = with_a_chair();
    lab.get("bob").held = true;
    lab.enter("dave");
    lab.settle();
    lock(&mut lab, "chair", true);
    assert_eq!(lab.roster("chair"), ["chair", "bob", "dave"]);
    let (locked, by) = (true, None);
    let told = Event::RoomLocked { locked, by };
    assert!(lab.get("dave").events.contains(&told));
}

#[test]
fn who_is_not_in_the_commit_that_locks_waits_no_more() {
    let mut lab = with_a_chair();
    lab.get("bob").held = true;
    lab.get("chair").deaf = true;
    lab.enter("dave");
    lab.settle();
    lock(&mut lab, "chair", true);
    lab.get("chair").deaf = false;
    lab.get("bob").held = false;
    lab.pass(1_000);
    assert_eq!(last_refusal(&mut lab, "dave"), Some(Refusal::RoomLocked));
    assert_eq!(lab.roster("bob"), ["chair", "bob"]);
    assert_eq!(withdrawals(&lab), 0, "it died with its epoch");
}

#[test]
fn a_member_that_lost_its_state_comes_back_with_its_own_key_only() {
    let mut lab = locked();
    lab.come_back_anew("bob");
    lab.pass(500);
    assert_eq!(lab.position("bob"), lab.position("chair"));
    assert_eq!(lab.roster("chair"), ["chair", "bob"]);
    let key_package = lab.key_package("bob");
    let join = ClientMessage::Join { key_package };
    assert_eq!(lab.refusal("bob", join), Some(Refusal::RoomLocked));
}

#[test]
fn nobody_is_invited_into_a_locked_room() {
    let mut lab = locked();
    let participant = name("dave");
    let invite = ClientMessage::Invite { participant };
    assert_eq!(lab.refusal("chair", invite), Some(Refusal::RoomLocked));
}

#[test]
fn a_lock_that_lost_the_race_is_made_again() {
    let mut lab = with_a_chair();
    lab.get("chair").held = true;
    lock(&mut lab, "chair", true);
    lab.get("bob").held = false;
    lab.get("chair").deaf = true;
    lab.renew("bob");
    lab.get("chair").held = false;
    lab.get("chair").deaf = false;
    lab.pass(2_000);
    assert_eq!(lab.get("bob").manager.is_locked(), Some(true));
}

#[test]
fn a_lock_that_turned_while_somebody_was_away_breaks_no_stay() {
    let mut lab = with_a_chair();
    let here = lab.position("bob");
    for turned in [true, false] {
        lab.disconnect("bob");
        lock(&mut lab, "chair", turned);
        lab.reconnect("bob");
        lab.pass(300);
        assert_eq!(lab.get("bob").manager.is_locked(), Some(turned));
    }
    let (group, _) = here.expect("a member");
    assert_eq!(lab.position("bob"), lab.position("chair"));
    assert_eq!(lab.position("bob").map(|(group, _)| group), Some(group));
    let last = lab.get("bob").events.last();
    assert!(!matches!(last, Some(Event::Fatal(_))), "{last:?}");
}

#[test]
fn a_new_group_after_a_locked_one_is_told_to_be_open() {
    let mut lab = with_a_chair();
    lab.join("carol");
    lock(&mut lab, "chair", true);
    lab.renew("chair");
    for user in ["bob", "carol"] {
        let (group_id, _) = lab.position(user).expect("a member");
        let complaint = ClientMessage::CannotApply {
            group_id,
            seq: newest_commit(&lab),
            reason: "of no matter".into(),
        };
        assert_eq!(lab.refusal(user, complaint), None);
    }
    lab.pass(1_000);
    for user in ["bob", "carol"] {
        assert_eq!(lab.get(user).manager.is_locked(), Some(false), "{user}");
        let events = lab.get(user).events.iter().rev();
        let mut told = events.filter(|event| matches!(event, Event::RoomLocked { .. }));
        let (locked, by) = (false, None);
        assert_eq!(told.next(), Some(&Event::RoomLocked { locked, by }));
        assert_eq!(told.count(), 1, "{user}: and not twice");
    }
}
