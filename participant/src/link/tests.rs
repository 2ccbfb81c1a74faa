//! The link against a service that fails in all the ways that connections fail, over real sockets.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;

use super::*;

const CONFIG: LinkConfig = LinkConfig {
    silence: Duration::from_secs(1),
    retry: RetryConfig {
        first: Duration::from_millis(20),
        last: Duration::from_millis(100),
    },
    trust: Trust::SYSTEM,
};
const SOON: Duration = Duration::from_secs(5);

/// What the service does with every connection.
#[derive(Clone, Copy)]
enum Manner {
    /// Says nothing, but keeps the connection.
    Silent,
    /// Pings and says nothing else.
    Pings,
    /// Says one word and hangs up.
    HangsUp,
}

/// Its address, and how many connections it has taken.
async fn service(manner: Manner) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("ws://{}", listener.local_addr().expect("bound"));
    let taken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let mut socket = accept_async(stream).await.expect("a WebSocket");
                match manner {
                    Manner::Silent => sleep(Duration::MAX).await,
                    Manner::Pings => loop {
                        sleep(CONFIG.silence / 4).await;
                        if socket.send(Message::Ping(Vec::new().into())).await.is_err() {
                            return;
                        }
                    },
                    Manner::HangsUp => {
                        let _ = socket.send(Message::text("{}")).await;
                        let _ = socket.close(None).await;
                        while let Some(Ok(_)) = socket.next().await {}
                    }
                }
            });
        }
    });
    (url, taken)
}

async fn connected(manner: Manner) -> (Link, Arc<AtomicUsize>) {
    let (url, taken) = service(manner).await;
    (Link::connect(&url, CONFIG).await.expect("connected"), taken)
}

async fn next(link: &mut Link) -> LinkEvent {
    timeout(SOON, link.next()).await.expect("an event in time")
}

#[tokio::test]
async fn a_connection_whose_other_end_has_vanished_is_noticed() {
    let (mut link, taken) = connected(Manner::Silent).await;
    let began = Instant::now();
    let lost = next(&mut link).await;
    assert!(matches!(lost, LinkEvent::Lost(SignalingError::Silent(_))));
    assert!(began.elapsed() >= CONFIG.silence);
    assert!(matches!(next(&mut link).await, LinkEvent::Back));
    assert_eq!(taken.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn pings_are_signs_of_life() {
    let (mut link, taken) = connected(Manner::Pings).await;
    let heard = timeout(CONFIG.silence * 4, link.next()).await;
    assert!(heard.is_err(), "pings are nothing to tell");
    assert_eq!(taken.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_connection_that_is_given_up_comes_back() {
    let (mut link, taken) = connected(Manner::Pings).await;
    link.reconnect();
    link.reconnect();
    let lost = next(&mut link).await;
    assert!(matches!(lost, LinkEvent::Lost(SignalingError::Lost(_))));
    assert!(matches!(next(&mut link).await, LinkEvent::Back));
    assert_eq!(taken.load(Ordering::Relaxed), 2);
}

/// A service that takes connections only to end them is not hammered.
#[tokio::test]
async fn a_flapping_connection_is_tried_ever_more_slowly() {
    let (mut link, taken) = connected(Manner::HangsUp).await;
    let end = Instant::now() + CONFIG.retry.last * 10;
    let flapping =
        async { while !matches!(link.next().await, LinkEvent::Received(b) if b.is_empty()) {} };
    let _ = tokio::time::timeout_at(end, flapping).await;
    // At full speed a millisecond each, at the first delay some 60 in this time.
    let taken = taken.load(Ordering::Relaxed);
    assert!((5..=25).contains(&taken), "{taken} connections");
}
