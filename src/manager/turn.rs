//! Whose turn it is to commit, and when it is ours.
//!
//! Everybody ranks the committers alike, nearly always. Where two think that it is their turn, the
//! service accepts one commit and the other is dropped: a wrong opinion costs time, never safety.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::config::ManagerConfig;
use crate::id::LeafIndex;
use crate::time::{Moment, earlier};

/// Leaves of one renewal slot commit their path at the same moment after the last commit, if they
/// have not done so yet.
const RENEWAL_SLOTS: u32 = 64;
/// How far the slots lie apart: longer than most commits take to reach everybody.
const RENEWAL_SLOT: Duration = Duration::from_millis(20);

/// How long commits take here, and so how long to wait for somebody else's.
#[derive(Debug)]
pub(super) struct Patience {
    smoothed: Option<Duration>,
    least: Duration,
    most: Duration,
}

impl Patience {
    fn new(config: &ManagerConfig) -> Self {
        Self {
            smoothed: None,
            least: config.takeover_after,
            most: config.takeover_after_most,
        }
    }

    /// A commit came so long after it was due.
    fn observe(&mut self, delay: Duration) {
        self.smoothed = Some(
            self.smoothed
                .map_or(delay, |old| (old * 3 + delay) / 4)
                .min(self.most),
        );
    }

    /// How long each committer has before the next one takes over: twice what is usual.
    pub(super) fn takeover(&self) -> Duration {
        let usual = self.smoothed.unwrap_or_default();
        (usual * 2).min(self.most).max(self.least)
    }
}

/// What waits to be committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pending {
    Nothing,
    /// Only newcomers.
    Adds,
    /// Somebody is to go, besides others perhaps.
    Removes,
}

/// A member's part in committing, in one group.
pub(super) struct Turn {
    config: ManagerConfig,
    own: LeafIndex,
    /// As the service ranks them.
    committers: Vec<LeafIndex>,
    /// Those who let their turn pass. They come last until they commit again.
    passed_over: BTreeSet<LeafIndex>,
    patience: Patience,
    epoch_since: Moment,
    /// Since when something waits to be committed in this epoch, and when that changed last.
    pending_since: Option<Moment>,
    newest_at: Moment,
    /// Whether somebody is to go.
    removes: bool,
    /// Since when our own commit is with the service.
    in_flight_since: Option<Moment>,
    /// Commits of ours that were refused in this epoch, and until when to wait after the last.
    refusals: u32,
    pause_until: Option<Moment>,
    /// Our path must be renewed now, whoever's turn it is.
    renewal_wanted: bool,
    /// We have something of our own to commit, whoever's turn it is.
    own_wanted: bool,
    /// When our path was renewed; `None` before the first time.
    renewed_at: Option<Moment>,
    joined_at: Moment,
    /// Whether the tree is large and our path in it still blank.
    fills_tree: bool,
}

impl Turn {
    pub(super) fn new(config: ManagerConfig, own: LeafIndex, now: Moment) -> Self {
        Self {
            patience: Patience::new(&config),
            config,
            own,
            committers: Vec::new(),
            passed_over: BTreeSet::new(),
            epoch_since: now,
            pending_since: None,
            newest_at: now,
            removes: false,
            in_flight_since: None,
            refusals: 0,
            pause_until: None,
            renewal_wanted: false,
            own_wanted: false,
            renewed_at: None,
            joined_at: now,
            fills_tree: false,
        }
    }

    pub(super) fn set_committers(&mut self, leaves: Vec<LeafIndex>) {
        self.committers = leaves;
    }

    /// What waits to be committed has changed.
    pub(super) fn set_pending(&mut self, pending: Pending, now: Moment) {
        let some = pending != Pending::Nothing;
        self.pending_since = some.then(|| self.pending_since.unwrap_or(now));
        self.newest_at = now;
        self.removes = pending == Pending::Removes;
    }

    /// Our path must be renewed, whoever's turn it is.
    pub(super) fn want_renewal(&mut self) {
        self.renewal_wanted = true;
    }

    /// We have something of our own to commit, or not any more.
    pub(super) fn want_own(&mut self, wanted: bool) {
        self.own_wanted = wanted;
    }

    pub(super) fn submitted(&mut self, now: Moment) {
        self.in_flight_since = Some(now);
    }

    pub(super) fn is_in_flight(&self) -> bool {
        self.in_flight_since.is_some()
    }

    /// The service refused our commit. Whatever was wrong may take a while to right itself.
    pub(super) fn refused(&mut self, now: Moment) {
        self.in_flight_since = None;
        self.pause_until = Some(now + self.config.batch_window * (1 << self.refusals.min(6)));
        self.refusals += 1;
    }

    /// A commit began a new epoch: nothing that was planned for the old one counts.
    ///
    /// `renewed_own` says that it was ours and renewed our path.
    pub(super) fn epoch_began(
        &mut self,
        author: LeafIndex,
        renewed_own: bool,
        members: usize,
        now: Moment,
    ) {
        self.judge(author, now);
        if renewed_own {
            self.renewed_at = Some(now);
            self.renewal_wanted = false;
        }
        self.fills_tree = self.renewed_at.is_none() && members > self.config.fill_above;
        self.in_flight_since = None;
        self.pending_since = None;
        self.pause_until = None;
        self.refusals = 0;
        self.epoch_since = now;
    }

    /// Learns from who committed, and when.
    fn judge(&mut self, author: LeafIndex, now: Moment) {
        let rank = self.ranked().position(|leaf| leaf == author);
        if let (Some(due), Some(rank)) = (self.due_of_first(), rank) {
            let late = now.since(due);
            if rank == 0 {
                self.patience.observe(late);
            } else if late >= self.patience.takeover() {
                let before: Vec<LeafIndex> = self.ranked().take(rank).collect();
                self.passed_over.extend(before);
            }
        }
        self.passed_over.remove(&author);
    }

    /// The committers, those who let their turn pass last.
    fn ranked(&self) -> impl Iterator<Item = LeafIndex> + '_ {
        let passed = |leaf: &&LeafIndex| self.passed_over.contains(*leaf);
        let fit = self.committers.iter().filter(move |leaf| !passed(leaf));
        let late = self.committers.iter().filter(move |leaf| passed(leaf));
        fit.chain(late).copied()
    }

    /// When the first committer should commit what is pending: after the batch window, later while
    /// more newcomers keep coming, at once if the room was quiet.
    fn due_of_first(&self) -> Option<Moment> {
        let since = self.pending_since?;
        if since.since(self.epoch_since) >= self.config.quiet_after {
            return Some(since);
        }
        let window = self.config.batch_window;
        let least = since + window;
        if self.removes {
            return Some(least);
        }
        let most = since + self.config.batch_window_most.max(window);
        Some((self.newest_at + window / 2).clamp(least, most))
    }

    /// When we commit what is pending, if nobody before us does.
    fn due_of_pending(&self) -> Option<Moment> {
        let rank = self.ranked().position(|leaf| leaf == self.own)?;
        let rank = u32::try_from(rank).ok()?;
        Some(self.due_of_first()? + self.patience.takeover() * rank)
    }

    /// When we renew our path though nobody comes or goes.
    ///
    /// At a slow rotation, so that what a thief learned of our keys becomes worthless, and sooner
    /// where a flash crowd has left a large tree blank. Only in a quiet room, one at a time.
    fn due_of_renewal(&self) -> Option<Moment> {
        if self.renewal_wanted {
            return Some(self.epoch_since);
        }
        // Who comes or goes first. In a crowd that keeps a slow machine busy every epoch is long, and
        // none of them is quiet.
        if self.pending_since.is_some() {
            return None;
        }
        let slot = RENEWAL_SLOT * (u32::from(self.own) % RENEWAL_SLOTS);
        let in_turn = self.epoch_since + self.config.renewal_gap + slot;
        // Every second leaf fills all parents.
        if self.fills_tree && u32::from(self.own).is_multiple_of(2) {
            return Some(in_turn);
        }
        let last = self.renewed_at.unwrap_or(self.joined_at);
        Some((last + self.config.rotation).max(in_turn))
    }

    /// When our commit is due.
    pub(super) fn commit_at(&self) -> Option<Moment> {
        if self.is_in_flight() {
            return None;
        }
        let own = self.own_wanted.then_some(self.epoch_since);
        let at = earlier(earlier(self.due_of_pending(), self.due_of_renewal()), own)?;
        Some(at.max(self.pause_until.unwrap_or(at)))
    }

    /// Whether a commit of ours that is due now renews our path.
    pub(super) fn renews(&self, now: Moment) -> bool {
        self.due_of_renewal().is_some_and(|at| at <= now)
    }

    /// When to give up waiting for the service's answer to our commit.
    pub(super) fn answer_by(&self) -> Option<Moment> {
        self.in_flight_since
            .map(|since| since + self.config.answer_patience)
    }

    /// We stop waiting for that answer; the connection is made anew.
    pub(super) fn answer_missed(&mut self, now: Moment) {
        self.in_flight_since = self.in_flight_since.map(|_| now);
    }
}

#[cfg(test)]
mod tests;
