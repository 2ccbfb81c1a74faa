//! What can happen, in any order: each action is one step of one party, or of the network.

use stateright::Model;

use crate::member::next_for;
use crate::proposals::{DEVICES, Device, Proposal};
use crate::rules::{Budget, Rules};
use crate::service::{Turn, can_go_on, committers, follows};
use crate::state::{Down, Member, Phase, State, Up};
use crate::{normal, properties};

/// A step. Timers have no times: each may fire whenever it runs, so that no property hangs on a
/// duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    // What befalls the room; a budget bounds these.
    /// A device asks to join; a bit for each member that will decline it.
    Ask(Device, u8),
    Leave(Device),
    Crash(Device),
    Break(Device),
    FallSilent(Device),
    /// A member commits without one of the proposals that it has seen.
    CommitWithout(Device, Proposal),
    // What the parties then do.
    Reconnect(Device),
    /// The device takes what is next on its connection.
    Take(Device),
    /// The service takes the next message of the device.
    Receive(Device),
    /// The same, with an open Remove that no commit may overlook any more.
    ReceiveLate(Device),
    Decline(Device),
    /// The batch window or a takeover timer ends.
    Commit(Device),
    /// The service sees that the device's connection is gone.
    Notice(Device),
    GraceOver(Device),
    /// The service ends a group in which nobody could commit.
    Dissolve,
    /// It gives up what nobody commits who could.
    GiveUp,
}

impl Action {
    /// Whether this happens by itself once nothing befalls the room any more.
    pub fn is_calm(self) -> bool {
        !matches!(
            self,
            Self::Ask(..)
                | Self::Leave(_)
                | Self::Crash(_)
                | Self::Break(_)
                | Self::FallSilent(_)
                | Self::CommitWithout(..)
        )
    }
}

/// A room to check.
#[derive(Debug, Clone)]
pub struct Room {
    pub rules: Rules,
    /// Where it may start from.
    pub starts: Vec<State>,
}

impl Model for Room {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        self.starts.clone()
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.service.closed {
            return;
        }
        for device in 0..DEVICES {
            self.misfortunes(state, device, actions);
            self.steps_of_device(state, device, actions);
            steps_of_service(state, device, actions);
        }
        if !can_go_on(state) {
            actions.push(Action::Dissolve);
        }
        if self.rules.give_up_on_silence && waits_in_vain(state) {
            actions.push(Action::GiveUp);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        self.step(&mut state, action);
        normal::normalise(&mut state);
        Some(state)
    }

    fn properties(&self) -> Vec<stateright::Property<Self>> {
        properties::all()
    }
}

impl Room {
    /// A room that starts at rest with so many members; one start for each number.
    pub fn of(members: &[usize], rules: Rules, budget: Budget) -> Self {
        let starts = members.iter().map(|count| State::quiet(*count, budget));
        Self {
            rules,
            starts: starts.collect(),
        }
    }

    /// The room after these steps.
    pub fn after(&self, steps: &[Action]) -> Self {
        let walk = |start: &State| {
            steps.iter().fold(start.clone(), |state, step| {
                let mut possible = Vec::new();
                self.actions(&state, &mut possible);
                assert!(possible.contains(step), "{step:?} cannot happen here");
                self.next_state(&state, *step).expect("a step")
            })
        };
        let starts = self.starts.iter().map(walk).collect();
        let rules = self.rules;
        Self { rules, starts }
    }

    fn misfortunes(&self, state: &State, device: Device, actions: &mut Vec<Action>) {
        let (budget, member) = (&state.budget, &state.members[device]);
        let gone = matches!(member.phase, Phase::Outside | Phase::Crashed);
        if budget.joins > 0 && gone {
            actions.push(Action::Ask(device, 0));
            let others = (1 << DEVICES) - 1 - (1 << device);
            if budget.distrusts > 0 {
                actions.extend(
                    (1..=others)
                        .filter(|by| by & !others == 0)
                        .map(|by| Action::Ask(device, by)),
                );
            }
        }
        let free = member.may_send(1) && (member.greeted || !member.online);
        if budget.leaves > 0 && member.phase == Phase::In && free {
            actions.push(Action::Leave(device));
        }
        if budget.crashes > 0 && !gone {
            actions.push(Action::Crash(device));
        }
        if budget.breaks > 0 && member.online && !gone {
            actions.push(Action::Break(device));
        }
        if budget.silences > 0 && member.phase == Phase::In && !member.silent {
            actions.push(Action::FallSilent(device));
        }
        if budget.omissions > 0 && self.may_commit(state, device) {
            let pending = member.pending(&self.rules);
            actions.extend(pending.iter().map(|p| Action::CommitWithout(device, p)));
        }
    }

    fn steps_of_device(&self, state: &State, device: Device, actions: &mut Vec<Action>) {
        let member = &state.members[device];
        let wants = member.is_in() || member.phase == Phase::Waiting;
        if wants && !member.online {
            actions.push(Action::Reconnect(device));
        }
        if next_for(state, device).is_some() && member.may_send(1) {
            actions.push(Action::Take(device));
        }
        let declines = member
            .to_decline(&state.distrusted_by, &self.rules)
            .is_some();
        if declines && member.may_send(1) {
            actions.push(Action::Decline(device));
        }
        if !declines && self.may_commit(state, device) {
            actions.push(Action::Commit(device));
        }
    }

    /// Whether a member has something to commit and the right to do so: the first committer, or any
    /// other, whose takeover timer may end at any time.
    fn may_commit(&self, state: &State, device: Device) -> bool {
        let member = &state.members[device];
        let ranked = committers(state);
        let first = ranked.iter().next() == Some(member.leaf);
        let ranks = first || self.rules.takeover;
        ranks && member.may_send(1) && !member.pending(&self.rules).is_empty()
    }

    fn step(&self, state: &mut State, action: Action) {
        let rules = &self.rules;
        match action {
            Action::Reconnect(device) => self.reconnect(state, device),
            Action::Take(device) => self.take(state, device),
            Action::Receive(device) => Turn { state, rules }.receive(device, false),
            Action::ReceiveLate(device) => Turn { state, rules }.receive(device, true),
            Action::Decline(device) => {
                let member = &mut state.members[device];
                if let Some(leaf) = member.to_decline(&state.distrusted_by, rules) {
                    member.decline(leaf);
                }
            }
            Action::Commit(device) => {
                let takes = state.members[device].pending(rules);
                state.members[device].commit(takes, rules);
            }
            Action::Notice(device) => Turn { state, rules }.notice(device),
            Action::GraceOver(device) => Turn { state, rules }.lose(device),
            Action::Dissolve => Turn { state, rules }.close(),
            Action::GiveUp => Turn { state, rules }.give_up(),
            misfortune => self.befall(state, misfortune),
        }
    }

    fn befall(&self, state: &mut State, action: Action) {
        let budget = &mut state.budget;
        match action {
            Action::Ask(device, by) => {
                budget.joins -= 1;
                budget.distrusts -= u8::from(by != 0);
                state.distrusted_by[device] = by;
                state.members[device].forget_group(Phase::Waiting);
                self.reconnect(state, device);
            }
            Action::Leave(device) => {
                budget.leaves -= 1;
                state.members[device].leave();
            }
            Action::Crash(device) => {
                budget.crashes -= 1;
                state.break_connection(device);
                state.members[device].forget_group(Phase::Crashed);
            }
            Action::Break(device) => {
                budget.breaks -= 1;
                state.break_connection(device);
            }
            Action::FallSilent(device) => {
                budget.silences -= 1;
                state.members[device].silent = true;
            }
            Action::CommitWithout(device, proposal) => {
                budget.omissions -= 1;
                let mut takes = state.members[device].pending(&self.rules);
                takes.remove(proposal);
                state.members[device].commit(takes, &self.rules);
            }
            _ => {}
        }
    }

    fn take(&self, state: &mut State, device: Device) {
        let Some(next) = next_for(state, device) else {
            return;
        };
        let member = &mut state.members[device];
        let was_online = member.online;
        if member.take(next, &self.rules).is_err() {
            state.broken.could_not_apply = true;
        }
        if was_online && !state.members[device].online {
            state.break_connection(device);
        }
    }

    fn reconnect(&self, state: &mut State, device: Device) {
        let member = &mut state.members[device];
        member.online = true;
        if member.is_in() {
            member.up.push(Up::Hello(Some(member.seq)));
        } else {
            // Nobody can open a Welcome for a key package of an earlier connection.
            member.leaf = member.leaf.renewed();
            member.up.extend([Up::Hello(None), Up::Join(member.leaf)]);
        }
    }
}

/// Something is open, and nobody ever commits it, though nothing else happens. That the patience of
/// the service is longer than anything that members do is all that the model knows of it.
fn waits_in_vain(state: &State) -> bool {
    let (open, declined) = (state.service.open, state.service.declined);
    let on_its_way = state.members.iter().any(|member| {
        let commits = member.up.iter().any(|m| matches!(m, Up::Commit { .. }));
        let mut down = member.down.iter();
        commits || down.any(|(_, message)| matches!(message, Down::Welcome { .. }))
    });
    let commits = |member: &Member| {
        let by = 1 << member.leaf.device();
        let mut adds = open.adds.iter();
        let willing = adds.any(|leaf| declined[leaf.device()] & by == 0);
        let goes = open.removes.has(member.leaf);
        let pending = willing || !open.removes.is_empty();
        member.phase == Phase::In && !member.silent && !goes && pending
    };
    !open.is_empty() && !on_its_way && !state.members.iter().any(commits)
}

fn steps_of_service(state: &State, device: Device, actions: &mut Vec<Action>) {
    let (service, member) = (&state.service, &state.members[device]);
    if let Some(message) = member.up.first() {
        actions.push(Action::Receive(device));
        let overlooks = matches!(message, Up::Commit { commit, .. }
            if !service.open.removes.without(commit.id.takes.removes).is_empty());
        if overlooks {
            actions.push(Action::ReceiveLate(device));
        }
    }
    if service.has_lost_connection(device) {
        actions.push(Action::Notice(device));
    }
    let follows = follows(service.presence[device]);
    let has_leaf = service.members.of_device(device).is_some();
    if !follows && has_leaf && service.going[device].is_none() {
        actions.push(Action::GraceOver(device));
    }
}
