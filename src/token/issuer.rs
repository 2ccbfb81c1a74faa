//! Making room tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey, EncodePublicKey};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use zeroize::Zeroizing;

use super::keys::{MIN_SECRET, secret_id};
use super::{RoomToken, TOKEN_TYPE, TokenKeyError, crypto, thumbprint};

/// Whoever makes tokens, with the key to do it.
pub struct TokenIssuer {
    id: String,
    algorithm: Algorithm,
    key: EncodingKey,
}

impl TokenIssuer {
    /// With an Ed25519 `PRIVATE KEY` in PEM.
    ///
    /// # Errors
    /// [`TokenKeyError::Pem`].
    pub fn read(text: &str) -> Result<Self, TokenKeyError> {
        let key = SigningKey::from_pkcs8_pem(text.trim()).map_err(|_| TokenKeyError::Pem)?;
        Self::eddsa(&key)
    }

    /// With a shared secret.
    ///
    /// # Errors
    /// [`TokenKeyError::ShortSecret`].
    pub fn hs256(secret: &[u8]) -> Result<Self, TokenKeyError> {
        if secret.len() < MIN_SECRET {
            return Err(TokenKeyError::ShortSecret(secret.len()));
        }
        Ok(Self {
            id: secret_id(secret),
            algorithm: Algorithm::HS256,
            key: EncodingKey::from_secret(secret),
        })
    }

    fn eddsa(key: &SigningKey) -> Result<Self, TokenKeyError> {
        let der = key.to_pkcs8_der().map_err(|_| TokenKeyError::Pem)?;
        Ok(Self {
            id: thumbprint(key.verifying_key().as_bytes()),
            algorithm: Algorithm::EdDSA,
            key: EncodingKey::from_ed_der(der.as_bytes()),
        })
    }

    /// Signs what a token says.
    ///
    /// # Errors
    /// [`TokenKeyError::Pem`] if the key turns out to be none.
    pub fn issue(&self, token: &RoomToken) -> Result<String, TokenKeyError> {
        crypto::install();
        let header = Header {
            typ: Some(TOKEN_TYPE.to_owned()),
            kid: Some(self.id.clone()),
            ..Header::new(self.algorithm)
        };
        encode(&header, token, &self.key).map_err(|_| TokenKeyError::Pem)
    }
}

/// An Ed25519 key for an issuer from 32 random bytes: the private key, which makes tokens, and the
/// public key, which checks them, both in PEM.
///
/// # Errors
/// [`TokenKeyError::Pem`] if it cannot be encoded, which does not happen.
pub fn new_key(seed: [u8; 32]) -> Result<(Zeroizing<String>, String), TokenKeyError> {
    let seed = Zeroizing::new(seed);
    let key = SigningKey::from_bytes(&seed);
    let private = key.to_pkcs8_pem(LineEnding::LF);
    let public = key.verifying_key().to_public_key_pem(LineEnding::LF);
    match (private, public) {
        (Ok(private), Ok(public)) => Ok((private, public)),
        _ => Err(TokenKeyError::Pem),
    }
}

/// An identifier for a token, of 16 random bytes.
pub fn new_token_id(random: [u8; 16]) -> String {
    URL_SAFE_NO_PAD.encode(random)
}
