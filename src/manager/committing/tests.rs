//! A committer whose service proposes key packages that no commit can add.

use std::time::Duration;

use openmls::prelude::tls_codec::Deserialize as _;
use openmls::prelude::{
    ExternalProposal, KeyPackage, LeafNodeIndex, MlsMessageBodyIn, MlsMessageIn, MlsMessageOut,
    OpenMlsProvider, ProtocolVersion, SenderExtensionIndex,
};
use openmls_rust_crypto::OpenMlsRustCrypto;

use super::*;
use crate::config::ManagerConfig;
use crate::delivery::{Blob, GroupHead, LogBody, LogEntry, ServiceMessage, chain};
use crate::group::{Door, Identity, Invitation, MlsSuite, Provider, RoomPolicy, ServiceIdentity};
use crate::id::{Epoch, Generation, LeafIndex, ParticipantId, RoomName, Ssrc};
use crate::manager::{Output, SavedState};
use crate::pipeline::{Stream, StreamSource};
use crate::schedule::MediaMode;

fn name(user: &str) -> ParticipantId {
    ParticipantId::new(user, "example.org", "phone").expect("a name")
}

/// Alice, alone in her group, and a service that checks nothing.
struct Call {
    service: ServiceIdentity,
    alice: KeyManager,
    group_id: GroupId,
    seq: Seq,
    chain: Blob,
    now: Moment,
}

impl Call {
    fn new() -> Self {
        let config = ManagerConfig {
            keeps_group: true,
            ..ManagerConfig::default()
        };
        let alice = KeyManager::new(name("alice"), config);
        let mut call = Self {
            service: ServiceIdentity::generate().expect("randomness"),
            alice: alice.expect("randomness"),
            group_id: GroupId::new([0; 16]),
            seq: Seq::default(),
            chain: chain::start(),
            now: Moment::from_millis(10_000),
        };
        let room = RoomName::new("room").expect("a name");
        call.alice.join(room, None).expect("in no room");
        call.alice.handle_connected(call.now);
        call.room(None);
        let said = call.said();
        let created = said.iter().find_map(|message| match message {
            ClientMessage::Create { group_id, .. } => Some(*group_id),
            _ => None,
        });
        call.group_id = created.expect("alice offers a group");
        let creator = name("alice");
        call.log(LogBody::Created { creator });
        call.said();
        // The room is quiet: whatever is pending is committed at once.
        call.wait(Duration::from_secs(2));
        call.committers();
        call
    }

    fn room(&mut self, group: Option<GroupHead>) {
        let policy = RoomPolicy {
            room: RoomName::new("room").expect("a name"),
            generation: Generation::new(0),
            ciphersuite: MlsSuite::default(),
            mode: MediaMode::default(),
            locked: false,
        };
        self.tell(ServiceMessage::Room {
            policy,
            external_sender: self.service.info(),
            group,
            leaf_key: None,
            session: Blob::new(vec![1; 16]),
            welcome: false,
        });
    }

    fn tell(&mut self, message: ServiceMessage) {
        self.alice.handle_message(message, self.now);
    }

    fn log(&mut self, body: LogBody) -> Seq {
        self.seq = self.seq.next();
        self.chain = chain::next(&self.chain, self.group_id, self.seq, 0, &body);
        self.tell(ServiceMessage::Entry(LogEntry {
            group_id: self.group_id,
            seq: self.seq,
            term: 0,
            chain: self.chain.clone(),
            body,
        }));
        self.seq
    }

    fn epoch(&self) -> Epoch {
        self.alice.position().expect("a member").1
    }

    fn propose(&mut self, proposal: Blob) -> Seq {
        let epoch = self.epoch();
        self.log(LogBody::Proposal { epoch, proposal })
    }

    /// Proposes alice's own key under another name, which no group can have twice.
    fn add_twin(&mut self) -> Seq {
        let alice = serde_json::to_string(&self.alice.identity).expect("encodes");
        let twin = alice.replacen("alice", "twin", 1);
        self.add(&serde_json::from_str(&twin).expect("decodes"))
    }

    fn add(&mut self, who: &Identity) -> Seq {
        let add = self.signed_add(who);
        self.propose(add)
    }

    fn door(&self) -> Door {
        self.alice.room.clone().expect("alice was told")
    }

    fn signed_add(&self, who: &Identity) -> Blob {
        let proposal = ExternalProposal::new_add::<OpenMlsRustCrypto>(
            key_package(who, &self.door()),
            openmls::group::GroupId::from_slice(self.group_id.as_bytes()),
            self.epoch().get().into(),
            &self.service.signer,
            SenderExtensionIndex::new(0),
        );
        encode(&proposal.expect("is signed"))
    }

    fn remove(&mut self, leaf: u32) -> Seq {
        let proposal = ExternalProposal::new_remove::<OpenMlsRustCrypto>(
            LeafNodeIndex::new(leaf),
            openmls::group::GroupId::from_slice(self.group_id.as_bytes()),
            self.epoch().get().into(),
            &self.service.signer,
            SenderExtensionIndex::new(0),
        );
        self.propose(encode(&proposal.expect("is signed")))
    }

    /// What alice has said since she was asked last.
    fn said(&mut self) -> Vec<ClientMessage> {
        let outputs = std::iter::from_fn(|| self.alice.poll_output());
        let said = outputs.filter_map(|output| match output {
            Output::Send(message) => Some(message),
            _ => None,
        });
        said.collect()
    }

    /// The service accepts what alice has committed.
    fn accept(&mut self, said: &[ClientMessage]) {
        let committed = said.iter().find_map(|message| match message {
            ClientMessage::Commit { epoch, commit, .. } => Some((*epoch, commit.clone())),
            _ => None,
        });
        let (epoch, commit) = committed.expect("alice has committed");
        let author = LeafIndex::new(0);
        self.log(LogBody::Commit {
            epoch,
            author,
            commit,
        });
        self.said();
    }

    fn refuse(&mut self) {
        self.tell(ServiceMessage::Refused {
            request: "commit".into(),
            reason: Refusal::RateLimited,
            code: None,
            detail: "a test".into(),
        });
    }

    /// Alice's process ends, and another one goes on with what was saved.
    fn restart(&mut self, saved: &SavedState) {
        let alice = KeyManager::restore(saved, ManagerConfig::default(), self.now);
        self.alice = alice.expect("just saved");
        self.alice.handle_connected(self.now);
    }

    /// The connection breaks, and there is another one.
    fn reconnect(&mut self) {
        self.alice.handle_disconnected();
        self.alice.handle_connected(self.now);
        self.said();
    }

    /// The service goes on with alice's stay; the group stands where the log does.
    fn resume(&mut self) {
        let (group_id, seq) = (self.group_id, self.seq);
        let epoch = self.epoch();
        self.room(Some(GroupHead {
            group_id,
            epoch,
            seq,
        }));
    }

    /// Alice may commit first.
    fn committers(&mut self) {
        let leaves = vec![LeafIndex::new(0)];
        let group_id = self.group_id;
        self.tell(ServiceMessage::Committers { group_id, leaves });
    }

    fn wait(&mut self, span: Duration) {
        self.now = self.now + span;
        self.alice.handle_timeout(self.now);
    }

    /// The next thing that alice does because of the time.
    fn time_passes(&mut self) {
        self.now = self.alice.poll_timeout().expect("a timer");
        self.alice.handle_timeout(self.now);
    }
}

fn encode(message: &MlsMessageOut) -> Blob {
    Blob::new(message.to_bytes().expect("encodes"))
}

fn key_package(who: &Identity, door: &Door) -> KeyPackage {
    let invitation = Invitation::new(Provider::default(), who, door).expect("a key package");
    let bytes = invitation.key_package().as_slice();
    let message = MlsMessageIn::tls_deserialize_exact(bytes).expect("decodes");
    let MlsMessageBodyIn::KeyPackage(key_package) = message.extract() else {
        panic!("not a key package");
    };
    let crypto = OpenMlsRustCrypto::default();
    let valid = key_package.validate(crypto.crypto(), ProtocolVersion::Mls10);
    valid.expect("a sound key package")
}

fn stranger(user: &str) -> Identity {
    Identity::generate(name(user)).expect("randomness")
}

fn declined(said: &[ClientMessage]) -> Vec<Seq> {
    let declined = said.iter().filter_map(|message| match message {
        ClientMessage::Declined { seq, .. } => Some(*seq),
        _ => None,
    });
    declined.collect()
}

fn adds(said: &[ClientMessage]) -> bool {
    let adds = |message: &ClientMessage| match message {
        ClientMessage::Commit { welcome, .. } => welcome.is_some(),
        _ => false,
    };
    said.iter().any(adds)
}

fn count(said: &[ClientMessage], what: impl Fn(&ClientMessage) -> bool) -> usize {
    said.iter().filter(|message| what(message)).count()
}

fn commits(said: &[ClientMessage]) -> usize {
    count(said, |message| {
        matches!(message, ClientMessage::Commit { .. })
    })
}

#[test]
fn an_add_that_cannot_be_committed_is_declined_and_the_rest_goes_on() {
    let mut call = Call::new();
    let faulty = call.add_twin();
    assert_eq!(declined(&call.said()), [faulty]);
    call.add(&stranger("bob"));
    call.refuse();
    call.time_passes();
    let said = call.said();
    assert!(declined(&said).is_empty(), "once is enough");
    assert!(adds(&said), "bob comes in");
    call.accept(&said);
    assert_eq!(call.alice.roster().map(|roster| roster.len()), Some(2));
}

/// It would be queued all the same, and committed without a look at whom it adds.
#[test]
fn a_proposal_that_is_logged_as_something_else_is_not_committed() {
    let mut call = Call::new();
    let intruder = call.signed_add(&stranger("mallory"));
    let epoch = call.epoch();
    call.log(LogBody::Application {
        epoch,
        message: intruder,
    });
    call.add(&stranger("bob"));
    let said = call.said();
    call.accept(&said);
    let roster = call.alice.roster().expect("a member");
    assert!(roster.leaf_of(&name("bob")).is_some());
    assert!(roster.leaf_of(&name("mallory")).is_none());
}

/// Whoever commits two leaves of one device is distrusted for it.
#[test]
fn nobody_is_added_beside_its_own_leaf() {
    let mut call = Call::new();
    call.add(&stranger("bob"));
    let said = call.said();
    call.accept(&said);
    let beside = call.add(&stranger("bob"));
    assert_eq!(declined(&call.said()), [beside]);
    call.add(&stranger("carol"));
    let twice = call.add(&stranger("carol"));
    call.wait(Duration::from_secs(2));
    let said = call.said();
    assert_eq!(declined(&said), [twice]);
    call.accept(&said);
    let roster = call.alice.roster().expect("a member");
    let mut users: Vec<_> = roster.iter().map(|m| m.participant.user()).collect();
    users.sort_unstable();
    assert_eq!(users, ["alice", "bob", "carol"]);
    // In its leaf's place it comes in.
    call.remove(1);
    let instead = call.add(&stranger("bob"));
    call.wait(Duration::from_secs(2));
    let said = call.said();
    assert!(declined(&said).is_empty() && adds(&said), "{instead:?}");
}

#[test]
fn what_was_declined_is_said_again_over_a_new_connection() {
    let mut call = Call::new();
    let faulty = call.add_twin();
    call.said();
    call.alice.handle_disconnected();
    call.alice.handle_connected(call.now);
    assert!(
        declined(&call.said()).is_empty(),
        "the service must go on first"
    );
    call.resume();
    assert_eq!(declined(&call.said()), [faulty]);
}

#[test]
fn a_device_that_enters_anew_is_not_taken_for_a_faulty_one() {
    let mut call = Call::new();
    let bob = stranger("bob");
    call.add(&bob);
    let said = call.said();
    call.accept(&said);
    call.remove(1);
    call.add(&bob);
    let faulty = call.add_twin();
    call.time_passes();
    let said = call.said();
    assert_eq!(declined(&said), [faulty]);
    assert!(adds(&said));
    call.accept(&said);
    let roster = call.alice.roster().expect("a member");
    assert!(roster.leaf_of(&name("bob")).is_some());
}

#[test]
fn what_was_declined_is_known_after_a_restart() {
    let mut call = Call::new();
    let faulty = call.add_twin();
    let saved = call.alice.save().expect("can be encoded");
    call.restart(&saved);
    call.said();
    call.resume();
    assert_eq!(declined(&call.said()), [faulty]);
}

#[test]
fn a_restored_committer_first_learns_what_became_of_its_commit() {
    let mut call = Call::new();
    call.add(&stranger("bob"));
    let committed = call.said();
    let saved = call.alice.save().expect("can be encoded");
    let epoch = call.epoch().next();
    call.restart(&saved);
    call.room(Some(GroupHead {
        group_id: call.group_id,
        epoch,
        seq: call.seq.next(),
    }));
    call.committers();
    call.wait(Duration::from_secs(1));
    assert_eq!(commits(&call.said()), 0, "the log tells soon");
    call.accept(&committed);
    assert_eq!(call.epoch(), epoch);
}

#[test]
fn nothing_is_committed_before_the_service_goes_on_with_the_stay() {
    let mut call = Call::new();
    call.add(&stranger("bob"));
    call.refuse();
    call.said();
    call.reconnect();
    call.committers();
    call.wait(Duration::from_secs(2));
    assert_eq!(commits(&call.said()), 0);
    call.resume();
    call.committers();
    call.wait(Duration::from_secs(1));
    assert_eq!(commits(&call.said()), 1);
}

#[test]
fn a_report_and_an_announcement_lost_with_a_connection_are_made_again() {
    let mut call = Call::new();
    call.alice.announce_streams(vec![Stream {
        id: Ssrc::new(7).into(),
        source: StreamSource::Camera,
    }]);
    let announced = |message: &ClientMessage| matches!(message, ClientMessage::Application { .. });
    assert_eq!(count(&call.said(), announced), 1);
    call.reconnect();
    call.resume();
    let said = call.said();
    assert_eq!(count(&said, announced), 1);
    let reported = |message: &ClientMessage| matches!(message, ClientMessage::Applied { .. });
    assert_eq!(count(&said, reported), 1);
}

#[test]
fn nobody_complains_about_a_commit_of_its_own() {
    for (author, complaints) in [(0, 0), (1, 1)] {
        let mut call = Call::new();
        call.log(LogBody::Commit {
            epoch: call.epoch(),
            author: LeafIndex::new(author),
            commit: Blob::new(vec![0xff; 64]),
        });
        let complains =
            |message: &ClientMessage| matches!(message, ClientMessage::CannotApply { .. });
        assert_eq!(count(&call.said(), complains), complaints, "{author}");
    }
}
