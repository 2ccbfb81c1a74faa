//! SFrame cipher suites.

use serde::{Deserialize, Serialize};

/// How encoded frames are protected end to end; numbers are those of RFC 9605 §4.5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Suite {
    /// AES_128_GCM_SHA256_128, 4.
    #[default]
    #[serde(rename = "aes_128_gcm_sha256_128")]
    Aes128GcmSha256,
    /// AES_256_GCM_SHA512_128, 5.
    #[serde(rename = "aes_256_gcm_sha512_128")]
    Aes256GcmSha512,
}

impl Suite {
    /// All of them, the default first.
    pub const ALL: [Self; 2] = [Self::Aes128GcmSha256, Self::Aes256GcmSha512];

    /// The SFrame cipher suite number.
    pub const fn id(self) -> u16 {
        match self {
            Self::Aes128GcmSha256 => 4,
            Self::Aes256GcmSha512 => 5,
        }
    }

    /// The suite with this number, if it is one of ours.
    pub const fn from_id(id: u16) -> Option<Self> {
        match id {
            4 => Some(Self::Aes128GcmSha256),
            5 => Some(Self::Aes256GcmSha512),
            _ => None,
        }
    }

    /// The registered name in lower case, as configuration files and command lines have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aes128GcmSha256 => "aes_128_gcm_sha256_128",
            Self::Aes256GcmSha512 => "aes_256_gcm_sha512_128",
        }
    }

    /// Length of the base key and of a sender's key in bytes, RFC 9605's `Nk`.
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes128GcmSha256 => 16,
            Self::Aes256GcmSha512 => 32,
        }
    }

    /// Length of the salt in bytes, RFC 9605's `Nn`.
    pub const fn salt_len(self) -> usize {
        12
    }

    /// Length of the authentication tag in bytes, RFC 9605's `Nt`.
    pub const fn tag_len(self) -> usize {
        16
    }
}

impl std::fmt::Display for Suite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// The name is no suite's of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown suite: there are aes_128_gcm_sha256_128, aes_256_gcm_sha512_128")]
pub struct UnknownSuite;

impl std::str::FromStr for Suite {
    type Err = UnknownSuite;

    /// Reads what [`Suite::name`] gives.
    fn from_str(name: &str) -> Result<Self, UnknownSuite> {
        let mut all = Self::ALL.into_iter();
        all.find(|suite| suite.name() == name).ok_or(UnknownSuite)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_names_are_the_registered_ones_and_round_trip() {
        let registered = [(4, "aes_128_gcm_sha256_128"), (5, "aes_256_gcm_sha512_128")];
        assert_eq!(Suite::ALL.map(|s| (s.id(), s.name())), registered);
        for suite in Suite::ALL {
            assert_eq!(Suite::from_id(suite.id()), Some(suite));
            assert_eq!(suite.to_string().parse(), Ok(suite));
            let json = serde_json::to_string(&suite).expect("JSON");
            assert_eq!(json, format!("{:?}", suite.name()));
            assert!(UnknownSuite.to_string().contains(suite.name()));
        }
        assert_eq!(Suite::from_id(3), None, "a 32-bit tag is too short");
        let short_tag = "aes_128_ctr_hmac_sha256_32".parse::<Suite>();
        assert_eq!(short_tag, Err(UnknownSuite));
    }
}
