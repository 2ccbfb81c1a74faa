//! Trust on first use: a device's key is remembered, and a change is told.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::{CredentialValidator, Presented, TrustCode, TrustError, TrustWarning};
use crate::delivery::Blob;
use crate::id::ParticipantId;

/// Keys that are remembered. Whoever was not met for longest is forgotten first.
const MAX_PINS: usize = 10_000;

/// What to do about a device that has another key than the last time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnChange {
    /// Let it in and warn, in every call, until the new key is accepted.
    #[default]
    Warn,
    /// Refuse it until the new key is accepted.
    Refuse,
}

/// A device and the key that it was first met with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// The device.
    pub participant: ParticipantId,
    /// Its raw Ed25519 public key, 32 bytes.
    pub signature_key: Blob,
}

/// Remembers the key of every device that was in a group with us.
///
/// The keys are in memory. Whoever wants to know people again in the next call keeps
/// [`pins`](Self::pins) and gives them back, to [`with_pins`](Self::with_pins) or
/// [`load`](Self::load).
#[derive(Debug, Default)]
pub struct PinnedKeys {
    on_change: OnChange,
    pins: Mutex<Pins>,
}

#[derive(Debug, Default)]
struct Pins {
    keys: BTreeMap<ParticipantId, (Blob, u64)>,
    /// Counts meetings, so that the oldest can be found.
    clock: u64,
    /// Whether there is something to keep that was not taken.
    changed: bool,
}

impl PinnedKeys {
    /// Knows nobody yet.
    pub fn new(on_change: OnChange) -> Self {
        Self::with_pins(on_change, [])
    }

    /// Knows who was met before, the longest ago first.
    pub fn with_pins(on_change: OnChange, pins: impl IntoIterator<Item = Pin>) -> Self {
        let mut known = Pins::default();
        for pin in pins {
            known.pin(&pin.participant, pin.signature_key);
        }
        known.changed = false;
        Self {
            on_change,
            pins: Mutex::new(known),
        }
    }

    /// Knows these as well, who were met before, the longest ago first. What is known already
    /// stays as it is.
    pub fn load(&self, pins: impl IntoIterator<Item = Pin>) {
        let mut known = self.lock();
        let changed = known.changed;
        for pin in pins {
            if !known.keys.contains_key(&pin.participant) {
                known.pin(&pin.participant, pin.signature_key);
            }
        }
        known.changed = changed;
    }

    /// What is known, to be kept; the longest ago first.
    pub fn pins(&self) -> Vec<Pin> {
        let mut pins = self.lock();
        pins.changed = false;
        let mut keys: Vec<_> = pins.keys.iter().collect();
        keys.sort_by_key(|(_, (_, met))| *met);
        let pin = |(participant, (key, _)): (&ParticipantId, &(Blob, u64))| Pin {
            participant: participant.clone(),
            signature_key: key.clone(),
        };
        keys.into_iter().map(pin).collect()
    }

    /// Whether something was learnt since [`pins`](Self::pins) was last asked.
    pub fn has_changed(&self) -> bool {
        self.lock().changed
    }

    /// From now on this is the device's key: a person has compared the safety number.
    pub fn accept(&self, participant: &ParticipantId, signature_key: &[u8]) {
        self.lock()
            .pin(participant, Blob::new(signature_key.to_vec()));
    }

    /// Knows nothing of this device any more: its next key is taken as on first use. `false` if
    /// nothing was known.
    pub fn forget(&self, participant: &ParticipantId) -> bool {
        let mut pins = self.lock();
        let known = pins.keys.remove(participant).is_some();
        pins.changed |= known;
        known
    }

    fn lock(&self) -> MutexGuard<'_, Pins> {
        // Nothing that holds the lock leaves it half done.
        self.pins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pins {
    fn has_other(&self, presented: &Presented<'_>) -> bool {
        let pinned = self.keys.get(presented.participant);
        pinned.is_some_and(|(key, _)| key.as_slice() != presented.signature_key)
    }

    fn knows_user(&self, participant: &ParticipantId) -> bool {
        self.keys.keys().any(|known| known.same_user(participant))
    }

    fn pin(&mut self, participant: &ParticipantId, key: Blob) {
        self.clock += 1;
        let before = self.keys.insert(participant.clone(), (key, self.clock));
        let key = self.keys.get(participant).map(|(key, _)| key);
        self.changed |= before.as_ref().map(|(key, _)| key) != key;
        if self.keys.len() > MAX_PINS {
            let oldest = self.keys.iter().min_by_key(|(_, (_, met))| *met);
            if let Some(oldest) = oldest.map(|(who, _)| who.clone()) {
                self.keys.remove(&oldest);
            }
        }
    }
}

impl CredentialValidator for PinnedKeys {
    fn validate(&self, presented: &Presented<'_>) -> Result<(), TrustError> {
        if self.on_change == OnChange::Refuse && self.lock().has_other(presented) {
            let participant = presented.participant;
            return Err(TrustError::new(
                TrustCode::KeyChanged,
                format!("{participant} has another key than the last time"),
            ));
        }
        Ok(())
    }

    fn met(&self, presented: &Presented<'_>) -> Option<TrustWarning> {
        let mut pins = self.lock();
        if pins.has_other(presented) {
            return Some(TrustWarning::KeyChanged);
        }
        let known = pins.keys.contains_key(presented.participant);
        let new_device = !known && pins.knows_user(presented.participant);
        pins.pin(
            presented.participant,
            Blob::new(presented.signature_key.to_vec()),
        );
        new_device.then_some(TrustWarning::NewDevice)
    }

    fn memory(&self) -> Option<&PinnedKeys> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Evidence, Occasion};
    use super::*;
    use crate::id::RoomName;

    fn presented<'a>(
        participant: &'a ParticipantId,
        key: &'a [u8],
        room: &'a RoomName,
    ) -> Presented<'a> {
        Presented {
            participant,
            signature_key: key,
            evidence: &Evidence::None,
            room,
            occasion: Occasion::Entering,
        }
    }

    #[test]
    fn a_change_is_told_until_it_is_accepted() {
        let room = RoomName::new("demo").expect("a name");
        let alice: ParticipantId = "alice@example.org/phone".parse().expect("a name");
        let pinned = PinnedKeys::default();
        let met = |key: &[u8]| pinned.met(&presented(&alice, key, &room));
        assert_eq!(met(&[1; 32]), None, "on first use");
        assert_eq!(met(&[1; 32]), None);
        assert_eq!(met(&[2; 32]), Some(TrustWarning::KeyChanged));
        assert_eq!(met(&[2; 32]), Some(TrustWarning::KeyChanged), "still");
        assert_eq!(met(&[1; 32]), None, "the first key stays pinned");
        pinned.accept(&alice, &[2; 32]);
        assert_eq!(met(&[2; 32]), None);
    }

    #[test]
    fn whoever_refuses_changes_lets_only_the_known_key_in() {
        let room = RoomName::new("demo").expect("a name");
        let alice: ParticipantId = "alice@example.org/phone".parse().expect("a name");
        let pinned = PinnedKeys::new(OnChange::Refuse);
        let looked_at = |key: &[u8]| pinned.validate(&presented(&alice, key, &room));
        assert_eq!(looked_at(&[2; 32]), Ok(()), "looking remembers nothing");
        pinned.met(&presented(&alice, &[1; 32], &room));
        assert_eq!(looked_at(&[1; 32]), Ok(()));
        let refused = looked_at(&[2; 32]).map_err(|error| error.code);
        assert_eq!(refused, Err(TrustCode::KeyChanged));
    }

    #[test]
    fn a_new_device_of_a_known_user_is_told_once() {
        let room = RoomName::new("demo").expect("a name");
        let name = |device: &str| ParticipantId::new("alice", "example.org", device);
        let (phone, laptop) = (name("phone").expect("a name"), name("lap").expect("a name"));
        let pinned = PinnedKeys::default();
        assert_eq!(pinned.met(&presented(&phone, &[1; 32], &room)), None);
        let met = || pinned.met(&presented(&laptop, &[2; 32], &room));
        assert_eq!(met(), Some(TrustWarning::NewDevice));
        assert_eq!(met(), None);
    }

    #[test]
    fn what_is_kept_is_known_again() {
        let room = RoomName::new("demo").expect("a name");
        let alice: ParticipantId = "alice@example.org/phone".parse().expect("a name");
        let pinned = PinnedKeys::default();
        pinned.met(&presented(&alice, &[1; 32], &room));
        assert!(pinned.has_changed());
        let kept = serde_json::to_string(&pinned.pins()).expect("JSON");
        assert!(!pinned.has_changed());
        let pins: Vec<Pin> = serde_json::from_str(&kept).expect("pins");
        let again = PinnedKeys::with_pins(OnChange::Warn, pins);
        assert!(!again.has_changed());
        let met = |known: &PinnedKeys| known.met(&presented(&alice, &[2; 32], &room));
        assert_eq!(met(&again), Some(TrustWarning::KeyChanged));
        assert!(again.forget(&alice) && again.has_changed());
        assert!(!again.forget(&alice));
        assert_eq!(met(&again), None, "on first use");
        again.load(pinned.pins());
        assert_eq!(met(&again), None, "what is known stays");
        let fresh = PinnedKeys::default();
        fresh.load(pinned.pins());
        assert!(!fresh.has_changed());
        assert_eq!(met(&fresh), Some(TrustWarning::KeyChanged));
    }

    #[test]
    fn there_is_room_for_so_many_and_the_longest_unmet_goes() {
        let name = |n: usize| ParticipantId::new("u", "example.org", &n.to_string());
        let mut pins = Pins::default();
        for n in 0..=MAX_PINS {
            pins.pin(&name(n).expect("a name"), Blob::new(vec![1]));
        }
        assert_eq!(pins.keys.len(), MAX_PINS);
        assert!(!pins.keys.contains_key(&name(0).expect("a name")));
    }
}
