//! Media against strangers' implementations, in both directions: packets against libsrtp, frames
//! against the crate `sframe`.

mod frame_room;
mod frames;
mod hex;
mod libsrtp;
mod packets;
mod room;
mod stranger;
mod vectors;
