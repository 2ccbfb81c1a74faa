//! A Node program that answers one JSON object a line, and its life.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::PeerError;

/// How long an answer may take before the program counts as gone.
const PATIENCE: Duration = Duration::from_secs(60);

/// The running program. Dropping it ends it.
pub(super) struct Node {
    peer: &'static str,
    child: Child,
    requests: ChildStdin,
    answers: Receiver<std::io::Result<String>>,
    last_id: u64,
}

#[derive(Deserialize)]
struct Answer {
    id: u64,
    #[serde(default)]
    ok: Value,
    error: Option<String>,
}

impl Node {
    /// Starts a program of a folder beside this package's manifest, into which `npm ci` has brought
    /// what it imports.
    pub(super) fn start(
        peer: &'static str,
        folder: &str,
        program: &str,
    ) -> Result<Self, PeerError> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        if !folder.join("node_modules").is_dir() {
            let remedy = "run `npm ci` in interop/ts-mls";
            return Err(PeerError::NotInstalled { peer, remedy });
        }
        // Warnings of Node itself would stand between the lines of whoever watches.
        let mut command = Command::new("node");
        command.arg("--no-warnings").arg(folder.join(program));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| {
            if error.kind() == std::io::ErrorKind::NotFound {
                let remedy = "install Node.js 20 or later";
                PeerError::NotInstalled { peer, remedy }
            } else {
                gone(peer, error)
            }
        })?;
        let requests = child.stdin.take().expect("stdin is piped");
        let lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        let (tell, answers) = channel();
        // Ends with the program, or when nobody listens any more.
        thread::spawn(move || {
            lines
                .map(|line| tell.send(line))
                .take_while(Result::is_ok)
                .count()
        });
        Ok(Self {
            peer,
            child,
            requests,
            answers,
            last_id: 0,
        })
    }

    /// Asks for an operation, `what` in words; `request` is an object with its arguments.
    pub(super) fn ask<T: DeserializeOwned>(
        &mut self,
        op: &'static str,
        what: &'static str,
        mut request: Value,
    ) -> Result<T, PeerError> {
        self.last_id += 1;
        request["op"] = op.into();
        request["id"] = self.last_id.into();
        let written = writeln!(self.requests, "{request}").and_then(|()| self.requests.flush());
        written.map_err(|error| gone(self.peer, error))?;
        let answer: Answer = read(self.peer, &self.next_line()?)?;
        if answer.id != self.last_id {
            let why = format!("it answers request {} with {}", self.last_id, answer.id);
            return Err(gone(self.peer, why));
        }
        match answer.error {
            Some(why) => Err(PeerError::Refused {
                peer: self.peer,
                what,
                why,
            }),
            None => serde_json::from_value(answer.ok).map_err(|error| gone(self.peer, error)),
        }
    }

    fn next_line(&self) -> Result<String, PeerError> {
        match self.answers.recv_timeout(PATIENCE) {
            Ok(line) => line.map_err(|error| gone(self.peer, error)),
            Err(RecvTimeoutError::Disconnected) => Err(gone(self.peer, "its process has ended")),
            Err(RecvTimeoutError::Timeout) => {
                let why = format!("it has not answered for {PATIENCE:?}");
                Err(gone(self.peer, why))
            }
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Fails only for a process that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(peer: &'static str, line: &str) -> Result<Answer, PeerError> {
    serde_json::from_str(line).map_err(|error| gone(peer, format!("{error} in {line:?}")))
}

fn gone(peer: &'static str, why: impl std::fmt::Display) -> PeerError {
    let why = why.to_string();
    PeerError::Gone { peer, why }
}
