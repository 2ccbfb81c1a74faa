//! What a session, its configuration and its store show of themselves.

use mls_srtp::event::Event;
use mls_srtp_participant::session::SessionError;
use mls_srtp_participant::state::{SqliteStateStore, StateConfig, StateStore as _};

use crate::hunt::{Paper, Secrets};
use crate::people::{Process, Service, name};

const TOKEN: &str = "q8Zt4vN1xY7mK2rW.9pL5sD3gH6jB0cFa.e4Rt6Yu8Io1Pa3Sd";

#[tokio::test]
async fn a_session_shows_no_secret_of_its_stay() {
    let (paper, mut secrets) = (Paper::default(), Secrets::default());
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("state");
    let service = Service::start().await;
    let config = || {
        let mut config = service.config("alice");
        let store = SqliteStateStore::open(&file)?;
        paper.show(&store);
        config.token = Some(TOKEN.into());
        config.state = Some(StateConfig::new(store));
        paper.show(&config.state);
        paper.show(&config);
        Ok::<_, SessionError>(config)
    };
    let mut alice = Process::start(config().expect("is free"))
        .await
        .expect("starts");
    let listen = |event: Event| {
        paper.show(&event);
        matches!(event, Event::SendingIn { .. }).then_some(())
    };
    alice.until("sending", listen).await;
    let in_use = config().expect_err("the file is in use");
    paper.show(&in_use);
    paper.write_down(&in_use.to_string());
    let session = alice.session.take().expect("runs");
    session.suspend().await.expect("is kept");
    drop(alice);

    let mut store = SqliteStateStore::open(&file).expect("is free again");
    let state = store.load().expect("is read").expect("was written");
    secrets.add_state(state.as_bytes());
    secrets.add("token", TOKEN.as_bytes());
    drop(store);
    let mut of_another = config().expect("is free");
    of_another.participant = name("bob");
    let refused = Process::start(of_another).await.err().expect("alice's");
    paper.show(&refused);
    paper.write_down(&refused.to_string());
    assert!(secrets.has("exporter_secret") && secrets.has("session"));
    assert!(String::from_utf8_lossy(&paper.text()).contains("EpochChanged"));
    assert_eq!(secrets.found_in(&paper.text()), Default::default());
}
