//! Who commits: the list that members rank their turns by.

use mls_srtp::delivery::ServiceMessage;
use mls_srtp::group::GroupFollower;
use mls_srtp::id::{LeafIndex, ParticipantId};

use super::{ClientId, Room};

impl Room {
    /// The members that could commit what is pending: connected, following the group, and without
    /// a pending Remove. Lowest leaf first.
    pub(super) fn committers(&self) -> impl Iterator<Item = &ParticipantId> {
        let handshake = self.handshake.as_ref();
        let members = handshake.into_iter().flat_map(|handshake| {
            let roster = handshake.follower.roster().iter();
            roster.filter(|member| !handshake.proposals.removes(member.leaf))
        });
        members
            .map(|member| &*member.participant)
            .filter(|who| self.clients.follower_of(who).is_some())
    }

    /// The first of them, as published. A wrong list costs time, never safety; a member that is
    /// not in it never takes over, and in a large room that is nearly everybody: a list of all
    /// would have to go to all whenever somebody comes or goes.
    fn ranked_committers(&self) -> Option<Vec<LeafIndex>> {
        let handshake = self.handshake.as_ref()?;
        let most = self.config.max_committers;
        let history = &handshake.history;
        // Who leaves an Add out of its commits, or has made one that somebody cannot apply, comes
        // after all who do not.
        let doubted = |who: &&ParticipantId| {
            let mut declined = handshake.proposals.declined();
            declined.any(|p| p.decliners.contains(who)) || history.complaints_about(who) > 0
        };
        let first = self.committers().filter(|who| !doubted(who)).take(most);
        let mut ranked: Vec<&ParticipantId> = first.collect();
        let last = self.committers().filter(doubted);
        let room_left = most.saturating_sub(ranked.len());
        let nobody = handshake.proposals.declined().next().is_none() && !history.has_complaints();
        if room_left > 0 && !nobody {
            ranked.extend(last.take(room_left));
        }
        let leaves = ranked.into_iter().filter_map(|who| self.leaf_of(who));
        Some(leaves.collect())
    }

    /// Publishes the committers if they changed; says whether they did.
    pub(super) fn publish_committers(&mut self) -> bool {
        let Some(leaves) = self.ranked_committers() else {
            return false;
        };
        let Some(handshake) = &mut self.handshake else {
            return false;
        };
        let changed = handshake.published != leaves;
        if changed {
            handshake.published = leaves;
            self.repeat_committers();
        }
        changed
    }

    /// Tells everybody again. A member that never heard the list, or heard a wrong one, would not
    /// know when to take over, and nothing else would ever set it right.
    pub(super) fn repeat_committers(&mut self) {
        if let Some(message) = self.committers_message() {
            self.broadcast(&message);
        }
    }

    /// Tells somebody who was not there when the list was published.
    pub(super) fn tell_committers_to(&mut self, client: ClientId) {
        if let Some(message) = self.committers_message() {
            self.send(client, message);
        }
    }

    fn committers_message(&self) -> Option<ServiceMessage> {
        let group_id = self.follower().map(GroupFollower::group_id)?;
        let leaves = self.ranked_committers()?;
        Some(ServiceMessage::Committers { group_id, leaves })
    }

    /// Whether anybody may commit what is pending, now or once it is back: a member whose leaf
    /// does not have to go. Without one the group can never change again.
    pub(super) fn can_go_on(&self) -> bool {
        self.handshake.as_ref().is_some_and(|handshake| {
            let mut roster = handshake.follower.roster().iter();
            roster.any(|member| !handshake.proposals.removes(member.leaf))
        })
    }
}
