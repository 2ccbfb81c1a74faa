//! Opening what others send.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::streams::Streams;
use crate::epoch::{Congruent, EpochRing, EpochSecrets};
use crate::id::{Epoch, LeafIndex, ParticipantId, Ssrc};
use crate::media::{Malformed, OpenFailed, PacketKey, ReplayWindow, RtpHeader, Trailer};
use crate::schedule::EpochKey;

/// Why a packet was refused. It must not reach a decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Not a protected RTP packet.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The epoch is gone, was never ours, or is too far away.
    #[error("the packet's epoch is not alive")]
    UnknownEpoch,
    /// Nobody, or we ourselves, sat at the leaf in the packet's epoch.
    #[error("leaf {0} is no other member's in the packet's epoch")]
    UnknownLeaf(LeafIndex),
    /// The packet did not get its epoch in time.
    #[error("the packet's epoch did not come in time")]
    MissingKey,
    /// The sender has not announced the SSRC.
    #[error("the sender has not announced this stream")]
    WrongStream,
    /// Received before, or too far behind to know.
    #[error("the packet was received before")]
    Replayed,
    /// The tag does not verify.
    #[error("the packet's tag does not verify")]
    AuthFailed,
}

/// An opened packet and who sent it, by the key that opened it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The RTP packet in plain, its original header fields restored.
    pub packet: Vec<u8>,
    /// The stream.
    pub ssrc: Ssrc,
    /// The epoch it was protected in.
    pub epoch: Epoch,
    /// The leaf whose key opened it.
    pub leaf: LeafIndex,
    /// Who held that leaf in that epoch.
    pub participant: Arc<ParticipantId>,
}

/// What opening came to.
pub(super) enum Outcome {
    Opened(Opened),
    /// Its epoch has not come.
    EpochAhead,
    /// Its sender has not announced it.
    Unannounced(Sender),
    Refused(OpenError, Option<Sender>),
}

/// Who a packet says it is from.
#[derive(Clone)]
pub(super) struct Sender {
    pub(super) leaf: LeafIndex,
    pub(super) participant: Arc<ParticipantId>,
}

/// Receive state of one epoch.
pub(super) struct ReceiveEpoch {
    pub(super) secrets: EpochSecrets,
    pub(super) key: EpochKey,
    senders: HashMap<LeafIndex, SenderState>,
}

/// Derived when a sender's first packet comes: of a thousand members only a few speak.
struct SenderState {
    key: PacketKey,
    windows: HashMap<Ssrc, ReplayWindow>,
}

impl ReceiveEpoch {
    pub(super) fn new(secrets: EpochSecrets) -> Self {
        let key = secrets.exported.clone().into_epoch_key();
        Self {
            secrets,
            key,
            senders: HashMap::new(),
        }
    }

    /// The other member at a leaf.
    fn sender(&self, leaf: LeafIndex) -> Option<Sender> {
        let participant = self.secrets.roster.occupant(leaf)?;
        (leaf != self.secrets.own_leaf).then(|| Sender {
            leaf,
            participant: Arc::clone(participant),
        })
    }

    fn state(&mut self, leaf: LeafIndex) -> &mut SenderState {
        match self.senders.entry(leaf) {
            Entry::Occupied(state) => state.into_mut(),
            Entry::Vacant(place) => {
                let keys = self
                    .key
                    .sender(leaf, self.secrets.profile)
                    .into_session_keys();
                place.insert(SenderState {
                    key: PacketKey::new(&keys),
                    windows: HashMap::new(),
                })
            }
        }
    }
}

/// Opens one packet: MKI → epoch → occupant → announcement → replay window → tag.
///
/// Nothing changes before the tag has verified, and the key is chosen by the MKI alone: AES-GCM
/// does not commit to its key, so trying several would let an insider show different people
/// different content.
pub(super) fn open(
    ring: &mut EpochRing<ReceiveEpoch>,
    streams: &Streams,
    packet: &mut Vec<u8>,
) -> Outcome {
    let (header, trailer) = match parse(packet) {
        Ok(parsed) => parsed,
        Err(malformed) => return Outcome::Refused(malformed.into(), None),
    };
    let epoch = match ring.resolve(trailer.mki.epoch) {
        Congruent::Live(epoch) => epoch,
        Congruent::Ahead(_) => return Outcome::EpochAhead,
        Congruent::Unknown if ring.newest().is_none() => return Outcome::EpochAhead,
        Congruent::Unknown => return Outcome::Refused(OpenError::UnknownEpoch, None),
    };
    let leaf = trailer.mki.leaf;
    let Some(live) = ring.get_mut(epoch) else {
        return Outcome::Refused(OpenError::UnknownEpoch, None);
    };
    let Some(sender) = live.sender(leaf) else {
        return Outcome::Refused(OpenError::UnknownLeaf(leaf), None);
    };
    if !streams.announced(&sender.participant, header.ssrc) {
        return Outcome::Unannounced(sender);
    }
    match unseal(live.state(leaf), header, trailer, packet) {
        Ok(()) => Outcome::Opened(Opened {
            packet: std::mem::take(packet),
            ssrc: header.ssrc,
            epoch,
            leaf,
            participant: sender.participant,
        }),
        Err(error) => Outcome::Refused(error, Some(sender)),
    }
}

/// The leaf that a packet names, for telling whose packets are dropped.
pub(super) fn claimed_leaf(packet: &[u8]) -> Option<LeafIndex> {
    parse(packet).ok().map(|(_, trailer)| trailer.mki.leaf)
}

fn parse(packet: &[u8]) -> Result<(RtpHeader, Trailer), Malformed> {
    let header = RtpHeader::parse(packet)?;
    let payload = packet.get(header.payload()).ok_or(Malformed::Header)?;
    Ok((header, Trailer::parse(payload)?))
}

/// Cuts the trailer off, restores the header, and opens: look, authenticate, then remember.
fn unseal(
    sender: &mut SenderState,
    header: RtpHeader,
    trailer: Trailer,
    packet: &mut Vec<u8>,
) -> Result<(), OpenError> {
    let (header, index) = trailer.strip(header, packet)?;
    if let Some(window) = sender.windows.get(&header.ssrc) {
        window
            .inspect(index.get())
            .map_err(|_| OpenError::Replayed)?;
    }
    sender
        .key
        .open(&header, index, packet)
        .map_err(|failed| match failed {
            OpenFailed::Malformed(malformed) => OpenError::Malformed(malformed),
            OpenFailed::Auth(_) => OpenError::AuthFailed,
        })?;
    match sender.windows.entry(header.ssrc) {
        Entry::Occupied(mut window) => window.get_mut().commit(index.get()),
        Entry::Vacant(place) => {
            place.insert(ReplayWindow::starting_at(index.get()));
        }
    }
    Ok(())
}
