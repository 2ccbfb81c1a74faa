//! External commits that the MLS library does not build, and would have to refuse.

use openmls::prelude::tls_codec::{DeserializeBytes as _, VLBytes};
use openmls_traits::signatures::Signer as _;

use super::external::{from_outside, stage};
use super::*;

/// `MAC` of 32 bytes.
const CONFIRMATION_TAG_BYTES: usize = 1 + 32;
/// `opaque signature<V>` of 64 bytes.
const SIGNATURE_BYTES: usize = 2 + 64;
/// Version and wire format, group id, epoch, sender, no additional data, content type.
const HEADER_BYTES: usize = 4 + 1 + 16 + 8 + 1 + 1 + 1;

fn vector(bytes: &[u8]) -> Vec<u8> {
    let bytes = VLBytes::new(bytes.to_vec());
    bytes.tls_serialize_detached().expect("short")
}

/// An external commit with further proposals in it (RFC 9420 §12.4), signed anew (§6.1).
fn with_proposals(call: &Call, client: &Client, commit: &Blob, more: &[u8]) -> Blob {
    let bytes = commit.as_slice();
    let (content, tag) = bytes.split_at(bytes.len() - CONFIRMATION_TAG_BYTES);
    let (content, _) = content.split_at(content.len() - SIGNATURE_BYTES);
    let (header, commit) = content.split_at(HEADER_BYTES);
    let (proposals, path) = VLBytes::tls_deserialize_bytes(commit).expect("proposals come first");
    let proposals = vector(&[proposals.as_slice(), more].concat());
    let content = [header, &proposals, path].concat();
    let (info, _) = offer(&call.alice, &call.group);
    let info = decode::group_info(&info).expect("alice's own");
    let context = info.group_context().tls_serialize_detached();
    let signed = [
        vector(b"MLS 1.0 FramedContentTBS"),
        vector(&[content.as_slice(), &context.expect("encodes")].concat()),
    ];
    let signature = client.signer.sign(&signed.concat()).expect("signs");
    Blob::new([content.as_slice(), &vector(&signature), tag].concat())
}

/// An inline proposal of a type.
fn inline(proposal_type: u16, body: &[u8]) -> Vec<u8> {
    [&[1][..], proposal_type.to_be_bytes().as_slice(), body].concat()
}

fn refusal_with(more: &[u8]) -> Option<FollowError> {
    let (call, bob) = Call::with_bob();
    let mut built = from_outside(&call, &bob, false);
    built.commit = with_proposals(&call, &bob, &built.commit, more);
    stage(&call, &bob.who, &built).err()
}

#[test]
fn an_external_commit_changes_neither_terms_nor_version_nor_anybody_else() {
    assert_eq!(
        refusal_with(&[]),
        None,
        "signed anew it is as good as before"
    );
    let re_init = [vector(GROUP.as_bytes()), vec![0, 1, 0, 1], vector(&[])].concat();
    let locked = RoomPolicy {
        locked: true,
        ..policy()
    };
    let service = ServiceIdentity::generate().expect("randomness");
    let terms = terms::extensions(&locked, &service.info()).expect("terms");
    let terms = terms.tls_serialize_detached().expect("encodes");
    let carol = Client::new("carol").key_package_with(|builder| builder);
    let add = carol.tls_serialize_detached().expect("encodes");
    for (what, proposal) in [
        ("ReInit", inline(5, &re_init)),
        ("GroupContextExtensions", inline(7, &terms)),
        ("Add", inline(1, &add)),
        ("Remove of alice", inline(3, &0u32.to_be_bytes())),
    ] {
        let refused = refusal_with(&proposal);
        assert!(
            matches!(refused, Some(FollowError::Group(_))),
            "{what}: {refused:?}"
        );
    }
}
