//! OpenMLS' objects from the bytes that a peer is given, and back.

use interop::peer::{Commit, ContextExtension, PeerError};
use openmls::prelude::tls_codec::{Deserialize as _, Serialize as _};
use openmls::prelude::{Extension, Extensions, GroupContext, MlsMessageIn, MlsMessageOut};

pub const NAME: &str = "OpenMLS";

pub fn read_extensions(
    extensions: &[ContextExtension],
) -> Result<Extensions<GroupContext>, PeerError> {
    let mut all = Vec::new();
    for extension in extensions {
        let mut wire = extension.kind.to_be_bytes().to_vec();
        wire.extend(extension.data.tls_serialize_detached().map_err(refused)?);
        all.push(Extension::tls_deserialize_exact(wire).map_err(refused)?);
    }
    Extensions::from_vec(all).map_err(refused)
}

pub fn offered(
    (commit, welcome, group_info): (MlsMessageOut, Option<MlsMessageOut>, Option<MlsMessageOut>),
) -> Result<Commit, PeerError> {
    Ok(Commit {
        commit: bytes(&commit)?,
        welcome: welcome.as_ref().map(bytes).transpose()?,
        group_info: bytes(&group_info.expect("it was asked for"))?,
    })
}

pub fn message(bytes: &[u8]) -> Result<MlsMessageIn, PeerError> {
    MlsMessageIn::tls_deserialize_exact(bytes).map_err(refused)
}

pub fn bytes(message: &MlsMessageOut) -> Result<Vec<u8>, PeerError> {
    message.to_bytes().map_err(refused)
}

pub fn refused(why: impl std::fmt::Display) -> PeerError {
    PeerError::Refused {
        peer: NAME,
        what: "follow",
        why: why.to_string(),
    }
}
