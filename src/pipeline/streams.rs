//! Which streams the members have announced as their own.

use std::collections::HashMap;

use super::{Stream, StreamSource};
use crate::id::{ParticipantId, Ssrc};

/// Announcements by participant. A stay in the group keeps them over epochs; a participant that is
/// in no live roster any more loses them.
#[derive(Debug, Default)]
pub(super) struct Streams(HashMap<ParticipantId, Vec<Stream>>);

impl Streams {
    /// Replaces what a participant announced before.
    pub(super) fn announce(&mut self, participant: ParticipantId, streams: Vec<Stream>) {
        self.0.insert(participant, streams);
    }

    /// Whether a participant announced an SSRC.
    pub(super) fn announced(&self, participant: &ParticipantId, ssrc: Ssrc) -> bool {
        self.source(participant, ssrc).is_some()
    }

    /// What a participant's SSRC shows.
    pub(super) fn source(&self, participant: &ParticipantId, ssrc: Ssrc) -> Option<StreamSource> {
        let stream = self
            .0
            .get(participant)?
            .iter()
            .find(|stream| stream.ssrc == ssrc)?;
        Some(stream.source)
    }

    /// Forgets participants for whom `present` does not hold.
    pub(super) fn retain(&mut self, present: impl Fn(&ParticipantId) -> bool) {
        self.0.retain(|participant, _| present(participant));
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
