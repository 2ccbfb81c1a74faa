//! The SFU as its clients see it: over a simulated network, over real sockets, and with webrtc.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;
mod forwarding;
mod hostile;
mod moving;
mod offers;
mod repair;
mod robustness;
#[cfg(target_os = "linux")]
mod server;
mod translation;
#[cfg(target_os = "linux")]
mod webrtc_client;
