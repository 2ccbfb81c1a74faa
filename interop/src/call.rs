//! A room on a delivery service with everybody who takes part, each over its own WebSocket.

mod waiting;

use std::collections::BTreeMap;

use mls_srtp::event::Event;
use mls_srtp::group::GroupError;
use mls_srtp::id::{InvalidId, ParticipantId, RoomName, Ssrc};
use mls_srtp::manager::Misuse;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite;

use crate::announcement::Heard;
use crate::client::Client;
use crate::line::{Line, LineId, Word};
use crate::ours::Ours;
use crate::participant::{Participant, ParticipantError};
use crate::peer::PeerKind;
use crate::reading::Reading;

/// A place in the call, in the order of entering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat(usize);

/// The call.
pub struct Call {
    url: String,
    room: RoomName,
    taken: Vec<Taken>,
    words: mpsc::UnboundedReceiver<Word>,
    teller: mpsc::UnboundedSender<Word>,
}

/// Somebody in the call.
struct Taken {
    client: Client,
    line: Line,
    closed: bool,
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
        let (teller, words) = mpsc::unbounded_channel();
        Self {
            url: url.to_owned(),
            room,
            taken: Vec::new(),
            words,
            teller,
        }
    }

    /// One of ours enters.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn enter_ours(&mut self, user: &str) -> Result<Seat, CallError> {
        let mut ours = Ours::new(name(user)?, self.next_ssrc())?;
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
        let mut other = Participant::new(name, self.next_ssrc(), self.room.clone(), peer);
        other.connected();
        self.take(Client::Other(Box::new(other))).await
    }

    /// Everybody has one stream.
    fn next_ssrc(&self) -> Ssrc {
        let seat = u32::try_from(self.taken.len()).unwrap_or_default();
        Ssrc::new(0x1f2e_0000 + seat)
    }

    async fn take(&mut self, client: Client) -> Result<Seat, CallError> {
        let seat = self.taken.len();
        let line = self.connect(LineId::first(seat)).await?;
        self.taken.push(Taken {
            client,
            line,
            closed: false,
        });
        self.flush().await?;
        Ok(Seat(seat))
    }

    async fn connect(&self, id: LineId) -> Result<Line, CallError> {
        Ok(Line::open(&self.url, id, self.teller.clone()).await?)
    }

    /// Somebody loses its state, all but its name and signature key, and connects anew.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn lose_state(&mut self, seat: Seat) -> Result<(), CallError> {
        let line = self.connect(self.taken[seat.0].line.id().next()).await?;
        let taken = &mut self.taken[seat.0];
        std::mem::replace(&mut taken.line, line).close().await;
        match &mut taken.client {
            Client::Ours(ours) => {
                ours.lose_state();
                ours.join(self.room.clone())?;
            }
            Client::Other(other) => {
                other.lose_state();
                other.connected();
            }
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

    /// Sends what everybody wants sent.
    async fn flush(&mut self) -> Result<(), CallError> {
        for taken in &mut self.taken {
            while let Some(message) = taken.client.poll_send() {
                let sent = taken.line.say(&message).await;
                // Who was removed may still have something to say.
                if !taken.closed && !taken.client.is_out() {
                    sent?;
                }
            }
        }
        Ok(())
    }

    /// Who sits there, and how its own MLS says that its stay ended.
    pub fn end_of(&self, seat: Seat) -> (&ParticipantId, Option<&'static str>) {
        let client = &self.taken[seat.0].client;
        (client.name(), client.end())
    }

    /// Whose streams everybody knows.
    pub fn heard(&self) -> BTreeMap<ParticipantId, Heard> {
        let all = self.taken.iter().map(|taken| &taken.client);
        all.map(|client| (client.name().clone(), client.heard().clone()))
            .collect()
    }

    /// What everybody had in each of its epochs.
    pub fn readings(&self) -> impl Iterator<Item = &Reading> {
        self.taken.iter().flat_map(|taken| taken.client.readings())
    }
}

fn name(user: &str) -> Result<ParticipantId, InvalidId> {
    ParticipantId::new(user, "example.org", "interop")
}
