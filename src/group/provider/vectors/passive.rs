//! RFC 9420 as a whole: a member that is invited and then follows what others commit arrives at the
//! epoch authenticators that other implementations have.

use openmls::prelude::{MlsGroup, MlsGroupJoinConfig, ProcessedMessageContent, StagedWelcome};
use openmls::schedule::PreSharedKeyId;
use proptest::prelude::*;

use super::welcome::keep_key_package;
use super::*;
use crate::delivery::Blob;
use crate::group::{decode, terms};

/// What the cases need beyond what groups of ours have: they refer to earlier epochs by PSK.
const RESUMPTION_PSKS: usize = 16;

struct Passive<C> {
    provider: With<C>,
    group: MlsGroup,
}

impl<C: Crypto> Passive<C> {
    /// Joins by the Welcome of a case, with the private keys that it states, and with that tree if it
    /// is not in the Welcome.
    fn join(case: &Value, tree: Option<Vec<u8>>) -> Result<Self, String> {
        let provider = With::<C>::new();
        for psk in list(case, "external_psks") {
            PreSharedKeyId::external(bytes(psk, "psk_id"), Vec::new())
                .store(&provider, &bytes(psk, "psk"))
                .expect("memory");
        }
        keep_key_package(&provider, case);
        let config = MlsGroupJoinConfig::builder()
            .wire_format_policy(terms::wire_format_policy())
            .number_of_resumption_psks(RESUMPTION_PSKS)
            .build();
        let welcome = decode::welcome(&Blob::new(bytes(case, "welcome"))).expect("a Welcome");
        let mut staged = StagedWelcome::build_from_welcome(&provider, &config, welcome)
            .expect("a Welcome for this key package");
        if let Some(tree) = tree {
            staged = staged.with_ratchet_tree(decode::tree(&Blob::new(tree)).map_err(text)?);
        }
        // The vectors are years old.
        let staged = staged.skip_lifetime_validation().build().map_err(text)?;
        let group = staged.into_group(&provider).map_err(text)?;
        Ok(Self { provider, group })
    }

    /// Takes a proposal, or a commit that ends the epoch.
    fn take(&mut self, message: Vec<u8>) -> Result<(), String> {
        let Self { provider, group } = self;
        let message = decode::protocol_message(&Blob::new(message)).map_err(text)?;
        let processed = group.process_message(provider, message).map_err(text)?;
        match processed.into_content() {
            ProcessedMessageContent::ProposalMessage(proposal) => group
                .store_pending_proposal(provider.storage(), *proposal)
                .map_err(text),
            ProcessedMessageContent::StagedCommitMessage(commit) => {
                group.merge_staged_commit(provider, *commit).map_err(text)
            }
            _ => Err("neither a proposal nor a commit".to_owned()),
        }
    }

    fn is_at(&self, case: &Value, authenticator: &str) {
        let own = self.group.epoch_authenticator().as_slice();
        assert_eq!(own, bytes(case, authenticator));
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Follows each case of a file; says how many epochs that were.
fn follow<C: Crypto>(json: &str) -> usize {
    let mut epochs = 0;
    for case in cases(json) {
        let tree = optional_bytes(&case, "ratchet_tree");
        let mut member = Passive::<C>::join(&case, tree).expect("a valid tree and GroupInfo");
        member.is_at(&case, "initial_epoch_authenticator");
        for epoch in list(&case, "epochs") {
            for proposal in list(epoch, "proposals") {
                let proposal = hex(proposal.as_str().expect("hex digits"));
                member.take(proposal).expect("a valid proposal");
            }
            member.take(bytes(epoch, "commit")).expect("a valid commit");
            member.is_at(epoch, "epoch_authenticator");
            epochs += 1;
        }
    }
    epochs
}

fn followed_by_both(json: &str) -> usize {
    let epochs = follow::<RustCrypto>(json);
    assert_eq!(follow::<OurSuites>(json), epochs);
    epochs
}

const WELCOMES: &str =
    include_str!("../../../../tests/vectors/rfc9420/passive-client-welcome.json");
const COMMITS: &str =
    include_str!("../../../../tests/vectors/rfc9420/passive-client-handling-commit.json");
const LIFE: &str = include_str!("../../../../tests/vectors/rfc9420/passive-client-random.json");

#[test]
fn rfc_9420_a_member_joins_by_the_welcomes_of_others() {
    assert_eq!(cases(WELCOMES).len(), 8);
    assert_eq!(followed_by_both(WELCOMES), 0);
}

#[test]
fn rfc_9420_a_member_follows_the_commits_of_others() {
    assert_eq!(cases(COMMITS).len(), 13);
    assert_eq!(followed_by_both(COMMITS), 26);
}

#[test]
fn rfc_9420_a_member_follows_a_long_life_of_a_group() {
    assert_eq!(followed_by_both(LIFE), 40);
}

/// With a byte changed, a commit is refused and nothing has happened: the right one is still taken.
fn refuses_changed<C: Crypto>(case: &Value, at: prop::sample::Index, mask: u8) {
    let tree = optional_bytes(case, "ratchet_tree");
    let mut member = Passive::<C>::join(case, tree).expect("a valid tree and GroupInfo");
    let epoch = &case["epochs"][0];
    for proposal in list(epoch, "proposals") {
        let proposal = hex(proposal.as_str().expect("hex digits"));
        member.take(proposal).expect("a valid proposal");
    }
    let commit = bytes(epoch, "commit");
    let mut changed = commit.clone();
    changed[at.index(commit.len())] ^= mask;
    assert!(member.take(changed).is_err());
    member.is_at(case, "initial_epoch_authenticator");
    member.take(commit).expect("a valid commit");
    member.is_at(epoch, "epoch_authenticator");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn changed_commits_of_others_are_refused_and_leave_no_trace(
        case in 0usize..13, at in any::<prop::sample::Index>(), mask in 1u8..,
    ) {
        let case = &cases(COMMITS)[case];
        refuses_changed::<RustCrypto>(case, at, mask);
        refuses_changed::<OurSuites>(case, at, mask);
    }

    /// The Welcome names the tree by its hash.
    #[test]
    fn changed_trees_let_nobody_in(
        case in 0usize..8, at in any::<prop::sample::Index>(), mask in 1u8..,
    ) {
        let case = &cases(WELCOMES)[case];
        let tree = optional_bytes(case, "ratchet_tree");
        prop_assume!(tree.is_some());
        let mut tree = tree.expect("assumed");
        let at = at.index(tree.len());
        tree[at] ^= mask;
        prop_assert!(Passive::<RustCrypto>::join(case, Some(tree.clone())).is_err());
        prop_assert!(Passive::<OurSuites>::join(case, Some(tree)).is_err());
    }
}
