//! A model of how a room orders commits, hands over between committers and keeps wishes, and a
//! check of everything that can happen in it within bounds.
//!
//! One service, three devices, and a network that may break at any time. Nothing of MLS is in it
//! but what a proposal is about, which proposals a commit takes and which epoch it continues. A
//! timer has no duration: it may fire whenever it runs.
//!
//! [`holds`] checks all rules together; [`switched_off`] takes away one rule at a time and sees a
//! property fail. `cargo test -p mls-srtp-model -- --nocapture` prints the states visited
//! and the shortest ways to each failure.

mod check;
mod holds;
mod liveness;
mod member;
mod normal;
mod ordering;
mod properties;
mod proposals;
mod rules;
mod service;
mod state;
mod switched_off;
mod wishes;
mod world;
