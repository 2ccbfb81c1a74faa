//! MLS objects on their way to the service: what its follower of a group makes of them.

use arbitrary::Arbitrary;
use mls_srtp::delivery::{Blob, ClientMessage, LogBody};
use mls_srtp::group::{GroupFollower, StagedChange};
use mls_srtp::id::ParticipantId;

use crate::edit::{Edit, edited};
use crate::honest::{Call, call};
use crate::structured;
use crate::world::name;

/// What is handed in, and what is wrong with it.
#[derive(Debug, Arbitrary)]
enum Given<'a> {
    /// A vacant room's group, or the one that a service finds in its store.
    Create {
        info: Vec<Edit>,
        tree: Vec<Edit>,
    },
    KeyPackage {
        edits: Vec<Edit>,
        last_resort: bool,
    },
    Proposal(Vec<Edit>),
    Commit {
        which: u8,
        commit: Vec<Edit>,
        welcome: Vec<Edit>,
        info: Vec<Edit>,
        /// What belongs to another commit is taken for this one.
        info_of: u8,
    },
    /// Bytes that nobody has made, in every place where there are any.
    Invented(&'a [u8]),
}

/// The group of an honest call as its service follows it, with edited messages: nothing panics, and
/// nothing changes by what is refused.
pub fn group(data: &[u8]) {
    let Some(given) = structured::<Given<'_>>(data) else {
        return;
    };
    let call = call();
    match given {
        Given::Create { info, tree } => create(call, &info, &tree),
        Given::KeyPackage { edits, last_resort } => key_package(call, &edits, last_resort),
        Given::Proposal(edits) => proposal(call, &edits),
        Given::Commit {
            which,
            commit,
            welcome,
            info,
            info_of,
        } => {
            let edits = [commit, welcome, info];
            submit(call, which.into(), info_of.into(), &edits);
        }
        Given::Invented(bytes) => invented(call, bytes),
    }
}

fn edit(blob: &Blob, edits: &[Edit]) -> Blob {
    Blob::new(edited(blob.as_slice(), edits))
}

/// The follower as it was made when the room was.
fn created(call: &Call, info: &[Edit], tree: &[Edit]) -> Option<GroupFollower> {
    let made = call.up.iter().find_map(|message| match message {
        ClientMessage::Create {
            group_id,
            group_info,
            tree,
            ..
        } => Some((*group_id, group_info, tree)),
        _ => None,
    });
    let (group_id, group_info, ratchet_tree) = made.expect("somebody made the group");
    GroupFollower::create(
        &call.policy,
        &call.service,
        &name(0),
        group_id,
        &edit(group_info, info),
        &edit(ratchet_tree, tree),
    )
    .ok()
}

fn create(call: &Call, info: &[Edit], tree: &[Edit]) {
    let follower = created(call, info, tree);
    assert!(follower.is_some() || !info.is_empty() || !tree.is_empty());
    if let Some(follower) = follower {
        assert_eq!(follower.roster().len(), 1, "a group of its creator");
    }
}

fn key_package(call: &Call, edits: &[Edit], last_resort: bool) {
    let packages = call.up.iter().filter_map(|message| match message {
        ClientMessage::Join { key_package } => Some(key_package),
        _ => None,
    });
    for (who, good) in packages.enumerate() {
        let bytes = edit(good, edits);
        let suite = call.policy.ciphersuite;
        let checked = GroupFollower::check_key_package(&bytes, &name(who + 1), suite);
        let same = bytes == *good;
        assert_eq!(checked.is_ok(), same, "signed as a whole: {checked:?}");
        let _ = GroupFollower::check_published(&bytes, &name(who + 1), suite, last_resort);
    }
}

/// The follower before the commit of that number; and that commit's author.
fn before(call: &Call, commits: usize) -> Option<(GroupFollower, ParticipantId, usize)> {
    let mut follower = created(call, &[], &[]).expect("the honest one");
    let mut left = commits;
    for (at, entry) in call.log.iter().enumerate() {
        match &entry.body {
            LogBody::Proposal { proposal, .. } => {
                follower.requeue(proposal).expect("the service's own");
            }
            LogBody::Commit { author, .. } if left == 0 => {
                let author = follower.roster().occupant(*author);
                let author = author.map_or(name(2), |author| ParticipantId::clone(author));
                return Some((follower, author, at));
            }
            LogBody::Commit { commit, .. } => {
                follower.replay(commit).expect("it was accepted");
                left -= 1;
            }
            _ => {}
        }
    }
    None
}

fn proposal(call: &Call, edits: &[Edit]) {
    let (mut follower, ..) = before(call, 1).expect("there was a second commit");
    let good = call.log.iter().find_map(|entry| match &entry.body {
        LogBody::Proposal { epoch, proposal } if *epoch == follower.epoch() => Some(proposal),
        _ => None,
    });
    let bytes = edit(good.expect("it adds somebody"), edits);
    let _ = follower.requeue(&bytes);
    let _ = follower.propose_add(&call.service, &bytes);
}

fn submit(call: &Call, which: usize, info_of: usize, edits: &[Vec<Edit>; 3]) {
    let commits: Vec<_> = call.up.iter().filter_map(parts).collect();
    let Some((mut follower, author, _)) = before(call, which % commits.len()) else {
        return;
    };
    let at = follower.epoch();
    let mut all = commits.iter();
    let Some((_, commit, welcome, _)) = all.find(|(epoch, ..)| *epoch == at) else {
        return;
    };
    let (.., info) = &commits[info_of % commits.len()];
    let [of_commit, of_welcome, of_info] = edits;
    let (sent, info) = (edit(commit, of_commit), edit(info, of_info));
    let welcome = welcome.as_ref().map(|welcome| edit(welcome, of_welcome));
    let member = follower.stage_commit(&author, &sent, welcome.as_ref(), &info);
    let external = follower.stage_external(&author, &sent, &info);
    assert!(member.is_err() || external.is_err(), "one or the other");
    let staged: Option<StagedChange> = member.or(external).ok();
    if let Some(change) = staged {
        let outcome = follower
            .merge(change)
            .expect("what was staged can be merged");
        assert_eq!(outcome.epoch, at.next(), "the next epoch");
        assert_eq!(follower.epoch(), at.next());
    } else {
        assert_eq!(follower.epoch(), at, "nothing has changed");
    }
}

type Parts<'a> = (mls_srtp::id::Epoch, &'a Blob, Option<Blob>, &'a Blob);

/// What of a message makes a commit.
fn parts(message: &ClientMessage) -> Option<Parts<'_>> {
    match message {
        ClientMessage::Commit {
            epoch,
            commit,
            welcome,
            group_info,
            ..
        } => Some((*epoch, commit, welcome.clone(), group_info)),
        ClientMessage::ExternalCommit {
            epoch,
            commit,
            group_info,
            ..
        } => Some((*epoch, commit, None, group_info)),
        _ => None,
    }
}

fn invented(call: &Call, bytes: &[u8]) {
    let bytes = Blob::new(bytes.to_vec());
    let (mut follower, author, _) = before(call, 1).expect("there was a second commit");
    let (id, policy, service) = (follower.group_id(), &call.policy, &call.service);
    let refused = [
        GroupFollower::restore(policy, service, id, &bytes, &bytes).is_err(),
        follower.requeue(&bytes).is_err(),
        follower.replay(&bytes).is_err(),
        follower
            .stage_commit(&author, &bytes, Some(&bytes), &bytes)
            .is_err(),
        follower.stage_external(&author, &bytes, &bytes).is_err(),
        follower.propose_add(&call.service, &bytes).is_err(),
    ];
    assert_eq!(refused, [true; 6], "nobody signed this");
}
