//! Who may enter, on a command line.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use mls_srtp::token::{TokenIssuer, TokenKeyError, TokenKeys};

use super::{AccessControl, OpenAccess, TokenAccess};

/// Who may enter rooms. There is no default: a service that lets anybody in does so because it was
/// told to.
#[derive(Debug, Clone, Args)]
pub struct AccessArgs {
    /// Let in whoever shows a room token that this key has signed: a file with the issuer's Ed25519
    /// key in PEM. May be given several times.
    #[arg(long, value_name = "FILE", env = "MLS_SRTP_TOKEN_KEY")]
    pub token_key: Vec<PathBuf>,
    /// Let in whoever shows a room token made with this shared secret: a file of 32 bytes or more.
    /// Members cannot check such tokens. May be given several times.
    #[arg(long, value_name = "FILE")]
    pub token_secret: Vec<PathBuf>,
    /// Let anyone into any room under any name, without a token.
    #[arg(long, conflicts_with_all = ["token_key", "token_secret"])]
    pub open: bool,
    /// How many rooms a token for several rooms may open.
    #[arg(long, default_value_t = 16, value_name = "N")]
    pub rooms_per_token: usize,
}

/// Why nobody can be let in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// Neither tokens nor everybody.
    #[error(
        "say who may enter: --token-key FILE for room tokens (see `mls-srtp-signaling token-key`), \
         or --open to let anyone into any room under any name"
    )]
    Unsaid,
    /// A file cannot be read.
    #[error("cannot read the token key {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A file holds no key.
    #[error("the token key {path}: {source}")]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: TokenKeyError,
    },
}

impl AccessArgs {
    /// The access control that was asked for.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn control(&self) -> Result<Box<dyn AccessControl>, AccessError> {
        if self.open {
            return Ok(Box::new(OpenAccess));
        }
        let mut issuers: Option<TokenKeys> = None;
        let public = self
            .token_key
            .iter()
            .map(|path| read_key(path, TokenKeys::read));
        let secret = self.token_secret.iter();
        let secret = secret.map(|path| read_key(path, |text| TokenKeys::hs256(secret_in(text))));
        for keys in public.chain(secret) {
            let keys = keys?;
            issuers = Some(match issuers {
                Some(others) => others.and(keys),
                None => keys,
            });
        }
        let issuers = issuers.ok_or(AccessError::Unsaid)?;
        let access = TokenAccess::new(issuers, unix_time, self.rooms_per_token);
        Ok(Box::new(access))
    }

    /// For a person, if there is something to be said loudly.
    pub fn warning(&self) -> Option<&'static str> {
        self.open
            .then_some("open access: anyone may enter any room under any name")
    }
}

/// Reads a file with a key.
///
/// # Errors
/// [`AccessError::Read`] or [`AccessError::Key`].
fn read_key<T>(
    path: &Path,
    read: impl Fn(&str) -> Result<T, TokenKeyError>,
) -> Result<T, AccessError> {
    let text = std::fs::read_to_string(path).map_err(|source| AccessError::Read {
        path: path.to_owned(),
        source,
    })?;
    read(&text).map_err(|source| AccessError::Key {
        path: path.to_owned(),
        source,
    })
}

/// Reads a file with a private key that makes tokens.
///
/// # Errors
/// [`AccessError`].
pub fn read_issuer(path: &Path) -> Result<TokenIssuer, AccessError> {
    read_key(path, TokenIssuer::read)
}

/// Reads a file with a shared secret that makes tokens.
///
/// # Errors
/// [`AccessError`].
pub fn read_secret_issuer(path: &Path) -> Result<TokenIssuer, AccessError> {
    read_key(path, |text| TokenIssuer::hs256(secret_in(text)))
}

/// Editors put a line's end behind the last line.
fn secret_in(text: &str) -> &[u8] {
    text.trim().as_bytes()
}

/// The system's time since 1970; zero on a machine that believes it is earlier.
pub fn unix_time() -> Duration {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default()
}
