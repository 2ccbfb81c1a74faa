//! A client's WebSocket, which can be cut, and which counts what goes through it.
//!
//! Sockets are served by threads of their own. Where a thousand clients compute on two cores, each
//! would otherwise answer the service's pings only when its turn to compute has come, and count as
//! lost; clients on machines of their own answer at once.

use std::sync::OnceLock;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use mls_srtp::delivery::ClientMessage;
use mls_srtp_participant::connect::{Socket, connect};
use mls_srtp_participant::retry::Backoff;
use mls_srtp_participant::session::LinkConfig;
use mls_srtp_participant::trust::Trust;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// How long a write may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Threads for all sockets.
const THREADS: usize = 2;

/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// What a wire has to tell.
pub(super) enum Heard {
    /// One JSON envelope.
    Envelope(Vec<u8>),
    /// The connection is gone, and is being made again.
    Lost,
    /// The connection is there, for the first time or again.
    Up,
}

/// A task on the threads for sockets; dropped, it ends at once.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What is to be sent, and where to say that it was.
type Outgoing = (Utf8Bytes, oneshot::Sender<()>);

/// An open connection.
struct Line {
    outgoing: mpsc::Sender<Outgoing>,
    incoming: mpsc::UnboundedReceiver<Utf8Bytes>,
    task: Task,
    since: Instant,
}

enum State {
    Up(Line),
    /// Gone; not told yet.
    Broken {
        lived: Duration,
        wait: Duration,
    },
    Connecting {
        line: oneshot::Receiver<Line>,
        /// Ends the attempt.
        _task: Task,
    },
}

/// The connection of one client. Dropped, it breaks without a goodbye, as a process that dies
/// leaves it.
pub(super) struct Wire {
    url: String,
    trust: Trust,
    backoff: Backoff,
    state: State,
}

impl Wire {
    /// Begins to connect.
    pub(super) fn connect(url: &str, trust: &Trust) -> Self {
        Self {
            url: url.to_owned(),
            trust: trust.clone(),
            backoff: Backoff::new(LinkConfig::default().retry),
            state: attempt(url.to_owned(), trust.clone(), Duration::ZERO),
        }
    }

    /// Sends an envelope if there is a connection; says how many bytes it has, once they are out.
    pub(super) async fn send(&mut self, message: &ClientMessage) -> usize {
        let State::Up(line) = &mut self.state else {
            return 0;
        };
        let Ok(json) = serde_json::to_string(message) else {
            return 0;
        };
        let (bytes, (done, is_out)) = (json.len(), oneshot::channel());
        if line.outgoing.send((json.into(), done)).await.is_ok() && is_out.await.is_ok() {
            return bytes;
        }
        self.broken(Duration::ZERO);
        0
    }

    /// Breaks the connection without a goodbye; it cannot be made again for `down`.
    pub(super) fn cut(&mut self, down: Duration) {
        match &self.state {
            State::Up(_) => self.broken(down),
            State::Broken { .. } => {}
            State::Connecting { .. } => self.state = self.attempt(down),
        }
    }

    /// Waits for something to tell. Cancelling loses nothing.
    pub(super) async fn next(&mut self) -> Heard {
        loop {
            match &mut self.state {
                State::Up(line) => match line.incoming.recv().await {
                    Some(text) => return Heard::Envelope(text.as_bytes().to_vec()),
                    None => self.broken(Duration::ZERO),
                },
                State::Broken { lived, wait } => {
                    self.backoff.lost_after(*lived);
                    let wait = self.backoff.delay().max(*wait);
                    self.state = self.attempt(wait);
                    return Heard::Lost;
                }
                State::Connecting { line, .. } => match line.await {
                    Ok(line) => {
                        self.state = State::Up(line);
                        return Heard::Up;
                    }
                    Err(_) => {
                        let wait = self.backoff.delay();
                        self.state = self.attempt(wait);
                    }
                },
            }
        }
    }

    /// Says goodbye if there is anybody to say it to.
    pub(super) async fn close(&mut self) {
        let (lived, wait) = (Duration::ZERO, Duration::ZERO);
        let over = State::Broken { lived, wait };
        if let State::Up(mut line) = std::mem::replace(&mut self.state, over) {
            // What is queued goes out, and then the goodbye.
            drop(line.outgoing);
            let _ = timeout(GOODBYE, &mut line.task.0).await;
        }
    }

    fn attempt(&self, wait: Duration) -> State {
        attempt(self.url.clone(), self.trust.clone(), wait)
    }

    fn broken(&mut self, wait: Duration) {
        if let State::Up(line) = &self.state {
            let lived = line.since.elapsed();
            self.state = State::Broken { lived, wait };
        }
    }
}

/// The threads that serve sockets.
fn threads() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let built = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("sockets")
            .enable_all()
            .build();
        built.expect("the system has threads")
    })
}

fn attempt(url: String, trust: Trust, wait: Duration) -> State {
    let (connected, line) = oneshot::channel();
    let connecting = async move {
        tokio::time::sleep(wait).await;
        if let Ok(socket) = connect(&url, &trust).await {
            // Nobody waits for it any more if it was cut meanwhile.
            let _ = connected.send(Line::of(socket));
        }
    };
    State::Connecting {
        line,
        _task: Task(threads().spawn(connecting)),
    }
}

impl Line {
    fn of(socket: Socket) -> Self {
        let (outgoing, to_send) = mpsc::channel(1);
        let (heard, incoming) = mpsc::unbounded_channel();
        Self {
            outgoing,
            incoming,
            task: Task(threads().spawn(carry(socket, to_send, heard))),
            since: Instant::now(),
        }
    }
}

/// Carries envelopes both ways until either side ends it. Pings are answered in passing.
async fn carry(
    socket: Socket,
    mut to_send: mpsc::Receiver<Outgoing>,
    heard: mpsc::UnboundedSender<Utf8Bytes>,
) {
    let (mut sink, mut stream) = socket.split();
    loop {
        tokio::select! {
            message = stream.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    if heard.send(text).is_err() {
                        return;
                    }
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                _ => return,
            },
            envelope = to_send.recv() => {
                let Some((json, done)) = envelope else {
                    let _ = sink.close().await;
                    return;
                };
                let sending = sink.send(Message::text(json));
                if !matches!(timeout(PATIENCE, sending).await, Ok(Ok(()))) {
                    return;
                }
                let _ = done.send(());
            }
        }
    }
}
