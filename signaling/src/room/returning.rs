//! Devices that come back to a leaf of theirs without the state behind it. Whether such a device
//! takes its leaf by an external commit or asks to be added anew is its own choice; until it has
//! chosen, its leaf counts as one whose connection was lost.

use mls_srtp::delivery::{Blob, Refusal, ServiceMessage};
use mls_srtp::group::GroupFollower;
use mls_srtp::id::{Epoch, ParticipantId};
use mls_srtp::time::Moment;
use mls_srtp::token::RoomToken;
use mls_srtp::trust::{TrustCode, TrustError};

use super::commits::Accepting;
use super::handshake::MAX_GROUP_INFO;
use super::{ClientId, Refused, Room, refuse};

/// How often one connection is given the GroupInfo: it comes with the tree, and a device that has
/// lost so many races had better be added.
const MAX_GROUP_INFOS: u32 = 4;

impl Room {
    /// The key at the leaf that a device could take back by an external commit. While a removal of
    /// its user is pending it could not.
    pub(super) fn leaf_key_of(&self, participant: &ParticipantId) -> Option<Blob> {
        let handshake = self.handshake.as_ref()?;
        let leaf = handshake.follower.leaf_of(participant)?;
        let roster = handshake.follower.roster();
        let mut going = handshake
            .proposals
            .removing()
            .filter_map(|leaf| roster.occupant(leaf));
        let goes = going.any(|who| who.same_user(participant));
        handshake.follower.signature_key(leaf).filter(|_| !goes)
    }

    /// Gives a client what an external commit is built on.
    pub(super) fn give_group_info(
        &mut self,
        client: ClientId,
        participant: &ParticipantId,
    ) -> Result<(), Refused> {
        if self.clients.count_group_info(participant) > MAX_GROUP_INFOS {
            return refuse(Refusal::RateLimited, "join instead");
        }
        let Some(handshake) = &self.handshake else {
            return Ok(());
        };
        let tree = handshake.follower.tree();
        let tree = tree.map_err(|error| (error.refusal(), error.to_string()))?;
        let message = ServiceMessage::GroupInfo {
            group_id: handshake.follower.group_id(),
            epoch: handshake.follower.epoch(),
            group_info: handshake.group_info.clone(),
            tree,
        };
        self.send(client, message);
        Ok(())
    }

    /// Compare-and-swap on (group, epoch) like any commit; but nobody in the group has agreed to
    /// it, so it may come only now and then, and not while an old removal waits.
    pub(super) fn external_commit(
        &mut self,
        participant: &ParticipantId,
        epoch: Epoch,
        (commit, group_info): (Blob, Blob),
        now: Moment,
    ) -> Result<(), Refused> {
        self.current_epoch(epoch)?;
        if group_info.len() > MAX_GROUP_INFO {
            return refuse(Refusal::TooLarge, "the GroupInfo is too large");
        }
        let (window, grace) = (self.config.external_window, self.config.grace);
        let slack = self.config.remove_slack;
        let Some(handshake) = &self.handshake else {
            return Ok(());
        };
        let too_soon = handshake.returned_at.is_some_and(|at| now < at + window);
        let again = handshake.returned.get(participant);
        if too_soon || again.is_some_and(|at| now < *at + grace) {
            return refuse(
                Refusal::RateLimited,
                "too many external commits; wait or join",
            );
        }
        let change = handshake
            .follower
            .stage_external(participant, &commit, &group_info)
            .and_then(|change| {
                handshake.proposals.check_no_old_remove(now, slack)?;
                Ok(change)
            })
            .map_err(|error| (error.refusal(), error.to_string()))?;
        self.check_not_removed(participant)?;
        if let Some(key) = change.signature_key() {
            self.check_key(participant, &key)?;
            if !self.bars.may_return(&key) {
                let detail = "your last external commit could not be followed; join instead";
                return refuse(Refusal::RateLimited, detail);
            }
        }
        let accepting = Accepting {
            commit: &commit,
            welcome: None,
            group_info,
        };
        self.accept(change, accepting, now)?;
        if let Some(handshake) = &mut self.handshake {
            handshake.returned_at = Some(now);
            handshake.returned.retain(|_, at| now < *at + grace);
            handshake.returned.insert(participant.clone(), now);
        }
        Ok(())
    }

    /// A signature key must not be barred, and must be the one that the participant's token is for.
    /// A token that names no key is bound to the first one that it comes with: whoever copies it
    /// later has another.
    pub(super) fn check_key(&self, participant: &ParticipantId, key: &Blob) -> Result<(), Refused> {
        self.check_not_barred(key)?;
        let admission = self.clients.admission(participant);
        match admission.and_then(|admission| admission.token.as_ref()) {
            Some(token) => self.check_token(participant, token, key),
            None => Ok(()),
        }
    }

    /// The same for a token.
    pub(super) fn check_token(
        &self,
        participant: &ParticipantId,
        token: &RoomToken,
        key: &Blob,
    ) -> Result<(), Refused> {
        token.check_key(key.as_slice())?;
        let name = format!("{participant} {}", token.jti);
        let bound = self.shared.store.bind_token(&name, key, token.exp);
        let bound = bound.map_err(|error| {
            tracing::error!(room = %self.name, %error, "the store failed");
            Refused::new(Refusal::RateLimited, "the service cannot store this now")
        })?;
        if bound != *key {
            let detail = "the token was used before with another key; ask for a new one";
            return Err(TrustError::new(TrustCode::TokenReplayed, detail).into());
        }
        Ok(())
    }

    pub(super) fn check_not_barred(&self, key: &Blob) -> Result<(), Refused> {
        if self.bars.is_barred(key) {
            return refuse(Refusal::Barred, "that key broke the room");
        }
        Ok(())
    }

    pub(super) fn current_epoch(&self, epoch: Epoch) -> Result<(), Refused> {
        match self.follower().map(GroupFollower::epoch) {
            Some(current) if current == epoch => Ok(()),
            Some(current) => refuse(
                Refusal::WrongEpoch,
                format!("the group is in epoch {current}"),
            ),
            None => refuse(Refusal::WrongGroup, "the room has no group"),
        }
    }
}
