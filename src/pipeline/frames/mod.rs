//! Encoded frames: rooms in `sframe` mode.

use std::collections::HashMap;
use std::sync::Arc;

use super::protected::{Claim, Lane, Protected, Whose};
use super::{Codec, OpenError, Pipeline, ProtectError, Receipt};
use crate::id::{Epoch, LeafIndex, ParticipantId, StreamNumber};
use crate::media::sframe::{CutFrame, FrameKey, SealedFrame};
use crate::schedule::{KeyId, MediaSecret, SframeSecret};
use crate::time::Moment;

/// Protects and opens encoded frames. See the [module](super) for its contract.
pub type FramePipeline = Pipeline<ReceivedFrame>;

/// What became of a received frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FrameOpening {
    /// In plain, with its sender.
    Opened(OpenedFrame),
    /// It waits for its epoch or its announcement. Its ticket comes out of
    /// [`poll_released`](Pipeline::poll_released) or [`poll_dropped`](Pipeline::poll_dropped).
    Held,
    /// Empty: discard it silently.
    Probe,
    /// Drop it.
    Refused(OpenError),
}

/// An opened frame and who sent it, by the key that opened it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedFrame {
    /// The frame in plain. An H.264 frame has start codes of four bytes before its first slice,
    /// and no delimiters there.
    pub frame: Vec<u8>,
    /// Which of the sender's streams.
    pub stream: StreamNumber,
    /// The epoch it was protected in.
    pub epoch: Epoch,
    /// The leaf whose key opened it.
    pub leaf: LeafIndex,
    /// Who held that leaf in that epoch.
    pub participant: Arc<ParticipantId>,
}

impl FramePipeline {
    /// Protects one encoded frame of our stream `stream`. An empty frame stays empty.
    ///
    /// # Errors
    /// [`ProtectError`]; the frame must not be sent.
    pub fn protect(
        &mut self,
        stream: StreamNumber,
        codec: Codec,
        frame: &[u8],
        _now: Moment,
    ) -> Result<Vec<u8>, ProtectError> {
        let (sealed, noted) = match self.seal(stream, codec, frame) {
            Ok((sealed, worn_out)) => (sealed, Ok(worn_out)),
            Err(error) => (Vec::new(), Err(error)),
        };
        self.note_protected(noted)?;
        Ok(sealed)
    }

    /// Opens one encoded frame. `ticket` is the caller's name for it, in case that it must wait.
    pub fn open(&mut self, frame: Vec<u8>, codec: Codec, ticket: u64, now: Moment) -> FrameOpening {
        if frame.is_empty() {
            self.ledger.stats.probes += 1;
            return FrameOpening::Probe;
        }
        let received = match SealedFrame::parse(frame, codec) {
            Ok(frame) => ReceivedFrame { frame, ticket },
            Err(malformed) => {
                self.ledger.refused(malformed.into(), None);
                return FrameOpening::Refused(malformed.into());
            }
        };
        match self.receive(received, now, None) {
            Receipt::Opened((_, opened)) => FrameOpening::Opened(opened),
            Receipt::Held => FrameOpening::Held,
            Receipt::Refused(error) => FrameOpening::Refused(error),
        }
    }

    /// The ticket of a frame that was held and will not be opened.
    #[must_use]
    pub fn poll_dropped(&mut self) -> Option<u64> {
        self.dropped.pop_front()
    }

    /// With the sealed frame `true` when the key's soft limit was reached.
    fn seal(
        &mut self,
        stream: StreamNumber,
        codec: Codec,
        frame: &[u8],
    ) -> Result<(Vec<u8>, bool), ProtectError> {
        if frame.is_empty() {
            // A probe carries nothing to protect, and receivers discard it.
            return Ok((Vec::new(), false));
        }
        let limits = self.config.key_limits;
        let counter = self.counters.get(&stream).copied().unwrap_or_default();
        let next = counter
            .checked_add(1)
            .ok_or(ProtectError::StreamExhausted(stream))?;
        let sending = self.sending()?;
        let cut = CutFrame::new(frame, codec)?;
        let kid = KeyId::new(stream, sending.leaf, sending.epoch);
        let (key, worn_out) = sending.key(kid, frame.len(), &limits)?;
        let sealed = cut.seal(key, kid, counter);
        self.counters.insert(stream, next);
        Ok((sealed, worn_out))
    }
}

/// A protected frame as it arrived.
pub struct ReceivedFrame {
    frame: SealedFrame,
    ticket: u64,
}

impl Protected for ReceivedFrame {
    type EpochKey = SframeSecret;
    /// Each stream has a key of its own.
    type KeyName = KeyId;
    type Key = FrameKey;
    /// The next counter of each of our streams, over all epochs and groups.
    type Counters = HashMap<StreamNumber, u64>;
    type Opened = (u64, OpenedFrame);

    fn epoch_key(secret: MediaSecret) -> Option<SframeSecret> {
        match secret {
            MediaSecret::Sframe(base_key) => Some(base_key.into_secret()),
            MediaSecret::Srtp(..) => None,
        }
    }

    fn key(secret: &SframeSecret, kid: KeyId) -> FrameKey {
        FrameKey::new(&secret.keys(kid))
    }

    fn claim(&self) -> Claim {
        let kid = self.frame.kid();
        Claim {
            epoch: kid.epoch_low().into(),
            leaf: kid.leaf(),
            stream: kid.stream().into(),
        }
    }

    fn lane(&self) -> Lane {
        let kid = self.frame.kid();
        (Some(kid.leaf()), kid.stream().into())
    }

    fn key_name(&self) -> KeyId {
        self.frame.kid()
    }

    fn len(&self) -> usize {
        self.frame.len()
    }

    fn ticket(&self) -> Option<u64> {
        Some(self.ticket)
    }

    fn opened_ticket((ticket, _): &(u64, OpenedFrame)) -> Option<u64> {
        Some(*ticket)
    }

    fn open(
        self,
        key: &FrameKey,
        whose: &Whose,
        inspect: impl FnOnce(u64) -> Result<(), OpenError>,
    ) -> Result<(u64, (u64, OpenedFrame)), OpenError> {
        let (stream, counter) = (self.frame.kid().stream(), self.frame.counter());
        inspect(counter)?;
        let opened = OpenedFrame {
            frame: self.frame.open(key)?,
            stream,
            epoch: whose.epoch,
            leaf: whose.leaf,
            participant: Arc::clone(&whose.participant),
        };
        Ok((counter, (self.ticket, opened)))
    }
}

#[cfg(test)]
mod tests;
