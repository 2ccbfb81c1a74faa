//! Protecting what we send.

use std::collections::BTreeMap;

use super::protected::Protected;
use crate::id::{Epoch, LeafIndex, Ssrc, StreamNumber};
use crate::media::sframe::Unprotectable;
use crate::media::{KeyExhausted, KeyLimits, KeyUsage, Malformed};

/// Why a packet or frame was not protected. It must not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtectError {
    /// Not an RTP packet.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Not a frame that can be protected.
    #[error(transparent)]
    Unprotectable(#[from] Unprotectable),
    /// Nobody may hear anything from us now, as [`MediaUpdate::Suspend`](super::MediaUpdate) said.
    #[error("sending is suspended")]
    Suspended,
    /// There is no epoch to send in: not joined yet, left, or in a room of another mode.
    #[error("there is no epoch to send in")]
    NoEpoch,
    /// The sequence number does not lie ahead of the last one: protecting it could use a nonce
    /// twice. Call [`restart_stream`](super::MediaPipeline::restart_stream) when a track with the
    /// same SSRC starts over.
    #[error("sequence number {sequence} does not lie ahead of the last one of SSRC {ssrc}")]
    NotAhead {
        /// The stream.
        ssrc: Ssrc,
        /// The packet's sequence number.
        sequence: u16,
    },
    /// The roll-over counter has used its 16 bits: the stream needs a new SSRC.
    #[error("SSRC {0} has used up its packet indexes; take a new one")]
    SsrcExhausted(Ssrc),
    /// The counter has used its 64 bits: the stream needs a new number.
    #[error("stream {0} has used up its counter; take another number")]
    StreamExhausted(StreamNumber),
    /// The key has protected as much as it may; a new epoch must come first.
    #[error(transparent)]
    KeyExhausted(#[from] KeyExhausted),
}

/// Our keys of the epoch that we send in.
pub(super) struct Sending<P: Protected> {
    pub(super) epoch: Epoch,
    pub(super) leaf: LeafIndex,
    epoch_key: P::EpochKey,
    keys: BTreeMap<P::KeyName, (P::Key, KeyUsage)>,
}

impl<P: Protected> Sending<P> {
    pub(super) fn new(epoch: Epoch, leaf: LeafIndex, epoch_key: P::EpochKey) -> Self {
        Self {
            epoch,
            leaf,
            epoch_key,
            keys: BTreeMap::new(),
        }
    }

    /// The key of that name, for protecting so many bytes. With it `true` if that reaches the
    /// key's soft limit.
    pub(super) fn key(
        &mut self,
        name: P::KeyName,
        bytes: usize,
        limits: &KeyLimits,
    ) -> Result<(&P::Key, bool), KeyExhausted> {
        let (key, usage) = self.keys.entry(name).or_insert_with(|| {
            let key = P::key(&self.epoch_key, name);
            (key, KeyUsage::default())
        });
        let worn_out = usage.count(bytes, limits)?;
        Ok((key, worn_out))
    }
}
