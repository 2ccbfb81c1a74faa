//! A connection to the service that comes back by itself.

use std::pin::Pin;
use std::time::Duration;

use mls_srtp::delivery::ClientMessage;

use crate::signaling::{Signaling, SignalingError};

/// Delay before the first attempt to connect again; doubled with each failure up to the last.
const FIRST_RETRY: Duration = Duration::from_millis(200);
/// Longest delay between attempts.
const LAST_RETRY: Duration = Duration::from_secs(5);

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
    Up(Box<Signaling>),
    /// A write failed; not told yet.
    Failed(SignalingError),
    Down {
        attempt: Attempt,
        delay: Duration,
    },
}

/// The link of one session.
pub(crate) struct Link {
    url: String,
    state: State,
}

impl Link {
    /// Connects for the first time.
    pub(crate) async fn connect(url: &str) -> Result<Self, SignalingError> {
        let signaling = Signaling::connect(url).await?;
        Ok(Self {
            url: url.to_owned(),
            state: State::Up(Box::new(signaling)),
        })
    }

    /// Sends an envelope if the link is up. A failure is told by [`Self::next`].
    pub(crate) async fn send(&mut self, message: &ClientMessage) {
        if let State::Up(signaling) = &mut self.state
            && let Err(error) = signaling.send(message).await
        {
            self.state = State::Failed(error);
        }
    }

    /// Waits for something to tell. Cancelling loses nothing.
    pub(crate) async fn next(&mut self) -> LinkEvent {
        loop {
            match &mut self.state {
                State::Up(signaling) => match signaling.receive().await {
                    Ok(json) => return LinkEvent::Received(json),
                    Err(error) => self.state = State::Failed(error),
                },
                State::Failed(_) => {
                    if let State::Failed(error) = self.go_down(FIRST_RETRY) {
                        return LinkEvent::Lost(error);
                    }
                }
                State::Down { attempt, delay } => match attempt.await {
                    Ok(signaling) => {
                        self.state = State::Up(Box::new(signaling));
                        return LinkEvent::Back;
                    }
                    Err(error) => {
                        tracing::debug!(%error, "not back yet");
                        let delay = (*delay * 2).min(LAST_RETRY);
                        self.go_down(delay);
                    }
                },
            }
        }
    }

    /// Says goodbye if there is anybody to say it to.
    pub(crate) async fn close(&mut self) {
        if let State::Up(signaling) = self.go_down(LAST_RETRY) {
            signaling.close().await;
        }
    }

    /// Starts the next attempt and returns the state before it.
    fn go_down(&mut self, delay: Duration) -> State {
        let url = self.url.clone();
        let attempt: Attempt = Box::pin(async move {
            tokio::time::sleep(delay).await;
            Signaling::connect(&url).await
        });
        std::mem::replace(&mut self.state, State::Down { attempt, delay })
    }
}
