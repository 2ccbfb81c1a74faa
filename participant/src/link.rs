//! A connection to the service that comes back by itself.

use std::pin::Pin;
use std::time::Duration;

use mls_srtp::ManagerConfig;
use mls_srtp::delivery::ClientMessage;
use tokio::time::Instant;

use crate::retry::{Backoff, RetryConfig};
use crate::signaling::{Signaling, SignalingError};
use crate::trust::Trust;

/// Times of the connection to the service, and whom it trusts.
#[derive(Debug, Clone)]
pub struct LinkConfig {
    /// A connection on which nothing was received for so long, pings included, counts as lost.
    /// Default [`ManagerConfig::silence`]: a connection whose other end has vanished gives no other
    /// sign, and what is sent on it is lost.
    pub silence: Duration,
    /// Delays between attempts to connect again. Default 200 ms to 5 s.
    pub retry: RetryConfig,
    /// Whose certificates are believed if the service's address is `wss://`. Default
    /// [`Trust::SYSTEM`].
    pub trust: Trust,
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self {
            silence: ManagerConfig::default().silence,
            retry: RetryConfig {
                first: Duration::from_millis(200),
                last: Duration::from_secs(5),
            },
            trust: Trust::SYSTEM,
        }
    }
}

type Attempt = Pin<Box<dyn Future<Output = Result<Signaling, SignalingError>> + Send>>;

/// What a link has to tell.
pub(crate) enum LinkEvent {
    /// One JSON envelope.
    Received(Vec<u8>),
    /// The connection is gone; attempts to get it back have begun.
    Lost(SignalingError),
    /// The connection is back.
    Back,
}

enum State {
    Up {
        signaling: Box<Signaling>,
        since: Instant,
    },
    /// Lost; not told yet.
    Failed {
        error: SignalingError,
        lived: Duration,
    },
    /// On the way back.
    Down(Attempt),
}

impl State {
    fn up(signaling: Signaling) -> Self {
        Self::Up {
            signaling: Box::new(signaling),
            since: Instant::now(),
        }
    }
}

/// The link of one session.
pub(crate) struct Link {
    url: String,
    config: LinkConfig,
    backoff: Backoff,
    state: State,
}

impl Link {
    /// Connects for the first time.
    pub(crate) async fn connect(url: &str, config: LinkConfig) -> Result<Self, SignalingError> {
        let signaling = Signaling::connect(url, config.silence, &config.trust).await?;
        Ok(Self {
            url: url.to_owned(),
            backoff: Backoff::new(config.retry),
            config,
            state: State::up(signaling),
        })
    }

    /// Sends an envelope if the link is up. A failure is told by [`Self::next`].
    pub(crate) async fn send(&mut self, message: &ClientMessage) {
        if let State::Up { signaling, since } = &mut self.state
            && let Err(error) = signaling.send(message).await
        {
            let lived = since.elapsed();
            self.state = State::Failed { error, lived };
        }
    }

    /// Gives the connection up, if there is one; [`Self::next`] tells and connects again.
    pub(crate) fn reconnect(&mut self) {
        if let State::Up { since, .. } = &self.state {
            let error = SignalingError::Lost("given up to start anew".into());
            let lived = since.elapsed();
            self.state = State::Failed { error, lived };
        }
    }

    /// Waits for something to tell. Cancelling loses nothing.
    pub(crate) async fn next(&mut self) -> LinkEvent {
        loop {
            match &mut self.state {
                State::Up { signaling, since } => match signaling.receive().await {
                    Ok(json) => return LinkEvent::Received(json),
                    Err(error) => {
                        let lived = since.elapsed();
                        self.state = State::Failed { error, lived };
                    }
                },
                State::Failed { lived, .. } => {
                    self.backoff.lost_after(*lived);
                    if let State::Failed { error, .. } = self.go_down() {
                        return LinkEvent::Lost(error);
                    }
                }
                State::Down(attempt) => match attempt.await {
                    Ok(signaling) => {
                        self.state = State::up(signaling);
                        return LinkEvent::Back;
                    }
                    Err(error) => {
                        // This does not mend itself as an outage does.
                        if let SignalingError::Certificate { .. } = error {
                            tracing::warn!(%error, "not back yet");
                        }
                        tracing::debug!(%error, "not back yet");
                        self.go_down();
                    }
                },
            }
        }
    }

    /// Says goodbye if there is anybody to say it to.
    pub(crate) async fn close(&mut self) {
        if let State::Up { signaling, .. } = self.go_down() {
            signaling.close().await;
        }
    }

    /// Prepares the next attempt and returns the state before it.
    fn go_down(&mut self) -> State {
        let (url, delay) = (self.url.clone(), self.backoff.delay());
        let (silence, trust) = (self.config.silence, self.config.trust.clone());
        let attempt: Attempt = Box::pin(async move {
            tokio::time::sleep(delay).await;
            Signaling::connect(&url, silence, &trust).await
        });
        std::mem::replace(&mut self.state, State::Down(attempt))
    }
}

#[cfg(test)]
mod tests;
