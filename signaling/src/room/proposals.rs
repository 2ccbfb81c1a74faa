//! What the service has proposed in the current epoch, and what of it a commit must contain.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use mls_srtp::delivery::Refusal;
use mls_srtp::group::{FollowError, ProposalReference, StagedChange};
use mls_srtp::id::{LeafIndex, ParticipantId, Seq};
use mls_srtp::time::Moment;
use mls_srtp::trust::TrustCode;

use super::wishes::Join;
use super::{Refused, refuse};

/// How often in one epoch the Add of one device is withdrawn because its client went or brought
/// another key package. Each time, a commit that is on its way is lost; a client that comes and
/// goes without end must not keep the room from changing.
const MAX_WITHDRAWALS: u32 = 1;

/// How often in one epoch members may decline the Adds of one device. Then its wishes are refused:
/// it must not keep members busy, either. Once is not enough, for what they decline may be an older
/// key package than the one that the device waits with.
const MAX_DROPS: u32 = 2;

/// How long an Add may be left out by a member that says not to have seen it: as long as a member
/// waits for the answer to its commit. Whoever committed again and again before others may, and saw
/// nothing, would keep everybody out.
const ADD_SLACK: Duration = Duration::from_secs(10);

/// How long in each epoch a member that leaves out an old Add has to let the others commit: until
/// the first of them, and some after it, have had their turn. Ranked last, it may be the fastest
/// all the same.
const OTHERS_FIRST: Duration = Duration::from_secs(3);

/// A proposal of this epoch.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    pub(super) seq: Seq,
    pub(super) reference: ProposalReference,
    pub(super) what: What,
    /// Since when that is wished, over epochs.
    pub(super) since: Moment,
    /// Members that leave it out of their commits; Adds only.
    pub(super) decliners: Vec<ParticipantId>,
    /// Why, in the words of the last of them.
    pub(super) objection: Option<(Option<TrustCode>, String)>,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    Add(Join),
    Remove(LeafIndex),
}

/// The proposals of one epoch.
#[derive(Debug, Default)]
pub(super) struct Proposals {
    list: Vec<Pending>,
    adding: HashSet<ParticipantId>,
    removing: HashSet<LeafIndex>,
    /// How many Adds of each device were withdrawn in this epoch because of its client.
    withdrawn: HashMap<ParticipantId, u32>,
    /// How many because members declined them.
    dropped: HashMap<ParticipantId, u32>,
}

impl Proposals {
    pub(super) fn push(&mut self, pending: Pending) {
        match &pending.what {
            What::Add(join) => {
                self.adding.insert(join.participant.clone());
            }
            What::Remove(leaf) => {
                self.removing.insert(*leaf);
            }
        }
        self.list.push(pending);
    }

    /// Takes a proposal back.
    pub(super) fn remove(&mut self, seq: Seq) -> Option<Pending> {
        let at = self.list.iter().position(|pending| pending.seq == seq)?;
        let pending = self.list.remove(at);
        match &pending.what {
            What::Add(join) => {
                self.adding.remove(&join.participant);
            }
            What::Remove(leaf) => {
                self.removing.remove(leaf);
            }
        }
        Some(pending)
    }

    pub(super) fn at(&self, seq: Seq) -> Option<&Pending> {
        self.list.iter().find(|pending| pending.seq == seq)
    }

    /// The Add of a device.
    pub(super) fn add_of(&self, participant: &ParticipantId) -> Option<&Pending> {
        self.list
            .iter()
            .find(|p| matches!(&p.what, What::Add(join) if join.participant == *participant))
    }

    /// Log position of the Remove of a leaf.
    pub(super) fn remove_of(&self, leaf: LeafIndex) -> Option<Seq> {
        let is = |p: &&Pending| matches!(p.what, What::Remove(other) if other == leaf);
        self.list.iter().find(is).map(|pending| pending.seq)
    }

    pub(super) fn removes(&self, leaf: LeafIndex) -> bool {
        self.removing.contains(&leaf)
    }

    /// The leaves whose Remove is proposed.
    pub(super) fn removing(&self) -> impl Iterator<Item = LeafIndex> {
        self.removing.iter().copied()
    }

    /// One Add of a device per epoch: two would make a commit that nobody can build.
    pub(super) fn adds(&self, participant: &ParticipantId) -> bool {
        self.adding.contains(participant)
    }

    /// Whether the Add of a device may be withdrawn because of what its client does.
    pub(super) fn may_withdraw(&self, participant: &ParticipantId) -> bool {
        self.withdrawn
            .get(participant)
            .is_none_or(|n| *n < MAX_WITHDRAWALS)
    }

    /// The Add of a device was withdrawn because of what its client did.
    pub(super) fn count_withdrawal(&mut self, participant: &ParticipantId) {
        *self.withdrawn.entry(participant.clone()).or_default() += 1;
    }

    /// Whether another Add of a device may be proposed in this epoch.
    pub(super) fn may_add(&self, participant: &ParticipantId) -> bool {
        self.dropped.get(participant).is_none_or(|n| *n < MAX_DROPS)
    }

    /// Members declined the Add of a device.
    pub(super) fn count_drop(&mut self, participant: &ParticipantId) {
        *self.dropped.entry(participant.clone()).or_default() += 1;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Pending> {
        self.list.iter()
    }

    /// A member leaves the Add at `seq` out of its commits; says whether that is news.
    pub(super) fn decline(
        &mut self,
        seq: Seq,
        decliner: &ParticipantId,
        code: Option<TrustCode>,
        reason: &str,
    ) -> bool {
        let pending = self.list.iter_mut().find(|pending| pending.seq == seq);
        let Some(pending) = pending.filter(|p| !p.decliners.contains(decliner)) else {
            return false;
        };
        pending.decliners.push(decliner.clone());
        pending.objection = Some((code, reason.to_owned()));
        true
    }

    /// The Adds that somebody declined.
    pub(super) fn declined(&self) -> impl Iterator<Item = &Pending> {
        self.list
            .iter()
            .filter(|pending| !pending.decliners.is_empty())
    }

    /// The wishes that a commit fulfils.
    pub(super) fn joins_in(&self, change: &StagedChange) -> Vec<Join> {
        let included = self.list.iter().filter(|p| !change.omits(&p.reference));
        let joins = included.filter_map(|p| match &p.what {
            What::Add(join) => Some(join.clone()),
            What::Remove(_) => None,
        });
        joins.collect()
    }

    /// A commit may leave out only what its author cannot have seen or has declined, and what is
    /// old only if it has declined it.
    pub(super) fn check_complete(
        &self,
        change: &StagedChange,
        author: &ParticipantId,
        seen: Seq,
        now: Moment,
        slack: Duration,
    ) -> Result<(), FollowError> {
        let due = |pending: &&Pending| {
            let declines = pending.decliners.contains(author);
            !declines && (pending.seq <= seen || is_old(pending, now, slack))
        };
        if self
            .list
            .iter()
            .filter(due)
            .any(|pending| change.omits(&pending.reference))
        {
            Err(FollowError::OmitsProposal)
        } else {
            Ok(())
        }
    }

    /// A member that leaves out an old Add which it has declined comes after those who would commit
    /// it, who have had their time since `waits_since`.
    pub(super) fn check_others_first(
        &self,
        change: &StagedChange,
        author: &ParticipantId,
        waits_since: Option<Moment>,
        now: Moment,
    ) -> Result<(), Refused> {
        let keeps_out = |pending: &Pending| {
            let declines = pending.decliners.contains(author) && change.omits(&pending.reference);
            declines && pending.since + ADD_SLACK < now
        };
        let had_their_time = waits_since.is_some_and(|since| since + OTHERS_FIRST <= now);
        if !had_their_time && self.list.iter().any(keeps_out) {
            let detail = "others come first, who would add whom you declined; wait some seconds";
            return refuse(Refusal::RateLimited, detail);
        }
        Ok(())
    }

    /// An external commit can contain no proposal of the service, so it has to let old Removes
    /// pass first.
    pub(super) fn check_no_old_remove(
        &self,
        now: Moment,
        slack: Duration,
    ) -> Result<(), FollowError> {
        if self
            .list
            .iter()
            .any(|pending| pending.is_remove() && is_old(pending, now, slack))
        {
            Err(FollowError::OmitsProposal)
        } else {
            Ok(())
        }
    }
}

impl Pending {
    fn is_remove(&self) -> bool {
        matches!(self.what, What::Remove(_))
    }
}

fn is_old(pending: &Pending, now: Moment, remove_slack: Duration) -> bool {
    let slack = match pending.what {
        What::Add(_) => ADD_SLACK,
        What::Remove(_) => remove_slack,
    };
    pending.since + slack < now
}
