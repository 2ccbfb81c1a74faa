//! A room on a delivery service with everybody who takes part, each over its own WebSocket.

use std::time::Duration;

use futures_util::stream::SplitSink;
use futures_util::{SinkExt, StreamExt};
use mls_srtp::delivery::{ClientMessage, ServiceMessage};
use mls_srtp::event::Event;
use mls_srtp::group::GroupError;
use mls_srtp::id::{InvalidId, ParticipantId, RoomName};
use mls_srtp::manager::Misuse;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::ours::Ours;
use crate::participant::{Participant, ParticipantError};
use crate::peer::PeerKind;
use crate::reading::Reading;

/// Nothing takes that long; it only ends what would hang.
const PATIENCE: Duration = Duration::from_secs(30);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A place in the call, in the order of entering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat(usize);

/// The call.
pub struct Call {
    url: String,
    room: RoomName,
    taken: Vec<Taken>,
    heard: mpsc::UnboundedReceiver<Heard>,
    teller: mpsc::UnboundedSender<Heard>,
}

/// Somebody in the call.
struct Taken {
    client: Client,
    sink: SplitSink<Socket, Message>,
    /// Which of its connections this is: what an older one still says is not for it.
    connection: u32,
    closed: bool,
}

/// One of ours or somebody else's.
enum Client {
    Ours(Box<Ours>),
    Other(Box<Participant>),
}

/// What came over a connection; nothing when it has ended.
struct Heard {
    seat: usize,
    connection: u32,
    message: Option<Result<ServiceMessage, serde_json::Error>>,
}

/// Why a call cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Somebody else's MLS, or the service towards it, refused.
    #[error(transparent)]
    Participant(#[from] ParticipantError),
    /// The service cannot be reached.
    #[error("the service cannot be reached, or the connection broke: {0}")]
    Connection(#[from] Box<tungstenite::Error>),
    /// The service said what is no envelope.
    #[error("the service said what is no envelope: {0}")]
    Envelope(#[from] serde_json::Error),
    /// Our key manager refused a command.
    #[error("our key manager: {0}")]
    Misuse(#[from] Misuse),
    /// Our key manager did not start.
    #[error("our key manager: {0}")]
    Group(#[from] GroupError),
    /// A name is none.
    #[error(transparent)]
    Name(#[from] InvalidId),
    /// Our key manager ended its stay, or was refused something.
    #[error("our key manager: {0:?}")]
    Ours(Box<Event>),
    /// What was waited for did not happen.
    #[error("not in time: {0}")]
    NotInTime(String),
}

impl Call {
    /// A room on the service at `url`; nobody is in it yet.
    pub fn new(url: &str, room: RoomName) -> Self {
        let (teller, heard) = mpsc::unbounded_channel();
        Self {
            url: url.to_owned(),
            room,
            taken: Vec::new(),
            heard,
            teller,
        }
    }

    /// One of ours enters.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn enter_ours(&mut self, user: &str) -> Result<Seat, CallError> {
        let mut ours = Ours::new(name(user)?)?;
        ours.join(self.room.clone())?;
        self.take(Client::Ours(Box::new(ours))).await
    }

    /// Somebody with another implementation enters.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn enter(&mut self, kind: PeerKind) -> Result<Seat, CallError> {
        let name = name(kind.name())?;
        let peer = kind.open(&name).map_err(ParticipantError::from)?;
        let mut other = Participant::new(name, self.room.clone(), peer);
        other.connected();
        self.take(Client::Other(Box::new(other))).await
    }

    async fn take(&mut self, client: Client) -> Result<Seat, CallError> {
        let seat = self.taken.len();
        let sink = self.connect(seat, 0).await?;
        self.taken.push(Taken {
            client,
            sink,
            connection: 0,
            closed: false,
        });
        self.flush().await?;
        Ok(Seat(seat))
    }

    /// Opens a connection whose words go into the one queue of all.
    async fn connect(
        &self,
        seat: usize,
        connection: u32,
    ) -> Result<SplitSink<Socket, Message>, CallError> {
        let opened = tokio_tungstenite::connect_async(&self.url).await;
        let (socket, _) = opened.map_err(Box::new)?;
        let (sink, mut stream) = socket.split();
        let teller = self.teller.clone();
        tokio::spawn(async move {
            let tell = |message| {
                let heard = Heard {
                    seat,
                    connection,
                    message,
                };
                teller.send(heard).is_ok()
            };
            while let Some(Ok(message)) = stream.next().await {
                if let Message::Text(json) = message
                    && !tell(Some(serde_json::from_str(&json)))
                {
                    return;
                }
            }
            tell(None);
        });
        Ok(sink)
    }

    /// Somebody with another implementation loses its state and connects anew.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn lose_state(&mut self, seat: Seat) -> Result<(), CallError> {
        let connection = self.taken[seat.0].connection + 1;
        let sink = self.connect(seat.0, connection).await?;
        let taken = &mut self.taken[seat.0];
        let mut old = std::mem::replace(&mut taken.sink, sink);
        taken.connection = connection;
        // The service may have closed it already.
        let _ = old.close().await;
        if let Client::Other(other) = &mut taken.client {
            other.lose_state();
            other.connected();
        }
        self.flush().await
    }

    /// Somebody with another implementation commits from now on only when it is told to.
    pub fn hold_back(&mut self, seat: Seat) {
        if let Client::Other(other) = &mut self.taken[seat.0].client {
            other.hold_back();
        }
    }

    /// Somebody with another implementation commits what is proposed, or renews its leaf.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn commit(&mut self, seat: Seat) -> Result<(), CallError> {
        if let Client::Other(other) = &mut self.taken[seat.0].client {
            other.commit()?;
        }
        self.flush().await
    }

    /// Somebody asks to be removed.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn leave(&mut self, seat: Seat) -> Result<(), CallError> {
        match &mut self.taken[seat.0].client {
            Client::Ours(ours) => ours.leave()?,
            Client::Other(other) => other.leave(),
        }
        self.flush().await
    }

    /// Somebody asks that somebody else be removed.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn evict(&mut self, seat: Seat, whom: Seat) -> Result<(), CallError> {
        let whom = self.taken[whom.0].client.name().clone();
        match &mut self.taken[seat.0].client {
            Client::Ours(ours) => ours.evict(whom)?,
            Client::Other(other) => other.evict(whom),
        }
        self.flush().await
    }

    /// Takes part until everybody in the call is in one epoch, and they are so many.
    ///
    /// # Errors
    /// [`CallError::NotInTime`], or whatever comes before.
    pub async fn until_members(&mut self, count: usize) -> Result<(), CallError> {
        let what = format!("all {count} members in one epoch");
        self.until(&what, |call| call.are_together(count)).await
    }

    /// The same, in a later epoch than now.
    ///
    /// # Errors
    /// [`CallError::NotInTime`], or whatever comes before.
    pub async fn until_next_epoch(&mut self, count: usize) -> Result<(), CallError> {
        let what = format!("all {count} members in the next epoch");
        let epoch = |call: &Self| {
            let last = call
                .present()
                .filter_map(|taken| taken.client.readings().last());
            last.map(|reading| reading.secrets.epoch).max()
        };
        let now = epoch(self);
        self.until(&what, |call| call.are_together(count) && epoch(call) > now)
            .await
    }

    /// Takes part until somebody's own MLS has said that it is out.
    ///
    /// # Errors
    /// [`CallError::NotInTime`], or whatever comes before.
    pub async fn until_out(&mut self, seat: Seat) -> Result<(), CallError> {
        let what = format!("{} is out", self.taken[seat.0].client.name());
        self.until(&what, |call| call.taken[seat.0].client.is_out())
            .await
    }

    /// Takes part until so many proposals wait for somebody with another implementation.
    ///
    /// # Errors
    /// [`CallError::NotInTime`], or whatever comes before.
    pub async fn until_proposed(&mut self, seat: Seat, count: usize) -> Result<(), CallError> {
        let what = format!("{count} proposals");
        self.until(&what, |call| match &call.taken[seat.0].client {
            Client::Other(other) => other.proposed() == count,
            Client::Ours(_) => true,
        })
        .await
    }

    fn present(&self) -> impl Iterator<Item = &Taken> {
        self.taken.iter().filter(|taken| !taken.client.is_out())
    }

    fn are_together(&self, count: usize) -> bool {
        let mut last = self.present().map(|taken| taken.client.readings().last());
        let Some(Some(first)) = last.next() else {
            return false;
        };
        let at = |reading: &Reading| (reading.secrets.group_id, reading.secrets.epoch);
        first.secrets.roster.len() == count
            && self.present().count() == count
            && last.all(|other| other.is_some_and(|other| at(other) == at(first)))
    }

    async fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) -> Result<(), CallError> {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(self) {
            let due = self.taken.iter().filter_map(|taken| taken.client.due_in());
            let due = due.min().map_or(deadline, |due| Instant::now() + due);
            tokio::select! {
                Some(heard) = self.heard.recv() => self.hear(heard)?,
                () = sleep_until(due.min(deadline)) => {
                    if Instant::now() >= deadline {
                        return Err(CallError::NotInTime(what.to_owned()));
                    }
                    for taken in &mut self.taken {
                        taken.client.handle_timeout();
                    }
                }
            }
            self.flush().await?;
            self.check_ours()?;
        }
        Ok(())
    }

    fn hear(&mut self, heard: Heard) -> Result<(), CallError> {
        let taken = &mut self.taken[heard.seat];
        if taken.connection != heard.connection {
            return Ok(());
        }
        match heard.message {
            Some(message) => taken.client.hear(message?)?,
            None => taken.closed = true,
        }
        Ok(())
    }

    /// Sends what everybody wants sent.
    async fn flush(&mut self) -> Result<(), CallError> {
        for taken in &mut self.taken {
            while let Some(message) = taken.client.poll_send() {
                let json = serde_json::to_string(&message)?;
                // Who was removed may still have something to say.
                let sent = taken.sink.send(Message::text(json)).await;
                if !taken.closed && !taken.client.is_out() {
                    sent.map_err(Box::new)?;
                }
            }
        }
        Ok(())
    }

    /// What our own side does not do on its own account ends the call.
    fn check_ours(&self) -> Result<(), CallError> {
        let ours = self.taken.iter().filter_map(|taken| taken.client.ours());
        let mut events = ours.flat_map(Ours::events);
        let fault = events.find(|event| {
            matches!(
                event,
                Event::Refused { .. }
                    | Event::Fatal(_)
                    | Event::Untrusted { .. }
                    | Event::Resyncing { .. }
                    | Event::JoinerDeclined { .. }
            )
        });
        fault.map_or(Ok(()), |event| {
            Err(CallError::Ours(Box::new(event.clone())))
        })
    }

    /// Who sits there, and how its own MLS says that its stay ended.
    pub fn end_of(&self, seat: Seat) -> (&ParticipantId, Option<&'static str>) {
        let client = &self.taken[seat.0].client;
        (client.name(), client.end())
    }

    /// What everybody had in each of its epochs.
    pub fn readings(&self) -> impl Iterator<Item = &Reading> {
        self.taken.iter().flat_map(|taken| taken.client.readings())
    }
}

impl Client {
    fn name(&self) -> &ParticipantId {
        match self {
            Self::Ours(ours) => ours.name(),
            Self::Other(other) => other.name(),
        }
    }

    fn ours(&self) -> Option<&Ours> {
        match self {
            Self::Ours(ours) => Some(ours),
            Self::Other(_) => None,
        }
    }

    fn readings(&self) -> &[Reading] {
        match self {
            Self::Ours(ours) => ours.readings(),
            Self::Other(other) => other.readings(),
        }
    }

    /// How its own MLS says that its stay ended.
    fn end(&self) -> Option<&'static str> {
        match self {
            Self::Ours(ours) => ours.end(),
            Self::Other(other) => other.saw_own_removal().then_some("removed"),
        }
    }

    fn is_out(&self) -> bool {
        self.end().is_some()
    }

    fn hear(&mut self, message: ServiceMessage) -> Result<(), CallError> {
        match self {
            Self::Ours(ours) => ours.hear(message),
            Self::Other(other) => other.hear(message)?,
        }
        Ok(())
    }

    fn poll_send(&mut self) -> Option<ClientMessage> {
        match self {
            Self::Ours(ours) => ours.poll_send(),
            Self::Other(other) => other.poll_send(),
        }
    }

    fn due_in(&self) -> Option<Duration> {
        self.ours().and_then(Ours::due_in)
    }

    fn handle_timeout(&mut self) {
        if let Self::Ours(ours) = self {
            ours.handle_timeout();
        }
    }
}

fn name(user: &str) -> Result<ParticipantId, InvalidId> {
    ParticipantId::new(user, "example.org", "interop")
}
