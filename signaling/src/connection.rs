//! One connection: reads envelopes, writes what the room queued, never waits for anybody else.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use mls_srtp::delivery::{ClientMessage, MAX_ENVELOPE_BYTES, Refusal, ServiceMessage};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Error as WsError;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::config::ServiceConfig;
use crate::room::ClientId;
use crate::service::Service;

/// How long a client may take to open the WebSocket and to say hello.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// Refused envelopes in a row after which a client is given up.
const MAX_FAULTS: u32 = 32;

/// What waits to be written to one client.
pub(crate) enum Outgoing {
    /// An envelope.
    Envelope(ServiceMessage),
    /// Say goodbye and end.
    Close,
}

/// Serves one connection to its end.
pub(crate) async fn serve(stream: TcpStream, client: ClientId, service: Arc<Service>) {
    let limits = WebSocketConfig::default()
        .max_message_size(Some(MAX_ENVELOPE_BYTES))
        .max_frame_size(Some(MAX_ENVELOPE_BYTES));
    let accepting = tokio_tungstenite::accept_async_with_config(stream, Some(limits));
    let socket = match tokio::time::timeout(HELLO_TIMEOUT, accepting).await {
        Ok(Ok(socket)) => socket,
        Ok(Err(error)) => return tracing::debug!(%error, "no WebSocket"),
        Err(_) => return tracing::debug!("no WebSocket in time"),
    };
    let (sink, stream) = socket.split();
    let (queue, outgoing) = mpsc::channel(service.config().client_queue);
    service.connected(client, queue);
    let mut reader = Reader::new(client, Arc::clone(&service));
    let timeout = service.config().write_timeout;
    tokio::select! {
        () = reader.run(stream) => {}
        () = write(sink, outgoing, timeout) => {}
    }
    service.disconnected(client);
}

/// Writes until told to close, or until the client takes nothing any more.
async fn write(
    mut sink: SplitSink<WebSocketStream<TcpStream>, Message>,
    mut outgoing: mpsc::Receiver<Outgoing>,
    timeout: Duration,
) {
    while let Some(next) = outgoing.recv().await {
        let message = match next {
            Outgoing::Envelope(message) => match serde_json::to_string(&message) {
                Ok(json) => Message::text(json),
                Err(error) => {
                    tracing::error!(%error, "an envelope of ours cannot be encoded");
                    continue;
                }
            },
            Outgoing::Close => break,
        };
        match tokio::time::timeout(timeout, sink.send(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
    let _ = tokio::time::timeout(timeout, sink.close()).await;
}

struct Reader {
    client: ClientId,
    service: Arc<Service>,
    bucket: Bucket,
    entered: bool,
    faults: u32,
}

impl Reader {
    fn new(client: ClientId, service: Arc<Service>) -> Self {
        let bucket = Bucket::full(service.config());
        Self {
            client,
            service,
            bucket,
            entered: false,
            faults: 0,
        }
    }

    /// Reads until the client is gone or given up.
    async fn run(&mut self, mut stream: SplitStream<WebSocketStream<TcpStream>>) {
        loop {
            let next = stream.next();
            let next = if self.entered {
                next.await
            } else {
                match tokio::time::timeout(HELLO_TIMEOUT, next).await {
                    Ok(next) => next,
                    Err(_) => return,
                }
            };
            let refused = match next {
                Some(Ok(Message::Text(text))) => self.take(text.as_bytes()),
                Some(Ok(Message::Binary(_))) => {
                    Err((Refusal::Malformed, "envelopes are text frames".into()))
                }
                Some(Ok(Message::Close(_))) | None => return,
                Some(Ok(_)) => Ok(()),
                Some(Err(WsError::Capacity(CapacityError::MessageTooLong { size, .. }))) => {
                    // The frame was not read, so the stream cannot go on.
                    let detail = format!("{size} bytes, the limit is {MAX_ENVELOPE_BYTES}");
                    self.refuse(Refusal::TooLarge, detail);
                    return self.give_up().await;
                }
                Some(Err(_)) => return,
            };
            match refused {
                Ok(()) => self.faults = 0,
                Err((reason, detail)) => {
                    self.refuse(reason, detail);
                    self.faults += 1;
                    if self.faults >= MAX_FAULTS {
                        return self.give_up().await;
                    }
                }
            }
        }
    }

    fn take(&mut self, json: &[u8]) -> Result<(), (Refusal, String)> {
        if !self.bucket.take(Instant::now()) {
            return Err((
                Refusal::RateLimited,
                "too many messages; wait a second".into(),
            ));
        }
        let message: ClientMessage = serde_json::from_slice(json)
            .map_err(|error| (Refusal::Malformed, error.to_string()))?;
        if self.entered {
            self.service.handle(self.client, message);
            return Ok(());
        }
        self.service.hello(self.client, message)?;
        self.entered = true;
        Ok(())
    }

    fn refuse(&self, reason: Refusal, detail: String) {
        let request = if self.entered { "message" } else { "hello" }.to_owned();
        let refused = ServiceMessage::Refused {
            request,
            reason,
            detail,
        };
        self.service.send(self.client, refused);
    }

    /// Lets the writer say what is queued and close; it ends this connection.
    async fn give_up(&self) {
        self.service.close(self.client);
        tokio::time::sleep(HELLO_TIMEOUT).await;
    }
}

/// A token bucket: a burst at once, a rate in the long run.
struct Bucket {
    tokens: f64,
    burst: f64,
    rate: f64,
    filled: Instant,
}

impl Bucket {
    fn full(config: &ServiceConfig) -> Self {
        let burst = f64::from(config.burst);
        Self {
            tokens: burst,
            burst,
            rate: f64::from(config.rate),
            filled: Instant::now(),
        }
    }

    fn take(&mut self, now: Instant) -> bool {
        let gained = now.saturating_duration_since(self.filled).as_secs_f64() * self.rate;
        self.tokens = (self.tokens + gained).min(self.burst);
        self.filled = now;
        let enough = self.tokens >= 1.0;
        if enough {
            self.tokens -= 1.0;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_a_burst_and_then_a_rate() {
        let config = ServiceConfig {
            burst: 3,
            rate: 10,
            ..ServiceConfig::default()
        };
        let mut bucket = Bucket::full(&config);
        let start = bucket.filled;
        assert!((0..3).all(|_| bucket.take(start)));
        assert!(!bucket.take(start));
        assert!(bucket.take(start + Duration::from_millis(100)));
        assert!(!bucket.take(start + Duration::from_millis(101)));
    }
}
