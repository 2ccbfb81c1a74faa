//! What must hold in every state that can be reached.

use stateright::{Model, Property};

use crate::proposals::{DEVICES, Device, Proposal};
use crate::state::{Member, Phase, Presence, State};

pub const ONE_HISTORY: &str = "two in one epoch of the group have one history and one roster";
pub const ONE_COMMIT: &str = "an epoch ends by one commit";
pub const COMPLETE: &str = "a commit takes every proposal that its author saw and did not decline";
pub const NOT_WITHDRAWN: &str = "no commit takes a proposal that was withdrawn";
pub const OF_ITS_EPOCH: &str = "a commit takes only proposals of its epoch";
pub const ACCEPTED_FIRST: &str = "nobody is in an epoch that the log has not begun";
pub const REMOVED_FOR_GOOD: &str = "a removed leaf is in no later roster";
pub const NO_LOST_WISH: &str = "every open wish is proposed in the current epoch";
pub const HEARD: &str = "a wish that the service took is open, fulfilled or refused";
pub const NOT_UNASKED: &str = "nobody is removed who came back in time and wants to stay";
pub const APPLICABLE: &str = "who follows the log can apply every commit in it";
pub const NOT_CLOSED_OVER: &str =
    "a group does not end over a member that commits and wants to stay, connected or not";

/// Not of a state but of all that follow it: see [`crate::liveness`].
pub const SETTLES: &str = "once nothing more happens, every wish is fulfilled or refused";

pub fn all<M: Model<State = State>>() -> Vec<Property<M>> {
    let always = Property::<M>::always;
    vec![
        always(ONE_HISTORY, |_, s| one_history(s)),
        always(ONE_COMMIT, |_, s| !s.broken.two_commits_of_one_epoch),
        always(COMPLETE, |_, s| !s.broken.seen_proposal_omitted),
        always(NOT_WITHDRAWN, |_, s| !s.broken.withdrawn_proposal_taken),
        always(OF_ITS_EPOCH, |_, s| !s.broken.foreign_proposal_taken),
        always(ACCEPTED_FIRST, |_, s| accepted_first(s)),
        always(REMOVED_FOR_GOOD, |_, s| removed_for_good(s)),
        always(NO_LOST_WISH, |_, s| no_lost_wish(s)),
        always(HEARD, |_, s| (0..DEVICES).all(|device| heard(s, device))),
        always(NOT_UNASKED, |_, s| !s.broken.removed_without_wish),
        always(APPLICABLE, |_, s| !s.broken.could_not_apply),
        always(NOT_CLOSED_OVER, |_, s| !s.broken.closed_over_members),
    ]
}

fn removed_for_good(state: &State) -> bool {
    state.service.members.common(state.removed).is_empty()
}

fn in_group(state: &State) -> impl Iterator<Item = &Member> {
    state.members.iter().filter(|member| member.is_in())
}

/// Each epoch is compared while somebody is in it, so equal names of the last commit, epoch by
/// epoch, mean equal histories.
fn one_history(state: &State) -> bool {
    in_group(state).all(|one| {
        in_group(state).all(|other| {
            one.epoch != other.epoch || (one.opened == other.opened && one.members == other.members)
        })
    })
}

fn accepted_first(state: &State) -> bool {
    let service = &state.service;
    in_group(state).all(|member| {
        member.epoch < service.epoch
            || (member.epoch == service.epoch
                && member.opened == service.opened
                && member.members == service.members)
    })
}

fn no_lost_wish(state: &State) -> bool {
    let service = &state.service;
    let proposed = |proposal| service.open.has(proposal) && !service.withdrawn.has(proposal);
    service.closed
        || (0..DEVICES).all(|device| {
            let goes = service.going[device].is_some() || service.joins[device].is_some();
            let leaf = service.members.of_device(device);
            let removed = !goes || leaf.is_none_or(|leaf| proposed(Proposal::Remove(leaf)));
            let added =
                service.joins[device].is_none() || service.open.adds.of_device(device).is_some();
            removed && added
        })
}

/// What a connected device asked for has not been forgotten.
fn heard(state: &State, device: Device) -> bool {
    let (service, member) = (&state.service, &state.members[device]);
    let quiet = member.online && member.up.is_empty() && member.down.is_empty();
    if service.closed || !quiet {
        return true;
    }
    match member.phase {
        Phase::Waiting => service.joins[device].is_some_and(|join| join.leaf == member.leaf),
        Phase::Leaving => service.going[device].is_some(),
        _ => true,
    }
}

/// Nothing is left to do: every wish is fulfilled, every leaf has a member behind it that follows.
pub fn is_settled(state: &State) -> bool {
    let service = &state.service;
    let nothing_open = service.open.is_empty()
        && service.joins.iter().all(Option::is_none)
        && service.going.iter().all(Option::is_none);
    let settled = |member: &Member| {
        let device = member.leaf.device();
        let at_rest = member.up.is_empty() && member.down.is_empty();
        let leaf = service.members.of_device(device);
        at_rest
            && match member.phase {
                Phase::In => {
                    leaf == Some(member.leaf)
                        && member.epoch == service.epoch
                        && service.presence[device] == Presence::Here { follows: true }
                        && member.greeted
                }
                Phase::Outside | Phase::Crashed => leaf.is_none(),
                Phase::Waiting | Phase::Leaving => false,
            }
    };
    service.closed || (nothing_open && state.members.iter().all(settled))
}
