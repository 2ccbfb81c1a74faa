//! What a participant and a host log when they log everything, and what they print besides.
#![cfg(unix)]

#[allow(dead_code, reason = "another test program uses the rest")]
#[path = "../../tests/hunt/mod.rs"]
mod hunt;

use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use hunt::Secrets;
use mls_srtp::token::{Right, RoomToken, TOKEN_AUDIENCE, TokenIssuer};
use mls_srtp_participant::state::{SqliteStateStore, StateStore as _};

const SHARED: &str = "q8Zt4vN1xY7mK2rW9pL5sD3gH6jB0cFa";

/// A process that logs everything; killed at the end.
struct Talkative(Child);

impl Talkative {
    fn start(args: &[&str]) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_sfu-demo"))
            .args(args)
            .args(["--log", "trace"])
            .env("MLS_SRTP_STORE", "memory")
            .env("NO_COLOR", "1")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        Self(child.expect("runs"))
    }

    /// Reads all that comes on stderr.
    fn listen(&mut self) -> JoinHandle<Vec<u8>> {
        read_all(self.0.stderr.take().expect("is piped"))
    }
}

/// Reads to the end, in a thread of its own.
fn read_all(mut from: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut text = Vec::new();
        let _ = from.read_to_end(&mut text);
        text
    })
}

impl Drop for Talkative {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn token() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.expect("after 1970").as_secs();
    let token = RoomToken {
        aud: TOKEN_AUDIENCE.into(),
        sub: "alice@localhost".into(),
        device: "headless".into(),
        room: "demo".into(),
        rights: vec![Right::Publish, Right::Subscribe],
        iat: now,
        exp: now + 60,
        nbf: None,
        jti: "one".into(),
        cnf: None,
    };
    let issuer = TokenIssuer::hs256(SHARED.as_bytes()).expect("long enough");
    issuer.issue(&token).expect("signed")
}

/// Everything secret in the file of a participant that was killed.
fn add_kept(secrets: &mut Secrets, file: &Path) {
    let mut store = SqliteStateStore::open(file).expect("is free");
    let state = store.load().expect("is read").expect("was written");
    secrets.add_state(state.as_bytes());
    for kind in ["session", "signer.private", "exporter_secret"] {
        assert!(secrets.has(kind), "no {kind} to look for");
    }
}

#[test]
fn who_logs_everything_of_a_call_logs_no_secret_of_it() {
    let folder = std::env::temp_dir().join(format!("mls-srtp-secrets-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = |name: &str| folder.join(name).display().to_string();
    let (secret, shown, state) = (file("secret"), file("token"), file("alice.state"));
    std::fs::write(&secret, SHARED).expect("written");
    let token = token();
    std::fs::write(&shown, &token).expect("written");
    let at = ["--listen", "127.0.0.1:0", "--media", "127.0.0.1:0"];
    let door = ["serve", "--token-secret", &secret, "--bots", "1"];
    let mut serve = Talkative::start(&[&door[..], &at].concat());
    let of_host = serve.listen();
    let mut line = String::new();
    let mut stdout = BufReader::new(serve.0.stdout.take().expect("is piped"));
    stdout.read_line(&mut line).expect("a line");
    let url = line.split_whitespace().nth(1).expect("an address");
    let host_prints = read_all(stdout);

    let token_file = format!("@{shown}");
    let who = ["participant", "--url", url, "--name", "alice"];
    let with = ["--token", &token_file, "--state", &state];
    let mut alice = Talkative::start(&[&who[..], &with].concat());
    let alice_prints = read_all(alice.0.stdout.take().expect("is piped"));
    let mut stderr = BufReader::new(alice.0.stderr.take().expect("is piped"));
    let mut log = Vec::new();
    loop {
        let before = log.len();
        let read = stderr.read_until(b'\n', &mut log).expect("goes on");
        let line = String::from_utf8_lossy(&log[before..]);
        assert!(read > 0, "{}", String::from_utf8_lossy(&log));
        if line.contains("media connected") {
            break;
        }
    }
    drop(alice);
    stderr.read_to_end(&mut log).expect("to the end");
    drop(serve);
    let of_host = of_host.join().expect("reads");
    let printed = [alice_prints, host_prints].map(|prints| prints.join().expect("reads"));

    let mut secrets = Secrets::default();
    secrets.add("token", token.as_bytes());
    secrets.add("shared secret", SHARED.as_bytes());
    add_kept(&mut secrets, Path::new(&state));
    for (whose, log) in [("alice", &log), ("the host", &of_host)] {
        assert!(
            log.windows(5).any(|word| word == b"TRACE"),
            "{whose} logs all"
        );
        assert_eq!(secrets.found_in(log), Default::default(), "{whose}");
    }
    assert!(!printed[0].is_empty(), "alice prints what happens");
    for text in printed {
        assert_eq!(secrets.found_in(&text), Default::default(), "printed");
    }
    let _ = std::fs::remove_dir_all(&folder);
}
