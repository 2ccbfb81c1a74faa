//! The service's wishes: who wants in, who is to go, and what is proposed for that.

use crate::proposals::{Device, Leaf, Proposal};
use crate::service::{Turn, committers};
use crate::state::{Down, Entry, Going, Join, Presence};

/// How often in one epoch the Add of one device is taken back because its wish ended. Each time, a
/// commit that is on its way is lost, and nobody may keep a room from changing.
const MOST_WITHDRAWALS: u8 = 1;

/// How often in one epoch Adds of one device are declined before its wishes are refused.
const MOST_DROPS: u8 = 2;

impl Turn<'_> {
    pub fn join(&mut self, device: Device, leaf: Leaf) {
        if !self.may_add(device) {
            return self.send(device, Down::JoinRefused);
        }
        self.end_join(device);
        // Its old leaf goes all the same: for the sake of this wish.
        self.withdraw_loss(device, false);
        let service = &mut self.state.service;
        service.presence[device] = Presence::Here { follows: false };
        let declined = 0;
        service.joins[device] = Some(Join { leaf, declined });
        self.sign_wishes();
        if !self.somebody_stays() {
            self.close();
        }
    }

    pub fn leave(&mut self, device: Device) {
        self.end_join(device);
        self.state.service.going[device] = None;
        let has_leaf = self.state.service.members.of_device(device).is_some();
        if !has_leaf || !self.follows(device) {
            self.send(device, Down::Closed);
            self.state.service.presence[device] = Presence::Unknown;
        }
        if has_leaf {
            self.state.service.going[device] = Some(Going { lost: false });
            self.sign_wishes();
            if !self.somebody_stays() || !self.rules.keep_while_somebody_stays {
                self.close();
            }
        }
    }

    /// A member leaves an open Add out of its commits, in this epoch and in later ones.
    pub fn declined(&mut self, device: Device, leaf: Leaf) {
        let service = &mut self.state.service;
        if !service.open.has(Proposal::Add(leaf)) {
            return;
        }
        service.declined[leaf.device()] |= 1 << device;
        if let Some(join) = service.joins[leaf.device()]
            .as_mut()
            .filter(|join| join.leaf == leaf)
        {
            join.declined |= 1 << device;
        }
        self.drop_declined();
    }

    /// Drops Adds that two members declined, or that nobody is left to commit.
    pub fn drop_declined(&mut self) {
        let mut dropped = false;
        for leaf in self.state.service.open.adds.iter() {
            let device = leaf.device();
            let by = self.state.service.declined[device];
            let willing = |other: Leaf| other.device() != device && by & 1 << other.device() == 0;
            let hopeless = self.rules.fewer_decliners_if_few
                && by != 0
                && !committers(self.state).iter().any(willing);
            if by.count_ones() >= 2 || hopeless {
                self.drop_add(leaf);
                dropped = true;
            }
        }
        if dropped && self.rules.propose_what_waited {
            self.sign_wishes();
        }
    }

    /// Those who could commit what is open never do. An Add that somebody declined costs nobody
    /// the group.
    pub fn give_up(&mut self) {
        let service = &self.state.service;
        let (open, declined) = (service.open, service.declined);
        if !open.removes.is_empty() || open.adds.iter().any(|leaf| declined[leaf.device()] == 0) {
            return self.close();
        }
        open.adds.iter().for_each(|leaf| self.drop_add(leaf));
        self.sign_wishes();
    }

    fn drop_add(&mut self, leaf: Leaf) {
        self.withdraw(Proposal::Add(leaf));
        let device = leaf.device();
        self.state.service.drops[device] += 1;
        let join = self.state.service.joins[device];
        let of_this = join.is_some_and(|join| join.leaf == leaf);
        let too_late = self.rules.refuse_what_cannot_be_proposed && !self.may_add(device);
        if join.is_some() && (of_this || too_late) {
            self.state.service.joins[device] = None;
            self.send(device, Down::JoinRefused);
        }
    }

    /// Somebody who was lost is back. If it is back with its state, its Remove is taken back, too.
    pub fn withdraw_loss(&mut self, device: Device, with_state: bool) {
        let going = &mut self.state.service.going[device];
        if going.take_if(|going| going.lost).is_none() {
            return;
        }
        let leaf = self.state.service.members.of_device(device);
        if let (Some(leaf), true) = (leaf, with_state && self.rules.withdraw_on_return) {
            self.withdraw(Proposal::Remove(leaf));
        }
    }

    /// A device waits no more. Its Add is taken back, unless that has happened too often: then it
    /// comes in, and goes again.
    pub fn end_join(&mut self, device: Device) {
        self.state.service.joins[device] = None;
        let may = self.state.service.withdrawals[device] < MOST_WITHDRAWALS;
        let add = self.state.service.open.adds.of_device(device);
        if let (Some(leaf), true) = (add, may) {
            self.withdraw(Proposal::Add(leaf));
            self.state.service.withdrawals[device] += 1;
        }
    }

    /// Whether another Add of a device may be proposed in this epoch.
    fn may_add(&self, device: Device) -> bool {
        self.state.service.drops[device] < MOST_DROPS
    }

    fn withdraw(&mut self, proposal: Proposal) {
        let service = &mut self.state.service;
        if !service.open.has(proposal) {
            return;
        }
        service.open.remove(proposal);
        service.withdrawn.insert(proposal);
        service.log.push(Entry::Withdrawn(proposal));
        if let Proposal::Add(leaf) = proposal {
            service.declined[leaf.device()] = 0;
        }
    }

    /// Proposes every open wish that has no proposal in this epoch. An old leaf of a joiner goes
    /// before the new one comes.
    pub fn sign_wishes(&mut self) {
        for device in 0..self.state.members.len() {
            let service = &self.state.service;
            let leaf = service.members.of_device(device).map(Proposal::Remove);
            let signed = service.open.adds.of_device(device).is_some() || !self.may_add(device);
            let join = service.joins[device].filter(|_| !signed);
            if service.going[device].is_some() || join.is_some() {
                leaf.into_iter().for_each(|remove| self.propose(remove));
            }
            if let Some(join) = join {
                self.propose(Proposal::Add(join.leaf));
                self.state.service.declined[device] = join.declined;
            }
        }
        self.drop_declined();
    }

    fn propose(&mut self, proposal: Proposal) {
        let service = &mut self.state.service;
        if service.open.has(proposal) {
            return;
        }
        service.open.insert(proposal);
        if self.rules.renewal_lifts_withdrawal {
            service.withdrawn.remove(proposal);
        }
        service.log.push(Entry::Proposed(proposal));
    }
}
