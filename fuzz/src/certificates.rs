//! Certificate chains of strangers, and files of authorities.

use std::sync::OnceLock;
use std::time::Duration;

use arbitrary::Arbitrary;
use mls_srtp::delivery::Blob;
use mls_srtp::id::ParticipantId;
use mls_srtp::trust::{CertificateChains, CredentialValidator, Evidence, Occasion, Presented};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, PKCS_ED25519,
    PublicKeyData, SanType, date_time_ymd,
};

use crate::edit::{Edit, edited};
use crate::structured;
use crate::world::{name, room_name};

/// A chain with something wrong, to somebody who trusts its root.
#[derive(Debug, Arbitrary)]
struct Shown<'a> {
    own: Vec<Edit>,
    above: Vec<Edit>,
    more: Vec<&'a [u8]>,
    root: Vec<Edit>,
    pem: &'a [u8],
    present: bool,
}

struct Chain {
    key: [u8; 32],
    own: Vec<u8>,
    above: Vec<u8>,
    root: Vec<u8>,
}

/// 2026-06-15.
fn today() -> Duration {
    Duration::from_secs(1_781_524_800)
}

fn made() -> &'static Chain {
    static CHAIN: OnceLock<Chain> = OnceLock::new();
    CHAIN.get_or_init(|| make().expect("certificates"))
}

fn make() -> Result<Chain, rcgen::Error> {
    let authority = || {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    };
    let key = || KeyPair::generate_for(&PKCS_ED25519);
    let root = CertifiedIssuer::self_signed(authority(), key()?)?;
    let above = CertifiedIssuer::signed_by(authority(), key()?, &root)?;
    let own_key = key()?;
    let mut own = CertificateParams::default();
    own.subject_alt_names = vec![SanType::URI(
        format!("mls-srtp://{}", name(0)).as_str().try_into()?,
    )];
    own.not_before = date_time_ymd(2026, 1, 1);
    own.not_after = date_time_ymd(2027, 1, 1);
    let raw: Option<&[u8; 32]> = own_key.der_bytes().first_chunk();
    Ok(Chain {
        key: *raw.expect("an Ed25519 key has 32 bytes"),
        own: own.signed_by(&own_key, &above)?.der().to_vec(),
        above: above.der().to_vec(),
        root: root.der().to_vec(),
    })
}

/// Only the certificates that the authority has made prove anything.
pub fn certificates(data: &[u8]) {
    let Some(shown) = structured::<Shown<'_>>(data) else {
        return;
    };
    let made = made();
    let _ = CertificateChains::from_pem(shown.pem, today);
    let (own, above) = (
        edited(&made.own, &shown.own),
        edited(&made.above, &shown.above),
    );
    let good = own == made.own && above == made.above && shown.root.is_empty();
    let mut chain = vec![Blob::new(own), Blob::new(above)];
    let more = shown
        .more
        .iter()
        .take(8)
        .map(|bytes| Blob::new(bytes.to_vec()));
    chain.extend(more);
    let long = chain.len() > 8;
    let Ok(trust) = CertificateChains::new([edited(&made.root, &shown.root)], today) else {
        return;
    };
    let look = |participant: &ParticipantId, key: &[u8], evidence: &Evidence| {
        trust.validate(&Presented {
            participant,
            signature_key: key,
            evidence,
            room: &room_name(),
            occasion: match shown.present {
                true => Occasion::Present,
                false => Occasion::Entering,
            },
        })
    };
    let evidence = Evidence::Certificates(chain);
    let found = look(&name(0), &made.key, &evidence);
    assert!(found.is_ok() || !good || long, "the good chain: {found:?}");
    if let (Ok(()), Evidence::Certificates(chain)) = (found, &evidence) {
        assert_eq!(chain[0].as_slice(), made.own, "not what was issued");
        assert_eq!(chain[1].as_slice(), made.above, "not what was issued");
    }
    assert!(look(&name(1), &made.key, &evidence).is_err(), "another's");
    assert!(look(&name(0), &[1; 32], &evidence).is_err(), "another key");
}
