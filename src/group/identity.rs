//! Who a participant is, and the key that signs for it.

use openmls::prelude::CredentialWithKey;
use serde::{Deserialize, Serialize};

use super::provider::KeyPair;
use super::{GroupError, credential, terms};
use crate::delivery::Blob;
use crate::id::ParticipantId;

/// A participant's name and the Ed25519 key that signs for it.
#[derive(Serialize, Deserialize)]
pub struct Identity {
    pub(super) participant: ParticipantId,
    pub(super) signer: KeyPair,
}

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
        })
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
            credential: credential::of(&self.participant),
            signature_key: self.signer.to_public_vec().into(),
        }
    }
}
