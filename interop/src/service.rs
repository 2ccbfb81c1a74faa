//! A delivery service in this process, on a port of the loopback interface that the system chooses.

use std::time::Duration;

use mls_srtp::token::Right;
use mls_srtp_signaling::access::{AccessControl, Admission, Entry};
use mls_srtp_signaling::{Refused, RoomConfig, ServerBuilder, ServiceConfig, StartError};

/// Anybody enters, and anybody may remove anybody.
struct EverybodyModerates;

impl AccessControl for EverybodyModerates {
    fn admit(&self, _: &Entry<'_>) -> Result<Admission, Refused> {
        Ok(Admission {
            rights: vec![Right::Publish, Right::Subscribe, Right::Moderate],
            token: None,
        })
    }
}

/// Starts one on this runtime, for as long as that lives; its address, `ws://…`.
///
/// # Errors
/// [`StartError`] when the system gives no port or no randomness.
pub async fn start() -> Result<String, StartError> {
    let config = ServiceConfig {
        listen: ([127, 0, 0, 1], 0).into(),
        room: RoomConfig {
            // Who has lost its state has all the time to come back.
            grace: Duration::from_secs(600),
            ..RoomConfig::default()
        },
        ..ServiceConfig::default()
    };
    let server = ServerBuilder::new(config, EverybodyModerates)
        .bind()
        .await?;
    let url = format!("ws://{}", server.local_addr());
    tokio::spawn(server.run(std::future::pending()));
    Ok(url)
}
