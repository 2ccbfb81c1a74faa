//! Why a chain is refused: `webpki`'s errors as codes, in words that name the remedy.

use std::time::Duration;

use webpki::Error as PathError;

use super::super::{TrustCode, TrustError};
use super::MAX_CERTIFICATES;
use crate::id::ParticipantId;

pub(super) fn no_certificate() -> TrustError {
    TrustError::new(
        TrustCode::CredentialType,
        "it brings no certificate, and only certificates are trusted here",
    )
}

pub(super) fn empty() -> TrustError {
    TrustError::new(TrustCode::CertificateMalformed, "the chain is empty")
}

pub(super) fn too_long() -> TrustError {
    TrustError::new(
        TrustCode::CertificateChain,
        format!("the chain has more than {MAX_CERTIFICATES} certificates"),
    )
}

pub(super) fn nameless() -> TrustError {
    TrustError::new(
        TrustCode::CertificateMalformed,
        "the certificate has not exactly one URI name mls-srtp://user@domain/device",
    )
}

pub(super) fn named(other: &ParticipantId) -> TrustError {
    TrustError::new(
        TrustCode::CertificateName,
        format!("the certificate is {other}'s"),
    )
}

pub(super) fn other_key() -> TrustError {
    TrustError::new(
        TrustCode::CertificateKey,
        "the certificate is for another key than the Ed25519 key that signs for it here",
    )
}

pub(super) fn self_signed() -> TrustError {
    TrustError::new(
        TrustCode::CertificateSelfSigned,
        "the certificate is signed by its own key; it needs one by an authority that is trusted \
         here",
    )
}

/// What `webpki` found.
pub(super) fn of(error: &PathError) -> TrustError {
    let code = code(error);
    let detail = match error {
        PathError::CertExpired { time, not_after } => {
            let since = time.as_secs().saturating_sub(not_after.as_secs());
            format!(
                "a certificate of the chain expired {} ago; it needs a new one",
                about(since)
            )
        }
        PathError::CertNotValidYet { time, not_before } => {
            let until = not_before.as_secs().saturating_sub(time.as_secs());
            format!(
                "a certificate of the chain begins in {}; is a clock wrong?",
                about(until)
            )
        }
        PathError::UnknownIssuer => {
            "no authority that is trusted here is at the end of the chain, or a certificate \
             between is missing"
                .into()
        }
        other => match code {
            TrustCode::CertificateChain => format!("the chain does not hold: {other}"),
            TrustCode::CertificateUsage => {
                format!("a certificate of the chain may not be used for this: {other}")
            }
            _ => format!("a certificate of the chain cannot be read: {other}"),
        },
    };
    TrustError::new(code, detail)
}

fn code(error: &PathError) -> TrustCode {
    match error {
        PathError::CertExpired { .. } => TrustCode::CertificateExpired,
        PathError::CertNotValidYet { .. } => TrustCode::CertificateNotYetValid,
        PathError::CaUsedAsEndEntity
        | PathError::EndEntityUsedAsCa
        | PathError::EmptyEkuExtension
        | PathError::NameConstraintViolation
        | PathError::PathLenConstraintViolated
        | PathError::RequiredEkuNotFoundContext(_) => TrustCode::CertificateUsage,
        PathError::BadDer
        | PathError::BadDerTime
        | PathError::ExtensionValueInvalid
        | PathError::InvalidCertValidity
        | PathError::InvalidNetworkMaskConstraint
        | PathError::InvalidSerialNumber
        | PathError::MalformedDnsIdentifier
        | PathError::MalformedExtensions
        | PathError::MalformedNameConstraint
        | PathError::SignatureAlgorithmMismatch
        | PathError::TrailingData(_)
        | PathError::UnsupportedCertVersion
        | PathError::UnsupportedCriticalExtension => TrustCode::CertificateMalformed,
        // Issuers, signatures, algorithms, and searches that became too long.
        _ => TrustCode::CertificateChain,
    }
}

/// A span for a person, in its largest unit.
fn about(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{:?}", Duration::from_secs(seconds)),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
