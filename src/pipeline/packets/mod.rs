//! RTP packets: rooms in `srtp` mode.

use std::collections::HashMap;
use std::sync::Arc;

use super::protected::{Claim, Lane, Protected, Whose};
use super::{OpenError, Pipeline, ProtectError, Receipt};
use crate::id::{Epoch, LeafIndex, ParticipantId, Ssrc};
use crate::media::{Malformed, Mki, PacketIndex, PacketKey, RtpHeader, Trailer};
use crate::schedule::{EpochKey, MediaSecret, Profile};
use crate::time::Moment;

/// Protects and opens RTP packets. See the [module](super) for its contract.
pub type MediaPipeline = Pipeline<ReceivedPacket>;

/// What became of a received packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    /// In plain, with its sender.
    Opened(Opened),
    /// It waits for its epoch or its announcement.
    Held,
    /// Empty: discard it silently.
    Probe,
    /// Drop it.
    Refused(OpenError),
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

impl MediaPipeline {
    /// Protects one whole RTP packet in place: the payload becomes ciphertext ‖ tag ‖ trailer,
    /// 23 bytes longer; header extensions stay, padding is dropped. An empty packet stays as it is.
    ///
    /// # Errors
    /// [`ProtectError`]; the packet must not be sent.
    pub fn protect(&mut self, packet: &mut Vec<u8>, _now: Moment) -> Result<(), ProtectError> {
        let sealed = self.seal(packet);
        self.note_protected(sealed)
    }

    /// Opens one whole RTP packet.
    pub fn open(&mut self, packet: Vec<u8>, now: Moment) -> Opening {
        let received = match RtpHeader::parse(&packet) {
            Ok(header) if header.payload().is_empty() => {
                self.ledger.stats.probes += 1;
                return Opening::Probe;
            }
            Ok(header) => ReceivedPacket::new(header, packet),
            Err(malformed) => Err(malformed),
        };
        match received {
            Ok(received) => match self.receive(received, now, None) {
                Receipt::Opened(opened) => Opening::Opened(opened),
                Receipt::Held => Opening::Held,
                Receipt::Refused(error) => Opening::Refused(error),
            },
            Err(malformed) => {
                self.ledger.refused(malformed.into(), None);
                Opening::Refused(malformed.into())
            }
        }
    }

    /// A track with this SSRC starts over, for instance on a new peer connection: whatever
    /// sequence number it starts with, no nonce repeats, for it goes on under the next roll-over
    /// counter, which the packet itself tells its receivers. Does nothing for an SSRC not yet used.
    pub fn restart_stream(&mut self, ssrc: Ssrc) {
        if let Some(progress) = self.counters.get_mut(&ssrc)
            && let Progress::At(index) = *progress
        {
            *progress = Progress::Restarting {
                roc: index.roc() + 1,
            };
        }
    }

    /// `Ok(true)` when the key's soft limit was reached.
    fn seal(&mut self, packet: &mut Vec<u8>) -> Result<bool, ProtectError> {
        let header = RtpHeader::parse(packet)?;
        if header.payload().is_empty() {
            // A probe carries nothing to protect, and receivers discard it.
            return Ok(false);
        }
        let limits = self.config.key_limits;
        let known = self.counters.get(&header.ssrc).copied();
        let sending = self.sending()?;
        let index = next_index(known, &header)?;
        let roc =
            u16::try_from(index.roc()).map_err(|_| ProtectError::SsrcExhausted(header.ssrc))?;
        let (epoch, leaf) = (sending.epoch.get() as u16, sending.leaf);
        let (key, worn_out) = sending.key(leaf, packet.len(), &limits)?;
        key.seal(&header, index, packet);
        packet.extend_from_slice(&Trailer::sent(Mki { epoch, leaf }, roc));
        self.counters.insert(header.ssrc, Progress::At(index));
        Ok(worn_out)
    }
}

/// The highest index used of one SSRC, over all epochs and groups.
#[derive(Debug, Clone, Copy)]
pub enum Progress {
    /// The last packet had this index.
    At(PacketIndex),
    /// The next packet, whatever its sequence number, takes this roll-over counter.
    Restarting {
        /// It.
        roc: u32,
    },
}

/// The index of a packet, above the highest one used for its SSRC.
fn next_index(progress: Option<Progress>, header: &RtpHeader) -> Result<PacketIndex, ProtectError> {
    match progress {
        None => Ok(PacketIndex::new(0, header.sequence)),
        Some(Progress::Restarting { roc }) => Ok(PacketIndex::new(roc, header.sequence)),
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

/// A protected packet as it arrived.
pub struct ReceivedPacket {
    packet: Vec<u8>,
    header: RtpHeader,
    trailer: Trailer,
}

impl ReceivedPacket {
    fn new(header: RtpHeader, packet: Vec<u8>) -> Result<Self, Malformed> {
        let payload = packet.get(header.payload()).ok_or(Malformed::Header)?;
        let trailer = Trailer::parse(payload)?;
        Ok(Self {
            packet,
            header,
            trailer,
        })
    }
}

impl Protected for ReceivedPacket {
    type EpochKey = (EpochKey, Profile);
    /// One key for all streams of a sender: their nonces have the SSRC.
    type KeyName = LeafIndex;
    type Key = PacketKey;
    type Counters = HashMap<Ssrc, Progress>;
    type Opened = Opened;

    fn epoch_key(secret: MediaSecret) -> Option<(EpochKey, Profile)> {
        match secret {
            MediaSecret::Srtp(profile, exported) => Some((exported.into_epoch_key(), profile)),
            MediaSecret::Sframe(_) => None,
        }
    }

    fn key((epoch_key, profile): &(EpochKey, Profile), leaf: LeafIndex) -> PacketKey {
        PacketKey::new(&epoch_key.sender(leaf, *profile).into_session_keys())
    }

    fn claim(&self) -> Claim {
        Claim {
            epoch: self.trailer.mki.epoch.into(),
            leaf: self.trailer.mki.leaf,
            stream: self.header.ssrc.into(),
        }
    }

    /// The SSRC alone: the SFU forwards those that a sender has declared, while a leaf is written
    /// as easily as another.
    fn lane(&self) -> Lane {
        (None, self.header.ssrc.into())
    }

    fn key_name(&self) -> LeafIndex {
        self.trailer.mki.leaf
    }

    fn len(&self) -> usize {
        self.packet.len()
    }

    fn ticket(&self) -> Option<u64> {
        None
    }

    fn opened_ticket(_: &Opened) -> Option<u64> {
        None
    }

    /// Cuts the trailer off, restores the header, and opens.
    fn open(
        mut self,
        key: &PacketKey,
        whose: &Whose,
        inspect: impl FnOnce(u64) -> Result<(), OpenError>,
    ) -> Result<(u64, Opened), OpenError> {
        let (header, index) = self.trailer.strip(self.header, &mut self.packet)?;
        inspect(index.get())?;
        key.open(&header, index, &mut self.packet)?;
        let opened = Opened {
            packet: self.packet,
            ssrc: header.ssrc,
            epoch: whose.epoch,
            leaf: whose.leaf,
            participant: Arc::clone(&whose.participant),
        };
        Ok((index.get(), opened))
    }
}

#[cfg(test)]
mod tests;
