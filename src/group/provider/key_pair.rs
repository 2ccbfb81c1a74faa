//! An Ed25519 signature key, as the MLS library wants it.

use ed25519_dalek::{Signer as _, SigningKey};
use openmls_traits::signatures::{Signer, SignerError};
use openmls_traits::types::{CryptoError, SignatureScheme};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Signs with Ed25519. The private key is wiped when it is dropped.
#[derive(Serialize, Deserialize)]
pub(crate) struct KeyPair {
    private: Zeroizing<[u8; 32]>,
    public: [u8; 32],
}

impl KeyPair {
    /// Draws a key.
    ///
    /// # Errors
    /// No randomness, or another scheme than Ed25519.
    pub(crate) fn new(scheme: SignatureScheme) -> Result<Self, CryptoError> {
        super::our_suites::only_ed25519(scheme)?;
        let mut private = Zeroizing::new([0; 32]);
        super::our_suites::fill(&mut *private)?;
        Ok(Self::of(&SigningKey::from_bytes(&private)))
    }

    /// A key that exists.
    pub(crate) fn of(key: &SigningKey) -> Self {
        Self {
            private: Zeroizing::new(key.to_bytes()),
            public: key.verifying_key().to_bytes(),
        }
    }

    /// The public key, 32 bytes.
    pub(crate) fn to_public_vec(&self) -> Vec<u8> {
        self.public.to_vec()
    }
}

impl Signer for KeyPair {
    fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, SignerError> {
        let key = SigningKey::from_bytes(&self.private);
        Ok(key.sign(payload).to_bytes().to_vec())
    }

    fn signature_scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}

#[cfg(test)]
mod tests {
    use openmls_rust_crypto::RustCrypto;
    use openmls_traits::crypto::OpenMlsCrypto;

    use super::*;

    #[test]
    fn the_other_provider_verifies_what_it_signs() {
        let scheme = SignatureScheme::ED25519;
        let pair = KeyPair::new(scheme).expect("a key");
        let json = serde_json::to_vec(&pair).expect("JSON");
        let stored: KeyPair = serde_json::from_slice(&json).expect("a key");
        let signature = stored.sign(b"text").expect("signed");
        let verify = |text: &[u8]| {
            let public = pair.to_public_vec();
            RustCrypto::default().verify_signature(scheme, text, &public, &signature)
        };
        assert_eq!(verify(b"text"), Ok(()));
        assert!(verify(b"texts").is_err());
        assert!(KeyPair::new(SignatureScheme::ECDSA_SECP256R1_SHA256).is_err());
    }
}
