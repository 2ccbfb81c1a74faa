//! HPKE (RFC 9180) and X-Wing through both providers, held against the same written out.

use ::hpke::kem::XWing;
use ::hpke::{Kem, Serializable as _};
use openmls_traits::types::{HpkeAeadType, HpkeCiphertext, HpkeConfig, HpkeKdfType, HpkeKemType};

use super::labels::*;
use super::*;

const RFC_9180: &str = include_str!("../../../../tests/vectors/hpke/rfc9180.json");
const HPKE_PQ: &str = include_str!("../../../../tests/vectors/hpke/hpke-pq.json");
const X_WING: &str = include_str!("../../../../tests/vectors/hpke/xwing.json");

/// KEM identifiers of the HPKE registry.
const X25519_KEM: u16 = 0x0020;
const X_WING_KEM: u16 = 0x647A;
/// HKDF-SHA256, AES-128-GCM and ChaCha20-Poly1305 there.
const KDF: u16 = 0x0001;
const AES_128_GCM: u16 = 0x0001;
const CHACHA: u16 = 0x0003;

pub(super) fn x_wing() -> HpkeConfig {
    HpkeConfig(
        HpkeKemType::XWingKemDraft6,
        HpkeKdfType::HkdfSha256,
        HpkeAeadType::AesGcm128,
    )
}

/// `LabeledExtract` and `LabeledExpand` (§4) of one suite.
struct Labelled<'a> {
    crypto: &'a dyn OpenMlsCrypto,
    suite_id: Vec<u8>,
}

impl Labelled<'_> {
    fn extract(&self, salt: &[u8], label: &str, ikm: &[u8]) -> Vec<u8> {
        let ikm = [b"HPKE-v1", &self.suite_id[..], label.as_bytes(), ikm].concat();
        extract(self.crypto, salt, &ikm)
    }

    fn expand(&self, prk: &[u8], label: &str, info: &[u8], len: usize) -> Vec<u8> {
        let length = u16::try_from(len).expect("short").to_be_bytes();
        let info = [
            &length,
            &b"HPKE-v1"[..],
            &self.suite_id,
            label.as_bytes(),
            info,
        ]
        .concat();
        let expanded = self.crypto.hkdf_expand(HASH, prk, &info, len);
        expanded.expect("short").as_slice().to_vec()
    }
}

/// `ExtractAndExpand` (§4.1) of DHKEM(X25519, HKDF-SHA256).
pub(super) fn dh_shared_secret(
    crypto: &dyn OpenMlsCrypto,
    dh: &[u8],
    encapsulated: &[u8],
    public: &[u8],
) -> Vec<u8> {
    let suite_id = [b"KEM", &X25519_KEM.to_be_bytes()[..]].concat();
    let kem = Labelled { crypto, suite_id };
    let prk = kem.extract(&[], "eae_prk", dh);
    kem.expand(
        &prk,
        "shared_secret",
        &[encapsulated, public].concat(),
        HASH_LEN,
    )
}

/// The key schedule in base mode (§5.1) and what it exports (§5.3).
pub(super) fn exported(
    crypto: &dyn OpenMlsCrypto,
    (kem, aead): (u16, u16),
    shared_secret: &[u8],
    info: &[u8],
    context: &[u8],
) -> Vec<u8> {
    let ids = [kem, KDF, aead].map(u16::to_be_bytes).concat();
    let suite_id = [b"HPKE", &ids[..]].concat();
    let hpke = Labelled { crypto, suite_id };
    let psk_id_hash = hpke.extract(&[], "psk_id_hash", &[]);
    let info_hash = hpke.extract(&[], "info_hash", info);
    let base = [&[0], &psk_id_hash[..], &info_hash].concat();
    let secret = hpke.extract(shared_secret, "secret", &[]);
    let exporter_secret = hpke.expand(&secret, "exp", &base, HASH_LEN);
    hpke.expand(&exporter_secret, "sec", context, HASH_LEN)
}

/// What a receiver exports, if it does not refuse.
pub(super) fn received(
    config: fn() -> HpkeConfig,
    (encapsulated, private): (&[u8], &[u8]),
    (info, context): (&[u8], &[u8]),
) -> Option<Vec<u8>> {
    agreed(|crypto| {
        let exported = crypto.hpke_setup_receiver_and_export(
            config(),
            encapsulated,
            private,
            info,
            context,
            HASH_LEN,
        );
        exported.ok().map(|secret| secret.to_vec())
    })
}

/// A key pair of a vector: what is sealed to the public one, the private one opens.
fn belong_together(config: fn() -> HpkeConfig, public: &[u8], private: &[u8]) -> bool {
    agreed(|crypto| {
        let sealed = crypto.hpke_seal(config(), public, b"info", b"aad", b"text");
        let sealed = sealed.expect("a public key");
        let opened = crypto.hpke_open(config(), &sealed, private, b"info", b"aad");
        opened.is_ok_and(|text| text == b"text")
    })
}

#[test]
fn rfc_9180_with_x25519() {
    let mut secrets = 0;
    for case in cases(RFC_9180) {
        let (public, private) = (bytes(&case, "pkRm"), bytes(&case, "skRm"));
        let ikm = bytes(&case, "ikmR");
        let derived = agreed(|crypto| {
            let pair = crypto.derive_hpke_keypair(hpke(), &ikm);
            pair.expect("a key").public
        });
        assert_eq!(derived, public);
        assert!(belong_together(hpke, &public, &private));

        let (info, encapsulated) = (bytes(&case, "info"), bytes(&case, "enc"));
        for text in list(&case, "encryptions") {
            let sealed = HpkeCiphertext {
                kem_output: encapsulated.clone().into(),
                ciphertext: bytes(text, "ct").into(),
            };
            let aad = bytes(text, "aad");
            let opened = agreed(|crypto| {
                let opened = crypto.hpke_open(hpke(), &sealed, &private, &info, &aad);
                opened.ok()
            });
            assert_eq!(opened, Some(bytes(text, "pt")));
        }
        let shared_secret = bytes(&case, "shared_secret");
        for export in list(&case, "exports") {
            let (context, expected) = (
                bytes(export, "exporter_context"),
                bytes(export, "exported_value"),
            );
            let got = received(hpke, (&encapsulated, &private), (&info, &context));
            assert_eq!(got, Some(expected.clone()));
            let suite = (X25519_KEM, AES_128_GCM);
            let by_hand = agreed(|crypto| exported(crypto, suite, &shared_secret, &info, &context));
            assert_eq!(by_hand, expected);
            secrets += 1;
        }
    }
    assert_eq!(secrets, 3);
}

/// The shared secret of X-Wing with our AEAD, exported by the providers, and the same by hand.
fn decapsulates_to(private: &[u8], encapsulated: &[u8], shared_secret: &[u8]) {
    let (info, context) = (b"info", b"context");
    let got = received(x_wing, (encapsulated, private), (info, context));
    let suite = (X_WING_KEM, AES_128_GCM);
    let by_hand = agreed(|crypto| exported(crypto, suite, shared_secret, info, context));
    assert_eq!(got, Some(by_hand));
}

/// draft-connolly-cfrg-xwing-kem Appendix C. Decapsulation tells which KEM identifier there is.
#[test]
fn x_wing_draft() {
    let cases = cases(X_WING);
    for case in &cases {
        let (private, public) = (bytes(case, "sk"), bytes(case, "pk"));
        let (encapsulated, secret) = (bytes(case, "ct"), bytes(case, "ss"));
        assert!(belong_together(x_wing, &public, &private));
        decapsulates_to(&private, &encapsulated, &secret);

        // The crate below both providers, with the randomness of the vector.
        let randomness: [u8; 64] = bytes(case, "eseed").try_into().expect("64 bytes");
        let public = public.as_slice().try_into().expect("1,216 bytes");
        let key = <x_wing::EncapsulationKey as x_wing::TryKeyInit>::new(public).expect("a key");
        let (made, shared) = key.encapsulate_deterministic(&randomness.into());
        assert_eq!(
            (made.as_slice(), shared.as_slice()),
            (&encapsulated[..], &secret[..])
        );
    }
    assert_eq!(cases.len(), 3);
}

/// A ciphertext that was changed gives another secret, the same in both, and no error: so it is the
/// AEAD that refuses (FIPS 203, implicit rejection).
#[test]
fn x_wing_gives_another_secret_for_a_changed_ciphertext() {
    for case in cases(X_WING) {
        let (private, mut encapsulated) = (bytes(&case, "sk"), bytes(&case, "ct"));
        let right = received(x_wing, (&encapsulated, &private), (b"", b""));
        for at in [0, 1087, 1088] {
            encapsulated[at] ^= 1;
            let wrong = received(x_wing, (&encapsulated, &private), (b"", b""));
            assert!(wrong.is_some() && wrong != right, "byte {at}");
            encapsulated[at] ^= 1;
        }
        let short = received(x_wing, (&encapsulated[1..], &private), (b"", b""));
        assert_eq!(short, None);
    }
}

/// draft-ietf-hpke-pq: the same KEM, but a key pair is derived in another way than OpenMLS's provider
/// has it. Members derive those of the tree, so this is where a member of another make would differ.
#[test]
fn hpke_pq_draft_with_x_wing() {
    let cases = cases(HPKE_PQ);
    for case in &cases {
        let (private, public) = (bytes(case, "skRm"), bytes(case, "pkRm"));
        let (encapsulated, secret) = (bytes(case, "enc"), bytes(case, "shared_secret"));
        assert!(belong_together(x_wing, &public, &private));
        decapsulates_to(&private, &encapsulated, &secret);
        // The vectors have another AEAD than ours; what stands before it is the same.
        let info = bytes(case, "info");
        for export in list(case, "exports") {
            let context = bytes(export, "exporter_context");
            let by_hand =
                agreed(|crypto| exported(crypto, (X_WING_KEM, CHACHA), &secret, &info, &context));
            assert_eq!(by_hand, bytes(export, "exported_value"));
        }

        let ikm = bytes(case, "ikmR");
        let (later, _) = XWing::derive_keypair(&ikm);
        assert_eq!(later.to_bytes().to_vec(), private);
        let derived = agreed(|crypto| {
            let pair = crypto.derive_hpke_keypair(x_wing(), &ikm).expect("a key");
            assert!(belongs(crypto, &pair.public, &pair.private));
            pair.public
        });
        assert_ne!(
            derived, public,
            "the provider has followed the draft: say so in DESIGN.md"
        );
    }
    assert_eq!(cases.len(), 1);
}

fn belongs(crypto: &dyn OpenMlsCrypto, public: &[u8], private: &[u8]) -> bool {
    let sealed = crypto.hpke_seal(x_wing(), public, &[], &[], b"text");
    let opened = crypto.hpke_open(x_wing(), &sealed.expect("a key"), private, &[], &[]);
    opened.is_ok_and(|text| text == b"text")
}
