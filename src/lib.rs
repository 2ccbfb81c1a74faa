//! MLS-SRTP conference key manager.
#![forbid(unsafe_code)]
// Nothing from outside may bring the process down. What cannot happen is said to the compiler, or
// expected on one function with the reason.
#![cfg_attr(
    not(test),
    deny(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

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
