//! One connection: reads envelopes, writes what the room queued, never waits for another client.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use mls_srtp::delivery::{ClientMessage, CloseReason, MAX_ENVELOPE_BYTES, Refusal, ServiceMessage};
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval, timeout, timeout_at};
use tokio_tungstenite::tungstenite::Error as WsError;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::bucket::Bucket;
use crate::config::ServiceConfig;
use crate::http::Socket;
use crate::queue::{Outgoing, Waiting, queue};
use crate::refused::Refused;
use crate::room::ClientId;
use crate::service::Service;
use crate::threshold::{LetIn, MAX_STRANGER_BYTES};

/// Refused envelopes in a row after which a client is given up.
const MAX_FAULTS: u32 = 32;
/// Larger messages are not even read to their end. Up to here they are read and refused, and the
/// connection goes on.
const MAX_MESSAGE_BYTES: usize = MAX_ENVELOPE_BYTES + 64 * 1024;
/// What a connection has in memory all the time, in bytes each for reading and for writing. Most
/// envelopes are smaller, and there may be 10,000 connections.
const BUFFER: usize = 4 * 1024;
/// How long a goodbye may take.
const LAST_WORDS: Duration = Duration::from_secs(1);

type Sink = SplitSink<Socket, Message>;
type Stream = SplitStream<Socket>;

/// How much of a message is read before it is too much.
pub(crate) fn limits() -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES))
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
}

/// Serves one connection to its end.
pub(crate) async fn serve(socket: Socket, let_in: LetIn, client: ClientId, service: Arc<Service>) {
    let (mut sink, mut stream) = socket.split();
    let config = service.config();
    let (queue, outgoing) = queue(config.client_queue, config.client_queue_bytes);
    let (drop_it, dropped) = oneshot::channel();
    service.connected(client, queue, drop_it);
    let mut reader = Reader::new(client, let_in, Arc::clone(&service));
    let given_up = tokio::select! {
        reason = reader.run(&mut stream) => reason,
        () = write(&mut sink, outgoing, service.config()) => None,
        reason = dropped => reason.ok(),
    };
    // First of all the room learns of it: the others do not wait for what follows.
    service.disconnected(client);
    let goodbye = async {
        if let Some(reason) = given_up {
            say_goodbye(&mut sink, reason).await;
        }
        let _ = sink.close().await;
        // Unread bytes at the end would make the system reset the connection, and what was said
        // last would be lost on its way.
        while let Some(Ok(_)) = stream.next().await {}
    };
    let _ = timeout(LAST_WORDS, goodbye).await;
}

/// Writes until told to close, or until the client takes nothing any more. Pings now and then, so
/// that a client which lives has something to answer.
async fn write(sink: &mut Sink, mut outgoing: Waiting, config: &ServiceConfig) {
    let mut heartbeat = interval(config.heartbeat);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let batch = tokio::select! {
            next = outgoing.next() => match next {
                Some(batch) => batch,
                None => return,
            },
            _ = heartbeat.tick() => vec![Outgoing::Ping],
        };
        for outgoing in batch {
            let message = match outgoing {
                Outgoing::Envelope(json) => Message::Text(json),
                Outgoing::Ping => Message::Ping(Vec::new().into()),
                Outgoing::Close => return,
            };
            match timeout(config.write_timeout, sink.send(message)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return,
            }
        }
    }
}

async fn say_goodbye(sink: &mut Sink, reason: CloseReason) {
    if let Ok(json) = serde_json::to_string(&ServiceMessage::Closed { reason }) {
        let _ = sink.send(Message::text(json)).await;
    }
}

struct Reader {
    client: ClientId,
    service: Arc<Service>,
    bucket: Bucket,
    let_in: LetIn,
    entered: bool,
    faults: u32,
}

impl Reader {
    fn new(client: ClientId, let_in: LetIn, service: Arc<Service>) -> Self {
        let config = service.config();
        let bucket = Bucket::full(config.burst, config.rate, Instant::now());
        Self {
            client,
            service,
            bucket,
            let_in,
            entered: false,
            faults: 0,
        }
    }

    /// Reads until the client is gone or given up, then for the reason returned.
    async fn run(&mut self, stream: &mut Stream) -> Option<CloseReason> {
        let hello_by = tokio::time::Instant::now() + self.service.config().hello_timeout;
        loop {
            let silent_at = tokio::time::Instant::now() + self.service.config().silence;
            let deadline = if self.entered { silent_at } else { hello_by };
            let Ok(next) = timeout_at(deadline, stream.next()).await else {
                self.service.count_silent();
                return Some(CloseReason::Silent);
            };
            let mut request = None;
            let taken = match next {
                Some(Ok(Message::Text(text))) => {
                    let taken = self.take(text.as_bytes());
                    request = taken.is_err().then(|| type_of(text.as_bytes())).flatten();
                    taken
                }
                Some(Ok(Message::Binary(_))) => Err(Refused::new(
                    Refusal::Malformed,
                    "envelopes are text frames",
                )),
                Some(Ok(Message::Close(_))) | None => return None,
                // Pings and pongs: the client lives.
                Some(Ok(_)) => continue,
                Some(Err(WsError::Capacity(CapacityError::MessageTooLong { size, .. }))) => {
                    // The message was not read, so the stream cannot go on.
                    self.refuse(None, Refused::new(Refusal::TooLarge, too_large(size)));
                    return self.give_up().await;
                }
                Some(Err(WsError::Io(error))) if error.kind() == ErrorKind::QuotaExceeded => {
                    let detail = format!("more than {MAX_STRANGER_BYTES} bytes before hello");
                    self.refuse(None, Refused::new(Refusal::TooLarge, detail));
                    return self.give_up().await;
                }
                Some(Err(_)) => return None,
            };
            match taken {
                Ok(()) => self.faults = 0,
                Err(refused) => {
                    self.refuse(request, refused);
                    self.faults += 1;
                    if self.faults >= MAX_FAULTS {
                        return self.give_up().await;
                    }
                }
            }
        }
    }

    fn take(&mut self, json: &[u8]) -> Result<(), Refused> {
        if !self.bucket.take(Instant::now()) {
            let detail = "too many messages; wait a second";
            return Err(Refused::new(Refusal::RateLimited, detail));
        }
        if json.len() > MAX_ENVELOPE_BYTES {
            return Err(Refused::new(Refusal::TooLarge, too_large(json.len())));
        }
        let message: ClientMessage = serde_json::from_slice(json)
            .map_err(|error| Refused::new(Refusal::Malformed, error.to_string()))?;
        if self.entered {
            self.service.handle(self.client, message);
            return Ok(());
        }
        self.service.hello(self.client, message)?;
        self.entered = true;
        self.let_in.let_in();
        Ok(())
    }

    /// A client must know which of its requests was refused; what has no type is a "message".
    fn refuse(&self, request: Option<String>, refused: Refused) {
        let unknown = if self.entered { "message" } else { "hello" };
        let request = request
            .filter(|_| self.entered)
            .unwrap_or_else(|| unknown.to_owned());
        self.service.send(self.client, &refused.of(request));
    }

    /// Lets the writer say what is queued and close; it ends this connection.
    async fn give_up(&self) -> Option<CloseReason> {
        self.service.close(self.client);
        tokio::time::sleep(self.service.config().write_timeout).await;
        None
    }
}

/// The `type` of an envelope, short enough to be repeated.
fn type_of(json: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Typed {
        r#type: String,
    }
    let typed: Typed = serde_json::from_slice(json).ok()?;
    Some(typed.r#type).filter(|name| name.len() <= 32)
}

fn too_large(size: usize) -> String {
    format!("{size} bytes, the limit is {MAX_ENVELOPE_BYTES}")
}
