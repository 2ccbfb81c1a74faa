//! Connections that come, come back and go.

use mls_srtp::delivery::{
    Blob, ClientMessage, CloseReason, ExternalSenderInfo, GroupHead, LogEntry, PROTOCOL_VERSION,
    Refusal, Resume, ServiceMessage, chain,
};
use mls_srtp::id::ParticipantId;
use mls_srtp::time::Moment;
use mls_srtp::token::{KeyProof, SignedToken};
use mls_srtp::trust::{TrustCode, TrustError};

use super::wishes::Why;
use super::{ClientId, Refused, Room, refuse};
use crate::access::{Admission, Entry};

/// What somebody at the door has in its hands.
struct Shown<'a> {
    token: Option<&'a str>,
    proof: Option<&'a KeyProof>,
}

impl Room {
    /// Takes the first message of a connection.
    ///
    /// # Errors
    /// Why the client may not enter; it gets no further.
    pub fn hello(
        &mut self,
        client: ClientId,
        message: ClientMessage,
        now: Moment,
    ) -> Result<(), Refused> {
        let entered = self.enter(client, message, now);
        self.flush(now);
        entered
    }

    fn enter(
        &mut self,
        client: ClientId,
        message: ClientMessage,
        now: Moment,
    ) -> Result<(), Refused> {
        let ClientMessage::Hello {
            version,
            participant,
            token,
            proof,
            resume,
            ..
        } = message
        else {
            return refuse(Refusal::OutOfOrder, "say hello first");
        };
        if version != PROTOCOL_VERSION {
            let detail = format!("this service speaks version {PROTOCOL_VERSION}, not {version}");
            return refuse(Refusal::UnsupportedVersion, detail);
        }
        let resumes = resume
            .as_ref()
            .is_some_and(|resume| self.has_leaf_of_session(&participant, resume));
        let shown = Shown {
            token: token.as_ref().map(SignedToken::as_str),
            proof: proof.as_ref(),
        };
        let mut admission = self.check_admission(&participant, &shown, resumes)?;
        if self.clients.has_newer(&participant, client) {
            // Overtaken on its way: the device has given this connection up.
            self.close(client, CloseReason::Replaced);
            return Ok(());
        }
        if !self.knows_session(&participant, resume.as_ref()) {
            self.check_not_removed(&participant)?;
            self.check_may_knock(&participant)?;
        }
        if let Some(replaced) = self.clients.client_of(&participant) {
            self.close(replaced, CloseReason::Replaced);
        }
        if self.has_ended(&participant, resume.as_ref()) {
            self.turn_away(client, &participant);
            return Ok(());
        }
        // What an older connection wished, only that connection could use.
        self.end_join(&participant);
        match resume.and_then(|resume| Some((self.resumable(&participant, &resume)?, resume))) {
            Some((entries, resume)) => {
                self.clients
                    .return_to(&participant, client, resume.seq.next());
                self.has(&participant, resume.seq);
                self.wishes.withdraw_loss(&participant);
                self.tell_room(client);
                for entry in entries {
                    self.send(client, ServiceMessage::Entry(entry));
                }
                self.tell_committers_to(client);
            }
            None => {
                if resumes {
                    // It begins anew after all.
                    admission = self.check_admission(&participant, &shown, false)?;
                }
                // If its device still has a leaf, it says next what is to become of that.
                let session = Blob::new((self.shared.random)().to_vec());
                let kept = self.welcome_of(&participant);
                self.clients
                    .enter(participant.clone(), client, session, now);
                self.tell_room_and(client, kept.is_some());
                if let Some(kept) = kept {
                    self.hand_over(client, &participant, kept);
                }
            }
        }
        self.clients.admitted(&participant, admission);
        self.publish_committers();
        Ok(())
    }

    /// Whether the stay that a client would go on with is over, or about to be, by somebody's wish.
    /// Who has left may come anew at once; who is evicted may not before it is out.
    fn has_ended(&self, participant: &ParticipantId, resume: Option<&Resume>) -> bool {
        let why = self.wishes.why_goes(participant);
        let goes_on = |resume: &Resume| {
            let over = self.clients.has_ended(participant, &resume.session);
            let leaves = why == Some(Why::Left);
            over || leaves && self.clients.proves_session(participant, &resume.session)
        };
        why == Some(Why::Evicted) || resume.is_some_and(goes_on)
    }

    /// Whether a client comes with a session that it was given here, though it may be over by now:
    /// then it hears that.
    fn knows_session(&self, participant: &ParticipantId, resume: Option<&Resume>) -> bool {
        resume.is_some_and(|resume| {
            self.clients.has_ended(participant, &resume.session)
                || self.has_leaf_of_session(participant, resume)
        })
    }

    fn has_leaf_of_session(&self, participant: &ParticipantId, resume: &Resume) -> bool {
        self.leaf_of(participant).is_some()
            && self.clients.proves_session(participant, &resume.session)
    }

    /// Tells a client that its stay is over. Its leaf goes with the next commit.
    pub(super) fn turn_away(&mut self, client: ClientId, participant: &ParticipantId) {
        self.end_join(participant);
        self.clients.end_session(participant);
        self.clients.forget(participant);
        self.close(client, CloseReason::Removed);
        self.publish_committers();
        self.check_ready();
    }

    fn check_admission(
        &self,
        participant: &ParticipantId,
        shown: &Shown<'_>,
        resumes: bool,
    ) -> Result<Admission, Refused> {
        let admission = self.shared.access.admit(&Entry {
            room: &self.name,
            participant,
            token: shown.token,
            resumes,
        })?;
        // Before anything is done in its name: a token can be copied, and one that stands in a
        // credential can be read by all members.
        if let Some(token) = &admission.token {
            let proven = shown.token.zip(shown.proof);
            let proven = proven.filter(|(text, proof)| proof.holds(&self.name, participant, text));
            let Some((_, proof)) = proven else {
                let detail = "the token came without a proof of the key that it is for";
                return Err(TrustError::new(TrustCode::TokenKey, detail).into());
            };
            self.check_token(participant, token, &proof.key)?;
        }
        if self.clients.len() >= self.config.most_participants() && !self.clients.knows(participant)
        {
            return refuse(Refusal::RoomFull, "the room is full");
        }
        Ok(admission)
    }

    /// What a returning member missed, if it may go on where it was. A Remove that was proposed
    /// only because its connection was lost is taken back.
    fn resumable(&mut self, participant: &ParticipantId, resume: &Resume) -> Option<Vec<LogEntry>> {
        let handshake = self.handshake.as_ref()?;
        let leaf = handshake.follower.leaf_of(participant)?;
        let going = handshake.proposals.remove_of(leaf);
        let goes_on = self.clients.proves_session(participant, &resume.session)
            && handshake.follower.group_id() == resume.group_id
            && (resume.seq < self.log.newest() || self.is_at_end(resume))
            && (going.is_none() || self.wishes.only_lost(participant));
        // The log is read only for whom it is for.
        let mut missed = goes_on.then(|| self.entries_after(resume))??;
        if let Some(remove) = going {
            if !self.withdraw(remove) {
                return None;
            }
            missed = self.entries_after(resume)?;
        }
        Some(missed)
    }

    /// Whether somebody has the whole log, and no other history.
    fn is_at_end(&self, resume: &Resume) -> bool {
        resume.seq == self.log.newest() && resume.chain == *self.log.chain()
    }

    /// What somebody missed; nothing if it does not follow what it has.
    fn entries_after(&self, resume: &Resume) -> Option<Vec<LogEntry>> {
        let store = &self.shared.store;
        let entries = store.entries_after(&self.name, resume.group_id, resume.seq);
        let entries = entries.unwrap_or_else(|error| {
            tracing::error!(room = %self.name, %error, "the store failed");
            None
        })?;
        let first = entries.first();
        let follows = first.is_none_or(|entry| chain::follows(&resume.chain, entry));
        follows.then_some(entries)
    }

    /// A client's connection is gone.
    pub fn disconnected(&mut self, client: ClientId, now: Moment) {
        let Some(participant) = self.clients.lost(client, now) else {
            return;
        };
        self.end_join(&participant);
        if self.leaf_of(&participant).is_none() {
            self.wishes.forget(&participant);
            self.clients.forget(&participant);
        }
        self.publish_committers();
        self.check_ready();
        self.flush(now);
    }

    /// Tells a client how the room stands.
    pub(super) fn tell_room(&mut self, client: ClientId) {
        self.tell_room_and(client, false);
    }

    /// The same, and whether a Welcome for it follows.
    fn tell_room_and(&mut self, client: ClientId, welcome: bool) {
        let Some(session) = self.clients.session(client) else {
            return;
        };
        let group = self.follower().map(|follower| GroupHead {
            group_id: follower.group_id(),
            epoch: follower.epoch(),
            seq: self.log.newest(),
        });
        let participant = self.clients.participant(client);
        let leaf_key = participant.and_then(|participant| self.leaf_key_of(participant));
        let external_sender: ExternalSenderInfo = self.shared.identity.info();
        let policy = self.policy();
        self.send(
            client,
            ServiceMessage::Room {
                policy,
                external_sender,
                group,
                leaf_key,
                session,
                welcome,
            },
        );
    }
}
