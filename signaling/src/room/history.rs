//! The accepted commits of a group as far as complaints about them are concerned, and who
//! complained about whom. Commits are known as long as the group lives; complaints are about
//! somebody who is in it, by somebody who is, and get old.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use mls_srtp::delivery::Blob;
use mls_srtp::id::{ParticipantId, Seq};
use mls_srtp::time::Moment;

/// Commits about which complaints are heard: a member that is further behind has missed a minute
/// of the busiest room and complains about something else.
const KEPT: usize = 256;

/// How long a complaint counts. What happened long ago must not let one liar do what takes two users.
const COUNTS_FOR: Duration = Duration::from_secs(300);

/// Somebody and the key at its leaf.
#[derive(Debug, Clone)]
pub(super) struct Signer {
    pub(super) participant: ParticipantId,
    pub(super) key: Blob,
}

/// An accepted commit, or the group's creation.
#[derive(Debug)]
struct Accepted {
    seq: Seq,
    author: Signer,
    external: bool,
    /// A member of another user than the author's is in this epoch, or in a later one.
    shared: bool,
    complaints: Vec<Complaint>,
    complained_at: Option<Moment>,
}

/// What one user has said last, by whichever of its devices.
#[derive(Debug)]
struct Complaint {
    reporter: ParticipantId,
    at: Moment,
}

/// Who is at fault when nobody can follow a commit.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) author: Signer,
    /// How many users complain: about the author, or if it was led, about this commit.
    pub(super) complaints: usize,
    /// Whether it was an external commit on a GroupInfo that another user has signed. A false
    /// external_pub in there makes a commit that only its author and that user can apply.
    pub(super) led: bool,
    /// Who that was. Not known of the first commit after a restart.
    pub(super) informant: Option<Signer>,
}

/// Commits and complaints of one group.
#[derive(Debug, Default)]
pub(super) struct History {
    commits: VecDeque<Accepted>,
    /// About members, over all their commits.
    complaints: HashMap<ParticipantId, Vec<Complaint>>,
}

impl History {
    pub(super) fn accepted(&mut self, seq: Seq, author: Signer, external: bool) {
        // Whoever commits has applied all that was before.
        self.applied(seq, &author.participant);
        if self.commits.len() >= KEPT {
            self.commits.pop_front();
        }
        self.commits.push_back(Accepted {
            seq,
            author,
            external,
            shared: false,
            complaints: Vec::new(),
            complained_at: None,
        });
    }

    pub(super) fn author_of(&self, seq: Seq) -> Option<&Signer> {
        let accepted = self.commits.iter().find(|accepted| accepted.seq == seq);
        accepted.map(|accepted| &accepted.author)
    }

    /// A member is in the epoch that began at `seq`.
    pub(super) fn applied(&mut self, seq: Seq, by: &ParticipantId) {
        for accepted in self.commits.iter_mut().rev() {
            let others = !accepted.author.participant.same_user(by);
            accepted.shared |= accepted.seq <= seq && others;
        }
    }

    /// A member cannot apply the commit at `seq`. Each user counts once for each commit, and nobody
    /// against itself. The author of one that another user's GroupInfo may have led astray is not
    /// the worse for it.
    pub(super) fn complain(&mut self, seq: Seq, reporter: &ParticipantId, now: Moment) {
        let led = self.fault(seq).is_some_and(|fault| fault.led);
        let accepted = self.commits.iter_mut().find(|accepted| accepted.seq == seq);
        let Some(accepted) = accepted else { return };
        let author = accepted.author.participant.clone();
        if author.same_user(reporter) {
            return;
        }
        add(&mut accepted.complaints, reporter, now);
        accepted.complained_at.get_or_insert(now);
        if !led {
            self.complain_about(&author, reporter, now);
        }
    }

    /// Remembers a complaint about a member.
    pub(super) fn complain_about(
        &mut self,
        subject: &ParticipantId,
        reporter: &ParticipantId,
        now: Moment,
    ) {
        let complaints = self.complaints.entry(subject.clone()).or_default();
        add(complaints, reporter, now);
    }

    /// Whether there are complaints about members.
    pub(super) fn has_complaints(&self) -> bool {
        !self.complaints.is_empty()
    }

    /// How many users complain about a member.
    pub(super) fn complaints_about(&self, subject: &ParticipantId) -> usize {
        self.complaints.get(subject).map_or(0, Vec::len)
    }

    /// Whether a user complains about a member.
    pub(super) fn complains(&self, reporter: &ParticipantId, subject: &ParticipantId) -> bool {
        let mut about = self.complaints.get(subject).into_iter().flatten();
        about.any(|complaint| complaint.reporter.same_user(reporter))
    }

    /// What is too old counts no more.
    pub(super) fn forget_old(&mut self, now: Moment) {
        self.keep(|complaint| now < complaint.at + COUNTS_FOR);
    }

    /// Members are gone: who comes under such a name again may be somebody else, and what they said
    /// of others nobody stands for any more.
    pub(super) fn forget(&mut self, gone: &[&ParticipantId]) {
        if gone.is_empty() {
            return;
        }
        gone.iter().for_each(|who| {
            self.complaints.remove(*who);
        });
        self.keep(|complaint| !gone.contains(&&complaint.reporter));
    }

    fn keep(&mut self, counts: impl Fn(&Complaint) -> bool) {
        for accepted in &mut self.commits {
            accepted.complaints.retain(&counts);
        }
        self.complaints.retain(|_, about| {
            about.retain(&counts);
            !about.is_empty()
        });
    }

    /// A commit that somebody complained about a while ago, and that nobody but its author's own
    /// devices has applied.
    pub(super) fn unshared(&self, now: Moment, patience: Duration) -> Option<Seq> {
        let overdue = self.commits.iter().find(|accepted| {
            let complained = accepted
                .complained_at
                .is_some_and(|at| at + patience <= now);
            complained && !accepted.shared
        });
        overdue.map(|accepted| accepted.seq)
    }

    /// Whose fault the commit at `seq` may be.
    pub(super) fn fault(&self, seq: Seq) -> Option<Fault> {
        let at = self
            .commits
            .iter()
            .position(|accepted| accepted.seq == seq)?;
        let accepted = self.commits.get(at)?;
        let author = accepted.author.clone();
        let before = at.checked_sub(1).and_then(|at| self.commits.get(at));
        let informant = before.map(|before| before.author.clone());
        let own = |informant: &Signer| informant.participant.same_user(&author.participant);
        let led = accepted.external && !informant.as_ref().is_some_and(own);
        let complaints = if led {
            accepted.complaints.len()
        } else {
            self.complaints_about(&author.participant)
        };
        Some(Fault {
            author,
            complaints,
            led,
            informant: informant.filter(|_| led),
        })
    }
}

/// A user complains, for the first time or again.
fn add(complaints: &mut Vec<Complaint>, reporter: &ParticipantId, at: Moment) {
    complaints.retain(|known| !known.reporter.same_user(reporter));
    let reporter = reporter.clone();
    complaints.push(Complaint { reporter, at });
}
