//! The service's compare-and-swap: which commits are accepted, and what follows.

use crate::proposals::{Device, Leaf, Proposal, Proposals};
use crate::service::{Turn, follows};
use crate::state::{Commit, Down, Entry, Presence, Seq};

impl Turn<'_> {
    /// The first commit that passes ends the epoch. One of an epoch that is over has lost its race:
    /// its author learns that from the log.
    pub fn commit(&mut self, author: Device, commit: Commit, seen: Seq, late: bool) {
        let service = &self.state.service;
        if self.rules.cas_on_epoch && commit.epoch != service.epoch {
            return;
        }
        let current = commit.epoch == service.epoch && commit.built_on == service.opened;
        let is_member = commit
            .id
            .author
            .is_some_and(|leaf| service.members.has(leaf));
        let fits = !self.rules.cas_on_epoch || (current && is_member);
        let complete =
            !self.rules.refuse_omission || self.omitted(&commit, seen, author).is_empty();
        let overlooks = late && !self.overlooked_removes(&commit).is_empty();
        let sound =
            !self.rules.refuse_withdrawn || commit.id.takes.common(service.withdrawn).is_empty();
        if fits && complete && sound && !overlooks {
            self.note_what_is_wrong(&commit, seen, author);
            self.accept(commit);
        } else {
            self.send(author, Down::CommitRefused);
        }
    }

    /// What a commit leaves out though its author had seen it and has not declined it.
    fn omitted(&self, commit: &Commit, seen: Seq, author: Device) -> Proposals {
        let service = &self.state.service;
        let mut omitted = service.open.without(commit.id.takes);
        for proposal in omitted.iter() {
            let declined = matches!(proposal, Proposal::Add(leaf)
                if service.declined[leaf.device()] & 1 << author != 0);
            if self.position(proposal) >= seen.into() || declined {
                omitted.remove(proposal);
            }
        }
        omitted
    }

    /// Open Removes that a commit leaves out. After a while none may be.
    pub fn overlooked_removes(&self, commit: &Commit) -> Proposals {
        let mut overlooked = self.state.service.open.without(commit.id.takes);
        overlooked.adds = Default::default();
        overlooked
    }

    fn position(&self, proposal: Proposal) -> usize {
        let entry = Entry::Proposed(proposal);
        let log = &self.state.service.log;
        log.iter()
            .rposition(|other| *other == entry)
            .expect("an open proposal is in the log")
    }

    fn note_what_is_wrong(&mut self, commit: &Commit, seen: Seq, author: Device) {
        let service = &self.state.service;
        let takes = commit.id.takes;
        let foreign = takes.without(service.open).without(service.withdrawn);
        let stays = |leaf: &Leaf| {
            let device = leaf.device();
            follows(service.presence[device])
                && service.going[device].is_none()
                && service.joins[device].is_none()
        };
        let mut broken = self.state.broken;
        broken.two_commits_of_one_epoch |= commit.epoch != service.epoch;
        broken.seen_proposal_omitted |= !self.omitted(commit, seen, author).is_empty();
        let withdrawn = service.withdrawn.without(service.open);
        broken.withdrawn_proposal_taken |= !takes.common(withdrawn).is_empty();
        broken.foreign_proposal_taken |= commit.epoch != service.epoch || !foreign.is_empty();
        broken.removed_without_wish |= takes.removes.iter().any(|leaf| stays(&leaf));
        self.state.broken = broken;
    }

    fn accept(&mut self, commit: Commit) {
        let takes = commit.id.takes;
        let service = &mut self.state.service;
        service.log.push(Entry::Committed(commit));
        service.members = takes.applied_to(service.members);
        service.epoch += 1;
        service.opened = commit.id;
        service.open = Proposals::default();
        service.withdrawn = Proposals::default();
        service.declined = Default::default();
        service.withdrawals = Default::default();
        service.drops = Default::default();
        self.state.removed = self.state.removed.and(takes.removes);
        takes.adds.iter().for_each(|leaf| self.welcome(leaf));
        for leaf in takes.removes.iter() {
            self.state.service.going[leaf.device()] = None;
            if takes.adds.of_device(leaf.device()).is_none() {
                self.send_off(leaf.device());
            }
        }
        if self.rules.resign_wishes {
            self.sign_wishes();
        }
    }

    /// Fulfils a wish to join. A newer key package goes on waiting; nobody could open this Welcome.
    fn welcome(&mut self, leaf: Leaf) {
        let device = leaf.device();
        let join = self.state.service.joins[device];
        if join.is_some_and(|join| join.leaf == leaf) {
            self.state.service.joins[device] = None;
        }
        let opens = join.is_some_and(|join| join.leaf == leaf);
        if !opens && self.rules.welcome_only_its_key {
            return;
        }
        let service = &mut self.state.service;
        if let Presence::Here { follows } | Presence::Broken { follows } =
            &mut service.presence[device]
        {
            *follows = true;
        }
        let message = Down::Welcome {
            leaf,
            seq: service.log.len() as Seq,
            epoch: service.epoch,
            opened: service.opened,
            members: service.members,
        };
        self.send(device, message);
    }

    /// Ends the stay of somebody who was removed. A newcomer of the same device, which waits for
    /// its own Add, stays.
    fn send_off(&mut self, device: Device) {
        if self.follows(device) {
            self.send(device, Down::Closed);
            self.state.service.presence[device] = Presence::Unknown;
        } else if self.state.service.presence[device] == Presence::Away {
            self.state.service.presence[device] = Presence::Unknown;
        }
    }
}
