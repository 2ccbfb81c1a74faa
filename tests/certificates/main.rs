//! Whom a member trusts by certificates, and what it says about everybody else.

#[allow(dead_code, reason = "another test program uses the rest")]
mod ca;

use std::time::Duration;

use ca::{Authority, LeafKey, authority_of, certificate_of, key, last, today, uri};
use mls_srtp::delivery::Blob;
use mls_srtp::group::Identity;
use mls_srtp::id::{ParticipantId, RoomName};
use mls_srtp::trust::{
    AnchorError, CLOCK_LEEWAY, CertificateChains, CredentialValidator, Evidence, Occasion,
    PRESENT_GRACE, Presented, TrustCode,
};
use proptest::prelude::*;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    KeyPair, NameConstraints, PKCS_ECDSA_P256_SHA256, PublicKeyData, date_time_ymd,
};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

fn alice() -> ParticipantId {
    "alice@example.org/phone".parse().expect("a name")
}

fn alices() -> CertificateParams {
    certificate_of(&alice())
}

/// Two authorities, one below the other, and Alice's key.
struct Scene {
    root: Authority,
    middle: Authority,
    key: LeafKey,
}

impl Scene {
    fn new() -> Self {
        let root = Authority::root("root");
        let middle = root.below(authority_of("middle"));
        let key = LeafKey(key().der_bytes().to_vec());
        Self { root, middle, key }
    }

    fn issue(&self, params: &CertificateParams) -> Vec<Blob> {
        vec![self.middle.issue(params, &self.key), self.middle.der()]
    }

    fn look(&self, chain: Vec<Blob>) -> Result<(), TrustCode> {
        self.look_on(Occasion::Entering, chain)
    }

    fn look_on(&self, occasion: Occasion, chain: Vec<Blob>) -> Result<(), TrustCode> {
        let shown = (&self.key.0[..], Evidence::Certificates(chain));
        look(&self.root.trusted(), occasion, &shown)
    }
}

fn look(
    trusted: &CertificateChains,
    occasion: Occasion,
    (key, evidence): &(&[u8], Evidence),
) -> Result<(), TrustCode> {
    let presented = Presented {
        participant: &alice(),
        signature_key: key,
        evidence,
        room: &RoomName::new("room").expect("a name"),
        occasion,
    };
    trusted.validate(&presented).map_err(|error| error.code)
}

#[test]
fn a_chain_to_a_trusted_authority_is_accepted() {
    let scene = Scene::new();
    assert_eq!(scene.look(scene.issue(&alices())), Ok(()));
    let direct = vec![scene.root.issue(&alices(), &scene.key)];
    assert_eq!(scene.look(direct), Ok(()));
    // Order above the first does not count, nor what is not needed.
    let mut more = scene.issue(&alices());
    more.insert(1, Authority::root("another").der());
    more.push(scene.root.der());
    assert_eq!(scene.look(more), Ok(()));
}

#[test]
fn an_authority_may_use_another_signature_than_members() {
    let p256 = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("randomness");
    let root = rcgen::CertifiedIssuer::self_signed(authority_of("root"), p256).expect("made");
    let scene = Scene::new();
    let issued = alices()
        .signed_by(&scene.key, &root)
        .expect("a certificate");
    let trusted = CertificateChains::new([root.der()], today).expect("an authority");
    let chain = Evidence::Certificates(vec![Blob::new(issued.der().to_vec())]);
    let looked = look(&trusted, Occasion::Entering, &(&scene.key.0, chain));
    assert_eq!(looked, Ok(()));
}

#[test]
fn only_a_certificate_is_evidence() {
    let trusted = Scene::new().root.trusted();
    for other in [Evidence::None, Evidence::Token("a.b.c".into())] {
        let looked = look(&trusted, Occasion::Entering, &(&[1; 32], other));
        assert_eq!(looked, Err(TrustCode::CredentialType));
    }
    let empty = Evidence::Certificates(Vec::new());
    let looked = look(&trusted, Occasion::Entering, &(&[1; 32], empty));
    assert_eq!(looked, Err(TrustCode::CertificateMalformed));
}

#[test]
fn a_certificate_is_for_one_name() {
    let scene = Scene::new();
    let with = |names: &[&str]| {
        let mut params = alices();
        params.subject_alt_names = names.iter().map(|name| uri(name)).collect();
        scene.look(scene.issue(&params))
    };
    let (own, other) = ("alice@example.org/phone", "mallory@example.org/phone");
    assert_eq!(with(&[own]), Ok(()));
    assert_eq!(with(&[other]), Err(TrustCode::CertificateName));
    let nameless = Err(TrustCode::CertificateMalformed);
    assert_eq!(with(&[]), nameless);
    assert_eq!(with(&["alice"]), nameless);
    assert_eq!(with(&[own, other]), nameless);
    assert_eq!(with(&[other, own]), nameless);
    assert_eq!(with(&[own, "not a participant"]), nameless);
}

#[test]
fn a_certificate_is_for_one_key() {
    let scene = Scene::new();
    let other = scene.middle.issue(&alices(), &LeafKey(vec![9; 32]));
    let looked = scene.look(vec![other, scene.middle.der()]);
    assert_eq!(looked, Err(TrustCode::CertificateKey));
    // The same 32 bytes of another kind of key are another key.
    let p256 = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("randomness");
    let other = scene.middle.issue(&alices(), &p256);
    let shown = Evidence::Certificates(vec![other, scene.middle.der()]);
    let looked = look(
        &scene.root.trusted(),
        Occasion::Entering,
        &(&p256.der_bytes()[..32], shown),
    );
    assert_eq!(looked, Err(TrustCode::CertificateKey));
}

#[test]
fn a_certificate_has_its_time() {
    let scene = Scene::new();
    let (mut over, mut early) = (alices(), alices());
    last(&mut over, today() - DAY, today() - HOUR);
    early.not_before = date_time_ymd(2026, 7, 1);
    let (over, early) = (scene.issue(&over), scene.issue(&early));
    assert_eq!(scene.look(over.clone()), Err(TrustCode::CertificateExpired));
    assert_eq!(
        scene.look(early.clone()),
        Err(TrustCode::CertificateNotYetValid)
    );
    // Whoever is there already was looked at when it came.
    let there = |chain| scene.look_on(Occasion::Present, chain);
    assert_eq!(there(over), Ok(()));
    assert_eq!(there(early), Err(TrustCode::CertificateNotYetValid));
}

#[test]
fn clocks_of_members_may_differ() {
    let scene = Scene::new();
    let with = |from, to| {
        let mut params = alices();
        last(&mut params, from, to);
        scene.look(scene.issue(&params))
    };
    let (second, hours) = (Duration::from_secs(1), (today() - HOUR, today() + HOUR));
    let (soon, just) = (today() + CLOCK_LEEWAY, today() - CLOCK_LEEWAY);
    assert_eq!(with(soon, hours.1), Ok(()));
    let early = with(soon + second, hours.1);
    assert_eq!(early, Err(TrustCode::CertificateNotYetValid));
    assert_eq!(with(hours.0, just), Ok(()));
    let over = with(hours.0, just - second);
    assert_eq!(over, Err(TrustCode::CertificateExpired));
}

#[test]
fn whoever_is_there_has_not_been_expired_for_longer_than_a_call() {
    let scene = Scene::new();
    let there = |end| {
        let mut params = alices();
        last(&mut params, today() - 3 * DAY, end);
        scene.look_on(Occasion::Present, scene.issue(&params))
    };
    let longest = today() - PRESENT_GRACE;
    assert_eq!(there(longest), Ok(()));
    let over = there(longest - Duration::from_secs(1));
    assert_eq!(over, Err(TrustCode::CertificateExpired));
}

#[test]
fn an_expired_authority_between_counts_like_an_expired_certificate() {
    let scene = Scene::new();
    let mut params = authority_of("short");
    last(&mut params, today() - DAY, today() - 4 * HOUR);
    let short = scene.root.below(params);
    let with = |from, to| {
        let mut params = alices();
        last(&mut params, from, to);
        vec![short.issue(&params, &scene.key), short.der()]
    };
    let both_over = with(today() - 8 * HOUR, today() - HOUR);
    let looked = scene.look(both_over.clone());
    assert_eq!(looked, Err(TrustCode::CertificateExpired));
    assert_eq!(scene.look_on(Occasion::Present, both_over), Ok(()));
    // Never were both good at once.
    let apart = with(today() - 2 * HOUR, today() + HOUR);
    let looked = scene.look_on(Occasion::Present, apart);
    assert_eq!(looked, Err(TrustCode::CertificateExpired));
}

#[test]
fn a_certificate_by_its_own_key_is_called_that() {
    let scene = Scene::new();
    let own = key();
    let signed = |params: &CertificateParams| {
        let made = params.self_signed(&own).expect("a certificate");
        let chain = vec![Blob::new(made.der().to_vec())];
        let shown = (own.der_bytes(), Evidence::Certificates(chain));
        look(&scene.root.trusted(), Occasion::Entering, &shown)
    };
    assert_eq!(signed(&alices()), Err(TrustCode::CertificateSelfSigned));
    // As `openssl req -x509` makes them.
    let mut authority = alices();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    assert_eq!(signed(&authority), Err(TrustCode::CertificateSelfSigned));
    // Under the name of a trusted authority it still is one.
    let mut pretender = alices();
    pretender
        .distinguished_name
        .push(DnType::CommonName, "root");
    assert_eq!(signed(&pretender), Err(TrustCode::CertificateSelfSigned));
}

#[test]
fn a_chain_must_hold() {
    let scene = Scene::new();
    let broken = Err(TrustCode::CertificateChain);
    let own = scene.issue(&alices()).remove(0);
    assert_eq!(scene.look(vec![own.clone()]), broken, "a link is missing");
    let other = scene.root.below(authority_of("other"));
    assert_eq!(scene.look(vec![own.clone(), other.der()]), broken);
    // An authority of the same name, but with another key.
    let namesake = scene.root.below(authority_of("middle"));
    assert_eq!(scene.look(vec![own.clone(), namesake.der()]), broken);
    // An authority that nobody here knows, then one with the name of ours.
    for name in ["stranger", "root"] {
        let stranger = Authority::root(name);
        let issued = stranger.issue(&alices(), &scene.key);
        assert_eq!(scene.look(vec![issued, stranger.der()]), broken);
    }
    // Same name and issuer's name, and yet not by its own key.
    let namesake = Authority::root("alice");
    let issued = namesake.issue(&alices(), &scene.key);
    assert_eq!(scene.look(vec![issued]), broken);
    let mut long = scene.issue(&alices());
    long.extend(std::iter::repeat_n(other.der(), 7));
    assert_eq!(scene.look(long), broken, "too long");
}

#[test]
fn a_certificate_is_used_for_what_it_is_for() {
    let scene = Scene::new();
    let refused = Err(TrustCode::CertificateUsage);
    let mut params = alices();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    assert_eq!(scene.look(scene.issue(&params)), refused);
    params.insert_extended_key_usage(ExtendedKeyUsagePurpose::ClientAuth);
    assert_eq!(scene.look(scene.issue(&params)), Ok(()));
    let mut authority = alices();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    assert_eq!(scene.look(scene.issue(&authority)), refused);
}

#[test]
fn only_an_authority_issues_and_only_so_far_down() {
    let scene = Scene::new();
    let refused = Err(TrustCode::CertificateUsage);
    let issued_by = |above: Authority| {
        let chain = vec![above.issue(&alices(), &scene.key), above.der()];
        scene.look(chain)
    };
    let mut member = authority_of("bob");
    member.is_ca = IsCa::ExplicitNoCa;
    assert_eq!(issued_by(scene.root.below(member)), refused);
    let mut member = authority_of("bob");
    member.is_ca = IsCa::NoCa;
    assert_eq!(issued_by(scene.root.below(member)), refused);

    let mut last = authority_of("last");
    last.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let last = scene.root.below(last);
    let below = last.below(authority_of("one too many"));
    let chain = vec![below.issue(&alices(), &scene.key), below.der(), last.der()];
    assert_eq!(scene.look(chain), refused);

    let mut bounded = authority_of("bounded");
    let outside = "example.com".into();
    bounded.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName(outside)],
        excluded_subtrees: Vec::new(),
    });
    let bounded = scene.root.below(bounded);
    let mut params = alices();
    let inside = "example.org".try_into().expect("ASCII");
    params
        .subject_alt_names
        .push(rcgen::SanType::DnsName(inside));
    let chain = vec![bounded.issue(&params, &scene.key), bounded.der()];
    assert_eq!(scene.look(chain), refused);
}

#[test]
fn authorities_come_as_pem_or_der_and_there_is_at_least_one() {
    let scene = Scene::new();
    let chain = || Evidence::Certificates(scene.issue(&alices()));
    let bundle = format!(
        "# Ours\n{}{}",
        Authority::root("another").pem(),
        scene.root.pem()
    );
    let trusted = CertificateChains::from_pem(bundle.as_bytes(), today).expect("a bundle");
    let looked = look(&trusted, Occasion::Entering, &(&scene.key.0, chain()));
    assert_eq!(looked, Ok(()));

    let none = CertificateChains::from_pem(b"nothing", today);
    assert_eq!(none.err(), Some(AnchorError::None));
    let broken = bundle.replace("-----END", "-----");
    let broken = CertificateChains::from_pem(broken.as_bytes(), today);
    assert!(matches!(broken, Err(AnchorError::Pem(_))), "{broken:?}");
    let garbage = CertificateChains::new([scene.root.der().as_slice(), &[1, 2, 3]], today);
    let second = matches!(garbage, Err(AnchorError::Certificate { number: 2, .. }));
    assert!(second, "{garbage:?}");
}

#[test]
fn a_key_from_elsewhere_is_a_members_key() {
    use ed25519_dalek::SigningKey;
    use ed25519_dalek::pkcs8::EncodePrivateKey;

    let key = SigningKey::from_bytes(&[3; 32]);
    let der = key.to_pkcs8_der().expect("encodes");
    let identity = Identity::from_pkcs8(alice(), der.as_bytes()).expect("a key");
    assert_eq!(
        identity.public_key().as_slice(),
        key.verifying_key().as_bytes()
    );
    let scene = Scene::new();
    let chain = |key: &[u8]| vec![scene.root.issue(&alices(), &LeafKey(key.to_vec()))];
    let own = |chain| {
        let identity = Identity::from_pkcs8(alice(), der.as_bytes()).expect("a key");
        let identity = identity.with_certificates(chain);
        identity.map(|_| ()).map_err(|error| error.code)
    };
    assert_eq!(own(chain(key.verifying_key().as_bytes())), Ok(()));
    assert_eq!(own(chain(&[9; 32])), Err(TrustCode::CertificateKey));
    assert_eq!(own(Vec::new()), Err(TrustCode::CertificateMalformed));

    let p256 = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("randomness");
    for wrong in [&[][..], &der.as_bytes()[1..], p256.serialized_der()] {
        assert!(Identity::from_pkcs8(alice(), wrong).is_err());
    }
}

/// Every byte of every certificate of the chain: a signature covers it, or it is the signature.
#[test]
fn no_changed_byte_is_accepted() {
    let scene = Scene::new();
    let chain = scene.issue(&alices());
    for (which, certificate) in chain.iter().enumerate() {
        for at in 0..certificate.as_slice().len() {
            for change in [0x01, 0x80, 0xff] {
                let mut bytes = certificate.as_slice().to_vec();
                bytes[at] ^= change;
                let mut changed = chain.clone();
                changed[which] = Blob::new(bytes);
                let looked = scene.look(changed);
                assert!(looked.is_err(), "certificate {which}, byte {at} ^ {change}");
            }
        }
    }
}

proptest! {
    #[test]
    fn garbage_is_refused(chain in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..12)) {
        let scene = Scene::new();
        prop_assert!(scene.look(chain.into_iter().map(Blob::new).collect()).is_err());
    }

    #[test]
    fn a_part_of_a_certificate_is_refused(from in 0_usize..100, to in 0_usize..300, which in 0_usize..2) {
        let scene = Scene::new();
        let mut chain = scene.issue(&alices());
        let whole = chain[which].as_slice().to_vec();
        let (from, to) = (from.min(to).min(whole.len()), to.min(whole.len()));
        chain[which] = Blob::new(whole[from..to].to_vec());
        prop_assume!(from > 0 || to < whole.len());
        prop_assert!(scene.look(chain).is_err());
    }
}
