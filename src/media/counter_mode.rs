//! AES128_CM_HMAC_SHA1_80: AES in counter mode (RFC 3711 §4.1.1) and a truncated HMAC-SHA1
//! (RFC 3711 §4.2.1).
//!
//! The tag covers header, ciphertext and the roll-over counter, so that none of them can change
//! unnoticed; SSRC and sequence number, which complete the counter block, are in the header.

use aes::Aes128Enc;
use aes::cipher::{InnerIvInit, KeyInit, StreamCipher};
use ctr::{Ctr128BE, CtrCore, flavors};
use hmac::{Hmac, Mac};
use sha1::Sha1;

use super::PacketIndex;
use super::aead::TagMismatch;
use crate::id::Ssrc;
use crate::schedule::SessionKeys;

/// Length of the tag in bytes: 80 of the 160 bits of HMAC-SHA1.
pub(super) const TAG_LEN: usize = 10;
/// Length of the session salt in bytes.
const SALT_LEN: usize = 14;

/// Counter mode and HMAC with one sender's session keys and salt.
pub(super) struct CounterMode {
    cipher: Aes128Enc,
    /// Already keyed: each packet starts from a copy.
    mac: Hmac<Sha1>,
    salt: [u8; SALT_LEN],
}

impl CounterMode {
    /// Takes encryption key (16 bytes), authentication key (20) and salt (14) of the profile.
    #[expect(
        clippy::expect_used,
        reason = "a profile's session keys have its lengths"
    )]
    pub(super) fn new(keys: &SessionKeys) -> Self {
        let mut salt = [0; SALT_LEN];
        for (to, from) in salt.iter_mut().zip(keys.salt().expose()) {
            *to = *from;
        }
        Self {
            cipher: Aes128Enc::new_from_slice(keys.key().expose())
                .expect("the profile's session key has 16 bytes"),
            mac: <Hmac<Sha1> as Mac>::new_from_slice(keys.auth_key().expose())
                .expect("HMAC takes any length"),
            salt,
        }
    }

    /// Encrypts `text` in place; the tag covers `header`, ciphertext and roll-over counter.
    pub(super) fn seal(
        &self,
        ssrc: Ssrc,
        index: PacketIndex,
        header: &[u8],
        text: &mut [u8],
    ) -> [u8; TAG_LEN] {
        self.apply_keystream(ssrc, index, text);
        let full = self.authenticate(index, header, text).finalize();
        let mut tag = [0; TAG_LEN];
        for (to, from) in tag.iter_mut().zip(full.into_bytes()) {
            *to = from;
        }
        tag
    }

    /// Verifies `sealed` = ciphertext ‖ tag in constant time, then decrypts it in place.
    pub(super) fn open(
        &self,
        ssrc: Ssrc,
        index: PacketIndex,
        header: &[u8],
        sealed: &mut [u8],
    ) -> Result<(), TagMismatch> {
        let (text, tag) = sealed
            .split_last_chunk_mut::<TAG_LEN>()
            .ok_or(TagMismatch)?;
        self.authenticate(index, header, text)
            .verify_truncated_left(tag)
            .map_err(|_| TagMismatch)?;
        self.apply_keystream(ssrc, index, text);
        Ok(())
    }

    /// `M = header ‖ ciphertext`, then `ROC` (RFC 3711 §4.2).
    fn authenticate(&self, index: PacketIndex, header: &[u8], text: &[u8]) -> Hmac<Sha1> {
        self.mac
            .clone()
            .chain_update(header)
            .chain_update(text)
            .chain_update(index.roc().to_be_bytes())
    }

    /// `IV = (salt · 2^16) XOR (SSRC · 2^64) XOR (index · 2^16)`; the low 16 bits count blocks. A
    /// packet has fewer than 2^12 of them, so counting never reaches the index.
    fn apply_keystream(&self, ssrc: Ssrc, index: PacketIndex, text: &mut [u8]) {
        let mut iv = [0; 16];
        for (to, from) in iv.iter_mut().zip(self.salt) {
            *to = from;
        }
        for (to, from) in iv.iter_mut().skip(2).zip(index.nonce(ssrc)) {
            *to ^= from;
        }
        let core = CtrCore::<_, flavors::Ctr128BE>::inner_iv_init(&self.cipher, &iv.into());
        Ctr128BE::from_core(core).apply_keystream(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Profile;
    use crate::testing::hex;

    const FIRST: PacketIndex = PacketIndex::new(0, 0);

    fn rfc_3711() -> CounterMode {
        let key = hex("2B7E151628AED2A6ABF7158809CF4F3C");
        let salt = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD");
        let profile = Profile::Aes128CmHmacSha1_80;
        CounterMode::new(&SessionKeys::from_parts(profile, key, salt))
    }

    /// RFC 3711 §B.2: a keystream of 65,282 blocks for SSRC 0 and index 0.
    #[test]
    fn rfc_3711_b2() {
        let mut keystream = vec![0; 0xff02 * 16];
        rfc_3711().apply_keystream(Ssrc::new(0), FIRST, &mut keystream);
        for (block, bytes) in [
            (0x0000, "E03EAD0935C95E80E166B16DD92B4EB4"),
            (0x0001, "D23513162B02D0F72A43A2FE4A5F97AB"),
            (0x0002, "41E95B3BB0A2E8DD477901E4FCA894C0"),
            (0xfeff, "EC8CDF7398607CB0F2D21675EA9EA1E4"),
            (0xff00, "362B7C3C6773516318A077D7FC5073AE"),
            (0xff01, "6A2CC3787889374FBEB4C81B17BA6C44"),
        ] {
            let at = block * 16;
            assert_eq!(keystream[at..at + 16], hex(bytes), "block {block:#06x}");
        }
    }

    /// Everything that the counter block and the MAC are made of counts.
    #[test]
    fn ssrc_index_header_and_text_are_bound() {
        let cipher = rfc_3711();
        let (ssrc, index) = (Ssrc::new(7), PacketIndex::new(1, 2));
        let mut sealed = b"some text".to_vec();
        let tag = cipher.seal(ssrc, index, b"header", &mut sealed);
        sealed.extend(tag);
        let open = |index, header, sealed: &[u8]| {
            let mut sealed = sealed.to_vec();
            cipher
                .open(ssrc, index, header, &mut sealed)
                .map(|()| sealed[..9].to_vec())
        };
        assert_eq!(open(index, b"header", &sealed), Ok(b"some text".to_vec()));
        let other_roc = PacketIndex::new(2, 2);
        assert_eq!(open(other_roc, b"header", &sealed), Err(TagMismatch));
        assert_eq!(open(index, b"Header", &sealed), Err(TagMismatch));
        assert_eq!(open(index, b"header", &sealed[1..]), Err(TagMismatch));
        assert_eq!(open(index, b"header", &sealed[..9]), Err(TagMismatch));
        for at in 0..sealed.len() {
            let mut wrong = sealed.clone();
            wrong[at] ^= 0x80;
            assert_eq!(open(index, b"header", &wrong), Err(TagMismatch), "{at}");
        }
    }

    /// Two packets share no keystream if SSRC, roll-over counter or sequence number differ.
    #[test]
    fn each_packet_has_a_keystream_of_its_own() {
        let keystream = |ssrc, roc, sequence| {
            let mut text = [0; 64];
            let index = PacketIndex::new(roc, sequence);
            rfc_3711().apply_keystream(Ssrc::new(ssrc), index, &mut text);
            text
        };
        let all = [
            keystream(0, 0, 0),
            keystream(1, 0, 0),
            keystream(0, 1, 0),
            keystream(0, 0, 1),
            keystream(1 << 16, 0, 0),
        ];
        for (at, one) in all.iter().enumerate() {
            for other in &all[..at] {
                for block in one.chunks(16) {
                    assert!(!other.chunks(16).any(|theirs| theirs == block), "{at}");
                }
            }
        }
    }

    /// Project Wycheproof: tags of 80 bits by the way of a packet, whose roll-over counter is what a
    /// MAC ends with; shorter texts and whole tags by the MAC itself.
    #[test]
    fn wycheproof_hmac_sha1() {
        use wycheproof::TestResult;
        use wycheproof::mac::{TestName, TestSet};
        let set = TestSet::load(TestName::HmacSha1).expect("vectors");
        let (mut taken, mut refused, mut packets) = (0, 0, 0);
        for group in &set.test_groups {
            for test in &group.tests {
                let mac = <Hmac<Sha1> as Mac>::new_from_slice(&test.key).expect("any length");
                let cipher = CounterMode { mac, ..rfc_3711() };
                let is_right = match test.msg.split_last_chunk() {
                    Some((header, roc)) if group.tag_size == 8 * TAG_LEN => {
                        let index = PacketIndex::new(u32::from_be_bytes(*roc), 0);
                        let mut sealed = test.tag.to_vec();
                        packets += 1;
                        cipher
                            .open(Ssrc::new(0), index, header, &mut sealed)
                            .is_ok()
                    }
                    _ => {
                        let mac = cipher.mac.chain_update(&test.msg[..]);
                        mac.verify_truncated_left(&test.tag).is_ok()
                    }
                };
                assert_eq!(is_right, test.result == TestResult::Valid, "{test:?}");
                *(if is_right { &mut taken } else { &mut refused }) += 1;
            }
        }
        assert_eq!((taken, refused), (66, 104));
        assert_eq!(packets, 52);
    }
}
