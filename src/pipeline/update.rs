//! What the key manager tells the media pipeline, and what it hears back.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::stats::Trouble;
use crate::epoch::{EpochSecrets, SwitchReason};
use crate::id::{Epoch, LeafIndex, ParticipantId, Ssrc, StreamNumber};

/// One step of the pipeline's keys. The key manager emits them in order; apply every one.
#[derive(Debug, Clone)]
pub enum MediaUpdate {
    /// An epoch's keys exist: its media can be opened. A new group's first epoch erases
    /// everything of the old group.
    Install(EpochSecrets),
    /// Sending moves to an installed epoch; older receive keys get their grace time.
    SwitchSending {
        /// The epoch to send in.
        epoch: Epoch,
        /// Why; a removal shortens the grace time.
        reason: SwitchReason,
    },
    /// Nothing may be sent until [`Self::Resume`]. Receiving goes on.
    Suspend,
    /// Sending goes on where it was.
    Resume,
    /// A member said which streams are its own.
    Streams {
        /// Who.
        participant: ParticipantId,
        /// All of them; an earlier announcement is replaced.
        streams: Vec<Stream>,
    },
    /// The stay in the group is over: sending ends at once, and the receive keys are erased after
    /// the grace time of a removal, so that what is on its way is not lost.
    Close,
}

/// One stream of a member, as it announces it to the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Stream {
    /// What its packets or frames carry.
    #[serde(flatten)]
    pub id: StreamId,
    /// What it shows.
    pub source: StreamSource,
}

/// What tells a sender's streams apart, by the room's mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamId {
    /// In a room of packets: the SSRC.
    Ssrc(Ssrc),
    /// In a room of frames: the number in the key id.
    Number(StreamNumber),
}

impl From<Ssrc> for StreamId {
    fn from(ssrc: Ssrc) -> Self {
        Self::Ssrc(ssrc)
    }
}

impl From<StreamNumber> for StreamId {
    fn from(number: StreamNumber) -> Self {
        Self::Number(number)
    }
}

/// Where a stream comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StreamSource {
    /// Sound of a microphone.
    Microphone,
    /// Picture of a camera.
    Camera,
    /// Picture of a screen.
    Screen,
}

/// A fact about media that an application, or the key manager, can act on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MediaEvent {
    /// Media of a sender is being refused. Told once until [`MediaEvent::Resumed`].
    Refusing {
        /// Whose, by the roster of its epoch.
        participant: Arc<ParticipantId>,
        /// The leaf that it names.
        leaf: LeafIndex,
        /// Why.
        trouble: Trouble,
    },
    /// A sender's media opens again.
    Resumed {
        /// Whose.
        participant: Arc<ParticipantId>,
        /// What had been told before.
        trouble: Trouble,
    },
    /// Our key has protected so much that a new epoch should come.
    KeyWornOut {
        /// The epoch of the key.
        epoch: Epoch,
    },
}
