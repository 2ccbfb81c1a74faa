//! The end-to-end transform of one packet or one frame.
//!
//! Packets: SRTP (RFC 3711, with AES-GCM RFC 7714) inside the hop's SRTP. Frames: [`sframe`].
//!
//! The packets' transform is the inner half of RFC 8723's DOUBLE. The outer half is the WebRTC stack's untouched
//! DTLS-SRTP. Two things differ from RFC 8723: the packet carries an MKI and the low half of the
//! sender's roll-over counter behind its tag (see [`Trailer`]), so nothing has to be guessed.
//! Without that trailer it is a plain SRTP packet that any SRTP library opens.

mod aead;
mod counter_mode;
mod gcm;
mod header;
mod index;
mod limits;
mod ohb;
mod replay;
pub mod sframe;
mod srtp;
mod trailer;

pub use header::RtpHeader;
pub use index::PacketIndex;
pub use limits::{KeyExhausted, KeyLimits, KeyUsage};
pub use ohb::Ohb;
pub use replay::{ReplayWindow, Stale, WINDOW};
pub use srtp::{AuthFailed, OpenFailed, PacketKey};
pub use trailer::{Mki, Trailer};

/// The bytes are not a protected packet or frame: the sender's or a hop's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// Not an RTP version 2 packet, or a length in its header leads outside of it.
    #[error("the RTP header is malformed")]
    Header,
    /// Too short for tag, MKI, ROC and OHB.
    #[error("the packet is too short for its trailer")]
    Trailer,
    /// The Original Header Block breaks its format.
    #[error("the original header block is malformed")]
    Ohb,
    /// Too short for an SFrame behind its clear prefix, or not encoded as the format asks for.
    #[error("the frame is no SFrame")]
    Frame,
}
