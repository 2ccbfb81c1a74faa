//! What the log brings. Each entry says what it is, and is taken for nothing else: what came in another
//! one's place would be judged by the wrong rules, or by none.

use openmls::prelude::{
    OpenMlsProvider, ProcessedMessage, ProcessedMessageContent, Proposal, ProtocolMessage,
    QueuedProposal, Sender,
};

use super::super::{GroupError, RuleViolation, credential, decode, path, rules, terms};
use super::{Accepted, Engine, Offence, Proposed, to_leaf};
use crate::delivery::Blob;
use crate::id::{LeafIndex, ParticipantId};

impl Engine {
    /// Queues a proposal of the service, if it is of a kind that the rules allow.
    pub(crate) fn take_proposal(&mut self, bytes: &Blob) -> Result<Proposed, GroupError> {
        let processed = self.process(decode::proposal(bytes)?)?;
        let ProcessedMessageContent::ProposalMessage(proposal) = processed.into_content() else {
            return Err(GroupError::Malformed("a proposal"));
        };
        rules::check_kind(&proposal)?;
        let proposed = Proposed {
            reference: proposal.proposal_reference_ref().clone(),
            removes: matches!(proposal.proposal(), Proposal::Remove(_)),
            objection: self.objection_to(&proposal),
        };
        self.group
            .store_pending_proposal(self.provider.storage(), *proposal)
            .map_err(|e| GroupError::library("storing a proposal", &e))?;
        Ok(proposed)
    }

    /// Stages a commit, whatever it does: an accepted one has to be followed or fled from.
    pub(crate) fn take_commit(&mut self, bytes: &Blob) -> Result<Accepted, GroupError> {
        let open = self.group.pending_proposals().count();
        let processed = self.process(decode::commit(bytes, open)?)?;
        let sender = processed.sender().clone();
        let staged = match processed.into_content() {
            ProcessedMessageContent::StagedCommitMessage(staged) => staged,
            ProcessedMessageContent::OwnPendingCommit => return Ok(Accepted::Own),
            _ => return Err(GroupError::Malformed("a commit")),
        };
        let suite = self.group.ciphersuite();
        let offence = self.with_rules(|before| {
            let broken = rules::check_commit(&staged, &sender, before)
                .and_then(|()| path::check_keys(bytes.as_slice(), suite));
            broken.err().map(|violation| Offence {
                violation,
                intruders: rules::intruders(&staged, &sender, before),
            })
        });
        let author = match sender {
            Sender::Member(leaf) => leaf,
            _ => self
                .group
                .ext_commit_sender_index(&staged)
                .map_err(|e| GroupError::library("finding a leaf", &e))?,
        };
        Ok(Accepted::Other(staged, to_leaf(author)?, offence))
    }

    /// Opens an application message, and says which leaf signed it; `None` for an echo of our own.
    pub(crate) fn take_application(
        &mut self,
        bytes: &Blob,
    ) -> Result<Option<(LeafIndex, Vec<u8>)>, GroupError> {
        let processed = self.process(decode::application(bytes)?)?;
        let sender = processed.sender().clone();
        match (processed.into_content(), sender) {
            (ProcessedMessageContent::ApplicationMessage(said), Sender::Member(leaf)) => {
                Ok(Some((to_leaf(leaf)?, said.into_bytes())))
            }
            (ProcessedMessageContent::OwnPrivateMessage, _) => Ok(None),
            _ => Err(GroupError::Malformed("a member's message")),
        }
    }

    fn process(&mut self, message: ProtocolMessage) -> Result<ProcessedMessage, GroupError> {
        self.group
            .process_message(&self.provider, message)
            .map_err(|e| GroupError::invalid("the message", &e))
    }

    /// Holds something against the rules, with the group as it is now.
    pub(super) fn with_rules<T>(&self, check: impl FnOnce(&rules::Before<'_>) -> T) -> T {
        check(&rules::Before {
            roster: &self.roster(),
            terms: self.group.extensions(),
            removing: &self.removing(),
            validator: &*self.validator,
            identity: &|leaf| self.identity_at(leaf),
        })
    }

    /// What keeps us from committing an Add.
    fn objection_to(&self, proposal: &QueuedProposal) -> Option<RuleViolation> {
        let Proposal::Add(add) = proposal.proposal() else {
            return None;
        };
        let (key_package, leaf) = (add.key_package(), add.key_package().leaf_node());
        let trusted = || {
            let (terms, identity) = (self.group.extensions(), |leaf| self.identity_at(leaf));
            let policy = terms::policy(terms).map_err(|_| RuleViolation::Terms)?;
            rules::check_lock(terms, &self.roster(), &identity, leaf)?;
            rules::check_trust(&*self.validator, &policy.room, leaf)
        };
        rules::check_key_package(key_package, self.group.ciphersuite())
            .and_then(|participant| trusted().map(|()| participant))
            .and_then(|participant| self.check_once(participant))
            .err()
    }

    /// Who has a leaf that stays, or is proposed already, would be in the group twice.
    fn check_once(&self, participant: ParticipantId) -> Result<(), RuleViolation> {
        let leaf = self.roster().leaf_of(&participant);
        let stays = leaf.is_some_and(|leaf| !self.removing().contains(&leaf));
        let is_proposed = || {
            let mut queued = self.group.pending_proposals();
            queued.any(|queued| match queued.proposal() {
                Proposal::Add(add) => {
                    let named = credential::participant(add.key_package().leaf_node().credential());
                    named.is_ok_and(|named| named == participant)
                }
                _ => false,
            })
        };
        if stays || is_proposed() {
            return Err(RuleViolation::Twice(participant));
        }
        Ok(())
    }
}
