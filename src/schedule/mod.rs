//! From an epoch's exporter to each sender's keys (key schedule version 1).
//!
//! In rooms of SRTP packets as follows; in rooms of SFrames as RFC 9605 has it, see [`BaseKey`].
//!
//! ```text
//! E             = MLS-Exporter("mls-srtp v1", context, Nh)         RFC 9420 §8.5
//!                 context = { uint16 version = 1; opaque call_id<V>; }     call_id = group_id
//! PRK           = HKDF-Extract("", E)                              RFC 5869, hash of the suite
//! sender_secret = Expand(PRK, { "mls-srtp v1 sender"<V>; uint32 leaf; uint16 profile; }, Nh)
//! master_key    = Expand(sender_secret, { "mls-srtp v1 key"<V> },  key length of the profile)
//! master_salt   = Expand(sender_secret, { "mls-srtp v1 salt"<V> }, salt length of the profile)
//! session keys and salt: SRTP's own key derivation                  RFC 3711 §4.3, rate 0
//! ```
//!
//! Each stage is a type of its own and going on consumes it, so a step cannot be taken too early
//! or with the wrong secret. One master key per (group, epoch, leaf): equal SSRCs of two senders
//! never share a nonce.

mod key_id;
mod label;
mod mode;
mod profile;
mod sframe;
mod srtp_kdf;
mod suite;

use hkdf::Hkdf;
use sha2::Sha256;

pub use key_id::KeyId;
pub use label::{EXPORTER, SFRAME_EXPORTER, exporter_context};
pub use mode::{MediaMode, MediaSecret, ModeKind, OtherModesCipher, UnknownMode};
pub use profile::{Profile, UnknownProfile};
pub use sframe::{BaseKey, SframeKeys, SframeSecret};
pub use srtp_kdf::SessionKeys;
pub use suite::{Suite, UnknownSuite};

use crate::id::LeafIndex;
use crate::secret::Secret;
use label::Label;

/// Length of an exported secret, a PRK and a sender secret in bytes: SHA-256.
pub const HASH_LEN: usize = 32;

/// What the MLS exporter gave for an epoch.
#[derive(Clone, Debug)]
pub struct ExportedSecret(Secret);

/// Extracted once per epoch; every sender's keys come from it.
#[derive(Clone, Debug)]
pub struct EpochKey(Secret);

/// The SRTP master key and salt of one sender in one epoch.
#[derive(Clone, Debug)]
pub struct MasterKey {
    profile: Profile,
    key: Secret,
    salt: Secret,
}

impl ExportedSecret {
    /// Takes the exporter's output for [`EXPORTER`] and [`exporter_context`], [`HASH_LEN`] bytes.
    pub fn new(exported: Secret) -> Self {
        Self(exported)
    }

    /// The exporter's output, for comparison with other implementations of MLS.
    pub fn secret(&self) -> &Secret {
        &self.0
    }

    /// `PRK = HKDF-Extract("", E)`.
    #[must_use]
    pub fn into_epoch_key(self) -> EpochKey {
        let (prk, _) = Hkdf::<Sha256>::extract(None, self.0.expose());
        EpochKey(Secret::new(prk.to_vec()))
    }
}

impl EpochKey {
    /// The master key and salt of the sender at `leaf`.
    pub fn sender(&self, leaf: LeafIndex, profile: Profile) -> MasterKey {
        let sender = expand(&self.0, Label::Sender { leaf, profile }, HASH_LEN);
        MasterKey {
            profile,
            key: expand(&sender, Label::Key, profile.key_len()),
            salt: expand(&sender, Label::Salt, profile.salt_len()),
        }
    }
}

impl MasterKey {
    /// A master key from elsewhere, for checking against other SRTP implementations.
    ///
    /// Returns `None` when a length does not fit the profile.
    pub fn from_parts(profile: Profile, key: Secret, salt: Secret) -> Option<Self> {
        let fits = key.len() == profile.key_len() && salt.len() == profile.salt_len();
        fits.then_some(Self { profile, key, salt })
    }

    /// The profile it is for.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// SRTP master key, [`Profile::key_len`] bytes.
    pub fn key(&self) -> &Secret {
        &self.key
    }

    /// SRTP master salt, [`Profile::salt_len`] bytes.
    pub fn salt(&self) -> &Secret {
        &self.salt
    }

    /// The session keys and salt for RTP packets (RFC 3711 §4.3, key derivation rate 0).
    #[must_use]
    pub fn into_session_keys(self) -> SessionKeys {
        SessionKeys::derive(self.profile, &self.key, &self.salt)
    }
}

#[expect(clippy::expect_used, reason = "the lengths are those of a profile")]
fn expand(prk: &Secret, label: Label, len: usize) -> Secret {
    let mut okm = Secret::zeroed(len);
    Hkdf::<Sha256>::from_prk(prk.expose())
        .and_then(|hkdf| {
            hkdf.expand(&label.info(), okm.expose_mut())
                .map_err(|_| hkdf::InvalidPrkLength)
        })
        .expect("a PRK has the hash's length and no output exceeds 255 hashes");
    okm
}

#[cfg(test)]
mod tests;
