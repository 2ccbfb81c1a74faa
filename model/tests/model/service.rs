//! The service: who is connected, and what becomes of their messages.

use crate::proposals::{Device, Leaves};
use crate::rules::Rules;
use crate::state::{Down, Going, Phase, Presence, Seq, State, Up};

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
        // What an older connection wished, only that connection could use.
        self.end_join(device);
        if from.is_some() && self.has_left(device) {
            return self.turn_away(device);
        }
        if from.is_none() || !self.may_resume(device) {
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

    /// Whoever has a session and a leaf goes on where it was, unless it left or is being removed
    /// for more than its lost connection.
    fn may_resume(&self, device: Device) -> bool {
        let service = &self.state.service;
        service.presence[device] != Presence::Unknown
            && service.members.of_device(device).is_some()
            && service.going[device].is_none_or(|going| going.lost)
    }

    /// Whether a device has a session, and said before that it leaves.
    fn has_left(&self, device: Device) -> bool {
        let service = &self.state.service;
        service.presence[device] != Presence::Unknown
            && service.going[device].is_some_and(|going| !going.lost)
    }

    /// Tells a client that its stay is over. Its leaf goes with the next commit.
    fn turn_away(&mut self, device: Device) {
        self.state.service.presence[device] = Presence::Here { follows: false };
        self.send(device, Down::Closed);
        self.state.service.presence[device] = Presence::Unknown;
        self.drop_declined();
    }

    /// A client without the state of an earlier stay. What its device has in the group goes when it
    /// asks to join, or after the grace time.
    fn come_anew(&mut self, device: Device, wanted_to_resume: bool) {
        self.state.service.presence[device] = Presence::Here { follows: false };
        if wanted_to_resume {
            let (resumed, epoch) = (false, 0);
            self.send(device, Down::Room { resumed, epoch });
        }
    }

    /// The service sees that a connection is gone.
    pub fn notice(&mut self, device: Device) {
        self.state.service.older[device] = false;
        self.end_join(device);
        if self.state.service.members.of_device(device).is_some() {
            self.state.service.presence[device] = Presence::Away;
        } else {
            self.state.service.going[device] = None;
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

    /// Ends the group.
    pub fn close(&mut self) {
        let wants_to_stay = |device: Device| {
            let (service, member) = (&self.state.service, &self.state.members[device]);
            let asks = |message: &Up| matches!(message, Up::Join(_) | Up::Leave);
            let content = member.phase == Phase::In && !member.silent;
            let may_stay = service.going[device].is_none() && service.joins[device].is_none();
            content && may_stay && service.members.has(member.leaf) && !member.up.iter().any(asks)
        };
        let over_members = (0..self.state.members.len()).any(wants_to_stay);
        self.state.broken.closed_over_members |= over_members;
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

    /// Whether somebody could commit what is open, now or once it is back.
    pub fn somebody_stays(&self) -> bool {
        match self.rules.keep_for_who_is_away {
            true => can_go_on(self.state),
            false => !committers(self.state).is_empty(),
        }
    }
}

pub fn follows(presence: Presence) -> bool {
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

/// Whether anybody could commit, now or once it is back.
pub fn can_go_on(state: &State) -> bool {
    let service = &state.service;
    !service.members.without(service.open.removes).is_empty()
}
