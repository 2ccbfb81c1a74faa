//! libsrtp, which browsers and most servers have, as a process of its own.
//!
//! `libsrtp.c` is compiled against the installed library when the first test needs it. A crate that
//! binds the library would put it, libclang and OpenSSL between everybody and a build.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use mls_srtp::id::Ssrc;
use mls_srtp::media::WINDOW;
use mls_srtp::schedule::MasterKey;

use crate::hex;

/// One sender's contexts in libsrtp, for sealing and for opening, with our size of the replay
/// window.
pub struct Libsrtp {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// Why libsrtp refuses a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The tag does not verify.
    Auth,
    /// Received before.
    Replay,
    /// Behind the window.
    TooOld,
    /// Another of its numbers.
    Other(u32),
}

impl Libsrtp {
    /// Contexts with that master key; from there on the keys are of libsrtp's own derivation.
    pub fn new(master: &MasterKey) -> Self {
        let key = [master.key().expose(), master.salt().expose()].concat();
        let mut child = Command::new(program())
            .arg(master.profile().id().to_string())
            .arg(hex::encode(&key))
            .arg(WINDOW.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the compiled program starts");
        let requests = child.stdin.take().expect("piped");
        let answers = BufReader::new(child.stdout.take().expect("piped"));
        Self {
            child,
            requests,
            answers,
        }
    }

    /// The next packet of the stream, in both directions, has this roll-over counter.
    pub fn stream(&mut self, ssrc: Ssrc, roc: u32) {
        let told = self.ask(&format!("stream {:x} {roc:x}", ssrc.get()));
        assert_eq!(told, Ok(Vec::new()), "libsrtp takes no such stream");
    }

    /// RTP to SRTP.
    pub fn protect(&mut self, packet: &[u8]) -> Result<Vec<u8>, Refused> {
        self.ask(&format!("protect {}", hex::encode(packet)))
    }

    /// SRTP to RTP.
    pub fn unprotect(&mut self, packet: &[u8]) -> Result<Vec<u8>, Refused> {
        self.ask(&format!("unprotect {}", hex::encode(packet)))
    }

    fn ask(&mut self, request: &str) -> Result<Vec<u8>, Refused> {
        writeln!(self.requests, "{request}").expect("libsrtp listens");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("text");
        match answer.trim_end().split_once(' ') {
            Some(("refused", number)) => Err(match number.parse().expect("a number") {
                7 => Refused::Auth,
                9 => Refused::Replay,
                10 => Refused::TooOld,
                other => Refused::Other(other),
            }),
            Some(("ok", packet)) => Ok(hex::decode(packet)),
            None if answer == "ok \n" => Ok(Vec::new()),
            _ => panic!("libsrtp answered {answer:?} to {request:?}"),
        }
    }
}

impl Drop for Libsrtp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The compiled `libsrtp.c`.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/media/libsrtp.c");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let (fresh, program) = (
            folder.join(format!("libsrtp-{}", std::process::id())),
            folder.join("libsrtp"),
        );
        let compiled = Command::new("cc")
            .args(["-Wall", "-Wextra", "-Werror", "-o"])
            .arg(&fresh)
            .arg(source)
            .arg("-lsrtp2")
            .status()
            .expect("a C compiler named cc");
        assert!(
            compiled.success(),
            "libsrtp is missing: install libsrtp2-dev"
        );
        // Tests run as processes side by side: each finds a whole file, its own or another's.
        std::fs::rename(fresh, &program).expect("the same folder");
        program
    })
}
