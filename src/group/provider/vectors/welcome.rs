//! RFC 9420 Welcomes: what is inside can be read with the private key, and is signed.

use openmls::group::ProcessedWelcome;
use openmls::prelude::tls_codec::{Deserialize as _, Serialize as _};
use openmls::prelude::{KeyPackageBundle, MlsGroupJoinConfig, MlsMessageBodyIn, MlsMessageIn};
use openmls_traits::storage::StorageProvider as _;
use serde_json::json;

use super::labels::verifies_with_label;
use super::*;
use crate::delivery::Blob;
use crate::group::decode;

/// Length of a signature with its length before it.
const SIGNATURE: usize = 2 + 64;

/// Keeps the key package of a case, with the private keys that it states, where the library looks
/// for them. It is our own, so nobody validates it; the lifetimes of some are over.
pub(super) fn keep_key_package<C: Crypto>(provider: &With<C>, case: &Value) {
    let message = MlsMessageIn::tls_deserialize_exact(bytes(case, "key_package"));
    let MlsMessageBodyIn::KeyPackage(key_package) = message.expect("a message").extract() else {
        panic!("not a key package");
    };
    let key = |field| json!({ "vec": optional_bytes(case, field).unwrap_or_default() });
    let bundle = json!({
        "key_package": key_package,
        "private_init_key": key("init_priv"),
        "private_encryption_key": { "key": key("encryption_priv") },
    });
    let bundle: KeyPackageBundle = serde_json::from_value(bundle).expect("a bundle");
    let reference = bundle.key_package().hash_ref(provider.crypto());
    provider
        .storage()
        .write_key_package(&reference.expect("a hash"), &bundle)
        .expect("memory");
}

fn read<C: Crypto>() -> usize {
    let all = cases(include_str!(
        "../../../../tests/vectors/rfc9420/welcome.json"
    ));
    for case in &all {
        let provider = With::<C>::new();
        keep_key_package(&provider, case);
        let welcome = decode::welcome(&Blob::new(bytes(case, "welcome"))).expect("a Welcome");
        let config = MlsGroupJoinConfig::default();
        let opened = ProcessedWelcome::new_from_welcome(&provider, &config, welcome);
        let opened = opened.expect("a Welcome for this key package");
        let info = opened.unverified_group_info().tls_serialize_detached();
        let info = info.expect("encodes");
        let (content, signature) = info.split_at(info.len() - SIGNATURE);
        let (signer, signature) = (bytes(case, "signer_pub"), &signature[2..]);
        let is_signed = |content: &[u8]| {
            let crypto = provider.crypto();
            verifies_with_label(crypto, &signer, "GroupInfoTBS", content, signature)
        };
        assert!(is_signed(content));
        assert!(!is_signed(&content[1..]));
    }
    all.len()
}

#[test]
fn rfc_9420_welcomes_are_opened() {
    assert_eq!((read::<RustCrypto>(), read::<OurSuites>()), (1, 1));
}
