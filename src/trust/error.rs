//! Why a credential is refused.

use serde::{Deserialize, Serialize};

/// A credential that the trust settings refuse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{detail}")]
pub struct TrustError {
    /// Why, for the program.
    pub code: TrustCode,
    /// Why, for a person.
    pub detail: String,
}

impl TrustError {
    /// A refusal with its words.
    pub fn new(code: TrustCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }
}

/// Why a credential or a room token is refused, for the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TrustCode {
    /// Another kind of credential is asked for.
    CredentialType,
    /// The device had another key before.
    KeyChanged,
    /// Not a certificate, or one that lacks what it must say.
    CertificateMalformed,
    /// A certificate whose time is over.
    CertificateExpired,
    /// A certificate whose time has not come.
    CertificateNotYetValid,
    /// The certificate is another participant's.
    CertificateName,
    /// The certificate is for another key than the leaf's.
    CertificateKey,
    /// The certificate was signed by its own key and not by anybody who is trusted.
    CertificateSelfSigned,
    /// No trusted authority is at the end of the chain, or a link of it does not hold.
    CertificateChain,
    /// The certificate, or one above it, may not be used for this.
    CertificateUsage,
    /// There is no token where one is needed.
    TokenMissing,
    /// Not a room token, or one that lacks what it must say.
    TokenMalformed,
    /// Signed by nobody who is known here.
    TokenIssuer,
    /// The signature is not the issuer's: the token was changed, or made by somebody else.
    TokenSignature,
    /// The token's time is over.
    TokenExpired,
    /// The token's time has not come.
    TokenNotYetValid,
    /// The token is for another room.
    TokenRoom,
    /// The token is another participant's.
    TokenParticipant,
    /// The token is for another signature key.
    TokenKey,
    /// The token was used before with another signature key.
    TokenReplayed,
    /// A reason of the application's own.
    Other,
}

impl TrustCode {
    /// What whoever is refused, or refuses, can do about it; for a person.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::CredentialType => "come with the kind of credential that the room asks for",
            Self::KeyChanged => {
                "forget the old key (`--forget`, `PinnedKeys::forget`) once you know why it changed"
            }
            Self::CertificateMalformed => {
                "have a certificate issued with one URI name mls-srtp://user@domain/device"
            }
            Self::CertificateExpired => "have a new certificate issued",
            Self::CertificateNotYetValid => "set the clock, or wait",
            Self::CertificateName => "use the name that the certificate is for",
            Self::CertificateKey => "use the key that the certificate is for",
            Self::CertificateSelfSigned => "have the certificate issued by a trusted authority",
            Self::CertificateChain => {
                "send the certificates between, or have the authority trusted by the others"
            }
            Self::CertificateUsage => "have a certificate issued for client authentication",
            Self::TokenMissing => "get a room token and come with it",
            Self::TokenMalformed => "get a room token of the kind that this service reads",
            Self::TokenIssuer => "get a room token from an issuer that is known here",
            Self::TokenSignature => "get a new room token, and pass it on unchanged",
            Self::TokenExpired => "get a new room token",
            Self::TokenNotYetValid => "set the clock, or wait",
            Self::TokenRoom => "get a room token for this room",
            Self::TokenParticipant => "get a room token for this name",
            Self::TokenKey => "get a room token for this signature key",
            Self::TokenReplayed => "get a room token of your own",
            Self::Other => "ask whoever runs the application",
        }
    }
}
