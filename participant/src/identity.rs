//! A signature key and its certificates from PEM files.

use std::path::{Path, PathBuf};

use mls_srtp::delivery::Blob;
use mls_srtp::group::{Identity, KeyError};
use mls_srtp::id::ParticipantId;
use mls_srtp::trust::TrustError;
use rustls_pki_types::pem::{Error as PemError, PemObject};
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};

/// Why files give no identity.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The file cannot be read, or is not PEM.
    #[error("{} cannot be read as PEM: {reason}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        reason: PemError,
    },
    /// The key is none that members have.
    #[error("{}: {reason}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: KeyError,
    },
    /// The certificate is for another name or key.
    #[error("{}: {reason}; {}", path.display(), reason.code.remedy())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: TrustError,
    },
}

/// A participant whose key is in a file (PEM, PKCS #8, Ed25519), with the certificates of another
/// (PEM, its own first) if it has some.
///
/// # Errors
/// [`IdentityError`].
pub fn from_pem_files(
    participant: ParticipantId,
    key: &Path,
    certificates: Option<&Path>,
) -> Result<Identity, IdentityError> {
    let der = PrivatePkcs8KeyDer::from_pem_file(key).map_err(|reason| unreadable(key, reason))?;
    let identity = Identity::from_pkcs8(participant, der.secret_pkcs8_der());
    let identity = identity.map_err(|reason| IdentityError::Key {
        path: key.into(),
        reason,
    })?;
    let Some(path) = certificates else {
        return Ok(identity);
    };
    let chain = chain(path).map_err(|reason| unreadable(path, reason))?;
    let identity = identity.with_certificates(chain);
    identity.map_err(|reason| IdentityError::Certificate {
        path: path.into(),
        reason,
    })
}

fn chain(path: &Path) -> Result<Vec<Blob>, PemError> {
    CertificateDer::pem_file_iter(path)?
        .map(|certificate| Ok(Blob::new(certificate?.to_vec())))
        .collect()
}

fn unreadable(path: &Path, reason: PemError) -> IdentityError {
    IdentityError::File {
        path: path.into(),
        reason,
    }
}
