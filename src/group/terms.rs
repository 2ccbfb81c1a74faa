use super::GroupError;
use super::{ROOM_POLICY_EXTENSION, RoomPolicy};
use crate::delivery::ExternalSenderInfo;
use openmls::prelude::*;
pub const CIPHERSUITE: Ciphersuite = Ciphersuite::MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519;
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("terms")]
pub struct TermsError;
pub(crate) fn capabilities() -> Capabilities {
    Capabilities::new(
        None,
        Some(&[CIPHERSUITE]),
        Some(&[ExtensionType::Unknown(ROOM_POLICY_EXTENSION)]),
        None,
        None,
    )
}
pub(crate) fn wire_format_policy() -> WireFormatPolicy {
    MIXED_PLAINTEXT_WIRE_FORMAT_POLICY
}
pub(crate) fn extensions(
    p: &RoomPolicy,
    e: &ExternalSenderInfo,
) -> Result<Extensions<GroupContext>, GroupError> {
    let _ = e;
    Extensions::from_vec(vec![
        Extension::Unknown(ROOM_POLICY_EXTENSION, UnknownExtension(p.encode())),
        Extension::RequiredCapabilities(RequiredCapabilitiesExtension::new(
            &[ExtensionType::Unknown(ROOM_POLICY_EXTENSION)],
            &[],
            &[],
        )),
    ])
    .map_err(|e| GroupError::library("x", &e))
}
pub(crate) fn check(
    _: &Extensions<GroupContext>,
    _: &RoomPolicy,
    _: &ExternalSenderInfo,
) -> Result<(), TermsError> {
    Ok(())
}
