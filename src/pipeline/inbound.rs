//! Opening what others send.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::StreamId;
use super::early::WaitsFor;
use super::protected::{Claim, Protected, Whose};
use super::streams::Streams;
use crate::epoch::{Congruent, EpochRing, EpochSecrets};
use crate::group::Roster;
use crate::id::{LeafIndex, ParticipantId};
use crate::media::{AuthFailed, Malformed, OpenFailed, ReplayWindow};

/// Why a packet or frame was refused. It must not reach a decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Not protected as this pipeline's mode has it.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The epoch is gone, was never ours, or is too far away.
    #[error("its epoch is not alive")]
    UnknownEpoch,
    /// Nobody, or we ourselves, sat at the leaf in its epoch.
    #[error("leaf {0} is no other member's in its epoch")]
    UnknownLeaf(LeafIndex),
    /// It did not get its epoch in time.
    #[error("its epoch did not come in time")]
    MissingKey,
    /// The sender has not announced the stream.
    #[error("the sender has not announced this stream")]
    WrongStream,
    /// Received before, or too far behind to know.
    #[error("it was received before")]
    Replayed,
    /// The tag does not verify.
    #[error("its tag does not verify")]
    AuthFailed,
}

impl From<AuthFailed> for OpenError {
    fn from(_: AuthFailed) -> Self {
        Self::AuthFailed
    }
}

impl From<OpenFailed> for OpenError {
    fn from(failed: OpenFailed) -> Self {
        match failed {
            OpenFailed::Malformed(malformed) => malformed.into(),
            OpenFailed::Auth(failed) => failed.into(),
        }
    }
}

/// What opening came to.
pub(super) enum Outcome<P: Protected> {
    Opened(P::Opened, Whose),
    /// Something is missing that may still come.
    Waits(P, WaitsFor),
    Refused(OpenError, Option<Whose>),
}

/// Receive state of one epoch.
pub(super) struct ReceiveEpoch<P: Protected> {
    pub(super) own_leaf: LeafIndex,
    pub(super) roster: Roster,
    pub(super) key: P::EpochKey,
    /// Derived when they are first needed: of a thousand members only a few speak.
    keys: HashMap<P::KeyName, P::Key>,
    windows: HashMap<(LeafIndex, StreamId), ReplayWindow>,
}

impl<P: Protected> ReceiveEpoch<P> {
    /// `None` if the secrets are for another mode.
    pub(super) fn new(secrets: EpochSecrets) -> Option<Self> {
        Some(Self {
            own_leaf: secrets.own_leaf,
            roster: secrets.roster,
            key: P::epoch_key(secrets.media)?,
            keys: HashMap::new(),
            windows: HashMap::new(),
        })
    }

    /// The other member at a leaf.
    fn other_member(&self, leaf: LeafIndex) -> Option<Arc<ParticipantId>> {
        let participant = self.roster.occupant(leaf)?;
        (leaf != self.own_leaf).then(|| Arc::clone(participant))
    }

    /// Look, authenticate, then remember.
    fn open(&mut self, received: P, claim: Claim, whose: &Whose) -> Result<P::Opened, OpenError> {
        let name = received.key_name();
        let key = match self.keys.entry(name) {
            Entry::Occupied(key) => key.into_mut(),
            Entry::Vacant(place) => place.insert(P::key(&self.key, name)),
        };
        let window = self.windows.entry((claim.leaf, claim.stream));
        let inspect = |index| match &window {
            Entry::Occupied(window) => window.get().inspect(index),
            Entry::Vacant(_) => Ok(()),
        };
        let inspect = |index| inspect(index).map_err(|_| OpenError::Replayed);
        let (index, opened) = received.open(key, whose, inspect)?;
        match window {
            Entry::Occupied(mut window) => window.get_mut().commit(index),
            Entry::Vacant(place) => {
                place.insert(ReplayWindow::starting_at(index));
            }
        }
        Ok(opened)
    }
}

/// Opens one packet or frame: key id → epoch → occupant → announcement → replay window → tag.
///
/// Nothing changes before the tag has verified, and the key is chosen by the key id alone: AES-GCM
/// does not commit to its key, so trying several would let an insider show different people
/// different content.
pub(super) fn open<P: Protected>(
    ring: &mut EpochRing<ReceiveEpoch<P>>,
    streams: &Streams,
    received: P,
) -> Outcome<P> {
    let claim = received.claim();
    let epoch = match ring.resolve(claim.epoch) {
        Congruent::Live(epoch) => epoch,
        Congruent::Ahead(_) => return Outcome::Waits(received, WaitsFor::Epoch),
        Congruent::Unknown if ring.newest().is_none() => {
            return Outcome::Waits(received, WaitsFor::Epoch);
        }
        Congruent::Unknown => return Outcome::Refused(OpenError::UnknownEpoch, None),
    };
    let Some(live) = ring.get_mut(epoch) else {
        return Outcome::Refused(OpenError::UnknownEpoch, None);
    };
    let leaf = claim.leaf;
    let Some(participant) = live.other_member(leaf) else {
        return Outcome::Refused(OpenError::UnknownLeaf(leaf), None);
    };
    let whose = Whose {
        epoch,
        leaf,
        participant,
    };
    if !streams.announced(&whose.participant, claim.stream) {
        return Outcome::Waits(received, WaitsFor::Announcement(whose));
    }
    match live.open(received, claim, &whose) {
        Ok(opened) => Outcome::Opened(opened, whose),
        Err(error) => Outcome::Refused(error, Some(whose)),
    }
}
