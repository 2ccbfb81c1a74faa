//! The ways into a room: create its group, be added, or take the own leaf back.

use mls_srtp::delivery::{Blob, ClientMessage, ExternalSenderInfo, GroupHead};
use mls_srtp::group::RoomPolicy;
use mls_srtp::id::{Epoch, GroupId};
use mls_srtp::schedule::MediaMode;

use super::{Participant, ParticipantError, Standing};
use crate::terms;

impl Participant {
    /// The room as it stands: go in by the way that is open.
    pub(super) fn enter(
        &mut self,
        policy: &RoomPolicy,
        sender: &ExternalSenderInfo,
        group: Option<GroupHead>,
        leaf_key: Option<Blob>,
    ) -> Result<(), ParticipantError> {
        let MediaMode::Srtp(profile) = policy.mode else {
            return Err(ParticipantError::Service("a room without SRTP"));
        };
        self.profile = profile;
        let own_key = Blob::new(self.peer.signature_key());
        let Some(head) = group else {
            let mut group_id = [0; 16];
            getrandom::fill(&mut group_id)?;
            let offer = self
                .peer
                .create(&group_id, &terms::context(policy, sender))?;
            let group_id = GroupId::new(group_id);
            self.standing = Standing::Creating(group_id);
            self.outbox.push_back(ClientMessage::Create {
                generation: policy.generation,
                group_id,
                group_info: offer.group_info.into(),
                tree: offer.tree.into(),
            });
            return Ok(());
        };
        let (standing, message) = if leaf_key == Some(own_key) {
            let group_id = head.group_id;
            let ask = ClientMessage::AskGroupInfo { group_id };
            (Standing::Returning, ask)
        } else {
            let key_package = self.peer.key_package()?.into();
            (Standing::Waiting, ClientMessage::Join { key_package })
        };
        self.standing = standing;
        self.outbox.push_back(message);
        Ok(())
    }

    /// Takes the own leaf back by an external commit.
    pub(super) fn come_back(
        &mut self,
        group_id: GroupId,
        epoch: Epoch,
        group_info: &Blob,
        tree: &Blob,
    ) -> Result<(), ParticipantError> {
        let built = self
            .peer
            .external_commit(group_info.as_slice(), tree.as_slice())?;
        let commit = Blob::new(built.commit);
        self.submitted = Some(commit.clone());
        self.outbox.push_back(ClientMessage::ExternalCommit {
            group_id,
            epoch,
            commit,
            group_info: built.group_info.into(),
        });
        Ok(())
    }
}
