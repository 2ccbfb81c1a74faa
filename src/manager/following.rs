//! Following the room's log: proposals, commits, application messages.

use super::{KeyManager, Output, Phase};
use crate::delivery::{Blob, ClientMessage, LogBody, LogEntry};
use crate::epoch::SwitchReason;
use crate::event::{Event, FatalCause, ResyncCause};
use crate::group::{GroupError, Processed, RosterChange};
use crate::id::{Epoch, GroupId};
use crate::pipeline::MediaUpdate;
use crate::time::Moment;

impl KeyManager {
    /// One entry of the log. Entries of another group, and those that we have already, do nothing.
    pub(super) fn handle_entry(&mut self, entry: LogEntry, now: Moment) {
        if let LogBody::Created { .. } = entry.body {
            return self.handle_created(entry.group_id, (entry.seq, entry.chain), now);
        }
        let Some(stay) = self.stay_mut(entry.group_id) else {
            return;
        };
        if entry.seq <= stay.seq {
            return;
        }
        if !stay.follow(&entry) {
            return self.resync(ResyncCause::LogGap);
        }
        let applied = match &entry.body {
            LogBody::Proposal { proposal, .. } => self.apply_proposal(proposal, now),
            LogBody::Commit { commit, .. } => self.apply_commit(commit, now),
            LogBody::Application { message, .. } => self.apply_application(message),
            LogBody::Created { .. } | LogBody::Withdrawn { .. } => Ok(()),
        };
        if let Err(error) = applied {
            self.cannot_apply(&entry, error);
        }
    }

    fn apply_proposal(&mut self, proposal: &Blob, now: Moment) -> Result<(), GroupError> {
        let Some(stay) = self.any_stay() else {
            return Ok(());
        };
        stay.engine.process(proposal)?;
        stay.plan_commit(now);
        Ok(())
    }

    /// Merges an accepted commit, ours or another's, and goes on to its epoch.
    fn apply_commit(&mut self, commit: &Blob, now: Moment) -> Result<(), GroupError> {
        let Some(stay) = self.any_stay() else {
            return Ok(());
        };
        let change = match stay.engine.process(commit)? {
            Processed::OwnCommit => stay.engine.merge_own()?,
            Processed::Commit(staged) => {
                if stay.commit_in_flight {
                    stay.engine.discard_own()?;
                }
                stay.engine.merge(*staged)?
            }
            _ => return Err(GroupError::Malformed("a commit")),
        };
        stay.epoch_began(now);
        let still_in = stay.engine.is_member();
        self.resyncs = 0;
        if !still_in {
            let left = matches!(self.phase, Phase::Leaving(_));
            self.end(if left { Event::Left } else { Event::Removed });
            return Ok(());
        }
        let owed = self.stay().is_some_and(|stay| stay.owes_announcement);
        let announce = !change.added.is_empty() || owed;
        // Keys first: once the report is out, others may send in the new epoch.
        self.enter_epoch(&change, now);
        if announce {
            self.announce();
        }
        self.report_applied();
        Ok(())
    }

    fn apply_application(&mut self, message: &Blob) -> Result<(), GroupError> {
        let Some(stay) = self.any_stay() else {
            return Ok(());
        };
        if let Processed::Application(leaf, bytes) = stay.engine.process(message)?
            && let Some(sender) = stay.engine.roster().occupant(leaf)
        {
            self.hear_announcement(sender, &bytes);
        }
        Ok(())
    }

    /// An accepted entry that we cannot apply. A proposal or application message that we refuse
    /// changes nothing; a commit leaves us behind, so we enter anew.
    fn cannot_apply(&mut self, entry: &LogEntry, error: GroupError) {
        if !matches!(entry.body, LogBody::Commit { .. }) {
            return;
        }
        self.send(ClientMessage::CannotApply {
            group_id: entry.group_id,
            seq: entry.seq,
            reason: error.to_string(),
        });
        self.resync(ResyncCause::CannotApply(error));
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
        let secrets = match stay.engine.secrets(stay.group_id, &stay.policy) {
            Ok(secrets) => secrets,
            Err(error) => return self.end(Event::Fatal(FatalCause::Internal(error))),
        };
        let (epoch, roster) = (secrets.epoch, secrets.roster.clone());
        let code = stay.engine.code();
        let switched = stay
            .switch
            .applied(epoch, !change.removed.is_empty(), now, cap);
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
        }
        if let Some(reason) = switched {
            self.switched(reason);
        }
    }

    /// Everybody has the epoch.
    pub(super) fn handle_ready(&mut self, group_id: GroupId, epoch: Epoch) {
        let Some(stay) = self.stay_mut(group_id) else {
            return;
        };
        let switched = stay.switch.all_ready(epoch);
        let media_ready = epoch >= stay.engine.epoch() && stay.media_ready_at.take().is_some();
        if let Some(reason) = switched {
            self.switched(reason);
        }
        if media_ready {
            self.event(Event::MediaReady);
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
