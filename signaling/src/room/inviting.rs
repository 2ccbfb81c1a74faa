//! Devices that are added while they are away: their key packages come from the store, and their
//! Welcomes wait for them. So does every Welcome until its device has shown that it has it.

use std::collections::HashSet;

use mls_srtp::delivery::{Blob, Refusal, ServiceMessage};
use mls_srtp::group::GroupFollower;
use mls_srtp::id::ParticipantId;
use mls_srtp::time::Moment;
use mls_srtp::token::Right;

use super::wishes::Join;
use super::{ClientId, Refused, Room, refuse};
use crate::store::{Change, Fact, FactKey, KeptWelcome, KeyPackages, StoreError};

/// Stands for the connection of a device that is away. Those of a service count from 1.
pub(super) const AWAY: ClientId = ClientId(0);

/// How often one connection publishes: each time up to a hundred key packages are checked.
const MAX_PUBLISHINGS: u32 = 4;

/// A Welcome and those who have not shown yet that they have it.
pub(super) struct Waiting {
    pub(super) kept: KeptWelcome,
    pub(super) awaited: HashSet<ParticipantId>,
}

impl Room {
    /// Keeps a client's key packages for invitations.
    pub(super) fn publish(
        &mut self,
        client: ClientId,
        participant: &ParticipantId,
        key_packages: Vec<Blob>,
        last_resort: Option<Blob>,
    ) -> Result<(), Refused> {
        if self.clients.count_publishing(participant) > MAX_PUBLISHINGS {
            return refuse(Refusal::RateLimited, "publish more at a time, less often");
        }
        let (most, suite) = (self.config.max_key_package, self.config.ciphersuite);
        let all = key_packages.iter().chain(&last_resort);
        let bytes: usize = all.clone().map(Blob::len).sum();
        let many = key_packages.len() > KeyPackages::MOST || bytes > KeyPackages::MOST_BYTES;
        if many || all.clone().any(|k| k.len() > most) {
            return refuse(Refusal::TooLarge, "too many key packages, or a large one");
        }
        for key_package in all {
            let is_last = Some(key_package) == last_resort.as_ref();
            let key = GroupFollower::check_published(key_package, participant, suite, is_last)
                .map_err(|error| (error.refusal(), error.to_string()))?;
            self.check_key(participant, &key)?;
        }
        let new = KeyPackages {
            once: key_packages,
            last_resort,
        };
        match self.shared.store.publish(participant, &new) {
            Ok(left) => {
                self.send(client, ServiceMessage::KeyPackages { left });
                Ok(())
            }
            Err(StoreError::Full) => refuse(Refusal::RateLimited, StoreError::Full.to_string()),
            Err(error) => {
                tracing::error!(room = %self.name, %error, "the store failed");
                refuse(Refusal::RateLimited, "the service cannot store this now")
            }
        }
    }

    /// A member wishes that a device be added which is not here.
    pub(super) fn invite(
        &mut self,
        inviter: &ParticipantId,
        whom: &ParticipantId,
        now: Moment,
    ) -> Result<(), Refused> {
        let may = self.clients.grants(inviter, Right::Moderate)
            || self.shared.access.may_invite(&self.name, inviter, whom);
        self.check_not_removed(inviter)?;
        if !may || self.clients.follower_of(inviter).is_none() {
            let detail = format!("{inviter} may not invite {whom}");
            return refuse(Refusal::Unauthorised, detail);
        }
        self.check_not_removed(whom)?;
        self.check_may_knock(whom)?;
        if self.leaf_of(whom).is_some() {
            return refuse(Refusal::PolicyViolation, "it is in the group already");
        }
        if self.clients.knows(whom) || self.wishes.joins(whom) {
            // It is on its way in by itself.
            return Ok(());
        }
        if self.clients.len() + self.wishes.away() >= self.config.most_participants() {
            return refuse(Refusal::RoomFull, "the room is full");
        }
        let key_package = self.take_key_package(whom)?;
        let join = Join {
            participant: whom.clone(),
            client: AWAY,
            key_package,
        };
        self.wishes.join(join, now);
        self.sign_wishes(now);
        Ok(())
    }

    /// The next key package of a device that can be used.
    fn take_key_package(&self, of: &ParticipantId) -> Result<Blob, Refused> {
        let (suite, mut before) = (self.config.ciphersuite, None);
        loop {
            let taken = self.shared.store.take_key_package(of).map_err(|error| {
                tracing::error!(room = %self.name, %error, "the store failed");
                let detail = "the service cannot read its store now";
                (Refusal::RateLimited, detail.to_owned())
            })?;
            // The last resort comes again and again.
            let Some(key_package) = taken.filter(|taken| before.as_ref() != Some(taken)) else {
                return refuse(Refusal::NoKeyPackage, format!("{of} cannot be invited"));
            };
            // It may be out of date since it was published, or of the suite of an earlier time.
            if let Ok(key) = GroupFollower::check_key_package(&key_package, of, suite) {
                self.check_not_barred(&key)?;
                return Ok(key_package);
            }
            before = Some(key_package);
        }
    }

    /// Keeps a Welcome for those for whom it is.
    pub(super) fn keep_welcome(&mut self, kept: KeptWelcome, awaited: HashSet<ParticipantId>) {
        let Some(handshake) = self.handshake.as_mut().filter(|_| !awaited.is_empty()) else {
            return;
        };
        let fact = Fact::Welcome(kept.clone());
        handshake.welcomes.push(Waiting { kept, awaited });
        self.remember(Change::Put(fact));
    }

    /// A device has its Welcome, or needs none any more.
    pub(super) fn end_welcome(&mut self, participant: &ParticipantId) {
        let Some(handshake) = &mut self.handshake else {
            return;
        };
        let mut over = Vec::new();
        handshake.welcomes.retain_mut(|waiting| {
            waiting.awaited.remove(participant);
            let is_over = waiting.awaited.is_empty();
            if is_over {
                over.push(waiting.kept.seq);
            }
            !is_over
        });
        for seq in over {
            self.remember(Change::Forget(FactKey::Welcome(seq)));
        }
    }

    /// The Welcome that waits for a device, if it can still be followed from there.
    pub(super) fn welcome_of(&mut self, participant: &ParticipantId) -> Option<KeptWelcome> {
        let handshake = self.handshake.as_ref()?;
        let leaf = handshake.follower.leaf_of(participant)?;
        let mut waiting = handshake.welcomes.iter();
        let waiting = waiting.find(|waiting| waiting.awaited.contains(participant))?;
        let kept = waiting.kept.clone();
        if let Some(remove) = handshake.proposals.remove_of(leaf)
            && !(self.wishes.only_lost(participant) && self.withdraw(remove))
        {
            return None;
        }
        Some(kept)
    }

    /// Gives a device that has just come its Welcome and what happened since.
    pub(super) fn hand_over(
        &mut self,
        client: ClientId,
        participant: &ParticipantId,
        kept: KeptWelcome,
    ) {
        let Some(group_id) = self.follower().map(GroupFollower::group_id) else {
            return;
        };
        let store = &self.shared.store;
        let since = store.entries_after(&self.name, group_id, kept.seq);
        let since = since.unwrap_or_else(|error| {
            tracing::error!(room = %self.name, %error, "the store failed");
            None
        });
        // Without them it finds that it has a gap, and enters in another way.
        let since = since.unwrap_or_default();
        self.wishes.withdraw_loss(participant);
        self.clients.follow(participant, kept.seq);
        let KeptWelcome {
            seq,
            chain,
            welcome,
            tree,
        } = kept;
        let message = ServiceMessage::Welcome {
            group_id,
            seq,
            chain,
            welcome,
            tree,
        };
        self.send(client, message);
        for entry in since {
            self.send(client, ServiceMessage::Entry(entry));
        }
        self.tell_committers_to(client);
    }

    /// For whom of these a Welcome at that position may still wait after a restart.
    pub(super) fn recall_welcome(&mut self, kept: KeptWelcome) {
        let members = self.members();
        let awaited: HashSet<ParticipantId> = members
            .iter()
            .map(|member| ParticipantId::clone(&member.participant))
            .filter(|who| self.clients.joined_at(who) == Some(kept.seq))
            .collect();
        if let Some(handshake) = &mut self.handshake {
            handshake.welcomes.push(Waiting { kept, awaited });
        }
    }
}
