//! What an application holds per stay in a call: keys in, media protected and opened.
//!
//! There are two, by the room's [`MediaMode`](crate::schedule::MediaMode): a [`MediaPipeline`]
//! takes RTP packets, a [`FramePipeline`] takes encoded frames. Secrets of the other mode give a
//! pipeline nothing to protect or open with.
//!
//! **A pipeline lives as long as the process takes part in calls**, longer than any peer
//! connection, track or transform: its counters are what keeps a nonce from being used twice.
//!
//! 1. Apply every [`MediaUpdate`] of the key manager, in order.
//! 2. Give everything outgoing to `protect`; drop it on error.
//! 3. Give everything incoming to `open`; hand on only what is opened.
//! 4. After an update, take what had waited with [`poll_released`](Pipeline::poll_released).
//! 5. Call [`handle_timeout`](Pipeline::handle_timeout) at
//!    [`poll_timeout`](Pipeline::poll_timeout): keys are erased there.

mod config;
mod early;
mod frames;
mod inbound;
mod ledger;
mod outbound;
mod packets;
mod protected;
mod stats;
mod streams;
mod update;

use std::collections::VecDeque;
use std::sync::Arc;

pub use config::MediaConfig;
pub use frames::{FrameOpening, FramePipeline, OpenedFrame};
pub use inbound::OpenError;
pub use outbound::ProtectError;
pub use packets::{MediaPipeline, Opened, Opening};
pub use stats::{MediaStats, SenderStats, Trouble};
pub use update::{MediaEvent, MediaUpdate, Stream, StreamId, StreamSource};

pub use crate::media::sframe::Codec;

use crate::epoch::{EpochRing, EpochSecrets, SwitchReason};
use crate::id::{Epoch, GroupId, ParticipantId};
use crate::time::{Moment, earlier};
use early::{Early, EarlyBuffer, WaitsFor};
use inbound::{Outcome, ReceiveEpoch};
use ledger::Ledger;
use outbound::Sending;
use protected::{Protected, Whose};
use streams::Streams;

/// The media half of a participant: see the [module](self) for its contract.
///
/// The life of keys is the same for packets and frames; [`MediaPipeline`] and [`FramePipeline`]
/// add what differs.
pub struct Pipeline<P: Protected> {
    config: MediaConfig,
    group: Option<GroupId>,
    ring: EpochRing<ReceiveEpoch<P>>,
    streams: Streams,
    sending: Option<Sending<P>>,
    suspended: bool,
    /// Never reset: not with an epoch, not with a group.
    counters: P::Counters,
    early: EarlyBuffer<P>,
    released: VecDeque<P::Opened>,
    /// What had waited in vain, by the caller's names for it.
    dropped: VecDeque<u64>,
    ledger: Ledger,
}

/// What became of something received.
enum Receipt<O> {
    Opened(O),
    Held,
    Refused(OpenError),
}

impl<P: Protected> Pipeline<P> {
    /// A pipeline without keys: it protects nothing and holds what arrives.
    pub fn new(config: MediaConfig) -> Self {
        Self {
            config,
            group: None,
            ring: EpochRing::default(),
            streams: Streams::default(),
            sending: None,
            suspended: false,
            counters: P::Counters::default(),
            early: EarlyBuffer::default(),
            released: VecDeque::new(),
            dropped: VecDeque::new(),
            ledger: Ledger::default(),
        }
    }

    /// Takes one step of the keys. What had waited for it is then in
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
            MediaUpdate::Suspend => self.suspended = true,
            MediaUpdate::Resume => self.suspended = false,
            MediaUpdate::Close => self.close(now),
        }
        self.retry_early(now);
    }

    /// What had waited and is open now, in order of arrival: an [`Opened`] packet, or a frame's
    /// ticket and its [`OpenedFrame`].
    #[must_use]
    pub fn poll_released(&mut self) -> Option<P::Opened> {
        self.released.pop_front()
    }

    /// The next fact about media.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<MediaEvent> {
        self.ledger.events.pop_front()
    }

    /// Erases keys and drops what has waited too long.
    pub fn handle_timeout(&mut self, now: Moment) {
        self.ring.erase_due(now);
        if self.group.is_some() && self.ring.newest().is_none() {
            self.erase();
        }
        while let Some(expired) = self.early.pop_expired(now, &self.config) {
            self.drop_early(expired);
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

    /// How many packets or frames wait for their epoch or announcement.
    pub fn early_count(&self) -> usize {
        self.early.len()
    }

    /// What has been done so far.
    pub fn stats(&self) -> &MediaStats {
        &self.ledger.stats
    }

    /// The epoch we send in.
    pub fn sending_epoch(&self) -> Option<Epoch> {
        self.sending.as_ref().map(|sending| sending.epoch)
    }

    /// The epochs whose media can be opened, oldest first.
    pub fn live_epochs(&self) -> Vec<Epoch> {
        self.ring.iter().map(|(epoch, _)| epoch).collect()
    }

    /// What a participant's stream shows, if the participant announced it.
    pub fn stream_source(
        &self,
        participant: &ParticipantId,
        stream: impl Into<StreamId>,
    ) -> Option<StreamSource> {
        self.streams.source(participant, stream.into())
    }

    fn install(&mut self, secrets: EpochSecrets) {
        if self.group.is_some_and(|group| group != secrets.group_id) {
            self.erase();
        }
        let (group_id, epoch) = (secrets.group_id, secrets.epoch);
        let Some(live) = ReceiveEpoch::new(secrets) else {
            return;
        };
        self.group = Some(group_id);
        self.ring.install(epoch, live);
        self.forget_absent();
    }

    /// Moves sending to an epoch. There is no way back to an older one.
    fn switch(&mut self, epoch: Epoch, reason: SwitchReason, now: Moment) {
        let newer = self.sending_epoch().is_none_or(|sending| epoch > sending);
        if let Some(live) = self.ring.get(epoch).filter(|_| newer) {
            self.sending = Some(Sending::new(epoch, live.own_leaf, live.key.clone()));
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
        self.stop_sending();
        self.ring.retire_all(now, self.config.grace_after_removal);
    }

    /// Erases our keys. The counters stay.
    fn stop_sending(&mut self) {
        self.sending = None;
        self.suspended = false;
    }

    /// Nothing of the old group stays.
    fn erase(&mut self) {
        self.group = None;
        self.ring.clear();
        self.streams.clear();
        self.stop_sending();
        let (early, released) = (self.early.take(), std::mem::take(&mut self.released));
        let waiting = early.iter().filter_map(|early| early.received.ticket());
        self.dropped.extend(waiting);
        self.dropped
            .extend(released.iter().filter_map(P::opened_ticket));
        self.ledger.forget_troubles();
    }

    /// Drops the announcements of those who are in no live epoch any more.
    fn forget_absent(&mut self) {
        let ring = &self.ring;
        self.streams.retain(|who| {
            ring.iter()
                .any(|(_, live)| live.roster.leaf_of(who).is_some())
        });
    }

    /// Our keys of the epoch that we send in, if we may send.
    fn sending(&mut self) -> Result<&mut Sending<P>, ProtectError> {
        if self.suspended {
            return Err(ProtectError::Suspended);
        }
        self.sending.as_mut().ok_or(ProtectError::NoEpoch)
    }

    /// Counts what became of something outgoing; `worn_out` if its key should be replaced.
    fn note_protected(
        &mut self,
        protected: Result<bool, ProtectError>,
    ) -> Result<(), ProtectError> {
        match protected {
            Ok(worn_out) => {
                self.ledger.stats.protected += 1;
                if let Some(epoch) = self.sending_epoch().filter(|_| worn_out) {
                    self.ledger
                        .events
                        .push_back(MediaEvent::KeyWornOut { epoch });
                }
                Ok(())
            }
            Err(error) => {
                self.ledger.stats.protect_refused += 1;
                Err(error)
            }
        }
    }

    fn retry_early(&mut self, now: Moment) {
        for early in self.early.take() {
            let ticket = early.received.ticket();
            match self.receive(early.received, now, Some(early.arrived)) {
                Receipt::Opened(opened) => self.released.push_back(opened),
                Receipt::Held => {}
                Receipt::Refused(_) => self.dropped.extend(ticket),
            }
        }
    }

    /// Opens what has just arrived, or what had `arrived` earlier.
    fn receive(&mut self, received: P, now: Moment, arrived: Option<Moment>) -> Receipt<P::Opened> {
        match inbound::open(&mut self.ring, &self.streams, received) {
            Outcome::Opened(opened, whose) => {
                self.ledger.opened(&whose, arrived.is_some());
                Receipt::Opened(opened)
            }
            Outcome::Refused(error, whose) => {
                self.ledger.refused(error, whose.as_ref());
                Receipt::Refused(error)
            }
            Outcome::Waits(received, waits_for) => {
                let early = Early {
                    received,
                    arrived: arrived.unwrap_or(now),
                    waits_for,
                };
                for dropped in self.early.push(early, &self.config) {
                    self.drop_early(dropped);
                }
                Receipt::Held
            }
        }
    }

    fn drop_early(&mut self, early: Early<P>) {
        self.dropped.extend(early.received.ticket());
        let (error, whose) = match early.waits_for {
            WaitsFor::Epoch => (OpenError::MissingKey, self.claimed(&early.received)),
            WaitsFor::Announcement(whose) => (OpenError::WrongStream, Some(whose)),
        };
        self.ledger.refused(error, whose.as_ref());
    }

    /// Who sits, in the newest epoch, at the leaf that something from a coming epoch names. Only
    /// for telling the application whose media waits in vain.
    fn claimed(&self, received: &P) -> Option<Whose> {
        let leaf = received.claim().leaf;
        let epoch = self.ring.newest()?;
        let participant = Arc::clone(self.ring.get(epoch)?.roster.occupant(leaf)?);
        Some(Whose {
            epoch,
            leaf,
            participant,
        })
    }
}
