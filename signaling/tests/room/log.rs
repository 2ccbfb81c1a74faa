//! Order: the log, its chain, resuming, commits.

use std::time::Duration;

use mls_srtp::delivery::{Blob, LogBody, Refusal, Resume, ServiceMessage, chain};
use mls_srtp::id::Seq;
use mls_srtp_signaling::RoomConfig;
use mls_srtp_signaling::room::{ClientId, RoomOutput};
use mls_srtp_signaling::store::{MemoryStore, Retention};

use crate::lab::{Lab, Setup, entries_in, hello, newest, take_commit, whole_log, with_seen_seq};

#[test]
fn positions_and_chain_go_on_over_generations() {
    let mut lab = Lab::with(&["alice", "bob"]);
    for user in ["alice", "bob"] {
        lab.leave(user);
        lab.pass(300);
    }
    lab.join("carol");
    let log = whole_log(&lab);
    let created = log
        .iter()
        .filter(|e| matches!(e.body, LogBody::Created { .. }));
    assert_eq!(created.count(), 2, "two generations");
    let mut before = chain::start();
    for (entry, expected) in log.iter().zip(1..) {
        assert_eq!(entry.seq, Seq::new(expected));
        assert!(chain::follows(&before, entry), "entry {expected}");
        before = entry.chain.clone();
    }
}

#[test]
fn a_welcome_is_released_with_its_commit_and_to_nobody_else() {
    let mut lab = Lab::with(&["alice", "bob"]);
    lab.get("alice").held = true;
    lab.enter("carol");
    lab.pass(300);
    let welcomed = |lab: &Lab| -> Vec<ClientId> {
        let sent = lab.outputs.iter().filter_map(|output| match output {
            RoomOutput::Send(to, ServiceMessage::Welcome { .. }) => Some(*to),
            _ => None,
        });
        sent.collect()
    };
    let before = welcomed(&lab);
    assert_eq!(
        before,
        [lab.get("bob").client],
        "carol's commit is still held"
    );
    lab.get("alice").held = false;
    lab.settle();
    assert_eq!(
        welcomed(&lab),
        [lab.get("bob").client, lab.get("carol").client]
    );
    let commit = whole_log(&lab)
        .into_iter()
        .rfind(|entry| matches!(entry.body, LogBody::Commit { .. }))
        .expect("was accepted");
    let at = lab
        .get("carol")
        .told
        .iter()
        .find_map(|message| match message {
            ServiceMessage::Welcome { seq, chain, .. } => Some((*seq, chain.clone())),
            _ => None,
        });
    assert_eq!(
        at,
        Some((commit.seq, commit.chain)),
        "the log goes on after the commit"
    );
}

#[test]
fn a_commit_may_not_leave_out_what_its_author_has_seen() {
    let mut lab = Lab::with(&["alice", "bob"]);
    lab.get("alice").held = true;
    lab.enter("carol");
    lab.pass(150);
    let commit = take_commit(&mut lab, "alice");
    // Dave's Add comes after alice has built her commit.
    lab.get("alice").deaf = true;
    lab.enter("dave");
    lab.settle();
    let seen = newest(&mut lab, "bob");
    let claims_more = with_seen_seq(commit.clone(), seen);
    assert_eq!(
        lab.refusal("alice", claims_more),
        Some(Refusal::OmitsProposal)
    );
    assert_eq!(
        lab.refusal("alice", commit),
        None,
        "she could not know of dave"
    );
}

#[test]
fn an_old_remove_may_not_be_left_out_whatever_its_author_has_seen() {
    let mut lab = Lab::with(&["alice", "bob", "carol"]);
    lab.get("alice").held = true;
    lab.enter("dave");
    lab.pass(150);
    let commit = take_commit(&mut lab, "alice");
    lab.get("alice").deaf = true;
    lab.leave("carol");
    lab.pass(510);
    assert_eq!(lab.refusal("alice", commit), Some(Refusal::OmitsProposal));
}

#[test]
fn a_young_remove_may_be_left_out_by_who_has_not_seen_it() {
    let mut lab = Lab::with(&["alice", "bob", "carol"]);
    lab.get("alice").held = true;
    lab.enter("dave");
    lab.pass(150);
    let commit = take_commit(&mut lab, "alice");
    lab.get("alice").deaf = true;
    lab.leave("carol");
    lab.pass(490);
    assert_eq!(lab.refusal("alice", commit), None);
    lab.get("alice").deaf = false;
    lab.get("alice").held = false;
    lab.pass(500);
    assert_eq!(
        lab.roster("alice"),
        ["alice", "bob", "dave"],
        "carol went an epoch later"
    );
}

#[test]
fn who_proves_its_session_gets_exactly_what_it_missed() {
    let mut lab = Lab::with(&["alice", "bob"]);
    let seen = newest(&mut lab, "bob");
    let resume = lab.resume_of("bob", seen);
    lab.disconnect("bob");
    lab.join("carol");
    let client = lab.stranger();
    let outputs = lab.say(client, hello("bob", Some(resume)));
    let missed: Vec<Seq> = entries_in(&outputs, client).iter().map(|e| e.seq).collect();
    let expected: Vec<Seq> = whole_log(&lab)
        .iter()
        .map(|entry| entry.seq)
        .filter(|seq| *seq > seen)
        .collect();
    assert_eq!(missed, expected);
    assert!(!missed.is_empty());
}

/// Whether bob, who says that he returns, is given anything but a new session.
fn is_resumed(claim: impl Fn(Resume, Seq) -> Resume) -> bool {
    let mut lab = Lab::with(&["alice", "bob"]);
    let beyond = newest(&mut lab, "bob").next();
    let good = lab.resume_of("bob", Seq::new(1));
    let client = lab.stranger();
    let outputs = lab.say(client, hello("bob", Some(claim(good.clone(), beyond))));
    let renewed = outputs.iter().any(|output| {
        matches!(output, RoomOutput::Send(to, ServiceMessage::Room { session, .. })
            if *to == client && *session != good.session)
    });
    !renewed || !entries_in(&outputs, client).is_empty()
}

#[test]
fn who_cannot_prove_its_session_gets_nothing_and_a_new_session() {
    let session = Blob::new(vec![0xee; 16]);
    assert!(is_resumed(|good, _| good));
    assert!(!is_resumed(|good, _| Resume {
        session: session.clone(),
        ..good
    }));
    assert!(!is_resumed(|good, _| Resume {
        session: Blob::default(),
        ..good
    }));
    assert!(!is_resumed(|good, seq| Resume { seq, ..good }));
    let chain = Blob::new(vec![0xee; 32]);
    assert!(!is_resumed(|good, _| Resume {
        chain: chain.clone(),
        ..good
    }));
    let group_id = mls_srtp::id::GroupId::new([9; 16]);
    assert!(!is_resumed(|good, _| Resume { group_id, ..good }));
}

#[test]
fn who_missed_more_than_the_log_holds_takes_its_leaf_back() {
    let mut lab = Lab::new(Setup {
        store: Box::new(MemoryStore::new(Retention {
            entries: 2,
            ..Retention::default()
        })),
        config: RoomConfig {
            grace: Duration::from_secs(600),
            ..RoomConfig::default()
        },
        ..Setup::default()
    });
    ["alice", "bob"].into_iter().for_each(|user| lab.join(user));
    lab.disconnect("bob");
    // The handshake since the newest snapshot is kept in any case.
    (0..17).for_each(|_| lab.renew("alice"));
    lab.reconnect("bob");
    lab.pass(500);
    assert_eq!(lab.roster("alice").len(), 2);
    assert_eq!(lab.position("bob"), lab.position("alice"));
    let told = &lab.get("bob").told;
    let welcome = |m: &&ServiceMessage| matches!(m, ServiceMessage::Welcome { .. });
    assert_eq!(told.iter().filter(welcome).count(), 1, "its first one");
    let info = |m: &&ServiceMessage| matches!(m, ServiceMessage::GroupInfo { .. });
    assert_eq!(told.iter().filter(info).count(), 1);
}
