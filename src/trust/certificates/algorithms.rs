//! The signatures that hold a chain together: natively those that `ring` verifies, in browsers
//! Ed25519 alone, for whatever is in there has to be loaded.

use rustls_pki_types::SignatureVerificationAlgorithm;

#[cfg(not(target_arch = "wasm32"))]
pub(super) static ALL: &[&dyn SignatureVerificationAlgorithm] = &[
    webpki::ring::ED25519,
    webpki::ring::ECDSA_P256_SHA256,
    webpki::ring::ECDSA_P384_SHA384,
    webpki::ring::RSA_PKCS1_2048_8192_SHA256,
    webpki::ring::RSA_PKCS1_2048_8192_SHA384,
    webpki::ring::RSA_PKCS1_2048_8192_SHA512,
];

#[cfg(target_arch = "wasm32")]
pub(super) static ALL: &[&dyn SignatureVerificationAlgorithm] = &[&ed25519::Ed25519];

#[cfg(any(target_arch = "wasm32", test))]
pub(super) mod ed25519 {
    use ed25519_dalek::{Signature, VerifyingKey};
    use rustls_pki_types::{
        AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id,
    };

    /// Ed25519 (RFC 8410) by the crate that signs for us, too.
    #[derive(Debug)]
    pub(crate) struct Ed25519;

    impl SignatureVerificationAlgorithm for Ed25519 {
        fn public_key_alg_id(&self) -> AlgorithmIdentifier {
            alg_id::ED25519
        }

        fn signature_alg_id(&self) -> AlgorithmIdentifier {
            alg_id::ED25519
        }

        fn verify_signature(
            &self,
            public_key: &[u8],
            message: &[u8],
            signature: &[u8],
        ) -> Result<(), InvalidSignature> {
            let key = VerifyingKey::try_from(public_key).map_err(|_| InvalidSignature)?;
            let signature = Signature::from_slice(signature).map_err(|_| InvalidSignature)?;
            key.verify_strict(message, &signature)
                .map_err(|_| InvalidSignature)
        }
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer as _, SigningKey};

    use super::*;

    #[test]
    fn both_libraries_verify_the_same() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let (public, signature) = (key.verifying_key().to_bytes(), key.sign(b"text").to_bytes());
        for algorithm in [webpki::ring::ED25519, &ed25519::Ed25519] {
            let verified = |public: &[u8], text: &[u8], signature: &[u8]| {
                algorithm.verify_signature(public, text, signature).is_ok()
            };
            assert!(verified(&public, b"text", &signature));
            assert!(!verified(&public, b"texts", &signature));
            assert!(!verified(&public, b"text", &signature[1..]));
            assert!(!verified(&public[1..], b"text", &signature));
        }
    }
}
