//! The cryptography that the MLS library is given.
//!
//! Natively it is OpenMLS's own provider. A browser has to load what it runs, so there it is
//! [`one_suite`]: the algorithms of the one ciphersuite that all rooms have, and none besides.

#[cfg(not(target_arch = "wasm32"))]
pub(crate) type Provider = openmls_rust_crypto::OpenMlsRustCrypto;
#[cfg(target_arch = "wasm32")]
pub(crate) type Provider = one_suite::OneSuiteProvider;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) type KeyPair = openmls_basic_credential::SignatureKeyPair;
#[cfg(target_arch = "wasm32")]
pub(crate) use key_pair::KeyPair;

#[cfg(any(target_arch = "wasm32", test))]
mod key_pair;
#[cfg(any(target_arch = "wasm32", test))]
mod one_suite;
