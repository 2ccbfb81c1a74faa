//! Joins, leaves and epochs, from what the clients wrote down.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use mls_srtp::epoch::GroupCode;
use mls_srtp::group::Roster;
use mls_srtp::id::{Epoch, GroupId};

use crate::client;
use crate::notebook::{Entered, Fact, LoggedKind, Note, Pages};
use crate::script::User;

/// A group's place among those of the room, and the epoch in it.
type Place = (usize, Epoch);

/// What a run was like.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    /// From wanting to join to having keys; infinite if that never came. In milliseconds, like all
    /// times here.
    pub joins: Vec<f64>,
    /// When those that came had their keys, in seconds.
    pub joined_at: Vec<f64>,
    /// From leaving, or from a crash, until no member is in an epoch with whoever left.
    pub excluded: Vec<f64>,
    /// From the first member in an epoch to the last connected one.
    pub converged: Vec<f64>,
    /// When each epoch was first entered, in seconds.
    pub epochs_at: Vec<f64>,
    /// Codes that were compared with somebody else's.
    pub compared: u64,
    /// Members that had another code than most.
    pub diverged: usize,
    /// Commits that took proposals, other than of the first committer.
    pub takeovers: u64,
    /// Commits that the members were told of.
    pub commits: u64,
    /// For every join and leave the number of members that had to learn of it.
    pub changes: u64,
    /// Stays that ended without anybody's wish.
    pub unexpected: Vec<String>,
}

/// An epoch, from all who were in it.
struct Facts {
    roster: Roster,
    first: Duration,
    /// Joins and leaves that it brought.
    changes: usize,
    codes: HashMap<User, GroupCode>,
}

/// The notes, sorted for questions.
struct Sorted<'a> {
    epochs: BTreeMap<Place, Facts>,
    /// When each user had reached which place; the places only rise.
    reached: HashMap<User, Vec<(Duration, Place)>>,
    notes: HashMap<User, Vec<&'a Note>>,
}

impl Timeline {
    /// Of a whole run.
    pub fn of(pages: &Pages) -> Self {
        let sorted = Sorted::new(pages);
        let mut timeline = Self::default();
        for notes in sorted.notes.values() {
            timeline.add_joins(notes);
            timeline.add_leaves(&sorted, notes);
        }
        let changing = sorted.epochs.iter().filter(|(_, facts)| facts.changes > 0);
        let newest_change = changing.map(|(place, _)| place).next_back();
        for (place, facts) in &sorted.epochs {
            timeline.epochs_at.push(facts.first.as_secs_f64());
            timeline.changes += (facts.changes * facts.roster.len()) as u64;
            let last = sorted.all_in(*place, facts.first);
            // Members that renew their leaves do not stop for the end of the run.
            let may_be_under_way = Some(place) > newest_change;
            let last = last.filter(|last| last.is_finite() || !may_be_under_way);
            timeline.converged.extend(last);
        }
        timeline.compare_codes(&sorted);
        timeline.count_commits(pages);
        timeline
    }

    /// How many joins came to their end.
    pub fn joined(&self) -> usize {
        self.joins.iter().filter(|join| join.is_finite()).count()
    }

    fn add_joins(&mut self, notes: &[&Note]) {
        let mut asked = None;
        for note in notes {
            match &note.fact {
                Fact::Asked => {
                    self.joins.extend(asked.map(|_| f64::INFINITY));
                    asked = Some(note.at);
                }
                Fact::Entered(_) => {
                    if let Some(asked) = asked.take() {
                        self.joins.push(millis(note.at.saturating_sub(asked)));
                        self.joined_at.push(note.at.as_secs_f64());
                    }
                }
                Fact::Ended(how) => self.unexpected.push(how.clone()),
                _ => {}
            }
        }
        self.joins.extend(asked.map(|_| f64::INFINITY));
    }

    fn add_leaves(&mut self, sorted: &Sorted<'_>, notes: &[&Note]) {
        for (at, note) in notes.iter().enumerate() {
            if !matches!(note.fact, Fact::Leaving | Fact::Crashed) {
                continue;
            }
            let Some(last) = sorted.place_at(note.user, note.at) else {
                continue;
            };
            // Who is back before it was out may never have been out.
            let back = notes[at + 1..].iter().find_map(|later| {
                matches!(later.fact, Fact::Asked | Fact::Returned).then_some(later.at)
            });
            if let Some(time) = sorted.excluded(note.user, note.at, last, back) {
                self.excluded.push(time);
            }
        }
    }

    fn compare_codes(&mut self, sorted: &Sorted<'_>) {
        let mut diverged = HashSet::new();
        for facts in sorted.epochs.values().filter(|facts| facts.codes.len() > 1) {
            self.compared += facts.codes.len() as u64;
            let mut votes: HashMap<GroupCode, usize> = HashMap::new();
            for code in facts.codes.values() {
                *votes.entry(*code).or_default() += 1;
            }
            let most = votes.into_iter().max_by_key(|(_, votes)| *votes);
            let most = most.map(|(code, _)| code);
            diverged.extend(
                facts
                    .codes
                    .iter()
                    .filter(|(_, code)| Some(**code) != most)
                    .map(|(user, _)| *user),
            );
        }
        self.diverged = diverged.len();
    }

    fn count_commits(&mut self, pages: &Pages) {
        let mut pending: HashMap<(GroupId, Epoch), i64> = HashMap::new();
        for logged in pages.log.values() {
            match logged.kind {
                LoggedKind::Proposal(group, epoch) => {
                    *pending.entry((group, epoch)).or_default() += 1
                }
                LoggedKind::Withdrawn(group, epoch) => {
                    *pending.entry((group, epoch)).or_default() -= 1;
                }
                LoggedKind::Commit(commit) => {
                    self.commits += 1;
                    let waited = pending.get(&(commit.group, commit.epoch));
                    let takes = waited.is_some_and(|waited| *waited > 0) && !commit.external;
                    let another = commit.first.is_some_and(|first| first != commit.author);
                    self.takeovers += u64::from(takes && another);
                }
                LoggedKind::Other => {}
            }
        }
    }
}

impl<'a> Sorted<'a> {
    fn new(pages: &'a Pages) -> Self {
        let groups: HashMap<GroupId, usize> = pages.groups.iter().copied().zip(0..).collect();
        let mut sorted = Self {
            epochs: BTreeMap::new(),
            reached: HashMap::new(),
            notes: HashMap::new(),
        };
        for note in &pages.notes {
            sorted.notes.entry(note.user).or_default().push(note);
            if let Fact::Entered(entered) = &note.fact
                && let Some(group) = groups.get(&entered.group)
            {
                sorted.enter(note.user, note.at, (*group, entered.epoch), entered);
            }
        }
        sorted
    }

    fn enter(&mut self, user: User, at: Duration, place: Place, entered: &Entered) {
        let facts = self.epochs.entry(place).or_insert_with(|| Facts {
            roster: entered.roster.clone(),
            first: at,
            changes: 0,
            codes: HashMap::new(),
        });
        // A joiner does not know what else its epoch brought.
        facts.changes = facts.changes.max(entered.added + entered.removed);
        // One that was restored comes to an old epoch again, with the same code or another.
        facts.codes.insert(user, entered.code);
        let reached = self.reached.entry(user).or_default();
        if reached.last().is_none_or(|(_, before)| *before < place) {
            reached.push((at, place));
        }
    }

    /// Where a user was at that time.
    fn place_at(&self, user: User, at: Duration) -> Option<Place> {
        let reached = self.reached.get(&user)?;
        let index = reached.partition_point(|(reached, _)| *reached <= at);
        reached.get(index.checked_sub(1)?).map(|(_, place)| *place)
    }

    /// When a user had reached a place or was beyond it.
    fn reach(&self, user: User, place: Place) -> Option<Duration> {
        let reached = self.reached.get(&user)?;
        let index = reached.partition_point(|(_, before)| *before < place);
        reached.get(index).map(|(at, _)| *at)
    }

    /// Whether a user was connected, and wanted to stay, all that time.
    fn connected(&self, user: User, from: Duration, to: Duration) -> bool {
        let notes = self.notes.get(&user).map_or(&[][..], Vec::as_slice);
        let breaks = |fact: &Fact| {
            matches!(
                fact,
                Fact::Down | Fact::Leaving | Fact::Left | Fact::Crashed | Fact::Ended(_)
            )
        };
        let before = notes.iter().rev().filter(|note| note.at <= from);
        let state = before
            .map(|note| &note.fact)
            .find(|fact| breaks(fact) || matches!(fact, Fact::Up));
        let stays = notes
            .iter()
            .all(|note| note.at <= from || note.at > to || !breaks(&note.fact));
        matches!(state, Some(Fact::Up)) && stays
    }

    /// From `from` until everybody in the epoch has reached it, in milliseconds; infinite if
    /// somebody connected never did, nothing if nobody was connected.
    fn all_in(&self, place: Place, from: Duration) -> Option<f64> {
        let facts = self.epochs.get(&place)?;
        let members = facts.roster.iter();
        let times = members.filter_map(|member| {
            let user = client::user(&member.participant)?;
            let reached = self.reach(user, place);
            let until = reached.unwrap_or(Duration::MAX);
            let counts = self.connected(user, facts.first, until);
            let time = reached.map_or(f64::INFINITY, |at| millis(at.saturating_sub(from)));
            counts.then_some(time)
        });
        times.reduce(f64::max)
    }

    /// From `at` until everybody is in an epoch after `last` without that user.
    fn excluded(
        &self,
        user: User,
        at: Duration,
        last: Place,
        back: Option<Duration>,
    ) -> Option<f64> {
        let name = client::name(user);
        let mut later = self
            .epochs
            .range(last..)
            .filter(|(place, _)| **place > last);
        let without = later.find(|(_, facts)| facts.roster.leaf_of(&name).is_none());
        match without {
            Some((_, facts)) if back.is_some_and(|back| facts.first > back) => None,
            Some((place, _)) => self.all_in(*place, at),
            None if back.is_some() => None,
            None => Some(f64::INFINITY),
        }
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

#[cfg(test)]
mod tests;
