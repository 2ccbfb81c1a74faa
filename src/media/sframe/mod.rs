//! The end-to-end protection of one encoded frame: SFrame (RFC 9605).
//!
//! ```text
//! clear prefix(n) ‖ SFrame header ‖ ciphertext ‖ tag(16) ‖ n(1)
//! AAD = SFrame header ‖ metadata                            metadata = clear prefix ‖ n
//! ```
//! The prefix is what packetizers, depacketizers and SFUs must read of a codec. It is authenticated,
//! and so is its length. Nothing is that an SFU may rewrite: SSRC, payload type, sequence numbers,
//! timestamps. In H.264 frames everything behind the prefix is escaped, see [`Codec::H264`].

mod annex_b;
mod codec;
mod emulation;
mod frame;
mod header;
mod key;

pub use codec::{Codec, UnsupportedCodec};
pub use frame::{CutFrame, SealedFrame, Unprotectable};
pub use header::SframeHeader;
pub use key::FrameKey;
