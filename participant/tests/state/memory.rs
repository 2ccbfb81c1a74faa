//! A store of this process, as the simplest one that keeps the contract.

use std::sync::{Arc, Mutex};

use mls_srtp::manager::SavedState;
use mls_srtp::trust::Pin;
use mls_srtp_participant::state::{OpenError, StateError, StateStore};

/// Where the state lies while nobody has it open.
#[derive(Debug, Default, Clone)]
pub struct Shelf(Arc<Mutex<Slot>>);

#[derive(Debug, Default)]
struct Slot {
    taken: bool,
    saved: Option<Vec<u8>>,
    pins: Vec<Pin>,
}

/// The one who has it.
#[derive(Debug)]
pub struct MemoryStore(Shelf);

impl Shelf {
    pub fn open(&self) -> Result<MemoryStore, StateError> {
        let mut slot = self.0.lock().expect("unharmed");
        if std::mem::replace(&mut slot.taken, true) {
            return Err(OpenError::InUse("the shelf".into()).into());
        }
        Ok(MemoryStore(self.clone()))
    }
}

impl Drop for MemoryStore {
    fn drop(&mut self) {
        self.0.0.lock().expect("unharmed").taken = false;
    }
}

impl StateStore for MemoryStore {
    fn load(&mut self) -> Result<Option<SavedState>, StateError> {
        let slot = self.0.0.lock().expect("unharmed");
        Ok(slot.saved.clone().map(SavedState::new))
    }

    fn save(&mut self, state: &SavedState) -> Result<(), StateError> {
        self.0.0.lock().expect("unharmed").saved = Some(state.as_bytes().to_vec());
        Ok(())
    }

    fn load_pins(&mut self) -> Result<Vec<Pin>, StateError> {
        Ok(self.0.0.lock().expect("unharmed").pins.clone())
    }

    fn save_pins(&mut self, pins: &[Pin]) -> Result<(), StateError> {
        self.0.0.lock().expect("unharmed").pins = pins.to_vec();
        Ok(())
    }
}
