//! When we send nothing though we are a member: no word from the service, or somebody in the group
//! whom we do not trust.

use super::exposure::ExposureChange;
use super::stay::{Objection, Suspect};
use super::{KeyManager, Output};
use crate::delivery::ClientMessage;
use crate::event::{Event, FatalCause};
use crate::group::RuleViolation;
use crate::id::{LeafIndex, ParticipantId};
use crate::pipeline::MediaUpdate;
use crate::time::Moment;

impl KeyManager {
    /// An accepted commit broke the rules. We follow it, so as not to be in another group than
    /// everybody else, but nobody hears anything from us until the leaf at fault is gone. Only the
    /// service can propose its removal; if that does not come in time, we leave.
    pub(super) fn distrust(&mut self, author: LeafIndex, violation: &RuleViolation, now: Moment) {
        let patience = self.config.distrust_patience;
        let Some(stay) = self.any_stay() else { return };
        let roster = stay.engine.roster();
        let leaf = match violation {
            RuleViolation::Untrusted { participant, .. } => roster.leaf_of(participant),
            _ => Some(author),
        };
        let Some((leaf, participant)) = leaf.and_then(|leaf| Some((leaf, roster.occupant(leaf)?)))
        else {
            return;
        };
        let participant = ParticipantId::clone(participant);
        let Objection { code, reason } = Objection::new(violation);
        stay.suspects.push(Suspect {
            leaf,
            participant: participant.clone(),
            objection: Objection {
                code,
                reason: reason.clone(),
            },
            leave_at: now + patience,
        });
        let group_id = stay.group_id;
        self.review_suspension();
        self.send(ClientMessage::Distrust {
            group_id,
            leaf,
            reason: reason.clone(),
        });
        self.event(Event::Untrusted {
            participant,
            leaf,
            code,
            reason,
        });
    }

    /// Takes note of members who are new to us: of those that came, or of all.
    pub(super) fn meet(&mut self, who: Option<&[ParticipantId]>) {
        let Some(stay) = self.stay() else { return };
        for (participant, warning) in stay.engine.meet(who) {
            self.event(Event::TrustWarning {
                participant,
                warning,
            });
        }
    }

    /// A new epoch: who of those whom we did not trust is gone?
    pub(super) fn review_trust(&mut self) {
        let Some(stay) = self.any_stay() else { return };
        let roster = stay.engine.roster();
        let still = |suspect: &mut Suspect| {
            let occupant = roster.occupant(suspect.leaf);
            occupant.is_some_and(|who| **who == suspect.participant)
        };
        let gone: Vec<Suspect> = stay.suspects.extract_if(.., |s| !still(s)).collect();
        for suspect in gone {
            let participant = suspect.participant;
            self.event(Event::TrustRestored { participant });
        }
        self.review_suspension();
    }

    /// The service said where the group stands, and it stands where we are.
    pub(super) fn proven(&mut self, now: Moment) {
        let change = self.any_stay().and_then(|stay| stay.exposure.proven(now));
        self.exposure_changed(change);
    }

    /// Stops sending, or leaves, when it is due.
    pub(super) fn handle_trust_timeout(&mut self, now: Moment) {
        let Some(stay) = self.any_stay() else { return };
        let stalled = stay.exposure.handle_timeout(now);
        let overdue = stay.suspects.iter().position(|s| s.leave_at <= now);
        if let Some(Suspect {
            participant,
            objection: Objection { code, reason },
            ..
        }) = overdue.map(|at| stay.suspects.remove(at))
        {
            self.send(ClientMessage::Leave);
            return self.end(Event::Fatal(FatalCause::NotTrusted {
                participant,
                code,
                reason,
            }));
        }
        self.exposure_changed(stalled);
    }

    fn exposure_changed(&mut self, change: Option<ExposureChange>) {
        let event = match change {
            Some(ExposureChange::Stalled) => Event::Stalled,
            Some(ExposureChange::Recovered) => Event::StallEnded,
            None => return,
        };
        self.review_suspension();
        self.event(event);
    }

    /// Tells the media pipeline if sending must end, or may go on.
    fn review_suspension(&mut self) {
        let Some(stay) = self.any_stay() else { return };
        let suspended = stay.exposure.is_stalled() || !stay.suspects.is_empty();
        if std::mem::replace(&mut stay.suspended, suspended) == suspended {
            return;
        }
        self.outputs.push_back(Output::Media(if suspended {
            MediaUpdate::Suspend
        } else {
            MediaUpdate::Resume
        }));
    }
}
