//! RFC 9420's encodings: what others have encoded is taken as it is, and what differs from it is
//! another message or none.

use openmls::prelude::tls_codec::{self as library, Deserialize as _, Serialize as _, vlen};
use openmls::prelude::{MlsMessageIn, ProposalIn, RatchetTreeIn};
use proptest::prelude::*;
use tls_codec::DeserializeBytes as _;

use super::labels::{SUITE, vector};
use super::*;
use crate::delivery::Blob;
use crate::group::decode;

const MESSAGES: &str = include_str!("../../../../tests/vectors/rfc9420/messages.json");
const LENGTHS: &str = include_str!("../../../../tests/vectors/rfc9420/deserialization.json");
const TREES: &str = include_str!("../../../../tests/vectors/rfc9420/tree-validation.json");

/// The fields that are an MLSMessage.
const WHOLE: [&str; 7] = [
    "mls_welcome",
    "mls_group_info",
    "mls_key_package",
    "public_message_application",
    "public_message_proposal",
    "public_message_commit",
    "private_message",
];
/// The fields that are a proposal, with the type that stands before it. A ReInit is left out: that
/// of the vectors holds an extension that no GroupContext may have, and the MLS library does not
/// take it. Rooms have no ReInit at all.
const PROPOSALS: [(&str, u16); 6] = [
    ("add_proposal", 1),
    ("update_proposal", 2),
    ("remove_proposal", 3),
    ("pre_shared_key_proposal", 4),
    ("external_init_proposal", 6),
    ("group_context_extensions_proposal", 7),
];

/// Reads and writes again; `None` if it is refused.
fn message_again(encoded: &[u8]) -> Option<Vec<u8>> {
    let read = MlsMessageIn::tls_deserialize_exact(encoded).ok()?;
    Some(read.tls_serialize_detached().expect("encodes"))
}

fn proposal_again(encoded: &[u8]) -> Option<Vec<u8>> {
    let read = ProposalIn::tls_deserialize_exact(encoded).ok()?;
    Some(read.tls_serialize_detached().expect("encodes"))
}

fn tree_again(encoded: &[u8]) -> Option<Vec<u8>> {
    let read = decode::tree(&Blob::new(encoded.to_vec())).ok()?;
    Some(read.tls_serialize_detached().expect("encodes"))
}

#[test]
fn rfc_9420_messages_are_read_and_written_as_they_are() {
    let mut objects = 0;
    for case in cases(MESSAGES) {
        for field in WHOLE {
            let encoded = bytes(&case, field);
            assert_eq!(message_again(&encoded).as_ref(), Some(&encoded), "{field}");
            objects += 1;
        }
        for (field, kind) in PROPOSALS {
            let encoded = [&kind.to_be_bytes()[..], &bytes(&case, field)].concat();
            assert_eq!(proposal_again(&encoded).as_ref(), Some(&encoded), "{field}");
            objects += 1;
        }
        let tree = bytes(&case, "ratchet_tree");
        assert_eq!(tree_again(&tree).as_ref(), Some(&tree));
        objects += 1;
    }
    assert_eq!(objects, 20 * 14);
}

/// The doors by which messages come in take their own kind, and no other.
#[test]
fn rfc_9420_messages_enter_by_their_own_door() {
    for case in cases(MESSAGES) {
        for field in WHOLE {
            let blob = Blob::new(bytes(&case, field));
            let kinds = [
                decode::welcome(&blob).is_ok(),
                decode::group_info(&blob).is_ok(),
                decode::protocol_message(&blob).is_ok(),
            ];
            let expected = match field {
                "mls_welcome" => [true, false, false],
                "mls_group_info" => [false, true, false],
                "mls_key_package" => [false, false, false],
                _ => [false, false, true],
            };
            assert_eq!(kinds, expected, "{field}");
        }
    }
}

#[test]
fn rfc_9420_lengths_have_one_encoding() {
    let mut read = 0;
    for case in cases(LENGTHS) {
        let (header, length) = (bytes(&case, "vlbytes_header"), &case["length"]);
        let length = usize::try_from(length.as_u64().expect("a number")).expect("30 bits");
        assert_eq!(
            vlen::read_length(&mut &header[..]),
            Ok((length, header.len()))
        );
        if length <= 1 << 16 {
            assert_eq!(vector(&vec![0; length])[..header.len()], header);
        }
        assert_eq!(are_vectors(&header), [length == 0; 2], "{header:?} alone");
        read += 1;
    }
    assert_eq!(read, 14);
    // §2.1.2: the shortest, and the prefix 0b11 is none.
    for wrong in [
        "4000",
        "403f",
        "80000000",
        "80003fff",
        "c0",
        "ffffffffffffffff",
    ] {
        let mut padded = hex(wrong);
        padded.resize(1 << 15, 0);
        assert_eq!(are_vectors(&padded), [false; 2], "{wrong}");
    }
}

/// Whether `opaque<V>` begins so: for the MLS library, and for what is read by our own types.
fn are_vectors(encoded: &[u8]) -> [bool; 2] {
    [
        library::VLBytes::tls_deserialize(&mut &encoded[..]).is_ok(),
        Vec::<u8>::tls_deserialize_bytes(encoded).is_ok(),
    ]
}

#[test]
fn rfc_9420_trees_have_the_signatures_of_their_leaves() {
    let mut trees = 0;
    for case in cases(TREES) {
        let tree = bytes(&case, "tree");
        assert_eq!(tree_again(&tree).as_ref(), Some(&tree));
        assert!(verifies::<RustCrypto>(&case, &bytes(&case, "group_id")));
        assert!(verifies::<OurSuites>(&case, &bytes(&case, "group_id")));
        assert!(!verifies::<RustCrypto>(&case, b"another group"));
        assert!(!verifies::<OurSuites>(&case, b"another group"));
        trees += 1;
    }
    assert_eq!(trees, 14);
}

fn verifies<C: Crypto>(case: &Value, group_id: &[u8]) -> bool {
    let tree: RatchetTreeIn = decode::tree(&Blob::new(bytes(case, "tree"))).expect("a tree");
    let group_id = openmls::group::GroupId::from_slice(group_id);
    let verified = tree.into_verified(SUITE, &C::default(), &group_id);
    verified.is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// No bit of a message is free: bytes that are read are written again as they came, so whatever
    /// is signed or hashed is what was read.
    #[test]
    fn changed_messages_are_refused_or_other_messages(
        case in 0usize..20, field in 0usize..WHOLE.len(),
        at in any::<prop::sample::Index>(), with in any::<u8>(), cut in any::<bool>(),
    ) {
        let mut encoded = bytes(&cases(MESSAGES)[case], WHOLE[field]);
        let at = at.index(encoded.len());
        if cut {
            encoded.truncate(at);
            prop_assert_eq!(message_again(&encoded), None, "cut");
        } else {
            encoded[at] = with;
            prop_assert!(message_again(&encoded).is_none_or(|again| again == encoded));
        }
    }

    /// Trees likewise.
    #[test]
    fn changed_trees_are_refused_or_other_trees(
        case in 0usize..14, at in any::<prop::sample::Index>(), with in any::<u8>(),
    ) {
        let mut encoded = bytes(&cases(TREES)[case], "tree");
        let at = at.index(encoded.len());
        encoded[at] = with;
        prop_assert!(tree_again(&encoded).is_none_or(|again| again == encoded));
    }
}
