//! Committing what is pending.

use super::{KeyManager, Phase};
use crate::delivery::{ClientMessage, Refusal};
use crate::event::Event;

impl KeyManager {
    /// Commits all pending proposals together. Our own state changes only when the log brings the
    /// commit back.
    pub(super) fn commit(&mut self) {
        let (Phase::Member(stay), true) = (&mut self.phase, self.connected) else {
            return;
        };
        if stay.commit_in_flight {
            return;
        }
        match stay.engine.commit(&self.identity, stay.wants_renewal) {
            Ok(bundle) => {
                stay.commit_in_flight = true;
                let message = ClientMessage::Commit {
                    group_id: stay.group_id,
                    epoch: stay.engine.epoch(),
                    seen_seq: stay.seq,
                    commit: bundle.commit,
                    welcome: bundle.welcome,
                    group_info: bundle.group_info,
                };
                self.send(message);
            }
            // A proposal that the service should not have made. The next epoch has other ones.
            Err(error) => self.event(Event::Refused {
                request: "commit".into(),
                reason: Refusal::InvalidMls,
                detail: error.to_string(),
            }),
        }
    }
}
