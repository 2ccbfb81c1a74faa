//! The way into a room: create its group, or be added to it.

use super::{KeyManager, MediaMode, Output, Phase, Stay};
use crate::delivery::{Blob, ClientMessage, ExternalSenderInfo, GroupHead};
use crate::event::{Event, FatalCause, ResyncCause};
use crate::group::{Engine, GroupError, Invitation, RoomPolicy, RosterChange};
use crate::id::{Epoch, GroupId, Seq};
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
        policy: RoomPolicy,
    },
    /// Our key package waits for a committer.
    Waiting {
        invitation: Box<Invitation>,
        policy: RoomPolicy,
        external_sender: ExternalSenderInfo,
    },
}

impl KeyManager {
    /// The room as it stands: go in by the way that is open.
    pub(super) fn handle_room(
        &mut self,
        policy: RoomPolicy,
        external_sender: ExternalSenderInfo,
        group: Option<GroupHead>,
        resumed: bool,
        now: Moment,
    ) {
        let Some(goal) = &self.goal else { return };
        if goal.room != policy.room || policy.mode != MediaMode::Srtp {
            return self.end(Event::Fatal(FatalCause::WrongRoom));
        }
        self.room = Some((policy.clone(), external_sender.clone()));
        if let Some(stay) = self.stay() {
            let same_group = group.is_some_and(|head| head.group_id == stay.group_id);
            if same_group && resumed {
                return self.resumed(group.map(|head| head.epoch), now);
            }
            if let Phase::Leaving(_) = self.phase {
                return self.end(Event::Left);
            }
            self.phase = Phase::Entering(Entering::Asked);
            self.outputs.push_back(Output::Media(MediaUpdate::Close));
            self.event(Event::Resyncing {
                cause: if same_group {
                    ResyncCause::NotResumed
                } else {
                    ResyncCause::GroupReplaced
                },
            });
        }
        let entered = match group {
            None => self.offer_group(policy, &external_sender),
            Some(_) => self.ask_to_be_added(policy, external_sender),
        };
        if let Err(error) = entered {
            self.end(Event::Fatal(FatalCause::Internal(error)));
        }
    }

    /// The service goes on where we were. What was under way when the connection broke is lost.
    fn resumed(&mut self, epoch: Option<Epoch>, now: Moment) {
        if let Phase::Leaving(_) = self.phase {
            return self.send(ClientMessage::Leave);
        }
        let Some(stay) = self.any_stay() else { return };
        // The group is still in our epoch, so a commit of ours never arrived.
        if epoch == Some(stay.engine.epoch())
            && let Err(error) = stay.commit_refused(now)
        {
            return self.end(Event::Fatal(FatalCause::Internal(error)));
        }
        self.announce();
    }

    fn offer_group(
        &mut self,
        policy: RoomPolicy,
        external_sender: &ExternalSenderInfo,
    ) -> Result<(), GroupError> {
        let group_id = Engine::random_group_id()?;
        let (engine, creation) =
            Engine::create(&self.identity, group_id, &policy, external_sender)?;
        self.send(ClientMessage::Create {
            generation: policy.generation,
            group_id,
            group_info: creation.group_info,
            tree: creation.tree,
        });
        let engine = Box::new(engine);
        self.phase = Phase::Entering(Entering::Creating {
            group_id,
            engine,
            policy,
        });
        Ok(())
    }

    pub(super) fn ask_to_be_added(
        &mut self,
        policy: RoomPolicy,
        external_sender: ExternalSenderInfo,
    ) -> Result<(), GroupError> {
        if let Phase::Entering(Entering::Waiting {
            policy: waiting, ..
        }) = &self.phase
            && *waiting == policy
        {
            return Ok(());
        }
        let invitation = Box::new(Invitation::new(&self.identity)?);
        self.send(ClientMessage::Join {
            key_package: invitation.key_package().clone(),
        });
        self.phase = Phase::Entering(Entering::Waiting {
            invitation,
            policy,
            external_sender,
        });
        Ok(())
    }

    /// The group that we offered is the room's.
    pub(super) fn handle_created(&mut self, group_id: GroupId, at: (Seq, Blob), now: Moment) {
        match std::mem::replace(&mut self.phase, Phase::Entering(Entering::Asked)) {
            Phase::Entering(Entering::Creating {
                group_id: ours,
                engine,
                policy,
            }) if ours == group_id => {
                self.settle(
                    Stay::new(self.config.clone(), group_id, *engine, policy, at, now),
                    now,
                );
            }
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
        match std::mem::replace(&mut self.phase, Phase::Entering(Entering::Asked)) {
            Phase::Entering(Entering::Waiting {
                invitation,
                policy,
                external_sender,
            }) => {
                let joined = invitation
                    .accept(welcome, tree, &policy, &external_sender)
                    .and_then(|engine| engine.expect_group(group_id));
                match joined {
                    Ok(engine) => self.settle(
                        Stay::new(self.config.clone(), group_id, engine, policy, at, now),
                        now,
                    ),
                    Err(error) => self.resync(ResyncCause::CannotApply(error)),
                }
            }
            other => self.phase = other,
        }
    }

    /// We are in: tell everybody who must know.
    fn settle(&mut self, mut stay: Stay, now: Moment) {
        let leaf = match stay.engine.own_leaf() {
            Ok(leaf) => leaf,
            Err(error) => return self.end(Event::Fatal(FatalCause::Internal(error))),
        };
        stay.media_ready_at = Some(now + self.config.switch_cap);
        let group_id = stay.group_id;
        self.phase = Phase::Member(Box::new(stay));
        self.event(Event::Joined { group_id, leaf });
        self.enter_epoch(&RosterChange::default(), now);
        self.announce();
        self.report_applied();
    }
}
