//! The delivery service as the external sender of its groups (RFC 9420 §12.1.8).

use super::provider::KeyPair;
use super::{GroupError, terms};
use crate::delivery::ExternalSenderInfo;
use crate::secret::Secret;

/// Identity in the credential of a service.
const SERVICE_NAME: &str = "mls-srtp delivery service";

/// The key with which a delivery service signs its proposals.
pub struct ServiceIdentity {
    pub(crate) signer: KeyPair,
}

impl ServiceIdentity {
    /// Draws a new Ed25519 key.
    ///
    /// # Errors
    /// [`GroupError::Crypto`] when the system has no randomness.
    pub fn generate() -> Result<Self, GroupError> {
        KeyPair::new(terms::SIGNATURE_SCHEME)
            .map(|signer| Self { signer })
            .map_err(|_| GroupError::Crypto)
    }

    /// The key as bytes to keep: groups go on over a restart of their service only if it still has
    /// the key that they list. Whoever has them can propose in the service's name.
    ///
    /// # Errors
    /// None in practice: a key can be encoded.
    pub fn to_secret(&self) -> Result<Secret, GroupError> {
        let bytes = serde_json::to_vec(&self.signer);
        bytes.map(Secret::new).map_err(|_| GroupError::Crypto)
    }

    /// The key that [`Self::to_secret`] gave earlier.
    ///
    /// # Errors
    /// [`GroupError::Malformed`] if it is none.
    pub fn from_secret(secret: &Secret) -> Result<Self, GroupError> {
        let signer = serde_json::from_slice(secret.expose());
        let signer = signer.map_err(|_| GroupError::Malformed("a service's key"))?;
        Ok(Self { signer })
    }

    /// What groups list as their external sender.
    pub fn info(&self) -> ExternalSenderInfo {
        ExternalSenderInfo {
            signature_key: self.signer.to_public_vec().into(),
            identity: SERVICE_NAME.into(),
        }
    }
}
