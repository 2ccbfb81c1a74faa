//! Who locks a room, and what a lock keeps out.

use std::sync::Arc;

use super::super::engine::{CommitBundle, Creation};
use super::*;
use crate::delivery::Refusal;
use crate::token::{Confirmation, Right, RoomToken, TOKEN_AUDIENCE, TokenIssuer};
use crate::token::{new_key, thumbprint};
use crate::trust::NamesOnly;

/// Somebody with a token in the credential that is good for this room.
fn with_token(user: &str, rights: &[Right]) -> Identity {
    let identity = Identity::generate(name(user)).expect("randomness");
    let (private, _) = new_key([1; 32]).expect("a key");
    let token = RoomToken {
        aud: TOKEN_AUDIENCE.into(),
        sub: format!("{user}@example.org"),
        device: "phone".into(),
        room: "room".into(),
        rights: rights.to_vec(),
        iat: 0,
        exp: 1,
        nbf: None,
        jti: user.into(),
        cnf: Some(Confirmation {
            jkt: thumbprint(identity.public_key().as_slice()),
        }),
    };
    let token = TokenIssuer::read(&private).and_then(|issuer| issuer.issue(&token));
    identity.with_evidence(Evidence::Token(token.expect("signed")))
}

fn basic(user: &str) -> Identity {
    Identity::generate(name(user)).expect("randomness")
}

/// Alice, who may moderate, and bob, and the service that follows them.
struct Room {
    service: ServiceIdentity,
    follower: GroupFollower,
    alice: (Identity, Engine),
    bob: (Identity, Engine),
}

impl Room {
    fn new(alice: Identity, bob: Identity) -> Self {
        let service = ServiceIdentity::generate().expect("randomness");
        let door = door(&service);
        let created = Engine::create(Provider::default(), &alice, GROUP, &door);
        let (mut first, Creation { group_info, tree }) = created.expect("a group");
        let who = alice.participant();
        let follower = GroupFollower::create(&policy(), &service, who, GROUP, &group_info, &tree);
        let mut follower = follower.expect("as it should be");
        let invitation = Invitation::new(Provider::default(), &bob, &door).expect("a key package");
        let add = follower.propose_add(&service, invitation.key_package());
        first
            .take_proposal(&add.expect("queued").message)
            .expect("heard");
        let bundle = first.commit(&alice, false, &[], None).expect("commits");
        let welcome = bundle.welcome.expect("for bob");
        let change = follower
            .stage_commit(who, &bundle.commit, Some(&welcome), &bundle.group_info)
            .expect("an honest commit");
        follower.merge(change).expect("merges");
        first.merge_own().expect("merges");
        let tree = follower.tree().expect("encodes");
        let second = invitation.accept((GROUP, &welcome, &tree), &door);
        Self {
            service,
            follower,
            alice: (alice, first),
            bob: (bob, second.expect("enters")),
        }
    }

    fn commit_of_alice(&mut self, lock: Option<bool>) -> CommitBundle {
        let (identity, engine) = &mut self.alice;
        let bundle = engine.commit(identity, false, &[], lock);
        bundle.expect("the library allows it")
    }

    /// What the library lets alice commit, against the rules as well.
    fn unlawful_commit_of_alice(&mut self, lock: Option<bool>) -> CommitBundle {
        let (identity, engine) = &mut self.alice;
        let built = engine.build_commit(identity, false, lock, |_| true);
        let (commit, welcome, group_info) = built.expect("the library allows it");
        CommitBundle {
            declined: Vec::new(),
            commit: encode(&commit),
            welcome: welcome.as_ref().map(encode),
            group_info: encode(&group_info.expect("was asked for")),
        }
    }

    fn stage(&self, bundle: &CommitBundle) -> Result<StagedChange, FollowError> {
        let CommitBundle {
            commit,
            welcome,
            group_info,
            ..
        } = bundle;
        self.follower
            .stage_commit(&name("alice"), commit, welcome.as_ref(), group_info)
    }

    /// What bob has against a commit.
    fn objection_of_bob(&mut self, bundle: &CommitBundle) -> Option<RuleViolation> {
        match self.bob.1.take_commit(&bundle.commit).expect("valid") {
            Accepted::Other(_, _, offence) => offence.map(|offence| offence.violation),
            Accepted::Own => panic!("not somebody else's commit"),
        }
    }

    fn lock(&mut self, locked: bool) {
        let bundle = self.commit_of_alice(Some(locked));
        let change = self.stage(&bundle).expect("may lock");
        assert_eq!(change.outcome().locked, Some(locked));
        self.follower.merge(change).expect("merges");
        match self.bob.1.take_commit(&bundle.commit).expect("valid") {
            Accepted::Other(staged, _, None) => self.bob.1.merge(*staged).expect("merges"),
            _ => panic!("bob objects"),
        };
        self.alice.1.merge_own().expect("merges");
        assert!(
            [&self.alice, &self.bob]
                .iter()
                .all(|who| who.1.is_locked() == locked)
        );
        assert_eq!(self.follower.is_locked(), locked);
    }

    /// The service proposes to add somebody; what bob has against it.
    fn propose(&mut self, invitation: &Invitation) -> Option<RuleViolation> {
        let add = self
            .follower
            .propose_add(&self.service, invitation.key_package());
        let add = add.expect("queued").message;
        self.alice.1.take_proposal(&add).expect("heard");
        self.bob.1.take_proposal(&add).expect("heard").objection
    }
}

fn moderated() -> Room {
    Room::new(with_token("alice", &[Right::Moderate]), basic("bob"))
}

fn door(service: &ServiceIdentity) -> Door {
    Door {
        policy: policy(),
        external_sender: service.info(),
        validator: Arc::new(NamesOnly),
        accepted: MlsSuite::ALL.to_vec(),
    }
}

fn invitation(room: &Room, identity: &Identity) -> Invitation {
    let door = door(&room.service);
    Invitation::new(Provider::default(), identity, &door).expect("a key package")
}

#[test]
fn who_may_moderate_locks_and_unlocks() {
    let mut room = moderated();
    room.lock(true);
    room.lock(false);
    // The same again changes nothing.
    let bundle = room.commit_of_alice(Some(false));
    assert_eq!(
        room.stage(&bundle).map(|c| c.outcome().locked).ok(),
        Some(None)
    );
}

#[test]
fn service_and_members_refuse_the_lock_of_anybody_else() {
    for alice in [basic("alice"), with_token("alice", &[Right::Publish])] {
        let mut room = Room::new(alice, basic("bob"));
        assert!(!room.alice.1.may_lock());
        let (identity, engine) = &mut room.alice;
        let built = engine.commit(identity, false, &[], Some(true)).err();
        let unlawful = GroupError::Rule(RuleViolation::NotModerator);
        assert_eq!(built, Some(unlawful), "she does not even try");
        let bundle = room.unlawful_commit_of_alice(Some(true));
        let refused = room.stage(&bundle).err();
        assert_eq!(refused, Some(rule(RuleViolation::NotModerator)));
        let objection = room.objection_of_bob(&bundle);
        assert_eq!(objection, Some(RuleViolation::NotModerator));
    }
}

#[test]
fn a_token_of_somebody_else_or_for_another_room_locks_nothing() {
    let Evidence::Token(token) = with_token("carol", &[Right::Moderate]).evidence().clone() else {
        panic!("a token");
    };
    let alice = basic("alice").with_evidence(Evidence::Token(token));
    let mut room = Room::new(alice, basic("bob"));
    let bundle = room.unlawful_commit_of_alice(Some(true));
    let objection = room.objection_of_bob(&bundle);
    assert_eq!(objection, Some(RuleViolation::NotModerator));
}

#[test]
fn into_a_locked_room_a_lying_service_brings_nobody() {
    let mut room = moderated();
    room.lock(true);
    let dave = invitation(&room, &basic("dave"));
    assert_eq!(
        room.propose(&dave),
        Some(RuleViolation::Locked),
        "bob declines"
    );
    let bundle = room.unlawful_commit_of_alice(None);
    let refused = room.stage(&bundle).err().expect("is refused");
    assert_eq!(refused, rule(RuleViolation::Locked));
    assert_eq!(refused.refusal(), Refusal::RoomLocked);
    assert_eq!(room.objection_of_bob(&bundle), Some(RuleViolation::Locked));
    // Nor by one commit that unlocks and adds.
    let bundle = room.unlawful_commit_of_alice(Some(false));
    assert_eq!(room.objection_of_bob(&bundle), Some(RuleViolation::Locked));
}

/// Whatever has come into the queue: our own commit is held against the rules like anybody's.
#[test]
fn what_breaks_a_rule_is_left_out_of_our_own_commit() {
    let mut room = moderated();
    room.lock(true);
    let dave = invitation(&room, &basic("dave"));
    room.propose(&dave);
    let bundle = room.commit_of_alice(None);
    let [(_, reason)] = &bundle.declined[..] else {
        panic!("{} are declined", bundle.declined.len());
    };
    assert_eq!(*reason, RuleViolation::Locked.to_string());
    assert!(bundle.welcome.is_none());
    let change = room.stage(&bundle).expect("keeps the rules");
    assert!(change.outcome().added.is_empty());
}

#[test]
fn a_commit_that_locks_may_add_who_was_proposed_before() {
    let mut room = moderated();
    let dave = invitation(&room, &basic("dave"));
    assert_eq!(room.propose(&dave), None);
    room.lock(true);
    assert_eq!(room.bob.1.roster().len(), 3);
}

#[test]
fn a_device_of_a_locked_room_comes_back_with_its_own_key() {
    let mut room = moderated();
    room.lock(true);
    let leaf = room.follower.leaf_of(&name("bob")).expect("a member");
    let remove = room.follower.propose_remove(&room.service, leaf);
    let remove = remove.expect("queued").message;
    for engine in [&mut room.alice.1, &mut room.bob.1] {
        engine.take_proposal(&remove).expect("heard");
    }
    let again = invitation(&room, &room.bob.0);
    assert_eq!(room.propose(&again), None);
    let bundle = room.commit_of_alice(None);
    assert!(room.stage(&bundle).is_ok());
    let mut room = moderated();
    room.lock(true);
    let other_key = invitation(&room, &basic("bob"));
    assert_eq!(room.propose(&other_key), Some(RuleViolation::Locked));
}
