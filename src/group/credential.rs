//! A leaf's credential: the participant that it names, and what it brings to prove that.

use openmls::prelude::{BasicCredential, Credential, CredentialType};
use tls_codec::{DeserializeBytes, TlsDeserializeBytes, TlsSerialize, TlsSize};

use crate::delivery::Blob;
use crate::id::ParticipantId;
use crate::trust::{self, Evidence, MAX_CERTIFICATES};

/// MLS credential type of a name with a room token, from the private-use range (RFC 9420 §17.5).
pub const TOKEN_CREDENTIAL: u16 = 0xF4D6;

/// The credential types that all members support.
pub(crate) const TYPES: [CredentialType; 3] = [
    CredentialType::Basic,
    CredentialType::X509,
    CredentialType::Other(TOKEN_CREDENTIAL),
];

/// A credential that names no participant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// Another type than basic, X.509 and token.
    #[error("the credential is of a type that is not known here")]
    Type,
    /// Its identity is not `user@domain/device`.
    #[error("the credential's identity is not user@domain/device")]
    Identity,
    /// The bytes are not those of its type.
    #[error("the credential is malformed")]
    Malformed,
    /// The certificate has not exactly one URI name `mls-srtp://user@domain/device`.
    #[error("the certificate names no participant by mls-srtp://user@domain/device")]
    CertificateName,
}

/// ```text
/// struct {
///     opaque identity<V>;     /* user@domain/device */
///     opaque token<V>;        /* JWT, compact serialization */
/// } TokenCredential;
/// ```
#[derive(TlsSerialize, TlsDeserializeBytes, TlsSize)]
struct TokenCredential {
    identity: Vec<u8>,
    token: Vec<u8>,
}

/// The credential of a participant with its evidence.
pub(crate) fn of(participant: &ParticipantId, evidence: &Evidence) -> Credential {
    let name = participant.to_string().into_bytes();
    match evidence {
        Evidence::None => BasicCredential::new(name).into(),
        Evidence::Certificates(chain) => {
            let one = |cert: &Blob| encoded(&cert.as_slice().to_vec());
            let content = chain.iter().flat_map(one).collect();
            Credential::new(CredentialType::X509, content)
        }
        Evidence::Token(token) => {
            let content = TokenCredential {
                identity: name,
                token: token.clone().into_bytes(),
            };
            Credential::new(CredentialType::Other(TOKEN_CREDENTIAL), encoded(&content))
        }
    }
}

#[expect(clippy::expect_used, reason = "what is encoded is ours and short")]
fn encoded(value: &impl tls_codec::Serialize) -> Vec<u8> {
    value
        .tls_serialize_detached()
        .expect("names, tokens and certificates fit a vector of 2^30 bytes")
}

/// The participant that a credential names.
pub(crate) fn participant(credential: &Credential) -> Result<ParticipantId, CredentialError> {
    let content = credential.serialized_content();
    match credential.credential_type() {
        CredentialType::Basic => named(content),
        CredentialType::X509 => named_by_certificate(content),
        CredentialType::Other(TOKEN_CREDENTIAL) => named(&token(content)?.identity),
        _ => Err(CredentialError::Type),
    }
}

/// What a credential brings to prove its name.
pub(crate) fn evidence(credential: &Credential) -> Result<Evidence, CredentialError> {
    let content = credential.serialized_content();
    match credential.credential_type() {
        CredentialType::Basic => Ok(Evidence::None),
        CredentialType::X509 => certificates(content).map(Evidence::Certificates),
        CredentialType::Other(TOKEN_CREDENTIAL) => {
            let token = String::from_utf8(token(content)?.token);
            token
                .map(Evidence::Token)
                .map_err(|_| CredentialError::Malformed)
        }
        _ => Err(CredentialError::Type),
    }
}

fn named(identity: &[u8]) -> Result<ParticipantId, CredentialError> {
    let text = std::str::from_utf8(identity).map_err(|_| CredentialError::Identity)?;
    text.parse().map_err(|_| CredentialError::Identity)
}

fn token(content: &[u8]) -> Result<TokenCredential, CredentialError> {
    TokenCredential::tls_deserialize_exact_bytes(content).map_err(|_| CredentialError::Malformed)
}

/// RFC 9420 §5.3: `struct { opaque cert_data<V>; } Certificate; Certificate certificates<V>;`.
fn certificates(mut content: &[u8]) -> Result<Vec<Blob>, CredentialError> {
    let mut chain = Vec::new();
    while !content.is_empty() && chain.len() < MAX_CERTIFICATES {
        let (certificate, rest) =
            Vec::tls_deserialize_bytes(content).map_err(|_| CredentialError::Malformed)?;
        chain.push(Blob::new(certificate));
        content = rest;
    }
    if chain.is_empty() || !content.is_empty() {
        return Err(CredentialError::Malformed);
    }
    Ok(chain)
}

/// The one participant whom the first certificate names. That it is trusted, this does not say.
fn named_by_certificate(content: &[u8]) -> Result<ParticipantId, CredentialError> {
    let (first, _) =
        Vec::<u8>::tls_deserialize_bytes(content).map_err(|_| CredentialError::Malformed)?;
    let named = trust::participant_in(&first).map_err(|_| CredentialError::Malformed)?;
    named.ok_or(CredentialError::CertificateName)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alice() -> ParticipantId {
        "alice@example.org/phone".parse().expect("a name")
    }

    #[test]
    fn only_a_participants_name_is_an_identity() {
        assert_eq!(participant(&of(&alice(), &Evidence::None)), Ok(alice()));
        for wrong in [&b"alice"[..], b"", b"a b@x/y", &[0xff, 0xfe]] {
            let credential = BasicCredential::new(wrong.to_vec()).into();
            assert_eq!(
                participant(&credential),
                Err(CredentialError::Identity),
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn a_token_comes_out_as_it_went_in() {
        let with_token = Evidence::Token("a.b.c".into());
        let credential = of(&alice(), &with_token);
        assert_eq!(participant(&credential), Ok(alice()));
        assert_eq!(evidence(&credential), Ok(with_token));
        let content = credential.serialized_content();
        let wire = b"\x17alice@example.org/phone\x05a.b.c";
        assert_eq!(content, wire);
        let mut longer = wire.to_vec();
        longer.push(0);
        let padded = [b"\x40", &wire[..]].concat();
        for wrong in [&wire[..20], &longer, &padded] {
            let kind = CredentialType::Other(TOKEN_CREDENTIAL);
            let credential = Credential::new(kind, wrong.to_vec());
            assert_eq!(participant(&credential), Err(CredentialError::Malformed));
        }
    }

    #[test]
    fn a_chain_comes_out_as_it_went_in() {
        let chain = Evidence::Certificates(vec![Blob::new(vec![1; 300]), Blob::new(vec![2])]);
        let credential = of(&alice(), &chain);
        assert_eq!(evidence(&credential), Ok(chain));
        let no_certificate = participant(&credential);
        assert_eq!(no_certificate, Err(CredentialError::Malformed));
        let with = |certificates: usize| {
            let content = b"\x01x".repeat(certificates);
            evidence(&Credential::new(CredentialType::X509, content))
        };
        assert!(with(MAX_CERTIFICATES).is_ok());
        assert_eq!(with(MAX_CERTIFICATES + 1), Err(CredentialError::Malformed));
        assert_eq!(with(0), Err(CredentialError::Malformed));
        let padded = Credential::new(CredentialType::X509, b"\x40\x01x".to_vec());
        assert_eq!(evidence(&padded), Err(CredentialError::Malformed));
    }

    #[test]
    fn other_types_name_nobody() {
        let credential = Credential::new(CredentialType::Other(0xF4D7), b"x".to_vec());
        assert_eq!(participant(&credential), Err(CredentialError::Type));
        assert_eq!(evidence(&credential), Err(CredentialError::Type));
    }
}
