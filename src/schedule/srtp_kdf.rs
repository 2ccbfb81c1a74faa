//! SRTP's own key derivation (RFC 3711 §4.3.1), key derivation rate 0.

use aes::cipher::{KeyIvInit, StreamCipher};
use aes::{Aes128, Aes256};
use ctr::Ctr128BE;

use super::Profile;
use crate::secret::Secret;

/// What a derived value is for (RFC 3711 §4.3.1). RTCP stays on the hop, so its labels are absent.
#[derive(Clone, Copy)]
enum RtpLabel {
    Encryption = 0x00,
    Authentication = 0x01,
    Salt = 0x02,
}

/// What protects the RTP packets of one sender in one epoch.
#[derive(Clone, Debug)]
pub struct SessionKeys {
    profile: Profile,
    key: Secret,
    auth_key: Secret,
    salt: Secret,
}

impl SessionKeys {
    pub(super) fn derive(profile: Profile, master_key: &Secret, master_salt: &Secret) -> Self {
        let keystream = |label: RtpLabel, len| keystream(master_key, master_salt, label as u8, len);
        Self {
            profile,
            key: keystream(RtpLabel::Encryption, profile.key_len()),
            auth_key: keystream(RtpLabel::Authentication, profile.auth_key_len()),
            salt: keystream(RtpLabel::Salt, profile.salt_len()),
        }
    }

    /// The profile these keys are for.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// Session encryption key, [`Profile::key_len`] bytes.
    pub fn key(&self) -> &Secret {
        &self.key
    }

    /// Session authentication key, [`Profile::auth_key_len`] bytes: none for an AEAD.
    pub fn auth_key(&self) -> &Secret {
        &self.auth_key
    }

    /// Session salt, [`Profile::salt_len`] bytes.
    pub fn salt(&self) -> &Secret {
        &self.salt
    }

    /// Session keys given directly, as the vectors of RFC 3711 and RFC 7714 state them, with an
    /// authentication key of zeros.
    #[cfg(test)]
    pub(crate) fn from_parts(profile: Profile, key: Vec<u8>, salt: Vec<u8>) -> Self {
        Self {
            profile,
            key: Secret::new(key),
            auth_key: Secret::zeroed(profile.auth_key_len()),
            salt: Secret::new(salt),
        }
    }
}

/// `AES-CTR(master_key, IV = ((label << 48) XOR salt) ‖ 0x0000)`, `len` bytes.
///
/// A 12-byte salt is left-justified in the 14 bytes that RFC 3711 has for it (RFC 7714 §11).
fn keystream(master_key: &Secret, master_salt: &Secret, label: u8, len: usize) -> Secret {
    let mut iv = [0u8; 16];
    for (to, from) in iv.iter_mut().zip(master_salt.expose()) {
        *to = *from;
    }
    iv[7] ^= label;
    let mut out = Secret::zeroed(len);
    let key = master_key.expose();
    if key.len() == 16 {
        apply::<Ctr128BE<Aes128>>(key, &iv, out.expose_mut());
    } else {
        apply::<Ctr128BE<Aes256>>(key, &iv, out.expose_mut());
    }
    out
}

#[expect(clippy::expect_used, reason = "the lengths are those of a profile")]
fn apply<C: KeyIvInit + StreamCipher>(key: &[u8], iv: &[u8; 16], out: &mut [u8]) {
    C::new_from_slices(key, iv)
        .expect("master keys have 16 or 32 bytes, checked where they are made")
        .apply_keystream(out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hex;

    /// RFC 3711 §B.3: AES-128, 14-byte salt.
    #[test]
    fn rfc_3711_b3() {
        let key = Secret::new(hex("E1F97A0D3E018BE0D64FA32C06DE4139"));
        let salt = Secret::new(hex("0EC675AD498AFEEBB6960B3AABE6"));
        let derive = |label, len| keystream(&key, &salt, label, len).expose().to_vec();
        assert_eq!(derive(0, 16), hex("C61E7A93744F39EE10734AFE3FF7A087"));
        assert_eq!(derive(2, 14), hex("30CBBC08863D8C85D49DB34A9AE1"));
        let authentication = concat!(
            "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA48F0A0ACF3C34E2359E6CDBCE",
            "E049646C43D9327AD175578EF72270986371C10C9A369AC2F94A8C5FBCDDDC25",
            "6D6E919A48B610EF17C2041E474035766B68642C59BBFC2F34DB60DBDFB2"
        );
        assert_eq!(derive(1, 94), hex(authentication));

        let keys = SessionKeys::derive(Profile::Aes128CmHmacSha1_80, &key, &salt);
        assert_eq!(keys.key().expose(), derive(0, 16));
        assert_eq!(keys.salt().expose(), derive(2, 14));
        assert_eq!(keys.auth_key().expose(), hex(&authentication[..40]));
    }

    /// RFC 6188 §7.2: AES-256. Its profiles are none of ours, but AEAD_AES_256_GCM derives in the
    /// same way (RFC 7714 §11).
    #[test]
    fn rfc_6188_7_2() {
        let key = Secret::new(hex(
            "f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6",
        ));
        let salt = Secret::new(hex("3b04803de51ee7c96423ab5b78d2"));
        for (label, expected) in [
            (
                0,
                "5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4",
            ),
            (1, "fd9c32d39ed5fbb5a9dc96b30818454d1313dc05"),
            (2, "fa31791685ca444a9e07c6c64e93"),
        ] {
            let expected = hex(expected);
            let derived = keystream(&key, &salt, label, expected.len());
            assert_eq!(derived.expose(), expected, "label {label}");
        }
    }

    /// RFC 9335 Appendix A.2: a 12-byte salt.
    #[test]
    fn rfc_9335_gcm_session_keys() {
        let key = Secret::new((0x00..=0x0f).collect());
        let salt = Secret::new((0xa0..=0xab).collect());
        let keys = SessionKeys::derive(Profile::AeadAes128Gcm, &key, &salt);
        assert_eq!(keys.key().expose(), hex("077c6143cb221bc355ff23d5f984a16e"));
        assert_eq!(keys.salt().expose(), hex("9af3e95364ebac9c99c5a7c4"));
        assert!(keys.auth_key().is_empty());
    }
}
