//! What the GroupContext of every room's group says, and what a leaf must be able to do.

use openmls::prelude::{
    BasicCredential, Capabilities, Ciphersuite, Credential, Extension, ExtensionType, Extensions,
    ExternalSender, GroupContext, MIXED_PLAINTEXT_WIRE_FORMAT_POLICY, ProtocolVersion,
    RequiredCapabilitiesExtension, SignatureScheme, UnknownExtension, WireFormatPolicy,
};

use super::{GroupError, MlsSuite, PolicyError, ROOM_POLICY_EXTENSION, RoomPolicy, credential};
use crate::delivery::ExternalSenderInfo;

/// With what all sign, whichever suite their group has.
pub(crate) const SIGNATURE_SCHEME: SignatureScheme = SignatureScheme::ED25519;

const ROOM_POLICY: ExtensionType = ExtensionType::Unknown(ROOM_POLICY_EXTENSION);

/// Why a group's terms were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TermsError {
    /// The room policy is missing or does not parse.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The policy is that of another room, generation, mode or profile.
    #[error("the group has other terms than its room: {0}")]
    Other(&'static str),
}

/// What our leaves support: nothing beyond what the groups use, and of the suites those that are
/// accepted here.
pub(crate) fn capabilities(accepted: &[MlsSuite]) -> Capabilities {
    supporting(accepted, &[ROOM_POLICY])
}

/// The same for the leaf of a last-resort key package, which has to list the extension that says so.
pub(crate) fn last_resort_capabilities(accepted: &[MlsSuite]) -> Capabilities {
    supporting(accepted, &[ROOM_POLICY, ExtensionType::LastResort])
}

fn supporting(accepted: &[MlsSuite], extensions: &[ExtensionType]) -> Capabilities {
    let suites: Vec<Ciphersuite> = accepted.iter().map(|suite| suite.mls()).collect();
    Capabilities::new(
        Some(&[ProtocolVersion::Mls10]),
        Some(&suites),
        Some(extensions),
        None,
        Some(&credential::TYPES),
    )
}

/// Whether a leaf of such capabilities may sit in a group of that suite. MLS asks for the same, but
/// only of a commit, when it is too late to refuse the leaf alone.
pub(crate) fn are_supported_by(leaf: &Capabilities, suite: Ciphersuite) -> bool {
    leaf.versions().contains(&ProtocolVersion::Mls10)
        && leaf.ciphersuites().contains(&suite.into())
        && leaf.extensions().contains(&ROOM_POLICY)
        && credential::TYPES
            .iter()
            .all(|kind| leaf.credentials().contains(kind))
}

/// Handshakes are PublicMessages, so that the service can follow; the rest is private.
pub(crate) fn wire_format_policy() -> WireFormatPolicy {
    MIXED_PLAINTEXT_WIRE_FORMAT_POLICY
}

/// The GroupContext extensions of a room.
pub(crate) fn extensions(
    policy: &RoomPolicy,
    external_sender: &ExternalSenderInfo,
) -> Result<Extensions<GroupContext>, GroupError> {
    Extensions::from_vec(vec![
        Extension::RequiredCapabilities(required_capabilities()),
        Extension::ExternalSenders(vec![to_sender(external_sender)]),
        Extension::Unknown(ROOM_POLICY_EXTENSION, UnknownExtension(policy.encode())),
    ])
    .map_err(|e| GroupError::library("stating the room's terms", &e))
}

/// The room policy that a group states.
pub(crate) fn policy(extensions: &Extensions<GroupContext>) -> Result<RoomPolicy, PolicyError> {
    let stated = extensions
        .unknown(ROOM_POLICY_EXTENSION)
        .ok_or(PolicyError::Missing)?;
    RoomPolicy::decode(&stated.0)
}

/// Checks that a group states exactly a room's terms and nothing else, and has the suite that it
/// states: a joiner before it joins, the service before it accepts a group.
pub(crate) fn check(
    suite: Ciphersuite,
    extensions: &Extensions<GroupContext>,
    policy: &RoomPolicy,
    external_sender: &ExternalSenderInfo,
) -> Result<(), TermsError> {
    if self::policy(extensions)? != *policy {
        return Err(TermsError::Other("the room policy differs"));
    }
    if policy.ciphersuite.mls() != suite {
        return Err(TermsError::Other("the cipher suite differs"));
    }
    let senders = extensions
        .external_senders()
        .map(|senders| senders.as_slice());
    if senders != Some(&[to_sender(external_sender)]) {
        return Err(TermsError::Other(
            "the external senders are not the service alone",
        ));
    }
    if extensions.required_capabilities() != Some(&required_capabilities()) {
        return Err(TermsError::Other("the required capabilities differ"));
    }
    if extensions.iter().count() != 3 {
        return Err(TermsError::Other("an extension that no room has"));
    }
    Ok(())
}

fn required_capabilities() -> RequiredCapabilitiesExtension {
    RequiredCapabilitiesExtension::new(&[ROOM_POLICY], &[], &credential::TYPES)
}

fn to_sender(info: &ExternalSenderInfo) -> ExternalSender {
    let credential: Credential = BasicCredential::new(info.identity.clone().into_bytes()).into();
    ExternalSender::new(info.signature_key.as_slice().to_vec().into(), credential)
}
