//! Coming and going.

use std::time::Duration;

use mls_srtp::ManagerConfig;
use mls_srtp::delivery::{
    ClientMessage, CloseReason, LogEntry, MediaSignal, Refusal, ServiceMessage,
};
use mls_srtp::event::Event;
use mls_srtp::id::{Generation, Seq};
use mls_srtp::token::Right;
use mls_srtp_signaling::access::{AccessControl, Admission, Entry, OpenAccess};
use mls_srtp_signaling::media::MediaRequestKind;
use mls_srtp_signaling::room::{ClientId, RoomOutput};
use mls_srtp_signaling::{Refused, RoomConfig, RoomEventKind};

use crate::lab::{Lab, Setup, closed, hello, name};

/// Chairs may evict; mallory may not enter.
struct Chaired;

impl AccessControl for Chaired {
    fn admit(&self, entry: &Entry<'_>) -> Result<Admission, Refused> {
        let mut admission = OpenAccess.admit(entry)?;
        match entry.participant.user() {
            "mallory" => return Err(Refused::new(Refusal::Unauthorised, "not mallory")),
            "chair" => admission.rights.push(Right::Moderate),
            _ => {}
        }
        Ok(admission)
    }
}

/// A room with these people, in which `chair` may have others removed.
pub fn chaired(users: &[&'static str]) -> Lab {
    let mut lab = Lab::new(Setup {
        access: Box::new(Chaired),
        ..Setup::default()
    });
    users.iter().for_each(|user| lab.join(user));
    lab
}

fn offer() -> MediaSignal {
    MediaSignal::Offer { sdp: "v=0".into() }
}

#[test]
fn only_who_may_evict_evicts() {
    let mut lab = chaired(&["chair", "bob", "carol"]);
    let evict = |user| ClientMessage::Evict {
        participant: name(user),
    };
    assert_eq!(
        lab.refusal("bob", evict("carol")),
        Some(Refusal::Unauthorised)
    );
    assert_eq!(
        lab.refusal("chair", evict("nobody")),
        Some(Refusal::PolicyViolation)
    );
    assert_eq!(lab.refusal("chair", evict("bob")), None);
    lab.pass(300);
    assert_eq!(lab.roster("carol"), ["chair", "carol"]);
    assert_eq!(closed(&mut lab, "bob"), Some(CloseReason::Removed));
    assert_eq!(lab.get("bob").events.last(), Some(&Event::Removed));
}

#[test]
fn media_stops_before_anybody_hears_of_a_removal() {
    let mut lab = Lab::with(&["alice", "bob", "carol"]);
    lab.outputs.clear();
    lab.leave("bob");
    lab.pass(300);
    let position = |wanted: &dyn Fn(&RoomOutput) -> bool| lab.outputs.iter().position(wanted);
    let stopped = position(&|output| {
        matches!(output, RoomOutput::Media(request)
            if request.kind == MediaRequestKind::Removed && request.participant == name("bob"))
    });
    let is_commit =
        |entry: &LogEntry| matches!(entry.body, mls_srtp::delivery::LogBody::Commit { .. });
    let told = position(
        &|output| matches!(output, RoomOutput::Send(_, ServiceMessage::Entry(entry)) if is_commit(entry)),
    );
    assert!(stopped.is_some() && stopped < told, "{stopped:?} {told:?}");
    let own = lab.get("bob").told.iter();
    let own = own.filter(|m| matches!(m, ServiceMessage::Entry(entry) if is_commit(entry)));
    assert_eq!(
        own.count(),
        3 - 1,
        "bob hears carol's Add and his own removal"
    );
    assert_eq!(closed(&mut lab, "bob"), Some(CloseReason::Removed));
}

#[test]
fn media_is_for_members_and_needs_an_sfu() {
    let mut lab = Lab::with(&["alice"]);
    let client = lab.stranger();
    lab.say(client, hello("stranger", None));
    let outputs = lab.say(client, ClientMessage::Media(offer()));
    assert_eq!(
        crate::lab::refusal_in(&outputs, client),
        Some(Refusal::Unauthorised)
    );
    assert!(lab.media().is_empty());
    assert_eq!(lab.refusal("alice", ClientMessage::Media(offer())), None);
    let [request] = lab.media()[..] else {
        panic!("one request")
    };
    assert_eq!(request.kind, MediaRequestKind::Signal(offer()));
    assert_eq!(request.participant, name("alice"));
    lab.room.media_signal(&name("alice"), offer());
    lab.pass(10);
    assert!(
        lab.get("alice")
            .told
            .contains(&ServiceMessage::Media(offer()))
    );
    let mut deaf = Lab::new(Setup {
        has_media: false,
        ..Setup::default()
    });
    deaf.join("alice");
    assert_eq!(
        deaf.refusal("alice", ClientMessage::Media(offer())),
        Some(Refusal::NoMedia)
    );
}

/// An SFU that has lost everybody does not know any more who they were.
#[test]
fn a_signal_to_all_reaches_whoever_is_connected() {
    let mut lab = Lab::with(&["alice", "bob", "carol"]);
    lab.disconnect("bob");
    lab.room.media_signal_to_all(&offer());
    lab.pass(10);
    let heard = |lab: &mut Lab, user| lab.get(user).told.contains(&ServiceMessage::Media(offer()));
    let all = ["alice", "bob", "carol"].map(|user| heard(&mut lab, user));
    assert_eq!(all, [true, false, true]);
}

#[test]
fn a_joiner_that_goes_before_its_commit_is_never_added() {
    let mut lab = Lab::with(&["alice", "bob"]);
    lab.get("alice").held = true;
    lab.enter("carol");
    lab.pass(200);
    lab.disconnect("carol");
    lab.get("alice").held = false;
    lab.pass(500);
    assert_eq!(lab.roster("alice"), ["alice", "bob"]);
    let epoch = lab.position("alice").map(|(_, epoch)| epoch.get());
    assert_eq!(epoch, Some(1), "its Add was withdrawn");
}

/// To which clients a Welcome was sent.
fn welcomed(lab: &Lab) -> Vec<ClientId> {
    let sent = lab.outputs.iter().filter_map(|output| match output {
        RoomOutput::Send(to, ServiceMessage::Welcome { .. }) => Some(*to),
        _ => None,
    });
    sent.collect()
}

#[test]
fn a_joiner_that_comes_back_gets_the_welcome_that_it_can_open() {
    let mut lab = Lab::with(&["alice", "bob"]);
    lab.get("alice").held = true;
    lab.enter("carol");
    lab.pass(200);
    lab.disconnect("carol");
    lab.reconnect("carol");
    lab.settle();
    lab.get("alice").held = false;
    lab.pass(500);
    assert_eq!(lab.position("carol"), lab.position("alice"));
    let failed = |e: &Event| matches!(e, Event::Resyncing { .. } | Event::Refused { .. });
    assert!(!lab.get("carol").events.iter().any(failed));
    let clients = [lab.get("bob").client, lab.get("carol").client];
    assert_eq!(welcomed(&lab), clients, "nobody was sent the old one");
}

#[test]
fn a_newer_key_package_takes_the_place_of_the_older_one() {
    let mut lab = Lab::with(&["alice", "bob"]);
    lab.get("alice").held = true;
    lab.enter("carol");
    lab.pass(200);
    lab.ask_again("carol");
    lab.settle();
    lab.get("alice").held = false;
    lab.pass(500);
    assert_eq!(lab.position("carol"), lab.position("alice"));
    let clients = [lab.get("bob").client, lab.get("carol").client];
    assert_eq!(welcomed(&lab), clients, "one Welcome for the newer one");
}

#[test]
fn a_second_connection_of_a_device_replaces_the_first() {
    let mut lab = Lab::with(&["alice", "bob"]);
    let first = lab.get("bob").client;
    let client = lab.stranger();
    let outputs = lab.say(client, hello("bob", None));
    let replaced = outputs.iter().any(|output| {
        let reason = CloseReason::Replaced;
        matches!(output, RoomOutput::Send(to, ServiceMessage::Closed { reason: said })
            if *to == first && *said == reason)
    });
    assert!(replaced, "{outputs:?}");
    assert!(
        outputs
            .iter()
            .any(|o| matches!(o, RoomOutput::Close(to) if *to == first))
    );
    // What the replaced connection still says counts for nothing.
    assert!(lab.say(first, ClientMessage::Leave).is_empty());
    lab.room.disconnected(first, lab.now);
    lab.pass(4_900);
    assert_eq!(
        lab.roster("alice"),
        ["alice", "bob"],
        "it may take its leaf back"
    );
    lab.pass(300);
    assert_eq!(
        lab.roster("alice"),
        ["alice"],
        "it did not within the grace time"
    );
}

#[test]
fn a_hello_that_comes_late_does_not_replace_a_newer_connection() {
    let mut lab = Lab::with(&["alice", "bob"]);
    // Bob gives up two connections whose hellos are still on the way, and is back over a third.
    let late = [lab.stranger(), lab.stranger()];
    lab.disconnect("bob");
    lab.reconnect("bob");
    lab.settle();
    for (late, gone) in late.into_iter().zip([false, true]) {
        if gone {
            lab.disconnect("bob");
        }
        let outputs = lab.say(late, hello("bob", None));
        let reason = CloseReason::Replaced;
        let closed = outputs.iter().all(|output| match output {
            RoomOutput::Send(to, ServiceMessage::Closed { reason: said }) => {
                *to == late && *said == reason
            }
            RoomOutput::Close(to) => *to == late,
            _ => false,
        });
        assert!(closed && outputs.len() == 2, "{outputs:?}");
        lab.room.disconnected(late, lab.now);
    }
    lab.reconnect("bob");
    lab.pass(6_000);
    assert_eq!(lab.roster("alice"), ["alice", "bob"]);
    assert_eq!(lab.position("bob"), lab.position("alice"));
    let resynced = |event: &Event| matches!(event, Event::Resyncing { .. });
    assert!(!lab.get("bob").events.iter().any(resynced));
}

#[test]
fn a_wisher_may_go_again() {
    let mut lab = Lab::with(&["alice"]);
    lab.get("alice").held = true;
    lab.enter("bob");
    lab.pass(200);
    let client = lab.get("bob").client;
    lab.say(client, ClientMessage::Leave);
    assert_eq!(closed(&mut lab, "bob"), Some(CloseReason::Removed));
    lab.get("alice").held = false;
    lab.pass(500);
    assert_eq!(lab.roster("alice"), ["alice"]);
}

#[test]
fn a_group_that_nobody_can_change_any_more_ends() {
    let mut lab = Lab::with(&["alice", "bob"]);
    // Alice wants to go; bob, who is to commit that, is gone for good.
    lab.get("bob").held = true;
    lab.leave("alice");
    lab.pass(200);
    lab.disconnect("bob");
    lab.pass(4_500);
    assert_eq!(closed(&mut lab, "alice"), None, "bob has his grace time");
    lab.pass(700);
    assert_eq!(closed(&mut lab, "alice"), Some(CloseReason::Removed));
    lab.join("carol");
    assert_eq!(lab.roster("carol"), ["carol"]);
}

#[test]
fn a_device_without_its_state_comes_in_though_the_last_other_leaves() {
    let mut lab = Lab::with(&["alice", "bob"]);
    let old_group = lab.position("bob").map(|(group_id, _)| group_id);
    lab.disconnect("bob");
    lab.enter("bob");
    lab.get("bob").deaf = true;
    lab.settle();
    lab.leave("alice");
    assert_eq!(closed(&mut lab, "alice"), None, "bob might have his state");
    lab.get("bob").deaf = false;
    lab.pass(500);
    assert_eq!(closed(&mut lab, "alice"), Some(CloseReason::Removed));
    assert_eq!(lab.roster("bob"), ["bob"]);
    assert_ne!(lab.position("bob").map(|(group_id, _)| group_id), old_group);
}

#[test]
fn the_last_one_there_leaves_and_who_is_away_keeps_the_group() {
    let mut lab = Lab::with(&["alice", "bob", "carol"]);
    let before = lab.position("bob");
    lab.disconnect("bob");
    lab.leave("alice");
    lab.leave("carol");
    lab.pass(3_000);
    lab.reconnect("bob");
    lab.pass(500);
    assert_eq!(lab.roster("bob"), ["bob"]);
    assert_eq!(
        lab.position("bob").map(|(group_id, _)| group_id),
        before.map(|(group_id, _)| group_id)
    );
    assert_eq!(lab.get("carol").events.last(), Some(&Event::Left));
}

#[test]
fn the_last_one_there_leaves_and_is_let_go_when_nobody_comes_back() {
    let mut lab = Lab::with(&["alice", "bob"]);
    lab.disconnect("bob");
    lab.pass(1_000);
    lab.leave("alice");
    lab.pass(3_800);
    assert_eq!(closed(&mut lab, "alice"), None);
    lab.pass(400);
    assert_eq!(closed(&mut lab, "alice"), Some(CloseReason::Removed));
    assert!(lab.room.is_deserted());
}

#[test]
fn a_device_without_its_state_waits_for_who_might_be_back() {
    for comes_back in [true, false] {
        let mut lab = Lab::with(&["alice", "bob"]);
        let group = |lab: &Lab, user| lab.position(user).map(|(group_id, _)| group_id);
        let before = group(&lab, "bob");
        lab.disconnect("bob");
        lab.disconnect("alice");
        lab.enter("alice");
        lab.pass(3_000);
        assert_eq!(lab.position("alice"), None);
        if comes_back {
            lab.reconnect("bob");
        }
        lab.pass(3_000);
        assert_eq!(group(&lab, "alice") == before, comes_back);
        assert!(lab.position("alice").is_some());
    }
}

#[test]
fn a_deserted_group_is_closed_and_the_next_one_creates_the_next_generation() {
    let mut lab = Lab::with(&["alice", "bob"]);
    lab.disconnect("alice");
    lab.disconnect("bob");
    lab.pass(5_100);
    assert!(lab.room.is_deserted());
    let removed = lab
        .media()
        .iter()
        .filter(|m| m.kind == MediaRequestKind::Removed)
        .count();
    assert_eq!(removed, 2);
    lab.join("carol");
    let policy = lab
        .get("carol")
        .told
        .iter()
        .find_map(|message| match message {
            ServiceMessage::Room { policy, .. } => Some(policy.generation),
            _ => None,
        });
    assert_eq!(policy, Some(Generation::new(1)));
}

#[test]
fn members_are_pinged_every_two_seconds_and_nobody_else() {
    let mut lab = Lab::with(&["alice"]);
    let client = lab.stranger();
    lab.say(client, hello("waiting", None));
    lab.outputs.clear();
    lab.pass(10_000);
    let (alice, mut pings) = (lab.get("alice").client, 0);
    for output in &lab.outputs {
        if let RoomOutput::Send(to, ServiceMessage::Ping { .. }) = output {
            assert_eq!(*to, alice);
            pings += 1;
        }
    }
    assert_eq!(pings, 5);
}

#[test]
fn a_member_notices_a_dead_connection_in_time_to_come_back() {
    let (room, member) = (RoomConfig::default(), ManagerConfig::default());
    assert!(
        member.silence >= room.ping_every * 2,
        "one ping may be late"
    );
    let to_connect = Duration::from_secs(1);
    assert!(member.silence + to_connect <= room.grace);
}

#[test]
fn different_authenticators_are_told_to_the_operator() {
    let mut lab = Lab::with(&["alice", "bob"]);
    let differs = |lab: &Lab| {
        let reporter = name("bob");
        lab.happened()
            .contains(&&RoomEventKind::AuthenticatorsDiffer { reporter })
    };
    assert!(!differs(&lab));
    let (group_id, _) = lab.position("bob").expect("a member");
    let applied = |hash: Vec<u8>| ClientMessage::Applied {
        group_id,
        seq: Seq::new(100),
        authenticator_hash: hash.into(),
    };
    assert_eq!(
        lab.refusal("bob", applied(vec![1; 31])),
        Some(Refusal::Malformed)
    );
    assert_eq!(lab.refusal("bob", applied(vec![1; 32])), None);
    assert!(differs(&lab));
}
