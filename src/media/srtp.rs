//! Sealing and opening one packet with one sender's key.

use super::aead::{Aead, NONCE_LEN, PacketAead, TAG_LEN};
use super::{Malformed, PacketIndex, RtpHeader};
use crate::id::Ssrc;
use crate::schedule::SessionKeys;

/// The tag did not verify: forged, damaged, or protected with another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the packet's tag does not verify")]
pub struct AuthFailed;

/// A sender's key of one epoch, ready for packets.
pub struct PacketKey {
    aead: Aead,
    salt: [u8; NONCE_LEN],
}

impl PacketKey {
    /// Sets up the cipher.
    pub fn new(keys: &SessionKeys) -> Self {
        let mut salt = [0; NONCE_LEN];
        for (to, from) in salt.iter_mut().zip(keys.salt().expose()) {
            *to = *from;
        }
        Self {
            aead: Aead::new(keys),
            salt,
        }
    }

    /// Encrypts the payload in place and appends the tag, as RFC 7714 §8 and §9 have it, over the
    /// header without extension and padding. Padding is dropped.
    ///
    /// The caller answers for `index` never repeating under this key and SSRC.
    pub fn seal(&self, header: &RtpHeader, index: PacketIndex, packet: &mut Vec<u8>) {
        header.drop_padding(packet);
        let aad = header.associated_data(packet);
        let text = &mut packet[header.payload().start..];
        let tag = self
            .aead
            .seal(self.nonce(header.ssrc, index), aad.as_slice(), text);
        packet.extend_from_slice(&tag);
    }

    /// Verifies and decrypts `header` ‖ ciphertext ‖ tag in place and cuts the tag off.
    ///
    /// The trailer must be cut off and the header's original fields written back before.
    ///
    /// # Errors
    /// [`OpenFailed`]; the packet's content is then undefined and must be thrown away.
    pub fn open(
        &self,
        header: &RtpHeader,
        index: PacketIndex,
        packet: &mut Vec<u8>,
    ) -> Result<(), OpenFailed> {
        let aad = header.associated_data(packet);
        let start = header.payload().start;
        let text_end = packet
            .len()
            .checked_sub(TAG_LEN)
            .filter(|end| *end >= start);
        let text_end = text_end.ok_or(Malformed::Trailer)?;
        let sealed = packet.get_mut(start..).ok_or(Malformed::Trailer)?;
        self.aead
            .open(self.nonce(header.ssrc, index), aad.as_slice(), sealed)
            .map_err(|_| AuthFailed)?;
        packet.truncate(text_end);
        Ok(())
    }

    fn nonce(&self, ssrc: Ssrc, index: PacketIndex) -> [u8; NONCE_LEN] {
        let mut nonce = index.nonce(ssrc);
        for (byte, salt) in nonce.iter_mut().zip(self.salt) {
            *byte ^= salt;
        }
        nonce
    }
}

/// Why [`PacketKey::open`] refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenFailed {
    /// Too short.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Not from who it says.
    #[error(transparent)]
    Auth(#[from] AuthFailed),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Profile;
    use crate::testing::hex;

    const PACKET: &str = "8040f17b8041f8d35501a0b2";
    const TEXT: &[u8] = b"Gallia est omnis divisa in partes tres";

    /// RFC 7714 §16: session key 00 01 02 …, salt "Quid pro quo".
    fn rfc_7714(profile: Profile, sealed: &str) {
        let key = (0u8..).take(profile.key_len()).collect();
        let keys = SessionKeys::from_parts(profile, key, b"Quid pro quo".to_vec());
        let key = PacketKey::new(&keys);
        let mut packet = hex(PACKET);
        packet.extend_from_slice(TEXT);
        let header = RtpHeader::parse(&packet).expect("well formed");
        let index = PacketIndex::new(0, 0xf17b);
        assert_eq!(
            key.nonce(header.ssrc, index),
            hex("51753c6580c2726f20718414")[..]
        );

        key.seal(&header, index, &mut packet);
        assert_eq!(packet, [hex(PACKET), hex(sealed)].concat());
        let mut wrong = packet.clone();
        key.open(&header, index, &mut packet)
            .expect("its own packet");
        assert_eq!(packet, [&hex(PACKET), TEXT].concat());
        let other = PacketIndex::new(1, 0xf17b);
        assert_eq!(
            key.open(&header, other, &mut wrong),
            Err(OpenFailed::Auth(AuthFailed))
        );
    }

    #[test]
    fn rfc_7714_16_1_aes_128() {
        rfc_7714(
            Profile::AeadAes128Gcm,
            "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833\
             899d7f27beb16a9152cf765ee4390cce",
        );
    }

    #[test]
    fn rfc_7714_16_2_aes_256() {
        rfc_7714(
            Profile::AeadAes256Gcm,
            "32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b\
             7aa3db36dfffd6b0f9bb7878d7a76c13",
        );
    }
}
