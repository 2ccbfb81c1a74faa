//! Whose credentials are trusted.

use std::fmt::Debug;

use crate::id::ParticipantId;

/// Decides whether a signature key is a participant's.
///
/// MLS authenticates every member by the key in its credential; whether that key really is the
/// named participant's is for the application to say (RFC 9420 §5.3.1). Asked for every credential
/// that enters the group, and for all that are there when we join.
pub trait CredentialValidator: Debug + Send + Sync {
    /// Accepts `participant` with this raw Ed25519 public key of 32 bytes, or says for a person
    /// why not.
    ///
    /// # Errors
    /// The reason of the refusal.
    fn validate(&self, participant: &ParticipantId, signature_key: &[u8]) -> Result<(), String>;
}

/// Takes every participant for who it says it is: the service alone decides who enters, and people
/// compare the group's code.
#[derive(Debug, Clone, Copy, Default)]
pub struct NamesOnly;

impl CredentialValidator for NamesOnly {
    fn validate(&self, _: &ParticipantId, _: &[u8]) -> Result<(), String> {
        Ok(())
    }
}
