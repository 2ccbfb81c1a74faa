//! A certification authority for tests, with every mistake that one can make.

use std::time::Duration;

use mls_srtp::delivery::Blob;
use mls_srtp::group::Identity;
use mls_srtp::id::ParticipantId;
use mls_srtp::trust::{CertificateChains, Evidence};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, Issuer, KeyPair,
    PKCS_ED25519, PublicKeyData, SanType, SignatureAlgorithm, date_time_ymd,
};

/// Noon of the day on which all tests are.
pub fn today() -> Duration {
    // 2026-06-15.
    Duration::from_secs(1_781_524_800)
}

/// Makes a certificate good from one moment to another, both since 1970.
pub fn last(params: &mut CertificateParams, from: Duration, to: Duration) {
    params.not_before = date_time_ymd(1970, 1, 1) + from;
    params.not_after = date_time_ymd(1970, 1, 1) + to;
}

/// A signature key that only its member can use.
pub struct LeafKey(pub Vec<u8>);

impl PublicKeyData for LeafKey {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ED25519
    }
}

/// An authority whose certificate is the last of a chain.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

pub fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ED25519).expect("randomness")
}

/// What an authority's certificate says.
pub fn authority_of(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

/// What a participant's certificate says if nothing is wrong with it: all of 2026.
pub fn certificate_of(participant: &ParticipantId) -> CertificateParams {
    let mut params = CertificateParams::default();
    let user = participant.user();
    params.distinguished_name.push(DnType::CommonName, user);
    params.subject_alt_names = vec![uri(&participant.to_string())];
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2027, 1, 1);
    params
}

pub fn uri(participant: &str) -> SanType {
    let uri = format!("mls-srtp://{participant}");
    SanType::URI(uri.as_str().try_into().expect("ASCII"))
}

impl Authority {
    pub fn root(name: &str) -> Self {
        let made = CertifiedIssuer::self_signed(authority_of(name), key());
        Self(made.expect("a certificate"))
    }

    pub fn below(&self, params: CertificateParams) -> Self {
        let made = CertifiedIssuer::signed_by(params, key(), self.issuer());
        Self(made.expect("a certificate"))
    }

    fn issuer(&self) -> &Issuer<'static, KeyPair> {
        &self.0
    }

    pub fn der(&self) -> Blob {
        Blob::new(self.0.der().to_vec())
    }

    pub fn pem(&self) -> String {
        use base64::Engine as _;
        let base64 = base64::engine::general_purpose::STANDARD.encode(self.0.der());
        format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n")
    }

    pub fn issue(&self, params: &CertificateParams, key: &impl PublicKeyData) -> Blob {
        let issued = params.signed_by(key, self.issuer());
        Blob::new(issued.expect("a certificate").der().to_vec())
    }

    /// Somebody with a new key and a certificate for it.
    pub fn identity(&self, params: &CertificateParams, participant: ParticipantId) -> Identity {
        let identity = Identity::generate(participant).expect("randomness");
        let key = LeafKey(identity.public_key().as_slice().to_vec());
        let chain = vec![self.issue(params, &key), self.der()];
        identity.with_evidence(Evidence::Certificates(chain))
    }

    /// Trust in this authority.
    pub fn trusted(&self) -> CertificateChains {
        CertificateChains::new([self.der().as_slice()], today).expect("a certificate")
    }
}
