//! Committers that are connected and never commit. Nothing ends their connections, so only time
//! tells; without an end a room would wait for them for ever.

use mls_srtp::time::Moment;

use super::proposals::Pending;
use super::{Room, RoomEventKind};

impl Room {
    /// Gives up what has waited for too long to be committed.
    pub(super) fn check_stalled(&mut self, now: Moment) {
        let patience = self.config.commit_patience;
        let Some(handshake) = &mut self.handshake else {
            return;
        };
        if handshake.proposals.is_empty() {
            handshake.waits_since = None;
            return;
        }
        let since = *handshake.waits_since.get_or_insert(now);
        if now < since + patience {
            return;
        }
        let pending = handshake.proposals.iter();
        let (refused, left_lying): (Vec<&Pending>, Vec<&Pending>) =
            pending.partition(|pending| !pending.decliners.is_empty());
        if left_lying.is_empty() {
            // Who declines is there and commits the rest: no reason to end a group.
            let refused = refused.into_iter().cloned().collect();
            return self.drop_adds(refused, now);
        }
        tracing::error!(room = %self.name, "nobody commits; the group is closed");
        self.event_now(RoomEventKind::Stalled);
        self.dissolve();
    }
}
