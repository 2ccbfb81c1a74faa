//! The suites of [`MlsSuite`] and nothing else, of the same RustCrypto crates that OpenMLS's own
//! provider uses, with HPKE (RFC 9180, draft-ietf-hpke-pq) by the `hpke` crate.

use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes128Gcm, KeyInit as _, Nonce};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use hpke::aead::AesGcm128;
use hpke::kdf::HkdfSha256;
use hpke::kem::{X25519HkdfSha256, XWing};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use openmls::prelude::SecretVLBytes;
use openmls_traits::crypto::OpenMlsCrypto;
use openmls_traits::random::OpenMlsRand;
use openmls_traits::types::{
    AeadType, Ciphersuite, CryptoError, ExporterSecret, HashType, HpkeAeadType, HpkeCiphertext,
    HpkeConfig, HpkeKdfType, HpkeKemType, HpkeKeyPair, KemOutput, SignatureScheme,
};
use sha2::{Digest as _, Sha256};
use shake::{ExtendableOutput as _, Shake256, Update as _, XofReader as _};

use crate::group::MlsSuite;

/// The algorithms; its randomness is the system's or the browser's.
#[derive(Debug, Default)]
pub(crate) struct OurSuites;

impl OpenMlsRand for OurSuites {
    type Error = CryptoError;

    fn random_array<const N: usize>(&self) -> Result<[u8; N], CryptoError> {
        let mut bytes = [0; N];
        fill(&mut bytes)?;
        Ok(bytes)
    }

    fn random_vec(&self, len: usize) -> Result<Vec<u8>, CryptoError> {
        let mut bytes = vec![0; len];
        fill(&mut bytes)?;
        Ok(bytes)
    }
}

impl OpenMlsCrypto for OurSuites {
    fn supports(&self, ciphersuite: Ciphersuite) -> Result<(), CryptoError> {
        only(
            self.supported_ciphersuites().contains(&ciphersuite),
            CryptoError::UnsupportedCiphersuite,
        )
    }

    fn supported_ciphersuites(&self) -> Vec<Ciphersuite> {
        MlsSuite::ALL.map(MlsSuite::mls).to_vec()
    }

    fn hkdf_extract(
        &self,
        hash: HashType,
        salt: &[u8],
        ikm: &[u8],
    ) -> Result<SecretVLBytes, CryptoError> {
        only_sha256(hash)?;
        Ok(Hkdf::<Sha256>::extract(Some(salt), ikm).0.to_vec().into())
    }

    fn hmac(
        &self,
        hash: HashType,
        key: &[u8],
        message: &[u8],
    ) -> Result<SecretVLBytes, CryptoError> {
        only_sha256(hash)?;
        let mac = <Hmac<Sha256> as hmac::Mac>::new_from_slice(key);
        let mut mac = mac.map_err(|_| CryptoError::InvalidLength)?;
        mac.update(message);
        Ok(mac.finalize().into_bytes().to_vec().into())
    }

    fn hkdf_expand(
        &self,
        hash: HashType,
        prk: &[u8],
        info: &[u8],
        len: usize,
    ) -> Result<SecretVLBytes, CryptoError> {
        only_sha256(hash)?;
        let mut okm = vec![0; len];
        Hkdf::<Sha256>::from_prk(prk)
            .map_err(|_| CryptoError::HkdfOutputLengthInvalid)?
            .expand(info, &mut okm)
            .map_err(|_| CryptoError::HkdfOutputLengthInvalid)?;
        Ok(okm.into())
    }

    fn hash(&self, hash: HashType, data: &[u8]) -> Result<Vec<u8>, CryptoError> {
        only_sha256(hash)?;
        Ok(Sha256::digest(data).to_vec())
    }

    fn aead_encrypt(
        &self,
        alg: AeadType,
        key: &[u8],
        data: &[u8],
        nonce: &[u8],
        aad: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        let payload = Payload { msg: data, aad };
        aes(alg, key)?
            .encrypt(nonce_of(nonce)?, payload)
            .map_err(|_| CryptoError::CryptoLibraryError)
    }

    fn aead_decrypt(
        &self,
        alg: AeadType,
        key: &[u8],
        sealed: &[u8],
        nonce: &[u8],
        aad: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        let payload = Payload { msg: sealed, aad };
        aes(alg, key)?
            .decrypt(nonce_of(nonce)?, payload)
            .map_err(|_| CryptoError::AeadDecryptionError)
    }

    fn signature_key_gen(&self, alg: SignatureScheme) -> Result<(Vec<u8>, Vec<u8>), CryptoError> {
        only_ed25519(alg)?;
        let key = SigningKey::from_bytes(&self.random_array()?);
        Ok((
            key.to_bytes().to_vec(),
            key.verifying_key().to_bytes().to_vec(),
        ))
    }

    fn verify_signature(
        &self,
        alg: SignatureScheme,
        data: &[u8],
        key: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        only_ed25519(alg)?;
        let key = VerifyingKey::try_from(key).map_err(|_| CryptoError::CryptoLibraryError)?;
        let signature =
            Signature::from_slice(signature).map_err(|_| CryptoError::InvalidSignature)?;
        key.verify_strict(data, &signature)
            .map_err(|_| CryptoError::InvalidSignature)
    }

    fn sign(&self, alg: SignatureScheme, data: &[u8], key: &[u8]) -> Result<Vec<u8>, CryptoError> {
        only_ed25519(alg)?;
        let key = SigningKey::try_from(key).map_err(|_| CryptoError::CryptoLibraryError)?;
        Ok(key.sign(data).to_bytes().to_vec())
    }

    fn hpke_seal(
        &self,
        config: HpkeConfig,
        to: &[u8],
        info: &[u8],
        aad: &[u8],
        text: &[u8],
    ) -> Result<HpkeCiphertext, CryptoError> {
        match kem_of(&config)? {
            OurKem::X25519 => seal::<X25519HkdfSha256>(to, info, aad, text),
            OurKem::XWing => seal::<XWing>(to, info, aad, text),
        }
    }

    fn hpke_open(
        &self,
        config: HpkeConfig,
        input: &HpkeCiphertext,
        key: &[u8],
        info: &[u8],
        aad: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        match kem_of(&config)? {
            OurKem::X25519 => open::<X25519HkdfSha256>(input, key, info, aad),
            OurKem::XWing => open::<XWing>(input, key, info, aad),
        }
    }

    fn hpke_setup_sender_and_export(
        &self,
        config: HpkeConfig,
        to: &[u8],
        info: &[u8],
        context: &[u8],
        len: usize,
    ) -> Result<(KemOutput, ExporterSecret), CryptoError> {
        match kem_of(&config)? {
            OurKem::X25519 => export_to::<X25519HkdfSha256>(to, info, context, len),
            OurKem::XWing => export_to::<XWing>(to, info, context, len),
        }
    }

    fn hpke_setup_receiver_and_export(
        &self,
        config: HpkeConfig,
        encapsulated: &[u8],
        key: &[u8],
        info: &[u8],
        context: &[u8],
        len: usize,
    ) -> Result<ExporterSecret, CryptoError> {
        match kem_of(&config)? {
            OurKem::X25519 => {
                export_from::<X25519HkdfSha256>(encapsulated, key, info, context, len)
            }
            OurKem::XWing => export_from::<XWing>(encapsulated, key, info, context, len),
        }
    }

    fn derive_hpke_keypair(
        &self,
        config: HpkeConfig,
        ikm: &[u8],
    ) -> Result<HpkeKeyPair, CryptoError> {
        let invalid = |_| CryptoError::InvalidLength;
        let (private, public) = match kem_of(&config)? {
            OurKem::X25519 => {
                let (private, public) = X25519HkdfSha256::derive_keypair(ikm);
                (private.to_bytes().to_vec(), public.to_bytes().to_vec())
            }
            OurKem::XWing => {
                // As OpenMLS's own provider has it; the labels of later drafts give other keys.
                let mut seed = [0; 32];
                Shake256::default()
                    .chain(ikm)
                    .finalize_xof()
                    .read(&mut seed);
                let private = PrivateKey::<XWing>::from_bytes(&seed).map_err(invalid)?;
                let public = XWing::sk_to_pk(&private);
                (seed.to_vec(), public.to_bytes().to_vec())
            }
        };
        Ok(HpkeKeyPair {
            private: private.into(),
            public,
        })
    }
}

type PublicKey<K> = <K as Kem>::PublicKey;
type PrivateKey<K> = <K as Kem>::PrivateKey;
type Encapsulated<K> = <K as Kem>::EncappedKey;

fn seal<K: Kem>(
    to: &[u8],
    info: &[u8],
    aad: &[u8],
    text: &[u8],
) -> Result<HpkeCiphertext, CryptoError> {
    let to = PublicKey::<K>::from_bytes(to).map_err(|_| CryptoError::InvalidPublicKey)?;
    let sealed =
        hpke::single_shot_seal::<AesGcm128, HkdfSha256, K>(&OpModeS::Base, &to, info, text, aad);
    let (encapsulated, sealed) = sealed.map_err(|_| CryptoError::HpkeEncryptionError)?;
    Ok(HpkeCiphertext {
        kem_output: encapsulated.to_bytes().to_vec().into(),
        ciphertext: sealed.into(),
    })
}

fn open<K: Kem>(
    input: &HpkeCiphertext,
    key: &[u8],
    info: &[u8],
    aad: &[u8],
) -> Result<Vec<u8>, CryptoError> {
    let failed = |_| CryptoError::HpkeDecryptionError;
    let key = PrivateKey::<K>::from_bytes(key).map_err(failed)?;
    let encapsulated = input.kem_output.as_slice();
    let encapsulated = Encapsulated::<K>::from_bytes(encapsulated).map_err(failed)?;
    hpke::single_shot_open::<AesGcm128, HkdfSha256, K>(
        &OpModeR::Base,
        &key,
        &encapsulated,
        info,
        input.ciphertext.as_slice(),
        aad,
    )
    .map_err(failed)
}

fn export_to<K: Kem>(
    to: &[u8],
    info: &[u8],
    context: &[u8],
    len: usize,
) -> Result<(KemOutput, ExporterSecret), CryptoError> {
    let to = PublicKey::<K>::from_bytes(to).map_err(|_| CryptoError::InvalidPublicKey)?;
    let set_up = hpke::setup_sender::<AesGcm128, HkdfSha256, K>(&OpModeS::Base, &to, info);
    let (encapsulated, sender) = set_up.map_err(|_| CryptoError::SenderSetupError)?;
    let mut secret = vec![0; len];
    let exported = sender.export(context, &mut secret);
    exported.map_err(|_| CryptoError::ExporterError)?;
    Ok((encapsulated.to_bytes().to_vec(), secret.into()))
}

fn export_from<K: Kem>(
    encapsulated: &[u8],
    key: &[u8],
    info: &[u8],
    context: &[u8],
    len: usize,
) -> Result<ExporterSecret, CryptoError> {
    let failed = |_| CryptoError::ReceiverSetupError;
    let key = PrivateKey::<K>::from_bytes(key).map_err(failed)?;
    let encapsulated = Encapsulated::<K>::from_bytes(encapsulated).map_err(failed)?;
    let set_up =
        hpke::setup_receiver::<AesGcm128, HkdfSha256, K>(&OpModeR::Base, &key, &encapsulated, info);
    let mut secret = vec![0; len];
    let exported = set_up.map_err(failed)?.export(context, &mut secret);
    exported.map_err(|_| CryptoError::ExporterError)?;
    Ok(secret.into())
}

pub(super) fn fill(bytes: &mut [u8]) -> Result<(), CryptoError> {
    getrandom::fill(bytes).map_err(|_| CryptoError::InsufficientRandomness)
}

fn aes(alg: AeadType, key: &[u8]) -> Result<Aes128Gcm, CryptoError> {
    only(
        alg == AeadType::Aes128Gcm,
        CryptoError::UnsupportedAeadAlgorithm,
    )?;
    Aes128Gcm::new_from_slice(key).map_err(|_| CryptoError::InvalidLength)
}

fn nonce_of(bytes: &[u8]) -> Result<&Nonce<aes_gcm::aes::cipher::consts::U12>, CryptoError> {
    only(bytes.len() == 12, CryptoError::InvalidLength)?;
    Ok(Nonce::from_slice(bytes))
}

fn only(holds: bool, otherwise: CryptoError) -> Result<(), CryptoError> {
    if holds { Ok(()) } else { Err(otherwise) }
}

fn only_sha256(hash: HashType) -> Result<(), CryptoError> {
    only(
        hash == HashType::Sha2_256,
        CryptoError::UnsupportedHashAlgorithm,
    )
}

pub(super) fn only_ed25519(alg: SignatureScheme) -> Result<(), CryptoError> {
    only(
        alg == SignatureScheme::ED25519,
        CryptoError::UnsupportedSignatureScheme,
    )
}

/// How a suite of ours agrees on secrets.
enum OurKem {
    X25519,
    XWing,
}

fn kem_of(HpkeConfig(kem, kdf, aead): &HpkeConfig) -> Result<OurKem, CryptoError> {
    match (kem, kdf, aead) {
        (HpkeKemType::DhKem25519, HpkeKdfType::HkdfSha256, HpkeAeadType::AesGcm128) => {
            Ok(OurKem::X25519)
        }
        (HpkeKemType::XWingKemDraft6, HpkeKdfType::HkdfSha256, HpkeAeadType::AesGcm128) => {
            Ok(OurKem::XWing)
        }
        _ => Err(CryptoError::UnsupportedCiphersuite),
    }
}

#[cfg(test)]
mod tests;
