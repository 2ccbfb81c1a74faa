//! Adds that members decline: each leaves them out of its own commits, and together they can keep
//! somebody out. One member alone can not, as long as another one could commit the Add.

use mls_srtp::delivery::Refusal;
use mls_srtp::id::{ParticipantId, Seq};
use mls_srtp::time::Moment;
use mls_srtp::trust::TrustCode;

use super::proposals::{Pending, What};
use super::wishes::Join;
use super::{Refused, Room, RoomEventKind, refuse, shortened};

/// So many users together keep somebody out.
const ENOUGH: usize = 2;

impl Room {
    /// A member will not commit the Add at `seq`.
    pub(super) fn declined(
        &mut self,
        decliner: &ParticipantId,
        seq: Seq,
        (code, reason): (Option<TrustCode>, &str),
        now: Moment,
    ) -> Result<(), Refused> {
        if self.clients.follower_of(decliner).is_none() {
            return refuse(Refusal::Unauthorised, "only members may decline");
        }
        let Some(handshake) = &mut self.handshake else {
            return Ok(());
        };
        // It may have been withdrawn or committed meanwhile.
        let Some(pending) = handshake.proposals.at(seq) else {
            return Ok(());
        };
        let What::Add(join) = pending.what.clone() else {
            return refuse(Refusal::PolicyViolation, "only an Add may be declined");
        };
        let reason = shortened(reason);
        if !handshake.proposals.decline(seq, decliner, code, &reason) {
            return Ok(());
        }
        self.wishes.decline(&join, decliner);
        let kind = RoomEventKind::Declined {
            reporter: decliner.clone(),
            joiner: join.participant,
            reason,
        };
        self.event_now(kind);
        self.drop_declined(now);
        self.publish_committers();
        Ok(())
    }

    /// Drops the wishes that members of two users have declined, or that nobody is left to commit.
    pub(super) fn drop_declined(&mut self, now: Moment) {
        let Some(handshake) = &self.handshake else {
            return;
        };
        let hopeless = handshake
            .proposals
            .declined()
            .filter(|p| self.is_hopeless(p));
        let hopeless: Vec<Pending> = hopeless.cloned().collect();
        self.drop_adds(hopeless, now);
    }

    pub(super) fn drop_adds(&mut self, adds: Vec<Pending>, now: Moment) {
        for pending in &adds {
            if let What::Add(join) = &pending.what
                && self.withdraw(pending.seq)
            {
                self.drop_join(join, pending.objection.clone());
            }
        }
        if !adds.is_empty() {
            // A newer wish may have waited behind one of them.
            self.sign_wishes(now);
        }
    }

    fn is_hopeless(&self, pending: &Pending) -> bool {
        let What::Add(join) = &pending.what else {
            return false;
        };
        count_users(&pending.decliners) >= ENOUGH
            || !self
                .committers()
                .any(|who| *who != join.participant && !pending.decliners.contains(who))
    }

    fn drop_join(&mut self, join: &Join, objection: Option<(Option<TrustCode>, String)>) {
        let joiner = join.participant.clone();
        tracing::warn!(room = %self.name, %joiner, "dropped a wish to join that members declined");
        let Some(handshake) = &mut self.handshake else {
            return;
        };
        handshake.proposals.count_drop(&joiner);
        let goes_on = handshake.proposals.may_add(&joiner);
        // An Add whose wish was replaced meanwhile goes without the newer wish, unless that could
        // not be proposed in this epoch any more; there may never be another one.
        let mut refused = self.wishes.drop_join(join);
        if !goes_on && self.wishes.joins(&joiner) {
            self.wishes.end_join(&joiner);
            refused = true;
        }
        if refused && let Some(client) = self.clients.client_of(&joiner) {
            // In the words of one of them: the joiner is to know what to change.
            let (code, reason) = objection.unwrap_or_default();
            let mut refused = Refused::new(
                Refusal::Declined,
                format!("members of the room declined: {reason}"),
            );
            refused.code = code;
            self.refuse_client(client, "join", refused);
        }
        self.event_now(RoomEventKind::JoinDropped { joiner });
    }
}

/// How many users these devices belong to.
pub(super) fn count_users(devices: &[ParticipantId]) -> usize {
    let first = |(at, who): &(usize, &ParticipantId)| {
        let mut before = devices.iter().take(*at);
        !before.any(|other| other.same_user(who))
    };
    devices.iter().enumerate().filter(first).count()
}
