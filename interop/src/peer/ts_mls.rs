//! ts-mls as a peer: `interop/ts-mls/peer.mjs` in a process of its own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::node::Node;
use super::packages;
use super::{Commit, ContextExtension, Member, Offer, Peer, PeerError, Received, View};

const NAME: &str = "ts-mls 1.6.4";

/// Where its packages and its program are.
const FOLDER: &str = "ts-mls";

/// Brings its packages.
pub(super) fn prepare() -> Result<(), PeerError> {
    packages::bring(NAME, FOLDER)
}

/// A device that runs ts-mls.
pub struct TsMls {
    node: Node,
    signature_key: Vec<u8>,
}

impl TsMls {
    /// A device of that identity, `user@domain/device`, with a new signature key. Its leaves list
    /// these extension and credential types.
    ///
    /// # Errors
    /// [`PeerError::NotInstalled`] without Node or ts-mls, or [`PeerError::Gone`].
    pub fn start(
        identity: &str,
        extensions: &[u16],
        credentials: &[u16],
    ) -> Result<Self, PeerError> {
        let mut node = Node::start(NAME, FOLDER, "peer.mjs")?;
        let device = json!({
            "identity": identity,
            "extensions": extensions,
            "credentials": credentials,
        });
        let key: Bytes = node.ask("open", "make a device", device)?;
        Ok(Self {
            node,
            signature_key: key.0,
        })
    }
}

impl Peer for TsMls {
    fn name(&self) -> &'static str {
        NAME
    }

    fn signature_key(&self) -> Vec<u8> {
        self.signature_key.clone()
    }

    fn key_package(&mut self) -> Result<Vec<u8>, PeerError> {
        let made: Bytes = self
            .node
            .ask("key_package", "make a key package", json!({}))?;
        Ok(made.0)
    }

    fn create(
        &mut self,
        group_id: &[u8],
        extensions: &[ContextExtension],
    ) -> Result<Offer, PeerError> {
        let extensions: Vec<Value> = extensions
            .iter()
            .map(|extension| json!({"kind": extension.kind, "data": text(&extension.data)}))
            .collect();
        let group = json!({"group_id": text(group_id), "extensions": extensions});
        let offer: OfferAnswer = self.node.ask("create", "create a group", group)?;
        Ok(Offer {
            group_info: offer.group_info.0,
            tree: offer.tree.0,
        })
    }

    fn join(&mut self, welcome: &[u8], tree: &[u8]) -> Result<(), PeerError> {
        let way_in = json!({"welcome": text(welcome), "tree": text(tree)});
        self.node.ask("join", "join", way_in)
    }

    fn external_commit(&mut self, group_info: &[u8], tree: &[u8]) -> Result<Commit, PeerError> {
        let way_in = json!({"group_info": text(group_info), "tree": text(tree)});
        let commit: CommitAnswer = self.node.ask("external_commit", "return", way_in)?;
        Ok(commit.into())
    }

    fn receive(&mut self, message: &[u8]) -> Result<Received, PeerError> {
        let message = json!({"message": text(message)});
        let was: ReceivedAnswer = self.node.ask("receive", "follow", message)?;
        Ok(match was {
            ReceivedAnswer::Proposal => Received::Proposal,
            ReceivedAnswer::Commit => Received::Commit,
            ReceivedAnswer::Removed => Received::Removed,
        })
    }

    fn forget_proposals(&mut self) -> Result<(), PeerError> {
        self.node
            .ask("forget_proposals", "forget proposals", json!({}))
    }

    fn commit(&mut self) -> Result<Commit, PeerError> {
        let commit: CommitAnswer = self.node.ask("commit", "commit", json!({}))?;
        Ok(commit.into())
    }

    fn accept_commit(&mut self) -> Result<(), PeerError> {
        self.node
            .ask("accept_commit", "apply its commit", json!({}))
    }

    fn discard_commit(&mut self) -> Result<(), PeerError> {
        self.node
            .ask("discard_commit", "drop its commit", json!({}))
    }

    fn encrypt(&mut self, data: &[u8]) -> Result<Vec<u8>, PeerError> {
        let data = json!({"data": text(data)});
        let message: Bytes = self.node.ask("encrypt", "encrypt", data)?;
        Ok(message.0)
    }

    fn decrypt(&mut self, message: &[u8]) -> Result<(u32, Vec<u8>), PeerError> {
        let message = json!({"message": text(message)});
        let opened: OpenedAnswer = self.node.ask("decrypt", "decrypt", message)?;
        Ok((opened.leaf, opened.data.0))
    }

    fn view(&mut self) -> Result<View, PeerError> {
        let view: ViewAnswer = self.node.ask("view", "tell its view", json!({}))?;
        let member = |member: MemberAnswer| Member {
            leaf: member.leaf,
            identity: member.identity,
            signature_key: member.signature_key.0,
        };
        Ok(View {
            epoch: view.epoch,
            own_leaf: view.own_leaf,
            members: view.members.into_iter().map(member).collect(),
        })
    }

    fn export(&mut self, label: &str, context: &[u8], length: usize) -> Result<Vec<u8>, PeerError> {
        let of = json!({"label": label, "context": text(context), "length": length});
        let secret: Bytes = self.node.ask("export", "export a secret", of)?;
        Ok(secret.0)
    }

    fn epoch_authenticator(&mut self) -> Result<Vec<u8>, PeerError> {
        let what = "tell the epoch authenticator";
        let authenticator: Bytes = self.node.ask("epoch_authenticator", what, json!({}))?;
        Ok(authenticator.0)
    }
}

/// Bytes, in base64 on a line.
struct Bytes(Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text).map_err(serde::de::Error::custom)?;
        Ok(Self(bytes))
    }
}

fn text(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[derive(Deserialize)]
struct OfferAnswer {
    group_info: Bytes,
    tree: Bytes,
}

#[derive(Deserialize)]
struct CommitAnswer {
    commit: Bytes,
    welcome: Option<Bytes>,
    group_info: Bytes,
}

impl From<CommitAnswer> for Commit {
    fn from(answer: CommitAnswer) -> Self {
        Self {
            commit: answer.commit.0,
            welcome: answer.welcome.map(|welcome| welcome.0),
            group_info: answer.group_info.0,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ReceivedAnswer {
    Proposal,
    Commit,
    Removed,
}

#[derive(Deserialize)]
struct OpenedAnswer {
    leaf: u32,
    data: Bytes,
}

#[derive(Deserialize)]
struct ViewAnswer {
    epoch: u64,
    own_leaf: u32,
    members: Vec<MemberAnswer>,
}

#[derive(Deserialize)]
struct MemberAnswer {
    leaf: u32,
    identity: String,
    signature_key: Bytes,
}
