//! The follower against members that hold a real `MlsGroup`, honest and not.

mod commits;
mod entries;
mod external;
mod forged;
mod key_packages;
mod lock;
mod suites;
mod weak_keys;
mod withdrawn;

use openmls::prelude::tls_codec::Serialize as _;
use openmls::prelude::{
    CredentialWithKey, Extensions, GroupContext, KeyPackage, KeyPackageBuilder, MlsGroup,
    MlsMessageOut, OpenMlsProvider, ProcessedMessageContent,
};
use openmls_basic_credential::SignatureKeyPair;
use openmls_rust_crypto::OpenMlsRustCrypto;

use super::*;
use crate::delivery::Blob;
use crate::id::{Epoch, Generation, GroupId, LeafIndex, ParticipantId, RoomName};
use crate::schedule::MediaMode;
use crate::trust::Evidence;

/// The suite of all groups here but those that are about suites.
const SUITE: MlsSuite = MlsSuite::X25519;
const GROUP: GroupId = GroupId::new([7; 16]);

fn name(user: &str) -> ParticipantId {
    ParticipantId::new(user, "example.org", "phone").expect("a name")
}

fn policy() -> RoomPolicy {
    RoomPolicy {
        room: RoomName::new("room").expect("a name"),
        generation: Generation::new(2),
        ciphersuite: SUITE,
        mode: MediaMode::default(),
        locked: false,
    }
}

fn encode(message: &MlsMessageOut) -> Blob {
    Blob::new(message.to_bytes().expect("encodes"))
}

/// Somebody with a signature key, who may do with the library whatever it lets him.
struct Client {
    who: ParticipantId,
    provider: OpenMlsRustCrypto,
    signer: SignatureKeyPair,
}

impl Client {
    fn new(user: &str) -> Self {
        let scheme = SUITE.mls().signature_algorithm();
        Self {
            who: name(user),
            provider: OpenMlsRustCrypto::default(),
            signer: SignatureKeyPair::new(scheme).expect("randomness"),
        }
    }

    fn credential(&self) -> CredentialWithKey {
        CredentialWithKey {
            credential: credential::of(&self.who, &Evidence::None),
            signature_key: self.signer.to_public_vec().into(),
        }
    }

    fn group(&self, terms: Extensions<GroupContext>) -> MlsGroup {
        MlsGroup::builder()
            .with_group_id(openmls::group::GroupId::from_slice(GROUP.as_bytes()))
            .ciphersuite(SUITE.mls())
            .with_capabilities(terms::capabilities(&[SUITE]))
            .with_group_context_extensions(terms)
            .with_wire_format_policy(terms::wire_format_policy())
            .use_ratchet_tree_extension(false)
            .build(&self.provider, &self.signer, self.credential())
            .expect("a group")
    }

    /// The key package that an honest client would make, unless `change` changes it.
    fn key_package_with(
        &self,
        change: impl FnOnce(KeyPackageBuilder) -> KeyPackageBuilder,
    ) -> KeyPackage {
        let builder = KeyPackage::builder().leaf_node_capabilities(terms::capabilities(&[SUITE]));
        change(builder)
            .build(SUITE.mls(), &self.provider, &self.signer, self.credential())
            .expect("a key package")
            .into_key_package()
    }

    fn key_package(&self) -> Blob {
        encode(&self.key_package_with(|builder| builder).into())
    }
}

/// GroupInfo and tree of a group, as its creator offers them.
fn offer(client: &Client, group: &MlsGroup) -> (Blob, Blob) {
    let info = group
        .export_group_info(client.provider.crypto(), &client.signer, false)
        .expect("a GroupInfo");
    let tree = group.export_ratchet_tree().tls_serialize_detached();
    (encode(&info), Blob::new(tree.expect("encodes")))
}

/// A group that alice has created, and the service that follows it.
struct Call {
    service: ServiceIdentity,
    alice: Client,
    group: MlsGroup,
    follower: GroupFollower,
}

/// A commit as a member submits it.
struct Submitted {
    commit: Blob,
    welcome: Option<Blob>,
    group_info: Blob,
}

impl Call {
    fn new() -> Self {
        Self::in_room(&policy())
    }

    fn in_room(policy: &RoomPolicy) -> Self {
        let service = ServiceIdentity::generate().expect("randomness");
        let alice = Client::new("alice");
        let terms = terms::extensions(policy, &service.info()).expect("terms");
        let group = alice.group(terms);
        let (info, tree) = offer(&alice, &group);
        let follower = GroupFollower::create(policy, &service, &alice.who, GROUP, &info, &tree);
        Self {
            follower: follower.expect("alice's group is as it should be"),
            service,
            alice,
            group,
        }
    }

    /// A call of alice and bob.
    fn with_bob() -> (Self, Client) {
        let mut call = Self::new();
        let bob = Client::new("bob");
        call.propose_add(&bob);
        let submitted = call.commit();
        call.accept(&submitted).expect("an honest commit");
        (call, bob)
    }

    fn propose_add(&mut self, client: &Client) -> ProposalReference {
        let proposed = self
            .follower
            .propose_add(&self.service, &client.key_package());
        self.hear(proposed.expect("an honest key package"))
    }

    fn propose_remove(&mut self, leaf: u16) -> ProposalReference {
        let leaf = LeafIndex::new(leaf);
        let proposed = self.follower.propose_remove(&self.service, leaf);
        self.hear(proposed.expect("a member"))
    }

    /// Alice takes a proposal of the service.
    fn hear(&mut self, proposed: Proposed) -> ProposalReference {
        let message = decode::protocol_message(&proposed.message).expect("a message");
        let processed = self.group.process_message(&self.alice.provider, message);
        let content = processed.expect("a valid proposal").into_content();
        let ProcessedMessageContent::ProposalMessage(proposal) = content else {
            panic!("not a proposal");
        };
        rules::check_proposal(&proposal, SUITE.mls())
            .expect("members accept what the service proposes");
        self.group
            .store_pending_proposal(self.alice.provider.storage(), *proposal)
            .expect("memory");
        proposed.reference
    }

    /// Alice commits what she has heard.
    fn commit(&mut self) -> Submitted {
        let Self { alice, group, .. } = self;
        let provider = &alice.provider;
        let bundle = group
            .commit_builder()
            .load_psks(provider.storage())
            .expect("none")
            .create_group_info(true)
            .use_ratchet_tree_extension(false)
            .build(provider.rand(), provider.crypto(), &alice.signer, |_| true)
            .expect("commits")
            .stage_commit(provider)
            .expect("stages");
        let (commit, welcome, group_info) = bundle.into_messages();
        Submitted {
            commit: encode(&commit),
            welcome: welcome.as_ref().map(encode),
            group_info: encode(&group_info.expect("was asked for")),
        }
    }

    fn stage(&self, submitted: &Submitted) -> Result<StagedChange, FollowError> {
        let Submitted {
            commit,
            welcome,
            group_info,
        } = submitted;
        self.follower
            .stage_commit(&self.alice.who, commit, welcome.as_ref(), group_info)
    }

    /// Stages a commit of alice's of which only the commit itself matters.
    fn refusal_of(&self, commit: &MlsMessageOut) -> FollowError {
        let submitted = Submitted {
            commit: encode(commit),
            welcome: None,
            group_info: Blob::default(),
        };
        match self.stage(&submitted) {
            Ok(_) => panic!("the commit was accepted"),
            Err(error) => error,
        }
    }

    fn accept(&mut self, submitted: &Submitted) -> Result<CommitOutcome, FollowError> {
        let change = self.stage(submitted)?;
        let outcome = self.follower.merge(change)?;
        self.group
            .merge_pending_commit(&self.alice.provider)
            .expect("merges");
        self.group
            .clear_pending_proposals(self.alice.provider.storage())
            .expect("memory");
        Ok(outcome)
    }

    /// Who is in it, by leaf, as the service sees it.
    fn seen(&self) -> Vec<(u16, String)> {
        let members = self.follower.roster().iter();
        members
            .map(|member| (member.leaf.get(), member.participant.user().to_owned()))
            .collect()
    }
}

fn rule(violation: RuleViolation) -> FollowError {
    FollowError::Group(GroupError::Rule(violation))
}

#[test]
fn the_follower_walks_with_the_group() {
    let (mut call, _bob) = Call::with_bob();
    assert_eq!(call.follower.group_id(), GROUP);
    assert_eq!(call.follower.epoch(), Epoch::new(1));
    assert_eq!(call.seen(), [(0, "alice".into()), (1, "bob".into())]);
    let (carol, gone) = (Client::new("carol"), LeafIndex::new(1));
    call.propose_remove(1);
    call.propose_add(&carol);
    let submitted = call.commit();
    let outcome = call.accept(&submitted).expect("an honest commit");
    let expected = CommitOutcome {
        epoch: Epoch::new(2),
        author: LeafIndex::new(0),
        external: false,
        locked: None,
        added: vec![name("carol")],
        removed: vec![(gone, name("bob"))],
    };
    assert_eq!(outcome, expected);
    assert_eq!(call.seen(), [(0, "alice".into()), (1, "carol".into())]);
    let tree = call.group.export_ratchet_tree().tls_serialize_detached();
    assert_eq!(
        call.follower.tree().expect("encodes").as_slice(),
        tree.expect("encodes")
    );
}
