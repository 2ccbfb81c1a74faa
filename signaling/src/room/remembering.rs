//! What a room writes into the store beside its log, and what it lets the store forget.

use std::collections::VecDeque;
use std::time::Duration;

use mls_srtp::delivery::{LogBody, LogEntry, Refusal};
use mls_srtp::group::GroupFollower;
use mls_srtp::time::Moment;

use super::{Refused, Room, RoomOutput, refuse};
use crate::store::{Change, Snapshot};

/// After so many commits the group is written as it stands. A restart replays those since, each of
/// which takes some milliseconds in a room of 1,000, in which a snapshot has a few hundred
/// kilobytes.
const SNAPSHOT_EVERY: u32 = 16;
/// Changes that may wait for a store that fails; it is told of the newest ones when it works again.
const MOST_UNWRITTEN: usize = 8_192;
/// For how many pings an entry is kept after all have it: the saved state of a process that died
/// may be so much older than what the process has reported.
const PINGS_KEPT: usize = 5;

/// For how long a store may fail before those who are connected are let go. Longer than a busy disk
/// takes; shorter than members go on sending without word from us (`max_exposure`, 15 s).
const STORE_PATIENCE: Duration = Duration::from_secs(10);
/// Outputs that may wait meanwhile.
const MOST_HELD: usize = 65_536;

/// What may not be told yet, because the store has not taken what it follows from.
#[derive(Default)]
pub(super) struct Held {
    outputs: VecDeque<RoomOutput>,
    since: Option<Moment>,
}

/// Whether anybody hears of a change, or could miss it after a restart. Snapshots and what is trimmed
/// only save work and room.
fn is_told(change: &Change) -> bool {
    !matches!(change, Change::Snapshot(_) | Change::Trim { .. })
}

impl Room {
    /// Something to write with the next entry, or at the latest with [`Self::flush`].
    pub(super) fn remember(&mut self, change: Change) {
        self.gather();
        self.unwritten.push(change);
    }

    /// What has changed, in the order in which it changed as far as that matters.
    fn gather(&mut self) {
        self.unwritten.append(&mut self.clients.changes);
        self.unwritten.append(&mut self.wishes.changes);
        self.unwritten.append(&mut self.bars.changes);
        self.unwritten.append(&mut self.removed.changes);
    }

    /// Writes what is not written yet. To be called before anybody hears what follows from it; what
    /// cannot be written is not told.
    pub(super) fn flush(&mut self, now: Moment) {
        self.gather();
        if !self.unwritten.is_empty()
            && let Err(error) = self.shared.store.write(&self.name, &self.unwritten)
        {
            tracing::error!(room = %self.name, %error, "the store failed");
            let surplus = self.unwritten.len().saturating_sub(MOST_UNWRITTEN);
            self.unwritten.drain(..surplus);
            if self.unwritten.iter().any(is_told) {
                self.hold(now);
                return;
            }
        } else {
            self.unwritten.clear();
        }
        self.held.since = None;
        if !self.held.outputs.is_empty() {
            self.held.outputs.append(&mut self.outputs);
            std::mem::swap(&mut self.held.outputs, &mut self.outputs);
        }
    }

    /// Keeps what would be told until all of it is written, but not for ever.
    fn hold(&mut self, now: Moment) {
        self.held.outputs.append(&mut self.outputs);
        let since = *self.held.since.get_or_insert(now);
        if now.since(since) < STORE_PATIENCE && self.held.outputs.len() <= MOST_HELD {
            return;
        }
        tracing::error!(room = %self.name, "the store fails for too long, connections are closed");
        self.held.since = Some(now);
        // Who comes back is told how things stand then. What is not for clients waits on.
        let (closing, rest) = std::mem::take(&mut self.held.outputs)
            .into_iter()
            .filter(|output| !matches!(output, RoomOutput::Send(..)))
            .partition(|output| matches!(output, RoomOutput::Close(_)));
        (self.outputs, self.held.outputs) = (closing, rest);
        self.shut_down();
    }

    /// Appends to the log, with what belongs to the entry. Nobody has heard of it yet.
    pub(super) fn record(
        &mut self,
        body: LogBody,
        with: impl IntoIterator<Item = Change>,
    ) -> Result<LogEntry, Refused> {
        let Some(group_id) = self.follower().map(GroupFollower::group_id) else {
            return refuse(Refusal::RoomVacant, "the room has no group");
        };
        let entry = self.log.next(group_id, body);
        self.gather();
        let before = self.unwritten.len();
        self.unwritten.push(Change::Append {
            generation: self.generation,
            entry: entry.clone(),
        });
        self.unwritten.extend(with);
        let written = self.shared.store.write(&self.name, &self.unwritten);
        if let Err(error) = written {
            self.unwritten.truncate(before);
            tracing::error!(room = %self.name, %error, "the store failed");
            return refuse(Refusal::RateLimited, "the service cannot store this now");
        }
        self.unwritten.clear();
        self.log.advance(&entry);
        Ok(entry)
    }

    /// Writes the group as it stands now and then.
    pub(super) fn snapshot_if_due(&mut self) {
        let Some(handshake) = &mut self.handshake else {
            return;
        };
        handshake.replayable += 1;
        if handshake.replayable < SNAPSHOT_EVERY {
            return;
        }
        match handshake.follower.tree() {
            Ok(tree) => {
                handshake.replayable = 0;
                let snapshot = Snapshot {
                    seq: handshake.began_at,
                    group_info: handshake.group_info.clone(),
                    tree,
                };
                self.remember(Change::Snapshot(snapshot));
            }
            Err(error) => tracing::error!(room = %self.name, %error, "no tree"),
        }
    }

    /// Lets the store forget what all members have had for a while.
    pub(super) fn trim(&mut self) {
        let Some(handshake) = &mut self.handshake else {
            return;
        };
        let roster = handshake.follower.roster().iter();
        let has = roster.filter_map(|member| self.clients.has(&member.participant));
        handshake
            .had_by_all
            .push_back(has.min().unwrap_or_default());
        if handshake.had_by_all.len() <= PINGS_KEPT {
            return;
        }
        let had = handshake.had_by_all.pop_front().unwrap_or_default();
        if had > handshake.trimmed {
            handshake.trimmed = had;
            self.remember(Change::Trim { before: had.next() });
        }
    }
}
