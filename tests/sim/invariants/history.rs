//! Every accepted commit is in the history of every member, in its place and unchanged.

use std::collections::{HashMap, HashSet};

use mls_srtp::delivery::{Blob, LogBody, LogEntry};
use mls_srtp::id::{Epoch, GroupId};

use super::super::service::Acknowledged;
use super::{Violation, violated};

/// One participant's way through a group.
#[derive(Default)]
struct Way {
    /// The epoch it is in, and of which group.
    at: Option<(GroupId, Epoch)>,
    /// The commit that came last for each epoch's end.
    arrived: HashMap<(GroupId, Epoch), Blob>,
}

/// What the service acknowledged, and what each participant has applied of it.
pub struct History {
    acknowledged: Acknowledged,
    /// How many acknowledged entries have been read.
    read: usize,
    /// The accepted commit that ended each epoch.
    accepted: HashMap<(GroupId, Epoch), Blob>,
    /// The newest epoch of each group, and the newest group.
    newest: HashMap<GroupId, Epoch>,
    newest_group: Option<GroupId>,
    /// Commits that a liar made up: whoever applies one has met it, and that is no bug.
    forged: HashSet<Vec<u8>>,
    ways: Vec<Way>,
    count: u64,
}

impl History {
    pub fn new(people: usize, acknowledged: Acknowledged) -> Self {
        Self {
            acknowledged,
            read: 0,
            accepted: HashMap::new(),
            newest: HashMap::new(),
            newest_group: None,
            forged: HashSet::new(),
            ways: (0..people).map(|_| Way::default()).collect(),
            count: 0,
        }
    }

    /// The next epoch of a participant need not follow the one before.
    pub fn begins_anew(&mut self, who: usize) {
        self.ways[who].at = None;
    }

    pub fn arrives(&mut self, who: usize, entry: &LogEntry) {
        if let LogBody::Commit { epoch, commit, .. } = &entry.body {
            let arrived = &mut self.ways[who].arrived;
            arrived.insert((entry.group_id, *epoch), commit.clone());
        }
    }

    pub fn forged(&mut self, entry: &LogEntry) {
        if let LogBody::Commit { commit, .. } = &entry.body {
            self.forged.insert(commit.as_slice().to_vec());
        }
    }

    fn read_log(&mut self) {
        let acknowledged = self.acknowledged.clone();
        let entries = acknowledged.entries();
        for entry in &entries[self.read..] {
            match &entry.body {
                LogBody::Created { .. } => {
                    self.newest_group = Some(entry.group_id);
                    self.newest.insert(entry.group_id, Epoch::default());
                }
                LogBody::Commit { epoch, commit, .. } => {
                    self.newest.insert(entry.group_id, epoch.next());
                    let ended = (entry.group_id, *epoch);
                    self.accepted.insert(ended, commit.clone());
                }
                _ => {}
            }
        }
        self.read = entries.len();
    }

    /// A participant is in an epoch now. If it was in the group before, it has come by one commit,
    /// and that is the one that the service accepted and recorded.
    ///
    /// Broken by: a member that skips a log entry or takes one of another history, when
    /// `Stay::follow` does not look at sequence and chain; a service that tells of a commit before
    /// it recorded it, or whose log takes two commits for one epoch.
    pub fn grows(&mut self, who: usize, group: GroupId, epoch: Epoch) -> Result<(), Violation> {
        self.read_log();
        let before = self.ways[who].at.replace((group, epoch));
        let Some((_, left)) = before.filter(|(same, _)| *same == group) else {
            return Ok(());
        };
        self.count += 1;
        if left.next() != epoch {
            let detail = format!("p{who} went from epoch {left} to {epoch}");
            return violated("no commit is skipped", detail);
        }
        let arrived = self.ways[who].arrived.get(&(group, left));
        let forged = arrived.is_some_and(|commit| self.forged.contains(commit.as_slice()));
        if !forged && arrived != self.accepted.get(&(group, left)) {
            let detail = format!("p{who} came to epoch {epoch} by a commit that is not in the log");
            return violated("no foreign commit is applied", detail);
        }
        Ok(())
    }

    /// The participant has followed the newest group to its newest epoch.
    ///
    /// Broken by: whatever lets a member stay behind in silence, such as pings that are not read.
    pub fn is_complete(&self, who: usize) -> Result<(), Violation> {
        let head = self.newest_group;
        let head = head.and_then(|group| Some((group, *self.newest.get(&group)?)));
        if self.ways[who].at != head {
            let (at, head) = (self.ways[who].at, head);
            return violated(
                "every commit is in every history",
                format!("p{who} is at {at:?}, the log at {head:?}"),
            );
        }
        Ok(())
    }

    pub fn count(&self) -> u64 {
        self.count
    }
}
