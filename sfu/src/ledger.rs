//! What each participant has used of what it may offer.

use std::collections::HashMap;
use std::time::Instant;

use crate::allowance::Used;
use crate::config::SfuConfig;
use crate::error::SfuError;
use crate::id::{ParticipantId, RoomId};

/// It outlives connections, or whoever leaves and comes back would begin anew.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pages: HashMap<(RoomId, ParticipantId), Page>,
}

/// What one participant of one room has used.
#[derive(Debug)]
struct Page {
    offers: Used,
    new_streams: Used,
}

impl Ledger {
    /// One more offer.
    ///
    /// # Errors
    ///
    /// [`SfuError::TooManyOffers`]; what was used before is not more for it.
    pub(crate) fn offer(
        &mut self,
        (room, participant): (&RoomId, &ParticipantId),
        config: &SfuConfig,
        now: Instant,
    ) -> Result<(), SfuError> {
        // Who has rested long enough needs no page, so there are few.
        self.pages
            .retain(|_, page| !page.offers.is_nothing(now) || !page.new_streams.is_nothing(now));
        let page = self.page(room, participant, now);
        enough(page.offers.take(&config.offers, 1, now))
    }

    /// So many streams that were not in the room.
    ///
    /// # Errors
    ///
    /// [`SfuError::TooManyOffers`]; what was used before is not more for it.
    pub(crate) fn new_streams(
        &mut self,
        (room, participant): (&RoomId, &ParticipantId),
        number: usize,
        config: &SfuConfig,
        now: Instant,
    ) -> Result<(), SfuError> {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        let page = self.page(room, participant, now);
        enough(page.new_streams.take(&config.new_streams, number, now))
    }

    fn page(&mut self, room: &RoomId, participant: &ParticipantId, now: Instant) -> &mut Page {
        let whose = (room.clone(), participant.clone());
        self.pages.entry(whose).or_insert_with(|| Page {
            offers: Used::nothing(now),
            new_streams: Used::nothing(now),
        })
    }
}

fn enough(taken: bool) -> Result<(), SfuError> {
    taken.then_some(()).ok_or(SfuError::TooManyOffers)
}
