//! A selective forwarding unit that forwards what it cannot read.
//!
//! Every participant of a room sends its audio and video once, to here, and receives everyone
//! else's from here. The payloads are encrypted end to end by the participants; this crate holds
//! no key to them and depends on nothing that could.
//!
//! [`Sfu`] is a state machine without sockets and clocks. [`SfuServer`] (Linux) runs it on a thread
//! with one UDP socket.
//!
//! # The contract of [`Sfu`]
//!
//! 1. Feed it: [`Sfu::handle_datagram`], [`Sfu::handle_timeout`], or a command.
//! 2. Send everything [`Sfu::poll_transmit`] returns.
//! 3. Pass on everything [`Sfu::poll_event`] returns.
//! 4. Call [`Sfu::handle_timeout`] at [`Sfu::poll_timeout`] at the latest, then start over.
//!
//! # What passes and what does not
//!
//! SSRC, sequence number, timestamp, marker and payload pass unchanged. The payload type and the
//! ids of header extensions are translated when a leg negotiated other numbers; in
//! [`PayloadFormat::Double`] rooms the original payload type is recorded behind the payload
//! ([`ohb`]). Padding and unknown header extensions end here: they belong to the hop.
//!
//! # Retransmission and the hop's nonces
//!
//! Both sides of every hop negotiate NACK and, where the client can, RTX (RFC 4588): a
//! retransmission is a new packet of its own SSRC with its own nonce. Where a client offers no
//! RTX, a packet is sent again byte for byte, which repeats the ciphertext and so tells nothing
//! new. What must never happen is a *changed* packet under an old sequence number, because GCM
//! with a repeated nonce gives away its authentication key. Therefore no interceptor that stamps
//! packets on their way out (transport-wide congestion control) is installed, and [`window`]
//! refuses sequence numbers a publisher repeats. [`rtx`] says why repairs are unwrapped early.
//!
//! # Not done here
//!
//! Simulcast, bandwidth estimation, selection of the loudest speakers, data channels, TCP, TURN.
//!
//! The engine logs a warning for each datagram that fails to decrypt, so set its log targets
//! (`rtc*`) to `error` on the open internet.
#![forbid(unsafe_code)]
#![warn(missing_docs)]
// Nothing from outside may bring the process down. What cannot happen is said to the compiler, or
// expected on one function with the reason.
#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test that cannot go on fails")
)]
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

mod allowance;
mod codec;
mod config;
mod contained;
mod demux;
mod engine;
mod error;
mod event;
mod forward;
mod forwarding;
mod id;
mod keyframe;
mod keyframe_relay;
mod ledger;
mod membership;
mod monitor;
mod negotiation;
mod offer;
pub mod ohb;
mod path;
mod peer;
mod permissions;
mod room;
pub mod rtx;
#[cfg(target_os = "linux")]
mod server;
mod sfu;
#[cfg(target_os = "linux")]
mod socket;
mod stats;
pub mod window;

pub use allowance::Allowance;
pub use config::{PayloadFormat, SfuConfig};
pub use error::{Fault, SfuError};
pub use event::{DisconnectReason, Event, MediaKind, Transmit};
pub use forward::{Forwarded, Tap};
pub use id::{MAX_ID_BYTES, ParticipantId, RoomId};
pub use permissions::Permissions;
#[cfg(target_os = "linux")]
pub use server::{Reply, ServerStats, SfuHandle, SfuServer};
pub use sfu::Sfu;
pub use stats::{DropReason, Route, RouteCount, SfuStats};
