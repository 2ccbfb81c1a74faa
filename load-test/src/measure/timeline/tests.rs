use mls_srtp::delivery::{Blob, LogBody, LogEntry};
use mls_srtp::id::{LeafIndex, Seq};
use mls_srtp_participant::clock::ClockOrigin;

use super::*;
use crate::notebook::Notebook;

const GROUP: GroupId = GroupId::new([7; 16]);

/// A story, told second by second.
struct Story(Notebook);

impl Story {
    fn new() -> Self {
        Self(Notebook::new(ClockOrigin::start(), 10))
    }

    fn at(&self, seconds: u64, user: User, fact: Fact) -> &Self {
        self.0.note_at(Duration::from_secs(seconds), user, fact);
        self
    }

    /// A user that is connected enters an epoch.
    fn enters(&self, seconds: u64, user: User, epoch: u64, roster: &[User]) -> &Self {
        self.enters_with(seconds, user, epoch, roster, 0)
    }

    fn enters_with(&self, at: u64, user: User, epoch: u64, roster: &[User], code: u8) -> &Self {
        let leaves = roster.iter().map(|user| {
            let leaf = LeafIndex::new(u16::try_from(*user).expect("a small number"));
            (leaf, client::name(*user))
        });
        let entered = Entered {
            group: GROUP,
            epoch: Epoch::new(epoch),
            roster: Roster::new(leaves),
            added: 1,
            removed: 0,
            code: GroupCode::new(&[code]),
        };
        self.at(at, user, Fact::Entered(Box::new(entered)))
    }

    fn joins(&self, seconds: u64, user: User) -> &Self {
        self.at(seconds, user, Fact::Asked)
            .at(seconds, user, Fact::Up)
    }

    fn tells(&self, seq: u64, body: LogBody, first: u16) -> &Self {
        let entry = LogEntry {
            group_id: GROUP,
            seq: Seq::new(seq),
            term: 0,
            chain: Blob::new(vec![seq as u8]),
            body,
        };
        self.0.told(0, &entry, Some(LeafIndex::new(first)));
        self
    }

    fn timeline(&self) -> Timeline {
        self.0.read(Timeline::of)
    }
}

/// Two members in epoch 1.
fn pair() -> Story {
    let story = Story::new();
    story.joins(0, 0).joins(0, 1);
    story.enters(1, 0, 1, &[0, 1]).enters(1, 1, 1, &[0, 1]);
    story
}

#[test]
fn a_join_lasts_until_the_keys_and_one_that_fails_for_ever() {
    let story = Story::new();
    story.joins(1, 0).enters(3, 0, 0, &[0]).joins(4, 1);
    story.joins(5, 2).at(6, 2, Fact::Left).joins(7, 2);
    let timeline = story.timeline();
    let mut joins = timeline.joins.clone();
    joins.sort_by(f64::total_cmp);
    assert_eq!(
        joins,
        [2_000.0, f64::INFINITY, f64::INFINITY, f64::INFINITY]
    );
    assert_eq!(timeline.joined(), 1);
}

#[test]
fn an_epoch_converges_with_its_last_connected_member() {
    let story = pair();
    story.joins(2, 2).enters(4, 0, 2, &[0, 1, 2]);
    story
        .enters(9, 1, 2, &[0, 1, 2])
        .enters(5, 2, 2, &[0, 1, 2]);
    assert_eq!(story.timeline().converged, [0.0, 5_000.0]);
    story.enters(10, 0, 3, &[0, 1]).at(11, 1, Fact::Down);
    assert_eq!(story.timeline().converged[2], 0.0, "nobody waits for 1");
    story.at(12, 1, Fact::Up).enters(13, 0, 4, &[0, 1]);
    assert_eq!(story.timeline().converged[3], f64::INFINITY, "1 never came");
    story.enters(20, 1, 5, &[0, 1]).enters(20, 0, 5, &[0, 1]);
    assert_eq!(story.timeline().converged[3], 7_000.0, "it jumped over 4");
}

#[test]
fn who_leaves_is_out_when_the_last_one_knows() {
    let story = pair();
    story.joins(1, 2);
    story
        .enters(2, 2, 2, &[0, 1, 2])
        .enters(2, 0, 2, &[0, 1, 2]);
    story.enters(2, 1, 2, &[0, 1, 2]).at(3, 2, Fact::Leaving);
    assert_eq!(story.timeline().excluded, [f64::INFINITY]);
    story.enters(5, 0, 3, &[0, 1]).enters(8, 1, 3, &[0, 1]);
    assert_eq!(story.timeline().excluded, [5_000.0]);
}

#[test]
fn a_crash_counts_unless_it_came_back_before_it_was_out() {
    let story = pair();
    story.at(2, 1, Fact::Crashed).enters(8, 0, 2, &[0]);
    assert_eq!(story.timeline().excluded, [6_000.0]);
    let story = pair();
    story.at(2, 1, Fact::Crashed).at(4, 1, Fact::Returned);
    story.at(4, 1, Fact::Up).enters(8, 0, 2, &[0]);
    assert!(story.timeline().excluded.is_empty());
}

#[test]
fn another_code_than_most_is_found() {
    let story = pair();
    assert_eq!(
        (story.timeline().compared, story.timeline().diverged),
        (2, 0)
    );
    let all = [0, 1, 2];
    story.enters(2, 0, 2, &all).enters(2, 1, 2, &all);
    story.enters_with(2, 2, 2, &all, 99);
    assert_eq!(
        (story.timeline().compared, story.timeline().diverged),
        (5, 1)
    );
}

#[test]
fn a_takeover_is_a_commit_of_proposals_by_another_than_the_first() {
    let (epoch, blob) = (Epoch::new(1), Blob::new(vec![1]));
    let proposal = || LogBody::Proposal {
        epoch,
        proposal: blob.clone(),
    };
    let commit = |author| LogBody::Commit {
        epoch,
        author: LeafIndex::new(author),
        commit: blob.clone(),
    };
    let takeovers = |told: &[(LogBody, u16)]| {
        let story = Story::new();
        for (seq, (body, first)) in (1..).zip(told) {
            story.tells(seq, body.clone(), *first);
        }
        story.timeline().takeovers
    };
    assert_eq!(takeovers(&[(proposal(), 0), (commit(0), 0)]), 0);
    assert_eq!(takeovers(&[(proposal(), 0), (commit(3), 0)]), 1);
    assert_eq!(takeovers(&[(commit(3), 0)]), 0, "a renewal");
    let withdrawn = LogBody::Withdrawn {
        epoch,
        proposal: Seq::new(1),
    };
    assert_eq!(
        takeovers(&[(proposal(), 0), (withdrawn, 0), (commit(3), 0)]),
        0
    );
}

#[test]
fn one_position_with_two_entries_is_a_fork_and_an_own_commit_is_acknowledged() {
    let notebook = Notebook::new(ClockOrigin::start(), 2);
    let commit = Blob::new(vec![5]);
    notebook.submitting(1, &commit, false);
    let entry = |chain| LogEntry {
        group_id: GROUP,
        seq: Seq::new(4),
        term: 0,
        chain: Blob::new(vec![chain]),
        body: LogBody::Commit {
            epoch: Epoch::new(1),
            author: LeafIndex::new(0),
            commit: commit.clone(),
        },
    };
    notebook.told(0, &entry(1), None);
    assert!(notebook.read(|pages| pages.acknowledged.is_empty()));
    notebook.told(1, &entry(1), None);
    notebook.read(|pages| {
        assert_eq!(pages.acknowledged[&Seq::new(4)], Blob::new(vec![1]));
        assert_eq!(pages.forks, 0);
    });
    notebook.told(0, &entry(2), None);
    assert_eq!(notebook.read(|pages| pages.forks), 1);
}
