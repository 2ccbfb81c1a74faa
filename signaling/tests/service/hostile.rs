//! Clients that mean no good, at the side of a call that goes on.

use std::time::Duration;

use mls_srtp::delivery::{
    Blob, ClientMessage, CloseReason, MAX_ENVELOPE_BYTES, Refusal, ServiceMessage,
};
use mls_srtp::id::{Epoch, GroupId, Seq};
use mls_srtp_signaling::access::OpenAccess;
use mls_srtp_signaling::{ServerBuilder, ServiceConfig};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use crate::peer::{Peer, Raw, hello, two};
use crate::process::Service;

/// The call still takes somebody in.
async fn goes_on(address: &str, alice: &mut Peer, bob: &mut Peer) {
    let mut carol = Peer::connect(address, "carol").await;
    tokio::join!(
        alice.until_members(3),
        bob.until_members(3),
        carol.until_members(3)
    );
    assert_eq!(alice.manager.position(), carol.manager.position());
}

/// A member that makes its messages itself is told of each why it is refused.
#[tokio::test]
async fn a_members_forged_messages_are_refused_one_by_one() {
    let service = Service::start(&[]);
    let (mut alice, mut bob) = two(&service.address).await;
    let (group_id, epoch) = bob.manager.position().expect("a member");
    let garbage = Blob::new(vec![0xff; 200]);
    let foreign = GroupId::new([9; 16]);
    let commit = |group_id, epoch, seen_seq| ClientMessage::Commit {
        group_id,
        epoch,
        seen_seq,
        commit: garbage.clone(),
        welcome: None,
        group_info: garbage.clone(),
    };
    let application = |group_id, message| ClientMessage::Application {
        group_id,
        epoch,
        message,
    };
    let far = Seq::new(u64::MAX);
    let large = Blob::new(vec![0; 100_000]);
    let cases = [
        (commit(group_id, epoch, far), Refusal::InvalidMls),
        (
            commit(group_id, Epoch::new(u64::MAX), far),
            Refusal::WrongEpoch,
        ),
        (commit(foreign, epoch, far), Refusal::WrongGroup),
        (application(foreign, garbage.clone()), Refusal::WrongGroup),
        (application(group_id, large), Refusal::TooLarge),
        (
            ClientMessage::Join {
                key_package: garbage.clone(),
            },
            Refusal::InvalidMls,
        ),
        (
            ClientMessage::ExternalCommit {
                group_id,
                epoch,
                commit: garbage.clone(),
                group_info: garbage.clone(),
            },
            Refusal::InvalidMls,
        ),
    ];
    for (message, reason) in cases {
        bob.raw.say(&message).await;
        assert_eq!(bob.raw.refusal().await, reason, "{message:?}");
    }
    goes_on(&service.address, &mut alice, &mut bob).await;
}

/// Ten thousand messages as fast as they go: most are refused unread, and that is the end of it.
#[tokio::test]
async fn who_floods_is_given_up() {
    let service = Service::start(&[]);
    let (mut alice, mut bob) = two(&service.address).await;
    let mut client = Raw::connect(&service.address).await;
    client.say(&hello("mallory", None)).await;
    let (group_id, _) = alice.manager.position().expect("a member");
    let harmless = ClientMessage::Applied {
        group_id,
        seq: Seq::new(1),
        authenticator_hash: Blob::new(vec![0; 32]),
    };
    let refusals = client.flood_with(&harmless, 10_000).await;
    assert!(!refusals.is_empty());
    assert!(
        refusals
            .iter()
            .all(|reason| *reason == Refusal::RateLimited)
    );
    assert!(
        refusals.len() <= 32 * 2,
        "given up after {}",
        refusals.len()
    );
    goes_on(&service.address, &mut alice, &mut bob).await;
}

/// Ten megabytes in one message, or in one frame of a message that never ends.
#[tokio::test]
async fn what_is_far_too_large_ends_the_connection_unread() {
    let service = Service::start(&[]);
    let (mut alice, mut bob) = two(&service.address).await;
    let mut client = Raw::connect(&service.address).await;
    client.say(&hello("mallory", None)).await;
    client.flood(10 << 20).await;
    let mut client = Raw::connect(&service.address).await;
    client.say(&hello("mallory", None)).await;
    client
        .send(Message::text("x".repeat(MAX_ENVELOPE_BYTES + 1)))
        .await;
    assert_eq!(client.refusal().await, Refusal::TooLarge);
    goes_on(&service.address, &mut alice, &mut bob).await;
}

/// A stranger has 64 KiB for all that it says before hello.
#[tokio::test]
async fn a_stranger_has_no_megabyte() {
    let service = Service::start(&[]);
    let (mut alice, mut bob) = two(&service.address).await;
    let mut client = Raw::connect(&service.address).await;
    client.flood(70_000).await;
    let mut client = Raw::connect(&service.address).await;
    for _ in 0..3 {
        client.send(Message::text("x".repeat(20_000))).await;
        assert_eq!(client.refusal().await, Refusal::Malformed);
    }
    client.say(&hello("mallory", None)).await;
    client.send(Message::text("x".repeat(70_000))).await;
    assert_eq!(client.refusal().await, Refusal::Malformed, "it is let in");
    goes_on(&service.address, &mut alice, &mut bob).await;
}

/// Whoever connects and says nothing, with or without a WebSocket, does not stay.
#[tokio::test]
async fn who_says_nothing_does_not_stay() {
    let config = ServiceConfig {
        listen: ([127, 0, 0, 1], 0).into(),
        hello_timeout: Duration::from_millis(300),
        // What is waited for is not this.
        silence: Duration::from_secs(3_600),
        ..ServiceConfig::default()
    };
    let server = ServerBuilder::new(config, OpenAccess)
        .bind()
        .await
        .expect("a free port");
    let (address, handle) = (server.local_addr().to_string(), server.handle());
    tokio::spawn(server.run(std::future::pending()));
    let mut silent = Raw::connect(&address).await;
    let reason = CloseReason::Silent;
    assert_eq!(silent.next().await, Some(ServiceMessage::Closed { reason }));
    assert_eq!(silent.next().await, None);
    let mut bare = TcpStream::connect(&address).await.expect("accepts");
    let mut nothing = Vec::new();
    bare.read_to_end(&mut nothing).await.expect("ends");
    assert_eq!(nothing, b"");
    assert_eq!(handle.stats().silent, 1);
    let (mut alice, mut bob) = two(&address).await;
    goes_on(&address, &mut alice, &mut bob).await;
}
