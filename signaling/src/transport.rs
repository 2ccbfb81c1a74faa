//! Options of a command line for what is between the service and the internet.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::config::ServiceConfig;
use crate::origin::AllowedOrigin;
use crate::store::Place;
use crate::tls::{Tls, TlsError};

/// Names of the files of a self-signed certificate.
const CERT: &str = "mls-srtp-cert.pem";
const KEY: &str = "mls-srtp-key.pem";

/// TLS, foreign pages and limits of a service; to be flattened into a program's own options.
#[derive(Debug, Clone, Args)]
pub struct TransportArgs {
    /// Speak TLS (wss:// and https://) with the certificate chain in this PEM file.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's private key, PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// For development: speak TLS with a certificate that is made at the first start, at --tls-cert
    /// and --tls-key or else beside the store. Clients must be told to trust it.
    #[arg(long)]
    pub tls_self_signed: bool,
    /// Let browser pages of this origin connect as well, such as `https://app.example.org`; may be
    /// given several times. "*" is any page. Default: only pages of this service's own host.
    #[arg(long, value_name = "ORIGIN")]
    pub allow_origin: Vec<AllowedOrigin>,
    /// Connections at once from one IPv4 address or IPv6 /64; 0 is no limit, which is needed behind
    /// a proxy, where all come from one address.
    #[arg(long, default_value_t = ServiceConfig::default().max_per_address, value_name = "N")]
    pub max_per_address: usize,
    /// Messages per second that a client may send in the long run.
    #[arg(long, default_value_t = ServiceConfig::default().rate, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: u32,
    /// Messages that a client may send at once.
    #[arg(long, default_value_t = ServiceConfig::default().burst, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub burst: u32,
}

/// TLS as it was asked for.
pub struct ChosenTls {
    /// Certificate and key.
    pub tls: Tls,
    /// For people, if the certificate is self-signed: where it is and how to know it.
    pub notice: Option<String>,
}

impl TransportArgs {
    /// Puts limits and origins into a service's configuration.
    pub fn apply(&self, config: &mut ServiceConfig) {
        config.allowed_origins.clone_from(&self.allow_origin);
        config.max_per_address = self.max_per_address;
        config.rate = self.rate;
        config.burst = self.burst;
    }

    /// The certificate, if TLS was asked for.
    ///
    /// # Errors
    /// [`TlsError`], naming file, cause and remedy.
    pub fn tls(&self, listen: IpAddr, store: &Place) -> Result<Option<ChosenTls>, TlsError> {
        let named = self.tls_cert.clone().zip(self.tls_key.clone());
        if !self.tls_self_signed {
            let loaded = named
                .map(|(cert, key)| Tls::load(&cert, &key))
                .transpose()?;
            return Ok(loaded.map(|tls| ChosenTls { tls, notice: None }));
        }
        let (cert, key) = named.unwrap_or_else(|| {
            let folder = match store {
                Place::File(file) => file.parent().unwrap_or(Path::new("")),
                Place::Memory => Path::new(""),
            };
            (folder.join(CERT), folder.join(KEY))
        });
        let tls = Tls::self_signed(&cert, &key, listen)?;
        let notice = format!(
            "self-signed certificate {} · SHA-256 {}",
            cert.display(),
            tls.fingerprint()
        );
        Ok(Some(ChosenTls {
            tls,
            notice: Some(notice),
        }))
    }
}
