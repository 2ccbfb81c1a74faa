//! Which certificates of a service are believed, for `wss://` addresses.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls_native_certs::load_native_certs;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, ConfigBuilder, DigitallySignedStruct, Error as RustlsError,
    RootCertStore, SignatureScheme, WantsVerifier,
};

/// Why no certificate can be believed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The file has no certificate that can be used.
    #[error("{path} cannot be used: {reason}; it must be a PEM file with certificates")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The system trusts nobody, or cannot say whom.
    #[error("this system has no trusted certificates ({0}); install them, or name a file with one")]
    NoRoots(String),
}

/// Whose certificates are believed: those that the system trusts, and perhaps more.
#[derive(Clone, Default)]
pub struct Trust(Option<Arc<ClientConfig>>);

impl Trust {
    /// What the system trusts; it is asked at the first connection with TLS.
    pub const SYSTEM: Self = Self(None);

    /// What the system trusts and the certificates in a PEM file: of an authority of one's own, or
    /// the very certificate of a service that signed it itself.
    ///
    /// # Errors
    /// [`TrustError::File`].
    pub fn with_file(path: &Path) -> Result<Self, TrustError> {
        let unusable = |reason| TrustError::File {
            path: path.into(),
            reason,
        };
        let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
        let certificates: Vec<_> = read.map_err(|error| {
            unusable(match error {
                pem::Error::Io(error) => error.to_string(),
                other => format!("{other:?}"),
            })
        })?;
        if certificates.is_empty() {
            return Err(unusable("there is none in it".into()));
        }
        let (mut roots, _) = system();
        for certificate in certificates {
            let added = roots.add(certificate);
            added.map_err(|error| unusable(error.to_string()))?;
        }
        Ok(Self(Some(believing(roots))))
    }

    /// Only this certificate (DER), whatever its names and its time: for who has it from the service
    /// itself, such as a client in the service's own process.
    pub fn only(certificate: &[u8]) -> Self {
        let provider = Arc::new(ring::default_provider());
        let only = Only {
            certificate: certificate.to_vec().into(),
            algorithms: provider.signature_verification_algorithms,
        };
        let config = versions(provider)
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(only))
            .with_no_client_auth();
        Self(Some(Arc::new(config)))
    }

    pub(crate) fn config(&self) -> Result<Arc<ClientConfig>, TrustError> {
        static SYSTEM: OnceLock<Result<Arc<ClientConfig>, TrustError>> = OnceLock::new();
        if let Some(config) = &self.0 {
            return Ok(Arc::clone(config));
        }
        let config = SYSTEM.get_or_init(|| match system() {
            (roots, trouble) if roots.is_empty() => Err(TrustError::NoRoots(trouble)),
            (roots, _) => Ok(believing(roots)),
        });
        config.clone()
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            None => "Trust(system)",
            Some(_) => "Trust(certificates)",
        })
    }
}

/// What the system trusts, and why that is not all there is. What does not parse is left out, as
/// browsers do.
fn system() -> (RootCertStore, String) {
    let mut roots = RootCertStore::empty();
    let found = load_native_certs();
    roots.add_parsable_certificates(found.certs);
    let trouble: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
    let trouble = match trouble.is_empty() {
        true => "none are installed".to_owned(),
        false => trouble.join("; "),
    };
    (roots, trouble)
}

fn believing(roots: RootCertStore) -> Arc<ClientConfig> {
    let builder = versions(Arc::new(ring::default_provider()));
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

#[expect(clippy::expect_used, reason = "ring is what it is")]
fn versions(provider: Arc<CryptoProvider>) -> ConfigBuilder<ClientConfig, WantsVerifier> {
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions();
    builder.expect("ring has what TLS 1.2 and 1.3 need")
}

/// Believes one certificate. That the service has its key is checked as always.
#[derive(Debug)]
struct Only {
    certificate: CertificateDer<'static>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Only {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, RustlsError> {
        match *end_entity == self.certificate {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        verify_tls12_signature(message, cert, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        verify_tls13_signature(message, cert, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
