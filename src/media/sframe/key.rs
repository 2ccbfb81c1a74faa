//! One sender's key for one stream, ready for frames.

use crate::media::AuthFailed;
use crate::media::aead::{Aead, NONCE_LEN, PacketAead, TAG_LEN, TagMismatch};
use crate::schedule::SframeKeys;

/// Cipher and salt of one key id (RFC 9605 §4.4.3).
pub struct FrameKey {
    aead: Aead,
    salt: [u8; NONCE_LEN],
}

impl FrameKey {
    /// Length of the tag in bytes.
    pub const TAG_LEN: usize = TAG_LEN;

    /// Sets up the cipher.
    pub fn new(keys: &SframeKeys) -> Self {
        let mut salt = [0; NONCE_LEN];
        for (to, from) in salt.iter_mut().zip(keys.salt().expose()) {
            *to = *from;
        }
        Self {
            aead: Aead::new(keys.key()),
            salt,
        }
    }

    /// Encrypts `text` in place and returns the tag over it and `aad`.
    ///
    /// The caller answers for `counter` never repeating under this key.
    pub fn seal(&self, counter: u64, aad: &[u8], text: &mut [u8]) -> [u8; TAG_LEN] {
        self.aead.seal(self.nonce(counter), aad, text)
    }

    /// Verifies `sealed` = ciphertext ‖ tag and decrypts it in place; the text ends where the tag
    /// began.
    ///
    /// # Errors
    /// [`AuthFailed`]; the bytes are then undefined and must be thrown away.
    pub fn open(&self, counter: u64, aad: &[u8], sealed: &mut [u8]) -> Result<(), AuthFailed> {
        self.aead
            .open(self.nonce(counter), aad, sealed)
            .map_err(|TagMismatch| AuthFailed)
    }

    /// `salt XOR CTR`, the counter in as many bytes as the salt has.
    fn nonce(&self, counter: u64) -> [u8; NONCE_LEN] {
        let mut nonce = self.salt;
        for (byte, counter) in nonce.iter_mut().rev().zip(counter.to_le_bytes()) {
            *byte ^= counter;
        }
        nonce
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::sframe::SframeHeader;
    use crate::schedule::{KeyId, SframeKeys};
    use crate::secret::Secret;
    use crate::testing::hex;

    /// RFC 9605 Appendix C.3, from sender key to the whole SFrame.
    #[test]
    fn rfc_9605_frames() {
        let text = include_str!("../../../tests/vectors/rfc9605.json");
        let vectors: serde_json::Value = serde_json::from_str(text).expect("JSON");
        let cases = vectors["sframe"].as_array().expect("cases");
        for case in cases {
            let number = |name: &str| case[name].as_u64().expect("number");
            let field = |name: &str| hex(case[name].as_str().expect("hex"));
            let (key, salt) = (field("sframe_key"), field("sframe_salt"));
            let keys = SframeKeys::from_parts(Secret::new(key), Secret::new(salt));
            let (key, counter) = (FrameKey::new(&keys), number("ctr"));
            assert_eq!(key.nonce(counter)[..], field("nonce"));
            let kid = number("kid");
            assert!(KeyId::from_wire(kid).is_some());
            let mut frame = Vec::new();
            SframeHeader { kid, counter }.write(&mut frame);
            let start = frame.len();
            let aad = [&frame[..], &field("metadata")].concat();
            assert_eq!(aad, field("aad"));
            frame.extend(field("pt"));
            let tag = key.seal(counter, &aad, &mut frame[start..]);
            frame.extend(tag);
            assert_eq!(frame, field("ct"));
            let sealed = &mut frame[start..];
            assert_eq!(key.open(counter, &aad, sealed), Ok(()));
            assert!(frame[start..].starts_with(&field("pt")));
        }
        assert_eq!(cases.len(), 2);
    }
}
