//! MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519 and nothing else, of the same RustCrypto crates that
//! OpenMLS's own provider uses, with HPKE (RFC 9180) by the `hpke` crate.

use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes128Gcm, KeyInit as _, Nonce};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use hpke::aead::AesGcm128;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use openmls::prelude::SecretVLBytes;
use openmls_traits::crypto::OpenMlsCrypto;
use openmls_traits::random::OpenMlsRand;
use openmls_traits::types::{
    AeadType, Ciphersuite, CryptoError, ExporterSecret, HashType, HpkeAeadType, HpkeCiphertext,
    HpkeConfig, HpkeKdfType, HpkeKemType, HpkeKeyPair, KemOutput, SignatureScheme,
};
use rand_core::{OsRng, TryRngCore as _, UnwrapErr};
use sha2::{Digest as _, Sha256};

use crate::group::terms::CIPHERSUITE;

type PublicKey = <X25519HkdfSha256 as Kem>::PublicKey;
type PrivateKey = <X25519HkdfSha256 as Kem>::PrivateKey;
type Encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey;

/// The algorithms; its randomness is the system's or the browser's.
#[derive(Debug, Default)]
pub(crate) struct OneSuite;

impl OpenMlsRand for OneSuite {
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

impl OpenMlsCrypto for OneSuite {
    fn supports(&self, ciphersuite: Ciphersuite) -> Result<(), CryptoError> {
        only(
            ciphersuite == CIPHERSUITE,
            CryptoError::UnsupportedCiphersuite,
        )
    }

    fn supported_ciphersuites(&self) -> Vec<Ciphersuite> {
        vec![CIPHERSUITE]
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
        only_our_hpke(config)?;
        let to = PublicKey::from_bytes(to).map_err(|_| CryptoError::InvalidPublicKey)?;
        let (encapsulated, sealed) = hpke::single_shot_seal::<
            AesGcm128,
            HkdfSha256,
            X25519HkdfSha256,
            _,
        >(
            &OpModeS::Base, &to, info, text, aad, &mut UnwrapErr(OsRng)
        )
        .map_err(|_| CryptoError::HpkeEncryptionError)?;
        Ok(HpkeCiphertext {
            kem_output: encapsulated.to_bytes().to_vec().into(),
            ciphertext: sealed.into(),
        })
    }

    fn hpke_open(
        &self,
        config: HpkeConfig,
        input: &HpkeCiphertext,
        key: &[u8],
        info: &[u8],
        aad: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        only_our_hpke(config)?;
        let failed = |_| CryptoError::HpkeDecryptionError;
        let key = PrivateKey::from_bytes(key).map_err(failed)?;
        let encapsulated = Encapsulated::from_bytes(input.kem_output.as_slice()).map_err(failed)?;
        let sealed = input.ciphertext.as_slice();
        hpke::single_shot_open::<AesGcm128, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &key,
            &encapsulated,
            info,
            sealed,
            aad,
        )
        .map_err(failed)
    }

    fn hpke_setup_sender_and_export(
        &self,
        config: HpkeConfig,
        to: &[u8],
        info: &[u8],
        context: &[u8],
        len: usize,
    ) -> Result<(KemOutput, ExporterSecret), CryptoError> {
        only_our_hpke(config)?;
        let to = PublicKey::from_bytes(to).map_err(|_| CryptoError::InvalidPublicKey)?;
        let (encapsulated, sender) =
            hpke::setup_sender::<AesGcm128, HkdfSha256, X25519HkdfSha256, _>(
                &OpModeS::Base,
                &to,
                info,
                &mut UnwrapErr(OsRng),
            )
            .map_err(|_| CryptoError::SenderSetupError)?;
        let mut secret = vec![0; len];
        sender
            .export(context, &mut secret)
            .map_err(|_| CryptoError::ExporterError)?;
        Ok((encapsulated.to_bytes().to_vec(), secret.into()))
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
        only_our_hpke(config)?;
        let failed = |_| CryptoError::ReceiverSetupError;
        let key = PrivateKey::from_bytes(key).map_err(failed)?;
        let encapsulated = Encapsulated::from_bytes(encapsulated).map_err(failed)?;
        let receiver = hpke::setup_receiver::<AesGcm128, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &key,
            &encapsulated,
            info,
        )
        .map_err(failed)?;
        let mut secret = vec![0; len];
        receiver
            .export(context, &mut secret)
            .map_err(|_| CryptoError::ExporterError)?;
        Ok(secret.into())
    }

    fn derive_hpke_keypair(
        &self,
        config: HpkeConfig,
        ikm: &[u8],
    ) -> Result<HpkeKeyPair, CryptoError> {
        only_our_hpke(config)?;
        let (private, public) = X25519HkdfSha256::derive_keypair(ikm);
        Ok(HpkeKeyPair {
            private: private.to_bytes().to_vec().into(),
            public: public.to_bytes().to_vec(),
        })
    }
}

pub(super) fn fill(bytes: &mut [u8]) -> Result<(), CryptoError> {
    OsRng
        .try_fill_bytes(bytes)
        .map_err(|_| CryptoError::InsufficientRandomness)
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

fn only_our_hpke(HpkeConfig(kem, kdf, aead): HpkeConfig) -> Result<(), CryptoError> {
    let ours = matches!(
        (kem, kdf, aead),
        (
            HpkeKemType::DhKem25519,
            HpkeKdfType::HkdfSha256,
            HpkeAeadType::AesGcm128
        )
    );
    only(ours, CryptoError::UnsupportedCiphersuite)
}

#[cfg(test)]
mod tests;
