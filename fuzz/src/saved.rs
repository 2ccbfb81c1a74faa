//! What a process finds on its disk.

use arbitrary::Arbitrary;
use mls_srtp::delivery::ServiceMessage;
use mls_srtp::manager::SavedState;
use mls_srtp::time::Moment;
use mls_srtp::{KeyManager, ManagerConfig};
use serde_json::Value;

use crate::edit::{Edit, edited};
use crate::honest::call;
use crate::json::{JsonEdit, changed};
use crate::structured;

/// What is wrong with the bytes.
#[derive(Debug, Arbitrary)]
struct Damage<'a> {
    whose: bool,
    fields: Vec<JsonEdit>,
    bytes: Vec<Edit>,
    instead: Option<&'a [u8]>,
}

/// Without the digest that `save` writes, the MLS library's storage panics at values that it did not
/// write (`openmls_memory_storage` unwraps what it reads). Only states of before there was a digest
/// have none, and no damage of one field takes it away.
fn is_without_digest(bytes: &[u8]) -> bool {
    let state: Option<Value> = serde_json::from_slice(bytes).ok();
    let stay = state.as_ref().and_then(|state| state.get("stay"));
    stay.is_some_and(|stay| stay.get("digest").is_none_or(Value::is_null))
}

/// A damaged state is refused, or whoever goes on with it follows the log as far as it can.
pub fn saved(data: &[u8]) {
    let Some(damage) = structured::<Damage<'_>>(data) else {
        return;
    };
    let call = call();
    let mut bytes = call.saved[usize::from(damage.whose)].as_bytes().to_vec();
    for edit in damage.fields.iter().take(4) {
        bytes = changed(&bytes, edit);
    }
    bytes = edited(&bytes, &damage.bytes);
    if let Some(instead) = damage.instead.filter(|bytes| !bytes.is_empty()) {
        bytes = instead.to_vec();
    }
    if is_without_digest(&bytes) {
        return;
    }
    let state = SavedState::new(bytes);
    let _ = state.without_group();
    let config = ManagerConfig {
        keeps_group: true,
        ..ManagerConfig::default()
    };
    let now = Moment::from_millis(60_000);
    let Ok(mut manager) = KeyManager::restore(&state, config, now) else {
        return;
    };
    manager.handle_connected(now);
    let log = call.log.iter().cloned().map(ServiceMessage::Entry);
    log.for_each(|entry| manager.handle_message(entry, now));
    while manager.poll_output().is_some() {}
    let _ = manager.save();
}
