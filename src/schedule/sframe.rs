//! SFrame's own key derivation (RFC 9605 §4.4.2), from a base key that MLS exports (§5.2).
//!
//! ```text
//! base_key      = MLS-Exporter("SFrame 1.0 Base Key", "", Nk)
//! sframe_secret = HKDF-Extract("", base_key)
//! sframe_key    = HKDF-Expand(sframe_secret, "SFrame 1.0 Secret key " ‖ KID(8) ‖ suite(2), Nk)
//! sframe_salt   = HKDF-Expand(sframe_secret, "SFrame 1.0 Secret salt " ‖ KID(8) ‖ suite(2), Nn)
//! ```

use hkdf::Hkdf;
use sha2::{Sha256, Sha512};

use super::{KeyId, Suite};
use crate::secret::Secret;

/// What the MLS exporter gave for an epoch of a room of SFrames.
#[derive(Debug, Clone)]
pub struct BaseKey {
    suite: Suite,
    key: Secret,
}

/// Extracted once per epoch; every sender's keys come from it.
#[derive(Debug, Clone)]
pub struct SframeSecret {
    suite: Suite,
    secret: Secret,
}

/// The key and salt of one stream of one sender in one epoch.
#[derive(Debug, Clone)]
pub struct SframeKeys {
    key: Secret,
    salt: Secret,
}

impl BaseKey {
    /// Takes the exporter's output for [`SFRAME_EXPORTER`](super::SFRAME_EXPORTER) and an empty
    /// context; `None` when it does not have [`Suite::key_len`] bytes.
    pub fn new(suite: Suite, key: Secret) -> Option<Self> {
        (key.len() == suite.key_len()).then_some(Self { suite, key })
    }

    /// The suite that it is for.
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// `sframe_secret`, in the hash of the suite.
    #[must_use]
    pub fn into_secret(self) -> SframeSecret {
        let base = self.key.expose();
        let secret = match self.suite {
            Suite::Aes128GcmSha256 => Hkdf::<Sha256>::extract(None, base).0.to_vec(),
            Suite::Aes256GcmSha512 => Hkdf::<Sha512>::extract(None, base).0.to_vec(),
        };
        SframeSecret {
            suite: self.suite,
            secret: Secret::new(secret),
        }
    }
}

impl SframeSecret {
    /// The keys of a sender's stream.
    pub fn keys(&self, kid: KeyId) -> SframeKeys {
        SframeKeys {
            key: self.expand("key", kid, self.suite.key_len()),
            salt: self.expand("salt", kid, self.suite.salt_len()),
        }
    }

    #[expect(clippy::expect_used, reason = "the lengths are those of a suite")]
    fn expand(&self, what: &str, kid: KeyId, len: usize) -> Secret {
        let mut info = format!("SFrame 1.0 Secret {what} ").into_bytes();
        info.extend_from_slice(&kid.get().to_be_bytes());
        info.extend_from_slice(&self.suite.id().to_be_bytes());
        let (prk, mut okm) = (self.secret.expose(), Secret::zeroed(len));
        let out = okm.expose_mut();
        match self.suite {
            Suite::Aes128GcmSha256 => Hkdf::<Sha256>::from_prk(prk).map(|h| h.expand(&info, out)),
            Suite::Aes256GcmSha512 => Hkdf::<Sha512>::from_prk(prk).map(|h| h.expand(&info, out)),
        }
        .expect("it was extracted with the hash of the suite")
        .expect("no output exceeds 255 hashes");
        okm
    }
}

impl SframeKeys {
    /// The AEAD key, [`Suite::key_len`] bytes.
    pub fn key(&self) -> &Secret {
        &self.key
    }

    /// The salt, [`Suite::salt_len`] bytes.
    pub fn salt(&self) -> &Secret {
        &self.salt
    }

    /// Keys given directly, as the vectors of RFC 9605 state them.
    #[cfg(test)]
    pub(crate) fn from_parts(key: Secret, salt: Secret) -> Self {
        Self { key, salt }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hex;

    /// RFC 9605 Appendix C.3.
    #[test]
    fn rfc_9605_keys() {
        let text = include_str!("../../tests/vectors/rfc9605.json");
        let vectors: serde_json::Value = serde_json::from_str(text).expect("JSON");
        let mut checked = Vec::new();
        for case in vectors["sframe"].as_array().expect("cases") {
            let number = |name: &str| case[name].as_u64().expect("number");
            let field = |name: &str| hex(case[name].as_str().expect("hex"));
            let id = u16::try_from(number("cipher_suite")).expect("16 bits");
            let Some(suite) = Suite::from_id(id) else {
                continue;
            };
            let kid = KeyId::from_wire(number("kid")).expect("an MLS sender's");
            let base = Secret::new(field("base_key"));
            // The RFC's base key has 16 bytes for every suite; MLS would export Nk.
            let secret = BaseKey { suite, key: base }.into_secret();
            assert_eq!(secret.secret.expose(), field("sframe_secret"));
            let keys = secret.keys(kid);
            assert_eq!(keys.key().expose(), field("sframe_key"));
            assert_eq!(keys.salt().expose(), field("sframe_salt"));
            checked.push(suite);
        }
        assert_eq!(checked, Suite::ALL);
    }

    #[test]
    fn a_base_key_has_the_length_of_its_suite() {
        for suite in Suite::ALL {
            for len in [0, 16, 31, 32, 33] {
                let made = BaseKey::new(suite, Secret::zeroed(len));
                assert_eq!(made.is_some(), len == suite.key_len(), "{suite} {len}");
            }
        }
    }
}
