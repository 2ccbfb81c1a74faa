//! What a room's group must state and what its leaves must list, in bytes for any implementation.

use mls_srtp::delivery::ExternalSenderInfo;
use mls_srtp::group::{ROOM_POLICY_EXTENSION, RoomPolicy, TOKEN_CREDENTIAL};

use crate::peer::ContextExtension;

/// Extension types that leaves list (RFC 9420 §17.3).
pub(crate) const EXTENSIONS: [u16; 1] = [ROOM_POLICY_EXTENSION];

/// Credential types that leaves list (RFC 9420 §17.5): basic, X.509, and a name with a room token.
pub(crate) const CREDENTIALS: [u16; 3] = [BASIC, 0x0002, TOKEN_CREDENTIAL];

const BASIC: u16 = 0x0001;
const REQUIRED_CAPABILITIES: u16 = 0x0003;
const EXTERNAL_SENDERS: u16 = 0x0005;

/// The GroupContext extensions of a room's group.
///
/// ```text
/// struct { uint16 extension_types<V>; uint16 proposal_types<V>; uint16 credential_types<V>; }
///     RequiredCapabilities;                                              RFC 9420 §11.1
/// struct { opaque signature_key<V>; Credential credential; } ExternalSender;
/// ExternalSender external_senders<V>;                                    RFC 9420 §12.1.8.1
/// ```
pub(crate) fn context(policy: &RoomPolicy, sender: &ExternalSenderInfo) -> Vec<ContextExtension> {
    let required = [numbers(&EXTENSIONS), numbers(&[]), numbers(&CREDENTIALS)].concat();
    let sender = [
        vector(sender.signature_key.as_slice()),
        BASIC.to_be_bytes().to_vec(),
        vector(sender.identity.as_bytes()),
    ];
    [
        (REQUIRED_CAPABILITIES, required),
        (EXTERNAL_SENDERS, vector(&sender.concat())),
        (ROOM_POLICY_EXTENSION, policy.encode()),
    ]
    .map(|(kind, data)| ContextExtension { kind, data })
    .into()
}

fn numbers(numbers: &[u16]) -> Vec<u8> {
    vector(
        &numbers
            .iter()
            .flat_map(|n| n.to_be_bytes())
            .collect::<Vec<u8>>(),
    )
}

/// A variable-size vector (RFC 9420 §2.1.2) of less than 2^14 bytes.
fn vector(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("keys and names are short");
    let mut bytes = match u8::try_from(length) {
        Ok(short) if short < 0x40 => vec![short],
        _ => (0x4000 | length).to_be_bytes().to_vec(),
    };
    bytes.extend_from_slice(content);
    bytes
}
