//! The MLS cipher suites that a room's group may have. They are about keys of the group; what media
//! is protected with is [`MediaMode`](crate::schedule::MediaMode)'s to say.

use openmls::prelude::{Capabilities, Ciphersuite};
use serde::{Deserialize, Serialize};

/// An MLS cipher suite (RFC 9420 §5.1). Both have AES-128-GCM, SHA-256 and Ed25519; they differ in
/// how key packages and the tree agree on secrets. The stronger is the greater.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[non_exhaustive]
pub enum MlsSuite {
    /// X25519 alone, 0x0001, mandatory in RFC 9420.
    #[default]
    #[serde(rename = "mls_128_dhkemx25519_aes128gcm_sha256_ed25519")]
    X25519,
    /// X25519 and ML-KEM-768 together (X-Wing), 0x004F: what is recorded today stays secret unless
    /// both are broken, so from later quantum computers too. The number is that of
    /// draft-ietf-mls-pq-ciphersuites, not yet of a registry.
    #[serde(rename = "mls_128_mlkem768x25519_aes128gcm_sha256_ed25519")]
    X25519MlKem768,
}

impl MlsSuite {
    /// All of them, the strongest first.
    pub const ALL: [Self; 2] = [Self::X25519MlKem768, Self::X25519];

    /// What a service gives its rooms by a switch: the post-quantum one if that is wanted, or else
    /// the one that every client has.
    pub const fn of_rooms(post_quantum: bool) -> Self {
        if post_quantum {
            Self::X25519MlKem768
        } else {
            Self::X25519
        }
    }

    /// The MLS cipher suite number.
    pub const fn id(self) -> u16 {
        match self {
            Self::X25519 => 0x0001,
            Self::X25519MlKem768 => 0x004F,
        }
    }

    /// The suite with this number, if it is one of ours.
    pub const fn from_id(id: u16) -> Option<Self> {
        match id {
            0x0001 => Some(Self::X25519),
            0x004F => Some(Self::X25519MlKem768),
            _ => None,
        }
    }

    /// The name in the RFC or the draft in lower case, as configuration files and command lines
    /// have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::X25519 => "mls_128_dhkemx25519_aes128gcm_sha256_ed25519",
            Self::X25519MlKem768 => "mls_128_mlkem768x25519_aes128gcm_sha256_ed25519",
        }
    }

    /// Whether a quantum computer that comes later cannot read what was recorded before.
    pub const fn is_post_quantum(self) -> bool {
        matches!(self, Self::X25519MlKem768)
    }

    /// The MLS library's name for it.
    pub(crate) const fn mls(self) -> Ciphersuite {
        match self {
            Self::X25519 => Ciphersuite::MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519,
            Self::X25519MlKem768 => Ciphersuite::MLS_128_MLKEM768X25519_AES128GCM_SHA256_Ed25519,
        }
    }

    /// The strongest that all of these leaves have signed they can do.
    pub(crate) fn strongest_of_all<'a>(
        leaves: impl Iterator<Item = &'a Capabilities>,
    ) -> Option<Self> {
        let mut common = Self::ALL.to_vec();
        for leaf in leaves {
            common.retain(|suite| suite.is_listed_by(leaf));
        }
        common.first().copied()
    }

    /// Whether a leaf signs that its client can do it.
    pub(crate) fn is_listed_by(self, leaf: &Capabilities) -> bool {
        leaf.ciphersuites().contains(&self.mls().into())
    }
}

impl std::fmt::Display for MlsSuite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// The name is no MLS cipher suite's of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown MLS cipher suite: there are mls_128_mlkem768x25519_aes128gcm_sha256_ed25519, \
     mls_128_dhkemx25519_aes128gcm_sha256_ed25519"
)]
pub struct UnknownMlsSuite;

impl std::str::FromStr for MlsSuite {
    type Err = UnknownMlsSuite;

    /// Reads what [`MlsSuite::name`] gives.
    fn from_str(name: &str) -> Result<Self, UnknownMlsSuite> {
        let mut all = Self::ALL.into_iter();
        all.find(|suite| suite.name() == name)
            .ok_or(UnknownMlsSuite)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::HASH_LEN;

    #[test]
    fn ids_and_names_are_the_libraries_and_round_trip() {
        for suite in MlsSuite::ALL {
            assert_eq!(suite.id(), u16::from(suite.mls()));
            assert_eq!(suite.name(), suite.mls().to_string().to_lowercase());
            assert_eq!(MlsSuite::from_id(suite.id()), Some(suite));
            assert_eq!(suite.to_string().parse(), Ok(suite));
            let json = serde_json::to_string(&suite).expect("JSON");
            assert_eq!(json, format!("{:?}", suite.name()));
            assert_eq!(serde_json::from_str::<MlsSuite>(&json).ok(), Some(suite));
            assert!(UnknownMlsSuite.to_string().contains(suite.name()));
        }
        assert_eq!(
            MlsSuite::from_id(0),
            None,
            "there is no suite without encryption"
        );
        assert_eq!("null".parse::<MlsSuite>(), Err(UnknownMlsSuite));
    }

    #[test]
    fn the_strongest_comes_first_and_is_the_greatest() {
        assert!(MlsSuite::ALL.is_sorted_by(|one, next| one > next));
        assert!(MlsSuite::ALL[0].is_post_quantum());
    }

    #[test]
    fn all_have_the_hash_of_the_key_schedule_and_one_signature_scheme() {
        let signature = MlsSuite::default().mls().signature_algorithm();
        for suite in MlsSuite::ALL.map(MlsSuite::mls) {
            assert_eq!(suite.hash_algorithm().size(), HASH_LEN);
            assert_eq!(suite.signature_algorithm(), signature);
        }
    }

    #[test]
    fn the_strongest_of_all_is_what_every_leaf_lists() {
        let listing = |suites: &[MlsSuite]| {
            let suites: Vec<Ciphersuite> = suites.iter().map(|suite| suite.mls()).collect();
            Capabilities::new(None, Some(&suites), None, None, None)
        };
        let (both, weak) = (listing(&MlsSuite::ALL), listing(&[MlsSuite::X25519]));
        let strong = listing(&[MlsSuite::X25519MlKem768]);
        let of = |leaves: &[&Capabilities]| MlsSuite::strongest_of_all(leaves.iter().copied());
        assert_eq!(of(&[&both, &both]), Some(MlsSuite::X25519MlKem768));
        assert_eq!(of(&[&both, &weak]), Some(MlsSuite::X25519));
        assert_eq!(of(&[&both, &strong]), Some(MlsSuite::X25519MlKem768));
        assert_eq!(of(&[&weak, &strong]), None);
    }
}
