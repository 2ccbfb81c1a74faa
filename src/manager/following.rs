//! Following the room's log: proposals, commits, application messages.

use super::stay::{Known, MOST_PROPOSED, Objection, Stay};
use super::{KeyManager, Output, Phase};
use crate::delivery::{Blob, ClientMessage, LogBody, LogEntry};
use crate::epoch::SwitchReason;
use crate::event::{Event, FatalCause, ResyncCause};
use crate::group::{Accepted, GroupError, MlsSuite, Offence, RosterChange, RuleViolation};
use crate::id::{Epoch, GroupId, LeafIndex, Seq};
use crate::pipeline::MediaUpdate;
use crate::time::Moment;

impl KeyManager {
    /// One entry of the log. Entries of another group, and those that we have already, do nothing.
    pub(super) fn handle_entry(&mut self, entry: LogEntry, now: Moment) {
        match &entry.body {
            LogBody::Created { .. } => {
                return self.handle_created(entry.group_id, (entry.seq, entry.chain), now);
            }
            LogBody::Commit { commit, .. } if self.is_our_return(commit) => {
                return self.handle_returned(entry.group_id, (entry.seq, entry.chain), now);
            }
            _ => {}
        }
        let Some(stay) = self.stay_mut(entry.group_id) else {
            return;
        };
        if entry.seq <= stay.seq {
            return;
        }
        if !stay.follow(&entry) {
            return self.log_gap(now);
        }
        let applied = match &entry.body {
            LogBody::Proposal { proposal, .. } => self.apply_proposal(entry.seq, proposal, now),
            LogBody::Withdrawn { proposal, .. } => {
                self.withdraw(*proposal, now);
                Ok(())
            }
            LogBody::Commit { commit, author, .. } => self.apply_commit(*author, commit, now),
            LogBody::Application { message, .. } => self.apply_application(message),
            LogBody::Created { .. } => Ok(()),
        };
        if let Err(error) = applied {
            self.cannot_apply(&entry, error, now);
        }
    }

    fn apply_proposal(&mut self, seq: Seq, proposal: &Blob, now: Moment) -> Result<(), GroupError> {
        let Some(stay) = self.any_stay() else {
            return Ok(());
        };
        let kept: usize = stay.proposals.iter().map(|known| known.bytes).sum();
        if kept.saturating_add(proposal.len()) > MOST_PROPOSED {
            return Err(GroupError::TooMuch("what is proposed in one epoch"));
        }
        let proposed = stay.engine.take_proposal(proposal)?;
        let declined = proposed.objection.as_ref().map(Objection::new);
        stay.proposals.push(Known {
            seq,
            bytes: proposal.len(),
            reference: proposed.reference,
            removes: proposed.removes,
            declined: declined.clone(),
        });
        stay.review_pending(now);
        if let Some(objection) = declined {
            let group_id = stay.group_id;
            if let Some(RuleViolation::Untrusted { participant, error }) = proposed.objection {
                let (code, reason) = (error.code, error.detail);
                self.event(Event::JoinerDeclined {
                    participant,
                    code,
                    reason,
                });
            }
            self.send_declined(group_id, seq, objection);
        }
        Ok(())
    }

    /// A proposal of this epoch is taken back. A commit of ours that holds it will be refused.
    fn withdraw(&mut self, seq: Seq, now: Moment) {
        let Some(stay) = self.any_stay() else { return };
        if let Some(at) = stay.proposals.iter().position(|known| known.seq == seq) {
            let known = stay.proposals.remove(at);
            stay.engine.forget_proposal(&known.reference);
            stay.review_pending(now);
        }
    }

    /// Merges an accepted commit, ours or another's, and goes on to its epoch.
    fn apply_commit(
        &mut self,
        author: LeafIndex,
        commit: &Blob,
        now: Moment,
    ) -> Result<(), GroupError> {
        let Some(stay) = self.any_stay() else {
            return Ok(());
        };
        let (change, own, offence) = match stay.engine.take_commit(commit)? {
            Accepted::Own => (stay.engine.merge_own()?, true, None),
            // Whom the service calls the author would be blamed for what somebody else did.
            Accepted::Other(_, real, _) if real != author => {
                return Err(GroupError::Malformed(
                    "a commit of the author that is named",
                ));
            }
            Accepted::Other(staged, _, offence) => {
                if stay.engine.has_pending_commit() {
                    stay.engine.discard_own()?;
                }
                (stay.engine.merge(*staged)?, false, offence)
            }
        };
        let still_in = stay.engine.is_member();
        if !still_in {
            let left = matches!(self.phase, Phase::Leaving { .. });
            self.end(if left { Event::Left } else { Event::Removed });
            return Ok(());
        }
        stay.epoch_began(author, own, now);
        let unlawful = matches!(
            offence.as_ref().map(|offence| &offence.violation),
            Some(RuleViolation::Terms | RuleViolation::NotModerator)
        );
        let terms_hold = !unlawful && stay.engine.states(&stay.door);
        let owed = stay.owes_announcement;
        self.resyncs = 0;
        if !terms_hold {
            self.send(ClientMessage::Leave);
            self.end(Event::Fatal(FatalCause::TermsBroken));
            return Ok(());
        }
        self.review_lock(author, own);
        self.new_epoch(author, &change, offence, owed, now);
        Ok(())
    }

    /// Everything that a merged commit entails, in the order in which it must happen.
    fn new_epoch(
        &mut self,
        author: LeafIndex,
        change: &RosterChange,
        offence: Option<Offence>,
        owes_announcement: bool,
        now: Moment,
    ) {
        // Before sending could move to the new epoch.
        if let Some(offence) = offence {
            self.distrust(author, &offence, now);
        }
        self.review_trust();
        // Keys first: once the report is out, others may send in the new epoch.
        self.enter_epoch(change, now);
        if !change.added.is_empty() || owes_announcement {
            self.announce();
        }
        self.report_applied();
    }

    fn apply_application(&mut self, message: &Blob) -> Result<(), GroupError> {
        self.logged(message);
        let Some(stay) = self.any_stay() else {
            return Ok(());
        };
        if let Some((leaf, bytes)) = stay.engine.take_application(message)?
            && let Some(sender) = stay.engine.occupant(leaf)
        {
            self.hear_announcement(&sender, &bytes);
        }
        Ok(())
    }

    /// An accepted entry that we cannot apply. A proposal or application message that we refuse
    /// changes nothing; a commit leaves us behind, so we enter anew.
    fn cannot_apply(&mut self, entry: &LogEntry, error: GroupError, now: Moment) {
        let LogBody::Commit { author, .. } = entry.body else {
            return;
        };
        // A commit of our own that we do not know was made after our state was stored.
        let ours = self.stay().is_some_and(|stay| stay.own_leaf == author);
        if !ours {
            self.send(ClientMessage::CannotApply {
                group_id: entry.group_id,
                seq: entry.seq,
                reason: error.to_string(),
            });
        }
        self.resync(ResyncCause::CannotApply(error), now);
    }

    /// Tells the service which epoch we have, so that others may send in it.
    pub(super) fn report_applied(&mut self) {
        let Some(stay) = self.stay() else { return };
        let report = ClientMessage::Applied {
            group_id: stay.group_id,
            seq: stay.seq,
            authenticator_hash: stay.engine.authenticator_hash(),
        };
        self.send(report);
    }

    /// Gives the media pipeline the keys of the current epoch and tells the application.
    pub(super) fn enter_epoch(&mut self, change: &RosterChange, now: Moment) {
        let cap = self.config.switch_cap;
        let Some(stay) = self.any_stay() else { return };
        let secrets = match stay.engine.secrets(stay.group_id, &stay.door.policy) {
            Ok(secrets) => secrets,
            Err(error) => return self.end(Event::Fatal(FatalCause::Internal(error))),
        };
        let (epoch, roster) = (secrets.epoch, secrets.roster.clone());
        let code = stay.engine.code();
        let removes = !change.removed.is_empty();
        stay.heard.retain(|(who, _)| !change.removed.contains(who));
        let switched = if stay.must_renew {
            stay.switch.passed(removes);
            None
        } else {
            stay.switch.applied(epoch, removes, now, cap)
        };
        self.outputs
            .push_back(Output::Media(MediaUpdate::Install(secrets)));
        let RosterChange { added, removed } = change.clone();
        self.event(Event::EpochChanged {
            epoch,
            added,
            removed,
            roster,
            code,
        });
        if !change.added.is_empty() {
            self.event(Event::KeyframeWanted);
            self.meet(Some(&change.added));
        }
        self.compare_suites();
        if let Some(reason) = switched {
            self.switched(reason);
        }
    }

    /// Says once if the members could have a stronger suite than the service has given them. Who is
    /// alone has nobody to compare with.
    fn compare_suites(&mut self) {
        let strongest = MlsSuite::ALL[0];
        let open =
            |stay: &&mut Stay| !stay.told_stronger && stay.door.policy.ciphersuite != strongest;
        let Some(stay) = self.any_stay().filter(open) else {
            return;
        };
        if let Some(suite) = stay.engine.stronger_suite(&stay.door) {
            stay.told_stronger = true;
            self.event(Event::StrongerSuitePossible { suite });
        }
    }

    /// Everybody has the epoch.
    pub(super) fn handle_ready(&mut self, group_id: GroupId, epoch: Epoch, now: Moment) {
        let Some(stay) = self.stay_mut(group_id) else {
            return;
        };
        let switched = stay.switch.all_ready(epoch);
        if epoch == stay.engine.epoch() {
            stay.media_start.all_ready(now);
        }
        if let Some(reason) = switched {
            self.switched(reason);
        }
    }

    /// Sending has moved: the media pipeline follows.
    pub(super) fn switched(&mut self, reason: SwitchReason) {
        let Some(epoch) = self.stay().and_then(|stay| stay.switch.sending()) else {
            return;
        };
        self.outputs
            .push_back(Output::Media(MediaUpdate::SwitchSending { epoch, reason }));
        self.event(Event::SendingIn { epoch, reason });
    }
}
