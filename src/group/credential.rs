use crate::id::ParticipantId;
use openmls::prelude::*;
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cred")]
pub struct CredentialError;
pub(crate) fn of(p: &ParticipantId) -> Credential {
    BasicCredential::new(p.to_string().into_bytes()).into()
}
pub(crate) fn participant(c: &Credential) -> Result<ParticipantId, CredentialError> {
    let b = BasicCredential::try_from(c.clone()).map_err(|_| CredentialError)?;
    std::str::from_utf8(b.identity())
        .ok()
        .and_then(|s| s.parse().ok())
        .ok_or(CredentialError)
}
