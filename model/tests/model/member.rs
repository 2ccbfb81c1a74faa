//! A member: follows the log, commits what is pending.

use crate::proposals::{Leaf, Leaves, Proposal, Proposals};
use crate::rules::Rules;
use crate::state::{Commit, CommitId, Down, Entry, Member, Phase, State, Up};

/// What a device reads next from its connection: the service sent it in this order.
#[derive(Clone, Copy, Debug)]
pub enum Next {
    Message(Down),
    Entry(Entry),
}

/// What is next for a device, if anything is on its way to it.
pub fn next_for(state: &State, device: usize) -> Option<Next> {
    let member = &state.members[device];
    let entry = state.service.log.get(usize::from(member.seq)).copied();
    match member.down.first() {
        Some((after, message)) if !member.is_in() || *after <= member.seq => {
            Some(Next::Message(*message))
        }
        // What was sent before that message is on the way even if the stay is over.
        Some(_) => entry.map(Next::Entry),
        None if member.is_in() && follows(state, device) => entry.map(Next::Entry),
        None => None,
    }
}

fn follows(state: &State, device: usize) -> bool {
    let presence = state.service.presence[device];
    state.is_linked(device) && presence == crate::state::Presence::Here { follows: true }
}

impl Member {
    /// Takes one message or entry. Says whether the member could not apply an accepted commit, which
    /// must not happen.
    pub fn take(&mut self, next: Next, rules: &Rules) -> Result<(), CannotApply> {
        match next {
            Next::Message(message) => {
                self.down.remove(0);
                self.hear(message, rules)
            }
            Next::Entry(entry) => {
                self.seq += 1;
                self.follow(entry, rules)
            }
        }
    }

    fn hear(&mut self, message: Down, rules: &Rules) -> Result<(), CannotApply> {
        match message {
            Down::Room { resumed, epoch } => self.greet(resumed, epoch, rules),
            Down::Welcome { leaf, .. } if self.phase == Phase::Waiting && leaf != self.leaf => {
                return Err(self.come_anew());
            }
            Down::Welcome {
                seq,
                epoch,
                opened,
                members,
                ..
            } if self.phase == Phase::Waiting => {
                self.forget_group(Phase::In);
                self.greeted = true;
                (self.seq, self.epoch) = (seq, epoch);
                (self.opened, self.members) = (opened, members);
            }
            Down::Welcome { .. } => {}
            // Try again if something is still pending.
            Down::CommitRefused => self.own = None,
            Down::JoinRefused | Down::Closed => {
                self.forget_group(Phase::Outside);
                self.disconnect();
            }
        }
        Ok(())
    }

    /// The room's answer to a return.
    fn greet(&mut self, resumed: bool, epoch: u8, rules: &Rules) {
        self.greeted = true;
        match (self.phase, resumed) {
            (Phase::In, true) => {
                let never_arrived = epoch == self.epoch && rules.retry_after_return;
                if never_arrived || !rules.keep_commit_on_return {
                    self.own = None;
                }
                if rules.decline_again {
                    self.declined = Leaves::default();
                }
            }
            (Phase::Leaving, true) => self.up.push(Up::Leave),
            (Phase::Leaving, false) => {
                self.forget_group(Phase::Outside);
                self.disconnect();
            }
            (Phase::In, false) => {
                self.come_anew();
            }
            _ => {}
        }
    }

    /// Gives its stay up and asks to be added.
    fn come_anew(&mut self) -> CannotApply {
        match self.phase {
            Phase::Leaving => {
                self.forget_group(Phase::Outside);
                self.disconnect();
            }
            _ => {
                self.forget_group(Phase::Waiting);
                self.leaf = self.leaf.renewed();
                self.up.push(Up::Join(self.leaf));
            }
        }
        CannotApply
    }

    fn follow(&mut self, entry: Entry, rules: &Rules) -> Result<(), CannotApply> {
        match entry {
            Entry::Proposed(proposal) => self.known.insert(proposal),
            Entry::Withdrawn(proposal) => self.known.remove(proposal),
            Entry::Committed(commit) => {
                let of_mine = commit.id.author == Some(self.leaf);
                let fits = commit.epoch == self.epoch && commit.built_on == self.opened;
                if !fits || (of_mine && self.own != Some(commit.id)) {
                    return Err(self.come_anew());
                }
                let own = self.own;
                self.merge(commit.id);
                if !of_mine && !rules.drop_on_lost_race && self.is_in() {
                    self.own = own;
                }
            }
        }
        Ok(())
    }

    fn merge(&mut self, id: CommitId) {
        self.members = id.takes.applied_to(self.members);
        if !self.members.has(self.leaf) {
            return self.forget_group(Phase::Outside);
        }
        self.epoch += 1;
        self.opened = id;
        self.known = Proposals::default();
        self.own = None;
        self.rebuilt = false;
    }

    /// What a commit of this member would take now. Nothing, if it has no say in it.
    pub fn pending(&self, rules: &Rules) -> Proposals {
        let mut pending = self.known;
        pending.adds = pending.adds.without(self.declined);
        let talks = self.online && (self.greeted || !rules.quiet_until_greeted) && !self.silent;
        let goes = self.known.has(Proposal::Remove(self.leaf));
        if self.phase != Phase::In || !talks || goes || self.own.is_some() {
            return Proposals::default();
        }
        pending
    }

    /// An Add that this member knows, does not want, and has not declined.
    pub fn to_decline(&self, distrusted_by: &[u8], rules: &Rules) -> Option<Leaf> {
        let own = 1 << self.leaf.device();
        let mut adds = self.pending(rules).adds.iter();
        adds.find(|leaf| distrusted_by[leaf.device()] & own != 0)
    }

    /// Asks to be removed, or just goes if nobody would hear it.
    pub fn leave(&mut self) {
        if self.online {
            self.phase = Phase::Leaving;
            self.up.push(Up::Leave);
        } else {
            self.forget_group(Phase::Outside);
        }
    }

    pub fn decline(&mut self, leaf: Leaf) {
        self.declined = self.declined.with(leaf);
        self.up.push(Up::Declined(leaf));
    }

    /// Submits a commit.
    pub fn commit(&mut self, takes: Proposals, rules: &Rules) {
        let id = CommitId {
            author: Some(self.leaf),
            rebuilt: self.rebuilt,
            takes,
        };
        let commit = Commit {
            epoch: self.epoch,
            built_on: self.opened,
            id,
        };
        let seen = self.seq;
        self.up.push(Up::Commit { commit, seen });
        self.rebuilt = !self.rebuilt;
        self.own = Some(id);
        if !rules.wait_for_acceptance {
            self.merge(id);
        }
    }
}

/// An accepted commit does not fit the member's state.
#[derive(Debug)]
pub struct CannotApply;
