//! Who a participant is, and the key that signs for it.

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::DecodePrivateKey;
use openmls::prelude::CredentialWithKey;
use openmls_traits::signatures::Signer as _;
use serde::{Deserialize, Serialize};

use super::provider::{KeyPair, key_pair};
use super::{GroupError, credential, terms};
use crate::delivery::Blob;
use crate::id::{ParticipantId, RoomName};
use crate::token::{KeyProof, RoomToken, proof_content};
use crate::trust::{self, Evidence, TrustError};

/// A participant's name and the Ed25519 key that signs for it.
#[derive(Serialize, Deserialize)]
pub struct Identity {
    pub(super) participant: ParticipantId,
    pub(super) signer: KeyPair,
    /// What the credential brings to prove that the name goes with the key.
    #[serde(default)]
    evidence: Evidence,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity")
            .field("participant", &self.participant)
            .finish_non_exhaustive()
    }
}

/// A private key that is none, or not of the one kind that members have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not an Ed25519 private key in PKCS #8 ({0}); `openssl genpkey -algorithm ed25519` makes one"
)]
pub struct KeyError(String);

impl Identity {
    /// Draws a new signature key for a participant.
    ///
    /// # Errors
    /// [`GroupError::Crypto`] when the system has no randomness.
    pub fn generate(participant: ParticipantId) -> Result<Self, GroupError> {
        let signer = KeyPair::new(terms::SIGNATURE_SCHEME).map_err(|_| GroupError::Crypto)?;
        Ok(Self {
            participant,
            signer,
            evidence: Evidence::None,
        })
    }

    /// A participant with a signature key that exists: an Ed25519 private key in PKCS #8, DER
    /// (RFC 8410 §7). One key is one member: two processes with it are not told apart.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_pkcs8(participant: ParticipantId, der: &[u8]) -> Result<Self, KeyError> {
        let key = SigningKey::from_pkcs8_der(der).map_err(|error| KeyError(error.to_string()))?;
        Ok(Self {
            participant,
            signer: key_pair(&key),
            evidence: Evidence::None,
        })
    }

    /// Puts evidence into the credential: a certificate chain for the key, or a room token that is
    /// bound to it. Whether it proves anything is for the other members to say.
    #[must_use]
    pub fn with_evidence(mut self, evidence: Evidence) -> Self {
        self.evidence = evidence;
        self
    }

    /// Puts a chain of X.509 certificates in DER into the credential, the participant's own first.
    ///
    /// # Errors
    /// [`TrustError`] if that one is for another name or key. Nothing else is looked at.
    pub fn with_certificates(self, chain: Vec<Blob>) -> Result<Self, TrustError> {
        let key = self.public_key();
        trust::check_fits(&chain, &self.participant, key.as_slice())?;
        Ok(self.with_evidence(Evidence::Certificates(chain)))
    }

    /// Puts a room token into the credential, in the place of an older one, if it is of a kind that
    /// [may be shown](RoomToken::may_be_shown). Otherwise, and where there is a certificate chain, the
    /// credential stays as it is.
    pub(crate) fn show_token(&mut self, token: Option<&str>) {
        if matches!(self.evidence, Evidence::Certificates(_)) {
            return;
        }
        let key = self.signer.to_public_vec();
        if let Some(token) = token.filter(|token| RoomToken::may_be_shown(token, &key)) {
            self.evidence = Evidence::Token(token.to_owned());
        }
    }

    /// Proves for a room and a token that the key is ours.
    ///
    /// # Errors
    /// [`GroupError::Crypto`] if the key cannot sign.
    pub fn prove(&self, room: &RoomName, token: &str) -> Result<KeyProof, GroupError> {
        let content = proof_content(room, &self.participant, token);
        let signature = self.signer.sign(&content);
        Ok(KeyProof {
            key: self.public_key(),
            signature: signature.map_err(|_| GroupError::Crypto)?.into(),
        })
    }

    /// What the credential brings.
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// Who it is.
    pub fn participant(&self) -> &ParticipantId {
        &self.participant
    }

    /// The raw Ed25519 public key, 32 bytes.
    pub fn public_key(&self) -> Blob {
        self.signer.to_public_vec().into()
    }

    pub(super) fn credential(&self) -> CredentialWithKey {
        CredentialWithKey {
            credential: credential::of(&self.participant, &self.evidence),
            signature_key: self.signer.to_public_vec().into(),
        }
    }
}
