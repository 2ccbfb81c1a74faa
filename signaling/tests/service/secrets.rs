//! What the service logs when it logs everything.

use std::io::Read as _;

use mls_srtp::delivery::ClientMessage;
use mls_srtp::id::ParticipantId;
use mls_srtp::token::{Right, RoomToken, TOKEN_AUDIENCE, TokenIssuer};
use mls_srtp::{KeyManager, ManagerConfig};
use mls_srtp_signaling::access::unix_time;

use crate::hunt::{Paper, Secrets};
use crate::peer::{Peer, Raw, name};
use crate::process::Service;

const SHARED: &str = "q8Zt4vN1xY7mK2rW9pL5sD3gH6jB0cFa";

fn token_of(participant: &ParticipantId) -> String {
    let now = unix_time().as_secs();
    let token = RoomToken {
        aud: TOKEN_AUDIENCE.into(),
        sub: format!("{}@{}", participant.user(), participant.domain()),
        device: participant.device().into(),
        room: "room".into(),
        rights: vec![Right::Publish, Right::Subscribe],
        iat: now,
        exp: now + 60,
        nbf: None,
        jti: participant.to_string(),
        cnf: None,
    };
    let issuer = TokenIssuer::hs256(SHARED.as_bytes()).expect("long enough");
    issuer.issue(&token).expect("signed")
}

async fn enter(service: &Service, user: &str, secrets: &mut Secrets) -> Peer {
    let manager = KeyManager::new(name(user), ManagerConfig::default()).expect("a key");
    let token = token_of(&name(user));
    secrets.add(&format!("the token of {user}"), token.as_bytes());
    Peer::enter(&service.address, manager, Some(token)).await
}

/// The sessions and proofs of key that somebody has shown.
fn add_shown(secrets: &mut Secrets, peer: &Peer) {
    for message in &peer.sent {
        if let ClientMessage::Hello { proof, resume, .. } = message {
            let proof = proof.as_ref().expect("comes with a token");
            secrets.add("a proof of the key", proof.signature.as_slice());
            if let Some(resume) = resume {
                secrets.add("a session", resume.session.as_slice());
            }
        }
    }
}

#[tokio::test]
async fn a_service_that_logs_everything_logs_no_token_and_no_session() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("secret");
    std::fs::write(&file, SHARED).expect("written");
    let secret = file.to_str().expect("UTF-8");
    let mut service = Service::start(&["--token-secret", secret, "--log", "trace"]);
    let mut stderr = service.child.stderr.take().expect("is piped");
    let log = std::thread::spawn(move || {
        let mut log = Vec::new();
        let _ = stderr.read_to_end(&mut log);
        log
    });

    let mut secrets = Secrets::default();
    secrets.add("the shared secret", SHARED.as_bytes());
    let mut alice = enter(&service, "alice", &mut secrets).await;
    alice.until_members(1).await;
    let mut bob = enter(&service, "bob", &mut secrets).await;
    tokio::join!(alice.until_members(2), bob.until_members(2));
    bob.reconnect(&service.address).await;
    let twice = |peer: &Peer| {
        let hellos = peer.sent.iter();
        hellos
            .filter(|it| matches!(it, ClientMessage::Hello { .. }))
            .count()
            == 2
    };
    bob.until("hello again", twice).await;
    // Somebody with a token who does not know how to say it, and somebody with another's.
    let mut clumsy = Raw::connect(&service.address).await;
    let token = token_of(&name("alice"));
    let json = format!(r#"{{"type":"hello","version":"{token}"}}"#);
    clumsy
        .send(tokio_tungstenite::tungstenite::Message::text(json))
        .await;
    clumsy.refusal().await;
    let carol = KeyManager::new(name("carol"), ManagerConfig::default()).expect("a key");
    let mut carol = Peer::enter(&service.address, carol, Some(token)).await;
    let refused =
        |peer: &Peer| matches!(peer.events.last(), Some(mls_srtp::event::Event::Fatal(_)));
    carol.until("a refusal", refused).await;
    add_shown(&mut secrets, &alice);
    add_shown(&mut secrets, &bob);
    assert!(secrets.has("a session"), "somebody has resumed");
    service.kill();

    let log = log.join().expect("reads");
    let text = String::from_utf8_lossy(&log);
    assert!(
        text.contains("wishes to join"),
        "the service's words: {text}"
    );
    assert!(text.contains("TRACE"), "and everybody else's");
    assert_eq!(secrets.found_in(&log), Default::default());

    let said = Paper::default();
    said.show(&(&alice.sent, &bob.sent, &carol.sent));
    assert_eq!(secrets.found_in(&said.text()), Default::default());
}
