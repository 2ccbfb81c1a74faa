//! A room without sockets: the service's view of the group, which checks what the service checks and
//! proposes as the service does, and the peers that are in it.

use interop::peer::{Commit, ContextExtension, Peer, Received};
use mls_srtp::delivery::{Blob, ExternalSenderInfo};
use mls_srtp::group::{
    FollowError, GroupFollower, MlsSuite, ROOM_POLICY_EXTENSION, RoomPolicy, ServiceIdentity,
    TOKEN_CREDENTIAL,
};
use mls_srtp::id::{Generation, GroupId, LeafIndex, ParticipantId, RoomName};
use mls_srtp::schedule::{MediaMode, Profile};
use openmls::prelude::tls_codec::Serialize as _;
use openmls::prelude::{
    BasicCredential, CredentialType, ExtensionType, ExternalSender, RequiredCapabilitiesExtension,
};

pub type Members<'a> = [&'a mut dyn Peer];

pub const GROUP: [u8; 16] = *b"strangers agree!";

pub struct Room {
    service: ServiceIdentity,
    pub group: GroupFollower,
    /// MLSMessage(GroupInfo) of the current epoch.
    pub group_info: Vec<u8>,
}

impl Room {
    /// A room whose group `creator` makes.
    pub fn created_by(creator: &mut dyn Peer, name: &str) -> Self {
        let policy = policy();
        let service = ServiceIdentity::generate().expect("randomness");
        let terms = terms(&policy, &service.info());
        let offer = creator.create(&GROUP, &terms).expect("a group");
        let group = GroupFollower::create(
            &policy,
            &service,
            &participant(name),
            GroupId::new(GROUP),
            &Blob::new(offer.group_info.clone()),
            &Blob::new(offer.tree),
        );
        Self {
            service,
            group: group.expect("the service takes the group"),
            group_info: offer.group_info,
        }
    }

    /// The service proposes to add whoever brings this key package.
    pub fn propose_add(&mut self, key_package: Vec<u8>, members: &mut Members) {
        let message = self.addition_of(key_package).expect("it fits");
        tell(&message, members);
    }

    /// The service's proposal to add whoever brings this key package.
    pub fn addition_of(&mut self, key_package: Vec<u8>) -> Result<Vec<u8>, FollowError> {
        let key_package = Blob::new(key_package);
        let proposed = self.group.propose_add(&self.service, &key_package)?;
        Ok(proposed.message.as_slice().to_vec())
    }

    /// The service proposes to remove a participant.
    pub fn propose_remove(&mut self, name: &str, members: &mut Members) {
        let message = self.removal_of(name);
        tell(&message, members);
    }

    /// The service's proposal to remove a participant.
    pub fn removal_of(&mut self, name: &str) -> Vec<u8> {
        let leaf: LeafIndex = self.group.leaf_of(&participant(name)).expect("it is there");
        let proposed = self.group.propose_remove(&self.service, leaf);
        proposed.expect("it fits").message.as_slice().to_vec()
    }

    /// The first member commits, the service accepts, the others follow. Gives the Welcome and what
    /// the commit was to the others.
    pub fn commit(
        &mut self,
        author: &str,
        members: &mut Members,
    ) -> (Option<Vec<u8>>, Vec<Received>) {
        let (committer, others) = members.split_first_mut().expect("a committer");
        let commit = committer.commit().expect("a commit");
        self.accept(author, &commit).expect("the service takes it");
        committer.accept_commit().expect("it waits");
        let was = others
            .iter_mut()
            .map(|other| other.receive(&commit.commit).expect("it follows"));
        (commit.welcome, was.collect())
    }

    /// The service looks at a member's commit and goes on with it.
    pub fn accept(&mut self, author: &str, commit: &Commit) -> Result<(), FollowError> {
        let change = self.group.stage_commit(
            &participant(author),
            &Blob::new(commit.commit.clone()),
            commit.welcome.clone().map(Blob::new).as_ref(),
            &Blob::new(commit.group_info.clone()),
        )?;
        self.group.merge(change)?;
        self.group_info.clone_from(&commit.group_info);
        Ok(())
    }

    /// The same for an external commit.
    pub fn accept_external(&mut self, author: &str, commit: &Commit) -> Result<(), FollowError> {
        let change = self.group.stage_external(
            &participant(author),
            &Blob::new(commit.commit.clone()),
            &Blob::new(commit.group_info.clone()),
        )?;
        self.group.merge(change)?;
        self.group_info.clone_from(&commit.group_info);
        Ok(())
    }

    /// The ratchet tree as the service gives it to newcomers.
    pub fn tree(&self) -> Vec<u8> {
        self.group.tree().expect("a tree").as_slice().to_vec()
    }

    /// All are in one epoch, with one roster and one set of secrets.
    pub fn agrees(&self, members: &mut Members) {
        let context = GROUP.as_slice();
        let mut all = members.iter_mut().map(|member| {
            let name = member.name();
            let view = member.view().expect(name);
            let exporter = member.export("mls-srtp v1", context, 32).expect(name);
            let authenticator = member.epoch_authenticator().expect(name);
            assert_eq!(exporter.len(), 32);
            (view.epoch, view.members, exporter, authenticator)
        });
        let first = all.next().expect("a member");
        assert_eq!(first.0, self.group.epoch().get());
        let roster: Vec<_> = self.group.roster().iter().collect();
        let names: Vec<_> = first.1.iter().map(|member| &member.identity).collect();
        assert_eq!(names.len(), roster.len(), "{names:?}");
        for (name, member) in names.iter().zip(roster) {
            assert_eq!(**name, member.participant.to_string());
        }
        for other in all {
            assert_eq!(other, first);
        }
    }
}

/// The policy of the room.
pub fn policy() -> RoomPolicy {
    RoomPolicy {
        room: RoomName::new("interop").expect("a name"),
        generation: Generation::new(0),
        ciphersuite: MlsSuite::X25519,
        mode: MediaMode::Srtp(Profile::AeadAes128Gcm),
        locked: false,
    }
}

/// The types that leaves of a room have to list.
pub const EXTENSIONS: [u16; 1] = [ROOM_POLICY_EXTENSION];
pub const CREDENTIALS: [u16; 3] = [1, 2, TOKEN_CREDENTIAL];

fn tell(proposal: &[u8], members: &mut Members) {
    for member in members {
        let received = member.receive(proposal).expect("it is the service's");
        assert_eq!(received, Received::Proposal);
    }
}

fn participant(name: &str) -> ParticipantId {
    name.parse().expect("a participant")
}

/// The GroupContext extensions of a room.
pub fn terms(policy: &RoomPolicy, sender: &ExternalSenderInfo) -> Vec<ContextExtension> {
    let credentials = CREDENTIALS.map(CredentialType::from);
    let required =
        RequiredCapabilitiesExtension::new(&EXTENSIONS.map(ExtensionType::from), &[], &credentials);
    let sender = ExternalSender::new(
        sender.signature_key.as_slice().into(),
        BasicCredential::new(sender.identity.clone().into_bytes()).into(),
    );
    let data = |bytes: Result<Vec<u8>, _>| bytes.expect("it encodes");
    vec![
        ContextExtension {
            kind: ExtensionType::RequiredCapabilities.into(),
            data: data(required.tls_serialize_detached()),
        },
        ContextExtension {
            kind: ExtensionType::ExternalSenders.into(),
            data: data(vec![sender].tls_serialize_detached()),
        },
        ContextExtension {
            kind: ROOM_POLICY_EXTENSION,
            data: policy.encode(),
        },
    ]
}
