//! Proof that whoever shows a token has the signature key that it is for.

use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize};
use tls_codec::{Serialize as _, TlsSerialize, TlsSize};

use crate::delivery::Blob;
use crate::id::{ParticipantId, RoomName};

/// Separates these signatures from MLS's own, all of which begin with a label of theirs
/// (RFC 9420 §5.1.2).
const LABEL: &[u8] = b"mls-srtp v1 hello";

/// A signature over a room, a participant and a token, made with the participant's key.
///
/// A token alone can be read by whoever sees it, and one that stands in a credential by every
/// member; the key stays with its owner. The signature names no moment: who could repeat it has
/// heard it, and that is the service to which it was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyProof {
    /// The raw Ed25519 public key, 32 bytes.
    pub key: Blob,
    /// The signature, 64 bytes.
    pub signature: Blob,
}

/// ```text
/// struct {
///     opaque label<V> = "mls-srtp v1 hello";
///     opaque room<V>;
///     opaque participant<V>;
///     opaque token<V>;
/// } HelloTBS;
/// ```
#[derive(TlsSerialize, TlsSize)]
struct Content {
    label: Vec<u8>,
    room: Vec<u8>,
    participant: Vec<u8>,
    token: Vec<u8>,
}

/// What is signed.
#[expect(clippy::expect_used, reason = "names and tokens fit into an envelope")]
pub(crate) fn content(room: &RoomName, participant: &ParticipantId, token: &str) -> Vec<u8> {
    let content = Content {
        label: LABEL.to_vec(),
        room: room.as_str().as_bytes().to_vec(),
        participant: participant.to_string().into_bytes(),
        token: token.as_bytes().to_vec(),
    };
    content
        .tls_serialize_detached()
        .expect("names and tokens fit a vector of 2^30 bytes")
}

impl KeyProof {
    /// Whether it was made for this room, participant and token with the key that it names.
    pub fn holds(&self, room: &RoomName, participant: &ParticipantId, token: &str) -> bool {
        let verify = || {
            let key = VerifyingKey::from_bytes(self.key.as_slice().try_into().ok()?).ok()?;
            let signature = Signature::from_slice(self.signature.as_slice()).ok()?;
            let content = content(room, participant, token);
            key.verify_strict(&content, &signature).ok()
        };
        verify().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::Identity;

    #[test]
    fn a_proof_is_for_one_room_one_participant_one_token_and_one_key() {
        let room = RoomName::new("demo").expect("a name");
        let alice: ParticipantId = "alice@example.org/phone".parse().expect("a name");
        let identity = Identity::generate(alice.clone()).expect("randomness");
        let proof = identity.prove(&room, "a.b.c").expect("signs");
        assert_eq!(proof.key, identity.public_key());
        assert!(proof.holds(&room, &alice, "a.b.c"));
        let lobby = RoomName::new("lobby").expect("a name");
        assert!(!proof.holds(&lobby, &alice, "a.b.c"));
        let tablet = "alice@example.org/tablet".parse().expect("a name");
        assert!(!proof.holds(&room, &tablet, "a.b.c"));
        assert!(!proof.holds(&room, &alice, "a.b.d"));
        let other = Identity::generate(alice.clone()).expect("randomness");
        let stolen = KeyProof {
            key: other.public_key(),
            ..proof.clone()
        };
        assert!(!stolen.holds(&room, &alice, "a.b.c"));
        for wrong in [Blob::default(), Blob::new(vec![0; 64])] {
            let signature = wrong.clone();
            let forged = KeyProof {
                signature,
                ..proof.clone()
            };
            assert!(!forged.holds(&room, &alice, "a.b.c"));
            let keyless = KeyProof {
                key: wrong,
                ..proof.clone()
            };
            assert!(!keyless.holds(&room, &alice, "a.b.c"));
        }
    }

    /// With a key of small order one signature would go for any room, name and token.
    #[test]
    fn a_key_of_small_order_proves_nothing() {
        let room = RoomName::new("demo").expect("a name");
        let alice: ParticipantId = "alice@example.org/phone".parse().expect("a name");
        for key in crate::testing::ed25519_of_small_order() {
            let forged = KeyProof {
                key: Blob::new(key.to_vec()),
                signature: Blob::new([key, [0; 32]].concat()),
            };
            assert!(!forged.holds(&room, &alice, "a.b.c"));
        }
    }
}
