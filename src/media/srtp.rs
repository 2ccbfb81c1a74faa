//! Sealing and opening one packet with one sender's key.

use super::aead::TagMismatch;
use super::counter_mode::CounterMode;
use super::gcm::Gcm;
use super::{Malformed, PacketIndex, RtpHeader};
use crate::schedule::{Profile, SessionKeys};

/// The tag did not verify: forged, damaged, or protected with another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the tag does not verify")]
pub struct AuthFailed;

/// A sender's keys of one epoch, ready for packets.
pub struct PacketKey {
    transform: Transform,
    tag_len: usize,
}

/// What SRTP calls a transform (RFC 3711 §4): a cipher and what authenticates.
#[allow(
    clippy::large_enum_variant,
    reason = "the usual one stays in place, without a pointer to follow for each packet"
)]
enum Transform {
    Gcm(Gcm),
    CounterMode(Box<CounterMode>),
}

impl PacketKey {
    /// Sets up the cipher.
    pub fn new(keys: &SessionKeys) -> Self {
        let profile = keys.profile();
        let transform = match profile {
            Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => Transform::Gcm(Gcm::new(keys)),
            Profile::Aes128CmHmacSha1_80 => {
                Transform::CounterMode(Box::new(CounterMode::new(keys)))
            }
        };
        Self {
            transform,
            tag_len: profile.tag_len(),
        }
    }

    /// Encrypts the payload in place and appends the tag over it and the header without extension
    /// and padding (RFC 7714 §8 and §9, RFC 3711 §4.1.1 and §4.2). Padding is dropped.
    ///
    /// The caller answers for `index` never repeating under this key and SSRC.
    #[expect(
        clippy::indexing_slicing,
        reason = "dropping the padding ends the packet where the payload does"
    )]
    pub fn seal(&self, header: &RtpHeader, index: PacketIndex, packet: &mut Vec<u8>) {
        header.drop_padding(packet);
        let covered = header.associated_data(packet);
        let (ssrc, covered) = (header.ssrc, covered.as_slice());
        let text = &mut packet[header.payload().start..];
        match &self.transform {
            Transform::Gcm(gcm) => {
                let tag = gcm.seal(ssrc, index, covered, text);
                packet.extend_from_slice(&tag);
            }
            Transform::CounterMode(cm) => {
                let tag = cm.seal(ssrc, index, covered, text);
                packet.extend_from_slice(&tag);
            }
        }
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
        let covered = header.associated_data(packet);
        let (ssrc, covered) = (header.ssrc, covered.as_slice());
        let start = header.payload().start;
        let text_end = packet
            .len()
            .checked_sub(self.tag_len)
            .filter(|end| *end >= start);
        let text_end = text_end.ok_or(Malformed::Trailer)?;
        let sealed = packet.get_mut(start..).ok_or(Malformed::Trailer)?;
        match &self.transform {
            Transform::Gcm(gcm) => gcm.open(ssrc, index, covered, sealed),
            Transform::CounterMode(cm) => cm.open(ssrc, index, covered, sealed),
        }
        .map_err(|TagMismatch| AuthFailed)?;
        packet.truncate(text_end);
        Ok(())
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

    #[test]
    fn what_is_shorter_than_its_tag_is_malformed() {
        for profile in Profile::ALL {
            let keys = (vec![1; profile.key_len()], vec![2; profile.salt_len()]);
            let key = PacketKey::new(&SessionKeys::from_parts(profile, keys.0, keys.1));
            let header = RtpHeader::parse(&hex(PACKET)).expect("well formed");
            let mut short = [hex(PACKET), vec![0; profile.tag_len() - 1]].concat();
            let index = PacketIndex::new(0, header.sequence);
            let opened = key.open(&header, index, &mut short);
            assert_eq!(opened, Err(OpenFailed::Malformed(Malformed::Trailer)));
        }
    }
}
