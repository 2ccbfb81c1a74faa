//! The service's certificate and key, and what TLS it speaks.
//!
//! Keys of media do not depend on it. It keeps tokens, names and the course of a call from those who
//! listen on the way, and the page from those who would change it there.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DnType, KeyPair};
use sha2::{Digest as _, Sha256};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use tokio_rustls::rustls::{Error as RustlsError, ServerConfig};

/// How long a certificate that is made here is good: 397 days, the longest that browsers
/// take from anybody.
const GOOD_FOR: Duration = Duration::from_secs(397 * 24 * 60 * 60);
/// What browsers and our participants speak over it.
const HTTP_1_1: &[u8] = b"http/1.1";

/// Why a service cannot speak TLS.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read, or is not PEM.
    #[error("{path} cannot be used: {reason}; it must be a PEM file with {wanted}")]
    File {
        /// The file.
        path: PathBuf,
        /// What should be in it.
        wanted: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Certificate and key do not belong together, or are of a kind that rustls does not know.
    #[error("the certificate in {cert} cannot be used with the key in {key}: {source}")]
    Unusable {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What rustls says.
        source: RustlsError,
    },
    /// Only one file of a self-signed certificate and its key is there.
    #[error("{there} is there and {missing} is not: delete it, and both are made anew")]
    Half {
        /// The file that is there.
        there: PathBuf,
        /// The file that is not.
        missing: PathBuf,
    },
    /// A certificate cannot be made.
    #[error("no certificate can be made: {0}")]
    Make(#[from] rcgen::Error),
    /// It cannot be written.
    #[error("{path} cannot be written: {source}; name other files by --tls-cert and --tls-key")]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

/// A certificate with its key: TLS 1.2 and 1.3.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
    certificate: CertificateDer<'static>,
}

impl Tls {
    /// With the certificate chain and the private key in these PEM files. They are read once: a
    /// renewed certificate is taken by the next start.
    ///
    /// # Errors
    /// [`TlsError::File`] and [`TlsError::Unusable`], naming file, cause and remedy.
    pub fn load(cert: &Path, key: &Path) -> Result<Self, TlsError> {
        let chain = CertificateDer::pem_file_iter(cert).and_then(Iterator::collect);
        let chain: Vec<_> = chain.map_err(unreadable(cert, "certificates"))?;
        let Some(certificate) = chain.first().cloned() else {
            return Err(unreadable(cert, "certificates")(pem::Error::NoItemsFound));
        };
        let private = PrivateKeyDer::from_pem_file(key);
        let private = private.map_err(unreadable(key, "a private key"))?;
        let unusable = |source| TlsError::Unusable {
            cert: cert.into(),
            key: key.into(),
            source,
        };
        let builder = ServerConfig::builder_with_provider(ring::default_provider().into());
        let builder = builder
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_no_client_auth();
        let mut config = builder.with_single_cert(chain, private).map_err(unusable)?;
        config.alpn_protocols = vec![HTTP_1_1.to_vec()];
        Ok(Self {
            config: config.into(),
            certificate,
        })
    }

    /// With a certificate that nobody has signed, for development: made for `localhost` and the
    /// address `listen`, or what was made before if both files are there.
    ///
    /// # Errors
    /// [`TlsError`], naming file, cause and remedy.
    pub fn self_signed(cert: &Path, key: &Path, listen: IpAddr) -> Result<Self, TlsError> {
        match (cert.exists(), key.exists()) {
            (true, true) => {}
            (false, false) => make(cert, key, listen)?,
            (there, _) => {
                let (there, missing) = if there { (cert, key) } else { (key, cert) };
                return Err(TlsError::Half {
                    there: there.into(),
                    missing: missing.into(),
                });
            }
        }
        Self::load(cert, key)
    }

    /// The certificate, DER.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// SHA-256 of the certificate, as `openssl x509 -fingerprint -sha256` and browsers show it.
    pub fn fingerprint(&self) -> String {
        let hash = Sha256::digest(&self.certificate);
        let bytes: Vec<_> = hash.iter().map(|byte| format!("{byte:02X}")).collect();
        bytes.join(":")
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }
}

fn unreadable(path: &Path, wanted: &'static str) -> impl Fn(pem::Error) -> TlsError {
    move |error| TlsError::File {
        path: path.into(),
        wanted,
        reason: match error {
            pem::Error::Io(error) => error.to_string(),
            pem::Error::NoItemsFound => "there is none in it".to_owned(),
            other => format!("{other:?}"),
        },
    }
}

/// Makes a certificate and writes it and its key.
fn make(cert: &Path, key: &Path, listen: IpAddr) -> Result<(), TlsError> {
    let mut names: Vec<_> = ["localhost", "127.0.0.1", "::1"].map(String::from).into();
    let listen = listen.to_string();
    if !names.contains(&listen) {
        names.push(listen);
    }
    let mut params = CertificateParams::new(names)?;
    let name = &mut params.distinguished_name;
    name.push(DnType::CommonName, "MLS-SRTP, self-signed");
    let now = SystemTime::now();
    params.not_before = now.into();
    params.not_after = (now + GOOD_FOR).into();
    let pair = KeyPair::generate()?;
    let certificate = params.self_signed(&pair)?;
    write(key, &pair.serialize_pem())?;
    write(cert, &certificate.pem())
}

/// A new file that only its owner may read.
fn write(path: &Path, text: &str) -> Result<(), TlsError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|source| TlsError::Write {
        path: path.into(),
        source,
    })
}
