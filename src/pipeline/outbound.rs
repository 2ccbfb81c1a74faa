//! Protecting what we send.

use std::collections::HashMap;

use crate::epoch::EpochSecrets;
use crate::id::{Epoch, LeafIndex, Ssrc};
use crate::media::{
    KeyExhausted, KeyLimits, KeyUsage, Malformed, Mki, PacketIndex, PacketKey, RtpHeader, Trailer,
};
use crate::schedule::EpochKey;

/// Why a packet was not protected. It must not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtectError {
    /// Not an RTP packet.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Nobody may hear anything from us now, as [`MediaUpdate::Suspend`](super::MediaUpdate) said.
    #[error("sending is suspended")]
    Suspended,
    /// There is no epoch to send in: not joined yet, or left.
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
    /// The key has protected as many packets as it may; a new epoch must come first.
    #[error(transparent)]
    KeyExhausted(#[from] KeyExhausted),
}

/// The highest index used of one SSRC, over all epochs and groups.
#[derive(Debug, Clone, Copy)]
enum Progress {
    /// The last packet had this index.
    At(PacketIndex),
    /// The next packet, whatever its sequence number, takes this roll-over counter.
    Restarting { roc: u32 },
}

/// Our key of the epoch we send in.
struct SendKey {
    epoch: Epoch,
    leaf: LeafIndex,
    key: PacketKey,
    usage: KeyUsage,
}

/// The sending half. Its counters outlive every peer connection and track, because they are what
/// keeps a nonce from being used twice.
#[derive(Default)]
pub(super) struct Outbound {
    key: Option<SendKey>,
    suspended: bool,
    progress: HashMap<Ssrc, Progress>,
}

impl Outbound {
    /// Moves to an epoch. There is no way back to an older one.
    pub(super) fn switch(&mut self, secrets: &EpochSecrets, epoch_key: &EpochKey) {
        let keys = epoch_key
            .sender(secrets.own_leaf, secrets.profile)
            .into_session_keys();
        self.key = Some(SendKey {
            epoch: secrets.epoch,
            leaf: secrets.own_leaf,
            key: PacketKey::new(&keys),
            usage: KeyUsage::default(),
        });
    }

    /// Erases the key. The counters stay.
    pub(super) fn stop(&mut self) {
        self.key = None;
        self.suspended = false;
    }

    /// Refuses packets, or takes them again. Key and counters stay.
    pub(super) fn suspend(&mut self, suspended: bool) {
        self.suspended = suspended;
    }

    /// The epoch sent in.
    pub(super) fn epoch(&self) -> Option<Epoch> {
        self.key.as_ref().map(|key| key.epoch)
    }

    /// A track with this SSRC starts over, perhaps with a sequence number already used: it goes on
    /// under the next roll-over counter, which the packet itself tells its receivers.
    pub(super) fn restart(&mut self, ssrc: Ssrc) {
        if let Some(progress) = self.progress.get_mut(&ssrc)
            && let Progress::At(index) = *progress
        {
            *progress = Progress::Restarting {
                roc: index.roc() + 1,
            };
        }
    }

    /// Protects one packet in place. `Ok(true)` when the key's soft limit was reached.
    pub(super) fn protect(
        &mut self,
        packet: &mut Vec<u8>,
        limits: &KeyLimits,
    ) -> Result<bool, ProtectError> {
        let header = RtpHeader::parse(packet)?;
        if header.payload().is_empty() {
            // A probe carries nothing to protect, and receivers discard it.
            return Ok(false);
        }
        if self.suspended {
            return Err(ProtectError::Suspended);
        }
        let send = self.key.as_mut().ok_or(ProtectError::NoEpoch)?;
        let index = next_index(self.progress.get(&header.ssrc), &header)?;
        let roc =
            u16::try_from(index.roc()).map_err(|_| ProtectError::SsrcExhausted(header.ssrc))?;
        let worn_out = send.usage.count(limits)?;
        self.progress.insert(header.ssrc, Progress::At(index));

        send.key.seal(&header, index, packet);
        let mki = Mki {
            epoch: send.epoch.get() as u16,
            leaf: send.leaf,
        };
        packet.extend_from_slice(&Trailer::sent(mki, roc));
        Ok(worn_out)
    }
}

/// The index of a packet, above the highest one used for its SSRC.
fn next_index(
    progress: Option<&Progress>,
    header: &RtpHeader,
) -> Result<PacketIndex, ProtectError> {
    match progress {
        None => Ok(PacketIndex::new(0, header.sequence)),
        Some(Progress::Restarting { roc }) => Ok(PacketIndex::new(*roc, header.sequence)),
        Some(Progress::At(index)) => {
            index
                .following(header.sequence)
                .ok_or(ProtectError::NotAhead {
                    ssrc: header.ssrc,
                    sequence: header.sequence,
                })
        }
    }
}
