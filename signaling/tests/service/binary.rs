//! The binary as it is shipped.

use std::io::Read as _;
use std::net::TcpListener;

use mls_srtp::delivery::{
    Blob, ClientMessage, CloseReason, MAX_ENVELOPE_BYTES, Refusal, ServiceMessage,
};
use mls_srtp::event::Event;
use tokio_tungstenite::tungstenite::Message;

use crate::peer::{PATIENCE, Peer, Raw, hello, name, two};
use crate::process::{Service, run};

#[test]
fn a_busy_port_is_one_clear_line_and_exit_code_1() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("has one").to_string();
    let (output, stderr) = run(&["--open", "--listen", &address, "--log", "error"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr.contains(&address) && stderr.lines().count() == 1,
        "{stderr}"
    );
}

#[test]
fn wrong_arguments_are_exit_code_2() {
    for args in [
        &["--listen", "nowhere"][..],
        &["--grace", "-1"],
        &["--max-participants", "0"],
        &["--silence", "1"],
        &["--log", "mls_srtp=loud"],
        &["--rate", "0"],
        &["--allow-origin", "app.example.org"],
        &["--tls-key", "key.pem"],
        &["--frobnicate"],
    ] {
        let (output, stderr) = run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(stderr.starts_with("error: "), "{stderr}");
    }
    let (output, _) = run(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
}

#[cfg(unix)]
#[tokio::test]
async fn whoever_is_there_hears_of_the_end() {
    for signal in ["-INT", "-TERM"] {
        let mut service = Service::start(&[]);
        let mut client = Raw::connect(&service.address).await;
        client.say(&hello("alice", None)).await;
        assert!(matches!(
            client.next().await,
            Some(ServiceMessage::Room { .. })
        ));
        service.signal(signal);
        let reason = CloseReason::ShuttingDown;
        assert_eq!(client.next().await, Some(ServiceMessage::Closed { reason }));
        assert_eq!(client.next().await, None);
        assert_eq!(
            service.child.wait().expect("ends").code(),
            Some(0),
            "{signal}"
        );
        let mut stderr = String::new();
        let mut pipe = service.child.stderr.take().expect("is piped");
        pipe.read_to_string(&mut stderr).expect("UTF-8");
        assert!(stderr.contains("anyone may enter"), "{stderr}");
    }
}

#[tokio::test]
async fn what_is_not_understood_is_refused_and_the_connection_goes_on() {
    let service = Service::start(&[]);
    let mut client = Raw::connect(&service.address).await;
    let oversized = format!("\"{}\"", "x".repeat(MAX_ENVELOPE_BYTES));
    let unknown = r#"{"type":"make_me_a_sandwich"}"#;
    let half = r#"{"type":"commit","group_id":"00"#;
    let bad_name = r#"{"type":"hello","version":1,"room":"../etc","participant":"a@b/c"}"#;
    let early = serde_json::to_string(&ClientMessage::Leave).expect("encodes");
    let deep = "[".repeat(30_000);
    let cases = [
        (Message::text(""), Refusal::Malformed),
        (Message::text("hello"), Refusal::Malformed),
        (Message::text(unknown), Refusal::Malformed),
        (Message::text(half), Refusal::Malformed),
        (Message::text(bad_name), Refusal::Malformed),
        (Message::text(deep), Refusal::Malformed),
        (Message::binary(vec![0xff; 100]), Refusal::Malformed),
        (Message::text(early), Refusal::OutOfOrder),
    ];
    for (message, expected) in &cases {
        client.send(message.clone()).await;
        assert_eq!(
            client.refusal().await,
            *expected,
            "{:.80}",
            message.to_string()
        );
    }
    client.say(&hello("alice", None)).await;
    assert!(matches!(
        client.next().await,
        Some(ServiceMessage::Room { group: None, .. })
    ));
    let oversized = (Message::text(oversized), Refusal::TooLarge);
    for (message, expected) in cases[..7].iter().chain([&oversized]) {
        client.send(message.clone()).await;
        assert_eq!(
            client.refusal().await,
            *expected,
            "{:.80}",
            message.to_string()
        );
    }
    client.say(&hello("alice", None)).await;
    assert_eq!(client.refusal().await, Refusal::OutOfOrder);
    let garbage = Blob::new(vec![0xff; 64]);
    client
        .say(&ClientMessage::Join {
            key_package: garbage,
        })
        .await;
    assert_eq!(client.refusal().await, Refusal::RoomVacant);
}

#[tokio::test]
async fn who_says_nothing_but_nonsense_is_given_up_and_the_others_go_on() {
    let service = Service::start(&[]);
    let mut other = Raw::connect(&service.address).await;
    let mut client = Raw::connect(&service.address).await;
    for _ in 0..32 {
        client.send(Message::text("nonsense")).await;
    }
    let mut refusals = 0;
    while let Some(message) = client.next().await {
        assert!(
            matches!(message, ServiceMessage::Refused { .. }),
            "{message:?}"
        );
        refusals += 1;
    }
    assert_eq!(refusals, 32);
    // Far more than a message may have ends a connection as well. Its sender may see that before
    // it sees why.
    let mut client = Raw::connect(&service.address).await;
    client.flood(4 * MAX_ENVELOPE_BYTES + 1).await;
    other.say(&hello("alice", None)).await;
    assert!(matches!(
        other.next().await,
        Some(ServiceMessage::Room { .. })
    ));
}

#[tokio::test]
async fn who_sends_too_fast_is_told_to_wait() {
    let service = Service::start(&[]);
    let mut client = Raw::connect(&service.address).await;
    for _ in 0..230 {
        client.say(&hello("alice", None)).await;
    }
    while client.refusal().await != Refusal::RateLimited {}
}

#[tokio::test]
async fn how_fast_that_is_an_operator_says() {
    let service = Service::start(&["--rate", "1", "--burst", "3"]);
    let mut client = Raw::connect(&service.address).await;
    for _ in 0..4 {
        client.send(Message::text("nonsense")).await;
    }
    for expected in [Refusal::Malformed; 3]
        .into_iter()
        .chain([Refusal::RateLimited])
    {
        assert_eq!(client.refusal().await, expected);
    }
}

#[tokio::test]
async fn two_that_create_at_once_end_up_in_one_group() {
    let service = Service::start(&[]);
    let mut alice = Peer::connect(&service.address, "alice").await;
    let mut bob = Peer::connect(&service.address, "bob").await;
    tokio::join!(alice.until_members(2), bob.until_members(2));
    assert_eq!(alice.manager.position(), bob.manager.position());
}

#[tokio::test]
async fn replayed_stale_and_foreign_messages_leave_the_room_as_it_is() {
    let service = Service::start(&[]);
    let (mut alice, mut bob) = two(&service.address).await;
    let replayed = |peer: &Peer, wanted: fn(&ClientMessage) -> bool| {
        let found = peer.sent.iter().find(|message| wanted(message));
        found.cloned().expect("was sent")
    };
    let create = replayed(&alice, |m| matches!(m, ClientMessage::Create { .. }));
    let commit = replayed(&alice, |m| matches!(m, ClientMessage::Commit { .. }));
    let evict = ClientMessage::Evict {
        participant: name("alice"),
    };
    let refused = |peer: &Peer, request: &str, wanted: Refusal| {
        peer.events.iter().any(|event| {
            matches!(event, Event::Refused { request: r, reason, .. }
                if r == request && *reason == wanted)
        })
    };
    for (message, request, reason) in [
        (create, "create", Refusal::RoomOccupied),
        (commit, "commit", Refusal::WrongEpoch),
        (evict, "evict", Refusal::Unauthorised),
    ] {
        bob.raw.say(&message).await;
        bob.until(request, |peer| refused(peer, request, reason))
            .await;
    }
    let mut carol = Peer::connect(&service.address, "carol").await;
    tokio::join!(
        alice.until_members(3),
        bob.until_members(3),
        carol.until_members(3)
    );
    assert_eq!(bob.manager.position(), carol.manager.position());
}

#[tokio::test]
async fn a_lost_member_is_removed_after_the_grace_time() {
    let service = Service::start(&["--grace", "1"]);
    let (mut alice, bob) = two(&service.address).await;
    drop(bob);
    alice.until_members(1).await;
}

#[tokio::test]
async fn a_member_that_is_back_in_time_goes_on() {
    let service = Service::start(&["--grace", "60"]);
    let (mut alice, mut bob) = two(&service.address).await;
    bob.reconnect(&service.address).await;
    let mut carol = Peer::connect(&service.address, "carol").await;
    tokio::join!(
        alice.until_members(3),
        bob.until_members(3),
        carol.until_members(3)
    );
    assert!(
        !bob.events
            .iter()
            .any(|event| matches!(event, Event::Resyncing { .. }))
    );
    assert_eq!(bob.manager.position(), carol.manager.position());
}

#[tokio::test]
async fn a_room_that_empties_and_refills_has_a_new_generation() {
    let service = Service::start(&[]);
    let (mut alice, mut bob) = two(&service.address).await;
    let before = alice.manager.position().map(|(group_id, _)| group_id);
    bob.manager.leave().expect("a member");
    let left = |peer: &Peer| peer.events.last() == Some(&Event::Left);
    tokio::join!(alice.until_members(1), bob.until("left", left));
    alice.manager.leave().expect("a member");
    alice.until("left", left).await;
    let mut client = Raw::connect(&service.address).await;
    client.say(&hello("carol", None)).await;
    let Some(ServiceMessage::Room { policy, group, .. }) = client.next().await else {
        panic!("no room");
    };
    assert_eq!((policy.generation.get(), group), (1, None));
    let mut dave = Peer::connect(&service.address, "dave").await;
    dave.until_members(1).await;
    assert_ne!(
        dave.manager.position().map(|(group_id, _)| group_id),
        before
    );
}

#[test]
fn patience_is_longer_than_what_is_waited_for() {
    assert!(PATIENCE.as_secs() > 10);
}
