//! What RFC 9420 composes of a provider's functions, written out.

use openmls_traits::crypto::OpenMlsCrypto;
use openmls_traits::types::{Ciphersuite, HashType, HpkeCiphertext, HpkeConfig, SignatureScheme};
use tls_codec::{Serialize as _, VLByteSlice};

use crate::group::MlsSuite;

pub(super) const HASH: HashType = HashType::Sha2_256;
pub(super) const HASH_LEN: usize = 32;
pub(super) const SIGNATURE: SignatureScheme = SignatureScheme::ED25519;
/// The suite of the RFC's vectors here.
pub(super) const SUITE: Ciphersuite = MlsSuite::X25519.mls();

pub(super) fn hpke() -> HpkeConfig {
    SUITE.hpke_config()
}

/// `opaque bytes<V>`.
pub(super) fn vector(bytes: &[u8]) -> Vec<u8> {
    let encoded = VLByteSlice(bytes).tls_serialize_detached();
    encoded.expect("far below 2^30 bytes")
}

fn labelled(label: &str, content: &[u8]) -> Vec<u8> {
    let label = format!("MLS 1.0 {label}");
    [vector(label.as_bytes()), vector(content)].concat()
}

/// `ExpandWithLabel` (§8).
pub(super) fn expand_with_label(
    crypto: &dyn OpenMlsCrypto,
    secret: &[u8],
    label: &str,
    context: &[u8],
    len: usize,
) -> Vec<u8> {
    let length = u16::try_from(len).expect("short").to_be_bytes();
    let info = [&length[..], &labelled(label, context)].concat();
    let expanded = crypto.hkdf_expand(HASH, secret, &info, len);
    expanded.expect("short").as_slice().to_vec()
}

/// `DeriveSecret` (§8).
pub(super) fn derive_secret(crypto: &dyn OpenMlsCrypto, secret: &[u8], label: &str) -> Vec<u8> {
    expand_with_label(crypto, secret, label, &[], HASH_LEN)
}

/// `KDF.Extract`.
pub(super) fn extract(crypto: &dyn OpenMlsCrypto, salt: &[u8], ikm: &[u8]) -> Vec<u8> {
    let extracted = crypto.hkdf_extract(HASH, salt, ikm);
    extracted.expect("SHA-256").as_slice().to_vec()
}

/// `RefHash` (§5.2), whose label is whole.
pub(super) fn ref_hash(crypto: &dyn OpenMlsCrypto, label: &str, value: &[u8]) -> Vec<u8> {
    let input = [vector(label.as_bytes()), vector(value)].concat();
    crypto.hash(HASH, &input).expect("SHA-256")
}

/// `MLS-Exporter` (§8.5).
pub(super) fn exporter(
    crypto: &dyn OpenMlsCrypto,
    exporter_secret: &[u8],
    label: &str,
    context: &[u8],
    len: usize,
) -> Vec<u8> {
    let secret = derive_secret(crypto, exporter_secret, label);
    let context = crypto.hash(HASH, context).expect("SHA-256");
    expand_with_label(crypto, &secret, "exported", &context, len)
}

/// `SignWithLabel` (§5.1.2).
pub(super) fn sign_with_label(
    crypto: &dyn OpenMlsCrypto,
    private: &[u8],
    label: &str,
    content: &[u8],
) -> Vec<u8> {
    let signed = crypto.sign(SIGNATURE, &labelled(label, content), private);
    signed.expect("a private key")
}

/// `VerifyWithLabel` (§5.1.2).
pub(super) fn verifies_with_label(
    crypto: &dyn OpenMlsCrypto,
    public: &[u8],
    label: &str,
    content: &[u8],
    signature: &[u8],
) -> bool {
    let content = labelled(label, content);
    let verified = crypto.verify_signature(SIGNATURE, &content, public, signature);
    verified.is_ok()
}

/// `EncryptWithLabel` (§5.1.3).
pub(super) fn encrypt_with_label(
    crypto: &dyn OpenMlsCrypto,
    public: &[u8],
    (label, context): (&str, &[u8]),
    text: &[u8],
) -> HpkeCiphertext {
    let info = labelled(label, context);
    let sealed = crypto.hpke_seal(hpke(), public, &info, &[], text);
    sealed.expect("a public key")
}

/// `DecryptWithLabel` (§5.1.3).
pub(super) fn decrypt_with_label(
    crypto: &dyn OpenMlsCrypto,
    private: &[u8],
    (label, context): (&str, &[u8]),
    sealed: &HpkeCiphertext,
) -> Option<Vec<u8>> {
    let info = labelled(label, context);
    let opened = crypto.hpke_open(hpke(), sealed, private, &info, &[]);
    opened.ok()
}
