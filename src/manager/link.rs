//! The connection to the service: greeting, liveness, and what breaks it.

use super::entering::Entering;
use super::{KeyManager, Output, Phase};
use crate::delivery::{Blob, ClientMessage, CloseReason, PROTOCOL_VERSION, Refusal, Resume};
use crate::event::{Event, FatalCause, ResyncCause};
use crate::id::{Epoch, GroupId, Seq};
use crate::time::{Moment, earlier};
use crate::token::SignedToken;
use crate::trust::TrustCode;

impl KeyManager {
    /// The connection to the service is up, for the first time or again.
    pub fn handle_connected(&mut self, now: Moment) {
        self.connected = true;
        self.resumed = false;
        self.heard_at = now;
        self.asked_at = now;
        self.say_hello();
    }

    /// The connection is gone. The driver connects again; the stay goes on meanwhile.
    pub fn handle_disconnected(&mut self) {
        self.connected = false;
        if let Phase::Entering(_) = self.phase {
            // Nothing that was asked for survives; ask anew.
            self.phase = Phase::Entering(Entering::Asked);
        }
    }

    pub(super) fn say_hello(&mut self) {
        let (Some(goal), true) = (self.goal.clone(), self.connected) else {
            return;
        };
        let resume = self
            .stay()
            .zip(self.session.clone())
            .map(|(stay, session)| Resume {
                group_id: stay.group_id,
                seq: stay.seq,
                chain: stay.chain.clone(),
                session,
            });
        let participant = self.identity.participant().clone();
        // One that cannot be made is missed by the service, which says so.
        let prove = |token: &String| self.identity.prove(&goal.room, token).ok();
        let proof = goal.token.as_ref().and_then(prove);
        self.send(ClientMessage::Hello {
            version: PROTOCOL_VERSION,
            room: goal.room,
            participant,
            token: goal.token.map(SignedToken::from),
            proof,
            resume,
        });
    }

    /// The connection does not do what it should: have it made anew. Everything that was under way
    /// is sorted out by resuming.
    fn reconnect(&mut self) {
        if self.connected {
            self.handle_disconnected();
            self.outputs.push_back(Output::Reconnect);
        }
    }

    /// When the connection counts as broken if nothing comes.
    pub(super) fn poll_link_timeout(&self) -> Option<Moment> {
        if !self.connected {
            return None;
        }
        match &self.phase {
            Phase::Idle => None,
            Phase::Entering(_) => Some(self.asked_at + self.config.answer_patience),
            Phase::Member(stay) | Phase::Leaving(stay) => earlier(
                Some(self.heard_at + self.config.silence),
                stay.turn.answer_by(),
            ),
        }
    }

    /// The service says that our wish to be added stands: in a crowd others come first.
    pub(super) fn handle_waiting(&mut self, now: Moment) {
        if let Phase::Entering(Entering::Waiting {
            wished: Some(since),
            ..
        }) = self.phase
            && now < since + self.config.join_patience
        {
            self.asked_at = now;
        }
    }

    /// Gives the connection up when it is due.
    pub(super) fn handle_link_timeout(&mut self, now: Moment) {
        if self.poll_link_timeout().is_none_or(|at| at > now) {
            return;
        }
        if let Some(stay) = self.any_stay() {
            stay.turn.answer_missed(now);
        }
        self.reconnect();
    }

    /// The log does not go on where we are. That may be the connection's fault, so we ask for the
    /// rest over a new one; if that does not help, our stay is broken.
    pub(super) fn log_gap(&mut self, now: Moment) {
        if !self.connected || self.stay().is_none() {
            return;
        }
        let Some(stay) = self.any_stay().filter(|stay| !stay.gap) else {
            return self.resync(ResyncCause::LogGap, now);
        };
        stay.gap = true;
        self.reconnect();
    }

    /// Word of where the group stands: fresh proof if that is where we are. In one ordered
    /// connection it cannot stand anywhere else, neither ahead nor behind nor in another history.
    pub(super) fn handle_ping(
        &mut self,
        (group_id, epoch, seq, chain): (GroupId, Epoch, Seq, &Blob),
        now: Moment,
    ) {
        let Some(stay) = self.stay_mut(group_id) else {
            return;
        };
        if stay.seq == seq && stay.chain == *chain && stay.engine.epoch() == epoch {
            self.proven(now);
            self.announce_what_is_owed();
        } else {
            self.log_gap(now);
        }
    }

    pub(super) fn handle_refused(
        &mut self,
        request: String,
        (reason, code, detail): (Refusal, Option<TrustCode>, String),
        now: Moment,
    ) {
        match (request.as_str(), &mut self.phase) {
            // Said again over the next connection, when the patience for an answer ends.
            ("hello", _) if reason == Refusal::RateLimited => {}
            ("hello", _) => {
                return self.end(Event::Fatal(FatalCause::NotAdmitted {
                    reason,
                    code,
                    detail,
                }));
            }
            // The entry of the winner came before this and has dropped our commit already; another
            // one may be under way by now.
            ("commit", _) if reason == Refusal::WrongEpoch => {}
            ("commit", Phase::Member(stay) | Phase::Leaving(stay)) => {
                stay.lock_refused(reason);
                if let Err(error) = stay.commit_refused(now) {
                    return self.end(Event::Fatal(FatalCause::Internal(error)));
                }
            }
            // The epoch ended while our announcement was on its way; we have the new one.
            ("application", Phase::Member(_)) if reason == Refusal::WrongEpoch => self.announce(),
            // Made again after the next ping.
            ("application", Phase::Member(stay)) if reason == Refusal::RateLimited => {
                stay.owes_announcement = true;
            }
            // Somebody was faster; a `Room` that says who follows.
            ("create", Phase::Entering(entering @ Entering::Creating { .. }))
            | ("join", Phase::Entering(entering @ Entering::Waiting { .. })) => {
                *entering = Entering::Asked;
                // Asked again when the patience for an answer ends.
                let passes = matches!(
                    reason,
                    Refusal::RoomOccupied | Refusal::RoomVacant | Refusal::RateLimited
                );
                if !passes {
                    return self.end(Event::Fatal(FatalCause::NotAdmitted {
                        reason,
                        code,
                        detail,
                    }));
                }
            }
            ("ask_group_info" | "external_commit", Phase::Entering(Entering::Returning(_))) => {
                self.return_refused(reason, now);
            }
            _ => {}
        }
        self.event(Event::Refused {
            request,
            reason,
            code,
            detail,
        });
    }

    pub(super) fn handle_closed(&mut self, reason: CloseReason) {
        self.connected = false;
        match (reason, &self.phase) {
            (CloseReason::Removed, Phase::Leaving(_)) => self.end(Event::Left),
            (CloseReason::Removed, Phase::Member(_)) => self.end(Event::Removed),
            (CloseReason::Removed | CloseReason::Replaced | CloseReason::Barred, _)
                if self.goal.is_some() =>
            {
                self.end(Event::Fatal(FatalCause::Closed(reason)));
            }
            // The driver connects again and the stay is resumed.
            _ => {}
        }
    }
}
