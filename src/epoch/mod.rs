//! One epoch of a group: its secret, who was in it, and how long its keys live.

mod authenticator;
mod retention;
mod secrets;
mod transition;

pub use authenticator::GroupCode;
pub use retention::{Congruent, EpochRing, TruncatedEpoch};
pub use secrets::EpochSecrets;
pub use transition::{SendSwitch, SwitchReason};
