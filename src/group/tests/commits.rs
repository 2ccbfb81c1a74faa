//! Which commits a service accepts.

use openmls::prelude::{
    ExternalProposal, LeafNodeIndex, LeafNodeParameters, MlsGroupJoinConfig, NewSignerBundle,
    SenderExtensionIndex,
};

use super::*;
use crate::trust::Evidence;

#[test]
fn a_commit_of_another_epoch_is_refused() {
    let mut call = Call::new();
    let first = call.commit();
    call.accept(&first).expect("an honest commit");
    let current = Epoch::new(1);
    let again = call.stage(&first).err();
    assert_eq!(again, Some(FollowError::WrongEpoch { current }), "a replay");
}

#[test]
fn a_commit_is_its_authors_to_send() {
    let (mut call, bob) = Call::with_bob();
    let Submitted {
        commit, group_info, ..
    } = call.commit();
    let sent = call
        .follower
        .stage_commit(&bob.who, &commit, None, &group_info);
    assert_eq!(
        sent.err(),
        Some(FollowError::NotYours(name("alice").to_string()))
    );
}

#[test]
fn a_flipped_bit_breaks_the_signature() {
    let mut call = Call::new();
    let mut submitted = call.commit();
    let mut bytes = submitted.commit.as_slice().to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    submitted.commit = Blob::new(bytes);
    let refused = call.stage(&submitted).err();
    assert!(
        matches!(refused, Some(FollowError::Group(_))),
        "{refused:?}"
    );
}

#[test]
fn a_commit_says_what_it_leaves_out() {
    let (mut call, _bob) = Call::with_bob();
    let before = call.commit();
    let remove = call
        .follower
        .propose_remove(&call.service, LeafIndex::new(1));
    let remove = remove.expect("a member").reference;
    assert!(call.stage(&before).expect("valid by itself").omits(&remove));
}

#[test]
fn the_welcome_must_be_for_exactly_those_who_come() {
    let mut call = Call::new();
    let nobody = call.commit();
    call.group
        .clear_pending_commit(call.alice.provider.storage())
        .expect("memory");
    call.propose_add(&Client::new("bob"));
    let one = call.commit();
    call.group
        .clear_pending_commit(call.alice.provider.storage())
        .expect("memory");
    call.propose_add(&Client::new("carol"));
    let two = call.commit();
    let mix = |commit: &Submitted, welcome: &Option<Blob>| {
        let Submitted {
            commit, group_info, ..
        } = commit;
        let welcome = welcome.as_ref();
        call.follower
            .stage_commit(&call.alice.who, commit, welcome, group_info)
            .err()
    };
    // As many as come, but somebody else.
    let mut elsewhere = Call::new();
    elsewhere.propose_add(&Client::new("bob"));
    let other = elsewhere.commit();
    for (commit, welcome) in [
        (&nobody, &one.welcome),
        (&one, &None),
        (&one, &other.welcome),
        (&one, &two.welcome),
        (&two, &one.welcome),
    ] {
        assert_eq!(mix(commit, welcome), Some(FollowError::WrongWelcome));
    }
    assert_eq!(mix(&two, &two.welcome), None);
}

#[test]
fn the_group_info_must_describe_the_new_epoch() {
    let mut call = Call::new();
    let (before, _) = offer(&call.alice, &call.group);
    let mut submitted = call.commit();
    submitted.group_info = before;
    assert_eq!(
        call.stage(&submitted).err(),
        Some(FollowError::WrongGroupInfo)
    );
}

#[test]
fn a_commit_may_not_bring_proposals_of_its_own() {
    let (mut call, _bob) = Call::with_bob();
    let carol = Client::new("carol").key_package_with(|builder| builder);
    let Client {
        provider, signer, ..
    } = &call.alice;
    let added = call
        .group
        .add_members(provider, signer, &[carol])
        .expect("MLS allows it");
    assert_eq!(
        call.refusal_of(&added.0),
        rule(RuleViolation::InlineProposal)
    );
    call.group
        .clear_pending_commit(provider.storage())
        .expect("memory");
    let bob = [LeafNodeIndex::new(1)];
    let removed = call
        .group
        .remove_members(provider, signer, &bob)
        .expect("MLS allows it");
    assert_eq!(
        call.refusal_of(&removed.0),
        rule(RuleViolation::InlineProposal)
    );
}

#[test]
fn a_commit_may_not_change_the_rooms_terms_beyond_the_lock() {
    let mut call = Call::new();
    let other = RoomPolicy {
        locked: true,
        generation: Generation::new(9),
        ..policy()
    };
    let terms = terms::extensions(&other, &call.service.info()).expect("terms");
    let Client {
        provider, signer, ..
    } = &call.alice;
    let changed = call
        .group
        .update_group_context_extensions(provider, terms, signer);
    let changed = changed.expect("MLS allows it");
    assert_eq!(call.refusal_of(&changed.0), rule(RuleViolation::Terms));
}

#[test]
fn not_even_the_service_may_propose_other_terms() {
    let mut call = Call::new();
    let proposed = ExternalProposal::new_group_context_extensions::<OpenMlsRustCrypto>(
        Extensions::default(),
        call.group.group_id().clone(),
        call.group.epoch(),
        &call.service.signer,
        SenderExtensionIndex::new(0),
    );
    let message = encode(&proposed.expect("signs"));
    let message = decode::protocol_message(&message, 9).expect("a message");
    let processed = call.group.process_message(&call.alice.provider, message);
    let content = processed.expect("MLS allows it").into_content();
    let ProcessedMessageContent::ProposalMessage(proposal) = content else {
        panic!("not a proposal");
    };
    assert_eq!(
        rules::check_proposal(&proposal, SUITE.mls()),
        Err(RuleViolation::ProposalType)
    );
}

#[test]
fn what_an_outsider_proposes_in_the_services_name_is_not_taken() {
    let (mut call, bob) = Call::with_bob();
    let stranger = Client::new("mallory");
    for (signer, sender) in [
        (&stranger.signer, 0),
        (&stranger.signer, 1),
        (&bob.signer, 0),
        (&call.alice.signer, 0),
    ] {
        let proposed = ExternalProposal::new_group_context_extensions::<OpenMlsRustCrypto>(
            Extensions::default(),
            call.group.group_id().clone(),
            call.group.epoch(),
            signer,
            SenderExtensionIndex::new(sender),
        );
        let message = encode(&proposed.expect("signs"));
        let message = decode::protocol_message(&message, 9).expect("a message");
        let processed = call.group.process_message(&call.alice.provider, message);
        assert!(processed.is_err());
    }
}

#[test]
fn a_member_may_not_propose() {
    let (mut call, _bob) = Call::with_bob();
    let Client {
        provider, signer, ..
    } = &call.alice;
    let bob = LeafNodeIndex::new(1);
    let proposed = call.group.propose_remove_member(provider, signer, bob);
    proposed.expect("MLS allows it");
    let proposal = call
        .group
        .pending_proposals()
        .next()
        .expect("just proposed");
    assert_eq!(
        rules::check_proposal(proposal, SUITE.mls()),
        Err(RuleViolation::Proposer)
    );
    let submitted = call.commit();
    assert!(
        call.stage(&submitted).is_err(),
        "nor commit what it proposed"
    );
}

#[test]
fn a_member_keeps_its_name_and_its_signature_key() {
    let mut call = Call::new();
    let renamed = CredentialWithKey {
        credential: credential::of(&name("mallory"), &Evidence::None),
        ..call.alice.credential()
    };
    let Client {
        provider, signer, ..
    } = &call.alice;
    let parameters = LeafNodeParameters::builder()
        .with_credential_with_key(renamed)
        .build();
    let update = call
        .group
        .self_update(provider, signer, parameters)
        .expect("MLS allows it");
    assert_eq!(
        call.refusal_of(update.commit()),
        rule(RuleViolation::Identity)
    );
    call.group
        .clear_pending_commit(provider.storage())
        .expect("memory");
    let other = Client::new("alice");
    let bundle = NewSignerBundle {
        signer: &other.signer,
        credential_with_key: other.credential(),
    };
    let parameters = LeafNodeParameters::default();
    let update = call
        .group
        .self_update_with_new_signer(provider, signer, bundle, parameters);
    let update = update.expect("MLS allows it");
    assert_eq!(
        call.refusal_of(update.commit()),
        rule(RuleViolation::Identity)
    );
}

#[test]
fn an_external_commit_is_refused() {
    let call = Call::new();
    let info = call
        .group
        .export_group_info(call.alice.provider.crypto(), &call.alice.signer, true)
        .expect("a GroupInfo");
    let info = decode::group_info(&encode(&info)).expect("a GroupInfo");
    let mallory = Client::new("mallory");
    let provider = &mallory.provider;
    let parameters = LeafNodeParameters::builder()
        .with_capabilities(terms::capabilities(&[SUITE]))
        .build();
    let (_, bundle) = MlsGroup::external_commit_builder()
        .with_config(MlsGroupJoinConfig::default())
        .build_group(provider, info, mallory.credential())
        .expect("MLS allows it")
        .leaf_node_parameters(parameters)
        .load_psks(provider.storage())
        .expect("none")
        .build(provider.rand(), provider.crypto(), &mallory.signer, |_| {
            true
        })
        .expect("MLS allows it")
        .finalize(provider)
        .expect("MLS allows it");
    assert_eq!(
        call.refusal_of(bundle.commit()),
        rule(RuleViolation::ExternalCommit)
    );
}
