//! What a process keeps on disk to go on after it has been restarted.

use serde::{Deserialize, Serialize};
use serde_json::error::Category;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::stay::{Known, Stay};
use super::{Goal, KeyManager, Phase};
use crate::config::ManagerConfig;
use crate::delivery::{Blob, ExternalSenderInfo};
use crate::event::Event;
use crate::group::{
    Door, Engine, GroupError, Identity, MlsSuite, RoomPolicy, RosterChange, StoredInvitation,
    StoredValues,
};
use crate::id::{GroupId, ParticipantId, RoomName, Seq};
use crate::pipeline::Stream;
use crate::schedule::MediaMode;
use crate::time::Moment;

/// The version of the encoding below.
const VERSION: u16 = 3;

/// A key manager's state as bytes. **They hold every secret of the group**: encrypt them, let one
/// process at a time use them, and overwrite the older with the newer. The proof of admission given
/// to [`KeyManager::join`] is not among them, unless it is a room token that is bound to our key: that
/// is in our credential, which all members can read.
///
/// They may be a little older than what was sent last: a restored manager catches up with the log
/// and encrypts nothing before a commit of its own, made since, has begun a new epoch.
#[derive(Clone)]
pub struct SavedState(Zeroizing<Vec<u8>>);

/// Why a saved state could not be restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// Not the bytes of a saved state, or damaged ones. What stands there is not said: it may be a
    /// key.
    #[error("not a saved state: {fault} at byte {at}")]
    Malformed {
        /// Whether it is no JSON, other JSON, or cut off.
        fault: &'static str,
        /// Where it was noticed, counted from 1.
        at: usize,
    },
    /// Saved by a version of this library that keeps other things.
    #[error("a saved state of version {0}, which this program does not know")]
    UnknownVersion(u16),
    /// Saved in a room of a mode that [`ManagerConfig::modes`] lacks.
    #[error("a saved state of a room that protects media as {0}, which is not asked for")]
    UnsupportedMode(MediaMode),
    /// Saved in a room of a suite that [`ManagerConfig::ciphersuites`] lacks.
    #[error("a saved state of a room with the MLS cipher suite {0}, which is not accepted")]
    SuiteNotAccepted(MlsSuite),
    /// The group in it is damaged.
    #[error(transparent)]
    Group(#[from] GroupError),
}

impl From<serde_json::Error> for RestoreError {
    fn from(error: serde_json::Error) -> Self {
        let fault = match error.classify() {
            Category::Eof => "it is cut off",
            Category::Data => "it holds something else",
            Category::Syntax | Category::Io => "it is damaged",
        };
        // It is written as one line.
        let at = error.column();
        Self::Malformed { fault, at }
    }
}

impl SavedState {
    /// Takes bytes that [`as_bytes`](Self::as_bytes) gave earlier.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes to keep.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl SavedState {
    /// Signature key and key packages alone: what is left when the group's state is lost or cannot be trusted.
    ///
    /// # Errors
    /// [`RestoreError`] if these are not the bytes of a saved state.
    pub fn without_group(&self) -> Result<Self, RestoreError> {
        let mut wire = self.read()?;
        wire.stay = None;
        Ok(Self::new(serde_json::to_vec(&wire)?))
    }

    fn read(&self) -> Result<Wire<Identity>, RestoreError> {
        // First of all, for another version's state may look different in all else.
        let Version { version } = serde_json::from_slice(self.as_bytes())?;
        if version != VERSION {
            return Err(RestoreError::UnknownVersion(version));
        }
        Ok(serde_json::from_slice(self.as_bytes())?)
    }
}

#[derive(Deserialize)]
struct Version {
    version: u16,
}

/// What the bytes are the JSON of. `I` is an [`Identity`], borrowed for writing.
#[derive(Serialize, Deserialize)]
struct Wire<I> {
    version: u16,
    identity: I,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stay: Option<WireStay>,
    /// What was published for invitations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    invitations: Vec<StoredInvitation>,
}

#[derive(Serialize, Deserialize)]
struct WireStay {
    room: RoomName,
    session: Option<Blob>,
    policy: RoomPolicy,
    external_sender: ExternalSenderInfo,
    group_id: GroupId,
    seq: Seq,
    chain: Blob,
    /// The proposals of the epoch. The library keeps them too, but does not know their places in
    /// the log, by which they are taken back.
    proposals: Vec<Known>,
    /// What the others announced.
    streams: Vec<(ParticipantId, Vec<Stream>)>,
    /// What the MLS library keeps.
    #[serde(with = "as_base64")]
    values: StoredValues,
    /// [`digest`] of that; a state that was saved before there was one has none.
    #[serde(default)]
    digest: Option<Blob>,
}

/// The library takes its values for what it has written, and panics at others: a disk's mistake must
/// be found before. SHA-256 over lengths and bytes.
fn digest(values: &StoredValues) -> Blob {
    let mut hash = Sha256::new();
    for (key, value) in values {
        for bytes in [key.as_slice(), value] {
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        }
    }
    Blob::new(hash.finalize().to_vec())
}

impl KeyManager {
    /// The state to restore from: the signature key, published key packages, and the stay if there is one and
    /// [`ManagerConfig::keeps_group`] was set. To be kept after every drain of
    /// [`poll_output`](Self::poll_output) that brought an [`Event::EpochChanged`], or a little
    /// later, and thrown away when the stay has ended.
    ///
    /// # Errors
    /// Only for a bug: everything in it can be encoded.
    pub fn save(&self) -> Result<SavedState, RestoreError> {
        let wire = Wire {
            version: VERSION,
            identity: &self.identity,
            stay: self.wire_stay(),
            invitations: self.invitations.store(),
        };
        Ok(SavedState::new(serde_json::to_vec(&wire)?))
    }

    fn wire_stay(&self) -> Option<WireStay> {
        let (Phase::Member(stay), Some(goal)) = (&self.phase, &self.goal) else {
            return None;
        };
        let values = stay.engine.save()?;
        Some(WireStay {
            room: goal.room.clone(),
            session: self.session.clone(),
            policy: stay.door.policy.clone(),
            external_sender: stay.door.external_sender.clone(),
            group_id: stay.group_id,
            seq: stay.seq,
            chain: stay.chain.clone(),
            proposals: stay.proposals.clone(),
            streams: stay.heard.clone(),
            digest: Some(digest(&values)),
            values,
        })
    }

    /// A key manager that goes on where a saved one stood: a member of its room, to be connected
    /// like any other, or in no room. Where the service asks for proof of admission, it is to be
    /// [given](Self::set_token) again.
    ///
    /// # Errors
    /// [`RestoreError`].
    pub fn restore(
        saved: &SavedState,
        config: ManagerConfig,
        now: Moment,
    ) -> Result<Self, RestoreError> {
        let wire = saved.read()?;
        let mut manager = Self::with_identity(wire.identity, config);
        let keeps_group = manager.config.keeps_group;
        manager.invitations.load(wire.invitations, keeps_group);
        if let Some(stay) = wire.stay {
            let mode = stay.policy.mode;
            if !manager.config.modes.contains(&mode.kind()) {
                return Err(RestoreError::UnsupportedMode(mode));
            }
            let suite = stay.policy.ciphersuite;
            if !manager.config.ciphersuites.contains(&suite) {
                return Err(RestoreError::SuiteNotAccepted(suite));
            }
            manager.restore_stay(stay, now)?;
        }
        Ok(manager)
    }

    fn restore_stay(&mut self, wire: WireStay, now: Moment) -> Result<(), GroupError> {
        let door = Door {
            policy: wire.policy,
            external_sender: wire.external_sender,
            validator: self.config.validator.clone(),
            accepted: self.config.ciphersuites.clone(),
        };
        if wire.digest.is_some_and(|of| of != digest(&wire.values)) {
            return Err(GroupError::Malformed("a saved group"));
        }
        let engine = Engine::load(wire.group_id, wire.values, &door)?;
        let at = (wire.seq, wire.chain);
        let mut stay = Stay::new(&self.config, wire.group_id, engine, door, at, now)?;
        stay.must_renew = true;
        stay.has_announced = true;
        stay.turn.want_renewal();
        stay.proposals = wire.proposals;
        if stay.engine.has_pending_commit() {
            stay.turn.submitted(now);
        }
        let (group_id, leaf) = (stay.group_id, stay.own_leaf);
        self.goal = Some(Goal {
            room: wire.room,
            token: None,
        });
        self.session = wire.session;
        self.phase = Phase::Member(Box::new(stay));
        self.event(Event::Joined { group_id, leaf });
        self.enter_epoch(&RosterChange::default(), now);
        // Whoever restarted has forgotten what it was warned of.
        self.meet(None);
        self.suspect_strangers(now);
        self.tell_lock();
        for (participant, streams) in wire.streams {
            self.streams_of(participant, streams);
        }
        Ok(())
    }
}

/// The library's values are text of its own, which as lists of numbers would be three times as long.
mod as_base64 {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::de::{Deserialize as _, Deserializer, Error};
    use serde::ser::Serializer;
    use zeroize::Zeroizing;

    use crate::group::StoredValues;

    type Text = Zeroizing<String>;

    pub(super) fn serialize<S: Serializer>(
        values: &StoredValues,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let text = |bytes: &[u8]| Text::new(STANDARD.encode(bytes));
        serializer.collect_seq(values.iter().map(|(key, value)| (text(key), text(value))))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<StoredValues, D::Error> {
        let bytes = |text: Text| STANDARD.decode(text.as_bytes()).map_err(D::Error::custom);
        let pairs = Vec::<(Text, Text)>::deserialize(deserializer)?.into_iter();
        pairs
            .map(|(key, value)| Ok((bytes(key)?, Zeroizing::new(bytes(value)?))))
            .collect()
    }
}
