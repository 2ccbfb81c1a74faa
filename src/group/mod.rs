//! The MLS group behind a conference.

mod credential;
mod engine;
mod error;
mod policy;
mod roster;
mod rules;
mod terms;

pub(crate) use engine::{Engine, Invitation, Processed};
pub use engine::{Identity, RosterChange};
pub use error::GroupError;
pub use policy::{MediaMode, PolicyError, ROOM_POLICY_EXTENSION, RoomPolicy};
pub use roster::{Member, Roster};
