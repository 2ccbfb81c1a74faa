//! The SFU, put in place again whenever it dies.
//!
//! It runs on a thread of its own, and the end of its events is the one sure sign that the thread is
//! gone, whether by a bug or because it was killed.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mls_srtp_sfu::{Event, Forwarded, ServerStats, SfuConfig, SfuError, SfuHandle, SfuServer, Tap};
use tokio::sync::{mpsc, oneshot, watch};

/// How long to wait before an SFU that cannot start, because its address is taken, is tried again.
const START_AGAIN: Duration = Duration::from_secs(1);

/// What an SFU tells until it dies.
pub type Events = mpsc::UnboundedReceiver<Event>;

/// One address at which there is an SFU.
#[derive(Clone)]
pub struct Unit(Arc<Shared>);

struct Shared {
    addr: SocketAddr,
    config: SfuConfig,
    present: Mutex<Present>,
    /// How many have died and been followed by another.
    replaced: watch::Sender<u32>,
}

struct Present {
    handle: SfuHandle,
    /// `None` once all is over.
    server: Option<SfuServer>,
    /// What those before it counted. One that crashed leaves nothing.
    former: ServerStats,
    tap: Option<Arc<Mutex<Tap>>>,
}

impl Unit {
    /// Starts an SFU on `bind`.
    ///
    /// # Errors
    /// [`SfuError`], naming the address if it is taken.
    pub fn start(bind: SocketAddr, config: SfuConfig) -> Result<(Self, Events), SfuError> {
        let (server, events) = start(bind, &config)?;
        let shared = Shared {
            addr: server.local_addr(),
            config,
            present: Mutex::new(Present {
                handle: server.handle(),
                server: Some(server),
                former: ServerStats::default(),
                tap: None,
            }),
            replaced: watch::Sender::new(0),
        };
        Ok((Self(Arc::new(shared)), events))
    }

    /// The address, the same for all SFUs that there will be.
    pub fn local_addr(&self) -> SocketAddr {
        self.0.addr
    }

    /// The present SFU.
    pub fn handle(&self) -> SfuHandle {
        self.lock().handle.clone()
    }

    /// Shows every packet that is forwarded, by this SFU and those after it, to `tap`.
    pub fn set_tap(&self, tap: Tap) {
        let tap = Arc::new(Mutex::new(tap));
        let mut present = self.lock();
        set_tap(&present.handle, &tap);
        present.tap = Some(tap);
    }

    /// The counters of all SFUs so far together.
    pub async fn stats(&self) -> ServerStats {
        let (reply, stats) = oneshot::channel();
        let answer = move |result: Result<ServerStats, SfuError>| {
            let _ = reply.send(result.unwrap_or_default());
        };
        self.handle().stats(Box::new(answer));
        let mut stats = stats.await.unwrap_or_default();
        stats += &self.lock().former;
        stats
    }

    /// Kills the SFU as a crash would end it, and waits until another is in its place. Returns what
    /// was counted until then.
    pub async fn kill(&self) -> ServerStats {
        let mut replaced = self.0.replaced.subscribe();
        self.handle().kill();
        // The sender lives as long as we do.
        let _ = replaced.changed().await;
        self.lock().former.clone()
    }

    /// The SFU's events have ended: puts another one in its place, as soon as the address is free.
    pub async fn replace(&self) -> Events {
        let (server, events) = loop {
            match start(self.0.addr, &self.0.config) {
                Ok(started) => break started,
                Err(error) => tracing::error!(%error, "the SFU cannot be started again"),
            }
            tokio::time::sleep(START_AGAIN).await;
        };
        let mut present = self.lock();
        present.handle = server.handle();
        if let Some(tap) = &present.tap {
            set_tap(&present.handle, tap);
        }
        if let Some(dead) = present.server.replace(server) {
            present.former += &dead.stop();
        }
        drop(present);
        self.0.replaced.send_modify(|number| *number += 1);
        events
    }

    /// Says goodbye to everyone. Whoever calls [`Self::replace`] must not do so any more.
    pub async fn stop(self) {
        let server = self.lock().server.take();
        // Joins the SFU's thread, which ends within milliseconds.
        let _ = tokio::task::spawn_blocking(move || server.map(SfuServer::stop)).await;
    }

    fn lock(&self) -> MutexGuard<'_, Present> {
        self.0
            .present
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn start(addr: SocketAddr, config: &SfuConfig) -> Result<(SfuServer, Events), SfuError> {
    let (sender, events) = mpsc::unbounded_channel();
    let server = SfuServer::start(addr, config.clone(), move |event| {
        // The receiver goes only when everything stops.
        let _ = sender.send(event);
    })?;
    Ok((server, events))
}

fn set_tap(sfu: &SfuHandle, tap: &Arc<Mutex<Tap>>) {
    let tap = Arc::clone(tap);
    let show = move |packet: &Forwarded<'_>| {
        tap.lock().unwrap_or_else(PoisonError::into_inner)(packet);
    };
    sfu.set_tap(Some(Box::new(show)), Box::new(|_| {}));
}
