//! Room tokens: who may enter which room, as whom, with which rights, for how long.
//!
//! A JWT (RFC 7519) of the type [`TOKEN_TYPE`], made by whoever knows the users: the application's
//! backend. The service asks for one at the door. One signed with EdDSA and bound to a signature
//! key (`cnf`, RFC 7800) may also go into the participant's credential, where every member checks it
//! with the issuer's public key from its own configuration, and needs no service for that. One with
//! a shared secret (HS256) proves nothing to members: whoever can check it can make it.

mod crypto;
mod issuer;
mod keys;
mod proof;
mod signed;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::id::{ParticipantId, RoomName};
use crate::trust::{TrustCode, TrustError};
pub use issuer::{TokenIssuer, new_key, new_token_id};
pub use keys::{TokenKeyError, TokenKeys};
pub use proof::KeyProof;
pub(crate) use proof::content as proof_content;
pub use signed::SignedToken;

/// `typ` of a room token's header (RFC 8725 §3.11): no other JWT of the same issuer is taken for one.
pub const TOKEN_TYPE: &str = "mls-srtp-room+jwt";
/// `aud` of a room token.
pub const TOKEN_AUDIENCE: &str = "mls-srtp";
/// Longest token that is looked at, in bytes.
pub const MAX_TOKEN_BYTES: usize = 4 * 1024;

/// What a room token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomToken {
    /// [`TOKEN_AUDIENCE`].
    pub aud: String,
    /// The user, `user@domain`.
    pub sub: String,
    /// The user's device.
    pub device: String,
    /// The room, or the beginning of its name followed by `*`.
    pub room: String,
    /// What its bearer may do there.
    pub rights: Vec<Right>,
    /// When it was made, in seconds since 1970.
    pub iat: u64,
    /// Until when it lets in, in seconds since 1970.
    pub exp: u64,
    /// From when on, if not from the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<u64>,
    /// Tells it from every other token of its issuer.
    pub jti: String,
    /// The one signature key that it is good for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
}

/// What the bearer of a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// Send media.
    Publish,
    /// Receive media.
    Subscribe,
    /// Remove others, and lock the room.
    Moderate,
}

/// The key that a token is bound to (RFC 7800 §3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// [`thumbprint`] of the signature key (RFC 9449 §6.1).
    pub jkt: String,
}

/// The JWK thumbprint of a raw Ed25519 public key (RFC 7638 §3, RFC 8037 §2), 43 characters.
pub fn thumbprint(signature_key: &[u8]) -> String {
    let x = URL_SAFE_NO_PAD.encode(signature_key);
    let jwk = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    URL_SAFE_NO_PAD.encode(Sha256::digest(jwk))
}

impl RoomToken {
    /// Reads what a token says without asking who signed it: to choose what to do with a token of
    /// one's own, never to trust somebody else's.
    pub fn peek(token: &str) -> Option<Self> {
        if token.len() > MAX_TOKEN_BYTES {
            return None;
        }
        let claims = token.split('.').nth(1)?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
    }

    /// Whether it may stand in a credential: signed with EdDSA, so that members can check it, and
    /// bound to this key, so that it is of no use to those who read it there.
    pub fn may_be_shown(token: &str, signature_key: &[u8]) -> bool {
        let is_eddsa = || {
            let header = URL_SAFE_NO_PAD.decode(token.split('.').next()?).ok()?;
            let header: serde_json::Value = serde_json::from_slice(&header).ok()?;
            Some(header.get("alg")? == "EdDSA")
        };
        let bound = Self::peek(token).and_then(|claims| claims.cnf);
        bound.is_some_and(|cnf| cnf.jkt == thumbprint(signature_key)) && is_eddsa() == Some(true)
    }

    /// Whether it has a right.
    pub fn grants(&self, right: Right) -> bool {
        self.rights.contains(&right)
    }

    /// Checks that it is for this room and this participant.
    ///
    /// # Errors
    /// [`TrustCode::TokenRoom`] or [`TrustCode::TokenParticipant`].
    pub fn check_names(
        &self,
        room: &RoomName,
        participant: &ParticipantId,
    ) -> Result<(), TrustError> {
        let fits = match self.room.strip_suffix('*') {
            Some(beginning) => room.as_str().starts_with(beginning),
            None => room.as_str() == self.room,
        };
        if !fits {
            let detail = format!("the token is for the room {}, not {room}", self.room);
            return Err(TrustError::new(TrustCode::TokenRoom, detail));
        }
        let named = format!("{}/{}", self.sub, self.device);
        if named != participant.to_string() {
            let detail = format!("the token is {named}'s, not {participant}'s");
            return Err(TrustError::new(TrustCode::TokenParticipant, detail));
        }
        Ok(())
    }

    /// Checks that its time has come and is not over; clocks may differ by `leeway` seconds.
    ///
    /// # Errors
    /// [`TrustCode::TokenExpired`] or [`TrustCode::TokenNotYetValid`].
    pub fn check_time(&self, now: u64, leeway: u64) -> Result<(), TrustError> {
        self.check_expiry(now, leeway)?;
        self.check_begin(now, leeway)
    }

    pub(crate) fn check_expiry(&self, now: u64, leeway: u64) -> Result<(), TrustError> {
        if self.exp.saturating_add(leeway) <= now {
            let ago = now - self.exp;
            let detail = format!("the token expired {ago} s ago; ask for a new one");
            return Err(TrustError::new(TrustCode::TokenExpired, detail));
        }
        Ok(())
    }

    pub(crate) fn check_begin(&self, now: u64, leeway: u64) -> Result<(), TrustError> {
        let from = self.nbf.unwrap_or_default();
        if from > now.saturating_add(leeway) {
            let detail = format!("the token lets in from {} s on", from - now);
            return Err(TrustError::new(TrustCode::TokenNotYetValid, detail));
        }
        Ok(())
    }

    /// Checks that it is bound to no other signature key than this one.
    ///
    /// # Errors
    /// [`TrustCode::TokenKey`].
    pub fn check_key(&self, signature_key: &[u8]) -> Result<(), TrustError> {
        match &self.cnf {
            Some(cnf) if cnf.jkt != thumbprint(signature_key) => Err(TrustError::new(
                TrustCode::TokenKey,
                "the token is for another signature key",
            )),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
