//! A client's WebSocket, which can be cut, and which counts what goes through it.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use mls_srtp::delivery::{ClientMessage, MAX_ENVELOPE_BYTES};
use mls_srtp_participant::retry::Backoff;
use mls_srtp_participant::session::LinkConfig;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

/// How long an attempt to connect, and a write, may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;
type Attempt = Pin<Box<dyn Future<Output = Option<Socket>> + Send>>;

/// What a wire has to tell.
pub(super) enum Heard {
    /// One JSON envelope.
    Envelope(Vec<u8>),
    /// The connection is gone, and is being made again.
    Lost,
    /// The connection is there, for the first time or again.
    Up,
}

enum State {
    Up {
        socket: Box<Socket>,
        since: Instant,
    },
    /// Gone; not told yet.
    Broken {
        lived: Duration,
        wait: Duration,
    },
    Connecting(Attempt),
}

/// The connection of one client. Dropped, it breaks without a goodbye, as a process that dies
/// leaves it.
pub(super) struct Wire {
    url: String,
    backoff: Backoff,
    state: State,
}

impl Wire {
    /// Begins to connect.
    pub(super) fn connect(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            backoff: Backoff::new(LinkConfig::default().retry),
            state: State::Connecting(attempt(url.to_owned(), Duration::ZERO)),
        }
    }

    /// Sends an envelope if there is a connection; says how many bytes it has.
    pub(super) async fn send(&mut self, message: &ClientMessage) -> usize {
        let State::Up { socket, since } = &mut self.state else {
            return 0;
        };
        let Ok(json) = serde_json::to_string(message) else {
            return 0;
        };
        let bytes = json.len();
        let sent = timeout(PATIENCE, socket.send(Message::text(json))).await;
        if matches!(sent, Ok(Ok(()))) {
            return bytes;
        }
        let lived = since.elapsed();
        self.broken(lived, Duration::ZERO);
        0
    }

    /// Breaks the connection without a goodbye; it cannot be made again for `down`.
    pub(super) fn cut(&mut self, down: Duration) {
        match &self.state {
            State::Up { since, .. } => {
                let lived = since.elapsed();
                self.broken(lived, down);
            }
            State::Broken { .. } => {}
            State::Connecting(_) => {
                self.state = State::Connecting(attempt(self.url.clone(), down));
            }
        }
    }

    /// Waits for something to tell. Cancelling loses nothing.
    pub(super) async fn next(&mut self) -> Heard {
        loop {
            match &mut self.state {
                State::Up { socket, since } => match socket.next().await {
                    Some(Ok(Message::Text(text))) => {
                        return Heard::Envelope(text.as_bytes().to_vec());
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    _ => {
                        let lived = since.elapsed();
                        self.broken(lived, Duration::ZERO);
                    }
                },
                State::Broken { lived, wait } => {
                    self.backoff.lost_after(*lived);
                    let wait = self.backoff.delay().max(*wait);
                    self.state = State::Connecting(attempt(self.url.clone(), wait));
                    return Heard::Lost;
                }
                State::Connecting(attempting) => match attempting.await {
                    Some(socket) => {
                        self.state = State::Up {
                            socket: Box::new(socket),
                            since: Instant::now(),
                        };
                        return Heard::Up;
                    }
                    None => {
                        let wait = self.backoff.delay();
                        self.state = State::Connecting(attempt(self.url.clone(), wait));
                    }
                },
            }
        }
    }

    /// Says goodbye if there is anybody to say it to.
    pub(super) async fn close(&mut self) {
        if let State::Up { socket, .. } = &mut self.state {
            let _ = timeout(GOODBYE, Socket::close(socket, None)).await;
        }
    }

    fn broken(&mut self, lived: Duration, wait: Duration) {
        self.state = State::Broken { lived, wait };
    }
}

fn attempt(url: String, wait: Duration) -> Attempt {
    let limits = WebSocketConfig::default()
        .max_message_size(Some(MAX_ENVELOPE_BYTES))
        .max_frame_size(Some(MAX_ENVELOPE_BYTES));
    Box::pin(async move {
        tokio::time::sleep(wait).await;
        let connecting = connect_async_with_config(&url, Some(limits), true);
        let (socket, _) = timeout(PATIENCE, connecting).await.ok()?.ok()?;
        Some(socket)
    })
}
