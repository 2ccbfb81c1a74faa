//! MLS-SRTP conference key manager.
#![forbid(unsafe_code)]

pub mod delivery;
pub mod epoch;
pub mod group;
pub mod id;
pub mod media;
pub mod pipeline;
pub mod schedule;
pub mod secret;
pub mod time;

#[cfg(test)]
pub(crate) mod testing;
