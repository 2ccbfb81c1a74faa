//! The service as a process.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

/// A running service; killed when the test is over.
pub struct Service {
    pub child: Child,
    /// As it was said.
    pub url: String,
    pub address: String,
    /// What is said besides.
    pub stdout: BufReader<ChildStdout>,
}

impl Service {
    pub fn start(args: &[&str]) -> Self {
        Self::start_at("127.0.0.1:0", args)
    }

    /// The same on a given port. Without a word on who may enter, anyone may.
    pub fn start_at(address: &str, args: &[&str]) -> Self {
        let open = !args.iter().any(|arg| arg.starts_with("--token"));
        let mut child = command(args)
            .args(open.then_some("--open"))
            .args(["--listen", address])
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().expect("is piped"));
        stdout.read_line(&mut line).expect("says where it listens");
        let url = line.trim().rsplit_once(' ').expect("a URL").1;
        let address = url.split_once("//").expect("a URL").1.to_owned();
        Self {
            url: url.to_owned(),
            child,
            address,
            stdout,
        }
    }

    /// Kills it as the system would that has no memory left.
    pub fn kill(&mut self) {
        self.child.kill().expect("is running");
        self.child.wait().expect("ends");
    }

    #[cfg(unix)]
    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status();
        assert!(sent.expect("kill runs").success());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mls-srtp-signaling"));
    command
        .args(args)
        .env_remove("RUST_LOG")
        // Unless a test says otherwise: nothing is written where a user's own files are.
        .env("MLS_SRTP_STORE", "memory")
        .stderr(Stdio::piped());
    command
}

pub fn run(args: &[&str]) -> (Output, String) {
    let output = command(args).output().expect("runs");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, stderr)
}
