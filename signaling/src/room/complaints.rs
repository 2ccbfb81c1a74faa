//! What follows from commits that members cannot apply, and from members that others refuse.
//!
//! The service cannot see membership tag, confirmation tag or path secrets, so it has to believe
//! members, and members may lie. Two users that complain about a third one have it removed; after
//! the first it commits only if nobody else does. When nobody but its author is in a commit's epoch,
//! the group is over whoever lied, and the room goes on in the next generation without the author's
//! key.

use mls_srtp::delivery::{CloseReason, Refusal, ServiceMessage};
use mls_srtp::group::GroupFollower;
use mls_srtp::id::{LeafIndex, ParticipantId, Seq};
use mls_srtp::time::Moment;

use super::history::{Fault, Signer};
use super::{Refused, Room, RoomEventKind, refuse, shortened};

/// Complaints of so many users have their subject removed.
const ENOUGH: usize = 2;

/// A member whose removal follows from complaints.
#[derive(Debug, Clone)]
pub(super) struct Eviction {
    fault: Fault,
    since: Moment,
}

impl Room {
    /// A member cannot apply the accepted commit at `seq`. Complaints about what it cannot have
    /// followed, or about another group's commits, are without effect.
    pub(super) fn cannot_apply(
        &mut self,
        reporter: &ParticipantId,
        seq: Seq,
        reason: &str,
        now: Moment,
    ) {
        let follows_from = self.clients.follows_from(reporter);
        let Some(handshake) = self
            .handshake
            .as_mut()
            .filter(|_| follows_from <= Some(seq))
        else {
            return;
        };
        let author = handshake.history.author_of(seq);
        let (Some(author), Some(_)) = (author.cloned(), follows_from) else {
            return;
        };
        handshake.history.complain(seq, reporter, now);
        // It is behind now, whatever it does about it.
        self.clients.stray(reporter, now);
        self.event_now(RoomEventKind::CannotApply {
            reporter: reporter.clone(),
            author: author.participant,
            reason: shortened(reason),
        });
        let fault = self.handshake.as_ref().and_then(|h| h.history.fault(seq));
        if let Some(fault) = fault {
            self.judge(fault, now);
        }
        self.publish_committers();
        self.check_ready();
    }

    /// A member refuses the occupant of a leaf, or what it committed. A complaint like any other,
    /// except that everybody still follows.
    pub(super) fn distrust(
        &mut self,
        reporter: &ParticipantId,
        leaf: LeafIndex,
        reason: &str,
        now: Moment,
    ) -> Result<(), Refused> {
        let Some(handshake) = self.handshake.as_mut() else {
            return Ok(());
        };
        if self.clients.follower_of(reporter).is_none() {
            return refuse(Refusal::Unauthorised, "only members may complain");
        }
        let Some(author) = signer(&handshake.follower, leaf) else {
            return refuse(Refusal::PolicyViolation, "nobody holds that leaf");
        };
        if author.participant.same_user(reporter) {
            return refuse(Refusal::PolicyViolation, "that is a device of your own");
        }
        let history = &mut handshake.history;
        history.complain_about(&author.participant, reporter, now);
        let complaints = history.complaints_about(&author.participant);
        self.event_now(RoomEventKind::Distrusted {
            reporter: reporter.clone(),
            subject: author.participant.clone(),
            reason: shortened(reason),
        });
        let fault = Fault {
            author,
            complaints,
            led: false,
            informant: None,
        };
        self.judge(fault, now);
        self.publish_committers();
        Ok(())
    }

    /// Somebody has complained: removes the subject if enough users do. Whoever may only have been
    /// led astray stays, and the group ends.
    fn judge(&mut self, fault: Fault, now: Moment) {
        let subject = fault.author.participant.clone();
        if fault.complaints < ENOUGH || self.leaf_of(&subject).is_none() {
            return;
        }
        if fault.led {
            return self.reset(&fault);
        }
        let Some(handshake) = &mut self.handshake else {
            return;
        };
        let known = |eviction: &Eviction| eviction.fault.author.participant == subject;
        if !handshake.evictions.iter().any(known) {
            handshake.evictions.push(Eviction { fault, since: now });
            self.event_now(RoomEventKind::Evicted {
                participant: subject.clone(),
            });
            self.evict(&subject, now);
        }
        self.check_complaints(now);
    }

    /// Whose Welcome a newcomer could not open does not add it again, as long as others might.
    pub(super) fn check_welcomes(
        &self,
        author: &ParticipantId,
        added: &[ParticipantId],
        now: Moment,
    ) -> Result<(), Refused> {
        let Some(handshake) = &self.handshake else {
            return Ok(());
        };
        // Others who never commit would have the room wait for ever.
        let since = handshake.waits_since.unwrap_or(now);
        let fails = |who: &ParticipantId| {
            let complains = |about| handshake.history.complains(who, about);
            complains(author) && self.committers().any(|other| !complains(other))
        };
        if now < since + self.config.apply_patience && added.iter().any(fails) {
            let detail = "somebody in it could not open your last Welcome; leave it to others";
            return refuse(Refusal::PolicyViolation, detail);
        }
        Ok(())
    }

    /// Members are gone, but for those that came back in the same commit.
    pub(super) fn forget_complaints(&mut self, gone: &[ParticipantId], back: &[ParticipantId]) {
        let Some(handshake) = &mut self.handshake else {
            return;
        };
        let gone = gone.iter().filter(|who| !back.contains(who));
        let gone: Vec<&ParticipantId> = gone.collect();
        handshake.history.forget(&gone);
        let stays = |e: &Eviction| !gone.contains(&&e.fault.author.participant);
        handshake.evictions.retain(stays);
    }

    /// Ends the group if nobody can follow it, or if nobody commits a removal that is due.
    pub(super) fn check_complaints(&mut self, now: Moment) {
        let patience = self.config.apply_patience;
        let Some(handshake) = &mut self.handshake else {
            return;
        };
        handshake.history.forget_old(now);
        let unshared = handshake.history.unshared(now, patience);
        let unshared = unshared.and_then(|seq| handshake.history.fault(seq));
        let evictions = handshake.evictions.clone();
        let stuck = evictions.into_iter().find(|eviction| {
            let author = &eviction.fault.author.participant;
            let alone = !self.committers().any(|who| !who.same_user(author));
            alone || eviction.since + patience <= now
        });
        if let Some(fault) = unshared.or(stuck.map(|eviction| eviction.fault)) {
            self.reset(&fault);
        }
    }

    /// Ends the group because of a commit that nobody can follow. The next one begins without
    /// those who are certainly, or again, suspected of it.
    ///
    /// One complaint proves nothing: in a call of two nobody can tell whether the author broke the
    /// commit or the other one lies. Nor can it be told whether an external commit was broken, or
    /// the GroupInfo that it was built on: its author cannot know either, and only enters by no
    /// external commit any more; who signed the GroupInfo may have done nothing. So these count the
    /// second time.
    fn reset(&mut self, fault: &Fault) {
        let Some(group_id) = self.follower().map(GroupFollower::group_id) else {
            return;
        };
        let author = fault.author.participant.clone();
        let suspect = if fault.led {
            self.bars.keep_from_returning(&fault.author.key);
            fault.informant.as_ref()
        } else {
            Some(&fault.author)
        };
        let certain = !fault.led && fault.complaints >= ENOUGH;
        let mut barred = Vec::new();
        if let Some(suspect) = suspect {
            if certain {
                self.bars.bar(&suspect.key);
            }
            if certain || self.bars.suspect(&suspect.key) {
                barred.push(suspect.participant.clone());
            }
        }
        tracing::error!(room = %self.name, %author, ?barred, "nobody can follow the group; reset");
        for client in self.clients.connected() {
            let author = author.clone();
            self.send(client, ServiceMessage::RoomReset { group_id, author });
        }
        self.event_now(RoomEventKind::Reset {
            author,
            barred: barred.clone(),
        });
        for participant in &barred {
            self.turn_out(participant);
        }
        self.close_group();
    }

    /// Closes the connection of somebody whose key is barred.
    pub(super) fn turn_out(&mut self, participant: &ParticipantId) {
        if let Some(client) = self.clients.client_of(participant) {
            self.close(client, CloseReason::Barred);
        }
        self.end_join(participant);
        self.clients.forget(participant);
    }
}

/// Who holds a leaf, and with which key.
pub(super) fn signer(follower: &GroupFollower, leaf: LeafIndex) -> Option<Signer> {
    Some(Signer {
        participant: ParticipantId::clone(follower.roster().occupant(leaf)?),
        key: follower.signature_key(leaf)?,
    })
}
