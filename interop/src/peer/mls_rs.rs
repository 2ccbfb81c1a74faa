//! mls-rs as a peer.

use std::time::Duration;

use mls_rs::client_builder::MlsConfig;
use mls_rs::error::MlsError;
use mls_rs::group::{CommitEffect, ExportedTree, ReceivedMessage};
use mls_rs::identity::basic::{BasicCredential, BasicIdentityProvider};
use mls_rs::identity::{Credential, CredentialType, SigningIdentity};
use mls_rs::mls_rules::{CommitOptions, DefaultMlsRules};
use mls_rs::{
    CipherSuite, CipherSuiteProvider, Client, CryptoProvider, Extension, ExtensionList, Group,
    IdentityProvider, MlsMessage,
};
use mls_rs_crypto_rustcrypto::RustCryptoProvider;

use super::{Commit, ContextExtension, Member, Offer, Peer, PeerError, Received, View};

const NAME: &str = "mls-rs 0.57";

/// The one suite that mls-rs and this project both have.
const SUITE: CipherSuite = CipherSuite::CURVE25519_AES128;

/// Below the 84 days that the room's rules leave a key package, and not mls-rs' year.
const LIFETIME: Duration = Duration::from_secs(28 * 24 * 3600);

/// A device that runs mls-rs.
struct MlsRs<C: MlsConfig> {
    client: Client<C>,
    signature_key: Vec<u8>,
    group: Option<Group<C>>,
    /// The group after an external commit, which mls-rs applies at once.
    returning: Option<Group<C>>,
}

/// A device of that identity with a new signature key; its leaves list what rooms require.
///
/// # Errors
/// [`PeerError::Refused`] when mls-rs cannot make a key.
pub fn peer(
    identity: &str,
    extensions: &[u16],
    credentials: &[u16],
) -> Result<Box<dyn Peer>, PeerError> {
    let crypto = RustCryptoProvider::new();
    let suite = crypto
        .cipher_suite_provider(SUITE)
        .ok_or_else(|| refused("make a key")("the cipher suite is not there"))?;
    let (secret, public) = suite
        .signature_key_generate()
        .map_err(refused("make a key"))?;
    let signature_key = public.as_bytes().to_vec();
    let credential = BasicCredential::new(identity.as_bytes().to_vec());
    let options = CommitOptions::new()
        .with_path_required(true)
        .with_ratchet_tree_extension(false)
        .with_allow_external_commit(true)
        .with_always_out_of_band_ratchet_tree(true);
    let client = Client::builder()
        .crypto_provider(crypto)
        .identity_provider(Names(
            credentials
                .iter()
                .copied()
                .map(CredentialType::new)
                .collect(),
        ))
        .mls_rules(DefaultMlsRules::new().with_commit_options(options))
        .extension_types(extensions.iter().map(|kind| (*kind).into()))
        .key_package_lifetime(LIFETIME)
        .signing_identity(
            SigningIdentity::new(credential.into_credential(), public),
            secret,
            SUITE,
        )
        .build();
    Ok(Box::new(MlsRs {
        client,
        signature_key,
        group: None,
        returning: None,
    }))
}

impl<C: MlsConfig> MlsRs<C> {
    fn group(&mut self) -> Result<&mut Group<C>, PeerError> {
        let missing = || refused("act in a group")("it is in none");
        self.group.as_mut().ok_or_else(missing)
    }
}

impl<C: MlsConfig> Peer for MlsRs<C> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn signature_key(&self) -> Vec<u8> {
        self.signature_key.clone()
    }

    fn key_package(&mut self) -> Result<Vec<u8>, PeerError> {
        let none = ExtensionList::new;
        self.client
            .generate_key_package_message(none(), none(), None)
            .and_then(|message| message.to_bytes())
            .map_err(refused("make a key package"))
    }

    fn create(
        &mut self,
        group_id: &[u8],
        extensions: &[ContextExtension],
    ) -> Result<Offer, PeerError> {
        let extensions: Vec<Extension> = extensions
            .iter()
            .map(|extension| Extension::new(extension.kind.into(), extension.data.clone()))
            .collect();
        let create = || {
            let group = self.client.create_group_with_id(
                group_id.to_vec(),
                extensions.into(),
                ExtensionList::new(),
                None,
            )?;
            let info = group.group_info_message_allowing_ext_commit(false)?;
            let offer = Offer {
                group_info: info.to_bytes()?,
                tree: group.export_tree().to_bytes()?,
            };
            Ok::<_, MlsError>((group, offer))
        };
        let (group, offer) = create().map_err(refused("create a group"))?;
        self.group = Some(group);
        Ok(offer)
    }

    fn join(&mut self, welcome: &[u8], tree: &[u8]) -> Result<(), PeerError> {
        let join = || {
            let (welcome, tree) = (
                MlsMessage::from_bytes(welcome)?,
                ExportedTree::from_bytes(tree)?,
            );
            self.client.join_group(Some(tree), &welcome, None)
        };
        let (group, _) = join().map_err(refused("join"))?;
        self.group = Some(group);
        Ok(())
    }

    fn external_commit(&mut self, group_info: &[u8], tree: &[u8]) -> Result<Commit, PeerError> {
        self.group = None;
        let tree = ExportedTree::from_bytes(tree).map_err(refused("read a tree"))?;
        let own = tree
            .roster()
            .members_iter()
            .find(|member| member.signing_identity.signature_key.as_bytes() == self.signature_key)
            .map(|member| member.index)
            .ok_or_else(|| refused("return")("its key is not in the tree"))?;
        let build = || {
            let (group, commit) = self
                .client
                .external_commit_builder()?
                .with_tree_data(tree)
                .with_removal(own)
                .build(MlsMessage::from_bytes(group_info)?)?;
            let info = group.group_info_message_allowing_ext_commit(false)?;
            let commit = Commit {
                commit: commit.to_bytes()?,
                welcome: None,
                group_info: info.to_bytes()?,
            };
            Ok::<_, MlsError>((group, commit))
        };
        let (group, commit) = build().map_err(refused("return"))?;
        self.returning = Some(group);
        Ok(commit)
    }

    fn receive(&mut self, message: &[u8]) -> Result<Received, PeerError> {
        let message = MlsMessage::from_bytes(message).map_err(refused("read a message"))?;
        let processed = self.group()?.process_incoming_message(message);
        match processed.map_err(refused("follow"))? {
            ReceivedMessage::Proposal(_) => Ok(Received::Proposal),
            ReceivedMessage::Commit(commit) => match commit.effect {
                CommitEffect::NewEpoch(_) => Ok(Received::Commit),
                CommitEffect::Removed { .. } => {
                    self.group = None;
                    Ok(Received::Removed)
                }
                CommitEffect::ReInit(_) => Err(refused("follow")("the group is to end")),
            },
            other => Err(refused("follow")(format!("unexpected: {other:?}"))),
        }
    }

    fn forget_proposals(&mut self) -> Result<(), PeerError> {
        self.group()?.clear_proposal_cache();
        Ok(())
    }

    fn commit(&mut self) -> Result<Commit, PeerError> {
        let built = self.group()?.commit_builder().build();
        let output = built.map_err(refused("commit"))?;
        let bytes = |message: &MlsMessage| message.to_bytes().map_err(refused("commit"));
        let info = output.external_commit_group_info();
        let info = info.ok_or_else(|| refused("commit")("no GroupInfo came with it"))?;
        Ok(Commit {
            commit: bytes(output.commit_message())?,
            welcome: output.welcome_messages().first().map(bytes).transpose()?,
            group_info: bytes(info)?,
        })
    }

    fn accept_commit(&mut self) -> Result<(), PeerError> {
        if let Some(group) = self.returning.take() {
            self.group = Some(group);
            return Ok(());
        }
        let applied = self.group()?.apply_pending_commit();
        applied.map(|_| ()).map_err(refused("apply its commit"))
    }

    fn discard_commit(&mut self) -> Result<(), PeerError> {
        if self.returning.take().is_none() {
            self.group()?.clear_pending_commit();
        }
        Ok(())
    }

    fn view(&mut self) -> Result<View, PeerError> {
        let group = self.group()?;
        let member = |member: mls_rs::group::Member| {
            let identity = match &member.signing_identity.credential {
                Credential::Basic(basic) => String::from_utf8(basic.identifier.clone()),
                other => return Err(refused("name a member")(format!("{other:?}"))),
            };
            Ok(Member {
                leaf: member.index,
                identity: identity.map_err(refused("name a member"))?,
                signature_key: member.signing_identity.signature_key.as_bytes().to_vec(),
            })
        };
        Ok(View {
            epoch: group.current_epoch(),
            own_leaf: group.current_member_index(),
            members: group
                .roster()
                .members_iter()
                .map(member)
                .collect::<Result<_, _>>()?,
        })
    }

    fn export(&mut self, label: &str, context: &[u8], length: usize) -> Result<Vec<u8>, PeerError> {
        let exported = self
            .group()?
            .export_secret(label.as_bytes(), context, length);
        exported
            .map(|secret| secret.as_bytes().to_vec())
            .map_err(refused("export"))
    }

    fn epoch_authenticator(&mut self) -> Result<Vec<u8>, PeerError> {
        let authenticator = self.group()?.epoch_authenticator();
        authenticator
            .map(|secret| secret.as_bytes().to_vec())
            .map_err(refused("tell the epoch authenticator"))
    }
}

/// Names of basic credentials, with the other types listed that leaves of a room have to support.
#[derive(Debug, Clone)]
struct Names(Vec<CredentialType>);

impl IdentityProvider for Names {
    type Error = <BasicIdentityProvider as IdentityProvider>::Error;

    fn validate_member(
        &self,
        identity: &SigningIdentity,
        time: Option<mls_rs::time::MlsTime>,
        context: mls_rs_core::identity::MemberValidationContext<'_>,
    ) -> Result<(), Self::Error> {
        BasicIdentityProvider.validate_member(identity, time, context)
    }

    fn validate_external_sender(
        &self,
        identity: &SigningIdentity,
        time: Option<mls_rs::time::MlsTime>,
        extensions: Option<&ExtensionList>,
    ) -> Result<(), Self::Error> {
        BasicIdentityProvider.validate_external_sender(identity, time, extensions)
    }

    fn identity(
        &self,
        identity: &SigningIdentity,
        extensions: &ExtensionList,
    ) -> Result<Vec<u8>, Self::Error> {
        BasicIdentityProvider.identity(identity, extensions)
    }

    fn valid_successor(
        &self,
        old: &SigningIdentity,
        new: &SigningIdentity,
        extensions: &ExtensionList,
    ) -> Result<bool, Self::Error> {
        BasicIdentityProvider.valid_successor(old, new, extensions)
    }

    fn supported_types(&self) -> Vec<CredentialType> {
        self.0.clone()
    }
}

fn refused<E: std::fmt::Display>(what: &'static str) -> impl Fn(E) -> PeerError {
    move |error| PeerError::Refused {
        peer: NAME,
        what,
        why: error.to_string(),
    }
}
