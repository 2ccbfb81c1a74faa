//! The service's process, from outside: started, killed and started again.

use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mls_srtp_participant::signaling::SignalingError;
use mls_srtp_participant::trust::TrustError;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::usage::{self, Usage};

/// How long the service may take to say where it is.
const START: Duration = Duration::from_secs(20);

const SIGKILL: i32 = 9;

/// Why there is no service.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The system does not let us.
    #[error("the service's process cannot be started: {0}")]
    Start(#[from] std::io::Error),
    /// It ended, or did not say where it listens.
    #[error("the service did not say where it listens; what it said instead: {0:?}")]
    Silent(String),
    /// The file with trusted certificates cannot be used.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The certificate of somebody else's service is refused.
    #[error(transparent)]
    Certificate(SignalingError),
}

/// The process that serves.
pub struct Service {
    /// With the database.
    folder: TempDir,
    media: bool,
    post_quantum: bool,
    address: Mutex<SocketAddr>,
    process: Mutex<Process>,
}

/// How a process ended that we have not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// By a SIGKILL that was not ours.
    Killed,
    /// By itself.
    Failed,
}

#[derive(Default)]
struct Process {
    child: Option<Child>,
    /// By us.
    killed: bool,
    /// The process ends by itself when this closes.
    _stdin: Option<ChildStdin>,
    /// Of processes before this one.
    before: Usage,
}

impl Service {
    /// Starts the service on a free port.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn start(media: bool, post_quantum: bool) -> Result<Self, ServiceError> {
        let service = Self {
            folder: tempfile::Builder::new()
                .prefix("mls-srtp-load-")
                .tempdir()?,
            media,
            post_quantum,
            address: Mutex::new(([127, 0, 0, 1], 0).into()),
            process: Mutex::default(),
        };
        service.restart().await?;
        Ok(service)
    }

    /// Starts it again, on the same port.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn restart(&self) -> Result<(), ServiceError> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("service")
            .args(["--listen", &lock(&self.address).to_string()])
            .arg("--store")
            .arg(self.store());
        if self.media {
            command.arg("--media");
        }
        if self.post_quantum {
            command.arg("--post-quantum");
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take();
        {
            let mut process = lock(&self.process);
            process._stdin = child.stdin.take();
            process.child = Some(child);
            process.killed = false;
        }
        let said = async {
            let stdout = tokio::process::ChildStdout::from_std(stdout?).ok()?;
            let mut lines = BufReader::new(stdout).lines();
            lines.next_line().await.ok()?
        };
        let said = tokio::time::timeout(START, said).await.ok().flatten();
        let said = said.unwrap_or_default();
        let address = said.strip_prefix("ws://").and_then(|at| at.parse().ok());
        *lock(&self.address) = address.ok_or(ServiceError::Silent(said))?;
        Ok(())
    }

    /// Where clients connect.
    pub fn url(&self) -> String {
        format!("ws://{}/", lock(&self.address))
    }

    /// The database.
    pub fn store(&self) -> PathBuf {
        self.folder.path().join("service.db")
    }

    /// SIGKILL, now. [`Self::buried`] waits until it is dead.
    pub fn kill(&self) {
        let mut process = lock(&self.process);
        process.killed = true;
        if let Some(child) = &mut process.child {
            // One that is dead already is as good.
            let _ = child.kill();
        }
    }

    /// Whether the process has ended though nobody has killed it here, and if so, whether somebody
    /// else has.
    pub fn has_died(&self) -> Option<Death> {
        let mut process = lock(&self.process);
        if process.killed {
            return None;
        }
        let status = process.child.as_mut()?.try_wait().ok()??;
        Some(match status.signal() {
            Some(SIGKILL) => Death::Killed,
            _ => Death::Failed,
        })
    }

    /// Waits for the end of the killed process: then nobody holds its files any more.
    pub fn buried(&self) {
        let mut process = lock(&self.process);
        if let Some(mut child) = process.child.take() {
            // A dead process still has its figures until it is waited for.
            let used = usage::of(Path::new("/proc").join(child.id().to_string()));
            process.before = process.before.and(used);
            let _ = child.wait();
        }
    }

    /// What it has used so far, over all its processes.
    pub fn usage(&self) -> Usage {
        let process = lock(&self.process);
        let now = process.child.as_ref().map(|child| {
            let folder = Path::new("/proc").join(child.id().to_string());
            usage::of(folder)
        });
        process.before.and(now.unwrap_or_default())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.kill();
        self.buried();
    }
}

/// Nothing in here panics between two changes.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
