//! Other implementations of MLS in one group with this one, over the delivery service.
//!
//! ```text
//! ours (KeyManager) ──┐                              ┌── participant ── peer: mls-rs
//!                     ├── call ── real WebSockets ───┤
//! scenario ───────────┘      the delivery service    └── participant ── peer: ts-mls
//! ```
//!
//! A [`peer::Peer`] is somebody else's MLS; a [`participant::Participant`] is the way from it to the
//! service. What every member has in an epoch is a [`reading::Reading`]; a [`report::Report`] holds
//! them side by side.
#![forbid(unsafe_code)]

pub mod call;
mod media;
mod ours;
pub mod participant;
pub mod peer;
pub mod reading;
pub mod report;
pub mod scenario;
pub mod service;
mod table;
mod terms;
