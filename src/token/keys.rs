//! The issuers that are known, by the keys that their tokens are checked with.

use ed25519_dalek::VerifyingKey;
use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey};
use hmac::{Hmac, Mac};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use sha2::Sha256;

use super::{MAX_TOKEN_BYTES, RoomToken, TOKEN_AUDIENCE, TOKEN_TYPE, crypto, thumbprint};
use crate::trust::{TrustCode, TrustError};

/// Shortest shared secret in bytes: as long as the hash (RFC 7518 §3.2).
pub(super) const MIN_SECRET: usize = 32;

/// Keys of issuers.
#[derive(Clone)]
pub struct TokenKeys(Vec<TokenKey>);

#[derive(Clone)]
struct TokenKey {
    /// `kid` of the tokens made with it.
    id: String,
    algorithm: Algorithm,
    key: DecodingKey,
}

/// Why a key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenKeyError {
    /// PEM of something else than an Ed25519 key.
    #[error("not an Ed25519 key in PEM (make one with `mls-srtp-signaling token-key`)")]
    Pem,
    /// A shared secret that can be guessed.
    #[error("a shared secret must have {MIN_SECRET} bytes or more, not {0}")]
    ShortSecret(usize),
    /// A shared secret where only public keys prove anything.
    #[error(
        "members check tokens with an issuer's public key; a shared secret proves nothing to them"
    )]
    SharedSecret,
}

impl std::fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.ids()).finish()
    }
}

impl TokenKeys {
    /// One Ed25519 key in PEM: `PUBLIC KEY`, or the issuer's own `PRIVATE KEY`. Whatever else there
    /// may be in a file is not taken for a secret.
    ///
    /// # Errors
    /// [`TokenKeyError::Pem`].
    pub fn read(text: &str) -> Result<Self, TokenKeyError> {
        let text = text.trim();
        let public = if text.contains("PRIVATE KEY") {
            ed25519_dalek::SigningKey::from_pkcs8_pem(text).map(|key| key.verifying_key())
        } else {
            VerifyingKey::from_public_key_pem(text).map_err(Into::into)
        };
        Ok(Self::eddsa(&public.map_err(|_| TokenKeyError::Pem)?))
    }

    pub(super) fn eddsa(public: &VerifyingKey) -> Self {
        Self(vec![TokenKey {
            id: thumbprint(public.as_bytes()),
            algorithm: Algorithm::EdDSA,
            key: DecodingKey::from_ed_der(public.as_bytes()),
        }])
    }

    /// A shared secret.
    ///
    /// # Errors
    /// [`TokenKeyError::ShortSecret`].
    pub fn hs256(secret: &[u8]) -> Result<Self, TokenKeyError> {
        if secret.len() < MIN_SECRET {
            return Err(TokenKeyError::ShortSecret(secret.len()));
        }
        Ok(Self(vec![TokenKey {
            id: secret_id(secret),
            algorithm: Algorithm::HS256,
            key: DecodingKey::from_secret(secret),
        }]))
    }

    /// These and those: to change an issuer's key, both are known for a while.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// The `kid` of each.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|key| key.id.as_str())
    }

    /// Refuses shared secrets.
    ///
    /// # Errors
    /// [`TokenKeyError::SharedSecret`].
    pub fn only_public(self) -> Result<Self, TokenKeyError> {
        if self.0.iter().any(|key| key.algorithm != Algorithm::EdDSA) {
            return Err(TokenKeyError::SharedSecret);
        }
        Ok(self)
    }

    /// Checks who signed a token, and that it is a room token. For whom and until when, the token
    /// itself is asked after that.
    ///
    /// # Errors
    /// [`TrustCode::TokenMalformed`], [`TrustCode::TokenIssuer`] or [`TrustCode::TokenSignature`].
    pub fn verify(&self, token: &str) -> Result<RoomToken, TrustError> {
        crypto::install();
        let malformed = |detail: String| TrustError::new(TrustCode::TokenMalformed, detail);
        if token.len() > MAX_TOKEN_BYTES {
            return Err(malformed("the token is too long".into()));
        }
        let header = decode_header(token).map_err(|_| malformed("not a token".into()))?;
        if header.typ.as_deref() != Some(TOKEN_TYPE) {
            return Err(malformed(format!("the token's type is not {TOKEN_TYPE}")));
        }
        let named = |key: &&TokenKey| header.kid.as_ref().is_none_or(|kid| *kid == key.id);
        let fits = |key: &&TokenKey| key.algorithm == header.alg && named(key);
        let mut refused = TrustError::new(
            TrustCode::TokenIssuer,
            "the token is of an issuer who is not known here",
        );
        for key in self.0.iter().filter(fits) {
            match key.open(token) {
                Ok(claims) => return Ok(claims),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }
}

impl TokenKey {
    fn open(&self, token: &str) -> Result<RoomToken, TrustError> {
        let mut wanted = Validation::new(self.algorithm);
        wanted.set_audience(&[TOKEN_AUDIENCE]);
        wanted.set_required_spec_claims(&["exp", "aud", "sub"]);
        // By the clock of whoever asks.
        wanted.validate_exp = false;
        wanted.validate_nbf = false;
        let opened = decode::<RoomToken>(token, &self.key, &wanted);
        let opened = opened.map_err(|error| match error.kind() {
            ErrorKind::InvalidSignature => TrustError::new(
                TrustCode::TokenSignature,
                "the token's signature is not its issuer's: it was changed",
            ),
            kind => TrustError::new(TrustCode::TokenMalformed, format!("not a token: {kind:?}")),
        })?;
        Ok(opened.claims)
    }
}

/// Tells shared secrets apart without telling anything of them.
#[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
pub(super) fn secret_id(secret: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret);
    let mut mac = mac.expect("HMAC takes keys of every length");
    mac.update(b"mls-srtp v1 kid");
    let id = mac.finalize().into_bytes();
    id.iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
