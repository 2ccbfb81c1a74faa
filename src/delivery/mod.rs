//! What the delivery service and the participants say to each other.
//!
//! The service orders handshake messages and learns who is in a room; it never learns a key.

mod blob;
pub mod chain;
mod envelope;

pub use blob::Blob;
pub use envelope::{
    ClientMessage, CloseReason, ExternalSenderInfo, GroupHead, LogBody, LogEntry,
    MAX_ENVELOPE_BYTES, MediaSignal, PROTOCOL_VERSION, Refusal, Resume, ServiceMessage,
};
