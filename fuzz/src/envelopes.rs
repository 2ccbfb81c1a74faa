//! Envelopes as JSON text, in both directions.

use mls_srtp::delivery::{ClientMessage, ServiceMessage};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What a client sends, as the service reads it.
pub fn client_message(data: &[u8]) {
    reads_what_it_writes::<ClientMessage>(data);
}

/// What a service sends, as a member reads it.
pub fn service_message(data: &[u8]) {
    reads_what_it_writes::<ServiceMessage>(data);
}

/// Whatever is taken means the same when it is passed on.
fn reads_what_it_writes<T: DeserializeOwned + Serialize + PartialEq>(json: &[u8]) {
    let Ok(message) = serde_json::from_slice::<T>(json) else {
        return;
    };
    let written = serde_json::to_vec(&message).expect("what was read can be written");
    let again: T = serde_json::from_slice(&written).expect("what was written can be read");
    assert!(again == message, "another message comes out than went in");
}
