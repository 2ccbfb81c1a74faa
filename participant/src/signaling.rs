//! The connection to the delivery service: JSON envelopes over a WebSocket.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use mls_srtp::delivery::ClientMessage;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use crate::connect::{CertificateProblem, IO_TIMEOUT, Socket, connect};
use crate::trust::{Trust, TrustError};

/// Why the service could not be reached or was lost.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignalingError {
    /// Refused, not found, or no WebSocket at that address.
    #[error("cannot reach the signaling service at {url}: {reason}")]
    Unreachable {
        /// The address tried.
        url: String,
        /// The system's or the library's words.
        reason: String,
    },
    /// Its certificate is not to be believed.
    #[error("the certificate of {url} is refused: {problem}")]
    Certificate {
        /// The address tried.
        url: String,
        /// What is wrong with it.
        problem: CertificateProblem,
    },
    /// We believe nobody.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// No answer, or the peer took nothing, for ten seconds.
    #[error("the signaling service does not answer")]
    TimedOut,
    /// Nothing was received for so long, not even a ping: the other end has vanished.
    #[error("nothing was heard from the signaling service for {0:?}")]
    Silent(Duration),
    /// The connection ended.
    #[error("the connection to the signaling service was lost: {0}")]
    Lost(String),
}

/// An open connection.
pub(crate) struct Signaling {
    socket: Socket,
    /// Longest silence that is believed.
    silence: Duration,
    /// When the last frame of any kind came.
    heard: Instant,
}

impl Signaling {
    /// Connects to `ws://host:port/` or `wss://`; a connection that is silent for `silence` counts
    /// as lost.
    pub(crate) async fn connect(
        url: &str,
        silence: Duration,
        trust: &Trust,
    ) -> Result<Self, SignalingError> {
        Ok(Self {
            socket: connect(url, trust).await?,
            silence,
            heard: Instant::now(),
        })
    }

    /// Sends one envelope.
    pub(crate) async fn send(&mut self, message: &ClientMessage) -> Result<(), SignalingError> {
        let json = serde_json::to_string(message).map_err(lost)?;
        let sending = self.socket.send(Message::text(json));
        match tokio::time::timeout(IO_TIMEOUT, sending).await {
            Err(_) => Err(SignalingError::TimedOut),
            Ok(sent) => sent.map_err(lost),
        }
    }

    /// The next envelope's JSON. Cancelling loses nothing.
    pub(crate) async fn receive(&mut self) -> Result<Vec<u8>, SignalingError> {
        loop {
            let deadline = self.heard + self.silence;
            let Ok(frame) = timeout_at(deadline, self.socket.next()).await else {
                return Err(SignalingError::Silent(self.silence));
            };
            self.heard = Instant::now();
            match frame {
                Some(Ok(Message::Text(text))) => return Ok(text.as_bytes().to_vec()),
                Some(Ok(Message::Close(_))) | None => {
                    return Err(SignalingError::Lost("closed by the service".into()));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(lost(error)),
            }
        }
    }

    /// Says goodbye; whether it arrives does not matter any more.
    pub(crate) async fn close(mut self) {
        let closing = async {
            let _: Result<(), WsError> = self.socket.close(None).await;
            while let Some(Ok(_)) = self.socket.next().await {}
        };
        let _ = tokio::time::timeout(Duration::from_secs(1), closing).await;
    }
}

fn lost(error: impl std::fmt::Display) -> SignalingError {
    SignalingError::Lost(error.to_string())
}
