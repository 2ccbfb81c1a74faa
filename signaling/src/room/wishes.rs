//! Wishes: who wants in, who is to go. They outlive epochs; the proposals made of them do not.

use mls_srtp::delivery::Blob;
use mls_srtp::id::ParticipantId;
use mls_srtp::time::Moment;

use super::ClientId;
use super::inviting::AWAY;
use crate::store::{Change, Fact, FactKey, Reason};

/// The open wishes of a room.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    join: Vec<Open>,
    leave: Vec<Going>,
    /// What the store has still to be told.
    pub(super) changes: Vec<Change>,
}

/// A wish to join.
#[derive(Debug, Clone)]
pub(super) struct Open {
    pub(super) join: Join,
    /// Since when; it counts over epochs, so that no run of other commits puts it off.
    pub(super) since: Moment,
    /// Who will not commit it: they need not say so again in every epoch.
    pub(super) decliners: Vec<ParticipantId>,
}

/// Somebody whose leaf has to go.
#[derive(Debug, Clone)]
pub(super) struct Going {
    pub(super) participant: ParticipantId,
    /// Since when; it counts over epochs, so that no run of other commits puts it off.
    pub(super) since: Moment,
    pub(super) why: Why,
}

/// Why a leaf has to go. Of two reasons the later one in this list counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Why {
    /// Only a connection was lost, so that a return changes everything.
    Lost,
    /// Its holder wished so, and may wish to come anew.
    Left,
    /// Others wished so. Until it is done the holder may not come anew.
    Evicted,
}

impl Why {
    /// What the store is told. A lost connection it is not: a restart loses them all.
    fn reason(self) -> Option<Reason> {
        match self {
            Self::Lost => None,
            Self::Left => Some(Reason::Left),
            Self::Evicted => Some(Reason::Evicted),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Join {
    pub(super) participant: ParticipantId,
    /// The connection that holds the key package's private keys.
    pub(super) client: ClientId,
    pub(super) key_package: Blob,
}

impl Wishes {
    /// A newer wish of the same device replaces the older one.
    pub(super) fn join(&mut self, new: Join, now: Moment) {
        self.end_join(&new.participant);
        self.join.push(Open {
            join: new,
            since: now,
            decliners: Vec::new(),
        });
    }

    /// Whether a device still waits to be added.
    pub(super) fn joins(&self, participant: &ParticipantId) -> bool {
        self.join
            .iter()
            .any(|open| open.join.participant == *participant)
    }

    /// The devices of a user that wait to be added.
    pub(super) fn joining_of_user(&self, participant: &ParticipantId) -> Vec<ParticipantId> {
        let joining = self.join.iter().map(|open| &open.join.participant);
        joining
            .filter(|who| who.same_user(participant))
            .cloned()
            .collect()
    }

    /// All who wait to be added.
    pub(super) fn open_joins(&self) -> Vec<Join> {
        self.join.iter().map(|open| open.join.clone()).collect()
    }

    /// How many wait to be added who are not here.
    pub(super) fn away(&self) -> usize {
        let away = |open: &&Open| open.join.client == AWAY;
        self.join.iter().filter(away).count()
    }

    /// The connections of those who wait to be added.
    pub(super) fn waiting(&self) -> Vec<ClientId> {
        let clients = self.join.iter().map(|open| open.join.client);
        clients.filter(|client| *client != AWAY).collect()
    }

    /// Whether exactly this is still wished.
    pub(super) fn wishes(&self, join: &Join) -> bool {
        self.join.iter().any(|open| open.join == *join)
    }

    /// A device waits no more.
    pub(super) fn end_join(&mut self, participant: &ParticipantId) {
        self.join
            .retain(|open| open.join.participant != *participant);
    }

    /// This wish is dropped; says whether it was still open.
    pub(super) fn drop_join(&mut self, join: &Join) -> bool {
        let before = self.join.len();
        self.join.retain(|open| open.join != *join);
        self.join.len() < before
    }

    /// A member will not commit this wish.
    pub(super) fn decline(&mut self, join: &Join, decliner: &ParticipantId) {
        let open = self.join.iter_mut().find(|open| open.join == *join);
        if let Some(open) = open.filter(|open| !open.decliners.contains(decliner)) {
            open.decliners.push(decliner.clone());
        }
    }

    /// The wishes for which `signed` says that nothing is proposed yet.
    pub(super) fn unsigned(&self, signed: impl Fn(&ParticipantId) -> bool) -> Vec<Open> {
        let open = self
            .join
            .iter()
            .filter(|open| !signed(&open.join.participant));
        open.cloned().collect()
    }

    /// Somebody's leaf has to go.
    pub(super) fn go(&mut self, participant: ParticipantId, why: Why, since: Moment) {
        let before = self.why_goes(&participant);
        if before >= Some(why) {
            return;
        }
        if let Some(reason) = why.reason() {
            let participant = participant.clone();
            let fact = Fact::Going {
                participant,
                reason,
            };
            self.changes.push(Change::Put(fact));
        }
        self.recall(participant, why, since);
    }

    /// Somebody's leaf has to go, as the store knows.
    pub(super) fn recall(&mut self, participant: ParticipantId, why: Why, since: Moment) {
        let mut leave = self.leave.iter_mut();
        match leave.find(|going| going.participant == participant) {
            Some(going) => going.why = why,
            None => self.leave.push(Going {
                participant,
                since,
                why,
            }),
        }
    }

    /// The leaves of these do not have to go any more.
    fn drop_going(&mut self, is_over: impl Fn(&Going) -> bool) {
        let over = self.leave.extract_if(.., |going| is_over(going));
        let told = over.filter(|going| going.why.reason().is_some());
        let forget = told.map(|going| Change::Forget(FactKey::Going(going.participant)));
        self.changes.extend(forget);
    }

    /// Those whose leaves have to go.
    pub(super) fn leaves(&self) -> Vec<Going> {
        self.leave.clone()
    }

    /// Why somebody's leaf has to go, if it has to.
    pub(super) fn why_goes(&self, participant: &ParticipantId) -> Option<Why> {
        let mut leave = self.leave.iter();
        let going = leave.find(|going| going.participant == *participant)?;
        Some(going.why)
    }

    /// Whether somebody goes for good: by a wish, and not for a lost connection.
    pub(super) fn ends_stay(&self, participant: &ParticipantId) -> bool {
        self.why_goes(participant) > Some(Why::Lost)
    }

    /// Whether somebody has to go for no other reason than a lost connection.
    pub(super) fn only_lost(&self, participant: &ParticipantId) -> bool {
        self.why_goes(participant) == Some(Why::Lost) && !self.joins(participant)
    }

    /// A member returned: it does not go after all, if the connection was all that it had lost and
    /// its Remove is not committed already.
    pub(super) fn withdraw_loss(&mut self, participant: &ParticipantId) {
        self.drop_going(|going| going.why == Why::Lost && going.participant == *participant);
    }

    /// Nothing of a participant is open any more.
    pub(super) fn forget(&mut self, participant: &ParticipantId) {
        self.end_join(participant);
        self.drop_going(|going| going.participant == *participant);
    }

    /// A commit fulfilled these. A device that has brought another key package since goes on
    /// waiting: it could not open a Welcome for the old one.
    pub(super) fn fulfil(&mut self, joined: &[Join], removed: &[ParticipantId]) {
        self.join.retain(|open| !joined.contains(&open.join));
        self.drop_going(|going| removed.contains(&going.participant));
    }

    /// The group is over, and with it all wishes about it.
    pub(super) fn clear(&mut self) {
        self.join.clear();
        self.leave.clear();
    }

    /// The group is about to end: who was to go.
    pub(super) fn take_leaves(&mut self) -> Vec<Going> {
        std::mem::take(&mut self.leave)
    }
}
