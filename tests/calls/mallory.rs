//! A member that follows the protocol until it does not.

use std::collections::VecDeque;

use mls_srtp::delivery::{
    Blob, ClientMessage, LogBody, LogEntry, PROTOCOL_VERSION, Refusal, ServiceMessage,
};
use mls_srtp::group::{ROOM_POLICY_EXTENSION, RoomPolicy, TOKEN_CREDENTIAL};
use mls_srtp::id::{Epoch, GroupId, ParticipantId, Seq};
use mls_srtp_signaling::room::ClientId;
use openmls::prelude::tls_codec::Deserialize as _;
use openmls::prelude::{
    BasicCredential, Capabilities, Ciphersuite, CredentialType, CredentialWithKey, Extension,
    ExtensionType, Extensions, GroupContext, KeyPackage, LeafNodeIndex, LeafNodeParameters,
    MIXED_PLAINTEXT_WIRE_FORMAT_POLICY, MlsGroup, MlsGroupJoinConfig, MlsMessageBodyIn,
    MlsMessageIn, MlsMessageOut, OpenMlsProvider, ProcessedMessageContent, RatchetTreeIn,
    StagedWelcome, UnknownExtension,
};
use openmls_basic_credential::SignatureKeyPair;
use openmls_rust_crypto::{OpenMlsRustCrypto, RustCrypto};

use crate::spoiled::{Lie, Spoiled, SpoiledProvider};
use crate::world::{World, name};

const SUITE: Ciphersuite = Ciphersuite::MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519;

/// What a commit gets wrong.
pub enum Forgery {
    ConfirmationTag,
    MembershipTag,
    /// What only this member can decrypt of the path.
    PathFor(&'static str),
    /// The key that external commits are encrypted to.
    ExternalPub,
    /// What newcomers decrypt.
    Welcome,
}

/// What a commit brings of its own.
pub enum Inline {
    OtherTerms,
    RemovalOf(u32),
}

pub struct Mallory {
    pub who: ParticipantId,
    client: ClientId,
    provider: OpenMlsRustCrypto,
    signer: SignatureKeyPair,
    group: Option<MlsGroup>,
    group_id: GroupId,
    seq: Seq,
    /// Hash chain value of the newest entry.
    chain: Blob,
    /// Everything that the service said and that was not for following the log.
    pub told: Vec<ServiceMessage>,
}

/// What a leaf must be able to do in our rooms.
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

impl Mallory {
    /// Joins the room like anybody else.
    pub fn join(world: &mut World) -> Self {
        let signer = SignatureKeyPair::new(SUITE.signature_algorithm()).expect("randomness");
        let mut mallory = Self {
            who: name("mallory"),
            client: world.stranger(),
            provider: OpenMlsRustCrypto::default(),
            signer,
            group: None,
            group_id: GroupId::new([0; 16]),
            seq: Seq::default(),
            chain: Blob::default(),
            told: Vec::new(),
        };
        mallory.come_in(world);
        assert!(mallory.group.is_some(), "mallory is in");
        mallory
    }

    /// Says hello and asks to be added, with the same signature key every time.
    pub fn come_in(&mut self, world: &mut World) {
        self.client = world.stranger();
        let hello = ClientMessage::Hello {
            version: PROTOCOL_VERSION,
            room: world.room_name(),
            participant: self.who.clone(),
            token: None,
            proof: None,
            resume: None,
        };
        world.submit(self.client, hello);
        let key_package = self.key_package();
        world.submit(self.client, ClientMessage::Join { key_package });
        world.run(std::time::Duration::from_millis(500));
        self.follow(world);
    }

    fn key_package(&self) -> Blob {
        let bundle = KeyPackage::builder()
            .leaf_node_capabilities(capabilities())
            .build(SUITE, &self.provider, &self.signer, self.credential())
            .expect("a key package");
        encode(&bundle.into_key_package().into())
    }

    fn credential(&self) -> CredentialWithKey {
        CredentialWithKey {
            credential: BasicCredential::new(self.who.to_string().into_bytes()).into(),
            signature_key: self.signer.to_public_vec().into(),
        }
    }

    /// Takes what the service has sent.
    pub fn follow(&mut self, world: &mut World) {
        let messages: VecDeque<ServiceMessage> = world.heard_by(self.client);
        for message in messages {
            match message {
                ServiceMessage::Welcome {
                    group_id,
                    seq,
                    chain,
                    welcome,
                    tree,
                } => {
                    (self.group_id, self.seq) = (group_id, seq);
                    self.chain = chain;
                    self.group = Some(self.enter(&welcome, &tree));
                }
                ServiceMessage::Entry(entry) => self.take(&entry),
                other => self.told.push(other),
            }
        }
    }

    fn enter(&self, welcome: &Blob, tree: &Blob) -> MlsGroup {
        let config = MlsGroupJoinConfig::builder()
            .wire_format_policy(MIXED_PLAINTEXT_WIRE_FORMAT_POLICY)
            .use_ratchet_tree_extension(false)
            .build();
        let MlsMessageBodyIn::Welcome(welcome) = decode(welcome).extract() else {
            panic!("not a Welcome");
        };
        let tree = RatchetTreeIn::tls_deserialize_exact(tree.as_slice()).expect("a tree");
        StagedWelcome::new_from_welcome(&self.provider, &config, welcome, Some(tree))
            .expect("a Welcome for us")
            .into_group(&self.provider)
            .expect("a group")
    }

    fn take(&mut self, entry: &LogEntry) {
        let (Some(group), true) = (&mut self.group, entry.group_id == self.group_id) else {
            return;
        };
        self.seq = entry.seq;
        self.chain = entry.chain.clone();
        let message = match &entry.body {
            LogBody::Proposal { proposal, .. } => proposal,
            LogBody::Commit { commit, .. } => commit,
            _ => return,
        };
        let message = decode(message).try_into_protocol_message().expect("framed");
        let processed = group.process_message(&self.provider, message);
        match processed.map(|processed| processed.into_content()) {
            Ok(ProcessedMessageContent::ProposalMessage(proposal)) => group
                .store_pending_proposal(self.provider.storage(), *proposal)
                .expect("memory"),
            Ok(ProcessedMessageContent::StagedCommitMessage(staged)) => group
                .merge_staged_commit(&self.provider, *staged)
                .expect("merges"),
            Ok(ProcessedMessageContent::OwnPendingCommit) => {
                group.merge_pending_commit(&self.provider).expect("merges");
            }
            _ => {}
        }
    }

    /// Where the log stands: group, newest entry and its chain value.
    pub fn at(&self) -> (GroupId, Seq, Blob) {
        (self.group_id, self.seq, self.chain.clone())
    }

    /// An external commit by which somebody enters whom nobody has added. The service has all that
    /// it takes.
    pub fn ghost(&self, identity: &[u8]) -> Blob {
        let provider = OpenMlsRustCrypto::default();
        let signer = SignatureKeyPair::new(SUITE.signature_algorithm()).expect("randomness");
        let group = self.group.as_ref().expect("a member");
        let info = group.export_group_info(self.provider.crypto(), &self.signer, true);
        let MlsMessageBodyIn::GroupInfo(info) = decode(&encode(&info.expect("exported"))).extract()
        else {
            panic!("not a GroupInfo");
        };
        let leaf = LeafNodeParameters::builder().with_capabilities(capabilities());
        let (_, bundle) = MlsGroup::external_commit_builder()
            .with_config(MlsGroupJoinConfig::default())
            .build_group(
                &provider,
                info,
                CredentialWithKey {
                    credential: BasicCredential::new(identity.to_vec()).into(),
                    signature_key: signer.to_public_vec().into(),
                },
            )
            .expect("MLS allows it")
            .leaf_node_parameters(leaf.build())
            .load_psks(provider.storage())
            .expect("none")
            .build(provider.rand(), provider.crypto(), &signer, |_| true)
            .expect("MLS allows it")
            .finalize(&provider)
            .expect("MLS allows it");
        encode(bundle.commit())
    }

    pub fn epoch(&self) -> Epoch {
        Epoch::new(self.group.as_ref().expect("a member").epoch().as_u64())
    }

    /// Submits a commit that the service cannot tell from a good one.
    pub fn commit(&mut self, world: &mut World, forgery: &Forgery) {
        self.follow(world);
        let epoch = self.epoch();
        let (in_commit, in_framing) = match forgery {
            Forgery::ConfirmationTag => (Lie::Tags, Lie::Nowhere),
            Forgery::MembershipTag => (Lie::Nowhere, Lie::Tags),
            Forgery::PathFor(user) => (Lie::CiphertextFor(self.key_of(user)), Lie::Nowhere),
            Forgery::ExternalPub => (Lie::KeyPairs, Lie::Nowhere),
            Forgery::Welcome => (Lie::Nowhere, Lie::Nowhere),
        };
        let path = !matches!(forgery, Forgery::ExternalPub);
        let group = self.group.as_mut().expect("a member");
        let (building, framing) = (spoiled(in_commit), spoiled(in_framing));
        let storage = self.provider.storage();
        let provider = SpoiledProvider {
            crypto: &framing,
            storage,
        };
        let bundle = group
            .commit_builder()
            .force_self_update(path)
            .load_psks(storage)
            .expect("none")
            .create_group_info(true)
            .use_ratchet_tree_extension(false)
            .build(&building.inner, &building, &self.signer, |_| true)
            .expect("builds")
            .stage_commit(&provider)
            .expect("stages");
        let (commit, welcome, group_info) = bundle.into_messages();
        let spoils = matches!(forgery, Forgery::Welcome);
        let welcome = welcome.as_ref().map(encode).map(|welcome| {
            let mut bytes = welcome.as_slice().to_vec();
            *bytes.last_mut().expect("not empty") ^= u8::from(spoils);
            Blob::new(bytes)
        });
        let message = ClientMessage::Commit {
            group_id: self.group_id,
            epoch,
            seen_seq: self.seq,
            commit: encode(&commit),
            welcome,
            group_info: encode(&group_info.expect("was asked for")),
        };
        world.submit(self.client, message);
        self.follow(world);
        // If it was refused.
        let group = self.group.as_mut().expect("a member");
        group
            .clear_pending_commit(self.provider.storage())
            .expect("memory");
    }

    /// Submits a commit that brings a proposal of its own, which MLS allows and rooms do not.
    pub fn commit_inline(&mut self, world: &mut World, inline: &Inline) {
        self.follow(world);
        let epoch = self.epoch();
        let terms = self.other_terms();
        let group = self.group.as_mut().expect("a member");
        let storage = self.provider.storage();
        let (rand, crypto) = (self.provider.rand(), self.provider.crypto());
        let builder = group.commit_builder();
        let builder = match inline {
            Inline::OtherTerms => builder
                .propose_group_context_extensions(terms)
                .expect("MLS allows it"),
            Inline::RemovalOf(leaf) => builder.propose_removals([LeafNodeIndex::new(*leaf)]),
        };
        let bundle = builder
            .load_psks(storage)
            .expect("none")
            .create_group_info(true)
            .use_ratchet_tree_extension(false)
            .build(rand, crypto, &self.signer, |_| true)
            .expect("MLS allows it")
            .stage_commit(&self.provider)
            .expect("stages");
        let (commit, welcome, group_info) = bundle.into_messages();
        group.clear_pending_commit(storage).expect("memory");
        let message = ClientMessage::Commit {
            group_id: self.group_id,
            epoch,
            seen_seq: self.seq,
            commit: encode(&commit),
            welcome: welcome.as_ref().map(encode),
            group_info: encode(&group_info.expect("was asked for")),
        };
        world.submit(self.client, message);
        self.follow(world);
    }

    /// The group's context with another room policy in it.
    fn other_terms(&self) -> Extensions<GroupContext> {
        let group = self.group.as_ref().expect("a member");
        let mut terms = group.extensions().clone();
        let policy = terms.unknown(ROOM_POLICY_EXTENSION).expect("stated");
        let mut policy = RoomPolicy::decode(&policy.0).expect("ours");
        policy.locked = true;
        let policy = UnknownExtension(policy.encode());
        terms
            .add_or_replace(Extension::Unknown(ROOM_POLICY_EXTENSION, policy))
            .expect("may be there");
        terms
    }

    fn key_of(&self, user: &str) -> Vec<u8> {
        let group = self.group.as_ref().expect("a member");
        let identity = name(user).to_string().into_bytes();
        let named = |m: &openmls::prelude::Member| {
            BasicCredential::try_from(m.credential.clone())
                .is_ok_and(|credential| credential.identity() == identity)
        };
        group
            .members()
            .find(named)
            .expect("a member")
            .encryption_key
    }

    /// Why the service refused something last.
    pub fn last_refusal(&self) -> Option<Refusal> {
        self.told.iter().rev().find_map(|message| match message {
            ServiceMessage::Refused { reason, .. } => Some(*reason),
            _ => None,
        })
    }
}

fn spoiled(lie: Lie) -> Spoiled {
    Spoiled {
        inner: RustCrypto::default(),
        lie,
    }
}

fn encode(message: &MlsMessageOut) -> Blob {
    Blob::new(message.to_bytes().expect("encodes"))
}

fn decode(bytes: &Blob) -> MlsMessageIn {
    MlsMessageIn::tls_deserialize_exact(bytes.as_slice()).expect("an MLS message")
}
