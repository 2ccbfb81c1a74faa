//! Other implementations of MLS in one group with this one.
//!
//! A [`peer::Peer`] is somebody else's MLS; everything else here is the way from it to the delivery
//! service and back.
#![forbid(unsafe_code)]

pub mod peer;
