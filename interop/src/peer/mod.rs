//! What is asked of another implementation: MLS operations, in bytes of RFC 9420.
//!
//! A peer decides nothing about rooms. What it may do and when, the delivery service says, as it
//! says to our own participants.

pub mod mls_rs;
mod node;
mod packages;
pub mod ts_mls;

use mls_srtp::id::ParticipantId;

use crate::terms;

/// The implementations that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerKind {
    /// mls-rs, of the AWS labs, in Rust.
    MlsRs,
    /// ts-mls, in TypeScript, run by Node.js.
    TsMls,
}

impl PeerKind {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::MlsRs, Self::TsMls];

    /// The name, as the command line and the users' names have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MlsRs => "mls-rs",
            Self::TsMls => "ts-mls",
        }
    }

    /// Brings what the implementation needs and is not here yet. It may take a minute.
    ///
    /// # Errors
    /// [`PeerError::NotInstalled`] when that fails, with a remedy.
    pub fn prepare(self) -> Result<(), PeerError> {
        match self {
            Self::MlsRs => Ok(()),
            Self::TsMls => ts_mls::prepare(),
        }
    }

    /// A device of that name with a new signature key.
    ///
    /// # Errors
    /// [`PeerError`] when the implementation does not start.
    pub fn open(self, name: &ParticipantId) -> Result<Box<dyn Peer>, PeerError> {
        let name = name.to_string();
        let (extensions, credentials) = (&terms::EXTENSIONS, &terms::CREDENTIALS);
        match self {
            Self::MlsRs => mls_rs::peer(&name, extensions, credentials),
            Self::TsMls => {
                let device = ts_mls::TsMls::start(&name, extensions, credentials)?;
                Ok(Box::new(device))
            }
        }
    }
}

/// An MLS implementation that holds at most one group at a time.
///
/// Handshake messages are PublicMessages. Ratchet trees travel outside of Welcome and GroupInfo.
pub trait Peer: Send {
    /// Implementation and version, for the report.
    fn name(&self) -> &'static str;

    /// Raw Ed25519 public key of the device, 32 bytes.
    fn signature_key(&self) -> Vec<u8>;

    /// A new MLSMessage(KeyPackage) of this device.
    fn key_package(&mut self) -> Result<Vec<u8>, PeerError>;

    /// Creates a group of one.
    fn create(
        &mut self,
        group_id: &[u8],
        extensions: &[ContextExtension],
    ) -> Result<Offer, PeerError>;

    /// Enters a group by MLSMessage(Welcome) and ratchet tree.
    fn join(&mut self, welcome: &[u8], tree: &[u8]) -> Result<(), PeerError>;

    /// Takes this device's own leaf back from MLSMessage(GroupInfo) and ratchet tree. What was
    /// known of the group before is forgotten. The commit is not applied before
    /// [`Peer::accept_commit`].
    fn external_commit(&mut self, group_info: &[u8], tree: &[u8]) -> Result<Commit, PeerError>;

    /// Follows an MLSMessage(PublicMessage) of somebody else.
    fn receive(&mut self, message: &[u8]) -> Result<Received, PeerError>;

    /// Forgets all proposals that were received; those that still stand are given again.
    fn forget_proposals(&mut self) -> Result<(), PeerError>;

    /// Commits all proposals that were received, with a new path if the implementation can be made
    /// to where nobody is removed. Not applied before [`Peer::accept_commit`].
    fn commit(&mut self) -> Result<Commit, PeerError>;

    /// The service has accepted the own commit.
    fn accept_commit(&mut self) -> Result<(), PeerError>;

    /// The service has refused the own commit.
    fn discard_commit(&mut self) -> Result<(), PeerError>;

    /// Application data of this device as an MLSMessage(PrivateMessage).
    fn encrypt(&mut self, data: &[u8]) -> Result<Vec<u8>, PeerError>;

    /// The leaf that signed somebody else's MLSMessage(PrivateMessage), and its application data.
    fn decrypt(&mut self, message: &[u8]) -> Result<(u32, Vec<u8>), PeerError>;

    /// The group as the peer sees it.
    fn view(&mut self) -> Result<View, PeerError>;

    /// MLS-Exporter(label, context, length) of the current epoch (RFC 9420 §8.5).
    fn export(&mut self, label: &str, context: &[u8], length: usize) -> Result<Vec<u8>, PeerError>;

    /// The epoch authenticator (RFC 9420 §8.7).
    fn epoch_authenticator(&mut self) -> Result<Vec<u8>, PeerError>;
}

/// One extension of a GroupContext.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextExtension {
    /// ExtensionType.
    pub kind: u16,
    /// extension_data.
    pub data: Vec<u8>,
}

/// What a vacant room is offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// MLSMessage(GroupInfo) with the external_pub extension, without the tree.
    pub group_info: Vec<u8>,
    /// The ratchet tree.
    pub tree: Vec<u8>,
}

/// A commit that waits for the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// MLSMessage(PublicMessage).
    pub commit: Vec<u8>,
    /// MLSMessage(Welcome) when somebody is added.
    pub welcome: Option<Vec<u8>>,
    /// MLSMessage(GroupInfo) of the new epoch with the external_pub extension, without the tree.
    pub group_info: Vec<u8>,
}

/// What a followed message was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// A proposal, kept for the next commit.
    Proposal,
    /// A commit; the epoch has moved on.
    Commit,
    /// A commit that removed this device.
    Removed,
}

/// The group as a peer sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// The epoch.
    pub epoch: u64,
    /// The peer's own leaf.
    pub own_leaf: u32,
    /// All members in the order of their leaves.
    pub members: Vec<Member>,
}

/// One leaf as a peer sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Leaf index.
    pub leaf: u32,
    /// Identity of the basic credential.
    pub identity: String,
    /// Raw signature public key.
    pub signature_key: Vec<u8>,
}

/// Why a peer did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// The implementation refused; in its own words.
    #[error("{peer} refused to {what}: {why}")]
    Refused {
        /// Which peer.
        peer: &'static str,
        /// The operation.
        what: &'static str,
        /// The implementation's words.
        why: String,
    },
    /// The implementation is not on this machine.
    #[error("{peer} is not installed: {remedy}")]
    NotInstalled {
        /// Which peer.
        peer: &'static str,
        /// What brings it.
        remedy: &'static str,
    },
    /// The process that holds the implementation is gone, or says what cannot be read.
    #[error("{peer} is gone: {why}")]
    Gone {
        /// Which peer.
        peer: &'static str,
        /// What happened.
        why: String,
    },
}
