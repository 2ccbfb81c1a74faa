//! Which key packages a service proposes. One that no commit can add would block the room.

use openmls::prelude::{Capabilities, Ciphersuite, CredentialType, ExtensionType, Lifetime};

use super::*;

const DAY: u64 = 24 * 60 * 60;

fn check(client: &Client, key_package: KeyPackage) -> Result<(), FollowError> {
    GroupFollower::check_key_package(&encode(&key_package.into()), &client.who, SUITE).map(|_| ())
}

#[test]
fn a_key_package_must_name_whoever_brings_it() {
    let bob = Client::new("bob");
    assert_eq!(
        GroupFollower::check_key_package(&bob.key_package(), &bob.who, SUITE),
        Ok(bob.signer.to_public_vec().into()),
        "its signature key"
    );
    let other = GroupFollower::check_key_package(&bob.key_package(), &name("alice"), SUITE);
    assert_eq!(other, Err(FollowError::NotYours(bob.who.to_string())));
}

#[test]
fn a_key_package_must_be_valid_now_and_not_for_long() {
    let bob = Client::new("bob");
    let living = |lifetime| {
        check(
            &bob,
            bob.key_package_with(|b| b.key_package_lifetime(lifetime)),
        )
    };
    assert_eq!(living(Lifetime::new(DAY)), Ok(()));
    assert_eq!(
        living(Lifetime::new(400 * DAY)),
        Err(rule(RuleViolation::Lifetime))
    );
    let over = living(Lifetime::init(1_000, 2_000));
    assert!(
        matches!(over, Err(FollowError::Group(GroupError::Invalid { .. }))),
        "{over:?}"
    );
}

#[test]
fn a_leaf_has_a_largest_size() {
    let bob = Client::new("bob");
    let with = |bytes: usize| {
        let evidence = Evidence::Token("x".repeat(bytes));
        let credential = CredentialWithKey {
            credential: credential::of(&bob.who, &evidence),
            ..bob.credential()
        };
        let made = KeyPackage::builder()
            .leaf_node_capabilities(terms::capabilities(&[SUITE]))
            .build(SUITE.mls(), &bob.provider, &bob.signer, credential);
        check(&bob, made.expect("MLS allows it").into_key_package())
    };
    assert_eq!(with(4_096), Ok(()));
    let large = with(8_192).expect_err("too large");
    assert!(
        matches!(
            large,
            FollowError::Group(GroupError::Rule(RuleViolation::LeafSize(_)))
        ),
        "{large:?}"
    );
}

#[test]
fn a_key_package_must_support_what_the_room_requires() {
    let bob = Client::new("bob");
    let policy = ExtensionType::Unknown(ROOM_POLICY_EXTENSION);
    let [basic, x509, token] = credential::TYPES;
    let with = |extensions: &[ExtensionType], credentials: &[CredentialType]| {
        let suites = [SUITE.mls()];
        let listed = Capabilities::new(
            None,
            Some(&suites),
            Some(extensions),
            None,
            Some(credentials),
        );
        check(
            &bob,
            bob.key_package_with(|b| b.leaf_node_capabilities(listed)),
        )
    };
    assert_eq!(with(&[policy], &[basic, x509, token]), Ok(()));
    let lacks = Err(rule(RuleViolation::Capabilities));
    assert_eq!(with(&[], &[basic, x509, token]), lacks);
    assert_eq!(with(&[policy], &[basic, x509]), lacks, "a type of others");
}

#[test]
fn a_key_package_of_another_ciphersuite_is_refused() {
    let bob = Client::new("bob");
    let other = Ciphersuite::MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519;
    let capabilities = Capabilities::new(
        None,
        Some(&[SUITE.mls(), other]),
        Some(&[ExtensionType::Unknown(ROOM_POLICY_EXTENSION)]),
        None,
        Some(&credential::TYPES),
    );
    let made = KeyPackage::builder()
        .leaf_node_capabilities(capabilities)
        .build(other, &bob.provider, &bob.signer, bob.credential());
    let key_package = made.expect("the library has that suite").into_key_package();
    assert_eq!(
        check(&bob, key_package),
        Err(rule(RuleViolation::Ciphersuite))
    );
}

#[test]
fn what_is_no_key_package_is_malformed() {
    let bob = Client::new("bob");
    let mut cut = bob.key_package().as_slice().to_vec();
    cut.truncate(40);
    let (info, _) = offer(&Call::new().alice, &Call::new().group);
    for bytes in [Blob::default(), Blob::new(cut), info] {
        let checked = GroupFollower::check_key_package(&bytes, &bob.who, SUITE);
        assert!(matches!(
            checked,
            Err(FollowError::Group(GroupError::Malformed(_)))
        ));
    }
}

#[test]
fn keys_that_are_in_the_group_are_refused_before_they_block_the_room() {
    let (mut call, bob) = Call::with_bob();
    // Another name on the signature key of a member, as only its holder can make it.
    let double = Client {
        who: name("double"),
        ..bob
    };
    let proposed = call
        .follower
        .propose_add(&call.service, &double.key_package());
    assert_eq!(proposed.err(), Some(rule(RuleViolation::KeyInUse)));
    // The same key package twice, and two of one signer, in one epoch.
    let carol = Client::new("carol");
    let once = carol.key_package();
    let proposed = call
        .follower
        .propose_add(&call.service, &once)
        .expect("new keys");
    call.hear(proposed);
    for again in [once, carol.key_package()] {
        let proposed = call.follower.propose_add(&call.service, &again);
        assert_eq!(proposed.err(), Some(rule(RuleViolation::KeyInUse)));
    }
    let submitted = call.commit();
    assert!(call.accept(&submitted).is_ok(), "the room goes on");
}

#[test]
fn a_device_keeps_its_signature_key_when_its_old_leaf_goes() {
    let (mut call, bob) = Call::with_bob();
    call.propose_remove(1);
    call.propose_add(&bob);
    let submitted = call.commit();
    let outcome = call.accept(&submitted).expect("an honest commit");
    assert_eq!(outcome.added, [name("bob")]);
    assert_eq!(call.seen(), [(0, "alice".into()), (1, "bob".into())]);
}
