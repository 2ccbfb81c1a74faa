//! MLS-SRTP conference key manager.
#![forbid(unsafe_code)]

pub mod codes;
pub mod config;
pub mod delivery;
mod digits;
pub mod epoch;
pub mod event;
pub mod group;
pub mod id;
pub mod manager;
pub mod media;
pub mod pipeline;
pub mod schedule;
pub mod secret;
#[cfg(test)]
pub(crate) mod testing;
pub mod time;
pub mod token;
pub mod trust;

pub use config::ManagerConfig;
pub use event::Event;
pub use manager::{KeyManager, Output};
