//! The published vectors, checked from outside: `tests/vectors/sframe-v1.json` and `codes-v1.json`.

use mls_srtp::epoch::{EpochSecrets, GroupCode, SwitchReason};
use mls_srtp::group::{Roster, SafetyNumber};
use mls_srtp::id::{Epoch, GroupId, LeafIndex, ParticipantId, StreamNumber};
use mls_srtp::media::sframe::Codec;
use mls_srtp::pipeline::{FramePipeline, MediaConfig, MediaUpdate};
use mls_srtp::schedule::{BaseKey, MediaSecret, Suite};
use mls_srtp::secret::Secret;
use mls_srtp::time::Moment;
use wasm_bindgen::prelude::*;

use crate::codes::Code;

/// A sender with the base key of a vector instead of a group's. It has nothing to do with any
/// [`Core`](crate::Core): it shows that this build makes the same bytes as every other one.
#[wasm_bindgen]
pub struct VectorSender(FramePipeline);

#[wasm_bindgen]
impl VectorSender {
    /// The sender at a leaf in an epoch; `suite` is the SFrame cipher suite's number.
    ///
    /// # Errors
    /// An unknown suite, or a base key of another length than its.
    #[wasm_bindgen(constructor)]
    pub fn new(
        suite: u16,
        base_key: Vec<u8>,
        leaf: u16,
        epoch: u32,
    ) -> Result<VectorSender, JsError> {
        let suite = Suite::from_id(suite).ok_or_else(|| JsError::new("unknown suite"))?;
        let base_key = BaseKey::new(suite, Secret::new(base_key))
            .ok_or_else(|| JsError::new("the base key has another length"))?;
        let (leaf, epoch) = (LeafIndex::new(leaf), Epoch::new(epoch.into()));
        let participant = ParticipantId::new("vector", "localhost", "vector")?;
        let mut frames = FramePipeline::new(MediaConfig::default());
        let install = MediaUpdate::Install(EpochSecrets {
            group_id: GroupId::new([0; 16]),
            epoch,
            own_leaf: leaf,
            roster: Roster::new([(leaf, participant)]),
            media: MediaSecret::Sframe(base_key),
        });
        let reason = SwitchReason::First;
        frames.apply(install, Moment::default());
        frames.apply(
            MediaUpdate::SwitchSending { epoch, reason },
            Moment::default(),
        );
        Ok(Self(frames))
    }

    /// Protects the next frame of a stream.
    ///
    /// # Errors
    /// As [`Core::protect`](crate::Core::protect).
    pub fn protect(&mut self, stream: u16, mime: &str, frame: &[u8]) -> Result<Vec<u8>, JsError> {
        let codec = Codec::from_mime(mime)?;
        let stream = StreamNumber::new(stream);
        Ok(self.0.protect(stream, codec, frame, Moment::default())?)
    }
}

/// A code of a vector's authenticator or keys, likewise without a group.
#[wasm_bindgen]
pub struct VectorCode(Code);

#[wasm_bindgen]
impl VectorCode {
    /// The group code of an epoch authenticator.
    #[must_use]
    pub fn group(epoch_authenticator: &[u8]) -> VectorCode {
        Self(Code::Group(GroupCode::new(epoch_authenticator)))
    }

    /// The safety number of two devices as the first shows it.
    ///
    /// # Errors
    /// A name does not parse.
    pub fn pair(
        own: &str,
        own_key: &[u8],
        other: &str,
        other_key: &[u8],
    ) -> Result<VectorCode, JsError> {
        let (own, other) = (own.parse()?, other.parse()?);
        let number = SafetyNumber::new((&own, own_key), (&other, other_key));
        Ok(Self(Code::Pair(number)))
    }

    /// As [`Core::code`](crate::Core::code).
    #[must_use]
    pub fn shown(&self) -> String {
        self.0.shown().to_string()
    }

    /// As [`Core::compare_code`](crate::Core::compare_code).
    #[must_use]
    pub fn compare(&self, text: &str) -> String {
        self.0.compare(text).to_string()
    }
}
