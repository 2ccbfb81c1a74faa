//! The way into a room: create its group, or be added to it.

use super::returning::Returning;
use super::{KeyManager, Output, Phase, Stay};
use crate::delivery::{Blob, ClientMessage, GroupHead};
use crate::event::{Event, FatalCause, ResyncCause};
use crate::group::{Door, Engine, GroupError, Invitation, Provider, RosterChange, RuleViolation};
use crate::id::{GroupId, Seq};
use crate::pipeline::MediaUpdate;
use crate::time::Moment;

/// How far a participant has come on its way in.
pub(super) enum Entering {
    /// Hello is said, or will be when there is a connection.
    Asked,
    /// Our group is offered for the vacant room.
    Creating {
        group_id: GroupId,
        engine: Box<Engine>,
        door: Door,
    },
    /// A key package of ours waits for its Welcome: the one that we have just brought, or one from
    /// before, for which the service says that the Welcome is there.
    Waiting {
        door: Door,
        /// When we uttered the wish, if it is one of this connection.
        wished: Option<Moment>,
    },
    /// We take back the leaf of an earlier stay.
    Returning(Box<Returning>),
}

/// How a room stands as far as we are concerned.
pub(super) struct Standing {
    pub(super) group: Option<GroupHead>,
    /// The key at the leaf that our device has.
    pub(super) leaf_key: Option<Blob>,
    /// The service goes on with our stay.
    pub(super) resumed: bool,
    /// A Welcome for us follows.
    pub(super) welcome: bool,
}

impl KeyManager {
    /// The room as it stands: go in by the way that is open.
    pub(super) fn handle_room(
        &mut self,
        door: Door,
        Standing {
            group,
            leaf_key,
            resumed,
            welcome,
        }: Standing,
        now: Moment,
    ) {
        let Some(goal) = &self.goal else { return };
        if goal.room != door.policy.room {
            return self.end(Event::Fatal(FatalCause::WrongRoom));
        }
        let mode = door.policy.mode;
        if !self.config.modes.contains(&mode.kind()) {
            return self.end(Event::Fatal(FatalCause::UnsupportedMode { mode }));
        }
        let suite = door.policy.ciphersuite;
        if !self.config.ciphersuites.contains(&suite) {
            return self.end(Event::Fatal(FatalCause::SuiteNotAccepted { suite }));
        }
        if self.are_terms_broken(&door, group.as_ref()) {
            self.send(ClientMessage::Leave);
            return self.end(Event::Fatal(FatalCause::TermsBroken));
        }
        self.room = Some(door.clone());
        if let Some(stay) = self.stay() {
            let same_group = group.filter(|head| head.group_id == stay.group_id);
            if let (Some(head), true) = (same_group, resumed) {
                return self.resumed(head, now);
            }
            if let Phase::Leaving(_) = self.phase {
                return self.end(Event::Left);
            }
            self.phase = Phase::Entering(Entering::Asked);
            self.outputs.push_back(Output::Media(MediaUpdate::Close));
            self.event(Event::Resyncing {
                cause: if same_group.is_some() {
                    ResyncCause::NotResumed
                } else {
                    ResyncCause::GroupReplaced
                },
            });
        }
        let entered = match group {
            None => self.offer_group(door, now),
            Some(_) if welcome && !self.invitations.is_empty() => {
                self.asked_at = now;
                let wished = None;
                self.phase = Phase::Entering(Entering::Waiting { door, wished });
                Ok(())
            }
            Some(head) if leaf_key == Some(self.identity.public_key()) => {
                self.ask_to_return(head.group_id, door, now);
                Ok(())
            }
            Some(_) => self.ask_to_be_added(door, now),
        };
        if let Err(error) = entered {
            self.end(Event::Fatal(FatalCause::Internal(error)));
        }
    }

    /// Whether these terms are not those of the group that we are in, or protect less than what the
    /// service told us before: it may end a group, but not talk us into a weaker one.
    fn are_terms_broken(&self, door: &Door, group: Option<&GroupHead>) -> bool {
        let stay = self.stay();
        let told = stay.map(|stay| &stay.door).or(self.room.as_ref());
        let weakens = told.is_some_and(|told| !door.policy.protects_like(&told.policy));
        let group_id = group.map(|head| head.group_id);
        let here = stay.filter(|stay| Some(stay.group_id) == group_id);
        weakens || here.is_some_and(|stay| !stay.door.is_same(door))
    }

    /// The service goes on where we were. What was under way when the connection broke is lost.
    fn resumed(&mut self, head: GroupHead, now: Moment) {
        if let Phase::Leaving(_) = self.phase {
            return self.send(ClientMessage::Leave);
        }
        self.resumed = true;
        let cap = self.config.switch_cap;
        let Some(stay) = self.any_stay() else { return };
        // For a restored one: whatever it missed comes right behind.
        stay.media_start.begin(now, cap);
        if head.epoch == stay.engine.epoch() {
            // The group is still in our epoch, so a commit of ours never arrived.
            if let Err(error) = stay.commit_refused(now) {
                return self.end(Event::Fatal(FatalCause::Internal(error)));
            }
            if head.seq == stay.seq {
                self.proven(now);
            }
            // The report may have been lost with the connection.
            self.report_applied();
            self.decline_again();
            self.distrust_again();
        }
        self.announce();
    }

    fn offer_group(&mut self, door: Door, now: Moment) -> Result<(), GroupError> {
        let group_id = Engine::random_group_id()?;
        let provider = Provider::new(self.config.keeps_group);
        let (engine, creation) = Engine::create(provider, &self.identity, group_id, &door)?;
        self.asked_at = now;
        self.send(ClientMessage::Create {
            generation: door.policy.generation,
            group_id,
            group_info: creation.group_info,
            tree: creation.tree,
        });
        let engine = Box::new(engine);
        self.phase = Phase::Entering(Entering::Creating {
            group_id,
            engine,
            door,
        });
        Ok(())
    }

    pub(super) fn ask_to_be_added(&mut self, door: Door, now: Moment) -> Result<(), GroupError> {
        if let Phase::Entering(Entering::Waiting {
            door: waiting,
            wished: Some(_),
        }) = &self.phase
            && waiting.policy == door.policy
        {
            return Ok(());
        }
        let provider = Provider::new(self.config.keeps_group);
        let invitation = Invitation::new(provider, &self.identity, &door)?;
        self.asked_at = now;
        self.send(ClientMessage::Join {
            key_package: invitation.key_package().clone(),
        });
        self.invitations.wish = Some(invitation);
        let wished = Some(now);
        self.phase = Phase::Entering(Entering::Waiting { door, wished });
        Ok(())
    }

    /// The group that we offered is the room's.
    pub(super) fn handle_created(&mut self, group_id: GroupId, at: (Seq, Blob), now: Moment) {
        match std::mem::replace(&mut self.phase, Phase::Entering(Entering::Asked)) {
            Phase::Entering(Entering::Creating {
                group_id: ours,
                engine,
                door,
            }) if ours == group_id => self.settle((group_id, *engine, door), at, true, now),
            other => self.phase = other,
        }
    }

    /// A commit that adds us was accepted.
    pub(super) fn handle_welcome(
        &mut self,
        group_id: GroupId,
        at: (Seq, Blob),
        welcome: &Blob,
        tree: &Blob,
        now: Moment,
    ) {
        let Phase::Entering(Entering::Waiting { door, wished }) = &self.phase else {
            return;
        };
        let (door, wished) = (door.clone(), *wished);
        let provider = Provider::new(self.config.keeps_group);
        let entered = match self.invitations.take(welcome, provider) {
            // It is for a key package that we brought before, and the service knows the newer one.
            // Asking once more would replace that too, commit after commit.
            Ok(None) if wished.is_some() => return,
            // It is for one that we have lost.
            Ok(None) => return self.ask_to_return(group_id, door, now),
            Ok(Some((invitation, is_fresh))) => invitation
                .accept((group_id, welcome, tree), &door)
                .map(|engine| (engine, is_fresh)),
            Err(error) => Err(error),
        };
        match entered {
            Ok((engine, is_fresh)) => self.settle((group_id, engine, door), at, is_fresh, now),
            Err(error) => {
                self.phase = Phase::Entering(Entering::Asked);
                if !matches!(error, GroupError::Rule(RuleViolation::Untrusted { .. })) {
                    // Only we can see what the author of the commit has put in for us.
                    self.send(ClientMessage::CannotApply {
                        group_id,
                        seq: at.0,
                        reason: error.to_string(),
                    });
                }
                self.cannot_enter(error, now);
            }
        }
    }

    /// The group is not one that we enter. If that is because of somebody in it, trying again
    /// would not help.
    pub(super) fn cannot_enter(&mut self, error: GroupError, now: Moment) {
        if let GroupError::Rule(RuleViolation::Untrusted { participant, error }) = error {
            self.send(ClientMessage::Leave);
            return self.end(Event::Fatal(FatalCause::NotTrusted {
                participant,
                code: Some(error.code),
                reason: error.detail,
            }));
        }
        self.resync(ResyncCause::CannotApply(error), now);
    }

    /// We are in: tell everybody who must know.
    ///
    /// What was entered with keys that had been written down may have been entered before, and sent
    /// in: it is not fresh, and nothing is encrypted before a commit of our own.
    pub(super) fn settle(
        &mut self,
        (group_id, engine, door): (GroupId, Engine, Door),
        at: (Seq, Blob),
        is_fresh: bool,
        now: Moment,
    ) {
        let mut stay = match Stay::new(&self.config, group_id, engine, door, at, now) {
            Ok(stay) => stay,
            Err(error) => return self.end(Event::Fatal(FatalCause::Internal(error))),
        };
        stay.media_start.begin(now, self.config.switch_cap);
        if !is_fresh {
            stay.must_renew = true;
            stay.turn.want_renewal();
        }
        let leaf = stay.own_leaf;
        self.resumed = true;
        self.invitations.wish = None;
        self.phase = Phase::Member(Box::new(stay));
        self.event(Event::Joined { group_id, leaf });
        self.enter_epoch(&RosterChange::default(), now);
        self.tell_lock();
        self.meet(None);
        self.announce();
        self.report_applied();
    }
}
