//! Cryptography that lies at one chosen place, and is right everywhere else.
//!
//! With it the MLS library builds commits that no outsider can tell from good ones.

use openmls::prelude::{OpenMlsCrypto, SecretVLBytes};
use openmls_rust_crypto::RustCrypto;
use openmls_traits::OpenMlsProvider;
use openmls_traits::types::{
    AeadType, Ciphersuite, CryptoError, ExporterSecret, HashType, HpkeCiphertext, HpkeConfig,
    HpkeKeyPair, KemOutput, SignatureScheme,
};

/// Where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lie {
    Nowhere,
    /// In every MAC: confirmation and membership tags.
    Tags,
    /// In what is encrypted to this public key: one recipient of an update path.
    CiphertextFor(Vec<u8>),
    /// In every key pair that is derived: in a commit without a path, the external one.
    KeyPairs,
}

pub struct Spoiled {
    pub inner: RustCrypto,
    pub lie: Lie,
}

/// The same as a provider, over somebody's storage.
pub struct SpoiledProvider<'a, S> {
    pub crypto: &'a Spoiled,
    pub storage: &'a S,
}

impl<S: openmls_traits::storage::StorageProvider<1>> OpenMlsProvider for SpoiledProvider<'_, S> {
    type CryptoProvider = Spoiled;
    type RandProvider = RustCrypto;
    type StorageProvider = S;

    fn storage(&self) -> &S {
        self.storage
    }

    fn crypto(&self) -> &Spoiled {
        self.crypto
    }

    fn rand(&self) -> &RustCrypto {
        &self.crypto.inner
    }
}

impl OpenMlsCrypto for Spoiled {
    fn supports(&self, ciphersuite: Ciphersuite) -> Result<(), CryptoError> {
        self.inner.supports(ciphersuite)
    }

    fn supported_ciphersuites(&self) -> Vec<Ciphersuite> {
        self.inner.supported_ciphersuites()
    }

    fn hkdf_extract(
        &self,
        hash: HashType,
        salt: &[u8],
        ikm: &[u8],
    ) -> Result<SecretVLBytes, CryptoError> {
        self.inner.hkdf_extract(hash, salt, ikm)
    }

    fn hmac(
        &self,
        hash: HashType,
        key: &[u8],
        message: &[u8],
    ) -> Result<SecretVLBytes, CryptoError> {
        let mac = self.inner.hmac(hash, key, message)?;
        if self.lie != Lie::Tags {
            return Ok(mac);
        }
        let mut bytes = mac.as_slice().to_vec();
        bytes[0] ^= 1;
        Ok(bytes.into())
    }

    fn hkdf_expand(
        &self,
        hash: HashType,
        prk: &[u8],
        info: &[u8],
        okm_len: usize,
    ) -> Result<SecretVLBytes, CryptoError> {
        self.inner.hkdf_expand(hash, prk, info, okm_len)
    }

    fn hash(&self, hash: HashType, data: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.inner.hash(hash, data)
    }

    fn aead_encrypt(
        &self,
        alg: AeadType,
        key: &[u8],
        data: &[u8],
        nonce: &[u8],
        aad: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        self.inner.aead_encrypt(alg, key, data, nonce, aad)
    }

    fn aead_decrypt(
        &self,
        alg: AeadType,
        key: &[u8],
        ct_tag: &[u8],
        nonce: &[u8],
        aad: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        self.inner.aead_decrypt(alg, key, ct_tag, nonce, aad)
    }

    fn signature_key_gen(&self, alg: SignatureScheme) -> Result<(Vec<u8>, Vec<u8>), CryptoError> {
        self.inner.signature_key_gen(alg)
    }

    fn verify_signature(
        &self,
        alg: SignatureScheme,
        data: &[u8],
        pk: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        self.inner.verify_signature(alg, data, pk, signature)
    }

    fn sign(&self, alg: SignatureScheme, data: &[u8], key: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.inner.sign(alg, data, key)
    }

    fn hpke_seal(
        &self,
        config: HpkeConfig,
        pk_r: &[u8],
        info: &[u8],
        aad: &[u8],
        ptxt: &[u8],
    ) -> Result<HpkeCiphertext, CryptoError> {
        let mut sealed = self.inner.hpke_seal(config, pk_r, info, aad, ptxt)?;
        if self.lie == Lie::CiphertextFor(pk_r.to_vec()) {
            let mut bytes = sealed.ciphertext.as_slice().to_vec();
            bytes[0] ^= 1;
            sealed.ciphertext = bytes.into();
        }
        Ok(sealed)
    }

    fn hpke_open(
        &self,
        config: HpkeConfig,
        input: &HpkeCiphertext,
        sk_r: &[u8],
        info: &[u8],
        aad: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        self.inner.hpke_open(config, input, sk_r, info, aad)
    }

    fn hpke_setup_sender_and_export(
        &self,
        config: HpkeConfig,
        pk_r: &[u8],
        info: &[u8],
        context: &[u8],
        length: usize,
    ) -> Result<(KemOutput, ExporterSecret), CryptoError> {
        let inner = &self.inner;
        inner.hpke_setup_sender_and_export(config, pk_r, info, context, length)
    }

    fn hpke_setup_receiver_and_export(
        &self,
        config: HpkeConfig,
        enc: &[u8],
        sk_r: &[u8],
        info: &[u8],
        context: &[u8],
        length: usize,
    ) -> Result<ExporterSecret, CryptoError> {
        let inner = &self.inner;
        inner.hpke_setup_receiver_and_export(config, enc, sk_r, info, context, length)
    }

    fn derive_hpke_keypair(
        &self,
        config: HpkeConfig,
        ikm: &[u8],
    ) -> Result<HpkeKeyPair, CryptoError> {
        let mut ikm = ikm.to_vec();
        if self.lie == Lie::KeyPairs {
            ikm[0] ^= 1;
        }
        self.inner.derive_hpke_keypair(config, &ikm)
    }
}
