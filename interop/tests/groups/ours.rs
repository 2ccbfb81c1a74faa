//! The MLS library of this project as one more peer, for groups without our own participants.

use interop::peer::{Commit, ContextExtension, Member, Offer, Peer, PeerError, Received, View};
use mls_srtp::group::{ROOM_POLICY_EXTENSION, TOKEN_CREDENTIAL};
use openmls::prelude::tls_codec::{Deserialize as _, Serialize as _};
use openmls::prelude::{
    BasicCredential, Capabilities, Ciphersuite, CredentialType, CredentialWithKey, ExtensionType,
    GroupId, KeyPackage, LeafNodeParameters, MlsGroup, MlsGroupJoinConfig, MlsMessageBodyIn,
    OpenMlsProvider, PURE_PLAINTEXT_WIRE_FORMAT_POLICY, ProcessedMessageContent, RatchetTreeIn,
    Sender, SignatureScheme, StagedWelcome,
};
use openmls_basic_credential::SignatureKeyPair;
use openmls_rust_crypto::OpenMlsRustCrypto;

use super::bytes::{NAME, bytes, message, offered, read_extensions, refused};

const SUITE: Ciphersuite = Ciphersuite::MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519;

pub struct OpenMls {
    provider: OpenMlsRustCrypto,
    signer: SignatureKeyPair,
    credential: CredentialWithKey,
    group: Option<MlsGroup>,
    /// The group as an external commit of our own leaves it.
    returning: Option<MlsGroup>,
}

impl OpenMls {
    pub fn new(identity: &str) -> Self {
        let signer = SignatureKeyPair::new(SignatureScheme::ED25519).expect("randomness");
        let credential = CredentialWithKey {
            credential: BasicCredential::new(identity.as_bytes().to_vec()).into(),
            signature_key: signer.public().into(),
        };
        Self {
            provider: OpenMlsRustCrypto::default(),
            signer,
            credential,
            group: None,
            returning: None,
        }
    }

    /// Commits other GroupContext extensions.
    pub fn commit_terms(&mut self, extensions: &[ContextExtension]) -> Result<Commit, PeerError> {
        let terms = read_extensions(extensions)?;
        let group = self.group.as_mut().expect("a member");
        let bundle = group
            .commit_builder()
            .propose_group_context_extensions(terms)
            .map_err(refused)?
            .load_psks(self.provider.storage())
            .map_err(refused)?
            .create_group_info(true)
            .use_ratchet_tree_extension(false)
            .build(
                self.provider.rand(),
                self.provider.crypto(),
                &self.signer,
                |_| true,
            )
            .map_err(refused)?
            .stage_commit(&self.provider)
            .map_err(refused)?;
        offered(bundle.into_messages())
    }

    /// The ratchet tree of the current epoch.
    pub fn tree(&self) -> Vec<u8> {
        let tree = self.group().export_ratchet_tree();
        tree.tls_serialize_detached().expect("it encodes")
    }

    fn group(&self) -> &MlsGroup {
        self.group.as_ref().expect("a member")
    }
}

impl Peer for OpenMls {
    fn name(&self) -> &'static str {
        NAME
    }

    fn signature_key(&self) -> Vec<u8> {
        self.signer.public().to_vec()
    }

    fn key_package(&mut self) -> Result<Vec<u8>, PeerError> {
        let made = KeyPackage::builder()
            .leaf_node_capabilities(capabilities())
            .build(SUITE, &self.provider, &self.signer, self.credential.clone())
            .map_err(refused)?;
        bytes(&made.key_package().clone().into())
    }

    fn create(
        &mut self,
        group_id: &[u8],
        extensions: &[ContextExtension],
    ) -> Result<Offer, PeerError> {
        let group = MlsGroup::builder()
            .with_group_id(GroupId::from_slice(group_id))
            .ciphersuite(SUITE)
            .with_capabilities(capabilities())
            .with_group_context_extensions(read_extensions(extensions)?)
            .with_wire_format_policy(PURE_PLAINTEXT_WIRE_FORMAT_POLICY)
            .build(&self.provider, &self.signer, self.credential.clone())
            .map_err(refused)?;
        let info = group
            .export_group_info(self.provider.crypto(), &self.signer, false)
            .map_err(refused)?;
        let tree = group.export_ratchet_tree().tls_serialize_detached();
        self.group = Some(group);
        Ok(Offer {
            group_info: bytes(&info)?,
            tree: tree.map_err(refused)?,
        })
    }

    fn join(&mut self, welcome: &[u8], tree: &[u8]) -> Result<(), PeerError> {
        let MlsMessageBodyIn::Welcome(welcome) = message(welcome)?.extract() else {
            return Err(refused("not a Welcome"));
        };
        let tree = RatchetTreeIn::tls_deserialize_exact(tree).map_err(refused)?;
        let staged =
            StagedWelcome::new_from_welcome(&self.provider, &join_config(), welcome, Some(tree))
                .map_err(refused)?;
        self.group = Some(staged.into_group(&self.provider).map_err(refused)?);
        Ok(())
    }

    fn external_commit(&mut self, group_info: &[u8], tree: &[u8]) -> Result<Commit, PeerError> {
        let MlsMessageBodyIn::GroupInfo(info) = message(group_info)?.extract() else {
            return Err(refused("not a GroupInfo"));
        };
        self.group = None;
        // The library takes no second group of the same id into one storage.
        self.provider = OpenMlsRustCrypto::default();
        let leaf = LeafNodeParameters::builder().with_capabilities(capabilities());
        let (group, bundle) = MlsGroup::external_commit_builder()
            .with_ratchet_tree(RatchetTreeIn::tls_deserialize_exact(tree).map_err(refused)?)
            .with_config(join_config())
            .build_group(&self.provider, info, self.credential.clone())
            .map_err(refused)?
            .leaf_node_parameters(leaf.build())
            .load_psks(self.provider.storage())
            .map_err(refused)?
            .create_group_info(true)
            .use_ratchet_tree_extension(false)
            .build(
                self.provider.rand(),
                self.provider.crypto(),
                &self.signer,
                |_| true,
            )
            .map_err(refused)?
            .finalize(&self.provider)
            .map_err(refused)?;
        self.returning = Some(group);
        offered(bundle.into_messages())
    }

    fn receive(&mut self, bytes: &[u8]) -> Result<Received, PeerError> {
        let group = self.group.as_mut().expect("a member");
        let message = message(bytes)?
            .try_into_protocol_message()
            .map_err(refused)?;
        let processed = group.process_message(&self.provider, message);
        match processed.map_err(refused)?.into_content() {
            ProcessedMessageContent::ProposalMessage(proposal) => {
                let stored = group.store_pending_proposal(self.provider.storage(), *proposal);
                stored.map_err(refused)?;
                Ok(Received::Proposal)
            }
            ProcessedMessageContent::StagedCommitMessage(staged) => {
                group
                    .merge_staged_commit(&self.provider, *staged)
                    .map_err(refused)?;
                Ok(if group.is_active() {
                    Received::Commit
                } else {
                    Received::Removed
                })
            }
            _ => Err(refused("neither a proposal nor a commit")),
        }
    }

    fn forget_proposals(&mut self) -> Result<(), PeerError> {
        let group = self.group.as_mut().expect("a member");
        let cleared = group.clear_pending_proposals(self.provider.storage());
        cleared.map_err(refused)
    }

    fn commit(&mut self) -> Result<Commit, PeerError> {
        let group = self.group.as_mut().expect("a member");
        let bundle = group
            .commit_builder()
            .consume_proposal_store(true)
            .force_self_update(true)
            .load_psks(self.provider.storage())
            .map_err(refused)?
            .create_group_info(true)
            .use_ratchet_tree_extension(false)
            .build(
                self.provider.rand(),
                self.provider.crypto(),
                &self.signer,
                |_| true,
            )
            .map_err(refused)?
            .stage_commit(&self.provider)
            .map_err(refused)?;
        offered(bundle.into_messages())
    }

    fn accept_commit(&mut self) -> Result<(), PeerError> {
        if let Some(group) = self.returning.take() {
            self.group = Some(group);
            return Ok(());
        }
        let group = self.group.as_mut().expect("a member");
        group.merge_pending_commit(&self.provider).map_err(refused)
    }

    fn discard_commit(&mut self) -> Result<(), PeerError> {
        let group = self.group.as_mut().expect("a member");
        group
            .clear_pending_commit(self.provider.storage())
            .map_err(refused)
    }

    fn encrypt(&mut self, data: &[u8]) -> Result<Vec<u8>, PeerError> {
        let group = self.group.as_mut().expect("a member");
        let message = group.create_message(&self.provider, &self.signer, data);
        bytes(&message.map_err(refused)?)
    }

    fn decrypt(&mut self, bytes: &[u8]) -> Result<(u32, Vec<u8>), PeerError> {
        let group = self.group.as_mut().expect("a member");
        let message = message(bytes)?
            .try_into_protocol_message()
            .map_err(refused)?;
        let processed = group
            .process_message(&self.provider, message)
            .map_err(refused)?;
        let Sender::Member(leaf) = *processed.sender() else {
            return Err(refused("not a member's"));
        };
        match processed.into_content() {
            ProcessedMessageContent::ApplicationMessage(data) => {
                Ok((leaf.u32(), data.into_bytes()))
            }
            _ => Err(refused("no application data")),
        }
    }

    fn view(&mut self) -> Result<View, PeerError> {
        let group = self.group();
        let member = |member: openmls::prelude::Member| Member {
            leaf: member.index.u32(),
            identity: String::from_utf8_lossy(member.credential.serialized_content()).into(),
            signature_key: member.signature_key,
        };
        Ok(View {
            epoch: group.epoch().as_u64(),
            own_leaf: group.own_leaf_index().u32(),
            members: group.members().map(member).collect(),
        })
    }

    fn export(&mut self, label: &str, context: &[u8], length: usize) -> Result<Vec<u8>, PeerError> {
        let crypto = self.provider.crypto();
        let exported = self.group().export_secret(crypto, label, context, length);
        exported.map_err(refused)
    }

    fn epoch_authenticator(&mut self) -> Result<Vec<u8>, PeerError> {
        Ok(self.group().epoch_authenticator().as_slice().to_vec())
    }
}

fn capabilities() -> Capabilities {
    Capabilities::new(
        None,
        Some(&[SUITE]),
        Some(&[ExtensionType::Unknown(ROOM_POLICY_EXTENSION)]),
        None,
        Some(&[
            CredentialType::Basic,
            CredentialType::X509,
            CredentialType::Other(TOKEN_CREDENTIAL),
        ]),
    )
}

fn join_config() -> MlsGroupJoinConfig {
    MlsGroupJoinConfig::builder()
        .wire_format_policy(PURE_PLAINTEXT_WIRE_FORMAT_POLICY)
        .build()
}
