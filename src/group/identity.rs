//! Who a participant is, and the key that signs for it.

use openmls::prelude::CredentialWithKey;
use serde::{Deserialize, Serialize};

use super::provider::KeyPair;
use super::{GroupError, credential, terms};
use crate::delivery::Blob;
use crate::id::ParticipantId;
use crate::token::RoomToken;
use crate::trust::Evidence;

/// A participant's name and the Ed25519 key that signs for it.
#[derive(Serialize, Deserialize)]
pub struct Identity {
    pub(super) participant: ParticipantId,
    pub(super) signer: KeyPair,
    /// What the credential brings to prove that the name goes with the key.
    #[serde(default)]
    evidence: Evidence,
}

impl Identity {
    /// Draws a new signature key for a participant.
    ///
    /// # Errors
    /// [`GroupError::Crypto`] when the system has no randomness.
    pub fn generate(participant: ParticipantId) -> Result<Self, GroupError> {
        let scheme = terms::CIPHERSUITE.signature_algorithm();
        let signer = KeyPair::new(scheme).map_err(|_| GroupError::Crypto)?;
        Ok(Self {
            participant,
            signer,
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

    /// Puts a room token into the credential, in the place of an older one, if it is of a kind that
    /// [may be shown](RoomToken::may_be_shown). A certificate chain stays.
    pub(crate) fn show_token(&mut self, token: Option<&str>) {
        if matches!(self.evidence, Evidence::Certificates(_)) {
            return;
        }
        let key = self.signer.to_public_vec();
        let shown = token.filter(|token| RoomToken::may_be_shown(token, &key));
        self.evidence = shown.map_or(Evidence::None, |token| Evidence::Token(token.to_owned()));
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
