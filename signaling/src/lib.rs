//! The delivery service of MLS-SRTP conferences: it orders the handshake of every room, checks
//! what an outsider can check, proposes what clients wish, and carries SDP to the SFU. It never
//! learns a key.
//!
//! ```no_run
//! use mls_srtp_signaling::access::OpenAccess;
//! use mls_srtp_signaling::{ServerBuilder, ServiceConfig};
//!
//! # async fn run() -> Result<(), mls_srtp_signaling::StartError> {
//! let server = ServerBuilder::new(ServiceConfig::default(), OpenAccess).bind().await?;
//! println!("listening on {}", server.url());
//! server.run(async { let _ = tokio::signal::ctrl_c().await; }).await;
//! # Ok(())
//! # }
//! ```
//!
//! - [`room`]: the logic of one room, without sockets or clock.
//! - [`store`]: where logs are kept.
//! - [`access`]: who may do what.
//! - [`media`]: the way to the SFU.
//! - [`site`]: pages for browsers on the same port.
//! - [`tls`], [`origin`], [`http`]: what is between a service and the internet; [`transport`] has
//!   the options for it.
//! - [`logging`]: what programs log.
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

pub mod access;
mod addresses;
mod bucket;
pub mod config;
mod connection;
mod door;
pub mod http;
pub mod logging;
pub mod media;
pub mod origin;
mod refused;
pub mod room;
mod server;
mod service;
pub mod site;
mod stats;
pub mod store;
pub mod tls;
pub mod transport;

pub use config::{RoomConfig, ServiceConfig};
pub use refused::Refused;
pub use room::{RoomEvent, RoomEventKind};
pub use server::{Server, ServerBuilder, ServerHandle, StartError};
pub use stats::ServiceStats;
