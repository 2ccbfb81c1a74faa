//! When we send nothing though we are a member: no word from the service, or somebody in the group
//! whom we do not trust.

use super::exposure::ExposureChange;
use super::stay::{Objection, Suspect};
use super::{KeyManager, Output};
use crate::delivery::ClientMessage;
use crate::event::{Event, FatalCause};
use crate::group::{Offence, RuleViolation};
use crate::id::{LeafIndex, ParticipantId};
use crate::pipeline::MediaUpdate;
use crate::time::Moment;

impl KeyManager {
    /// An accepted commit broke the rules. We follow it, so as not to be in another group than
    /// everybody else, but nobody hears anything from us until all leaves at fault are gone: those
    /// that it brought in, and its author, unless others may see in the newcomers what we do not.
    pub(super) fn distrust(&mut self, author: LeafIndex, offence: &Offence, now: Moment) {
        let Some(stay) = self.stay() else { return };
        let intruders = offence.intruders.iter();
        let mut at_fault: Vec<_> = intruders
            .filter_map(|(key, violation)| Some((stay.engine.leaf_with(key)?, violation.clone())))
            .collect();
        if at_fault.is_empty() || !matches!(offence.violation, RuleViolation::Untrusted { .. }) {
            at_fault.push((author, offence.violation.clone()));
        }
        for (leaf, violation) in at_fault {
            self.suspect(leaf, &violation, now);
        }
    }

    /// Members whom we would not enter a group with are not better for having been in it before us.
    pub(super) fn suspect_strangers(&mut self, now: Moment) {
        let strangers = self.stay().map(|stay| stay.engine.strangers());
        for (leaf, violation) in strangers.unwrap_or_default() {
            self.suspect(leaf, &violation, now);
        }
    }

    /// Nobody hears anything from us until a leaf is gone. Only the service can propose its removal;
    /// if that does not come in time, we leave. Somebody without a name could hide among the others:
    /// we leave at once.
    fn suspect(&mut self, leaf: LeafIndex, violation: &RuleViolation, now: Moment) {
        let leave_at = now + self.config.distrust_patience;
        let Some(stay) = self.any_stay() else { return };
        let named = stay.engine.occupant(leaf).zip(stay.engine.key_at(leaf));
        let Some((participant, signature_key)) = named else {
            self.send(ClientMessage::Leave);
            return self.end(Event::Fatal(FatalCause::TermsBroken));
        };
        if stay
            .suspects
            .iter()
            .any(|s| s.signature_key == signature_key)
        {
            return;
        }
        let objection = Objection::new(violation);
        stay.suspects.push(Suspect {
            leaf,
            signature_key,
            participant: participant.clone(),
            objection: objection.clone(),
            leave_at,
        });
        let group_id = stay.group_id;
        self.review_suspension();
        let Objection { code, reason } = objection;
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

    /// Says again what may have been lost with a connection, or never had one.
    pub(super) fn distrust_again(&mut self) {
        let Some(stay) = self.stay() else { return };
        let group_id = stay.group_id;
        let all = stay.suspects.iter().map(|suspect| ClientMessage::Distrust {
            group_id,
            leaf: suspect.leaf,
            reason: suspect.objection.reason.clone(),
        });
        for message in all.collect::<Vec<_>>() {
            self.send(message);
        }
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
        let engine = &stay.engine;
        let still = |suspect: &mut Suspect| {
            engine.key_at(suspect.leaf).as_ref() == Some(&suspect.signature_key)
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
