//! Every label and context of the key schedule, in one place.

use tls_codec::{Serialize as _, VLByteSlice};

use super::Profile;
use crate::id::{GroupId, LeafIndex};

/// Label of the MLS exporter (RFC 9420 §8.5) in rooms of SRTP packets.
pub const EXPORTER: &str = "mls-srtp v1";

/// Label of the MLS exporter in rooms of SFrames, with an empty context (RFC 9605 §5.2).
pub const SFRAME_EXPORTER: &str = "SFrame 1.0 Base Key";

/// Version inside the exporter context and in every label.
const VERSION: u16 = 1;

/// What a step of the schedule derives, with what it binds to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Label {
    Sender { leaf: LeafIndex, profile: Profile },
    Key,
    Salt,
}

impl Label {
    /// The HKDF info: `opaque label<V>`, for a sender followed by `uint32 leaf; uint16 profile`.
    pub(super) fn info(self) -> Vec<u8> {
        match self {
            Self::Sender { leaf, profile } => {
                let mut info = vector(b"mls-srtp v1 sender");
                info.extend_from_slice(&u32::from(leaf).to_be_bytes());
                info.extend_from_slice(&profile.id().to_be_bytes());
                info
            }
            Self::Key => vector(b"mls-srtp v1 key"),
            Self::Salt => vector(b"mls-srtp v1 salt"),
        }
    }
}

/// The exporter context: `uint16 version = 1; opaque call_id<V>`, the call id being the group id.
pub fn exporter_context(group_id: GroupId) -> Vec<u8> {
    context_for(group_id.as_bytes())
}

pub(super) fn context_for(call_id: &[u8]) -> Vec<u8> {
    let mut context = VERSION.to_be_bytes().to_vec();
    context.extend(vector(call_id));
    context
}

/// A variable-size vector of RFC 9420 §2.1.2.
#[expect(clippy::expect_used, reason = "labels and ids are ours")]
fn vector(bytes: &[u8]) -> Vec<u8> {
    VLByteSlice(bytes)
        .tls_serialize_detached()
        .expect("labels and ids are far below 2^30 bytes")
}
