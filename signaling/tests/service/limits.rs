//! Limits of the service, made small enough to reach them.

use std::time::Duration;

use mls_srtp::delivery::{Blob, ClientMessage, CloseReason, Refusal, ServiceMessage};
use mls_srtp::event::Event;
use mls_srtp::id::RoomName;
use mls_srtp_signaling::access::OpenAccess;
use mls_srtp_signaling::{RoomConfig, ServerBuilder, ServerHandle, ServiceConfig, ServiceStats};

use crate::peer::{PATIENCE, Peer, Raw, hello};

/// A service in this process.
async fn start(config: ServiceConfig) -> (String, ServerHandle) {
    let config = ServiceConfig {
        listen: ([127, 0, 0, 1], 0).into(),
        ..config
    };
    let server = ServerBuilder::new(config, OpenAccess)
        .bind()
        .await
        .expect("a free port");
    let (address, handle) = (server.local_addr().to_string(), server.handle());
    tokio::spawn(server.run(std::future::pending()));
    (address, handle)
}

/// Waits for a number; there is no event to wait for.
async fn until(handle: &ServerHandle, is_so: impl Fn(ServiceStats) -> bool) {
    let polling = async {
        while !is_so(handle.stats()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, polling).await;
    assert!(in_time.is_ok(), "not in time: {:?}", handle.stats());
}

#[tokio::test]
async fn a_slow_client_is_dropped_and_resumes_and_holds_nobody_up() {
    let (places, bytes) = (16, usize::MAX);
    is_dropped_when_full(places, bytes).await;
}

/// A thousand places are a gigabyte if nobody counts bytes.
#[tokio::test]
async fn a_slow_client_is_dropped_for_bytes_as_well() {
    let (places, bytes) = (1_024, 1 << 20);
    is_dropped_when_full(places, bytes).await;
}

/// So many bytes that look like an application message (RFC 9420 §6.3).
fn speech(bytes: usize) -> Blob {
    // Version and wire format, no group id, epoch, content type, no data in the open.
    const HEAD: [u8; 16] = [0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0];
    let length = u32::try_from(bytes - HEAD.len() - 4).expect("short") | 2 << 30;
    let mut message = [&HEAD[..], &length.to_be_bytes()].concat();
    message.resize(bytes, 0xab);
    Blob::new(message)
}

async fn is_dropped_when_full(client_queue: usize, client_queue_bytes: usize) {
    let large = 64 * 1024;
    let config = ServiceConfig {
        client_queue,
        client_queue_bytes,
        burst: 10_000,
        // The client is alive, only slow.
        silence: Duration::from_secs(3_600),
        room: RoomConfig {
            max_application: large,
            application_burst: usize::MAX,
            ..RoomConfig::default()
        },
        ..ServiceConfig::default()
    };
    let (address, handle) = start(config).await;
    let mut alice = Peer::connect(&address, "alice").await;
    alice.until_members(1).await;
    let mut bob = Peer::connect(&address, "bob").await;
    tokio::join!(alice.until_members(2), bob.until_members(2));
    let (group_id, epoch) = alice.manager.position().expect("a member");
    let message = speech(large);
    let speak = ClientMessage::Application {
        group_id,
        epoch,
        message,
    };
    // Alice reads what she says; bob reads nothing.
    let mut spoken = 0;
    while handle.stats().too_slow == 0 {
        alice.raw.say(&speak).await;
        while !matches!(alice.raw.next().await, Some(ServiceMessage::Entry(_))) {}
        spoken += 1;
        assert!(spoken < 60, "bob's connection takes without end");
    }
    let mut last = None;
    while let Some(message) = bob.raw.next().await {
        last = Some(message);
    }
    let reason = CloseReason::TooSlow;
    assert_eq!(last, Some(ServiceMessage::Closed { reason }));
    bob.reconnect(&address).await;
    let hello = bob.manager.position();
    assert_eq!(hello, Some((group_id, epoch)));
    bob.until("has resumed", |peer| !peer.sent.is_empty()).await;
    let mut missed = 0;
    while missed < spoken {
        let message = bob.raw.next().await.expect("the connection goes on");
        if let ServiceMessage::Entry(_) = message {
            missed += 1;
        }
    }
}

#[tokio::test]
async fn who_gives_no_sign_of_life_is_lost() {
    let config = ServiceConfig {
        heartbeat: Duration::from_millis(100),
        // Long enough that alice answers in time however busy the machine is.
        silence: Duration::from_secs(3),
        room: RoomConfig {
            grace: Duration::from_millis(100),
            ..RoomConfig::default()
        },
        ..ServiceConfig::default()
    };
    let (address, handle) = start(config).await;
    let mut alice = Peer::connect(&address, "alice").await;
    alice.until_members(1).await;
    let mut bob = Peer::connect(&address, "bob").await;
    tokio::join!(alice.until_members(2), bob.until_members(2));
    // From here on nobody answers for bob, though the connection is open.
    alice.until_members(1).await;
    assert_eq!(handle.stats().silent, 1, "alice has only answered pings");
    let mut last = None;
    while let Some(message) = bob.raw.next().await {
        last = Some(message);
    }
    let reason = CloseReason::Silent;
    assert_eq!(last, Some(ServiceMessage::Closed { reason }));
}

#[tokio::test]
async fn more_connections_than_allowed_are_refused_and_places_come_back() {
    let config = ServiceConfig {
        max_connections: 1,
        ..ServiceConfig::default()
    };
    let (address, handle) = start(config).await;
    let mut first = Raw::connect(&address).await;
    assert!(Raw::try_connect(&address).await.is_none());
    first.say(&hello("alice", None)).await;
    assert!(matches!(
        first.next().await,
        Some(ServiceMessage::Room { .. })
    ));
    drop(first);
    until(&handle, |stats| stats.connections == 0 && stats.rooms == 0).await;
    let second = async {
        loop {
            if let Some(second) = Raw::try_connect(&address).await {
                return second;
            }
        }
    };
    let second = tokio::time::timeout(PATIENCE, second).await;
    assert!(second.is_ok());
}

/// The answer to a hello in a room of that name.
async fn knock(address: &str, name: &str) -> (Raw, Option<ServiceMessage>) {
    let mut client = Raw::connect(address).await;
    let mut hello = hello("alice", None);
    if let ClientMessage::Hello { room, .. } = &mut hello {
        *room = RoomName::new(name).expect("a name");
    }
    client.say(&hello).await;
    let answer = client.next().await;
    (client, answer)
}

fn is_room(answer: &Option<ServiceMessage>) -> bool {
    matches!(answer, Some(ServiceMessage::Room { .. }))
}

#[tokio::test]
async fn no_more_rooms_than_allowed_and_places_come_back() {
    let config = ServiceConfig {
        max_rooms: 2,
        ..ServiceConfig::default()
    };
    let (address, handle) = start(config).await;
    let (first, answer) = knock(&address, "first").await;
    assert!(is_room(&answer), "{answer:?}");
    let (_second, answer) = knock(&address, "second").await;
    assert!(is_room(&answer), "{answer:?}");
    let (_refused, answer) = knock(&address, "third").await;
    let Some(ServiceMessage::Refused { reason, .. }) = answer else {
        panic!("a third room of two: {answer:?}");
    };
    assert_eq!(reason, Refusal::RoomFull);
    let (_too, answer) = knock(&address, "second").await;
    assert!(is_room(&answer), "a room that is there: {answer:?}");
    drop(first);
    until(&handle, |stats| stats.rooms == 1).await;
    let (_third, answer) = knock(&address, "third").await;
    assert!(is_room(&answer), "{answer:?}");
}

#[tokio::test]
async fn the_statistics_count() {
    let (address, handle) = start(ServiceConfig::default()).await;
    assert_eq!(handle.stats(), ServiceStats::default());
    let mut alice = Peer::connect(&address, "alice").await;
    alice.until_members(1).await;
    let mut bob = Peer::connect(&address, "bob").await;
    tokio::join!(alice.until_members(2), bob.until_members(2));
    let mut stranger = Raw::connect(&address).await;
    stranger.say(&ClientMessage::Leave).await;
    stranger.refusal().await;
    let stats = handle.stats();
    assert_eq!((stats.connections, stats.rooms, stats.members), (3, 1, 2));
    assert_eq!((stats.commits, stats.refused), (1, 1));
    assert!(stats.last_commit_bytes > 100);
    assert!(
        !alice
            .events
            .iter()
            .any(|event| matches!(event, Event::Refused { .. }))
    );
}
