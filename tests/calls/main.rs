//! Whole calls under virtual time: key managers and the service's real room logic.

mod announcement;
#[allow(dead_code, reason = "another test program uses the rest")]
#[path = "../certificates/ca.rs"]
mod ca;
mod certificates;
mod forged;
mod ghost;
#[path = "../hunt/mod.rs"]
mod hunt;
mod mallory;
mod media_start;
mod modes;
mod recovery;
mod returning;
mod secrets;
mod spoiled;
mod stolen;
mod suites;
mod takeover;
mod trust;
mod world;

use std::collections::BTreeSet;
use std::time::Duration;

use mls_srtp::delivery::{ClientMessage, LogBody, Refusal, ServiceMessage};
use mls_srtp::event::{Event, ResyncCause};
use mls_srtp::id::{Epoch, Generation, GroupId, Seq};
use mls_srtp::pipeline::{OpenError, Opening};
use mls_srtp_signaling::RoomEventKind;
use mls_srtp_signaling::media::MediaRequestKind;
use world::{World, garbage, name};

const A_WHILE: Duration = Duration::from_millis(600);

fn three() -> World {
    let mut world = World::new();
    ["alice", "bob", "carol"]
        .into_iter()
        .for_each(|user| world.join(user));
    world
}

#[test]
fn a_creator_and_two_joiners_share_one_group() {
    let mut world = three();
    let (_, epoch) = world.assert_agreed(&["alice", "bob", "carol"]);
    assert_eq!(epoch, Epoch::new(2));
    world.everybody_hears_everybody();
}

#[test]
fn members_have_one_epoch_authenticator_and_each_epoch_its_own() {
    let mut world = three();
    let authenticator = |world: &World, user| {
        let secret = world.at(user).manager.epoch_authenticator();
        secret.map(|secret| secret.expose().to_vec())
    };
    let of = |world: &World| ["alice", "bob"].map(|user| authenticator(world, user));
    let [alice, bob] = of(&world);
    assert_eq!(alice.as_ref().map(Vec::len), Some(32));
    assert_eq!(alice, bob);
    world.leave("carol");
    let [next, others] = of(&world);
    assert_ne!(next, alice);
    assert_eq!(next, others);
    let gone = authenticator(&world, "carol");
    assert_eq!(gone, None, "who is no member has none");
}

#[test]
fn joins_within_the_batch_window_are_one_commit() {
    let mut world = World::new();
    world.join("alice");
    for user in ["bob", "carol", "dave", "erin"] {
        world.enter(user);
    }
    world.run(A_WHILE);
    let (_, epoch) = world.assert_agreed(&["alice", "bob", "carol", "dave", "erin"]);
    assert!(epoch <= Epoch::new(2), "four joins took {epoch} epochs");
    world.everybody_hears_everybody();
}

#[test]
fn everybody_leaves_in_turn() {
    let mut world = three();
    world.leave("alice");
    assert_eq!(world.at("alice").events.last(), Some(&Event::Left));
    world.assert_agreed(&["bob", "carol"]);
    world.everybody_hears_everybody();
    world.leave("carol");
    world.leave("bob");
    assert_eq!(
        world.at("bob").events.last(),
        Some(&Event::Left),
        "the last one, too"
    );
}

#[test]
fn everybody_leaves_at_once() {
    let mut world = three();
    for user in ["alice", "bob", "carol"] {
        world.get(user).manager.leave().expect("a member");
    }
    world.run(A_WHILE);
    for user in ["alice", "bob", "carol"] {
        assert_eq!(world.at(user).events.last(), Some(&Event::Left), "{user}");
    }
    world.join("dave");
}

#[test]
fn a_removed_member_opens_nothing_sent_after_the_switch() {
    let mut world = three();
    let before = world.packet("alice").expect("protected");
    world.leave("bob");
    assert_eq!(
        world
            .media
            .iter()
            .filter(|m| m.kind == MediaRequestKind::Removed)
            .count(),
        1
    );
    let mut after = world.packet("alice").expect("protected");
    let now = world.now;
    let hoard = &mut world.get("bob").hoard;
    assert!(
        matches!(hoard.open(before, now), Opening::Opened(_)),
        "its old keys work"
    );
    assert_eq!(
        hoard.open(after.clone(), now),
        Opening::Held,
        "it never gets the new epoch"
    );
    // Nor does it help to claim that the packet is of the last epoch it knew.
    let mki = after.len() - 7;
    after[mki..mki + 2].copy_from_slice(&2u16.to_be_bytes());
    assert_eq!(
        hoard.open(after, now),
        Opening::Refused(OpenError::AuthFailed)
    );
    // Its real pipeline erases everything.
    world.run(Duration::from_secs(1));
    assert!(world.at("bob").pipeline.live_epochs().is_empty());
}

#[test]
fn two_simultaneous_creators_converge() {
    let mut world = World::new();
    world.enter("alice");
    world.enter("bob");
    // Both say hello and are told that the room is vacant before either has created its group.
    for user in ["alice", "bob"] {
        world.get(user).hold_receiving = true;
    }
    world.settle();
    for user in ["alice", "bob"] {
        world.get(user).hold_receiving = false;
        world.get(user).hold_sending = true;
    }
    world.settle();
    for user in ["alice", "bob"] {
        world.get(user).hold_sending = false;
    }
    world.run(A_WHILE);
    world.assert_agreed(&["alice", "bob"]);
    let refused = [world.last_refusal("alice"), world.last_refusal("bob")];
    assert!(
        refused.contains(&Some(Refusal::RoomOccupied)),
        "both tried to create: {refused:?}"
    );
    world.everybody_hears_everybody();
}

#[test]
fn two_racing_commits_converge() {
    let mut world = three();
    // Bob believes that he is to commit as well: his list of committers is wrong.
    let (group_id, epoch) = world.assert_agreed(&["alice", "bob", "carol"]);
    let now = world.now;
    let roster = world.at("bob").manager.roster().expect("a member");
    let leaf = roster.leaf_of(&name("bob")).expect("a leaf");
    for user in ["alice", "bob"] {
        world.get(user).hold_sending = true;
    }
    world.get("carol").manager.leave().expect("a member");
    world.run(Duration::from_millis(10));
    let wrong = ServiceMessage::Committers {
        group_id,
        leaves: vec![leaf],
    };
    world.get("bob").manager.handle_message(wrong, now);
    world.run(Duration::from_millis(300));
    // Both commits are waiting to be sent; now they race.
    for user in ["bob", "alice"] {
        world.get(user).hold_sending = false;
    }
    world.run(A_WHILE);
    let (_, after) = world.assert_agreed(&["alice", "bob"]);
    assert_eq!(after, epoch.next(), "one of the two commits won");
    let refused = [world.last_refusal("alice"), world.last_refusal("bob")];
    assert!(
        refused.contains(&Some(Refusal::WrongEpoch)),
        "one lost the race: {refused:?}"
    );
    world.everybody_hears_everybody();
}

#[test]
fn a_room_that_empties_and_refills_has_a_new_group() {
    let mut world = three();
    let (old_group, _) = world.assert_agreed(&["alice", "bob", "carol"]);
    let old_packet = world.packet("alice").expect("protected");
    for user in ["alice", "bob", "carol"] {
        world.leave(user);
    }
    world.join("bob");
    world.join("alice");
    let (new_group, _) = world.assert_agreed(&["alice", "bob"]);
    assert_ne!(new_group, old_group);
    let now = world.now;
    let opening = world.get("bob").pipeline.open(old_packet, now);
    assert!(
        !matches!(opening, Opening::Opened(_)),
        "an old packet opened: {opening:?}"
    );
    world.everybody_hears_everybody();
}

#[test]
fn a_member_without_connection_is_removed_after_the_grace_time() {
    let mut world = three();
    world.disconnect("bob");
    world.run(Duration::from_millis(4_900));
    assert_eq!(world.at("alice").manager.roster().map(|r| r.len()), Some(3));
    world.run(A_WHILE);
    world.assert_agreed(&["alice", "carol"]);
}

#[test]
fn a_member_whose_connection_only_the_service_has_lost_comes_back_in_time() {
    let mut world = three();
    let before = world.assert_agreed(&["alice", "bob", "carol"]);
    // A ping has just come when the service loses bob: nothing could make him notice later.
    world.run(Duration::from_millis(2_600));
    let client = world.client_of("bob");
    world.room.disconnected(client, world.now);
    world.run(Duration::from_secs(8));
    assert_ne!(world.client_of("bob"), client);
    assert_eq!(world.assert_agreed(&["alice", "bob", "carol"]), before);
    world.everybody_hears_everybody();
}

#[test]
fn a_member_that_returns_in_time_catches_up() {
    let mut world = three();
    world.disconnect("bob");
    world.join("dave");
    world.connect("bob");
    world.run(A_WHILE);
    world.assert_agreed(&["alice", "bob", "carol", "dave"]);
    let resynced = |e: &Event| matches!(e, Event::Resyncing { .. });
    assert!(!world.at("bob").events.iter().any(resynced), "it resumed");
    world.everybody_hears_everybody();
}

#[test]
fn a_member_that_returns_too_late_joins_anew() {
    let mut world = three();
    world.disconnect("bob");
    world.run(Duration::from_millis(5_500));
    world.assert_agreed(&["alice", "carol"]);
    world.connect("bob");
    world.run(A_WHILE);
    world.assert_agreed(&["alice", "bob", "carol"]);
    world.everybody_hears_everybody();
}

#[test]
fn a_member_that_returns_while_its_removal_is_under_way_joins_anew() {
    let mut world = three();
    world.disconnect("bob");
    for user in ["alice", "carol"] {
        world.get(user).hold_sending = true;
    }
    world.run(Duration::from_millis(5_500));
    world.connect("bob");
    world.run(A_WHILE);
    for user in ["alice", "carol"] {
        world.get(user).hold_sending = false;
    }
    world.run(A_WHILE);
    world.assert_agreed(&["alice", "bob", "carol"]);
    world.everybody_hears_everybody();
}

#[test]
fn a_device_that_returns_without_its_state_replaces_its_leaf() {
    let mut world = three();
    world.disconnect("bob");
    world.join("bob");
    world.run(A_WHILE);
    world.assert_agreed(&["alice", "bob", "carol"]);
    world.everybody_hears_everybody();
}

#[test]
fn a_committer_that_returns_without_its_state_does_not_block_the_room() {
    let mut world = three();
    world.disconnect("alice");
    world.join("alice");
    world.run(A_WHILE);
    world.assert_agreed(&["alice", "bob", "carol"]);
    world.join("dave");
    world.everybody_hears_everybody();
}

#[test]
fn the_first_committer_is_gone_and_the_next_one_commits() {
    let mut world = three();
    world.disconnect("alice");
    world.join("dave");
    let roster = world.at("bob").manager.roster().expect("a member");
    assert_eq!(roster.len(), 4, "alice has her grace time");
    assert!(roster.leaf_of(&name("dave")).is_some());
}

#[test]
fn a_gap_in_the_log_is_mended_over_a_new_connection() {
    let mut world = three();
    let before = world.assert_agreed(&["alice", "bob", "carol"]);
    let epochs = epoch_changes(&world, "bob");
    world.show_gap("bob");
    world.run(A_WHILE);
    assert_eq!(world.assert_agreed(&["alice", "bob", "carol"]), before);
    assert_eq!(epoch_changes(&world, "bob"), epochs, "nothing was lost");
    world.everybody_hears_everybody();
}

#[test]
fn a_gap_that_stays_is_mended_by_joining_anew() {
    let mut world = three();
    world.show_gap("bob");
    world.show_gap("bob");
    world.run(A_WHILE);
    let gap = Event::Resyncing {
        cause: ResyncCause::LogGap,
    };
    assert!(world.at("bob").events.contains(&gap));
    world.assert_agreed(&["alice", "bob", "carol"]);
    world.everybody_hears_everybody();
}

fn epoch_changes(world: &World, user: &str) -> usize {
    let changed = |event: &&Event| matches!(event, Event::EpochChanged { .. });
    world.at(user).events.iter().filter(changed).count()
}

#[test]
fn an_entry_received_twice_changes_nothing() {
    let mut world = three();
    world.get("bob").hold_receiving = true;
    world.join("dave");
    world.leave("carol");
    world.run(A_WHILE);
    // Everything that the log tells bob meanwhile: proposals, commits and announcements.
    let inbox = world.at("bob").inbox.iter();
    let entries = inbox.filter(|message| matches!(message, ServiceMessage::Entry(_)));
    let told: Vec<_> = entries.cloned().collect();
    let kinds: BTreeSet<_> = told.iter().map(kind_of).collect();
    assert_eq!(kinds, BTreeSet::from(["application", "commit", "proposal"]));
    world.get("bob").hold_receiving = false;
    world.run(A_WHILE);
    let before = world.assert_agreed(&["alice", "bob", "dave"]);
    let now = world.now;
    for entry in told {
        let manager = &mut world.get("bob").manager;
        manager.handle_message(entry, now);
        let led_to = manager.poll_output();
        assert!(led_to.is_none(), "{led_to:?}");
    }
    world.run(A_WHILE);
    assert_eq!(world.assert_agreed(&["alice", "bob", "dave"]), before);
    world.everybody_hears_everybody();
}

fn kind_of(message: &ServiceMessage) -> &'static str {
    let ServiceMessage::Entry(entry) = message else {
        return "no entry";
    };
    match entry.body {
        LogBody::Proposal { .. } => "proposal",
        LogBody::Commit { .. } => "commit",
        LogBody::Application { .. } => "application",
        _ => "another",
    }
}

#[test]
fn the_room_refuses_what_is_stale_or_not_the_clients_to_do() {
    let mut world = three();
    let (group_id, epoch) = world.assert_agreed(&["alice", "bob", "carol"]);
    let other_group = GroupId::new([9; 16]);
    let commit = |group_id, epoch| ClientMessage::Commit {
        group_id,
        epoch,
        seen_seq: Seq::new(0),
        commit: garbage(),
        welcome: None,
        group_info: garbage(),
    };
    let create = ClientMessage::Create {
        generation: Generation::new(0),
        group_id: other_group,
        group_info: garbage(),
        tree: garbage(),
    };
    let application = ClientMessage::Application {
        group_id,
        epoch: Epoch::new(0),
        message: garbage(),
    };
    let cases = [
        (commit(other_group, epoch), Refusal::WrongGroup),
        (commit(group_id, Epoch::new(0)), Refusal::WrongEpoch),
        (commit(group_id, epoch), Refusal::InvalidMls),
        (create, Refusal::RoomOccupied),
        (application, Refusal::WrongEpoch),
        (
            ClientMessage::Join {
                key_package: garbage(),
            },
            Refusal::InvalidMls,
        ),
        (
            ClientMessage::Evict {
                participant: name("alice"),
            },
            Refusal::Unauthorised,
        ),
    ];
    let client = world.client_of("bob");
    for (message, refusal) in cases {
        world.submit(client, message.clone());
        world.settle();
        assert_eq!(world.last_refusal("bob"), Some(refusal), "{message:?}");
    }
    world.assert_agreed(&["alice", "bob", "carol"]);
    world.everybody_hears_everybody();
}

#[test]
fn everybody_is_ready_before_sending_moves_on_an_addition() {
    let mut world = three();
    world.get("carol").hold_receiving = true;
    world.enter("dave");
    world.run(Duration::from_millis(200));
    let (sending, current) = (
        world.at("alice").pipeline.sending_epoch(),
        world.epoch_of("alice"),
    );
    assert_eq!(
        sending.map(Epoch::next),
        current,
        "carol has not reported yet"
    );
    // A packet sent in the new epoch before carol has it waits for her, and is not lost.
    world.run(Duration::from_millis(200));
    assert_eq!(
        world.at("alice").pipeline.sending_epoch(),
        current,
        "after the cap"
    );
    let early = world.packet("alice").expect("protected");
    let now = world.now;
    assert_eq!(world.get("carol").pipeline.open(early, now), Opening::Held);
    world.get("carol").hold_receiving = false;
    world.run(Duration::from_millis(100));
    assert!(world.get("carol").pipeline.poll_released().is_some());
    let ready = world
        .events
        .iter()
        .filter(|e| **e == RoomEventKind::Ready)
        .count();
    assert_eq!(ready, 4, "every epoch got ready in the end");
}

#[test]
fn a_commit_lost_with_the_connection_is_made_again() {
    let mut world = three();
    world.run(Duration::from_secs(2));
    world.get("alice").hold_sending = true;
    world.enter("dave");
    world.run(Duration::from_millis(200));
    assert!(
        world
            .at("alice")
            .outbox
            .iter()
            .any(|m| matches!(m, ClientMessage::Commit { .. })),
        "alice has committed"
    );
    world.disconnect("alice");
    world.get("alice").hold_sending = false;
    world.connect("alice");
    world.run(Duration::from_secs(20));
    world.assert_agreed(&["alice", "bob", "carol", "dave"]);
}

#[test]
fn a_resumed_member_is_heard_by_those_who_came_meanwhile() {
    let mut world = three();
    world.disconnect("bob");
    world.join("dave");
    world.leave("carol");
    world.connect("bob");
    world.run(A_WHILE);
    world.assert_agreed(&["alice", "bob", "dave"]);
    world.everybody_hears_everybody();
}

#[test]
fn a_late_refusal_of_an_older_commit_changes_nothing() {
    let mut world = three();
    world.run(Duration::from_secs(2));
    // alice (first committer) has a commit in flight for the next epoch when the refusal of
    // an older one comes in.
    world.get("alice").hold_sending = true;
    world.get("carol").manager.leave().expect("in");
    world.carry_out("carol");
    world.run(Duration::from_millis(200));
    assert!(
        world
            .at("alice")
            .outbox
            .iter()
            .any(|m| matches!(m, ClientMessage::Commit { .. })),
        "alice has committed"
    );
    let refused = ServiceMessage::Refused {
        request: "commit".into(),
        reason: Refusal::WrongEpoch,
        code: None,
        detail: "stale".into(),
    };
    let now = world.now;
    world.get("alice").manager.handle_message(refused, now);
    world.carry_out("alice");
    world.run(Duration::from_millis(200));
    world.get("alice").hold_sending = false;
    world.run(A_WHILE);
    let resynced = |e: &Event| matches!(e, Event::Resyncing { .. });
    let bad: Vec<_> = world
        .at("alice")
        .events
        .iter()
        .filter(|e| resynced(e))
        .collect();
    assert!(bad.is_empty(), "{bad:?}");
}

#[test]
fn a_resync_survives_the_commit_that_removes_its_old_leaf() {
    let mut world = three();
    world.run(Duration::from_secs(2));
    let now = world.now;
    world.get("alice").hold_receiving = true;
    world.show_gap("bob");
    world.show_gap("bob");
    world.settle();
    // Alice's driver takes the first entry (Remove) and is due at once, as in a quiet room.
    loop {
        let alice = world.get("alice");
        let Some(message) = alice.inbox.pop_front() else {
            panic!("no proposal")
        };
        let is =
            matches!(&message, ServiceMessage::Entry(e) if matches!(e.body, LogBody::Proposal{..}));
        alice.manager.handle_message(message, now);
        world.carry_out("alice");
        if is {
            break;
        }
    }
    world.get("alice").manager.handle_timeout(now);
    world.carry_out("alice");
    world.get("alice").hold_receiving = false;
    world.run(A_WHILE);
    world.assert_agreed(&["alice", "bob", "carol"]);
}

#[test]
fn a_leave_survives_a_reconnect() {
    let mut world = three();
    world.get("alice").hold_sending = true; // the committer's commit is slow
    world.enter("dave");
    world.run(Duration::from_millis(200));
    world.get("bob").manager.leave().expect("member");
    world.carry_out("bob");
    world.settle();
    world.disconnect("bob");
    world.connect("bob");
    world.get("alice").hold_sending = false;
    world.run(Duration::from_secs(20));
    assert_eq!(world.at("bob").events.last(), Some(&Event::Left));
}
