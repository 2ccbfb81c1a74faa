//! Key packages of our own that may bring a Welcome: the one that we asked to be added with, and
//! those that are published so that others can invite us.

use super::{KeyManager, Misuse};
use crate::delivery::{Blob, ClientMessage};
use crate::group::{GroupError, Invitation, Provider, StoredInvitation};
use crate::id::ParticipantId;

/// How many published key packages are held; the service keeps as many of each device.
pub const MAX_KEY_PACKAGES: usize = 100;

/// Why key packages were not published.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// They go to the service over the connection of a stay.
    #[error(transparent)]
    Misuse(#[from] Misuse),
    /// They could not be made.
    #[error(transparent)]
    Group(#[from] GroupError),
}

/// What a Welcome may be for.
#[derive(Default)]
pub(super) struct Invitations {
    /// Ours in the wish to join. Kept while the connection is away: the wish may have come through.
    pub(super) wish: Option<Invitation>,
    /// Published, to be used once; the oldest first.
    stock: Vec<Invitation>,
    /// Published, to be used when there is no other: one for each suite of a room that we were in.
    last_resorts: Vec<Invitation>,
}

impl Invitations {
    pub(super) fn is_empty(&self) -> bool {
        self.wish.is_none() && self.stock.is_empty() && self.last_resorts.is_empty()
    }

    /// Takes the one that a Welcome is for, and says whether its keys were never anywhere but in
    /// this process; nothing if it is for none of them.
    ///
    /// # Errors
    /// It is no Welcome.
    pub(super) fn take(
        &mut self,
        welcome: &Blob,
        provider: Provider,
    ) -> Result<Option<(Invitation, bool)>, GroupError> {
        if let Some(wish) = &self.wish
            && wish.is_meant_by(welcome)?
        {
            return Ok(self.wish.take().map(|wish| (wish, true)));
        }
        for (at, published) in self.stock.iter().enumerate() {
            if published.is_meant_by(welcome)? {
                return Ok(Some((self.stock.remove(at), false)));
            }
        }
        for last in &self.last_resorts {
            if last.is_meant_by(welcome)? {
                return Ok(Some((last.again(provider), false)));
            }
        }
        Ok(None)
    }

    /// What was published, to be kept. What was wished is over with the process.
    pub(super) fn store(&self) -> Vec<StoredInvitation> {
        let published = self.stock.iter().chain(&self.last_resorts);
        published.map(Invitation::store).collect()
    }

    /// Takes back what was kept. What is out of date is left out.
    pub(super) fn load(&mut self, stored: Vec<StoredInvitation>, keeps_group: bool) {
        for stored in stored {
            match Invitation::load(Provider::new(keeps_group), stored) {
                Ok(last) if last.is_last_resort() => self.last_resorts.push(last),
                Ok(invitation) => self.stock.push(invitation),
                Err(_) => {}
            }
        }
    }
}

impl KeyManager {
    /// Publishes so many new key packages, and one of last resort if there is none, so that others
    /// can [`invite`](Self::invite) this device into rooms of the same service while it is away.
    /// They are of the suite that this room has, as all rooms of a service do.
    /// Their private keys are part of what [`save`](Self::save) gives: to be kept now.
    /// [`Event::KeyPackages`](crate::event::Event::KeyPackages) follows.
    ///
    /// At most [`MAX_KEY_PACKAGES`] are held; the oldest go.
    ///
    /// # Errors
    /// [`PublishError`]; nothing was published.
    pub fn publish_key_packages(&mut self, count: usize) -> Result<(), PublishError> {
        let door = self.stay().ok_or(Misuse::NotInRoom)?.door.clone();
        let keeps = self.config.keeps_group;
        let mut new = Vec::new();
        for _ in 0..count.min(MAX_KEY_PACKAGES) {
            new.push(Invitation::new(
                Provider::new(keeps),
                &self.identity,
                &door,
            )?);
        }
        let last_resorts = &mut self.invitations.last_resorts;
        if !last_resorts.iter().any(|last| last.is_for(&door)) {
            let last = Invitation::last_resort(Provider::new(keeps), &self.identity, &door)?;
            last_resorts.push(last);
        }
        let last = last_resorts.iter().find(|last| last.is_for(&door));
        let message = ClientMessage::PublishKeyPackages {
            key_packages: new.iter().map(|i| i.key_package().clone()).collect(),
            last_resort: last.map(|last| last.key_package().clone()),
        };
        self.send(message);
        let stock = &mut self.invitations.stock;
        stock.extend(new);
        let surplus = stock.len().saturating_sub(MAX_KEY_PACKAGES);
        stock.drain(..surplus);
        Ok(())
    }

    /// Asks the service to have a device added that is away. It finds its Welcome when it comes;
    /// if it does not come, it is removed again after a while.
    ///
    /// # Errors
    /// [`Misuse::NotInRoom`]. What the service does not even propose it answers with
    /// [`Event::Refused`](crate::event::Event::Refused).
    pub fn invite(&mut self, participant: ParticipantId) -> Result<(), Misuse> {
        self.stay().ok_or(Misuse::NotInRoom)?;
        self.send(ClientMessage::Invite { participant });
        Ok(())
    }
}
