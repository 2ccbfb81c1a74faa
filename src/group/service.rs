//! The delivery service as the external sender of its groups (RFC 9420 §12.1.8).

use super::provider::KeyPair;
use super::{GroupError, terms};
use crate::delivery::ExternalSenderInfo;

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
        let scheme = terms::CIPHERSUITE.signature_algorithm();
        KeyPair::new(scheme)
            .map(|signer| Self { signer })
            .map_err(|_| GroupError::Crypto)
    }

    /// What groups list as their external sender.
    pub fn info(&self) -> ExternalSenderInfo {
        ExternalSenderInfo {
            signature_key: self.signer.to_public_vec().into(),
            identity: SERVICE_NAME.into(),
        }
    }
}
