//! When a session writes its state: at its beginning and its end, and now and then between.
//!
//! Writing waits for the disk, so it is done beside the session, one write at a time.

use std::sync::Arc;
use std::time::Duration;

use mls_srtp::delivery::Blob;
use mls_srtp::group::Identity;
use mls_srtp::id::{ParticipantId, RoomName};
use mls_srtp::manager::SavedState;
use mls_srtp::time::Moment;
use mls_srtp::trust::{CredentialValidator, Evidence, Pin};
use mls_srtp::{KeyManager, ManagerConfig};
use tokio::task::{JoinHandle, spawn_blocking};

use super::SessionError;
use crate::state::{StateConfig, StateError, StateStore};

type Store = Box<dyn StateStore>;

/// A session's state on its way to the disk.
pub(super) struct Keeping {
    place: Place,
    every: Duration,
    /// When the last write of a stay began.
    began: Option<Moment>,
    /// When the next write is due.
    due: Option<Moment>,
    /// What may remember keys of others.
    trust: Arc<dyn CredentialValidator>,
    /// Those keys are in the write that has begun, or in one that has failed.
    pins_under_way: bool,
}

enum Place {
    Idle(Store),
    Writing(JoinHandle<(Store, Result<(), StateError>)>),
    /// A write has panicked, and the store went with it.
    Lost,
}

impl Keeping {
    /// Takes the store, and what is in it: the state is returned, keys of others are remembered.
    pub(super) async fn open(
        config: StateConfig,
        trust: Arc<dyn CredentialValidator>,
    ) -> Result<(Self, Option<SavedState>), StateError> {
        let mut store = config.store;
        let loading = spawn_blocking(move || (store.load(), store.load_pins(), store));
        let (loaded, pins, store) = loading.await.map_err(|_| crashed())?;
        if let Some(memory) = trust.memory() {
            memory.load(pins?);
        }
        let keeping = Self {
            place: Place::Idle(store),
            every: config.every,
            began: None,
            due: None,
            trust,
            pins_under_way: false,
        };
        Ok((keeping, loaded?))
    }

    /// An epoch has begun, and what was written is behind.
    pub(super) fn fell_behind(&mut self, now: Moment) {
        let earliest = self.began.map_or(now, |began| now.max(began + self.every));
        self.due.get_or_insert(earliest);
    }

    /// When [`Self::begin`] wants to be called.
    pub(super) fn poll_timeout(&self) -> Option<Moment> {
        match self.place {
            Place::Idle(_) => self.due,
            Place::Writing(_) | Place::Lost => None,
        }
    }

    /// Begins to write the state of a stay.
    pub(super) fn begin(&mut self, state: SavedState, now: Moment) {
        (self.began, self.due) = (Some(now), None);
        self.write(state);
    }

    fn write(&mut self, state: SavedState) {
        self.place = match std::mem::replace(&mut self.place, Place::Lost) {
            Place::Idle(mut store) => {
                let pins = self.pins_to_write();
                Place::Writing(spawn_blocking(move || {
                    let written = store.save(&state);
                    let written = written.and_then(|()| match pins {
                        Some(pins) => store.save_pins(&pins),
                        None => Ok(()),
                    });
                    (store, written)
                }))
            }
            busy => busy,
        };
    }

    /// The keys of others, if some were learnt since they were last written.
    fn pins_to_write(&mut self) -> Option<Vec<Pin>> {
        let memory = self.trust.memory()?;
        self.pins_under_way |= memory.has_changed();
        self.pins_under_way.then(|| memory.pins())
    }

    /// Waits for the write that has begun; for ever if none has. Cancelling loses nothing.
    pub(super) async fn written(&mut self) -> Result<(), StateError> {
        let Place::Writing(writing) = &mut self.place else {
            return std::future::pending().await;
        };
        let Ok((store, written)) = writing.await else {
            self.place = Place::Lost;
            return Err(crashed());
        };
        self.place = Place::Idle(store);
        self.pins_under_way &= written.is_err();
        if written.is_err() {
            // The disk may have room again by then.
            self.due = self.began.map(|began| began + self.every);
        }
        written
    }

    /// Writes this now, after whatever is being written.
    pub(super) async fn write_out(&mut self, state: SavedState) -> Result<(), StateError> {
        if let Place::Writing(_) = self.place {
            // What comes now replaces it.
            let _ = self.written().await;
        }
        if let Place::Lost = self.place {
            return Err(crashed());
        }
        self.write(state);
        self.written().await
    }

    /// The key manager that goes on with what was kept: the stay if it was in this room and can be
    /// used, otherwise the signature key, or a new one if nothing was kept and none is `given`.
    /// What is on disk is then what the manager began with.
    pub(super) async fn resume(
        &mut self,
        kept: Option<SavedState>,
        (who, given): (&ParticipantId, Option<Identity>),
        room: &RoomName,
        manager: ManagerConfig,
        now: Moment,
    ) -> Result<KeyManager, SessionError> {
        let Some(kept) = kept else {
            let fresh = fresh(who, given, manager)?;
            return self.begin_with(fresh).await;
        };
        let identity = kept.without_group().map_err(StateError::from)?;
        let alone =
            KeyManager::restore(&identity, manager.clone(), now).map_err(StateError::from)?;
        if alone.participant() != who {
            let (found, asked) = (alone.participant().to_string(), who.to_string());
            return Err(StateError::OfAnother { found, asked }.into());
        }
        if let Some(given) = given {
            let kept = alone.identity();
            if kept.public_key() != given.public_key() {
                return Err(StateError::OtherKey.into());
            }
            // The leaf of the kept stay has the old ones, and a leaf keeps its credential.
            if certificates(kept) != certificates(&given) {
                return self
                    .begin_with(KeyManager::with_identity(given, manager))
                    .await;
            }
        }
        match KeyManager::restore(&kept, manager, now) {
            Ok(stay) if stay.room() == Some(room) => return Ok(stay),
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "the kept stay cannot be used, only its key"),
        }
        self.write_out(identity).await?;
        Ok(alone)
    }

    async fn begin_with(&mut self, fresh: KeyManager) -> Result<KeyManager, SessionError> {
        let state = fresh.save().map_err(StateError::from)?;
        self.write_out(state).await?;
        Ok(fresh)
    }
}

/// A key manager without a past, with the key that it was given or a new one.
pub(super) fn fresh(
    who: &ParticipantId,
    given: Option<Identity>,
    manager: ManagerConfig,
) -> Result<KeyManager, SessionError> {
    Ok(match given {
        Some(identity) => KeyManager::with_identity(identity, manager),
        None => KeyManager::new(who.clone(), manager)?,
    })
}

/// A token is no part of a key that comes from elsewhere: the key manager shows it itself.
fn certificates(identity: &Identity) -> Option<&[Blob]> {
    match identity.evidence() {
        Evidence::Certificates(chain) => Some(chain),
        _ => None,
    }
}

fn crashed() -> StateError {
    StateError::Failed {
        place: "its store".into(),
        undone: "written",
        reason: "the store crashed".into(),
    }
}

#[cfg(test)]
mod tests;
