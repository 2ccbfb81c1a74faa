//! SRTP protection profiles.

use serde::{Deserialize, Serialize};

/// How media packets are protected end to end; numbers are the DTLS-SRTP profile ids
/// (RFC 7714 §14.2, RFC 5764 §4.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Profile {
    /// AEAD_AES_128_GCM, 0x0007.
    #[default]
    #[serde(rename = "aead_aes_128_gcm")]
    AeadAes128Gcm,
    /// AEAD_AES_256_GCM, 0x0008.
    #[serde(rename = "aead_aes_256_gcm")]
    AeadAes256Gcm,
    /// AES128_CM_HMAC_SHA1_80, 0x0001: for peers without GCM. Its tag has 10 bytes, and it takes
    /// several times as long.
    #[serde(rename = "aes128_cm_hmac_sha1_80")]
    Aes128CmHmacSha1_80,
}

impl Profile {
    /// All of them, the default first.
    pub const ALL: [Self; 3] = [
        Self::AeadAes128Gcm,
        Self::AeadAes256Gcm,
        Self::Aes128CmHmacSha1_80,
    ];

    /// The DTLS-SRTP protection profile id.
    pub const fn id(self) -> u16 {
        match self {
            Self::Aes128CmHmacSha1_80 => 0x0001,
            Self::AeadAes128Gcm => 0x0007,
            Self::AeadAes256Gcm => 0x0008,
        }
    }

    /// The profile with this id, if it is one of ours.
    pub const fn from_id(id: u16) -> Option<Self> {
        match id {
            0x0001 => Some(Self::Aes128CmHmacSha1_80),
            0x0007 => Some(Self::AeadAes128Gcm),
            0x0008 => Some(Self::AeadAes256Gcm),
            _ => None,
        }
    }

    /// The registered name in lower case, as configuration files and command lines have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aes128CmHmacSha1_80 => "aes128_cm_hmac_sha1_80",
            Self::AeadAes128Gcm => "aead_aes_128_gcm",
            Self::AeadAes256Gcm => "aead_aes_256_gcm",
        }
    }

    /// Length of the SRTP master key, and of the session encryption key, in bytes.
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes128CmHmacSha1_80 | Self::AeadAes128Gcm => 16,
            Self::AeadAes256Gcm => 32,
        }
    }

    /// Length of the SRTP master salt, and of the session salt, in bytes (RFC 3711 §8.2,
    /// RFC 7714 §12).
    pub const fn salt_len(self) -> usize {
        match self {
            Self::Aes128CmHmacSha1_80 => 14,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
        }
    }

    /// Length of the session authentication key in bytes (RFC 3711 §8.2); an AEAD needs none.
    pub const fn auth_key_len(self) -> usize {
        match self {
            Self::Aes128CmHmacSha1_80 => 20,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 0,
        }
    }

    /// Length of the authentication tag in bytes (RFC 3711 §4.2.1, RFC 7714 §13.2).
    pub const fn tag_len(self) -> usize {
        match self {
            Self::Aes128CmHmacSha1_80 => 10,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 16,
        }
    }
}

impl std::fmt::Display for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// The name is no profile's of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown profile: there are aead_aes_128_gcm, aead_aes_256_gcm, aes128_cm_hmac_sha1_80")]
pub struct UnknownProfile;

impl std::str::FromStr for Profile {
    type Err = UnknownProfile;

    /// Reads what [`Profile::name`] gives.
    fn from_str(name: &str) -> Result<Self, UnknownProfile> {
        let mut all = Self::ALL.into_iter();
        all.find(|profile| profile.name() == name)
            .ok_or(UnknownProfile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_names_are_the_registered_ones_and_round_trip() {
        let registered = [
            (0x0007, "aead_aes_128_gcm"),
            (0x0008, "aead_aes_256_gcm"),
            (0x0001, "aes128_cm_hmac_sha1_80"),
        ];
        assert_eq!(Profile::ALL.map(|p| (p.id(), p.name())), registered);
        for profile in Profile::ALL {
            assert_eq!(Profile::from_id(profile.id()), Some(profile));
            assert_eq!(profile.to_string().parse(), Ok(profile));
            let json = serde_json::to_string(&profile).expect("JSON");
            assert_eq!(json, format!("{:?}", profile.name()));
        }
        assert_eq!(
            Profile::from_id(0x0002),
            None,
            "the 32-bit tag is too short"
        );
        let unknown = "aes128_cm_hmac_sha1_32".parse::<Profile>();
        assert_eq!(unknown, Err(UnknownProfile));
        for profile in Profile::ALL {
            assert!(UnknownProfile.to_string().contains(profile.name()));
        }
    }
}
