//! One of ours or somebody else's, behind one face.

use std::time::Duration;

use mls_srtp::delivery::{ClientMessage, ServiceMessage};
use mls_srtp::id::ParticipantId;

use crate::announcement::Heard;
use crate::ours::Ours;
use crate::participant::{Participant, ParticipantError};
use crate::reading::Reading;

/// One of ours or somebody else's.
pub(crate) enum Client {
    Ours(Box<Ours>),
    Other(Box<Participant>),
}

impl Client {
    pub(crate) fn name(&self) -> &ParticipantId {
        match self {
            Self::Ours(ours) => ours.name(),
            Self::Other(other) => other.name(),
        }
    }

    pub(crate) fn ours(&self) -> Option<&Ours> {
        match self {
            Self::Ours(ours) => Some(ours),
            Self::Other(_) => None,
        }
    }

    pub(crate) fn heard(&self) -> &Heard {
        match self {
            Self::Ours(ours) => ours.heard(),
            Self::Other(other) => other.heard(),
        }
    }

    pub(crate) fn readings(&self) -> &[Reading] {
        match self {
            Self::Ours(ours) => ours.readings(),
            Self::Other(other) => other.readings(),
        }
    }

    /// How its own MLS says that its stay ended.
    pub(crate) fn end(&self) -> Option<&'static str> {
        match self {
            Self::Ours(ours) => ours.end(),
            Self::Other(other) => other.saw_own_removal().then_some("removed"),
        }
    }

    pub(crate) fn is_out(&self) -> bool {
        self.end().is_some()
    }

    pub(crate) fn hear(&mut self, message: ServiceMessage) -> Result<(), ParticipantError> {
        match self {
            Self::Ours(ours) => ours.hear(message),
            Self::Other(other) => other.hear(message)?,
        }
        Ok(())
    }

    pub(crate) fn poll_send(&mut self) -> Option<ClientMessage> {
        match self {
            Self::Ours(ours) => ours.poll_send(),
            Self::Other(other) => other.poll_send(),
        }
    }

    pub(crate) fn due_in(&self) -> Option<Duration> {
        self.ours().and_then(Ours::due_in)
    }

    pub(crate) fn handle_timeout(&mut self) {
        if let Self::Ours(ours) = self {
            ours.handle_timeout();
        }
    }
}
