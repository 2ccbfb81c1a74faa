//! The way from somebody else's MLS to the delivery service: what the service's envelopes ask of a
//! participant, put to a [`Peer`].

use std::collections::VecDeque;

use mls_srtp::delivery::{
    Blob, ClientMessage, CloseReason, ExternalSenderInfo, GroupHead, LogBody, LogEntry,
    PROTOCOL_VERSION, Refusal, ServiceMessage, chain,
};
use mls_srtp::group::RoomPolicy;
use mls_srtp::id::{Epoch, GroupId, LeafIndex, ParticipantId, RoomName, Seq};
use mls_srtp::schedule::{MediaMode, Profile};
use sha2::{Digest, Sha256};

use crate::peer::{Commit, Peer, PeerError, Received};
use crate::reading::{ReadError, Reading};
use crate::terms;

/// One participant with somebody else's MLS. It does no I/O: what it wants sent is taken from
/// [`Self::poll_send`].
pub struct Participant {
    name: ParticipantId,
    room: RoomName,
    peer: Box<dyn Peer>,
    standing: Standing,
    profile: Profile,
    /// The service's proposals of this epoch.
    proposals: Vec<(Seq, Blob)>,
    committers: Vec<LeafIndex>,
    /// Our commit that is with the service.
    submitted: Option<Blob>,
    outbox: VecDeque<ClientMessage>,
    readings: Vec<Reading>,
    saw_own_removal: bool,
    holds_back: bool,
}

/// Where a participant stands.
enum Standing {
    Outside,
    Creating(GroupId),
    Waiting,
    Returning,
    Member(Position),
}

/// Where a member is in the room's log.
struct Position {
    group_id: GroupId,
    epoch: Epoch,
    own_leaf: LeafIndex,
    seq: Seq,
    chain: Blob,
}

/// Why a participant cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ParticipantError {
    /// Its MLS refused.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// Its MLS cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The service refused what it said.
    #[error("the service refused a {request} of {who}: {reason:?}, {detail}")]
    Refused {
        /// Whose.
        who: String,
        /// Type of the message.
        request: String,
        /// Why, for the program.
        reason: Refusal,
        /// Why, for a person.
        detail: String,
    },
    /// The service said what does not fit.
    #[error("the service said what does not fit: {0}")]
    Service(&'static str),
    /// The service ended the stay, though no commit had.
    #[error("the service closed the connection: {0:?}")]
    Closed(CloseReason),
    /// No randomness.
    #[error("the system has no randomness: {0}")]
    Random(#[from] getrandom::Error),
}

impl Participant {
    /// A participant of that name, outside of a room that it is to enter.
    pub fn new(name: ParticipantId, room: RoomName, peer: Box<dyn Peer>) -> Self {
        Self {
            name,
            room,
            peer,
            standing: Standing::Outside,
            profile: Profile::default(),
            proposals: Vec::new(),
            committers: Vec::new(),
            submitted: None,
            outbox: VecDeque::new(),
            readings: Vec::new(),
            saw_own_removal: false,
            holds_back: false,
        }
    }

    /// Who it is.
    pub fn name(&self) -> &ParticipantId {
        &self.name
    }

    /// Which implementation it has.
    pub fn implementation(&self) -> &'static str {
        self.peer.name()
    }

    /// What it had in each of its epochs, in order.
    pub fn readings(&self) -> &[Reading] {
        &self.readings
    }

    /// Whether its MLS said that a commit removed it.
    pub fn saw_own_removal(&self) -> bool {
        self.saw_own_removal
    }

    /// The next thing to send.
    #[must_use]
    pub fn poll_send(&mut self) -> Option<ClientMessage> {
        self.outbox.pop_front()
    }

    /// A connection is there, the first or one after [`Self::lose_state`].
    pub fn connected(&mut self) {
        self.outbox.push_back(ClientMessage::Hello {
            version: PROTOCOL_VERSION,
            room: self.room.clone(),
            participant: self.name.clone(),
            token: None,
            proof: None,
            resume: None,
        });
    }

    /// The process starts anew with nothing but its name and signature key.
    pub fn lose_state(&mut self) {
        self.standing = Standing::Outside;
        self.proposals.clear();
        self.committers.clear();
        self.submitted = None;
        self.outbox.clear();
    }

    /// From now on it commits only when it is told to.
    pub fn hold_back(&mut self) {
        self.holds_back = true;
    }

    /// How many proposals wait to be committed.
    pub fn proposed(&self) -> usize {
        self.proposals.len()
    }

    /// Asks to be removed.
    pub fn leave(&mut self) {
        self.outbox.push_back(ClientMessage::Leave);
    }

    /// Asks that somebody else be removed.
    pub fn evict(&mut self, participant: ParticipantId) {
        self.outbox.push_back(ClientMessage::Evict { participant });
    }

    /// Takes one message of the service.
    ///
    /// # Errors
    /// [`ParticipantError`]; nothing more can be done with it.
    pub fn hear(&mut self, message: ServiceMessage) -> Result<(), ParticipantError> {
        match message {
            ServiceMessage::Room {
                policy,
                external_sender,
                group,
                leaf_key,
                ..
            } => self.enter(&policy, &external_sender, group, leaf_key)?,
            ServiceMessage::Welcome {
                group_id,
                seq,
                chain,
                welcome,
                tree,
            } => {
                self.peer.join(welcome.as_slice(), tree.as_slice())?;
                self.begin(group_id, seq, chain)?;
            }
            ServiceMessage::GroupInfo {
                group_id,
                epoch,
                group_info,
                tree,
            } => self.come_back(group_id, epoch, &group_info, &tree)?,
            ServiceMessage::Entry(entry) => self.follow(entry)?,
            ServiceMessage::Committers { leaves, .. } => self.committers = leaves,
            ServiceMessage::Refused {
                request,
                reason,
                detail,
                ..
            } => self.refused(request, reason, detail)?,
            ServiceMessage::Closed { reason } if !self.saw_own_removal => {
                return Err(ParticipantError::Closed(reason));
            }
            _ => {}
        }
        self.commit_if_first()
    }

    /// The room as it stands: go in by the way that is open.
    fn enter(
        &mut self,
        policy: &RoomPolicy,
        sender: &ExternalSenderInfo,
        group: Option<GroupHead>,
        leaf_key: Option<Blob>,
    ) -> Result<(), ParticipantError> {
        let MediaMode::Srtp(profile) = policy.mode else {
            return Err(ParticipantError::Service("a room without SRTP"));
        };
        self.profile = profile;
        let own_key = Blob::new(self.peer.signature_key());
        let Some(head) = group else {
            let mut group_id = [0; 16];
            getrandom::fill(&mut group_id)?;
            let offer = self
                .peer
                .create(&group_id, &terms::context(policy, sender))?;
            let group_id = GroupId::new(group_id);
            self.standing = Standing::Creating(group_id);
            self.outbox.push_back(ClientMessage::Create {
                generation: policy.generation,
                group_id,
                group_info: offer.group_info.into(),
                tree: offer.tree.into(),
            });
            return Ok(());
        };
        let (standing, message) = if leaf_key == Some(own_key) {
            let group_id = head.group_id;
            let ask = ClientMessage::AskGroupInfo { group_id };
            (Standing::Returning, ask)
        } else {
            let key_package = self.peer.key_package()?.into();
            (Standing::Waiting, ClientMessage::Join { key_package })
        };
        self.standing = standing;
        self.outbox.push_back(message);
        Ok(())
    }

    /// Takes the own leaf back by an external commit.
    fn come_back(
        &mut self,
        group_id: GroupId,
        epoch: Epoch,
        group_info: &Blob,
        tree: &Blob,
    ) -> Result<(), ParticipantError> {
        let built = self
            .peer
            .external_commit(group_info.as_slice(), tree.as_slice())?;
        let commit = Blob::new(built.commit);
        self.submitted = Some(commit.clone());
        self.outbox.push_back(ClientMessage::ExternalCommit {
            group_id,
            epoch,
            commit,
            group_info: built.group_info.into(),
        });
        Ok(())
    }

    /// One entry of the log.
    fn follow(&mut self, entry: LogEntry) -> Result<(), ParticipantError> {
        let (group_id, seq) = (entry.group_id, entry.seq);
        match (&mut self.standing, &entry.body) {
            (Standing::Creating(ours), LogBody::Created { .. }) if *ours == group_id => {
                return self.begin(group_id, seq, entry.chain);
            }
            (Standing::Returning, LogBody::Commit { commit, .. })
                if self.submitted.as_ref() == Some(commit) =>
            {
                self.peer.accept_commit()?;
                return self.begin(group_id, seq, entry.chain);
            }
            (Standing::Member(position), _) => {
                if seq != position.seq.next() || !chain::follows(&position.chain, &entry) {
                    return Err(ParticipantError::Service("a log with a gap"));
                }
                position.seq = seq;
                position.chain = entry.chain.clone();
            }
            _ => return Ok(()),
        }
        match entry.body {
            LogBody::Proposal { proposal, .. } => self.take_proposal(seq, proposal),
            LogBody::Withdrawn { proposal, .. } => self.withdraw(proposal),
            LogBody::Commit { commit, .. } => self.apply(group_id, seq, entry.chain, &commit),
            _ => Ok(()),
        }
    }

    fn take_proposal(&mut self, seq: Seq, proposal: Blob) -> Result<(), ParticipantError> {
        self.peer.receive(proposal.as_slice())?;
        self.proposals.push((seq, proposal));
        Ok(())
    }

    fn withdraw(&mut self, withdrawn: Seq) -> Result<(), ParticipantError> {
        self.proposals.retain(|(seq, _)| *seq != withdrawn);
        self.peer.forget_proposals()?;
        for (_, proposal) in &self.proposals {
            self.peer.receive(proposal.as_slice())?;
        }
        Ok(())
    }

    /// Goes on over an accepted commit, the own one or another's.
    fn apply(
        &mut self,
        group_id: GroupId,
        seq: Seq,
        chain: Blob,
        commit: &Blob,
    ) -> Result<(), ParticipantError> {
        match self.submitted.take() {
            Some(own) if own == *commit => self.peer.accept_commit()?,
            other => {
                if other.is_some() {
                    self.peer.discard_commit()?;
                }
                if self.peer.receive(commit.as_slice())? == Received::Removed {
                    self.saw_own_removal = true;
                    self.standing = Standing::Outside;
                    return Ok(());
                }
            }
        }
        self.begin(group_id, seq, chain)
    }

    /// A new epoch: reads it and reports it.
    fn begin(&mut self, group_id: GroupId, seq: Seq, chain: Blob) -> Result<(), ParticipantError> {
        let reading = Reading::of_peer(&self.name, &mut *self.peer, group_id, self.profile)?;
        self.proposals.clear();
        self.submitted = None;
        self.standing = Standing::Member(Position {
            group_id,
            epoch: reading.secrets.epoch,
            own_leaf: reading.secrets.own_leaf,
            seq,
            chain,
        });
        let hash = Sha256::digest(reading.authenticator.expose()).to_vec();
        self.readings.push(reading);
        self.outbox.push_back(ClientMessage::Applied {
            group_id,
            seq,
            authenticator_hash: hash.into(),
        });
        Ok(())
    }

    /// Commits what is proposed, if the service names this leaf first.
    fn commit_if_first(&mut self) -> Result<(), ParticipantError> {
        let Standing::Member(position) = &self.standing else {
            return Ok(());
        };
        let first = self.committers.first() == Some(&position.own_leaf);
        if first && !self.holds_back && !self.proposals.is_empty() && self.submitted.is_none() {
            self.commit()?;
        }
        Ok(())
    }

    /// Commits what is proposed; without a proposal it renews the leaf.
    ///
    /// # Errors
    /// [`ParticipantError`] if it is no member or its MLS refuses.
    pub fn commit(&mut self) -> Result<(), ParticipantError> {
        let Standing::Member(position) = &self.standing else {
            return Err(ParticipantError::Service("no group to commit in"));
        };
        let Commit {
            commit,
            welcome,
            group_info,
        } = self.peer.commit()?;
        let commit = Blob::new(commit);
        self.submitted = Some(commit.clone());
        self.outbox.push_back(ClientMessage::Commit {
            group_id: position.group_id,
            epoch: position.epoch,
            seen_seq: position.seq,
            commit,
            welcome: welcome.map(Blob::new),
            group_info: group_info.into(),
        });
        Ok(())
    }

    /// That another commit was first may happen to anybody; anything else is a finding.
    fn refused(
        &mut self,
        request: String,
        reason: Refusal,
        detail: String,
    ) -> Result<(), ParticipantError> {
        let lost = matches!(reason, Refusal::WrongEpoch | Refusal::OmitsProposal);
        if request == "commit" && lost {
            if self.submitted.take().is_some() {
                self.peer.discard_commit()?;
            }
            return Ok(());
        }
        Err(ParticipantError::Refused {
            who: self.name.to_string(),
            request,
            reason,
            detail,
        })
    }
}
