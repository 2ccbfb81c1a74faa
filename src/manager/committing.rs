//! Committing what is pending.

use super::stay::Objection;
use super::{KeyManager, Phase};
use crate::delivery::{ClientMessage, Refusal};
use crate::event::Event;
use crate::group::{GroupError, ProposalRef, RuleViolation};
use crate::id::{GroupId, Seq};
use crate::time::Moment;

impl KeyManager {
    /// Commits all pending proposals together, if our turn has come. Our own state changes only
    /// when the log brings the commit back.
    pub(super) fn commit_if_due(&mut self, now: Moment) {
        let (Phase::Member(stay), true) = (&mut self.phase, self.connected) else {
            return;
        };
        if stay.turn.commit_at().is_none_or(|at| at > now) {
            return;
        }
        // Before the service has gone on with our stay, we cannot know what it would be that we
        // commit, and its answer would take our commit for one that never arrived.
        if !self.resumed {
            return;
        }
        let renews = stay.turn.renews(now);
        let left_out = stay.left_out();
        let lock = stay.lock_wish;
        match stay.engine.commit(&self.identity, renews, &left_out, lock) {
            Ok(bundle) => {
                stay.turn.submitted(now);
                // To turn the lock takes a path as well (RFC 9420 §12.4).
                stay.renewing = renews || lock.is_some();
                let message = ClientMessage::Commit {
                    group_id: stay.group_id,
                    epoch: stay.engine.epoch(),
                    seen_seq: stay.seq,
                    commit: bundle.commit,
                    welcome: bundle.welcome,
                    group_info: bundle.group_info,
                };
                // First, so that the service does not miss them in the commit.
                self.decline(&bundle.declined);
                self.send(message);
            }
            // Nothing of this can be committed now. The next epoch has other proposals.
            Err(error) => {
                stay.turn.refused(now);
                if error == GroupError::Rule(RuleViolation::NotModerator) {
                    stay.lock_refused(Refusal::Unauthorised);
                }
                self.event(Event::Refused {
                    request: "commit".into(),
                    reason: Refusal::InvalidMls,
                    code: None,
                    detail: error.to_string(),
                });
            }
        }
    }

    /// Tells the service which Adds we leave out of our commits.
    fn decline(&mut self, faulty: &[(ProposalRef, String)]) {
        let Some(stay) = self.any_stay() else { return };
        let group_id = stay.group_id;
        let mut declined: Vec<(Seq, Objection)> = Vec::new();
        for known in &mut stay.proposals {
            if let Some((_, reason)) = faulty.iter().find(|(r, _)| *r == known.reference) {
                let objection = Objection {
                    code: None,
                    reason: reason.clone(),
                };
                known.declined = Some(objection.clone());
                declined.push((known.seq, objection));
            }
        }
        for (seq, objection) in declined {
            self.send_declined(group_id, seq, objection);
        }
    }

    /// Says again what may have been lost with a connection.
    pub(super) fn decline_again(&mut self) {
        let Some(stay) = self.stay() else { return };
        let group_id = stay.group_id;
        let declined = stay.proposals.iter().filter_map(|known| {
            let objection = known.declined.clone()?;
            Some((known.seq, objection))
        });
        for (seq, objection) in declined.collect::<Vec<_>>() {
            self.send_declined(group_id, seq, objection);
        }
    }

    pub(super) fn send_declined(&mut self, group_id: GroupId, seq: Seq, objection: Objection) {
        let Objection { code, reason } = objection;
        self.send(ClientMessage::Declined {
            group_id,
            seq,
            reason,
            code,
        });
    }
}

#[cfg(test)]
mod tests;
