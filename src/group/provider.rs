//! What the MLS library is given: cryptography, and a place for what it keeps.
//!
//! Natively the cryptography is OpenMLS's own. A browser has to load what it runs, so there it is
//! [`our_suites`]: the algorithms of the cipher suites that rooms have, and none besides.

use ed25519_dalek::SigningKey;
use openmls_traits::OpenMlsProvider;
#[cfg(not(target_arch = "wasm32"))]
use openmls_traits::types::SignatureScheme;

use storage::Storage;
pub(crate) use storage::StoredValues;

#[cfg(not(target_arch = "wasm32"))]
type Crypto = openmls_rust_crypto::RustCrypto;
#[cfg(target_arch = "wasm32")]
type Crypto = our_suites::OurSuites;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) type KeyPair = openmls_basic_credential::SignatureKeyPair;
#[cfg(target_arch = "wasm32")]
pub(crate) use key_pair::KeyPair;

/// A key that exists.
pub(crate) fn key_pair(key: &SigningKey) -> KeyPair {
    #[cfg(target_arch = "wasm32")]
    return KeyPair::of(key);
    #[cfg(not(target_arch = "wasm32"))]
    KeyPair::from_raw(
        SignatureScheme::ED25519,
        key.as_bytes().to_vec(),
        key.verifying_key().as_bytes().to_vec(),
    )
}

#[cfg(any(target_arch = "wasm32", test))]
mod key_pair;
#[cfg(any(target_arch = "wasm32", test))]
mod our_suites;
mod storage;
#[cfg(test)]
mod vectors;

/// Cryptography and storage for one group, or for one key package until its group is known.
#[derive(Default)]
pub(crate) struct Provider {
    crypto: Crypto,
    storage: Storage,
}

impl Provider {
    /// With a storage from which the group can be loaded again, or with one that is cheaper.
    pub(crate) fn new(keeps_group: bool) -> Self {
        Self {
            crypto: Crypto::default(),
            storage: Storage::new(keeps_group),
        }
    }
}

impl OpenMlsProvider for Provider {
    type CryptoProvider = Crypto;
    type RandProvider = Crypto;
    type StorageProvider = Storage;

    fn storage(&self) -> &Storage {
        &self.storage
    }

    fn crypto(&self) -> &Crypto {
        &self.crypto
    }

    fn rand(&self) -> &Crypto {
        &self.crypto
    }
}
