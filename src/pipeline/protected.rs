//! What packets and frames have in common: a key that they name, and a place in an order.

use std::hash::Hash;
use std::sync::Arc;

use super::{OpenError, StreamId};
use crate::epoch::TruncatedEpoch;
use crate::id::{Epoch, LeafIndex, ParticipantId};
use crate::schedule::MediaSecret;

/// One protected thing as it arrived, taken apart and not yet opened: an RTP packet or an encoded
/// frame.
pub trait Protected: Sized {
    /// What an epoch's secret becomes, for all senders.
    type EpochKey: Clone;
    /// Which of the keys of an epoch.
    type KeyName: Copy + Ord + Hash;
    /// One sender's key, ready for use.
    type Key;
    /// What keeps our own nonces from repeating. It lives as long as the pipeline.
    type Counters: Default;
    /// What opening gives.
    type Opened;

    /// `None` if the secret is for another mode.
    fn epoch_key(secret: MediaSecret) -> Option<Self::EpochKey>;

    /// Derives a key.
    fn key(epoch_key: &Self::EpochKey, name: Self::KeyName) -> Self::Key;

    /// Whose it says it is.
    fn claim(&self) -> Claim;

    /// What it queues with while it waits.
    fn lane(&self) -> Lane;

    /// Which key of the claimed epoch protects it.
    fn key_name(&self) -> Self::KeyName;

    /// Its length in bytes.
    fn len(&self) -> usize;

    /// What the caller knows it by, if it is to be told what became of it.
    fn ticket(&self) -> Option<u64>;

    /// The same of what has been opened.
    fn opened_ticket(opened: &Self::Opened) -> Option<u64>;

    /// Opens it, after `inspect` has found its place in the order to be new. Returns that place.
    fn open(
        self,
        key: &Self::Key,
        whose: &Whose,
        inspect: impl FnOnce(u64) -> Result<(), OpenError>,
    ) -> Result<(u64, Self::Opened), OpenError>;
}

/// What a packet or frame says of itself. Nothing of it is to be believed before the tag verifies.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    /// The epoch of its key.
    pub(super) epoch: TruncatedEpoch,
    /// The leaf whose key it is.
    pub(super) leaf: LeafIndex,
    /// The sender's stream.
    pub(super) stream: StreamId,
}

/// What waiting packets or frames are told apart by, so that none crowd out others: the stream, and
/// the leaf unless the way here vouches for the stream.
pub type Lane = (Option<LeafIndex>, StreamId);

/// The sender of what is being opened.
#[derive(Debug, Clone)]
pub struct Whose {
    /// The epoch whose key is used.
    pub(super) epoch: Epoch,
    /// The leaf whose key is used.
    pub(super) leaf: LeafIndex,
    /// Who sits there in that epoch.
    pub(super) participant: Arc<ParticipantId>,
}
