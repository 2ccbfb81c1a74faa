//! End-to-end encrypted media for `webrtc` peer connections.
//!
//! The core crate decides which key protects which packet; this crate puts that decision where
//! packets pass: an interceptor above every other one of a webrtc-rs peer connection.
//!
//! ```text
//! publish ─► stream (RTP numbers) ─► connection ─► e2e interceptor ─► DTLS-SRTP to the SFU
//! record  ◄─ reassemble           ◄─ connection ◄─ e2e interceptor ◄─ rtx unwrap ◄─ SFU
//! ```
//!
//! - [`e2e`]: [`e2e::E2eMedia`], the shared handle on a [`mls_srtp::pipeline::MediaPipeline`], and
//!   the interceptor that any webrtc-rs peer connection can carry.
//! - [`rtx`]: turns retransmissions back into the packets they repeat. Needed wherever the
//!   interceptor is used and RTX is negotiated.
//! - [`connection`]: one peer connection to an SFU with all of that in place.
//! - [`leg`]: such a connection that is made again whenever it is lost.
//! - [`session`]: the key manager, driven over a WebSocket.
//! - [`connect`], [`trust`]: that WebSocket, with TLS or without.
//! - [`state`]: what of it is kept on disk.
//! - [`identity`]: a signature key and certificates from files.
//! - [`headless`]: all of it put together, without a screen.
//! - [`stream`], [`reassemble`]: frames to packets and back.
//! - [`files`], [`publish`], [`record`], [`samples`]: media from and to files.
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
#![warn(missing_docs)]

pub mod clock;
pub mod connect;
pub mod connection;
pub mod e2e;
pub mod files;
pub mod headless;
pub mod identity;
pub mod kind;
pub mod leg;
mod link;
pub mod publish;
pub mod reassemble;
pub mod record;
pub mod retry;
pub mod rtx;
pub mod samples;
pub mod session;
pub mod signaling;
pub mod state;
pub mod stream;
pub mod trust;

#[cfg(test)]
mod testing;
