//! RFC 9420's functions and key schedule: what the providers compute, and what OpenMLS exports.

use openmls::prelude::{BasicCredential, CredentialWithKey, GroupId, MlsGroup};
use openmls_basic_credential::SignatureKeyPair;
use openmls_traits::storage::{CURRENT_VERSION, Entity, StorageProvider as _, traits};
use openmls_traits::types::HpkeCiphertext;
use serde::{Deserialize, Serialize};

use super::labels::*;
use super::*;

const BASICS: &str = include_str!("../../../../tests/vectors/rfc9420/crypto-basics.json");
const SCHEDULE: &str = include_str!("../../../../tests/vectors/rfc9420/key-schedule.json");

fn text<'a>(case: &'a Value, field: &str) -> &'a str {
    case[field].as_str().expect("a text")
}

fn number(case: &Value, field: &str) -> usize {
    let number = case[field].as_u64().expect("a number");
    usize::try_from(number).expect("small")
}

fn basics<C: Crypto>() -> usize {
    let crypto = C::default();
    for case in cases(BASICS) {
        let it = &case["ref_hash"];
        let hash = ref_hash(&crypto, text(it, "label"), &bytes(it, "value"));
        assert_eq!(hash, bytes(it, "out"));

        let it = &case["expand_with_label"];
        let (secret, context) = (bytes(it, "secret"), bytes(it, "context"));
        let (label, len) = (text(it, "label"), number(it, "length"));
        let expanded = expand_with_label(&crypto, &secret, label, &context, len);
        assert_eq!(expanded, bytes(it, "out"));

        let it = &case["derive_secret"];
        let derived = derive_secret(&crypto, &bytes(it, "secret"), text(it, "label"));
        assert_eq!(derived, bytes(it, "out"));

        let it = &case["derive_tree_secret"];
        let generation = u32::try_from(number(it, "generation")).expect("32 bits");
        let (secret, context) = (bytes(it, "secret"), generation.to_be_bytes());
        let (label, len) = (text(it, "label"), number(it, "length"));
        let derived = expand_with_label(&crypto, &secret, label, &context, len);
        assert_eq!(derived, bytes(it, "out"));

        signs(&crypto, &case["sign_with_label"]);
        encrypts(&crypto, &case["encrypt_with_label"]);
    }
    cases(BASICS).len()
}

/// Ed25519 leaves no choice, so what is signed here is the very signature.
fn signs(crypto: &dyn OpenMlsCrypto, it: &Value) {
    let (label, content) = (text(it, "label"), bytes(it, "content"));
    let (public, signature) = (bytes(it, "pub"), bytes(it, "signature"));
    assert!(verifies_with_label(
        crypto, &public, label, &content, &signature
    ));
    assert!(!verifies_with_label(
        crypto, &public, "other", &content, &signature
    ));
    let signed = sign_with_label(crypto, &bytes(it, "priv"), label, &content);
    assert_eq!(signed, signature);
}

fn encrypts(crypto: &dyn OpenMlsCrypto, it: &Value) {
    let (private, public) = (bytes(it, "priv"), bytes(it, "pub"));
    let (plain, context) = (bytes(it, "plaintext"), bytes(it, "context"));
    let info = (text(it, "label"), &context[..]);
    let theirs = HpkeCiphertext {
        kem_output: bytes(it, "kem_output").into(),
        ciphertext: bytes(it, "ciphertext").into(),
    };
    let ours = encrypt_with_label(crypto, &public, info, &plain);
    for sealed in [theirs, ours] {
        let opened = decrypt_with_label(crypto, &private, info, &sealed);
        assert_eq!(opened, Some(plain.clone()));
        let elsewhere = (info.0, &b"elsewhere"[..]);
        assert_eq!(
            decrypt_with_label(crypto, &private, elsewhere, &sealed),
            None
        );
    }
}

#[test]
fn rfc_9420_functions() {
    assert_eq!((basics::<RustCrypto>(), basics::<OurSuites>()), (1, 1));
}

fn schedule<C: Crypto>() -> usize {
    let crypto = C::default();
    let mut epochs = 0;
    for case in cases(SCHEDULE) {
        let mut init_secret = bytes(&case, "initial_init_secret");
        for epoch in list(&case, "epochs") {
            let is = |secret: &[u8], field| assert_eq!(secret, bytes(epoch, field), "{field}");
            let context = bytes(epoch, "group_context");
            let joiner = extract(&crypto, &init_secret, &bytes(epoch, "commit_secret"));
            let joiner = expand_with_label(&crypto, &joiner, "joiner", &context, HASH_LEN);
            is(&joiner, "joiner_secret");
            let member = extract(&crypto, &joiner, &bytes(epoch, "psk_secret"));
            is(
                &derive_secret(&crypto, &member, "welcome"),
                "welcome_secret",
            );
            let secret = expand_with_label(&crypto, &member, "epoch", &context, HASH_LEN);
            for (label, field) in [
                ("sender data", "sender_data_secret"),
                ("encryption", "encryption_secret"),
                ("exporter", "exporter_secret"),
                ("external", "external_secret"),
                ("confirm", "confirmation_key"),
                ("membership", "membership_key"),
                ("resumption", "resumption_psk"),
                ("authentication", "epoch_authenticator"),
                ("init", "init_secret"),
            ] {
                is(&derive_secret(&crypto, &secret, label), field);
            }
            let external = crypto.derive_hpke_keypair(hpke(), &bytes(epoch, "external_secret"));
            is(&external.expect("a key").public, "external_pub");
            init_secret = bytes(epoch, "init_secret");
            epochs += 1;
        }
    }
    epochs
}

#[test]
fn rfc_9420_key_schedule() {
    assert_eq!((schedule::<RustCrypto>(), schedule::<OurSuites>()), (5, 5));
}

/// What the library has written down, as it wrote it.
#[derive(Serialize, Deserialize)]
struct Written(Value);
impl Entity<CURRENT_VERSION> for Written {}
impl traits::GroupEpochSecrets<CURRENT_VERSION> for Written {}

/// A group whose exporter secret is that one.
fn exporting<C: Crypto>(provider: &With<C>, secret: &[u8]) -> MlsGroup {
    let signer = SignatureKeyPair::new(SIGNATURE).expect("randomness");
    let whose = CredentialWithKey {
        credential: BasicCredential::new(b"alice".to_vec()).into(),
        signature_key: signer.to_public_vec().into(),
    };
    let group = MlsGroup::builder().ciphersuite(SUITE);
    let group = group.build(provider, &signer, whose).expect("a group");
    let (id, storage): (&GroupId, _) = (group.group_id(), provider.storage());
    let written: Option<Written> = storage.group_epoch_secrets(id).expect("memory");
    let Written(mut secrets) = written.expect("written");
    let place = &mut secrets["exporter_secret"]["secret"]["value"]["vec"];
    assert!(
        place.is_array(),
        "the library writes it elsewhere: {secrets}"
    );
    *place = secret.into();
    storage
        .write_group_epoch_secrets(id, &Written(secrets))
        .expect("memory");
    let loaded = MlsGroup::load(storage, id).expect("memory");
    loaded.expect("the same group")
}

/// What media keys come from: the exporter, OpenMLS's and the one of our own tests.
fn exports<C: Crypto>() -> usize {
    let provider = With::<C>::new();
    let mut exports = 0;
    for case in cases(SCHEDULE) {
        for epoch in list(&case, "epochs") {
            let (secret, it) = (bytes(epoch, "exporter_secret"), &epoch["exporter"]);
            let (label, context) = (text(it, "label"), bytes(it, "context"));
            let (len, expected) = (number(it, "length"), bytes(it, "secret"));
            let crypto = provider.crypto();
            let by_hand = exporter(crypto, &secret, label, &context, len);
            assert_eq!(by_hand, expected);
            let group = exporting(&provider, &secret);
            let exported = group.export_secret(crypto, label, &context, len);
            assert_eq!(exported.expect("exports"), expected);
            exports += 1;
        }
    }
    exports
}

#[test]
fn rfc_9420_exporter() {
    assert_eq!((exports::<RustCrypto>(), exports::<OurSuites>()), (5, 5));
}
