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
}

impl Profile {
    /// The DTLS-SRTP protection profile id.
    pub const fn id(self) -> u16 {
        match self {
            Self::AeadAes128Gcm => 0x0007,
            Self::AeadAes256Gcm => 0x0008,
        }
    }

    /// The profile with this id, if it is one of ours.
    pub const fn from_id(id: u16) -> Option<Self> {
        match id {
            0x0007 => Some(Self::AeadAes128Gcm),
            0x0008 => Some(Self::AeadAes256Gcm),
            _ => None,
        }
    }

    /// Length of the SRTP master key, and of each session key, in bytes.
    pub const fn key_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm => 16,
            Self::AeadAes256Gcm => 32,
        }
    }

    /// Length of the SRTP master salt in bytes (RFC 7714 §12).
    pub const fn salt_len(self) -> usize {
        12
    }

    /// Length of the authentication tag in bytes (RFC 7714 §13.2).
    pub const fn tag_len(self) -> usize {
        16
    }
}
