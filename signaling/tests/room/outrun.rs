//! A member whose commits are always the first, and who would rather that nobody came in.

use mls_srtp::delivery::{ClientMessage, LogBody, Refusal};

use crate::lab::{Lab, newest_proposal, positions};

/// A room whose `mallory` hears nothing but commits, and says only what the test has it say.
struct Outrun {
    lab: Lab,
    last: Option<ClientMessage>,
}

impl Outrun {
    fn new() -> Self {
        let mut lab = Lab::with(&["alice", "bob", "mallory"]);
        set_apart(&mut lab, &["mallory"], true);
        Self { lab, last: None }
    }

    /// Mallory commits, though nobody comes or goes; says with what that was refused.
    fn commit(&mut self) -> Option<Refusal> {
        if let Some(commit) = self.lab.commit_blindly("mallory") {
            self.last = Some(commit);
        }
        let commit = self.last.clone().expect("has made one");
        self.lab.refusal("mallory", commit)
    }

    /// The same every 80 ms: others wait for 100 ms before they commit. Says how often it was taken.
    fn run(&mut self, seconds: u64) -> usize {
        let tries = 0..seconds * 1_000 / 80;
        let taken = tries.filter(|_| {
            self.lab.pass(80);
            self.commit().is_none()
        });
        taken.count()
    }

    fn decline(&mut self) {
        let (group_id, _) = self.lab.position("alice").expect("a member");
        let declined = ClientMessage::Declined {
            group_id,
            seq: newest_proposal(&self.lab),
            reason: "not wanted".into(),
            code: None,
        };
        assert_eq!(self.lab.refusal("mallory", declined), None);
    }
}

fn set_apart(lab: &mut Lab, users: &[&str], apart: bool) {
    for user in users {
        lab.get(user).held = apart;
        lab.get(user).deaf = apart;
    }
}

fn commits(lab: &Lab) -> usize {
    positions(lab, |body| matches!(body, LogBody::Commit { .. })).len()
}

#[test]
fn who_commits_without_end_and_sees_nothing_keeps_nobody_out() {
    let mut outrun = Outrun::new();
    outrun.lab.enter("carol");
    outrun.run(5);
    let lab = &outrun.lab;
    assert!(lab.position("carol").is_some());
    assert_eq!(lab.position("carol"), lab.position("alice"));
}

#[test]
fn who_commits_without_end_and_declines_keeps_nobody_out() {
    let mut outrun = Outrun::new();
    outrun.lab.enter("carol");
    outrun.lab.settle();
    outrun.decline();
    outrun.run(5);
    let lab = &outrun.lab;
    assert!(lab.position("carol").is_some());
    assert_eq!(lab.position("carol"), lab.position("alice"));
}

#[test]
fn commits_that_neither_add_nor_remove_are_taken_at_a_rate() {
    let mut outrun = Outrun::new();
    let taken = outrun.run(10);
    assert!((10..=13).contains(&taken), "{taken}");
    // A new connection allows no more.
    let lab = &mut outrun.lab;
    lab.disconnect("mallory");
    set_apart(lab, &["mallory"], false);
    lab.reconnect("mallory");
    lab.settle();
    assert_eq!(lab.position("mallory"), lab.position("alice"));
    set_apart(lab, &["mallory"], true);
    assert_eq!(outrun.commit(), Some(Refusal::RateLimited));
    // The others have their own time.
    let before = commits(&outrun.lab);
    outrun.lab.renew("alice");
    assert_eq!(commits(&outrun.lab), before + 1);
}

#[test]
fn an_add_may_be_left_out_by_who_has_not_seen_it_for_ten_seconds_over_epochs() {
    let mut outrun = Outrun::new();
    set_apart(&mut outrun.lab, &["alice", "bob"], true);
    outrun.lab.enter("carol");
    outrun.lab.pass(9_990);
    let first = newest_proposal(&outrun.lab);
    assert_eq!(outrun.commit(), None);
    assert!(newest_proposal(&outrun.lab) > first, "proposed again");
    outrun.lab.pass(20);
    assert_eq!(outrun.commit(), Some(Refusal::OmitsProposal));
}

#[test]
fn who_declines_an_old_wish_lets_others_commit_first_in_each_epoch() {
    let mut outrun = Outrun::new();
    set_apart(&mut outrun.lab, &["alice", "bob"], true);
    outrun.lab.enter("carol");
    outrun.lab.settle();
    outrun.decline();
    outrun.lab.pass(10_050);
    assert_eq!(outrun.commit(), None, "the others had their time");
    for _ in 0..3 {
        assert_eq!(outrun.commit(), Some(Refusal::RateLimited));
        outrun.lab.pass(2_900);
        assert_eq!(outrun.commit(), Some(Refusal::RateLimited));
        outrun.lab.pass(150);
        assert_eq!(outrun.commit(), None);
    }
    set_apart(&mut outrun.lab, &["alice", "bob"], false);
    outrun.lab.pass(1_000);
    let lab = &outrun.lab;
    assert!(lab.position("carol").is_some());
    assert_eq!(lab.position("carol"), lab.position("alice"));
}
