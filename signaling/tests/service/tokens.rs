//! Room tokens, from the command that makes them to the members who check them.

use std::path::PathBuf;
use std::sync::Arc;

use mls_srtp::delivery::{ClientMessage, PROTOCOL_VERSION, Refusal};
use mls_srtp::event::{Event, FatalCause};
use mls_srtp::token::{
    Right, RoomToken, SignedToken, TOKEN_AUDIENCE, TokenIssuer, TokenKeys, new_key, thumbprint,
};
use mls_srtp::trust::{TokenBound, TrustCode};
use mls_srtp::{KeyManager, ManagerConfig};
use mls_srtp_signaling::access::unix_time;
use tempfile::TempDir;

use crate::peer::{Peer, Raw, name, room};
use crate::process::{Service, run};

/// An issuer with its files, and the service that knows it.
struct Issuer {
    dir: TempDir,
    public: String,
}

impl Issuer {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("issuer.pem");
        let (output, stderr) = run(&["token-key", "--out", path.to_str().expect("UTF-8")]);
        assert!(output.status.success(), "{stderr}");
        let public = String::from_utf8(output.stdout).expect("PEM");
        std::fs::write(dir.path().join("issuer.pub"), &public).expect("written");
        Self { dir, public }
    }

    fn file(&self, name: &str) -> String {
        let path: PathBuf = self.dir.path().join(name);
        path.to_str().expect("UTF-8").to_owned()
    }

    fn service(&self) -> Service {
        Service::start(&["--token-key", &self.file("issuer.pub")])
    }

    /// As an operator makes one.
    fn token(&self, user: &str, more: &[&str]) -> String {
        let (key, user) = (self.file("issuer.pem"), format!("{user}@example.org"));
        let mut args = vec!["token", "--key", &key, "--room", "room"];
        args.extend(["--user", &user, "--device", "test"]);
        args.extend(more);
        let (output, stderr) = run(&args);
        assert!(output.status.success(), "{stderr}");
        let token = String::from_utf8(output.stdout).expect("text");
        token.trim().to_owned()
    }

    /// One that the command would not make.
    fn sign(&self, token: &RoomToken) -> String {
        let key = std::fs::read_to_string(self.file("issuer.pem")).expect("is there");
        let issuer = TokenIssuer::read(&key).expect("a key");
        issuer.issue(token).expect("signed")
    }

    /// Members who ask for tokens of this issuer.
    fn trusting(&self) -> ManagerConfig {
        let keys = TokenKeys::read(&self.public).expect("a public key");
        ManagerConfig {
            validator: Arc::new(TokenBound::new(keys, unix_time).expect("public")),
            ..ManagerConfig::default()
        }
    }
}

fn manager(user: &str, config: ManagerConfig) -> KeyManager {
    KeyManager::new(name(user), config).expect("a key")
}

fn claims() -> RoomToken {
    let now = unix_time().as_secs();
    RoomToken {
        aud: TOKEN_AUDIENCE.into(),
        sub: "alice@example.org".into(),
        device: "test".into(),
        room: "room".into(),
        rights: vec![Right::Publish, Right::Subscribe],
        iat: now,
        exp: now + 60,
        nbf: None,
        jti: "by hand".into(),
        cnf: None,
    }
}

/// What alice hears who shows this.
async fn answer(service: &Service, token: Option<String>) -> (Refusal, Option<TrustCode>) {
    let mut client = Raw::connect(&service.address).await;
    let hello = ClientMessage::Hello {
        version: PROTOCOL_VERSION,
        room: room(),
        participant: name("alice"),
        token: token.map(SignedToken::from),
        proof: None,
        resume: None,
    };
    client.say(&hello).await;
    client.refused().await
}

/// What became of somebody who wanted in.
async fn not_admitted(peer: &mut Peer) -> (Refusal, Option<TrustCode>) {
    let ended = |peer: &Peer| matches!(peer.events.last(), Some(Event::Fatal(_)));
    peer.until("an end", ended).await;
    match peer.events.last() {
        Some(Event::Fatal(FatalCause::NotAdmitted { reason, code, .. })) => (*reason, *code),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_token_opens_the_door_and_everything_else_does_not() {
    let issuer = Issuer::new();
    let service = issuer.service();
    let mut alice = Peer::enter(
        &service.address,
        manager("alice", ManagerConfig::default()),
        Some(issuer.token("alice", &[])),
    )
    .await;
    alice.until_members(1).await;

    let unauthorised = |code| (Refusal::Unauthorised, Some(code));
    let missing = answer(&service, None).await;
    assert_eq!(missing, unauthorised(TrustCode::TokenMissing));
    let noise = answer(&service, Some("noise".into())).await;
    assert_eq!(noise, unauthorised(TrustCode::TokenMalformed));

    let good = issuer.token("alice", &[]);
    let (content, signature) = good.rsplit_once('.').expect("three parts");
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let tampered = format!("{content}.{flipped}{}", &signature[1..]);
    let tampered = answer(&service, Some(tampered)).await;
    assert_eq!(tampered, unauthorised(TrustCode::TokenSignature));

    let foreign = answer(&service, Some(Issuer::new().token("alice", &[]))).await;
    assert_eq!(foreign, unauthorised(TrustCode::TokenIssuer));
    let bobs = answer(&service, Some(issuer.token("bob", &[]))).await;
    assert_eq!(bobs, unauthorised(TrustCode::TokenParticipant));

    let with = |change: fn(&mut RoomToken)| {
        let mut token = claims();
        change(&mut token);
        Some(issuer.sign(&token))
    };
    let elsewhere = answer(&service, with(|token| token.room = "lobby".into())).await;
    assert_eq!(elsewhere, unauthorised(TrustCode::TokenRoom));
    let over = answer(&service, with(|token| token.exp = token.iat - 1)).await;
    assert_eq!(over, unauthorised(TrustCode::TokenExpired));
    let early = answer(&service, with(|token| token.nbf = Some(token.exp))).await;
    assert_eq!(early, unauthorised(TrustCode::TokenNotYetValid));
}

#[tokio::test]
async fn a_copied_token_is_of_no_use_to_another_key_even_after_a_restart() {
    let issuer = Issuer::new();
    let (key, store) = (issuer.file("issuer.pub"), issuer.file("signaling.db"));
    let args = ["--token-key", &key, "--store", &store];
    let mut service = Service::start(&args);
    let token = issuer.token("bob", &[]);
    let enter = |user, token: &str, address: &str| {
        let (address, token) = (address.to_owned(), Some(token.to_owned()));
        async move {
            let manager = manager(user, ManagerConfig::default());
            Peer::enter(&address, manager, token).await
        }
    };
    let mut alice = enter("alice", &issuer.token("alice", &[]), &service.address).await;
    alice.until_members(1).await;
    let mut bob = enter("bob", &token, &service.address).await;
    tokio::join!(alice.until_members(2), bob.until_members(2));
    bob.manager.leave().expect("in the room");
    let left = |peer: &Peer| peer.events.last() == Some(&Event::Left);
    tokio::join!(alice.until_members(1), bob.until("out", left));

    let replayed = (Refusal::Unauthorised, Some(TrustCode::TokenReplayed));
    let mut thief = enter("bob", &token, &service.address).await;
    tokio::select! {
        answer = not_admitted(&mut thief) => assert_eq!(answer, replayed),
        () = alice.until("never", |_| false) => {}
    }
    service.kill();
    let service = Service::start(&args);
    let mut thief = enter("bob", &token, &service.address).await;
    // Alice's group is still there, and she is not: the thief is refused all the same.
    assert_eq!(not_admitted(&mut thief).await, replayed);
}

#[tokio::test]
async fn a_bound_token_is_checked_by_the_members_themselves() {
    let issuer = Issuer::new();
    let service = issuer.service();
    let bound = |manager: &KeyManager, user: &str| {
        let key = thumbprint(manager.public_key().as_slice());
        issuer.token(user, &["--bind", &key])
    };
    let alice = manager("alice", issuer.trusting());
    let token = bound(&alice, "alice");
    let mut alice = Peer::enter(&service.address, alice, Some(token)).await;
    alice.until_members(1).await;
    let bob = manager("bob", issuer.trusting());
    let token = bound(&bob, "bob");
    let mut bob = Peer::enter(&service.address, bob, Some(token.clone())).await;
    tokio::join!(alice.until_members(2), bob.until_members(2));

    // Somebody else's, at the service.
    let thief = manager("bob", ManagerConfig::default());
    let mut thief = Peer::enter(&service.address, thief, Some(token)).await;
    let for_another_key = (Refusal::Unauthorised, Some(TrustCode::TokenKey));
    tokio::select! {
        answer = not_admitted(&mut thief) => assert_eq!(answer, for_another_key),
        () = alice.until("never", |_| false) => {}
    }

    // A token that the service takes and that proves nothing to members.
    let carol = manager("carol", ManagerConfig::default());
    let free = issuer.token("carol", &[]);
    let mut carol = Peer::enter(&service.address, carol, Some(free)).await;
    let declined = (Refusal::Declined, Some(TrustCode::CredentialType));
    tokio::select! {
        answer = not_admitted(&mut carol) => assert_eq!(answer, declined),
        () = alice.until("never", |_| false) => {}
    }
    assert_eq!(alice.manager.roster().map(|roster| roster.len()), Some(2));
}

#[tokio::test]
async fn a_service_that_lets_anybody_in_cannot_make_members_do_so() {
    let issuer = Issuer::new();
    let service = Service::start(&[]);
    let alice = manager("alice", issuer.trusting());
    let key = thumbprint(alice.public_key().as_slice());
    let token = issuer.token("alice", &["--bind", &key]);
    let mut alice = Peer::enter(&service.address, alice, Some(token)).await;
    alice.until_members(1).await;
    let (private, _) = new_key([5; 32]).expect("a key");
    let own_issuer = TokenIssuer::read(&private).expect("a key");
    let mallory = manager("mallory", ManagerConfig::default());
    let jkt = thumbprint(mallory.public_key().as_slice());
    let forged = RoomToken {
        sub: "mallory@example.org".into(),
        cnf: Some(mls_srtp::token::Confirmation { jkt }),
        ..claims()
    };
    let forged = own_issuer.issue(&forged).expect("signed");
    let mut mallory = Peer::enter(&service.address, mallory, Some(forged)).await;
    let declined = (Refusal::Declined, Some(TrustCode::TokenIssuer));
    tokio::select! {
        answer = not_admitted(&mut mallory) => assert_eq!(answer, declined),
        () = alice.until("never", |_| false) => {}
    }
}

#[tokio::test]
async fn a_shared_secret_admits_at_the_service() {
    let issuer = Issuer::new();
    let secret = issuer.file("secret");
    std::fs::write(&secret, "thirty-two bytes that nobody knows\n").expect("written");
    let service = Service::start(&["--token-secret", &secret]);
    let args = ["token", "--secret", &secret, "--room", "ro*", "--user"];
    let more = ["alice@example.org", "--device", "test", "--valid", "1min"];
    let (output, stderr) = run(&[&args[..], &more].concat());
    assert!(output.status.success(), "{stderr}");
    let token = String::from_utf8(output.stdout).expect("text");
    let alice = manager("alice", ManagerConfig::default());
    let token = Some(token.trim().to_owned());
    let mut alice = Peer::enter(&service.address, alice, token).await;
    alice.until_members(1).await;
    let eddsa = answer(&service, Some(issuer.token("alice", &[]))).await;
    let foreign = (Refusal::Unauthorised, Some(TrustCode::TokenIssuer));
    assert_eq!(eddsa, foreign);
}

#[test]
fn nobody_is_let_in_without_a_word_on_who() {
    let (output, stderr) = run(&["--listen", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr.contains("--token-key") && stderr.contains("--open"),
        "{stderr}"
    );
    let (output, stderr) = run(&["--token-key", "/nowhere/at/all"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr.contains("/nowhere/at/all"), "{stderr}");
    let dir = tempfile::tempdir().expect("a folder");
    let jwk = dir.path().join("key.jwk");
    std::fs::write(
        &jwk,
        r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg"}"#,
    )
    .expect("written");
    let (output, stderr) = run(&["--token-key", jwk.to_str().expect("UTF-8")]);
    assert_eq!(output.status.code(), Some(2), "not taken for a secret");
    assert!(stderr.contains("PEM"), "{stderr}");
    let (output, _) = run(&["--open", "--token-key", "x"]);
    assert_eq!(output.status.code(), Some(2), "not both");
}

#[test]
fn a_token_for_nobody_is_not_made() {
    let issuer = Issuer::new();
    let key = issuer.file("issuer.pem");
    let make = |room: &str, user: &str, valid: &str| {
        let args = ["token", "--key", &key, "--room", room, "--user", user];
        run(&[&args[..], &["--device", "d", "--valid", valid]].concat()).0
    };
    assert!(make("room", "a@b", "1h").status.success());
    let bound = [
        "token", "--key", &key, "--room", "r", "--user", "a@b", "--device", "d",
    ];
    let thumbprint = format!("-{}", "x".repeat(42));
    let (output, stderr) = run(&[&bound[..], &["--bind", &thumbprint]].concat());
    assert!(output.status.success(), "begins with a hyphen: {stderr}");
    assert!(
        !run(&[&bound[..], &["--bind", "short"]].concat())
            .0
            .status
            .success()
    );
    for (room, user, valid) in [
        ("ro om", "a@b", "1h"),
        ("room", "a", "1h"),
        ("room", "a b@c", "1h"),
        ("room", "a@b", "soon"),
    ] {
        assert!(!make(room, user, valid).status.success(), "{room} {user}");
    }
    let (output, stderr) = run(&["token-key", "--out", &key]);
    assert_eq!(output.status.code(), Some(1), "a key is not overwritten");
    assert!(stderr.contains("issuer.pem"), "{stderr}");
}
