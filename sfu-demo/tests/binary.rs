//! The real binary over real sockets.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mls_srtp::token::{Confirmation, Right, RoomToken, TOKEN_AUDIENCE, TokenIssuer, new_key};
use serde_json::Value;

const WEAK: &str = "mls_128_dhkemx25519_aes128gcm_sha256_ed25519";
const STRONG: &str = "mls_128_mlkem768x25519_aes128gcm_sha256_ed25519";

fn sfu_demo(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sfu-demo"));
    // Unless a test says otherwise: nothing is written where a user's own files are.
    command.env("MLS_SRTP_STORE", "memory");
    command.args(args).stdin(Stdio::null());
    command
}

fn run(args: &[&str]) -> Output {
    sfu_demo(args).output().expect("the binary runs")
}

/// A folder of the test's own, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| match entry.path() {
            path if path.is_dir() => files_below(&path),
            path => vec![path],
        })
        .collect()
}

/// The codec that ffprobe finds in a file, with its number of packets.
fn probe(file: &Path) -> (String, u64) {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-count_packets", "-of", "csv=p=0"])
        .args(["-show_entries", "stream=codec_name,nb_read_packets"])
        .arg(file)
        .output()
        .expect("ffprobe is installed");
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && errors.is_empty(),
        "{}: {errors}",
        file.display()
    );
    let (codec, packets) = text.split_once(',').expect("codec and packets");
    (codec.to_owned(), packets.parse().expect("a number"))
}

#[test]
fn a_whole_conference_holds_and_its_recordings_play() {
    let folder = Folder::new("mls-srtp-demo");
    let record = folder.0.to_str().expect("UTF-8");
    let args = [
        "demo",
        "--participants",
        "3",
        "--seconds",
        "20",
        "--record",
        record,
        "--json",
    ];
    let output = run(&args);
    let text = String::from_utf8_lossy(&output.stdout);
    let report: Value = serde_json::from_str(text.lines().last().expect("a last line"))
        .expect("the last line is JSON");
    assert_eq!(report["verdict"], "ok", "{}", report["reasons"]);
    assert_eq!(output.status.code(), Some(0));

    let number = |value: &Value| {
        value
            .as_u64()
            .unwrap_or_else(|| panic!("no number: {value}"))
    };
    assert!(number(&report["epochs"]) >= 4);
    assert_eq!(report["ciphersuite"], WEAK);
    assert_eq!(report["stronger_ciphersuite"], STRONG);
    let participants = report["participants"].as_array().expect("a list");
    assert_eq!(participants.len(), 4);
    for one in participants {
        assert_eq!(
            (number(&one["unaccounted"]), number(&one["auth_failures"])),
            (0, 0),
            "{one}"
        );
        assert!(number(&one["decrypted_packets"]) > 100, "{one}");
        assert_eq!(one["media_intact"], true, "{one}");
        let (checked, expected) = (
            number(&one["frames_checked"]),
            number(&one["frames_expected"]),
        );
        assert!(checked * 100 >= expected * 95 && expected > 0, "{one}");
    }
    let left = participants
        .iter()
        .filter(|one| !one["left_ms"].is_null())
        .count();
    assert_eq!(left, 1, "one leaves early");
    let removal = report["epoch_changes"]
        .as_array()
        .expect("a list")
        .last()
        .expect("a change");
    assert!(removal["exposure_ms"].is_u64(), "{removal}");
    assert!(number(&report["removed_opened_before"]) >= 200);
    assert!(number(&report["removed_tried"]) >= 200);
    assert_eq!(number(&report["removed_could_read"]), 0);
    assert_eq!(number(&report["lost_packets"]), 0);
    let codes = &report["codes"];
    assert_eq!(number(&codes["shown_by"]), 3, "{codes}");
    assert_eq!(codes["safety_number_agrees"], true, "{codes}");
    let sfu = &report["sfu"];
    assert_eq!(number(&sfu["readable_payloads"]), 0);
    assert_eq!(sfu["control_readable"], sfu["control_forwarded"]);
    assert!(number(&sfu["forwarded_packets"]) > 1000);

    let files = all_play(&folder.0);
    assert!(files >= 20, "four participants heard each other: {files}");
}

/// Plays every recording below a folder; how many there are.
fn all_play(folder: &Path) -> usize {
    let files = files_below(folder);
    for file in &files {
        let (codec, packets) = probe(file);
        let expected = if file.extension().is_some_and(|e| e == "ivf") {
            "vp8"
        } else {
            "opus"
        };
        assert_eq!(codec, expected, "{}", file.display());
        assert!(packets > 10, "{} has {packets} packets", file.display());
    }
    files.len()
}

/// Media comes back through another SFU, in the same epoch and the same recordings.
#[test]
fn a_conference_outlives_its_sfu() {
    let folder = Folder::new("mls-srtp-outage");
    let record = folder.0.to_str().expect("UTF-8");
    let args = [
        "demo",
        "--participants",
        "2",
        "--seconds",
        "18",
        "--kill-sfu",
    ];
    let output = run(&[&args[..], &["--record", record, "--json"]].concat());
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().expect("a last line");
    let report: Value = serde_json::from_str(last).expect("the last line is JSON");
    assert_eq!(report["verdict"], "ok", "{}", report["reasons"]);
    let outage = &report["outage"];
    assert_eq!(outage["epochs"], 0, "{outage}");
    // Two streams of each of three, at the two others.
    assert_eq!(outage["streams"], 12, "{outage}");
    assert_eq!(outage["streams_back"], 12, "{outage}");
    let participants = outage["participants"].as_array().expect("a list");
    assert_eq!(participants.len(), 3, "{outage}");
    for one in participants {
        assert!(one["reconnected_ms"].is_u64(), "{one}");
        assert!(one["interruption_max_ms"].as_u64() > Some(0), "{one}");
    }
    assert_eq!(all_play(&folder.0), 12, "one recording of each stream");
}

#[test]
fn a_post_quantum_conference_in_counter_mode_holds() {
    let (profile, seconds) = ("aes128_cm_hmac_sha1_80", "20");
    let output = run(&[
        "demo",
        "--participants",
        "2",
        "--seconds",
        seconds,
        "--profile",
        profile,
        "--post-quantum",
        "--json",
    ]);
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().expect("a last line");
    let report: Value = serde_json::from_str(last).expect("the last line is JSON");
    assert_eq!(report["verdict"], "ok", "{}", report["reasons"]);
    assert_eq!(report["profile"], profile);
    assert_eq!(report["ciphersuite"], STRONG);
    assert_eq!(report["stronger_ciphersuite"], Value::Null);
}

#[test]
fn who_requires_a_post_quantum_room_enters_no_other() {
    let serve = Serve::start();
    let output = run(&["participant", "--url", &serve.url, "--require-post-quantum"]);
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains(WEAK), "{error}");
    assert_eq!(serve.interrupt(), Some(0));
}

/// A running `serve` on ports of its own.
struct Serve {
    child: Child,
    url: String,
    output: BufReader<std::process::ChildStdout>,
}

impl Serve {
    fn start() -> Self {
        let serve = Self::start_with(&[]);
        assert!(serve.url.starts_with("ws://127.0.0.1:"), "{}", serve.url);
        serve
    }

    fn start_with(extra: &[&str]) -> Self {
        let mut args = vec!["serve", "--listen", "127.0.0.1:0", "--media", "127.0.0.1:0"];
        if !extra.contains(&"--token-key") {
            args.push("--open");
        }
        let mut child = sfu_demo(&args)
            .args(extra)
            .stdout(Stdio::piped())
            .spawn()
            .expect("runs");
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        output.read_line(&mut line).expect("a line");
        let url = line
            .split_whitespace()
            .nth(1)
            .expect("an address")
            .to_owned();
        Self { child, url, output }
    }

    /// Ctrl-C, as a terminal sends it.
    fn interrupt(mut self) -> Option<i32> {
        interrupt(&self.child);
        let mut rest = String::new();
        while self.output.read_line(&mut rest).is_ok_and(|read| read > 0) {}
        self.child.wait().expect("ends").code()
    }
}

fn interrupt(child: &Child) {
    let pid = child.id().to_string();
    let kill = format!("kill -INT {pid}");
    let killed = Command::new("sh")
        .args(["-c", &kill])
        .status()
        .expect("a shell");
    assert!(killed.success());
}

#[test]
fn participants_of_their_own_processes_meet_in_a_served_room() {
    let serve = Serve::start();
    let folder = Folder::new("mls-srtp-serve");
    let record = folder.0.to_str().expect("UTF-8");
    let join = |name: &'static str, extra: &[&str]| {
        let mut args = vec![
            "participant",
            "--url",
            &serve.url,
            "--room",
            "r",
            "--name",
            name,
        ];
        args.extend(["--seconds", "12"]);
        args.extend(extra);
        sfu_demo(&args)
            .stdout(Stdio::piped())
            .spawn()
            .expect("runs")
    };
    let alice = join("alice", &["--record", record]);
    let bob = join("bob", &["--qr"]);
    let [alice, bob] = [alice, bob].map(|child| child.wait_with_output().expect("ends"));
    same_codes(&alice, &bob);
    for (output, other) in [
        (alice, "bob@localhost/headless"),
        (bob, "alice@localhost/headless"),
    ] {
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{text}");
        let heard = text
            .lines()
            .find(|line| line.starts_with(other))
            .expect("heard the other");
        let packets: u64 = heard
            .split_whitespace()
            .nth(1)
            .and_then(|n| n.parse().ok())
            .expect("a number");
        assert!(packets > 50, "{heard}");
        assert!(heard.ends_with(" 0 refused"), "{heard}");
    }
    assert_eq!(files_below(&folder.0).len(), 2);
    assert_eq!(serve.interrupt(), Some(0));
}

/// What two participants print for people to compare, compared.
fn same_codes(alice: &Output, bob: &Output) {
    let texts = [alice, bob].map(|one| String::from_utf8_lossy(&one.stdout));
    let [alice, bob] = texts.each_ref().map(|text| text.lines());
    let codes: Vec<&str> = alice.filter(|line| line.contains("group code")).collect();
    let common = bob.filter(|line| codes.contains(line)).count();
    assert!(common > 0, "no code in common: {texts:#?}");
    let number = |text: &str, with: &str| {
        let begin = format!("safety number with {with}@localhost/headless: ");
        let mut numbers = text.lines().filter_map(|line| line.strip_prefix(&begin));
        let number = numbers.next().expect("a number").to_owned();
        assert_eq!(numbers.next(), None, "it stays the same");
        number
    };
    let digits = number(&texts[0], "bob");
    assert_eq!(digits.split(' ').map(str::len).collect::<Vec<_>>(), [5; 12]);
    assert_eq!(digits, number(&texts[1], "alice"));
    assert!(!texts[0].contains('█') && texts[1].contains('█'));
}

/// A room with a door: bots and a guest with tokens, one that only listens, and one without.
#[test]
fn a_room_with_a_door_is_entered_by_token_and_with_the_rights_that_it_grants() {
    let folder = Folder::new("mls-srtp-door");
    let file = |name: &str| folder.0.join(name).display().to_string();
    let (private, public) = new_key([1; 32]).expect("a key");
    let (key, issuer) = (file("issuer.pem"), file("issuer.pub"));
    std::fs::write(&key, private.as_bytes()).expect("written");
    std::fs::write(&issuer, public).expect("written");
    let serve = Serve::start_with(&["--token-key", &key, "--bots", "1"]);
    let token = |rights: &[Right], bound: Option<String>| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.expect("after 1970").as_secs();
        let token = RoomToken {
            aud: TOKEN_AUDIENCE.into(),
            sub: "alice@localhost".into(),
            device: "headless".into(),
            room: "demo".into(),
            rights: rights.to_vec(),
            iat: now,
            exp: now + 60,
            nbf: None,
            jti: format!("{rights:?}"),
            cnf: bound.map(|jkt| Confirmation { jkt }),
        };
        let issuer = TokenIssuer::read(&private).expect("a key");
        issuer.issue(&token).expect("signed")
    };
    let join = |extra: &[&str]| {
        let args = ["participant", "--url", &serve.url, "--name", "alice"];
        run(&[&args[..], &["--seconds", "6"], extra].concat())
    };
    let output = join(&[]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("get a room token"), "the remedy: {text}");

    let listens = join(&["--token", &token(&[Right::Subscribe], None)]);
    let text = String::from_utf8_lossy(&listens.stdout);
    assert_eq!(listens.status.code(), Some(0), "{text}");
    assert!(text.contains("bot1@localhost/headless: "), "{text}");

    // Whoever trusts the issuer alone trusts no bots, whose tokens are bound to no key.
    let state = file("alice.db");
    let key = run(&["key", "--state", &state, "--name", "alice"]);
    let bound = String::from_utf8(key.stdout)
        .expect("text")
        .trim()
        .to_owned();
    let token = token(&[Right::Publish, Right::Subscribe], Some(bound));
    std::fs::write(file("token"), token).expect("written");
    let (at, state) = (format!("@{}", file("token")), ["--state", &state]);
    let trust = ["--trust", "tokens", "--trust-issuer", &issuer];
    let strict = join(&[&["--token", &at][..], &state, &trust].concat());
    let text = String::from_utf8_lossy(&strict.stderr);
    assert_eq!(strict.status.code(), Some(1), "{text}");
    assert!(text.contains("bot1@localhost/headless"), "{text}");
    assert_eq!(serve.interrupt(), Some(0));
}

/// Bots and guests, over TLS with a certificate of the service's own.
#[test]
fn a_room_is_entered_over_tls_by_those_who_trust_the_certificate() {
    let folder = Folder::new("mls-srtp-tls");
    let file = |name: &str| folder.0.join(name).display().to_string();
    let (cert, key) = (file("cert.pem"), file("key.pem"));
    let tls = ["--tls-self-signed", "--tls-cert", &cert, "--tls-key", &key];
    let mut serve = Serve::start_with(&[&tls[..], &["--bots", "1"]].concat());
    assert!(serve.url.starts_with("wss://127.0.0.1:"), "{}", serve.url);
    let mut page = String::new();
    serve.output.read_line(&mut page).expect("a line");
    assert!(page.contains("page https://127.0.0.1:"), "{page}");

    let join = |extra: &[&str]| {
        let args = ["participant", "--url", &serve.url, "--name", "alice"];
        run(&[&args[..], &["--seconds", "6"], extra].concat())
    };
    let output = join(&["--tls-ca", &cert]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("bot1@localhost/headless: "), "{text}");
    let output = join(&[]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("--tls-ca"), "{text}");
    assert_eq!(serve.interrupt(), Some(0));
}

/// Nothing that is waited for takes that long.
const PATIENCE: Duration = Duration::from_secs(20);

/// A headless participant whose log is read.
struct Watched {
    child: Child,
    log: Receiver<String>,
}

impl Watched {
    fn start(url: &str, name: &str, extra: &[&str]) -> Self {
        let mut child = sfu_demo(&["participant", "--url", url, "--name", name])
            .args(["--log", "mls_srtp_participant=debug"])
            .args(extra)
            .env("NO_COLOR", "1")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("runs");
        let lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let (teller, log) = channel();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|l| teller.send(l)));
        Self { child, log }
    }

    /// The next line with these words; nothing before it may tell of an entry anew.
    fn line_with(&mut self, words: &str) -> String {
        loop {
            let line = self.log.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|error| panic!("{words}: {error}"));
            assert!(!line.contains("Resyncing"), "{line}");
            if line.contains(words) {
                return line;
            }
        }
    }

    /// Waits until it sends, and says where it came in and in which epoch it sends.
    fn takes_part(&mut self) -> Part {
        let joined = self.line_with("event=Joined");
        let first = self.line_with("event=EpochChanged");
        let sending = self.line_with("event=SendingIn");
        self.line_with("media connected");
        let epoch = |line: &str| {
            let number = line.split_once("epoch: Epoch(").expect("an epoch").1;
            let (number, _) = number.split_once(')').expect("an end");
            number.parse().expect("a number")
        };
        Part {
            place: joined.split_once("event=").expect("an event").1.to_owned(),
            first: epoch(&first),
            sending: epoch(&sending),
        }
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a process took part in.
struct Part {
    /// Group and leaf.
    place: String,
    /// The epoch in which it came in.
    first: u64,
    sending: u64,
}

impl Part {
    /// The same member, with an epoch of its own; whoever was added again came in in a later one.
    fn goes_on_from(&self, before: &Self) {
        assert_eq!(self.place, before.place);
        assert_eq!(self.first, before.sending);
        assert_eq!(self.sending, before.sending + 1);
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.kill();
    }
}

#[test]
fn a_participant_with_a_file_is_the_same_member_again() {
    let serve = Serve::start();
    let folder = Folder::new("mls-srtp-state");
    let file = folder.0.join("bob.state");
    let file = file.to_str().expect("UTF-8");
    let alice = Watched::start(&serve.url, "alice", &[]);
    let start = || Watched::start(&serve.url, "bob", &["--state", file]);
    let mut bob = start();
    let first = bob.takes_part();

    let other = run(&["participant", "--url", &serve.url, "--state", file]);
    let text = String::from_utf8_lossy(&other.stderr);
    assert_eq!(other.status.code(), Some(1), "{text}");
    assert!(text.contains(file) && text.contains("in use"), "{text}");

    bob.kill();
    let mut bob = start();
    let second = bob.takes_part();
    second.goes_on_from(&first);
    interrupt(&bob.child);
    assert_eq!(bob.child.wait().expect("ends").code(), Some(0));
    let mut bob = start();
    bob.takes_part().goes_on_from(&second);
    drop((alice, bob));
    assert_eq!(serve.interrupt(), Some(0));
}

#[test]
fn ctrl_c_ends_a_demo_with_goodbyes() {
    let mut child = sfu_demo(&["demo", "--participants", "2"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("runs");
    let mut output = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    while !line.contains("epoch 1") {
        line.clear();
        assert!(
            output.read_line(&mut line).is_ok_and(|read| read > 0),
            "ended before epoch 1"
        );
    }
    interrupt(&child);
    while output.read_line(&mut line).is_ok_and(|read| read > 0) {}
    assert_eq!(child.wait().expect("ends").code(), Some(130));
}

/// A process that sees the second Ctrl-C ends at once, whatever it is doing.
#[test]
fn ctrl_c_is_heard_while_the_report_is_made() {
    let mut child = sfu_demo(&["demo", "--participants", "2", "--seconds", "8"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("runs");
    let mut output = BufReader::new(child.stdout.take().expect("piped"));
    let began = Instant::now();
    // Sending ends eight seconds after the start; the report is made in the half second after it.
    std::thread::sleep(Duration::from_millis(8_200));
    interrupt(&child);
    let mut rest = String::new();
    while output.read_line(&mut rest).is_ok_and(|read| read > 0) {}
    let code = child.wait().expect("ends").code();
    assert_eq!(code, Some(130), "after {:?}: {rest}", began.elapsed());
    assert!(!rest.contains("verdict"), "{rest}");
}

#[test]
fn wrong_arguments_end_with_code_2_and_a_clear_line() {
    for args in [
        &["demo", "--participants", "1"][..],
        &["demo", "--seconds", "soon"],
        &["participant", "--name", "a b"],
        &["participant", "--room", ""],
        &["serve", "--listen", "here"],
        &["demo", "--participants", "16", "--seconds", "8"],
        &["demo", "--kill-sfu", "--seconds", "12"],
        &["demo", "--profile", "aes128_cm_hmac_sha1_32"],
        &["fly"],
    ] {
        let output = run(args);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {text}");
        assert!(text.starts_with("error: "), "{args:?}: {text}");
        assert_eq!(text.lines().count(), 1, "{args:?}: {text}");
    }
}

#[test]
fn a_busy_port_is_named() {
    let tcp = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = tcp.local_addr().expect("an address").to_string();
    let output = run(&[
        "serve",
        "--open",
        "--listen",
        &address,
        "--media",
        "127.0.0.1:0",
    ]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains(&address) && text.contains("TCP"), "{text}");

    let udp = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let address = udp.local_addr().expect("an address").to_string();
    let output = run(&[
        "serve",
        "--open",
        "--listen",
        "127.0.0.1:0",
        "--media",
        &address,
    ]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains(&address), "{text}");
}

#[test]
fn an_unreachable_service_is_named() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("ws://{}", free.local_addr().expect("an address"));
    drop(free);
    let output = run(&["participant", "--url", &url, "--seconds", "1"]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains(&url), "{text}");
}
