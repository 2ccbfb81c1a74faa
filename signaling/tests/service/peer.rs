//! Clients on real sockets: one that says what it is told to, and one with a key manager.

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use mls_srtp::delivery::{ClientMessage, PROTOCOL_VERSION, Refusal, Resume, ServiceMessage};
use mls_srtp::event::Event;
use mls_srtp::id::{ParticipantId, RoomName};
use mls_srtp::manager::Output;
use mls_srtp::time::Moment;
use mls_srtp::trust::TrustCode;
use mls_srtp::{KeyManager, ManagerConfig};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// Nothing here takes that long; it only ends a test that would hang.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub fn name(user: &str) -> ParticipantId {
    ParticipantId::new(user, "example.org", "test").expect("a name")
}

pub fn room() -> RoomName {
    RoomName::new("room").expect("a name")
}

pub fn hello(user: &str, resume: Option<Resume>) -> ClientMessage {
    ClientMessage::Hello {
        version: PROTOCOL_VERSION,
        room: room(),
        participant: name(user),
        token: None,
        proof: None,
        resume,
    }
}

/// A client that says what it is told to.
pub struct Raw {
    socket: WebSocketStream<TcpStream>,
}

impl Raw {
    pub async fn connect(address: &str) -> Self {
        Self::try_connect(address)
            .await
            .expect("the service accepts")
    }

    /// Connects with a small receive buffer, so that a client that does not read is soon full.
    pub async fn try_connect(address: &str) -> Option<Self> {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(16 * 1024).expect("allowed");
        let stream = socket
            .connect(address.parse().expect("an address"))
            .await
            .ok()?;
        let url = format!("ws://{address}/");
        let upgraded = tokio_tungstenite::client_async(url, stream).await;
        let (socket, _) = upgraded.ok()?;
        Some(Self { socket })
    }

    pub async fn send(&mut self, message: Message) {
        self.socket.send(message).await.expect("is connected");
    }

    pub async fn say(&mut self, message: &ClientMessage) {
        let json = serde_json::to_string(message).expect("encodes");
        self.send(Message::text(json)).await;
    }

    /// Sends a message of so many bytes, and waits until the service has ended the connection.
    pub async fn flood(&mut self, bytes: usize) {
        let sent = self.socket.send(Message::text("x".repeat(bytes))).await;
        while sent.is_ok() && self.next().await.is_some() {}
    }

    /// Says something so many times without waiting; the refusals until the connection ended.
    pub async fn flood_with(self, message: &ClientMessage, times: usize) -> Vec<Refusal> {
        let json = serde_json::to_string(message).expect("encodes");
        let (mut sink, mut stream) = self.socket.split();
        let say = async {
            for _ in 0..times {
                if sink.send(Message::text(json.clone())).await.is_err() {
                    return;
                }
            }
        };
        let hear = async {
            let mut refusals = Vec::new();
            while let Some(Ok(message)) = stream.next().await {
                let envelope = message.to_text().ok().map(serde_json::from_str);
                if let Some(Ok(ServiceMessage::Refused { reason, .. })) = envelope {
                    refusals.push(reason);
                }
            }
            refusals
        };
        let both = async { tokio::join!(say, hear) };
        timeout(PATIENCE, both).await.expect("it ends").1
    }

    /// The next envelope, `None` once the connection has ended.
    pub async fn next(&mut self) -> Option<ServiceMessage> {
        loop {
            match timeout(PATIENCE, self.socket.next())
                .await
                .expect("an answer in time")
            {
                Some(Ok(Message::Text(json))) => {
                    return Some(serde_json::from_str(&json).expect("an envelope"));
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// The next refusal, whatever else comes before it.
    pub async fn refusal(&mut self) -> Refusal {
        self.refused().await.0
    }

    /// The same, with what is wrong with a token.
    pub async fn refused(&mut self) -> (Refusal, Option<TrustCode>) {
        loop {
            match self.next().await.expect("the connection goes on") {
                ServiceMessage::Refused { reason, code, .. } => return (reason, code),
                _ => continue,
            }
        }
    }
}

/// A participant with a key manager.
pub struct Peer {
    pub manager: KeyManager,
    pub raw: Raw,
    started: Instant,
    pub events: Vec<Event>,
    /// All that was sent.
    pub sent: Vec<ClientMessage>,
}

impl Peer {
    pub async fn connect(address: &str, user: &str) -> Self {
        let manager = KeyManager::new(name(user), ManagerConfig::default());
        Self::enter(address, manager.expect("a key"), None).await
    }

    /// Enters with a key manager of the caller's making, and a token.
    pub async fn enter(address: &str, mut manager: KeyManager, token: Option<String>) -> Self {
        manager.join(room(), token).expect("in no room");
        let raw = Raw::connect(address).await;
        manager.handle_connected(Moment::default());
        Self {
            manager,
            raw,
            started: Instant::now(),
            events: Vec::new(),
            sent: Vec::new(),
        }
    }

    /// The connection breaks, and another one is made.
    pub async fn reconnect(&mut self, address: &str) {
        self.manager.handle_disconnected();
        self.raw = Raw::connect(address).await;
        let now = self.now();
        self.manager.handle_connected(now);
    }

    fn now(&self) -> Moment {
        Moment::new(self.started.elapsed())
    }

    /// Takes part until something is so.
    pub async fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let all = async {
            while !self.carry_out(&is_so).await {
                let now = self.now();
                let due = self.manager.poll_timeout();
                let wait = due.map_or(PATIENCE, |at| at.since(now));
                match timeout(wait, self.raw.socket.next()).await {
                    Err(_) => {
                        let now = self.now();
                        self.manager.handle_timeout(now);
                    }
                    Ok(Some(Ok(Message::Text(json)))) => {
                        let now = self.now();
                        let taken = self.manager.handle_envelope(json.as_bytes(), now);
                        taken.expect("an envelope");
                    }
                    Ok(Some(Ok(_))) => {}
                    Ok(ended) => panic!("{what}: the connection ended: {ended:?}"),
                }
            }
        };
        timeout(PATIENCE, all)
            .await
            .unwrap_or_else(|_| panic!("not in time: {what}"));
    }

    async fn carry_out(&mut self, is_so: &impl Fn(&Self) -> bool) -> bool {
        while let Some(output) = self.manager.poll_output() {
            match output {
                Output::Send(message) => {
                    self.raw.say(&message).await;
                    self.sent.push(message);
                }
                Output::Event(event) => self.events.push(event),
                _ => {}
            }
        }
        is_so(self)
    }

    /// Takes part until the group has so many members and all have its epoch.
    pub async fn until_members(&mut self, count: usize) {
        let what = format!("a group of {count}");
        self.until(&what, |peer| {
            peer.manager
                .roster()
                .is_some_and(|roster| roster.len() == count)
        })
        .await;
    }
}

/// A call of two on the service.
pub async fn two(address: &str) -> (Peer, Peer) {
    let mut alice = Peer::connect(address, "alice").await;
    alice.until_members(1).await;
    let mut bob = Peer::connect(address, "bob").await;
    tokio::join!(alice.until_members(2), bob.until_members(2));
    (alice, bob)
}
