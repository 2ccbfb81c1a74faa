//! What a member knows of its group and its log.

use serde::{Deserialize, Serialize};

use crate::config::ManagerConfig;
use crate::delivery::{Blob, LogEntry, chain};
use crate::epoch::SendSwitch;
use crate::group::{Door, Engine, GroupError, ProposalRef, RoomPolicy, RuleViolation};
use crate::id::{GroupId, LeafIndex, ParticipantId, Seq};
use crate::pipeline::Stream;
use crate::time::{Moment, earlier};
use crate::trust::TrustCode;

use super::exposure::Exposure;
use super::media_start::MediaStart;
use super::turn::{Pending, Turn};

/// A member's stay in one group.
pub(super) struct Stay {
    pub(super) group_id: GroupId,
    pub(super) engine: Engine,
    /// The room's terms.
    pub(super) door: Door,
    /// Our leaf, for as long as the stay lasts.
    pub(super) own_leaf: LeafIndex,
    /// The newest log entry processed, and its chain value.
    pub(super) seq: Seq,
    pub(super) chain: Blob,
    /// The log did not go on where it should, and we have asked for it again.
    pub(super) gap: bool,
    pub(super) turn: Turn,
    /// The proposals of this epoch.
    pub(super) proposals: Vec<Known>,
    /// Our commit that is with the service renews our path.
    pub(super) renewing: bool,
    /// What our next commit is to do to the room's lock.
    pub(super) lock_wish: Option<bool>,
    /// Restored from storage: nothing may be encrypted before a path commit of our own, made since,
    /// has begun an epoch. What was sent in the epochs before it, nobody knows any more.
    pub(super) must_renew: bool,
    pub(super) switch: SendSwitch,
    pub(super) exposure: Exposure,
    /// Members who may hear nothing from us.
    pub(super) suspects: Vec<Suspect>,
    /// The media pipeline has been told to send nothing.
    pub(super) suspended: bool,
    /// What the others announced: a restart needs it, for nothing is said twice.
    pub(super) heard: Vec<(ParticipantId, Vec<Stream>)>,
    /// Our streams could not be announced, or the service did not take the announcement.
    pub(super) owes_announcement: bool,
    /// Whether the others may know of streams of ours.
    pub(super) has_announced: bool,
    /// The announcement that has not come back in the log, and whether a ping has come since.
    pub(super) announcing: Option<(Blob, bool)>,
    pub(super) media_start: MediaStart,
    /// The application knows that the group could have a stronger suite.
    pub(super) told_stronger: bool,
}

/// Bytes of proposals that are kept in one epoch. A service refuses newcomers before their leaves fill
/// an envelope of a quarter of that, and each leaf can be removed once.
pub(super) const MOST_PROPOSED: usize = 4 << 20;

/// A proposal of the current epoch.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Known {
    pub(super) seq: Seq,
    /// Its bytes on the wire.
    #[serde(default)]
    pub(super) bytes: usize,
    pub(super) reference: ProposalRef,
    /// Whether it is a Remove.
    #[serde(default)]
    pub(super) removes: bool,
    /// Why we leave it out of our commits, if we do.
    pub(super) declined: Option<Objection>,
}

/// Why we do not want somebody in the group.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Objection {
    /// What is wrong with a credential, if it is that.
    pub(super) code: Option<TrustCode>,
    pub(super) reason: String,
}

impl Objection {
    pub(super) fn new(violation: &RuleViolation) -> Self {
        let code = match violation {
            RuleViolation::Untrusted { error, .. } => Some(error.code),
            _ => None,
        };
        Self {
            code,
            reason: violation.to_string(),
        }
    }
}

/// A member whom we do not trust.
pub(super) struct Suspect {
    pub(super) leaf: LeafIndex,
    /// Whose leaf it is: another key is another member.
    pub(super) signature_key: Vec<u8>,
    pub(super) participant: ParticipantId,
    pub(super) objection: Objection,
    /// When we leave if it is still there.
    pub(super) leave_at: Moment,
}

impl Stay {
    pub(super) fn new(
        config: &ManagerConfig,
        group_id: GroupId,
        engine: Engine,
        door: Door,
        (seq, chain): (Seq, Blob),
        now: Moment,
    ) -> Result<Self, GroupError> {
        let own_leaf = engine.own_leaf()?;
        // The group's own word counts: the lock may have been turned since the room's terms were told.
        let door = Door {
            policy: RoomPolicy {
                locked: engine.is_locked(),
                ..door.policy
            },
            ..door
        };
        Ok(Self {
            group_id,
            engine,
            door,
            own_leaf,
            seq,
            chain,
            gap: false,
            turn: Turn::new(config.clone(), own_leaf, now),
            proposals: Vec::new(),
            renewing: false,
            lock_wish: None,
            must_renew: false,
            switch: SendSwitch::default(),
            exposure: Exposure::new(config.max_exposure, now),
            suspects: Vec::new(),
            suspended: false,
            heard: Vec::new(),
            owes_announcement: false,
            has_announced: false,
            announcing: None,
            media_start: MediaStart::default(),
            told_stronger: false,
        })
    }

    /// Whether an entry is the next one of the log that we have followed; takes it if so.
    pub(super) fn follow(&mut self, entry: &LogEntry) -> bool {
        let follows = entry.seq == self.seq.next() && chain::follows(&self.chain, entry);
        if follows {
            self.seq = entry.seq;
            self.chain = entry.chain.clone();
            self.gap = false;
        }
        follows
    }

    /// Something changed in what is to be committed.
    pub(super) fn review_pending(&mut self, now: Moment) {
        let due = self.proposals.iter().filter(|k| k.declined.is_none());
        let pending = due.fold(Pending::Nothing, |before, known| {
            match known.removes || before == Pending::Removes {
                true => Pending::Removes,
                false => Pending::Adds,
            }
        });
        self.turn.set_pending(pending, now);
    }

    /// The proposals that our commits leave out.
    pub(super) fn left_out(&self) -> Vec<ProposalRef> {
        let declined = self
            .proposals
            .iter()
            .filter(|known| known.declined.is_some());
        declined.map(|known| known.reference.clone()).collect()
    }

    /// The service refused our commit, or it never got there: drop it.
    pub(super) fn commit_refused(&mut self, now: Moment) -> Result<(), GroupError> {
        if self.engine.has_pending_commit() {
            self.engine.discard_own()?;
        }
        if self.turn.is_in_flight() {
            self.turn.refused(now);
        }
        self.renewing = false;
        Ok(())
    }

    /// An accepted commit was merged: a new epoch has begun.
    pub(super) fn epoch_began(&mut self, author: LeafIndex, own: bool, now: Moment) {
        let renewed = own && std::mem::take(&mut self.renewing);
        self.renewing = false;
        self.must_renew &= !renewed;
        self.proposals.clear();
        let members = self.engine.roster().len();
        self.turn.epoch_began(author, renewed, members, now);
    }

    pub(super) fn poll_timeout(&self) -> Option<Moment> {
        let suspects = self.suspects.iter().map(|suspect| suspect.leave_at).min();
        [
            self.media_start.poll_timeout(),
            self.switch.poll_timeout(),
            self.exposure.poll_timeout(),
            suspects,
        ]
        .into_iter()
        .fold(None, earlier)
    }
}
