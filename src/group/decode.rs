//! MLS objects out of the blobs of envelopes. Trailing bytes are refused.

use super::provider::Provider;
use openmls::messages::group_info::VerifiableGroupInfo;
use openmls::prelude::tls_codec::Deserialize as _;
use openmls::prelude::{
    ContentType, KeyPackage, MlsMessageBodyIn, MlsMessageIn, OpenMlsProvider, ProtocolMessage,
    ProtocolVersion, RatchetTreeIn, Welcome,
};

use super::{GroupError, path, size};
use crate::delivery::Blob;

/// A proposal, which is public: the service follows what is proposed.
pub(super) fn proposal(bytes: &Blob) -> Result<ProtocolMessage, GroupError> {
    let message = protocol_message(bytes, 0)?;
    match (&message, message.content_type()) {
        (ProtocolMessage::PublicMessage(_), ContentType::Proposal) => Ok(message),
        _ => Err(GroupError::Malformed("a proposal")),
    }
}

/// A commit, which is public as well, in an epoch with so many open proposals.
pub(super) fn commit(bytes: &Blob, open: usize) -> Result<ProtocolMessage, GroupError> {
    let message = protocol_message(bytes, open)?;
    match (&message, message.content_type()) {
        (ProtocolMessage::PublicMessage(_), ContentType::Commit) => Ok(message),
        _ => Err(GroupError::Malformed("a commit")),
    }
}

/// An application message, which is private.
pub(super) fn application(bytes: &Blob) -> Result<ProtocolMessage, GroupError> {
    let message = protocol_message(bytes, 0)?;
    match (&message, message.content_type()) {
        (ProtocolMessage::PrivateMessage(_), ContentType::Application) => Ok(message),
        _ => Err(GroupError::Malformed("an application message")),
    }
}

/// MLSMessage(PublicMessage) or MLSMessage(PrivateMessage), in an epoch with so many open proposals.
pub(super) fn protocol_message(bytes: &Blob, open: usize) -> Result<ProtocolMessage, GroupError> {
    let raw = bytes.as_slice();
    if size::has_too_many_proposals(raw, open) || path::is_too_long(raw) {
        return Err(GroupError::TooMuch("a commit"));
    }
    message(bytes)?
        .try_into_protocol_message()
        .map_err(|_| GroupError::Malformed("a group message"))
}

/// MLSMessage(GroupInfo), its signature not yet verified.
pub(super) fn group_info(bytes: &Blob) -> Result<VerifiableGroupInfo, GroupError> {
    if bytes.len() > size::MAX_GROUP_INFO {
        return Err(GroupError::TooMuch("a GroupInfo"));
    }
    match message(bytes)?.extract() {
        MlsMessageBodyIn::GroupInfo(info) => Ok(info),
        _ => Err(GroupError::Malformed("a GroupInfo")),
    }
}

/// MLSMessage(Welcome).
pub(super) fn welcome(bytes: &Blob) -> Result<Welcome, GroupError> {
    if !size::is_small_welcome(bytes.as_slice()) {
        return Err(GroupError::TooMuch("a Welcome"));
    }
    match message(bytes)?.extract() {
        MlsMessageBodyIn::Welcome(welcome) => Ok(welcome),
        _ => Err(GroupError::Malformed("a Welcome")),
    }
}

/// MLSMessage(KeyPackage), validated (RFC 9420 §10.1).
pub(super) fn key_package(provider: &Provider, bytes: &Blob) -> Result<KeyPackage, GroupError> {
    match message(bytes)?.extract() {
        MlsMessageBodyIn::KeyPackage(key_package) => key_package
            .validate(provider.crypto(), ProtocolVersion::Mls10)
            .map_err(|e| GroupError::invalid("the key package", &e)),
        _ => Err(GroupError::Malformed("a key package")),
    }
}

/// The ratchet tree, not yet verified.
pub(super) fn tree(bytes: &Blob) -> Result<RatchetTreeIn, GroupError> {
    if !size::is_small_tree(bytes.as_slice()) {
        return Err(GroupError::TooMuch("a ratchet tree"));
    }
    RatchetTreeIn::tls_deserialize_exact(bytes.as_slice())
        .map_err(|_| GroupError::Malformed("a ratchet tree"))
}

fn message(bytes: &Blob) -> Result<MlsMessageIn, GroupError> {
    MlsMessageIn::tls_deserialize_exact(bytes.as_slice())
        .map_err(|_| GroupError::Malformed("an MLS message"))
}
