//! What a commit, a tree and the sum of all leaves may hold.

use openmls::prelude::tls_codec::Serialize as _;

use super::*;

/// Bytes that begin a commit by the first member in epoch 0 of our group, up to its proposals.
fn head_of_commit() -> Vec<u8> {
    let group_id = [&[16][..], GROUP.as_bytes()].concat();
    let sender_and_data = [1, 0, 0, 0, 0, 0];
    [
        &[0, 1, 0, 1][..],
        &group_id,
        &[0; 8],
        &sender_and_data,
        &[3],
    ]
    .concat()
}

/// 100,000 Removes, each of which would be looked at, compared with all others, and hashed.
#[test]
fn a_commit_of_a_hundred_thousand_proposals_is_refused_unread() {
    let call = Call::new();
    let remove = [1, 0, 3, 0, 0, 0, 1];
    let proposals = remove.repeat(100_000);
    let length = u32::try_from(proposals.len()).expect("short") | 2 << 30;
    let commit = [
        &head_of_commit()[..],
        &length.to_be_bytes(),
        &proposals,
        &[0; 100],
    ]
    .concat();
    let refused =
        call.follower
            .stage_commit(&call.alice.who, &Blob::new(commit), None, &Blob::default());
    let refused = refused.err();
    assert_eq!(refused, Some(GroupError::TooMuch("a commit").into()));
}

/// A commit with more references than proposals are open is none that could be valid.
#[test]
fn an_honest_commit_of_many_proposals_passes() {
    let mut call = Call::new();
    let users: Vec<_> = (0..200).map(|n| format!("user{n}")).collect();
    for user in &users {
        call.propose_add(&Client::new(user));
    }
    let submitted = call.commit();
    call.accept(&submitted).expect("an honest commit");
    let removed: Vec<_> = (1..=200).map(|leaf| call.propose_remove(leaf)).collect();
    assert_eq!(removed.len(), 200);
    let submitted = call.commit();
    call.accept(&submitted).expect("an honest commit");
    assert_eq!(call.seen().len(), 1);
}

/// Each node of such a tree is one byte on the wire and hundreds in memory.
#[test]
fn a_tree_of_blank_nodes_is_refused_unread() {
    let (call, alice) = (Call::new(), Client::new("alice"));
    let (info, tree) = offer(&call.alice, &call.group);
    let one = tree.as_slice().get(2..).expect("a leaf behind its length");
    let mut nodes = one.to_vec();
    nodes.resize(one.len() + 700_000, 0);
    let large = openmls::prelude::tls_codec::VLBytes::from(nodes);
    let large = Blob::new(large.tls_serialize_detached().expect("encodes"));
    let created = GroupFollower::create(&policy(), &call.service, &alice.who, GROUP, &info, &large);
    let refused = created.err();
    assert_eq!(refused, Some(GroupError::TooMuch("a ratchet tree").into()));
}

/// People with leaves as large as they may be come in until an envelope is full, and no further; those
/// who are in go on.
#[test]
fn who_would_fill_the_envelope_of_those_who_come_later_stays_out() {
    let mut call = Call::new();
    let key_package = |user: &str| {
        let client = Client::new(user);
        let credential = CredentialWithKey {
            credential: credential::of(&client.who, &Evidence::Token("x".repeat(7_500))),
            ..client.credential()
        };
        let made = KeyPackage::builder()
            .leaf_node_capabilities(terms::capabilities(&[SUITE]))
            .build(SUITE.mls(), &client.provider, &client.signer, credential);
        let made = made.expect("MLS allows it").into_key_package();
        encode(&made.into())
    };
    let mut members = 1;
    let full = loop {
        let user = format!("user{members}");
        match call
            .follower
            .propose_add(&call.service, &key_package(&user))
        {
            Ok(proposed) => call.hear(proposed),
            Err(error) => break error,
        };
        members += 1;
        if members % 20 == 0 {
            let submitted = call.commit();
            let welcome = submitted.welcome.as_ref().map_or(0, Blob::len);
            call.accept(&submitted).expect("an honest commit");
            let tree = call.follower.tree().expect("encodes").len();
            let json = (welcome + tree).div_ceil(3) * 4;
            assert!(json + 1_000 < crate::delivery::MAX_ENVELOPE_BYTES);
        }
    };
    assert_eq!(full, FollowError::TreeFull);
    assert!((90..100).contains(&members), "{members}");
    let submitted = call.commit();
    call.accept(&submitted).expect("an honest commit");
    call.propose_remove(1);
    let submitted = call.commit();
    call.accept(&submitted).expect("an honest commit");
    call.propose_add(&Client::new("carol"));
}

/// A Welcome of a megabyte would not reach whom it is for, who would ask again, and get it again.
#[test]
fn a_welcome_is_no_larger_than_it_need_be() {
    let mut call = Call::new();
    call.propose_add(&Client::new("bob"));
    let honest = call.commit();
    let bytes = honest.welcome.as_ref().expect("an Add").as_slice();
    let (secrets, info) = size::vector(&bytes[6..]).expect("secrets");
    let (info, _) = size::vector(info).expect("a GroupInfo");
    let with = |secrets: &[u8], info: &[u8]| {
        let long = |bytes: &[u8]| {
            let length = u32::try_from(bytes.len()).expect("short") | 2 << 30;
            [&length.to_be_bytes()[..], bytes].concat()
        };
        let welcome = [&bytes[..6], &long(secrets), &long(info)].concat();
        Submitted {
            commit: honest.commit.clone(),
            welcome: Some(Blob::new(welcome)),
            group_info: honest.group_info.clone(),
        }
    };
    let padded = |bytes: &[u8], by: usize| [bytes, &vec![0; by]].concat();
    let too_much = Some(FollowError::Group(GroupError::TooMuch("a Welcome")));
    let long_info = with(secrets, &padded(info, 17_000));
    assert_eq!(call.stage(&long_info).err(), too_much);
    let long_secrets = with(&padded(secrets, 17_000), info);
    assert_eq!(call.stage(&long_secrets).err(), too_much);
    call.accept(&honest).expect("as alice made it");
}

/// What one member commits, all are sent.
#[test]
fn a_commit_is_no_larger_than_it_need_be() {
    let mut call = Call::new();
    call.group.set_aad(vec![0; 100_000]);
    let large = call.commit();
    let too_much = FollowError::Group(GroupError::TooMuch("a commit"));
    assert_eq!(call.stage(&large).err(), Some(too_much));
}
