//! Proposals that are taken back.

use super::*;

#[test]
fn a_commit_with_a_withdrawn_proposal_is_refused_as_such() {
    let (mut call, _bob) = Call::with_bob();
    let add = call.propose_add(&Client::new("carol"));
    let remove = call.propose_remove(1);
    let submitted = call.commit();
    assert!(call.stage(&submitted).is_ok());
    call.follower.withdraw(&remove).expect("memory");
    let staged = call.stage(&submitted).err();
    assert_eq!(staged, Some(FollowError::WithdrawnProposal));
    // The service signs the same proposal with the same bytes again.
    let proposed = call
        .follower
        .propose_remove(&call.service, LeafIndex::new(1));
    assert_eq!(proposed.expect("a member").reference, remove);
    assert!(call.stage(&submitted).is_ok(), "it counts again");
    call.follower.withdraw(&add).expect("memory");
    let staged = call.stage(&submitted).err();
    assert_eq!(staged, Some(FollowError::WithdrawnProposal));
}

#[test]
fn what_was_never_proposed_is_not_called_withdrawn() {
    let mut call = Call::new();
    let add = call.propose_add(&Client::new("bob"));
    call.follower.withdraw(&add).expect("memory");
    let mut elsewhere = Call::new();
    elsewhere.propose_add(&Client::new("carol"));
    let foreign = elsewhere.commit();
    let staged = call.stage(&foreign).err();
    assert!(matches!(staged, Some(FollowError::Group(_))), "{staged:?}");
}

#[test]
fn keys_are_free_again_once_their_add_is_withdrawn() {
    let mut call = Call::new();
    let bob = Client::new("bob");
    let add = call.propose_add(&bob);
    let proposed = call.follower.propose_add(&call.service, &bob.key_package());
    assert_eq!(proposed.err(), Some(rule(RuleViolation::KeyInUse)));
    call.follower.withdraw(&add).expect("memory");
    let proposed = call.follower.propose_add(&call.service, &bob.key_package());
    assert!(proposed.is_ok());
}

#[test]
fn keys_are_taken_again_once_their_remove_is_withdrawn() {
    let (mut call, bob) = Call::with_bob();
    let remove = call.propose_remove(1);
    call.follower.withdraw(&remove).expect("memory");
    let proposed = call.follower.propose_add(&call.service, &bob.key_package());
    assert_eq!(proposed.err(), Some(rule(RuleViolation::KeyInUse)));
}
