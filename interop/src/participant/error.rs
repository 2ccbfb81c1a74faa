//! Why a participant of somebody else's MLS cannot go on.

use mls_srtp::delivery::{CloseReason, Refusal};

use crate::peer::PeerError;
use crate::reading::ReadError;

/// Why a participant cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ParticipantError {
    /// Its MLS refused.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// Its MLS cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The service refused what it said.
    #[error("the service refused what {who} asked for, {request}: {reason:?}, {detail}")]
    Refused {
        /// Whose.
        who: String,
        /// Type of the message.
        request: String,
        /// Why, for the program.
        reason: Refusal,
        /// Why, for a person.
        detail: String,
    },
    /// The service said what does not fit.
    #[error("the service said what does not fit: {0}")]
    Service(&'static str),
    /// What somebody announces is none.
    #[error("a member announced what is no list of streams: {0}")]
    Announcement(#[from] serde_json::Error),
    /// The service ended the stay, though no commit had.
    #[error("the service closed the connection: {0:?}")]
    Closed(CloseReason),
    /// No randomness.
    #[error("the system has no randomness: {0}")]
    Random(#[from] getrandom::Error),
}
