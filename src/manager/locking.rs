//! Locking the room: a moderator's own commit, which every member checks.

use super::stay::Stay;
use super::{KeyManager, Misuse, Phase};
use crate::delivery::Refusal;
use crate::event::Event;
use crate::id::LeafIndex;
use crate::time::Moment;

impl KeyManager {
    /// Locks the room, so that nobody new comes in, or unlocks it. [`Event::RoomLocked`] follows
    /// when the commit is accepted; until then it is made again in every epoch that somebody else
    /// begins first. Whoever is proposed already comes in with that same commit.
    ///
    /// # Errors
    /// [`Misuse::NotInRoom`] or [`Misuse::CannotLock`]. A service that does not allow it answers with
    /// [`Event::Refused`].
    pub fn set_locked(&mut self, locked: bool, now: Moment) -> Result<(), Misuse> {
        let Phase::Member(stay) = &mut self.phase else {
            return Err(Misuse::NotInRoom);
        };
        if !stay.engine.may_lock() {
            return Err(Misuse::CannotLock);
        }
        stay.wish_lock(Some(locked));
        self.commit_if_due(now);
        Ok(())
    }

    /// Whether the room is locked, if we are a member.
    pub fn is_locked(&self) -> Option<bool> {
        self.stay().map(|stay| stay.door.policy.locked)
    }

    /// A commit was merged, which may have turned the lock.
    pub(super) fn review_lock(&mut self, author: LeafIndex, own: bool) {
        let own_name = self.identity.participant().clone();
        let Some(stay) = self.any_stay() else { return };
        let locked = stay.engine.is_locked();
        // Turned by whoever was faster is turned as well.
        stay.wish_lock(stay.lock_wish);
        if std::mem::replace(&mut stay.door.policy.locked, locked) == locked {
            return;
        }
        let by = match own {
            true => Some(own_name),
            false => stay.engine.occupant(author),
        };
        if let Some(door) = &mut self.room {
            door.policy.locked = locked;
        }
        self.told_locked = locked;
        self.event(Event::RoomLocked { locked, by });
    }

    /// We have entered, or gone on after a restart. The group that we were in before may have been
    /// locked, and this one not.
    pub(super) fn tell_lock(&mut self) {
        let Some(locked) = self.is_locked() else {
            return;
        };
        if std::mem::replace(&mut self.told_locked, locked) != locked {
            self.event(Event::RoomLocked { locked, by: None });
        }
    }
}

impl Stay {
    fn wish_lock(&mut self, wish: Option<bool>) {
        let locked = self.engine.is_locked();
        self.lock_wish = wish.filter(|wish| *wish != locked);
        self.turn.want_own(self.lock_wish.is_some());
    }

    /// Our commit was refused. What may pass in another epoch is tried again; a lock that the service
    /// does not allow is not.
    pub(super) fn lock_refused(&mut self, reason: Refusal) {
        let passes = matches!(
            reason,
            Refusal::OmitsProposal | Refusal::WithdrawnProposal | Refusal::RateLimited
        );
        if !passes {
            self.wish_lock(None);
        }
    }
}
