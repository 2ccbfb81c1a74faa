//! The accepted commits of a group as far as complaints about them are concerned, and who
//! complained about whom. Both live as long as the group.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use mls_srtp::delivery::Blob;
use mls_srtp::id::{ParticipantId, Seq};
use mls_srtp::time::Moment;

/// Commits about which complaints are heard: a member that is further behind has missed a minute
/// of the busiest room and complains about something else.
const KEPT: usize = 256;

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
    /// Of each user the first device that complained.
    reporters: Vec<ParticipantId>,
    complained_at: Option<Moment>,
}

/// Who is at fault when nobody can follow a commit.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) author: Signer,
    /// Of an external commit: who signed the GroupInfo that it was built on. A false external_pub
    /// in there makes a commit that nobody else can apply.
    pub(super) informant: Option<Signer>,
}

/// Commits and complaints of one group.
#[derive(Debug, Default)]
pub(super) struct History {
    commits: VecDeque<Accepted>,
    /// Of each user the first device that complained about a member, over all its commits.
    complaints: HashMap<ParticipantId, Vec<ParticipantId>>,
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
            reporters: Vec::new(),
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

    /// A member cannot apply the commit at `seq`; says whether that counts. Each user counts once
    /// for each commit, and nobody against itself.
    pub(super) fn complain(&mut self, seq: Seq, reporter: &ParticipantId, now: Moment) -> bool {
        let accepted = self.commits.iter_mut().find(|accepted| accepted.seq == seq);
        let Some(accepted) = accepted else {
            return false;
        };
        let author = accepted.author.participant.clone();
        let known = accepted
            .reporters
            .iter()
            .any(|other| other.same_user(reporter));
        if known || author.same_user(reporter) {
            return false;
        }
        accepted.reporters.push(reporter.clone());
        accepted.complained_at.get_or_insert(now);
        self.complain_about(&author, reporter);
        true
    }

    /// Remembers a complaint about a member; says whether that user is the first of its kind.
    pub(super) fn complain_about(
        &mut self,
        subject: &ParticipantId,
        reporter: &ParticipantId,
    ) -> bool {
        let reporters = self.complaints.entry(subject.clone()).or_default();
        let known = reporters.iter().any(|other| other.same_user(reporter));
        if !known {
            reporters.push(reporter.clone());
        }
        !known
    }

    /// How many users have complained about a member.
    pub(super) fn complaints_about(&self, subject: &ParticipantId) -> usize {
        self.complaints.get(subject).map_or(0, Vec::len)
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
        let before = at.checked_sub(1).and_then(|at| self.commits.get(at));
        Some(Fault {
            author: accepted.author.clone(),
            informant: before
                .filter(|_| accepted.external)
                .map(|before| before.author.clone()),
        })
    }
}
