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
