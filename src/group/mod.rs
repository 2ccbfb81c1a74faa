//! The MLS group behind a conference.

mod policy;

pub use policy::{MediaMode, PolicyError, ROOM_POLICY_EXTENSION, RoomPolicy};
