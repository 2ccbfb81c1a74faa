//! Devices that come back to their leaf without the state behind it.

use mls_srtp::delivery::{Blob, ClientMessage, MediaSignal, Refusal, ServiceMessage};
use mls_srtp::event::Event;
use mls_srtp_signaling::RoomEventKind;
use mls_srtp_signaling::media::MediaRequestKind;
use mls_srtp_signaling::room::{ClientId, RoomOutput};

use crate::lab::{Lab, hello, last_refusal, name, refusal_in};

fn returned(lab: &Lab) -> usize {
    let is = |kind: &&&RoomEventKind| matches!(kind, RoomEventKind::Returned { .. });
    lab.happened().iter().filter(is).count()
}

fn ask(lab: &Lab) -> ClientMessage {
    let (group_id, _) = lab.position("alice").expect("a member");
    ClientMessage::AskGroupInfo { group_id }
}

/// The key that a client was told to be at its leaf.
fn leaf_key(outputs: &[RoomOutput], client: ClientId) -> Option<Blob> {
    outputs.iter().find_map(|output| match output {
        RoomOutput::Send(to, ServiceMessage::Room { leaf_key, .. }) if *to == client => {
            leaf_key.clone()
        }
        _ => None,
    })
}

#[test]
fn a_device_takes_its_leaf_back_and_offers_media_anew() {
    let mut lab = Lab::with(&["alice", "bob", "carol"]);
    let before = lab.position("alice");
    lab.come_back_anew("bob");
    lab.pass(300);
    assert_eq!(returned(&lab), 1);
    assert_eq!(lab.position("bob"), lab.position("alice"));
    let (group_id, epoch) = before.expect("a member");
    assert_eq!(lab.position("bob"), Some((group_id, epoch.next())));
    let welcomed = |m: &&ServiceMessage| matches!(m, ServiceMessage::Welcome { .. });
    assert_eq!(lab.get("bob").told.iter().filter(welcomed).count(), 1);
    let committed = RoomEventKind::Committed {
        added: vec![name("bob")],
        removed: vec![name("bob")],
        members: 3,
        commit_bytes: 0,
    };
    let same = |kind: &&RoomEventKind| match (kind, &committed) {
        (
            RoomEventKind::Committed {
                added,
                removed,
                members,
                ..
            },
            RoomEventKind::Committed {
                added: a,
                removed: r,
                members: m,
                ..
            },
        ) => added == a && removed == r && members == m,
        _ => false,
    };
    assert!(lab.happened().into_iter().any(|kind| same(&kind)));
    // What went to the old connection ends; what the new one offers comes after that.
    let offer = MediaSignal::Offer { sdp: "v=0".into() };
    assert_eq!(
        lab.refusal("bob", ClientMessage::Media(offer.clone())),
        None
    );
    let of_bob = lab
        .media()
        .into_iter()
        .filter(|m| m.participant == name("bob"));
    let kinds: Vec<_> = of_bob.map(|request| request.kind.clone()).collect();
    assert_eq!(
        kinds,
        [MediaRequestKind::Removed, MediaRequestKind::Signal(offer)]
    );
    lab.join("dave");
    assert_eq!(lab.position("bob"), lab.position("dave"));
    assert_eq!(lab.roster("bob"), ["alice", "bob", "carol", "dave"]);
}

#[test]
fn the_last_member_comes_back_to_its_group() {
    let mut lab = Lab::with(&["alice"]);
    let group = lab.position("alice").map(|(group_id, _)| group_id);
    lab.come_back_anew("alice");
    lab.pass(300);
    assert_eq!(lab.position("alice").map(|(group_id, _)| group_id), group);
    assert_eq!(returned(&lab), 1);
}

#[test]
fn a_device_that_does_not_choose_has_the_grace_time() {
    let mut lab = Lab::with(&["alice", "bob"]);
    lab.disconnect("bob");
    lab.pass(2_000);
    let client = lab.stranger();
    let outputs = lab.say(client, hello("bob", None));
    assert!(leaf_key(&outputs, client).is_some());
    lab.pass(4_900);
    assert_eq!(lab.roster("alice"), ["alice", "bob"]);
    // Saying hello again gains no time.
    let client = lab.stranger();
    lab.say(client, hello("bob", None));
    lab.pass(400);
    assert_eq!(lab.roster("alice"), ["alice"]);
}

#[test]
fn nobody_is_offered_a_leaf_that_is_about_to_go() {
    let mut lab = Lab::with(&["alice", "bob"]);
    lab.get("alice").held = true;
    lab.disconnect("bob");
    lab.pass(5_100);
    let client = lab.stranger();
    let outputs = lab.say(client, hello("bob", None));
    assert_eq!(leaf_key(&outputs, client), None);
}

#[test]
fn the_group_info_is_given_a_few_times_and_to_those_who_said_hello() {
    let mut lab = Lab::with(&["alice", "bob"]);
    let client = lab.stranger();
    let message = ask(&lab);
    assert!(lab.say(client, message.clone()).is_empty());
    lab.say(client, hello("carol", None));
    for _ in 0..4 {
        let outputs = lab.say(client, message.clone());
        assert_eq!(refusal_in(&outputs, client), None);
        assert!(outputs.iter().any(|output| {
            matches!(output, RoomOutput::Send(to, ServiceMessage::GroupInfo { .. })
                if *to == client)
        }));
    }
    let outputs = lab.say(client, message);
    assert_eq!(refusal_in(&outputs, client), Some(Refusal::RateLimited));
}

#[test]
fn external_commits_come_one_by_one() {
    let mut lab = Lab::with(&["alice", "bob", "carol"]);
    lab.come_back_anew("bob");
    lab.settle();
    assert_eq!(returned(&lab), 1);
    lab.come_back_anew("carol");
    lab.settle();
    assert_eq!(last_refusal(&mut lab, "carol"), Some(Refusal::RateLimited));
    lab.pass(1_000);
    assert_eq!(lab.position("carol"), lab.position("alice"), "it was added");
    assert_eq!(returned(&lab), 1);
    // Nor does one device return over and over again.
    lab.come_back_anew("bob");
    lab.settle();
    assert_eq!(last_refusal(&mut lab, "bob"), Some(Refusal::RateLimited));
    lab.pass(6_000);
    lab.come_back_anew("bob");
    lab.settle();
    assert_eq!(returned(&lab), 2);
}

#[test]
fn an_old_removal_goes_first() {
    for (millis, expected) in [(450, None), (650, Some(Refusal::OmitsProposal))] {
        let mut lab = Lab::with(&["alice", "bob", "carol"]);
        lab.get("alice").held = true;
        lab.leave("bob");
        lab.pass(millis);
        lab.come_back_anew("carol");
        lab.settle();
        assert_eq!(last_refusal(&mut lab, "carol"), expected, "{millis}");
        lab.get("alice").held = false;
        lab.pass(1_000);
        assert_eq!(lab.roster("alice"), ["alice", "carol"]);
        assert_eq!(lab.position("alice"), lab.position("carol"));
    }
}

#[test]
fn what_is_no_external_commit_is_refused() {
    let mut lab = Lab::with(&["alice", "bob"]);
    let (group_id, epoch) = lab.position("alice").expect("a member");
    let garbage = Blob::new(vec![0xff; 64]);
    let message = |epoch| ClientMessage::ExternalCommit {
        group_id,
        epoch,
        commit: garbage.clone(),
        group_info: garbage.clone(),
    };
    assert_eq!(
        lab.refusal("bob", message(epoch)),
        Some(Refusal::InvalidMls)
    );
    let next = message(epoch.next());
    assert_eq!(lab.refusal("bob", next), Some(Refusal::WrongEpoch));
}

#[test]
fn a_welcome_for_a_key_package_that_was_replaced_is_waited_out() {
    let mut lab = Lab::with(&["alice", "bob"]);
    lab.enter("carol");
    lab.settle();
    lab.get("carol").deaf = true;
    lab.pass(300);
    assert_eq!(lab.roster("alice").len(), 3, "her Welcome is on its way");
    lab.ask_again("carol");
    lab.get("carol").deaf = false;
    lab.pass(500);
    assert_eq!(lab.position("carol"), lab.position("alice"));
    let gave_up = |event: &Event| matches!(event, Event::Resyncing { .. });
    assert!(
        !lab.get("carol").events.iter().any(gave_up),
        "asking once more would have replaced the key package once more"
    );
}
