//! A Node program that answers one JSON object a line, and its life.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{PeerError, packages};

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
    /// Starts a program of a folder of this package, into which `npm ci` has brought what it imports.
    pub(super) fn start(
        peer: &'static str,
        folder: &str,
        program: &str,
    ) -> Result<Self, PeerError> {
        let folder = packages::folder(folder);
        if !folder.join("node_modules").is_dir() {
            let remedy = "run `npm ci` in interop/ts-mls";
            return Err(PeerError::NotInstalled { peer, remedy });
        }
        let mut node = Command::new("node");
        // Warnings of Node itself would stand between the lines of whoever watches.
        node.arg("--no-warnings").arg(folder.join(program));
        Self::spawn(peer, node)
    }

    fn spawn(peer: &'static str, mut command: Command) -> Result<Self, PeerError> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| {
            if error.kind() == std::io::ErrorKind::NotFound {
                let remedy = "install Node.js 18 or later";
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of one request to a shell script.
    fn ask(script: &str) -> Result<String, PeerError> {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]);
        let mut node = Node::spawn("a script", shell)?;
        node.ask("view", "tell", serde_json::json!({}))
    }

    fn assert_gone(script: &str, why: &str) {
        match ask(script) {
            Err(PeerError::Gone { why: said, .. }) if said.contains(why) => {}
            other => panic!("{script}: {other:?}"),
        }
    }

    #[test]
    fn an_answer_is_a_value_or_a_refusal_in_words() {
        let answer = ask(r#"read -r _; echo '{"id":1,"ok":"yes"}'"#);
        assert_eq!(answer.expect("an answer"), "yes");
        let refused = ask(r#"read -r _; echo '{"id":1,"error":"in no group"}'"#);
        let refused = refused.expect_err("a refusal").to_string();
        assert_eq!(refused, "a script refused to tell: in no group");
    }

    #[test]
    fn who_ends_or_speaks_nonsense_is_gone() {
        assert_gone("read -r _", "ended");
        assert_gone("read -r _; echo hello", "hello");
        assert_gone(
            r#"read -r _; echo '{"id":2,"ok":"yes"}'"#,
            "request 1 with 2",
        );
        assert_gone(r#"read -r _; echo '{"id":1,"ok":7}'"#, "invalid type");
        assert_gone(r#"read -r _; printf '\377\n'"#, "UTF-8");
    }

    #[test]
    fn what_is_not_installed_says_how_to_install_it() {
        let missing = Node::start("a peer", "no-such-folder", "peer.mjs");
        let Err(missing @ PeerError::NotInstalled { .. }) = missing else {
            panic!("started without its packages");
        };
        assert!(missing.to_string().contains("npm ci"), "{missing}");
        let missing = Node::spawn("a peer", Command::new("/no/such/node"));
        let Err(missing @ PeerError::NotInstalled { .. }) = missing else {
            panic!("started without Node");
        };
        assert!(missing.to_string().contains("install Node.js"), "{missing}");
    }

    #[test]
    fn the_program_ends_when_nobody_needs_it() {
        let mut sleeper = Command::new("sleep");
        sleeper.arg("600");
        let node = Node::spawn("a sleeper", sleeper).expect("it starts");
        let pid = node.child.id().to_string();
        let runs = || {
            let signal = Command::new("kill").args(["-0", &pid]).output();
            signal.expect("kill is there").status.success()
        };
        assert!(runs());
        drop(node);
        assert!(!runs());
    }
}
