//! What moderators do: remove users and keep them out, readmit them, lock the room.

use std::collections::BTreeSet;

use mls_srtp::delivery::{Blob, Refusal};
use mls_srtp::group::GroupFollower;
use mls_srtp::id::ParticipantId;
use mls_srtp::time::Moment;
use mls_srtp::token::Right;

use super::{Refused, Room, refuse};
use crate::store::{Change, Fact, FactKey};

/// Users that moderators have removed, until one readmits them. A device costs its user nothing, so
/// the user is kept out and not the device; an outage that ends the group costs nothing either, so
/// that ends no removal.
#[derive(Debug, Default)]
pub(super) struct Removed {
    users: BTreeSet<String>,
    /// What the store has still to be told.
    pub(super) changes: Vec<Change>,
}

impl Removed {
    pub(super) fn contains(&self, participant: &ParticipantId) -> bool {
        !self.users.is_empty() && self.users.contains(&user_of(participant))
    }

    fn insert(&mut self, participant: &ParticipantId) {
        let user = user_of(participant);
        if self.users.insert(user.clone()) {
            self.changes.push(Change::Put(Fact::UserRemoved(user)));
        }
    }

    /// Says whether the user was kept out.
    fn readmit(&mut self, participant: &ParticipantId) -> bool {
        let user = user_of(participant);
        let was = self.users.remove(&user);
        if was {
            self.changes
                .push(Change::Forget(FactKey::UserRemoved(user)));
        }
        was
    }

    /// The user was removed before a restart.
    pub(super) fn recall(&mut self, user: String) {
        self.users.insert(user);
    }
}

fn user_of(participant: &ParticipantId) -> String {
    format!("{}@{}", participant.user(), participant.domain())
}

impl Room {
    /// A moderator wishes that a user be gone and stay away. Every device hears it when its leaf is
    /// removed, or at once if it has none; its media ends now.
    pub(super) fn wish_to_evict(
        &mut self,
        moderator: &ParticipantId,
        whom: &ParticipantId,
        now: Moment,
    ) -> Result<(), Refused> {
        self.check_moderates(moderator)?;
        if whom.same_user(moderator) {
            return refuse(Refusal::PolicyViolation, "that is yourself; leave instead");
        }
        let members = self.members();
        let members = members.iter().map(|m| ParticipantId::clone(&m.participant));
        let members: Vec<_> = members.filter(|who| who.same_user(whom)).collect();
        let mut others = self.clients.of_user(whom);
        others.extend(self.wishes.joining_of_user(whom));
        others.retain(|who| !members.contains(who));
        if members.is_empty() && others.is_empty() {
            let detail = format!("{whom} is not in the group");
            return refuse(Refusal::PolicyViolation, detail);
        }
        self.removed.insert(whom);
        for member in &members {
            // Not only when the Remove is committed: that takes somebody else.
            self.stop_media(member);
            self.evict(member, now);
        }
        for other in &others {
            match self.clients.client_of(other) {
                Some(client) => self.turn_away(client, other),
                None => self.end_join(other),
            }
            // However often it has come and gone.
            let add = self
                .handshake
                .as_ref()
                .and_then(|h| h.proposals.add_of(other));
            if let Some(seq) = add.map(|pending| pending.seq) {
                self.withdraw(seq);
            }
        }
        self.end_if_over();
        Ok(())
    }

    /// A moderator wishes that a removed user may come again.
    pub(super) fn readmit(
        &mut self,
        moderator: &ParticipantId,
        whom: &ParticipantId,
    ) -> Result<(), Refused> {
        self.check_moderates(moderator)?;
        if self.removed.readmit(whom) {
            Ok(())
        } else {
            refuse(Refusal::PolicyViolation, format!("{whom} was not removed"))
        }
    }

    /// Whoever moderates needs the right to, and has it no more once others have removed it.
    pub(super) fn check_moderates(&self, participant: &ParticipantId) -> Result<(), Refused> {
        self.check_not_removed(participant)?;
        if self.clients.grants(participant, Right::Moderate) {
            return Ok(());
        }
        let detail = format!("{participant} is no moderator: its token has no right to moderate");
        refuse(Refusal::Unauthorised, detail)
    }

    pub(super) fn check_not_removed(&self, participant: &ParticipantId) -> Result<(), Refused> {
        if self.removed.contains(participant) {
            return refuse(
                Refusal::UserRemoved,
                "a moderator removed this user from the room",
            );
        }
        Ok(())
    }

    pub(super) fn is_locked(&self) -> bool {
        self.follower().is_some_and(GroupFollower::is_locked)
    }

    /// Into a locked room only a device of the group comes back, with the key of its leaf.
    pub(super) fn check_open(
        &self,
        participant: &ParticipantId,
        key: &Blob,
    ) -> Result<(), Refused> {
        let leaf = self.leaf_of(participant);
        let old = leaf.and_then(|leaf| self.follower()?.signature_key(leaf));
        if !self.is_locked() || old.as_ref() == Some(key) {
            return Ok(());
        }
        refuse_locked()
    }

    /// The same before it has shown a key.
    pub(super) fn check_may_knock(&self, participant: &ParticipantId) -> Result<(), Refused> {
        if self.is_locked() && self.leaf_of(participant).is_none() {
            return refuse_locked();
        }
        Ok(())
    }

    /// The room was locked: whoever was not in the same commit waits in vain.
    pub(super) fn turn_out_newcomers(&mut self) {
        for join in self.wishes.open_joins() {
            let who = &join.participant;
            let key =
                GroupFollower::check_key_package(&join.key_package, who, self.config.ciphersuite);
            let open = match key {
                Ok(key) => self.check_open(who, &key),
                Err(error) => Err((error.refusal(), error.to_string()).into()),
            };
            if let Err(refused) = open {
                self.end_join(who);
                if let Some(client) = self.clients.client_of(who) {
                    self.refuse_client(client, "join", refused);
                }
            }
        }
    }
}

fn refuse_locked<T>() -> Result<T, Refused> {
    refuse(
        Refusal::RoomLocked,
        "the room is locked; a moderator can unlock it",
    )
}
