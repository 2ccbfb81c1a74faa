//! The state of the modelled room: one service, the devices, and what is in flight between them.

use crate::proposals::{DEVICES, Device, Leaf, Leaves, Proposal, Proposals};
use crate::rules::Budget;

/// How many log entries somebody has had.
pub type Seq = u8;

/// Messages in flight from one member to the service.
pub const IN_FLIGHT: usize = 2;

/// Names a commit, and so the epoch that it opens.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub struct CommitId {
    pub author: Option<Leaf>,
    /// Tells a commit from the one that its author built before it in the same epoch.
    pub rebuilt: bool,
    pub takes: Proposals,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Commit {
    pub epoch: u8,
    /// The commit that opened the epoch for its author: the group whose history it continues.
    pub built_on: CommitId,
    pub id: CommitId,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Entry {
    Proposed(Proposal),
    Withdrawn(Proposal),
    Committed(Commit),
}

/// Member → service.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Up {
    /// First on every connection: anew, or from where the member was.
    Hello(Option<Seq>),
    Join(Leaf),
    Leave,
    Declined(Leaf),
    Commit {
        commit: Commit,
        seen: Seq,
    },
}

/// Service → member, other than log entries: these the member reads from the log itself, which has
/// the same effect, because one connection keeps the order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Down {
    /// Answer to a member's return.
    Room {
        resumed: bool,
        epoch: u8,
    },
    Welcome {
        leaf: Leaf,
        seq: Seq,
        epoch: u8,
        opened: CommitId,
        members: Leaves,
    },
    /// The commit was refused for another reason than its epoch.
    CommitRefused,
    JoinRefused,
    /// The device is no longer a member.
    Closed,
}

/// What the service knows of a device's connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Presence {
    /// Nothing: it has no session.
    Unknown,
    /// It had a connection.
    Away,
    /// It has one. It follows the group if it was welcomed or has resumed.
    Here { follows: bool },
    /// It has one that is broken, which the service has not noticed.
    Broken { follows: bool },
}

/// A wish to join.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Join {
    pub leaf: Leaf,
    /// A bit for each device that declined it.
    pub declined: u8,
}

/// A wish that a device's leaf go.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Going {
    /// Only its connection was lost.
    pub lost: bool,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Service {
    pub epoch: u8,
    pub opened: CommitId,
    pub members: Leaves,
    pub log: Vec<Entry>,
    /// Proposals of this epoch that are to be committed.
    pub open: Proposals,
    pub withdrawn: Proposals,
    /// Who declined the open Add of each device, as a bit for each decliner.
    pub declined: [u8; DEVICES],
    /// How many Adds of each device were withdrawn in this epoch because its wish ended.
    pub withdrawals: [u8; DEVICES],
    /// How many because members declined them.
    pub drops: [u8; DEVICES],
    pub joins: [Option<Join>; DEVICES],
    pub going: [Option<Going>; DEVICES],
    pub presence: [Presence; DEVICES],
    /// A device came back before the end of its older connection was noticed, and that end is still
    /// to count.
    pub older: [bool; DEVICES],
    /// The group is over.
    pub closed: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Phase {
    Outside,
    /// Its wish to join is on the way, or with the service.
    Waiting,
    In,
    Leaving,
    Crashed,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Member {
    pub phase: Phase,
    pub leaf: Leaf,
    /// As it sees its connection.
    pub online: bool,
    /// The room has answered on this connection.
    pub greeted: bool,
    pub seq: Seq,
    pub epoch: u8,
    pub opened: CommitId,
    pub members: Leaves,
    /// Proposals of this epoch, without the withdrawn ones.
    pub known: Proposals,
    pub declined: Leaves,
    /// Its commit in flight.
    pub own: Option<CommitId>,
    pub rebuilt: bool,
    pub silent: bool,
    pub up: Vec<Up>,
    /// Each with the number of log entries sent before it.
    pub down: Vec<(Seq, Down)>,
}

/// What must never happen, noted when it happens.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub struct Broken {
    pub two_commits_of_one_epoch: bool,
    pub seen_proposal_omitted: bool,
    pub withdrawn_proposal_taken: bool,
    pub foreign_proposal_taken: bool,
    pub removed_without_wish: bool,
    pub could_not_apply: bool,
    pub closed_over_members: bool,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct State {
    pub service: Service,
    pub members: [Member; DEVICES],
    /// For each device, who declines it: a bit for each other device.
    pub distrusted_by: [u8; DEVICES],
    /// Leaves that were removed.
    pub removed: Leaves,
    pub budget: Budget,
    pub broken: Broken,
}

impl State {
    /// A room in which the first `count` devices are members and all is quiet.
    pub fn quiet(count: usize, budget: Budget) -> Self {
        let members = Leaves::of((0..count).map(Leaf::first));
        let member = |device| Member::start(device, members, device < count);
        let presence = |device| match device < count {
            true => Presence::Here { follows: true },
            false => Presence::Unknown,
        };
        Self {
            service: Service {
                epoch: 0,
                opened: CommitId::default(),
                members,
                log: Vec::new(),
                open: Proposals::default(),
                withdrawn: Proposals::default(),
                declined: [0; DEVICES],
                withdrawals: [0; DEVICES],
                drops: [0; DEVICES],
                joins: [None; DEVICES],
                going: [None; DEVICES],
                presence: std::array::from_fn(presence),
                older: [false; DEVICES],
                closed: false,
            },
            members: std::array::from_fn(member),
            distrusted_by: [0; DEVICES],
            removed: Leaves::default(),
            budget,
            broken: Broken::default(),
        }
    }

    /// Whether what the service sends to a device arrives there.
    pub fn is_linked(&self, device: Device) -> bool {
        matches!(self.service.presence[device], Presence::Here { .. })
            && self.members[device].online
    }

    /// A connection breaks: all in flight is lost, and only the device knows.
    pub fn break_connection(&mut self, device: Device) {
        self.members[device].disconnect();
        if let Presence::Here { follows } = self.service.presence[device] {
            self.service.presence[device] = Presence::Broken { follows };
        }
    }
}

impl Service {
    /// Whether the end of a connection of a device is still to be noticed.
    pub fn has_lost_connection(&self, device: Device) -> bool {
        let broken = matches!(self.presence[device], Presence::Broken { .. });
        broken || self.older[device]
    }
}

impl Member {
    fn start(device: Device, members: Leaves, inside: bool) -> Self {
        let mut member = Self {
            phase: Phase::Outside,
            leaf: Leaf::first(device),
            online: inside,
            greeted: inside,
            seq: 0,
            epoch: 0,
            opened: CommitId::default(),
            members: Leaves::default(),
            known: Proposals::default(),
            declined: Leaves::default(),
            own: None,
            rebuilt: false,
            silent: false,
            up: Vec::new(),
            down: Vec::new(),
        };
        if inside {
            member.phase = Phase::In;
            member.members = members;
        }
        member
    }

    /// Whether it has a group.
    pub fn is_in(&self) -> bool {
        matches!(self.phase, Phase::In | Phase::Leaving)
    }

    /// Forgets its group.
    pub fn forget_group(&mut self, phase: Phase) {
        let start = Self::start(self.leaf.device(), Leaves::default(), false);
        *self = Self {
            phase,
            leaf: self.leaf,
            online: self.online,
            greeted: self.greeted,
            silent: self.silent,
            up: std::mem::take(&mut self.up),
            down: std::mem::take(&mut self.down),
            ..start
        };
    }

    /// Its connection is gone, with all that is in flight in it.
    pub fn disconnect(&mut self) {
        self.online = false;
        self.greeted = false;
        self.up.clear();
        self.down.clear();
    }

    pub fn may_send(&self, messages: usize) -> bool {
        self.up.len() + messages <= IN_FLIGHT
    }
}
