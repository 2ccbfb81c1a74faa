//! A refusal on its way to a client.

use mls_srtp::delivery::{Refusal, ServiceMessage};
use mls_srtp::trust::{TrustCode, TrustError};

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// For the program.
    pub reason: Refusal,
    /// What is wrong with a token or credential, if it is that.
    pub code: Option<TrustCode>,
    /// For a person.
    pub detail: String,
}

impl Refused {
    /// A refusal with its words.
    pub fn new(reason: Refusal, detail: impl Into<String>) -> Self {
        Self {
            reason,
            code: None,
            detail: detail.into(),
        }
    }

    /// The envelope that says it.
    pub fn of(self, request: impl Into<String>) -> ServiceMessage {
        ServiceMessage::Refused {
            request: request.into(),
            reason: self.reason,
            code: self.code,
            detail: self.detail,
        }
    }
}

impl From<(Refusal, String)> for Refused {
    fn from((reason, detail): (Refusal, String)) -> Self {
        Self::new(reason, detail)
    }
}

impl From<TrustError> for Refused {
    fn from(error: TrustError) -> Self {
        Self {
            reason: Refusal::Unauthorised,
            code: Some(error.code),
            detail: error.detail,
        }
    }
}
