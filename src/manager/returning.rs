//! Coming back to a leaf whose state is lost, by an external commit.

use super::entering::Entering;
use super::{KeyManager, Phase};
use crate::delivery::{Blob, ClientMessage, Refusal};
use crate::event::{Event, FatalCause};
use crate::group::{Door, Provider, Return};
use crate::id::{GroupId, Seq};
use crate::time::Moment;

/// Another commit may win the epoch so often before we ask to be added like anybody else.
const MAX_ATTEMPTS: u32 = 3;

/// A device on its way back to its own leaf.
pub(super) struct Returning {
    group_id: GroupId,
    door: Door,
    attempts: u32,
    /// The commit that is with the service, and the group as it will be.
    built: Option<Return>,
}

impl KeyManager {
    /// The service holds a leaf with our key, and we have lost what belongs to it.
    pub(super) fn ask_to_return(&mut self, group_id: GroupId, door: Door, now: Moment) {
        self.phase = Phase::Entering(Entering::Returning(Box::new(Returning {
            group_id,
            door,
            attempts: 0,
            built: None,
        })));
        self.asked_at = now;
        self.send(ClientMessage::AskGroupInfo { group_id });
    }

    /// The group as it stands: commit ourselves into it.
    ///
    /// A GroupInfo proves no freshness. What the service may have hidden shows in the roster and
    /// in the code, which the application gets before anything is sent.
    pub(super) fn handle_group_info(
        &mut self,
        group_id: GroupId,
        group_info: &Blob,
        tree: &Blob,
        now: Moment,
    ) {
        let Phase::Entering(Entering::Returning(returning)) = &mut self.phase else {
            return;
        };
        if returning.group_id != group_id || returning.built.is_some() {
            return;
        }
        let from = (group_id, group_info, tree);
        let provider = Provider::new(self.config.keeps_group);
        match Return::new(provider, &self.identity, from, &returning.door) {
            Ok(built) => {
                returning.attempts += 1;
                let message = ClientMessage::ExternalCommit {
                    group_id,
                    epoch: built.epoch,
                    commit: built.commit.clone(),
                    group_info: built.group_info.clone(),
                };
                returning.built = Some(built);
                self.asked_at = now;
                self.send(message);
            }
            Err(error) => self.cannot_enter(error, now),
        }
    }

    /// The service does not take our commit: try once more if only the epoch was over, otherwise
    /// ask to be added.
    pub(super) fn return_refused(&mut self, reason: Refusal, now: Moment) {
        let Phase::Entering(Entering::Returning(returning)) = &mut self.phase else {
            return;
        };
        returning.built = None;
        if reason == Refusal::WrongEpoch && returning.attempts < MAX_ATTEMPTS {
            let group_id = returning.group_id;
            self.asked_at = now;
            return self.send(ClientMessage::AskGroupInfo { group_id });
        }
        let door = returning.door.clone();
        if let Err(error) = self.ask_to_be_added(door, now) {
            self.end(Event::Fatal(FatalCause::Internal(error)));
        }
    }

    /// Whether a commit is the one by which we return.
    pub(super) fn is_our_return(&self, commit: &Blob) -> bool {
        let Phase::Entering(Entering::Returning(returning)) = &self.phase else {
            return false;
        };
        returning
            .built
            .as_ref()
            .is_some_and(|built| built.commit == *commit)
    }

    /// Our commit was accepted: what was built beside is our group now.
    pub(super) fn handle_returned(&mut self, group_id: GroupId, at: (Seq, Blob), now: Moment) {
        match std::mem::replace(&mut self.phase, Phase::Entering(Entering::Asked)) {
            Phase::Entering(Entering::Returning(returning)) if returning.group_id == group_id => {
                if let Some(built) = returning.built {
                    let engine = built.into_engine();
                    self.settle((group_id, engine, returning.door), at, true, now);
                }
            }
            other => self.phase = other,
        }
    }
}
