//! Committing what is pending.

use super::{KeyManager, Phase};
use crate::delivery::ClientMessage;
use crate::event::{Event, FatalCause};

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
            Err(error) => self.end(Event::Fatal(FatalCause::Internal(error))),
        }
    }
}
