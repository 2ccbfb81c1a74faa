//! What can go wrong with a group, by whose fault.

use super::credential::CredentialError;
use super::rules::RuleViolation;
use super::terms::TermsError;

/// Why something from the group's other side was refused, or could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GroupError {
    /// The bytes are not what they should be. The service's or another member's fault.
    #[error("not {0}")]
    Malformed(&'static str),
    /// MLS refuses it: signature, tag, tree or epoch. The service's or another member's fault.
    #[error("{what} is invalid: {reason}")]
    Invalid {
        /// What was refused.
        what: &'static str,
        /// The MLS library's words.
        reason: String,
    },
    /// More than a room can need, refused before it costs anything. The service's or another
    /// member's fault.
    #[error("{0} is cut off, or holds more than a room can need")]
    TooMuch(&'static str),
    /// The group's terms are not those of the room.
    #[error(transparent)]
    Terms(#[from] TermsError),
    /// A rule of this protocol forbids it, though MLS would allow it.
    #[error(transparent)]
    Rule(#[from] RuleViolation),
    /// A credential does not name a participant.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// A leaf above 65,535, which media packets cannot name.
    #[error("the group has more leaves than media packets can name")]
    TooLarge,
    /// The system's cryptography failed, for instance for want of randomness.
    #[error("the system's cryptography failed")]
    Crypto,
    /// The MLS library refused something of our own: a bug of ours.
    #[error("{doing} failed: {reason}")]
    Library {
        /// What we were doing.
        doing: &'static str,
        /// The library's words.
        reason: String,
    },
}

impl GroupError {
    pub(super) fn invalid(what: &'static str, reason: &impl std::fmt::Display) -> Self {
        Self::Invalid {
            what,
            reason: reason.to_string(),
        }
    }

    pub(super) fn library(doing: &'static str, reason: &impl std::fmt::Display) -> Self {
        Self::Library {
            doing,
            reason: reason.to_string(),
        }
    }
}
