//! Which commits a service accepts from outside the group. They need nobody's consent.

use openmls::prelude::{
    JoinProposal, LeafNodeParameters, MlsGroupJoinConfig, PreSharedKeyProposal, Proposal,
};
use openmls::schedule::{ExternalPsk, PreSharedKeyId, Psk};

use super::*;

/// Builds an external commit into the call; the MLS library has it remove the leaf that holds the
/// client's signature key, if there is one.
pub(super) fn from_outside(call: &Call, client: &Client, with_psk: bool) -> Submitted {
    from_outside_as(call, client, client.credential(), with_psk)
}

/// The same under a credential of its choice.
fn from_outside_as(
    call: &Call,
    client: &Client,
    credential: CredentialWithKey,
    with_psk: bool,
) -> Submitted {
    let alice = &call.alice;
    let info = call
        .group
        .export_group_info(alice.provider.crypto(), &alice.signer, true)
        .expect("a GroupInfo");
    let info = decode::group_info(&encode(&info)).expect("a GroupInfo");
    let provider = OpenMlsRustCrypto::default();
    let parameters = LeafNodeParameters::builder()
        .with_capabilities(terms::capabilities(&[SUITE]))
        .build();
    let mut builder = MlsGroup::external_commit_builder()
        .with_config(MlsGroupJoinConfig::default())
        .build_group(&provider, info, credential)
        .expect("MLS allows it")
        .leaf_node_parameters(parameters);
    if with_psk {
        builder = builder.add_psk_proposal(psk(&provider));
    }
    let (_, bundle) = builder
        .load_psks(provider.storage())
        .expect("memory")
        .create_group_info(true)
        .use_ratchet_tree_extension(false)
        .build(provider.rand(), provider.crypto(), &client.signer, |_| true)
        .expect("MLS allows it")
        .finalize(&provider)
        .expect("MLS allows it");
    let (commit, welcome, group_info) = bundle.into_messages();
    assert!(welcome.is_none());
    Submitted {
        commit: encode(&commit),
        welcome: None,
        group_info: encode(&group_info.expect("was asked for")),
    }
}

/// A proposal of a key that its author has.
fn psk(provider: &OpenMlsRustCrypto) -> PreSharedKeyProposal {
    let psk = Psk::External(ExternalPsk::new(b"psk".to_vec()));
    let id = PreSharedKeyId::new(SUITE.mls(), provider.rand(), psk).expect("randomness");
    id.store(provider, b"secret").expect("memory");
    PreSharedKeyProposal::new(id)
}

pub(super) fn stage(
    call: &Call,
    who: &ParticipantId,
    built: &Submitted,
) -> Result<StagedChange, FollowError> {
    call.follower
        .stage_external(who, &built.commit, &built.group_info)
}

fn refusal(call: &Call, client: &Client) -> Option<FollowError> {
    stage(call, &client.who, &from_outside(call, client, false)).err()
}

#[test]
fn a_device_takes_its_own_leaf_back_and_the_group_goes_on() {
    let (mut call, bob) = Call::with_bob();
    let built = from_outside(&call, &bob, false);
    let change = stage(&call, &bob.who, &built).expect("an honest return");
    assert_eq!(
        change.signature_key(),
        Some(bob.signer.to_public_vec().into())
    );
    let expected = CommitOutcome {
        epoch: Epoch::new(2),
        author: LeafIndex::new(1),
        external: true,
        locked: None,
        added: vec![name("bob")],
        removed: vec![(LeafIndex::new(1), name("bob"))],
    };
    assert_eq!(call.follower.merge(change), Ok(expected));
    assert_eq!(call.seen(), [(0, "alice".into()), (1, "bob".into())]);
    // Alice follows, and commits in the new epoch.
    let message = decode::protocol_message(&built.commit, 9).expect("a message");
    let processed = call.group.process_message(&call.alice.provider, message);
    let content = processed.expect("valid").into_content();
    let ProcessedMessageContent::StagedCommitMessage(staged) = content else {
        panic!("not a commit");
    };
    let merged = call
        .group
        .merge_staged_commit(&call.alice.provider, *staged);
    merged.expect("merges");
    let submitted = call.commit();
    assert!(call.accept(&submitted).is_ok());
}

#[test]
fn who_has_no_leaf_enters_by_nobodys_leave_but_the_members() {
    let call = Call::new();
    let bob = Client::new("bob");
    let uninvited = Some(rule(RuleViolation::ExternalCommit));
    assert_eq!(refusal(&call, &bob), uninvited);
    let call = Call::in_room(&RoomPolicy {
        locked: true,
        ..policy()
    });
    assert_eq!(refusal(&call, &bob), uninvited, "nor into a locked one");
    // But the one who is in may come back.
    let again = Client {
        who: name("alice"),
        provider: OpenMlsRustCrypto::default(),
        signer: clone_of(&call.alice.signer),
    };
    assert_eq!(refusal(&call, &again), None);
}

fn clone_of(signer: &SignatureKeyPair) -> SignatureKeyPair {
    let json = serde_json::to_vec(signer).expect("encodes");
    serde_json::from_slice(&json).expect("decodes")
}

#[test]
fn nobody_enters_in_anothers_name_or_place() {
    let (call, bob) = Call::with_bob();
    // Sent by another client than the one that it names.
    let built = from_outside(&call, &bob, false);
    let sent = stage(&call, &name("mallory"), &built).err();
    assert_eq!(sent, Some(FollowError::NotYours(bob.who.to_string())));
    // A name of its own, but the leaf of somebody else.
    let mallory = Client {
        who: name("mallory"),
        provider: OpenMlsRustCrypto::default(),
        signer: clone_of(&bob.signer),
    };
    assert_eq!(
        refusal(&call, &mallory),
        Some(rule(RuleViolation::ExternalCommit))
    );
    // The name of a member, but another key: the old leaf would stay.
    let impostor = Client::new("bob");
    assert_eq!(
        refusal(&call, &impostor),
        Some(rule(RuleViolation::ExternalCommit))
    );
}

#[test]
fn a_leaf_is_taken_back_with_the_key_that_was_there() {
    let (call, bob) = Call::with_bob();
    let built = from_outside(&call, &bob, false);
    let (sender, staged) = call.follower.process_commit(&built.commit).expect("valid");
    let check = |key: Vec<u8>| {
        submission::newcomer(&sender, &bob.who, &staged, |_| Some(Blob::new(key.clone())))
    };
    assert_eq!(check(bob.signer.to_public_vec()), Ok(()));
    assert_eq!(check(vec![1; 32]), Err(rule(RuleViolation::Identity)));
}

#[test]
fn a_leaf_is_taken_back_with_the_credential_that_was_there() {
    let (call, bob) = Call::with_bob();
    let evidence = Evidence::Token("of nobody whom members know".into());
    let other = CredentialWithKey {
        credential: credential::of(&bob.who, &evidence),
        ..bob.credential()
    };
    let built = from_outside_as(&call, &bob, other, false);
    let refused = stage(&call, &bob.who, &built).err();
    assert_eq!(refused, Some(rule(RuleViolation::Identity)));
}

#[test]
fn an_external_commit_brings_nothing_else() {
    let (call, bob) = Call::with_bob();
    let built = from_outside(&call, &bob, true);
    let staged = stage(&call, &bob.who, &built).err();
    assert_eq!(staged, Some(rule(RuleViolation::ExternalCommit)));
}

#[test]
fn a_member_brings_no_pre_shared_key_either() {
    let (mut call, _bob) = Call::with_bob();
    let Client {
        provider, signer, ..
    } = &call.alice;
    let bundle = call
        .group
        .commit_builder()
        .add_proposal(Proposal::PreSharedKey(Box::new(psk(provider))))
        .load_psks(provider.storage())
        .expect("stored")
        .build(provider.rand(), provider.crypto(), signer, |_| true)
        .expect("MLS allows it")
        .stage_commit(provider)
        .expect("MLS allows it");
    let refused = call.refusal_of(bundle.commit());
    assert_eq!(refused, rule(RuleViolation::InlineProposal));
}

#[test]
fn nobody_escapes_a_removal_by_coming_back() {
    let (mut call, bob) = Call::with_bob();
    assert_eq!(refusal(&call, &bob), None);
    let removed = call.propose_remove(1);
    assert_eq!(
        refusal(&call, &bob),
        Some(rule(RuleViolation::RemovePending))
    );
    // Nor may another device of the same user come in its stead.
    let tablet = Client {
        who: ParticipantId::new("bob", "example.org", "tablet").expect("a name"),
        ..Client::new("bob")
    };
    assert_eq!(
        refusal(&call, &tablet),
        Some(rule(RuleViolation::RemovePending))
    );
    call.follower.withdraw(&removed).expect("memory");
    assert_eq!(refusal(&call, &bob), None, "the removal was taken back");
}

#[test]
fn its_group_info_is_checked_like_any_other() {
    let (mut call, bob) = Call::with_bob();
    let mut built = from_outside(&call, &bob, false);
    let good = built.group_info.clone();
    built.group_info = offer(&call.alice, &call.group).0;
    let staged = stage(&call, &bob.who, &built).err();
    assert_eq!(
        staged,
        Some(FollowError::WrongGroupInfo),
        "of the epoch before"
    );
    // Without the key that the next external commit would need.
    built.group_info = without_external_pub(&good);
    let staged = stage(&call, &bob.who, &built).err();
    assert_eq!(staged, Some(FollowError::WrongGroupInfo));
    built.group_info = good;
    assert!(stage(&call, &bob.who, &built).is_ok());
    let submitted = call.commit();
    call.accept(&submitted).expect("an honest commit");
    let current = Epoch::new(2);
    let staged = stage(&call, &bob.who, &built).err();
    assert_eq!(staged, Some(FollowError::WrongEpoch { current }));
}

/// Cuts the one extension out of an encoded GroupInfo.
fn without_external_pub(group_info: &Blob) -> Blob {
    let start = [0x24, 0x00, 0x04, 0x21, 0x20];
    let bytes = group_info.as_slice();
    let at = bytes.windows(5).position(|window| window == start);
    let at = at.expect("one extension of 36 bytes");
    Blob::new([&bytes[..at], &[0], &bytes[at + 37..]].concat())
}

#[test]
fn each_kind_of_commit_has_its_own_door() {
    let (mut call, bob) = Call::with_bob();
    let built = from_outside(&call, &bob, false);
    let staged = call
        .follower
        .stage_commit(&bob.who, &built.commit, None, &built.group_info);
    assert_eq!(staged.err(), Some(rule(RuleViolation::Committer)));
    let submitted = call.commit();
    let staged = stage(&call, &call.alice.who, &submitted).err();
    assert_eq!(staged, Some(rule(RuleViolation::ExternalCommit)));
    // Who has no leaf may not propose, either.
    let carol = Client::new("carol");
    let proposal = JoinProposal::new::<<OpenMlsRustCrypto as OpenMlsProvider>::StorageProvider>(
        carol.key_package_with(|builder| builder),
        call.group.group_id().clone(),
        call.group.epoch(),
        &carol.signer,
    );
    let refused = call.refusal_of(&proposal.expect("signs"));
    assert_eq!(
        refused,
        FollowError::Group(GroupError::Malformed("a commit"))
    );
}
