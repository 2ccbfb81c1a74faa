//! What an application holds per stay in a call: keys in, packets protected and opened.
//!
//! **One [`MediaPipeline`] lives as long as the process takes part in calls**, longer than any peer
//! connection, track or transform: its counters are what keeps a nonce from being used twice.
//!
//! 1. Apply every [`MediaUpdate`] of the key manager, in order.
//! 2. Give every outgoing RTP packet to [`protect`](MediaPipeline::protect); drop it on error.
//! 3. Give every incoming one to [`open`](MediaPipeline::open); hand on only what is opened.
//! 4. After an update, take the packets that had waited with
//!    [`poll_released`](MediaPipeline::poll_released).
//! 5. Call [`handle_timeout`](MediaPipeline::handle_timeout) at
//!    [`poll_timeout`](MediaPipeline::poll_timeout): keys are erased there.

mod config;
mod early;
mod inbound;
mod outbound;
mod stats;
mod streams;
mod update;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

pub use config::MediaConfig;
pub use inbound::{OpenError, Opened};
pub use outbound::ProtectError;
pub use stats::{MediaStats, SenderStats, Trouble};
pub use update::{MediaEvent, MediaUpdate, Stream, StreamSource};

use crate::epoch::{EpochRing, EpochSecrets, SwitchReason};
use crate::id::{Epoch, GroupId, LeafIndex, ParticipantId, Ssrc};
use crate::media::RtpHeader;
use crate::time::{Moment, earlier};
use early::{EarlyBuffer, EarlyPacket, WaitsFor};
use inbound::{Outcome, ReceiveEpoch, Sender};
use outbound::Outbound;
use streams::Streams;

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

/// The media half of a participant: see the [module](self) for its contract.
pub struct MediaPipeline {
    config: MediaConfig,
    group: Option<GroupId>,
    ring: EpochRing<ReceiveEpoch>,
    streams: Streams,
    outbound: Outbound,
    early: EarlyBuffer,
    released: VecDeque<Opened>,
    events: VecDeque<MediaEvent>,
    /// What has been told of a sender and not yet been taken back.
    told: HashSet<(Arc<ParticipantId>, Trouble)>,
    stats: MediaStats,
}

impl MediaPipeline {
    /// A pipeline without keys: it protects nothing and holds what arrives.
    pub fn new(config: MediaConfig) -> Self {
        Self {
            config,
            group: None,
            ring: EpochRing::default(),
            streams: Streams::default(),
            outbound: Outbound::default(),
            early: EarlyBuffer::default(),
            released: VecDeque::new(),
            events: VecDeque::new(),
            told: HashSet::new(),
            stats: MediaStats::default(),
        }
    }

    /// Takes one step of the keys. Packets that had waited for it are then in
    /// [`poll_released`](Self::poll_released).
    pub fn apply(&mut self, update: MediaUpdate, now: Moment) {
        match update {
            MediaUpdate::Install(secrets) => self.install(secrets),
            MediaUpdate::SwitchSending { epoch, reason } => self.switch(epoch, reason, now),
            MediaUpdate::Streams {
                participant,
                streams,
            } => {
                self.streams.announce(participant, streams);
            }
            MediaUpdate::Suspend => self.outbound.suspend(true),
            MediaUpdate::Resume => self.outbound.suspend(false),
            MediaUpdate::Close => self.close(now),
        }
        self.retry_early(now);
    }

    /// Protects one whole RTP packet in place: the payload becomes ciphertext ‖ tag ‖ trailer,
    /// 23 bytes longer; header extensions stay, padding is dropped. An empty packet stays as it is.
    ///
    /// # Errors
    /// [`ProtectError`]; the packet must not be sent.
    pub fn protect(&mut self, packet: &mut Vec<u8>, _now: Moment) -> Result<(), ProtectError> {
        match self.outbound.protect(packet, &self.config.key_limits) {
            Ok(worn_out) => {
                self.stats.protected += 1;
                if let Some(epoch) = self.outbound.epoch().filter(|_| worn_out) {
                    self.events.push_back(MediaEvent::KeyWornOut { epoch });
                }
                Ok(())
            }
            Err(error) => {
                self.stats.protect_refused += 1;
                Err(error)
            }
        }
    }

    /// Opens one whole RTP packet.
    pub fn open(&mut self, packet: Vec<u8>, now: Moment) -> Opening {
        match RtpHeader::parse(&packet) {
            Ok(header) if header.payload().is_empty() => {
                self.stats.probes += 1;
                Opening::Probe
            }
            Ok(header) => self.try_open(packet, header.ssrc, now, None),
            Err(malformed) => {
                self.stats.malformed += 1;
                Opening::Refused(malformed.into())
            }
        }
    }

    /// A packet that had waited and is open now, in order of arrival.
    #[must_use]
    pub fn poll_released(&mut self) -> Option<Opened> {
        self.released.pop_front()
    }

    /// The next fact about media.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<MediaEvent> {
        self.events.pop_front()
    }

    /// A track with this SSRC starts over, for instance on a new peer connection: whatever
    /// sequence number it starts with, no nonce repeats. Does nothing for an SSRC not yet used.
    pub fn restart_stream(&mut self, ssrc: Ssrc) {
        self.outbound.restart(ssrc);
    }

    /// Erases keys and drops packets that are due.
    pub fn handle_timeout(&mut self, now: Moment) {
        self.ring.erase_due(now);
        if self.group.is_some() && self.ring.newest().is_none() {
            self.erase();
        }
        while let Some(expired) = self.early.pop_expired(now, &self.config) {
            self.drop_early(&expired);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Moment> {
        earlier(
            self.ring.next_erasure(),
            self.early.next_expiry(&self.config),
        )
    }

    /// How many packets wait for their epoch or announcement.
    pub fn early_count(&self) -> usize {
        self.early.len()
    }

    /// What has been done so far.
    pub fn stats(&self) -> &MediaStats {
        &self.stats
    }

    /// The epoch we send in.
    pub fn sending_epoch(&self) -> Option<Epoch> {
        self.outbound.epoch()
    }

    /// The epochs whose packets can be opened, oldest first.
    pub fn live_epochs(&self) -> Vec<Epoch> {
        self.ring.iter().map(|(epoch, _)| epoch).collect()
    }

    /// What a participant's stream shows, if the participant announced it.
    pub fn stream_source(&self, participant: &ParticipantId, ssrc: Ssrc) -> Option<StreamSource> {
        self.streams.source(participant, ssrc)
    }

    fn install(&mut self, secrets: EpochSecrets) {
        if self.group.is_some_and(|group| group != secrets.group_id) {
            self.erase();
        }
        self.group = Some(secrets.group_id);
        self.ring.install(secrets.epoch, ReceiveEpoch::new(secrets));
        self.forget_absent();
    }

    fn switch(&mut self, epoch: Epoch, reason: SwitchReason, now: Moment) {
        let newer = self.outbound.epoch().is_none_or(|sending| epoch > sending);
        if let Some(live) = self.ring.get(epoch).filter(|_| newer) {
            self.outbound.switch(&live.secrets, &live.key);
            let grace = match reason {
                SwitchReason::Removal => self.config.grace_after_removal,
                _ => self.config.grace,
            };
            self.ring.retire_before(epoch, now, grace);
        }
    }

    /// The stay is over: nothing is sent any more, and what is on its way can be opened for as long
    /// as after any removal.
    fn close(&mut self, now: Moment) {
        self.outbound.stop();
        self.ring.retire_all(now, self.config.grace_after_removal);
    }

    /// Nothing of the old group stays.
    fn erase(&mut self) {
        self.group = None;
        self.ring.clear();
        self.streams.clear();
        self.outbound.stop();
        self.early.take();
        self.released.clear();
        self.told.clear();
    }

    /// Drops the announcements of those who are in no live epoch any more.
    fn forget_absent(&mut self) {
        let ring = &self.ring;
        self.streams.retain(|who| {
            ring.iter()
                .any(|(_, live)| live.secrets.roster.leaf_of(who).is_some())
        });
    }

    fn retry_early(&mut self, now: Moment) {
        for early in self.early.take() {
            let EarlyPacket {
                packet,
                ssrc,
                arrived,
                ..
            } = early;
            if let Opening::Opened(opened) = self.try_open(packet, ssrc, now, Some(arrived)) {
                self.stats.sender(&opened.participant).opened_late += 1;
                self.released.push_back(opened);
            }
        }
    }

    fn try_open(
        &mut self,
        mut packet: Vec<u8>,
        ssrc: Ssrc,
        now: Moment,
        arrived: Option<Moment>,
    ) -> Opening {
        let waits_for = match inbound::open(&mut self.ring, &self.streams, &mut packet) {
            Outcome::Opened(opened) => {
                self.note_opened(&opened);
                return Opening::Opened(opened);
            }
            Outcome::Refused(error, sender) => {
                self.note_refused(error, sender);
                return Opening::Refused(error);
            }
            Outcome::EpochAhead => WaitsFor::Epoch,
            Outcome::Unannounced(sender) => WaitsFor::Announcement(sender),
        };
        let early = EarlyPacket {
            packet,
            ssrc,
            arrived: arrived.unwrap_or(now),
            waits_for,
        };
        for dropped in self.early.push(early, &self.config) {
            self.drop_early(&dropped);
        }
        Opening::Held
    }

    fn drop_early(&mut self, dropped: &EarlyPacket) {
        match &dropped.waits_for {
            WaitsFor::Epoch => self.note_refused(OpenError::MissingKey, self.claimed(dropped)),
            WaitsFor::Announcement(sender) => {
                self.note_refused(OpenError::WrongStream, Some(sender.clone()));
            }
        }
    }

    /// Who sits, in the newest epoch, at the leaf that a packet from a coming epoch names. Only
    /// for telling the application whose packets wait in vain.
    fn claimed(&self, early: &EarlyPacket) -> Option<Sender> {
        let leaf = inbound::claimed_leaf(&early.packet)?;
        let live = self.ring.get(self.ring.newest()?)?;
        let participant = Arc::clone(live.secrets.roster.occupant(leaf)?);
        Some(Sender { leaf, participant })
    }

    fn note_opened(&mut self, opened: &Opened) {
        self.stats.sender(&opened.participant).opened += 1;
        if self.told.is_empty() {
            return;
        }
        for trouble in Trouble::ALL {
            let participant = Arc::clone(&opened.participant);
            if self.told.remove(&(Arc::clone(&participant), trouble)) {
                self.events.push_back(MediaEvent::Resumed {
                    participant,
                    trouble,
                });
            }
        }
    }

    fn note_refused(&mut self, error: OpenError, sender: Option<Sender>) {
        let trouble = match error {
            OpenError::Malformed(_) => return self.stats.malformed += 1,
            OpenError::UnknownEpoch => return self.stats.unknown_epoch += 1,
            OpenError::UnknownLeaf(_) => return self.stats.unknown_leaf += 1,
            OpenError::MissingKey => Trouble::MissingKey,
            OpenError::WrongStream => Trouble::WrongStream,
            OpenError::Replayed => Trouble::Replayed,
            OpenError::AuthFailed => Trouble::AuthFailed,
        };
        if trouble == Trouble::MissingKey {
            self.stats.missing_key += 1;
        }
        let Some(Sender { leaf, participant }) = sender else {
            return;
        };
        let counters = self.stats.sender(&participant);
        match trouble {
            Trouble::Replayed => counters.replayed += 1,
            Trouble::AuthFailed => counters.auth_failed += 1,
            Trouble::WrongStream => counters.wrong_stream += 1,
            Trouble::MissingKey => counters.missing_key += 1,
        }
        self.tell(leaf, participant, trouble);
    }

    fn tell(&mut self, leaf: LeafIndex, participant: Arc<ParticipantId>, trouble: Trouble) {
        if self.told.insert((Arc::clone(&participant), trouble)) {
            self.events.push_back(MediaEvent::Refusing {
                participant,
                leaf,
                trouble,
            });
        }
    }
}

#[cfg(test)]
mod tests;
