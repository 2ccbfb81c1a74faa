//! People are known again by their keys in the next call, and come with keys of their own.

use std::path::Path;

use mls_srtp::delivery::Blob;
use mls_srtp::event::Event;
use mls_srtp::group::{Identity, SafetyNumber};
use mls_srtp::trust::{Evidence, TrustWarning};
use mls_srtp_participant::session::SessionError;
use mls_srtp_participant::state::{SqliteStateStore, StateConfig, StateError, StateStore};

use crate::people::{Process, Service, name};

/// Bob's next process, which keeps everything in a file.
async fn bob(service: &Service, file: &Path) -> Process {
    let mut config = service.config("bob");
    let store = SqliteStateStore::open(file).expect("is free");
    config.state = Some(StateConfig::new(store));
    Process::start(config).await.expect("starts")
}

async fn new_alice(service: &Service) -> Process {
    let alice = Process::start(service.config("alice")).await;
    let mut alice = alice.expect("starts");
    alice.joined().await;
    alice
}

/// What is said about others before media is ready.
async fn warned_of(process: &mut Process) -> Option<TrustWarning> {
    let what = "a warning, or none";
    let heard = process.until(what, |event| match event {
        Event::TrustWarning { warning, .. } => Some(Some(warning)),
        Event::MediaReady => Some(None),
        _ => None,
    });
    heard.await
}

async fn leaves(mut process: Process) {
    process.session.as_ref().expect("is held").leave().await;
    let left = |event| matches!(event, Event::Left).then_some(());
    process.until("left", left).await;
    process.kill().await;
}

#[tokio::test]
async fn a_changed_key_is_told_in_the_next_call_until_it_is_accepted() {
    let service = Service::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("bob");

    let alice = new_alice(&service).await;
    let mut first = bob(&service, &file).await;
    assert_eq!(warned_of(&mut first).await, None, "on first use");
    leaves(first).await;
    let mut again = bob(&service, &file).await;
    assert_eq!(warned_of(&mut again).await, None, "the same key");
    leaves(again).await;
    leaves(alice).await;

    // A new device, or somebody else.
    let alice = new_alice(&service).await;
    for _ in 0..2 {
        let mut warned = bob(&service, &file).await;
        assert_eq!(warned_of(&mut warned).await, Some(TrustWarning::KeyChanged));
        leaves(warned).await;
    }
    let mut accepts = bob(&service, &file).await;
    assert_eq!(
        warned_of(&mut accepts).await,
        Some(TrustWarning::KeyChanged)
    );
    let wrong = SafetyNumber::new((&name("alice"), &[1; 32]), (&name("bob"), &[2; 32]));
    let session = accepts.session.as_ref().expect("is held");
    let number = session.safety_number(&name("alice")).await;
    let number = number.expect("a member");
    assert!(
        !session.accept_key(name("carol"), number).await,
        "no member"
    );
    assert!(!session.accept_key(name("alice"), wrong).await);
    assert!(session.accept_key(name("alice"), number).await);
    leaves(accepts).await;
    let mut accepted = bob(&service, &file).await;
    assert_eq!(warned_of(&mut accepted).await, None);
    drop(alice);
}

#[tokio::test]
async fn a_key_of_ones_own_is_used_and_kept() {
    let service = Service::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("bob");
    let der = |of: u8| {
        // RFC 8410 §7: version, algorithm, and the key in two wrappings.
        let mut der = vec![
            0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20,
        ];
        der.extend([of; 32]);
        der
    };
    let identity = |of: u8, token: &str| {
        let identity = Identity::from_pkcs8(name("bob"), &der(of)).expect("a key");
        identity.with_evidence(Evidence::Token(token.into()))
    };
    let start = async |given: Identity| {
        let mut config = service.config("bob");
        let store = SqliteStateStore::open(&file).expect("is free");
        config.state = Some(StateConfig::new(store));
        config.identity = Some(given);
        Process::start(config).await
    };
    let key = identity(1, "first").public_key();
    let mut first = start(identity(1, "first")).await.expect("starts");
    first.joined().await;
    first.kill().await;
    assert_eq!(kept_key(&file), key);

    // With new evidence it is the same key's new credential.
    let mut renewed = start(identity(1, "second")).await.expect("starts");
    renewed.joined().await;
    renewed.kill().await;
    assert_eq!(kept_key(&file), key);

    let other = start(identity(2, "second")).await;
    assert!(
        matches!(other, Err(SessionError::State(StateError::OtherKey))),
        "another key is not written over the one that is kept"
    );
    let mut config = service.config("alice");
    config.identity = Some(identity(1, "second"));
    let other = Process::start(config).await;
    assert!(matches!(other, Err(SessionError::OtherIdentity { .. })));
}

fn kept_key(file: &Path) -> Blob {
    let mut store = SqliteStateStore::open(file).expect("is free");
    let state = store.load().expect("can be read").expect("something");
    let restored = mls_srtp::KeyManager::restore(
        &state,
        mls_srtp::ManagerConfig::default(),
        mls_srtp::time::Moment::default(),
    );
    restored.expect("a state").identity().public_key()
}
