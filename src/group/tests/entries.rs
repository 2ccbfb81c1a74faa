//! Which groups a service takes on.

use openmls::prelude::{Extension, ExternalSender, UnknownExtension};

use super::*;
use crate::delivery::Refusal;
use crate::trust::Evidence;

/// What the service says to a group of `terms` that `alice` offers for herself.
fn offered(
    service: &ServiceIdentity,
    terms: Extensions<GroupContext>,
) -> Result<GroupFollower, FollowError> {
    let alice = Client::new("alice");
    let group = alice.group(terms);
    let (info, tree) = offer(&alice, &group);
    GroupFollower::create(&policy(), service, &alice.who, GROUP, &info, &tree)
}

fn refused<T>(taken: Result<T, FollowError>) -> Refusal {
    match taken {
        Ok(_) => panic!("it was taken"),
        Err(error) => error.refusal(),
    }
}

#[test]
fn a_group_with_other_terms_is_refused() {
    let service = ServiceIdentity::generate().expect("randomness");
    let other_service = ServiceIdentity::generate().expect("randomness");
    let other_policy = RoomPolicy {
        generation: Generation::new(1),
        ..policy()
    };
    let stated = |policy: &RoomPolicy, sender: &ServiceIdentity| {
        terms::extensions(policy, &sender.info()).expect("terms")
    };
    let with = |extension: Extension| {
        let mut extensions: Vec<_> = stated(&policy(), &service).iter().cloned().collect();
        extensions.retain(|e| e.extension_type() != extension.extension_type());
        extensions.push(extension);
        Extensions::from_vec(extensions).expect("allowed in a GroupContext")
    };
    let sender = |service: &ServiceIdentity| {
        let key = service.info().signature_key.as_slice().to_vec();
        ExternalSender::new(key.into(), credential::of(&name("sender"), &Evidence::None))
    };
    let cases = [
        stated(&other_policy, &service),
        stated(&policy(), &other_service),
        with(Extension::ExternalSenders(vec![
            sender(&service),
            sender(&other_service),
        ])),
        with(Extension::ExternalSenders(vec![])),
        with(Extension::Unknown(
            ROOM_POLICY_EXTENSION,
            UnknownExtension(vec![0, 1]),
        )),
    ];
    assert!(offered(&service, stated(&policy(), &service)).is_ok());
    for terms in cases {
        let words = format!("{terms:?}");
        assert_eq!(
            refused(offered(&service, terms)),
            Refusal::PolicyViolation,
            "{words}"
        );
    }
}

#[test]
fn a_group_must_be_new_and_its_creators_own() {
    let mut call = Call::new();
    let create = |call: &Call, who: &ParticipantId, group_id| {
        let (info, tree) = offer(&call.alice, &call.group);
        GroupFollower::create(&policy(), &call.service, who, group_id, &info, &tree)
    };
    let alice = call.alice.who.clone();
    assert_eq!(
        refused(create(&call, &name("mallory"), GROUP)),
        Refusal::Unauthorised
    );
    let other = GroupId::new([8; 16]);
    assert_eq!(
        refused(create(&call, &alice, other)),
        Refusal::WrongGroupInfo
    );
    let submitted = call.commit();
    call.accept(&submitted).expect("an honest commit");
    assert_eq!(
        refused(create(&call, &alice, GROUP)),
        Refusal::WrongGroupInfo,
        "not epoch 0"
    );
}

#[test]
fn a_tree_that_does_not_fit_its_group_info_is_refused() {
    let (one, other) = (Call::new(), Call::new());
    let (info, tree) = offer(&one.alice, &one.group);
    let (_, other_tree) = offer(&other.alice, &other.group);
    let create = |info: &Blob, tree: &Blob| {
        GroupFollower::create(&policy(), &one.service, &one.alice.who, GROUP, info, tree)
    };
    assert!(create(&info, &tree).is_ok());
    let mut longer = tree.as_slice().to_vec();
    longer.push(0);
    for (info, tree) in [
        (&info, &other_tree),
        (&tree, &info),
        (&info, &Blob::new(longer)),
    ] {
        assert_eq!(refused(create(info, tree)), Refusal::InvalidMls);
    }
}
