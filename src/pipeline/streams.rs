//! Which streams the members have announced as their own.

use std::collections::HashMap;

use super::{Stream, StreamId, StreamSource};
use crate::id::ParticipantId;

/// Announcements by participant. A stay in the group keeps them over epochs; a participant that is
/// in no live roster any more loses them.
#[derive(Debug, Default)]
pub(super) struct Streams(HashMap<ParticipantId, Vec<Stream>>);

impl Streams {
    /// Replaces what a participant announced before.
    pub(super) fn announce(&mut self, participant: ParticipantId, streams: Vec<Stream>) {
        self.0.insert(participant, streams);
    }

    /// Whether a participant announced a stream.
    pub(super) fn announced(&self, participant: &ParticipantId, id: StreamId) -> bool {
        self.source(participant, id).is_some()
    }

    /// What a participant's stream shows.
    pub(super) fn source(&self, participant: &ParticipantId, id: StreamId) -> Option<StreamSource> {
        let stream = self
            .0
            .get(participant)?
            .iter()
            .find(|stream| stream.id == id)?;
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
