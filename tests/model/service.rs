//! The service: takes messages, orders the log, keeps wishes.

use crate::proposals::{Device, Leaf, Leaves, Proposal};
use crate::rules::Rules;
use crate::state::{Down, Entry, Going, Join, Presence, Seq, State, Up};

/// A service's turn.
pub struct Turn<'a> {
    pub state: &'a mut State,
    pub rules: &'a Rules,
}

impl Turn<'_> {
    /// Takes the next message of a device. `late` says that an open Remove is older than what a
    /// commit may overlook.
    pub fn receive(&mut self, device: Device, late: bool) {
        let message = self.state.members[device].up.remove(0);
        if let Up::Hello(from) = message {
            return self.hello(device, from);
        }
        // What comes behind the end of a stay is nobody's.
        if !self.is_here(device) {
            return;
        }
        match message {
            Up::Hello(_) => {}
            Up::Join(leaf) => self.join(device, leaf),
            Up::Leave => self.leave(device),
            Up::Declined(leaf) => self.declined(device, leaf),
            Up::Commit { commit, seen } => self.commit(device, commit, seen, late),
        }
    }

    fn hello(&mut self, device: Device, from: Option<Seq>) {
        let older = self.state.service.has_lost_connection(device);
        self.state.service.older[device] = older && !self.rules.newest_connection_counts;
        let known = self.state.service.presence[device] != Presence::Unknown;
        let leaf = self.state.service.members.of_device(device);
        if from.is_none() || !known || leaf.is_none() {
            return self.come_anew(device, from.is_some());
        }
        self.state.service.presence[device] = Presence::Here { follows: true };
        self.withdraw_loss(device, true);
        let epoch = self.state.service.epoch;
        let answer = Down::Room {
            resumed: true,
            epoch,
        };
        let seq = self.state.members[device].seq;
        self.state.members[device].down.push((seq, answer));
    }

    /// A client without the state of an earlier stay: what its device has in the group must go.
    fn come_anew(&mut self, device: Device, wanted_to_resume: bool) {
        self.state.service.presence[device] = Presence::Here { follows: false };
        if let Some(join) = &mut self.state.service.joins[device] {
            join.held = false;
        }
        if self.state.service.members.of_device(device).is_some() {
            if self.followers().is_empty() {
                return self.close();
            }
            self.lose(device);
        }
        if wanted_to_resume {
            let (resumed, epoch) = (false, 0);
            self.send(device, Down::Room { resumed, epoch });
        }
    }

    fn join(&mut self, device: Device, leaf: Leaf) {
        let others = self.followers().into_iter().any(|other| other != device);
        if self.state.service.members.of_device(device).is_some() && !others {
            return self.close();
        }
        // Its old leaf goes all the same: for the sake of this wish.
        self.withdraw_loss(device, false);
        let older = self.state.service.open.adds.of_device(device);
        if let (Some(older), true) = (older, self.rules.newer_key_withdraws) {
            self.withdraw(Proposal::Add(older));
        }
        self.state.service.presence[device] = Presence::Here { follows: false };
        self.state.service.joins[device] = Some(Join {
            leaf,
            held: true,
            declined: 0,
        });
        self.sign_wishes();
    }

    fn leave(&mut self, device: Device) {
        self.forget_wishes(device);
        let has_leaf = self.state.service.members.of_device(device).is_some();
        if !has_leaf || !self.follows(device) {
            self.send(device, Down::Closed);
            self.state.service.presence[device] = Presence::Unknown;
        }
        if has_leaf {
            self.state.service.going[device] = Some(Going { lost: false });
            match self.somebody_stays() && self.rules.keep_while_somebody_stays {
                true => self.sign_wishes(),
                false => self.close(),
            }
        }
    }

    fn declined(&mut self, device: Device, leaf: Leaf) {
        let Some(mut join) = self.state.service.joins[leaf.device()] else {
            return;
        };
        if join.leaf != leaf {
            return;
        }
        join.declined |= 1 << device;
        self.state.service.joins[leaf.device()] = Some(join);
        self.drop_declined();
    }

    /// Drops wishes that two members declined, or all who could commit.
    fn drop_declined(&mut self) {
        let who = self.committers().iter().map(Leaf::device);
        let all = who.fold(0, |all, device| all | 1 << device);
        for device in 0..self.state.members.len() {
            let by = self.state.service.joins[device].map_or(0, |join| join.declined);
            let by_all = self.rules.fewer_decliners_if_few && by != 0 && all & !by == 0;
            if by.count_ones() >= 2 || by_all {
                self.drop_join(device);
            }
        }
    }

    fn drop_join(&mut self, device: Device) {
        self.send(device, Down::JoinRefused);
        self.forget_wishes(device);
        // What the device still has in the group goes all the same.
        if self.state.service.members.of_device(device).is_some() {
            self.lose(device);
        }
    }

    /// The service sees that a connection is gone.
    pub fn notice(&mut self, device: Device) {
        self.state.service.older[device] = false;
        if let Some(join) = &mut self.state.service.joins[device] {
            join.held = false;
        }
        if self.state.service.members.of_device(device).is_some() {
            self.state.service.presence[device] = Presence::Away;
        } else {
            self.forget_wishes(device);
            self.state.service.presence[device] = Presence::Unknown;
        }
        self.drop_declined();
    }

    /// The grace time of somebody without a connection is over.
    pub fn lose(&mut self, device: Device) {
        let going = &mut self.state.service.going[device];
        going.get_or_insert(Going { lost: true });
        self.sign_wishes();
    }

    /// Somebody who was lost is back. If it is back with its state, its Remove is taken back, too.
    fn withdraw_loss(&mut self, device: Device, with_state: bool) {
        let going = &mut self.state.service.going[device];
        if going.take_if(|going| going.lost).is_none() {
            return;
        }
        let leaf = self.state.service.members.of_device(device);
        if let (Some(leaf), true) = (leaf, with_state && self.rules.withdraw_on_return) {
            self.withdraw(Proposal::Remove(leaf));
        }
    }

    /// Nothing of a device is open any more.
    fn forget_wishes(&mut self, device: Device) {
        self.state.service.going[device] = None;
        self.state.service.joins[device] = None;
        if let Some(leaf) = self.state.service.open.adds.of_device(device) {
            self.withdraw(Proposal::Add(leaf));
        }
    }

    fn withdraw(&mut self, proposal: Proposal) {
        let service = &mut self.state.service;
        if service.open.has(proposal) {
            service.open.remove(proposal);
            service.withdrawn.insert(proposal);
            service.log.push(Entry::Withdrawn(proposal));
        }
    }

    /// Proposes every open wish that has no proposal in this epoch. An old leaf of a joiner goes
    /// before the new one comes.
    pub fn sign_wishes(&mut self) {
        for device in 0..self.state.members.len() {
            let service = &self.state.service;
            let leaf = service.members.of_device(device);
            let join = service.joins[device];
            if service.going[device].is_some() || join.is_some() {
                leaf.into_iter()
                    .for_each(|leaf| self.propose(Proposal::Remove(leaf)));
            }
            let one_already = self.state.service.open.adds.of_device(device).is_some();
            if let (Some(join), false) = (join, one_already) {
                self.propose(Proposal::Add(join.leaf));
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

    /// Ends the group.
    pub fn close(&mut self) {
        self.state.broken.closed_over_members |= (0..self.state.members.len()).any(|device| {
            let member = &self.state.members[device];
            let content = member.phase == crate::state::Phase::In && member.up.is_empty();
            content && self.state.is_linked(device) && self.stays(device)
        });
        self.state.service.closed = true;
    }

    pub fn send(&mut self, device: Device, message: Down) {
        if self.state.is_linked(device) {
            let seq = self.state.service.log.len() as Seq;
            self.state.members[device].down.push((seq, message));
        }
    }

    fn is_here(&self, device: Device) -> bool {
        matches!(self.state.service.presence[device], Presence::Here { .. })
    }

    /// Whether the service believes that a device is connected and follows the group.
    pub fn follows(&self, device: Device) -> bool {
        follows(self.state.service.presence[device])
    }

    fn followers(&self) -> Vec<Device> {
        let members = self.state.service.members.iter().map(Leaf::device);
        members.filter(|device| self.follows(*device)).collect()
    }

    fn stays(&self, device: Device) -> bool {
        self.follows(device)
            && self.state.service.going[device].is_none()
            && self.state.service.members.of_device(device).is_some()
    }

    fn somebody_stays(&self) -> bool {
        (0..self.state.members.len()).any(|device| self.stays(device))
    }

    /// Connected members without an open Remove.
    pub fn committers(&self) -> Leaves {
        committers(self.state)
    }
}

fn follows(presence: Presence) -> bool {
    matches!(
        presence,
        Presence::Here { follows: true } | Presence::Broken { follows: true }
    )
}

/// The ranked committers; the lowest one is the first.
pub fn committers(state: &State) -> Leaves {
    let service = &state.service;
    let staying = service.members.without(service.open.removes);
    Leaves::of(
        staying
            .iter()
            .filter(|leaf| follows(service.presence[leaf.device()])),
    )
}

/// Whether anybody who is here, or may come back with its state, could commit.
pub fn can_go_on(state: &State) -> bool {
    let service = &state.service;
    let staying = service.members.without(service.open.removes);
    staying.iter().any(|leaf| {
        let presence = service.presence[leaf.device()];
        follows(presence) || matches!(presence, Presence::Away | Presence::Unknown)
    })
}
