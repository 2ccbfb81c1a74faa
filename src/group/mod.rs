//! The MLS group behind a conference.

mod policy;
mod roster;

pub use policy::{MediaMode, PolicyError, ROOM_POLICY_EXTENSION, RoomPolicy};
pub use roster::{Member, Roster};
