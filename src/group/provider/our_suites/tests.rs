//! Against OpenMLS's own provider: what one makes the other understands.

use openmls_rust_crypto::RustCrypto;
use proptest::prelude::*;

use super::*;

const HASH: HashType = HashType::Sha2_256;
const AEAD: AeadType = AeadType::Aes128Gcm;
const SIGNATURE: SignatureScheme = SignatureScheme::ED25519;

const SUITES: [MlsSuite; 2] = MlsSuite::ALL;

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..100)
}

/// What must hold of two providers, either way round.
struct Pair<'a, A, B>(&'a A, &'a B);

impl<A: OpenMlsCrypto, B: OpenMlsCrypto> Pair<'_, A, B> {
    fn understand_each_other(&self, suite: MlsSuite, [key, info, aad, text]: [&[u8]; 4]) {
        let hpke = || suite.mls().hpke_config();
        let Self(one, other) = self;
        let nonce = [7; 12];
        let sealed = one
            .aead_encrypt(AEAD, &key[..16], text, &nonce, aad)
            .expect("sealed");
        let opened = other.aead_decrypt(AEAD, &key[..16], &sealed, &nonce, aad);
        assert_eq!(opened.as_deref(), Ok(text));
        let opened = other.aead_decrypt(AEAD, &key[..16], &sealed, &[8; 12], aad);
        assert_eq!(opened, Err(CryptoError::AeadDecryptionError));

        let (secret, public) = one.signature_key_gen(SIGNATURE).expect("a key");
        let signature = other.sign(SIGNATURE, text, &secret).expect("signed");
        assert_eq!(
            one.verify_signature(SIGNATURE, text, &public, &signature),
            Ok(())
        );
        let wrong = one.verify_signature(SIGNATURE, info, &public, &signature);
        assert_eq!(wrong.is_ok(), info == text);

        let pair = one.derive_hpke_keypair(hpke(), key).expect("a key");
        let (private, public) = (&pair.private, &pair.public);
        let sealed = other
            .hpke_seal(hpke(), public, info, aad, text)
            .expect("sealed");
        let opened = one.hpke_open(hpke(), &sealed, private, info, aad);
        assert_eq!(opened.as_deref(), Ok(text));
        let opened = one.hpke_open(hpke(), &sealed, private, info, &[aad, b"x"].concat());
        assert_eq!(opened, Err(CryptoError::HpkeDecryptionError));

        let (encapsulated, sent) = other
            .hpke_setup_sender_and_export(hpke(), public, info, aad, 32)
            .expect("exported");
        let received = one
            .hpke_setup_receiver_and_export(hpke(), &encapsulated, private, info, aad, 32)
            .expect("exported");
        assert_eq!(*sent, *received);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn functions_give_the_same(salt in bytes(), text in bytes(), info in bytes(), len in 0usize..300) {
        let (ours, theirs) = (OurSuites, RustCrypto::default());
        prop_assert_eq!(ours.hash(HASH, &text), theirs.hash(HASH, &text));
        prop_assert_eq!(ours.hmac(HASH, &salt, &text), theirs.hmac(HASH, &salt, &text));
        let prk = ours.hkdf_extract(HASH, &salt, &text);
        prop_assert_eq!(&prk, &theirs.hkdf_extract(HASH, &salt, &text));
        let prk = prk.expect("extracted");
        let (mine, other) = (
            ours.hkdf_expand(HASH, prk.as_slice(), &info, len),
            theirs.hkdf_expand(HASH, prk.as_slice(), &info, len),
        );
        prop_assert_eq!(mine, other);
        for suite in SUITES.map(MlsSuite::mls) {
            let (mine, other) = (
                ours.derive_hpke_keypair(suite.hpke_config(), prk.as_slice()).expect("a key"),
                theirs.derive_hpke_keypair(suite.hpke_config(), prk.as_slice()).expect("a key"),
            );
            prop_assert_eq!(&mine.public, &other.public);
            // The private ones may differ in bits that X25519 ignores.
            let config = || suite.hpke_config();
            let sealed = theirs.hpke_seal(config(), &mine.public, &info, &salt, &text);
            let sealed = sealed.expect("sealed");
            for private in [&mine.private, &other.private] {
                let opened = ours.hpke_open(config(), &sealed, private, &info, &salt);
                prop_assert_eq!(opened.as_deref(), Ok(&text[..]));
                let opened = theirs.hpke_open(config(), &sealed, private, &info, &salt);
                prop_assert_eq!(opened.as_deref(), Ok(&text[..]));
            }
        }
    }

    #[test]
    fn each_understands_the_other(
        key in prop::array::uniform32(any::<u8>()), info in bytes(), aad in bytes(), text in bytes(),
    ) {
        let (ours, theirs) = (OurSuites, RustCrypto::default());
        let inputs = [&key[..], &info, &aad, &text];
        for suite in SUITES {
            Pair(&ours, &theirs).understand_each_other(suite, inputs);
            Pair(&theirs, &ours).understand_each_other(suite, inputs);
        }
    }

    #[test]
    fn what_is_no_key_is_refused(bytes in bytes(), text in bytes()) {
        prop_assume!(bytes.len() != 32);
        let crypto = OurSuites;
        prop_assert!(crypto.sign(SIGNATURE, &text, &bytes).is_err());
        prop_assert!(crypto.verify_signature(SIGNATURE, &text, &bytes, &[0; 64]).is_err());
        let input = HpkeCiphertext {
            kem_output: bytes.clone().into(),
            ciphertext: text.clone().into(),
        };
        for suite in SUITES.map(MlsSuite::mls) {
            let hpke = || suite.hpke_config();
            prop_assert!(crypto.hpke_seal(hpke(), &bytes, &[], &[], &text).is_err());
            prop_assert!(crypto.hpke_open(hpke(), &input, &[9; 32], &[], &[]).is_err());
            prop_assert!(crypto.hpke_open(hpke(), &input, &bytes, &[], &[]).is_err());
        }
        prop_assert!(crypto.aead_decrypt(AEAD, &bytes, &text, &[0; 12], &[]).is_err());
        prop_assert!(crypto.aead_encrypt(AEAD, &[0; 16], &text, &bytes, &[]).is_err() || bytes.len() == 12);
    }
}

#[test]
fn other_algorithms_are_refused() {
    let (crypto, theirs) = (OurSuites, RustCrypto::default());
    for suite in theirs.supported_ciphersuites() {
        let is_ours = SUITES.iter().any(|ours| ours.mls() == suite);
        assert_eq!(crypto.supports(suite).is_ok(), is_ours);
        let known = [suite.hpke_config()]
            .iter()
            .any(|config| kem_of(config).is_ok());
        let pair = crypto.derive_hpke_keypair(suite.hpke_config(), &[1; 32]);
        assert_eq!(pair.is_ok(), known, "{suite}");
        assert!(known || !is_ours, "{suite}");
    }
    assert!(crypto.hash(HashType::Sha2_512, &[]).is_err());
    assert!(
        crypto
            .signature_key_gen(SignatureScheme::ECDSA_SECP256R1_SHA256)
            .is_err()
    );
    assert!(
        crypto
            .aead_encrypt(AeadType::Aes256Gcm, &[0; 32], &[], &[0; 12], &[])
            .is_err()
    );
}

#[test]
fn randomness_differs() {
    let crypto = OurSuites;
    let one: [u8; 32] = crypto.random_array().expect("randomness");
    assert_ne!(crypto.random_vec(32), Ok(one.to_vec()));
    assert_ne!(one, [0; 32]);
}
