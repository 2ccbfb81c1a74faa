//! What the clients saw, in one place: everything in the report comes from here.

mod facts;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mls_srtp::delivery::{Blob, LogBody, LogEntry};
use mls_srtp::id::{Epoch, GroupId, LeafIndex, Seq};
use mls_srtp_participant::clock::ClockOrigin;

use crate::script::User;
pub use facts::{Commit, Entered, Fact, Logged, LoggedKind, Note, Whereabouts};

/// A commit that one of our clients submitted.
#[derive(Debug, Clone, Copy)]
struct Submitted {
    author: User,
    /// A client took back its own leaf by it.
    external: bool,
}

/// All notes of a run. Shared by its clients.
#[derive(Debug)]
pub struct Notebook {
    origin: ClockOrigin,
    pages: Mutex<Pages>,
    bytes: AtomicU64,
}

/// What is written down.
#[derive(Debug, Default, Clone)]
pub struct Pages {
    /// All facts, in order.
    pub notes: Vec<Note>,
    /// Where every user is.
    pub whereabouts: Vec<Whereabouts>,
    /// The newest epoch that anybody entered.
    pub newest: Option<Entered>,
    /// The newest one with which somebody came or went.
    changed: Option<(GroupId, Epoch)>,
    /// The room's groups, in order.
    pub groups: Vec<GroupId>,
    /// Epochs that somebody entered.
    pub epochs: u64,
    /// How often somebody entered one.
    pub entered: u64,
    /// The room's log.
    pub log: BTreeMap<Seq, Logged>,
    /// Entries of which two clients were told different ones.
    pub forks: u64,
    /// Commits that came back to their authors in the log: the service has acknowledged them.
    /// Position and chain value.
    pub acknowledged: BTreeMap<Seq, Blob>,
    /// Commits that the service refused.
    pub rejected: u64,
    /// Commits on their way, by content.
    submitted: HashMap<Blob, Submitted>,
}

impl Notebook {
    /// An empty one for so many users.
    pub fn new(origin: ClockOrigin, users: usize) -> Self {
        let pages = Pages {
            whereabouts: vec![Whereabouts::Out; users],
            ..Pages::default()
        };
        Self {
            origin,
            pages: Mutex::new(pages),
            bytes: AtomicU64::new(0),
        }
    }

    /// Where moments begin.
    pub fn origin(&self) -> ClockOrigin {
        self.origin
    }

    /// Time since the beginning.
    pub fn now(&self) -> Duration {
        self.origin.now().since_origin()
    }

    /// Writes a fact down.
    pub fn note(&self, user: User, fact: Fact) {
        self.note_at(self.now(), user, fact);
    }

    /// Writes down when something should have begun.
    pub fn note_at(&self, at: Duration, user: User, fact: Fact) {
        let mut pages = self.lock();
        if let Some(place) = pages.whereabouts.get_mut(user) {
            *place = next_place(*place, &fact);
        }
        if let Fact::Entered(_) = &fact {
            pages.entered += 1;
        }
        if let Fact::Entered(entered) = &fact
            && pages.is_new(entered)
        {
            pages.epochs += 1;
            if !pages.groups.contains(&entered.group) {
                pages.groups.push(entered.group);
            }
            pages.newest = Some(Entered::clone(entered));
            if entered.added + entered.removed > 0 || pages.changed.is_none() {
                pages.changed = Some((entered.group, entered.epoch));
            }
        }
        pages.notes.push(Note { at, user, fact });
    }

    /// A client is about to submit a commit.
    pub fn submitting(&self, author: User, commit: &Blob, external: bool) {
        let submitted = Submitted { author, external };
        self.lock().submitted.insert(commit.clone(), submitted);
    }

    /// A client was told an entry; `first` is who ranked first until then.
    pub fn told(&self, user: User, entry: &LogEntry, first: Option<LeafIndex>) {
        let mut pages = self.lock();
        let submitted = match &entry.body {
            LogBody::Commit { commit, .. } => pages.submitted.get(commit).copied(),
            _ => None,
        };
        if submitted.is_some_and(|submitted| submitted.author == user) {
            pages.acknowledged.insert(entry.seq, entry.chain.clone());
        }
        if let Some(known) = pages.log.get(&entry.seq) {
            let fork = known.chain != entry.chain;
            pages.forks += u64::from(fork);
            return;
        }
        let kind = match &entry.body {
            LogBody::Proposal { epoch, .. } => LoggedKind::Proposal(entry.group_id, *epoch),
            LogBody::Withdrawn { epoch, .. } => LoggedKind::Withdrawn(entry.group_id, *epoch),
            LogBody::Commit { epoch, author, .. } => LoggedKind::Commit(Commit {
                group: entry.group_id,
                epoch: *epoch,
                author: *author,
                first,
                external: submitted.is_some_and(|submitted| submitted.external),
            }),
            _ => LoggedKind::Other,
        };
        let chain = entry.chain.clone();
        pages.log.insert(entry.seq, Logged { chain, kind });
    }

    /// The service refused a commit.
    pub fn rejected(&self) {
        self.lock().rejected += 1;
    }

    /// So many bytes of envelopes went in or out.
    pub fn count_bytes(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// All bytes of envelopes so far.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Looks at what is written. Clients wait meanwhile.
    pub fn read<T>(&self, look: impl FnOnce(&Pages) -> T) -> T {
        look(&self.lock())
    }

    /// Nothing in here panics between two changes.
    fn lock(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    /// Whether nobody has been in that epoch or in a later one.
    fn is_new(&self, entered: &Entered) -> bool {
        match &self.newest {
            Some(newest) if newest.group == entered.group => newest.epoch < entered.epoch,
            _ => !self.groups.contains(&entered.group),
        }
    }

    /// How many are members.
    pub fn members(&self) -> usize {
        let places = self.whereabouts.iter();
        places
            .filter(|place| matches!(place, Whereabouts::Member(..)))
            .count()
    }

    /// Whether everybody who is there is in an epoch with all that came and went, and nobody else
    /// is. After a crowd members go on renewing their leaves for a while.
    pub fn at_rest(&self) -> bool {
        let (Some(newest), Some((group, epoch))) = (&self.newest, self.changed) else {
            return false;
        };
        let settled = self.whereabouts.iter().all(|place| match place {
            Whereabouts::Out | Whereabouts::Crashed => true,
            Whereabouts::Member(its, at) => *its == group && *at >= epoch,
            _ => false,
        });
        settled && newest.roster.len() == self.members()
    }
}

/// Where a fact brings a user.
fn next_place(place: Whereabouts, fact: &Fact) -> Whereabouts {
    match fact {
        Fact::Asked | Fact::Returned => Whereabouts::Entering,
        Fact::Entered(entered) if place != Whereabouts::Leaving => {
            Whereabouts::Member(entered.group, entered.epoch)
        }
        Fact::Leaving => Whereabouts::Leaving,
        Fact::Left | Fact::Ended(_) => Whereabouts::Out,
        Fact::Crashed => Whereabouts::Crashed,
        Fact::Entered(_) | Fact::Down | Fact::Up => place,
    }
}
