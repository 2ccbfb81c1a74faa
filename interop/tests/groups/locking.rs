//! A room is locked by a commit that changes the GroupContext's extensions. Only a token gives the
//! right to, which no peer has; so here no service decides, and the test signs its proposals.

use interop::peer::{Peer, Received};
use mls_srtp::delivery::{Blob, ExternalSenderInfo};
use mls_srtp::group::RoomPolicy;
use openmls::prelude::tls_codec::Deserialize as _;
use openmls::prelude::{
    ExternalProposal, GroupEpoch, GroupId, KeyPackage, LeafNodeIndex, MlsMessageBodyIn,
    MlsMessageIn, MlsMessageOut, OpenMlsProvider, ProtocolVersion, SenderExtensionIndex,
    SignatureScheme,
};
use openmls_basic_credential::SignatureKeyPair;
use openmls_rust_crypto::OpenMlsRustCrypto;

use super::ours::OpenMls;
use super::room::{GROUP, policy, terms};
use super::{ALICE, BOB, CAROL, stranger};

/// The key of the service's proposals.
struct Service(SignatureKeyPair);

impl Service {
    fn new() -> Self {
        Self(SignatureKeyPair::new(SignatureScheme::ED25519).expect("randomness"))
    }

    fn info(&self) -> ExternalSenderInfo {
        ExternalSenderInfo {
            signature_key: Blob::new(self.0.public().to_vec()),
            identity: "service@example.org".to_owned(),
        }
    }

    fn add(&self, epoch: u64, peer: &mut dyn Peer) -> Vec<u8> {
        let bytes = peer.key_package().expect("a key package");
        let proposal = ExternalProposal::new_add::<OpenMlsRustCrypto>(
            read_key_package(&bytes),
            GroupId::from_slice(&GROUP),
            GroupEpoch::from(epoch),
            &self.0,
            SenderExtensionIndex::new(0),
        );
        encoded(&proposal.expect("a proposal"))
    }

    fn remove(&self, epoch: u64, leaf: u32) -> Vec<u8> {
        let proposal = ExternalProposal::new_remove::<OpenMlsRustCrypto>(
            LeafNodeIndex::new(leaf),
            GroupId::from_slice(&GROUP),
            GroupEpoch::from(epoch),
            &self.0,
            SenderExtensionIndex::new(0),
        );
        encoded(&proposal.expect("a proposal"))
    }
}

fn read_key_package(bytes: &[u8]) -> KeyPackage {
    let message = MlsMessageIn::tls_deserialize_exact(bytes).expect("an MLSMessage");
    let MlsMessageBodyIn::KeyPackage(key_package) = message.extract() else {
        panic!("not a key package");
    };
    let provider = OpenMlsRustCrypto::default();
    let valid = key_package.validate(provider.crypto(), ProtocolVersion::Mls10);
    valid.expect("a valid key package")
}

fn encoded(message: &MlsMessageOut) -> Vec<u8> {
    message.to_bytes().expect("it encodes")
}

fn assert_agreed(one: &mut dyn Peer, other: &mut dyn Peer) {
    let secret = |peer: &mut dyn Peer| peer.export("mls-srtp v1", &GROUP, 32).expect("a secret");
    assert_eq!(secret(one), secret(other));
}

#[test]
fn a_stranger_follows_into_a_locked_room_and_still_knows_the_service() {
    let service = Service::new();
    let (mut alice, mut bob, mut carol) = (OpenMls::new(ALICE), stranger(BOB), stranger(CAROL));
    alice
        .create(&GROUP, &terms(&policy(), &service.info()))
        .expect("a group");
    for newcomer in [&mut bob, &mut carol] {
        alice
            .receive(&service.add(0, newcomer))
            .expect("it is the service's");
    }
    let first = alice.commit().expect("a commit");
    alice.accept_commit().expect("it waits");
    let welcome = first.welcome.expect("somebody was added");
    let tree = alice.tree();
    bob.join(&welcome, &tree).expect("it joins");
    carol.join(&welcome, &tree).expect("it joins");

    let locked = RoomPolicy {
        locked: true,
        ..policy()
    };
    let lock = alice
        .commit_terms(&terms(&locked, &service.info()))
        .expect("a commit");
    alice.accept_commit().expect("it waits");
    for other in [&mut bob, &mut carol] {
        assert_eq!(
            other.receive(&lock.commit).expect("it follows"),
            Received::Commit
        );
    }
    assert_agreed(&mut alice, &mut bob);

    let removal = service.remove(2, 2);
    for member in [&mut alice as &mut dyn Peer, &mut bob] {
        assert_eq!(
            member.receive(&removal).expect("it is the service's"),
            Received::Proposal
        );
    }
    let removed = bob.commit().expect("a commit");
    bob.accept_commit().expect("it waits");
    assert_eq!(
        alice.receive(&removed.commit).expect("it follows"),
        Received::Commit
    );
    assert_agreed(&mut alice, &mut bob);
}
