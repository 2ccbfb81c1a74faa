//! What a member knows of its group and its log.

use crate::config::ManagerConfig;
use crate::delivery::{Blob, LogEntry, chain};
use crate::epoch::SendSwitch;
use crate::group::{Engine, GroupError, RoomPolicy};
use crate::id::{GroupId, LeafIndex, Seq};
use crate::time::{Moment, earlier};

/// A member's stay in one group.
pub(super) struct Stay {
    config: ManagerConfig,
    pub(super) group_id: GroupId,
    pub(super) engine: Engine,
    pub(super) policy: RoomPolicy,
    /// The newest log entry processed, and its chain value.
    pub(super) seq: Seq,
    chain: Blob,
    /// Who commits, as the service ranks them.
    pub(super) committers: Vec<LeafIndex>,
    pub(super) switch: SendSwitch,
    /// Our own commit is with the service.
    pub(super) commit_in_flight: bool,
    /// A new epoch is wanted though nobody comes or goes.
    pub(super) wants_renewal: bool,
    /// Commits of ours that were refused in this epoch.
    refusals: u32,
    /// Our streams could not be announced in this epoch.
    pub(super) owes_announcement: bool,
    /// When the pending proposals are to be committed by us.
    commit_at: Option<Moment>,
    /// When media may be connected at the latest.
    pub(super) media_ready_at: Option<Moment>,
    epoch_since: Moment,
}

impl Stay {
    pub(super) fn new(
        config: ManagerConfig,
        group_id: GroupId,
        engine: Engine,
        policy: RoomPolicy,
        (seq, chain): (Seq, Blob),
        now: Moment,
    ) -> Self {
        Self {
            config,
            group_id,
            engine,
            policy,
            seq,
            chain,
            committers: Vec::new(),
            switch: SendSwitch::default(),
            commit_in_flight: false,
            wants_renewal: false,
            refusals: 0,
            owes_announcement: false,
            commit_at: None,
            media_ready_at: None,
            epoch_since: now,
        }
    }

    /// Whether an entry is the next one of the log that we have followed; takes it if so.
    pub(super) fn follow(&mut self, entry: &LogEntry) -> bool {
        let follows = entry.seq == self.seq.next() && chain::follows(&self.chain, entry);
        if follows {
            self.seq = entry.seq;
            self.chain = entry.chain.clone();
        }
        follows
    }

    /// Decides when we commit what is pending: soon if we are the first committer, else not.
    ///
    /// Taking over from a first committer that stays silent will hang on the rank found here.
    pub(super) fn plan_commit(&mut self, now: Moment) {
        let wanted = self.wants_renewal || (self.engine.has_proposals() && self.rank() == Some(0));
        if !wanted || self.commit_in_flight {
            self.commit_at = None;
        } else if self.commit_at.is_none() {
            let quiet = now.since(self.epoch_since) >= self.config.quiet_after;
            self.commit_at = Some(if quiet {
                now
            } else {
                now + self.config.batch_window
            });
        }
    }

    /// Our place among the committers.
    fn rank(&self) -> Option<usize> {
        let own = self.engine.own_leaf().ok()?;
        self.committers.iter().position(|leaf| *leaf == own)
    }

    /// Whether our commit is due; asked once.
    pub(super) fn take_due_commit(&mut self, now: Moment) -> bool {
        self.commit_at.take_if(|at| *at <= now).is_some()
    }

    /// Whether the time for connecting media has come; asked once.
    pub(super) fn take_due_media_ready(&mut self, now: Moment) -> bool {
        self.media_ready_at.take_if(|at| *at <= now).is_some()
    }

    /// The service refused our commit: drop it, and try again if something is still pending.
    pub(super) fn commit_refused(&mut self, now: Moment) -> Result<(), GroupError> {
        if std::mem::take(&mut self.commit_in_flight) {
            self.engine.discard_own()?;
        }
        self.commit_at = None;
        self.plan_commit(now);
        // Whatever was wrong may take a while to right itself.
        let pause = self.config.batch_window * (1 << self.refusals.min(6));
        self.commit_at = self.commit_at.map(|at| at.max(now + pause));
        self.refusals += 1;
        Ok(())
    }

    /// A new epoch has begun: nothing that was planned for the old one counts.
    pub(super) fn epoch_began(&mut self, now: Moment) {
        self.commit_in_flight = false;
        self.wants_renewal = false;
        self.refusals = 0;
        self.commit_at = None;
        self.epoch_since = now;
    }

    pub(super) fn poll_timeout(&self) -> Option<Moment> {
        let own = earlier(self.commit_at, self.media_ready_at);
        earlier(own, self.switch.poll_timeout())
    }
}
