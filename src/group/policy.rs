//! The terms of a room, fixed in the GroupContext so that all members agree on them.

use serde::{Deserialize, Serialize};
use tls_codec::{DeserializeBytes, Serialize as _, TlsDeserializeBytes, TlsSerialize, TlsSize};

use super::MlsSuite;
use crate::id::{Generation, RoomName};
use crate::schedule::{MediaMode, Profile, Suite};

/// MLS extension type of [`RoomPolicy`], from the private-use range (RFC 9420 §17.3).
pub const ROOM_POLICY_EXTENSION: u16 = 0xF4D5;

/// The version of the encoding below.
const VERSION: u16 = 1;

/// What a room fixes when its group is created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomPolicy {
    /// The room's name: a Welcome into another room is refused.
    pub room: RoomName,
    /// How many groups the room had before this one.
    pub generation: Generation,
    /// The group's MLS cipher suite. The GroupContext has it too, and both must agree.
    pub ciphersuite: MlsSuite,
    /// How media is protected, and with what.
    #[serde(flatten)]
    pub mode: MediaMode,
    /// Whether nobody new may come in.
    #[serde(default)]
    pub locked: bool,
}

/// Why the bytes of the extension were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The group has no room policy.
    #[error("the group context holds no room policy")]
    Missing,
    /// The bytes do not parse.
    #[error("the room policy is malformed")]
    Malformed,
    /// A version, mode or profile that this program does not know.
    #[error("the room policy names an unknown {0}")]
    Unknown(&'static str),
}

/// ```text
/// struct {
///     uint16 version = 1;
///     opaque room<V>;
///     uint32 generation;
///     uint16 ciphersuite;     /* MLS cipher suite of the group */
///     uint8  mode;            /* 0 srtp, 1 sframe */
///     uint16 profile;         /* DTLS-SRTP protection profile, or SFrame cipher suite */
///     uint8  flags;           /* 0x01 locked */
/// } RoomPolicy;
/// ```
#[derive(TlsSerialize, TlsDeserializeBytes, TlsSize)]
struct Wire {
    version: u16,
    room: Vec<u8>,
    generation: u32,
    ciphersuite: u16,
    mode: u8,
    profile: u16,
    flags: u8,
}

impl RoomPolicy {
    /// The extension's bytes.
    #[expect(clippy::expect_used, reason = "a room's name has at most 64 bytes")]
    pub fn encode(&self) -> Vec<u8> {
        let (mode, profile) = match self.mode {
            MediaMode::Srtp(profile) => (0, profile.id()),
            MediaMode::Sframe(suite) => (1, suite.id()),
        };
        let wire = Wire {
            version: VERSION,
            room: self.room.as_str().as_bytes().to_vec(),
            generation: self.generation.get(),
            ciphersuite: self.ciphersuite.id(),
            mode,
            profile,
            flags: u8::from(self.locked),
        };
        wire.tls_serialize_detached()
            .expect("a room name fits a vector of 2^30 bytes")
    }

    /// Whether a later group of such terms protects no less than this one: media in the same way,
    /// with keys from a suite that is as strong at least.
    pub(crate) fn protects_like(&self, earlier: &Self) -> bool {
        self.mode == earlier.mode && self.ciphersuite >= earlier.ciphersuite
    }

    /// Reads the extension's bytes; trailing bytes, unknown flags and a length that is written
    /// longer than it must be (RFC 9420 §2.1.2) are refused.
    ///
    /// # Errors
    /// [`PolicyError::Malformed`] or [`PolicyError::Unknown`].
    pub fn decode(bytes: &[u8]) -> Result<Self, PolicyError> {
        let wire = Wire::tls_deserialize_exact_bytes(bytes).map_err(|_| PolicyError::Malformed)?;
        if wire.version != VERSION {
            return Err(PolicyError::Unknown("version"));
        }
        let mode = match wire.mode {
            0 => Profile::from_id(wire.profile).map(MediaMode::Srtp),
            1 => Suite::from_id(wire.profile).map(MediaMode::Sframe),
            _ => return Err(PolicyError::Unknown("mode")),
        };
        let ciphersuite = MlsSuite::from_id(wire.ciphersuite);
        let room = String::from_utf8(wire.room).map_err(|_| PolicyError::Malformed)?;
        let policy = Self {
            room: RoomName::new(room).map_err(|_| PolicyError::Malformed)?,
            generation: Generation::new(wire.generation),
            ciphersuite: ciphersuite.ok_or(PolicyError::Unknown("cipher suite"))?,
            mode: mode.ok_or(PolicyError::Unknown("profile"))?,
            locked: match wire.flags {
                0 => false,
                1 => true,
                _ => return Err(PolicyError::Unknown("flag")),
            },
        };
        let is_shortest = policy.encode() == bytes;
        is_shortest.then_some(policy).ok_or(PolicyError::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> RoomPolicy {
        RoomPolicy {
            room: RoomName::new("demo").expect("a name"),
            generation: Generation::new(3),
            ciphersuite: MlsSuite::X25519MlKem768,
            mode: MediaMode::Srtp(Profile::AeadAes256Gcm),
            locked: true,
        }
    }

    #[test]
    fn bytes_are_as_drawn_and_round_trip() {
        let bytes = policy().encode();
        assert_eq!(
            bytes,
            b"\x00\x01\x04demo\x00\x00\x00\x03\x00\x4f\x00\x00\x08\x01"
        );
        let srtp = Profile::ALL.map(|profile| (MediaMode::Srtp(profile), 0, profile.id()));
        let sframe = Suite::ALL.map(|suite| (MediaMode::Sframe(suite), 1, suite.id()));
        for (mode, kind, profile) in srtp.into_iter().chain(sframe) {
            let policy = RoomPolicy { mode, ..policy() };
            let mut bytes = bytes.clone();
            bytes[13] = kind;
            bytes[14..16].copy_from_slice(&profile.to_be_bytes());
            assert_eq!(policy.encode(), bytes);
            assert_eq!(RoomPolicy::decode(&bytes), Ok(policy));
        }
    }

    #[test]
    fn json_names_mode_and_cipher() {
        let json = serde_json::to_string(&policy()).expect("JSON");
        let expected = concat!(
            r#"{"room":"demo","generation":3,"#,
            r#""ciphersuite":"mls_128_mlkem768x25519_aes128gcm_sha256_ed25519","#,
            r#""mode":"srtp","profile":"aead_aes_256_gcm","locked":true}"#
        );
        assert_eq!(json, expected);
        assert_eq!(
            serde_json::from_str::<RoomPolicy>(&json).ok(),
            Some(policy())
        );
    }

    #[test]
    fn a_profile_is_one_of_its_mode() {
        let mut bytes = policy().encode();
        bytes[13] = 1;
        let unknown = Err(PolicyError::Unknown("profile"));
        assert_eq!(
            RoomPolicy::decode(&bytes),
            unknown,
            "SRTP's in an SFrame room"
        );
        bytes[13..16].copy_from_slice(&[0, 0, 4]);
        assert_eq!(
            RoomPolicy::decode(&bytes),
            unknown,
            "SFrame's in an SRTP room"
        );
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let good = policy().encode();
        for (at, what) in [
            (1, "version"),
            (12, "cipher suite"),
            (13, "mode"),
            (15, "profile"),
            (16, "flag"),
        ] {
            let mut bytes = good.clone();
            bytes[at] = 9;
            assert_eq!(RoomPolicy::decode(&bytes), Err(PolicyError::Unknown(what)));
        }
        let mut longer = good.clone();
        longer.push(0);
        assert_eq!(RoomPolicy::decode(&longer), Err(PolicyError::Malformed));
        assert_eq!(RoomPolicy::decode(&good[..5]), Err(PolicyError::Malformed));
        // RFC 9420 §2.1.2: a length has one encoding, the shortest.
        let padded = [&good[..2], &[0x40], &good[2..]].concat();
        assert_eq!(RoomPolicy::decode(&padded), Err(PolicyError::Malformed));
    }
}
