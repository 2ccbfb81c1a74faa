//! A leaf's credential and the participant that it names.

use openmls::prelude::{BasicCredential, Credential};

use crate::id::ParticipantId;

/// A credential that names no participant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// Another type than basic.
    #[error("the credential is not a basic credential")]
    Type,
    /// Its identity is not `user@domain/device`.
    #[error("the credential's identity is not user@domain/device")]
    Identity,
}

/// The credential of a participant: its text form as the identity of a basic credential.
pub(crate) fn of(participant: &ParticipantId) -> Credential {
    BasicCredential::new(participant.to_string().into_bytes()).into()
}

/// The participant that a credential names.
pub(crate) fn participant(credential: &Credential) -> Result<ParticipantId, CredentialError> {
    let basic = BasicCredential::try_from(credential.clone()).map_err(|_| CredentialError::Type)?;
    let text = std::str::from_utf8(basic.identity()).map_err(|_| CredentialError::Identity)?;
    text.parse().map_err(|_| CredentialError::Identity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_participants_name_is_an_identity() {
        let alice: ParticipantId = "alice@example.org/phone".parse().expect("a name");
        assert_eq!(participant(&of(&alice)), Ok(alice));
        for wrong in [&b"alice"[..], b"", b"a b@x/y", &[0xff, 0xfe]] {
            let credential = BasicCredential::new(wrong.to_vec()).into();
            assert_eq!(
                participant(&credential),
                Err(CredentialError::Identity),
                "{wrong:?}"
            );
        }
    }
}
