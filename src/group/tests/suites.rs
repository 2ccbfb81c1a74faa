//! Groups whose suite is another than they or their room say.

use std::sync::Arc;

use openmls::prelude::{Capabilities, Ciphersuite, ExtensionType};

use super::*;
use crate::trust::NamesOnly;

const WEAK: MlsSuite = MlsSuite::X25519;
const STRONG: MlsSuite = MlsSuite::X25519MlKem768;

/// The room's terms, but for the suite.
fn of(suite: MlsSuite) -> RoomPolicy {
    RoomPolicy {
        ciphersuite: suite,
        ..policy()
    }
}

/// Where somebody enters who was told of that suite and accepts both.
fn door(service: &ServiceIdentity, suite: MlsSuite) -> Door {
    Door {
        policy: of(suite),
        external_sender: service.info(),
        validator: Arc::new(NamesOnly),
        accepted: MlsSuite::ALL.to_vec(),
    }
}

/// A group of one suite that states another one.
fn mislabelled(
    alice: &Client,
    service: &ServiceIdentity,
    is: MlsSuite,
    says: MlsSuite,
) -> MlsGroup {
    MlsGroup::builder()
        .with_group_id(openmls::group::GroupId::from_slice(GROUP.as_bytes()))
        .ciphersuite(is.mls())
        .with_capabilities(terms::capabilities(&MlsSuite::ALL))
        .with_group_context_extensions(
            terms::extensions(&of(says), &service.info()).expect("terms"),
        )
        .with_wire_format_policy(terms::wire_format_policy())
        .use_ratchet_tree_extension(false)
        .build(&alice.provider, &alice.signer, alice.credential())
        .expect("a group")
}

fn both() -> [(MlsSuite, MlsSuite); 4] {
    [
        (WEAK, WEAK),
        (WEAK, STRONG),
        (STRONG, WEAK),
        (STRONG, STRONG),
    ]
}

fn differs<T>(entered: Result<T, GroupError>) -> bool {
    match entered {
        Ok(_) => false,
        Err(GroupError::Terms(TermsError::Other("the cipher suite differs"))) => true,
        Err(error) => panic!("refused for another reason: {error}"),
    }
}

#[test]
fn a_service_takes_no_group_of_another_suite_than_it_states() {
    let service = ServiceIdentity::generate().expect("randomness");
    for (is, says) in both() {
        let alice = Client::new("alice");
        let group = mislabelled(&alice, &service, is, says);
        let (info, tree) = offer(&alice, &group);
        let taken = GroupFollower::create(&of(says), &service, &alice.who, GROUP, &info, &tree);
        assert_eq!(taken.is_ok(), is == says, "{is} as {says}");
        let asked_otherwise = if says == WEAK { STRONG } else { WEAK };
        let taken = GroupFollower::create(
            &of(asked_otherwise),
            &service,
            &alice.who,
            GROUP,
            &info,
            &tree,
        );
        assert!(taken.is_err(), "{says} in a room of {asked_otherwise}");
    }
}

#[test]
fn nobody_returns_into_a_group_of_another_suite_than_it_states() {
    let service = ServiceIdentity::generate().expect("randomness");
    let bob = Identity::generate(name("bob")).expect("randomness");
    for (is, says) in both() {
        let alice = Client::new("alice");
        let group = mislabelled(&alice, &service, is, says);
        let info = group.export_group_info(alice.provider.crypto(), &alice.signer, false);
        let (_, tree) = offer(&alice, &group);
        let from = (GROUP, &encode(&info.expect("a GroupInfo")), &tree);
        let entered = Return::new(Provider::default(), &bob, from, &door(&service, says));
        assert_eq!(differs(entered), is != says, "{is} as {says}");
    }
}

#[test]
fn nobody_is_welcomed_into_a_group_of_another_suite_than_it_states() {
    let service = ServiceIdentity::generate().expect("randomness");
    let bob = Identity::generate(name("bob")).expect("randomness");
    for (is, says) in both() {
        let alice = Client::new("alice");
        let mut group = mislabelled(&alice, &service, is, says);
        let honest = door(&service, is);
        let invitation = Invitation::new(Provider::default(), &bob, &honest).expect("made");
        let key_package = decode::key_package(&Provider::default(), invitation.key_package());
        let (_, welcome, _) = group
            .add_members(
                &alice.provider,
                &alice.signer,
                &[key_package.expect("in order")],
            )
            .expect("MLS allows it");
        group.merge_pending_commit(&alice.provider).expect("merges");
        let (_, tree) = offer(&alice, &group);
        let from = (GROUP, &encode(&welcome), &tree);
        let entered = invitation.accept(from, &door(&service, says));
        assert_eq!(differs(entered), is != says, "{is} as {says}");
    }
}

#[test]
fn leaves_and_key_packages_sign_what_is_accepted_and_nothing_else() {
    let service = ServiceIdentity::generate().expect("randomness");
    let bob = Identity::generate(name("bob")).expect("randomness");
    for accepted in [&[WEAK][..], &[STRONG, WEAK]] {
        let door = Door {
            accepted: accepted.to_vec(),
            ..door(&service, WEAK)
        };
        for make in [Invitation::new, Invitation::last_resort] {
            let invitation = make(Provider::default(), &bob, &door).expect("made");
            let key_package = decode::key_package(&Provider::default(), invitation.key_package());
            let key_package = key_package.expect("in order");
            let signed = key_package.leaf_node().capabilities().ciphersuites().iter();
            let signed: Vec<u16> = signed.map(|suite| suite.value()).collect();
            let expected: Vec<u16> = accepted.iter().map(|suite| suite.id()).collect();
            assert_eq!(signed, expected);
        }
    }
}

#[test]
fn a_leaf_that_does_not_sign_the_rooms_suite_is_not_proposed() {
    let bob = Client::new("bob");
    let listing = |suites: &[Ciphersuite]| {
        let capabilities = Capabilities::new(
            None,
            Some(suites),
            Some(&[ExtensionType::Unknown(ROOM_POLICY_EXTENSION)]),
            None,
            Some(&credential::TYPES),
        );
        terms::are_supported_by(&capabilities, STRONG.mls())
    };
    assert!(listing(&[STRONG.mls()]));
    assert!(!listing(&[WEAK.mls()]));
    let weak = GroupFollower::check_key_package(&bob.key_package(), &bob.who, STRONG);
    assert_eq!(weak, Err(rule(RuleViolation::Ciphersuite)));
    let published = GroupFollower::check_published(&bob.key_package(), &bob.who, STRONG, false);
    assert_eq!(published, Err(rule(RuleViolation::Ciphersuite)));
}
