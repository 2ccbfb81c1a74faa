//! Ctrl-C.
//!
//! Once somebody listens for it, the system no longer ends the process by itself. So whoever
//! listens must listen to the end: the first Ctrl-C asks for an orderly end, which takes seconds at
//! most, and a second one, or the time for it running out, ends the process as it is.

use std::process;
use std::time::Duration;

use tokio::sync::watch;

/// Exit code of a process that Ctrl-C ended: 128 and the number of the signal.
pub const INTERRUPTED: u8 = 130;
/// How long an orderly end may take. Goodbyes take five seconds at most.
const ORDERLY: Duration = Duration::from_secs(8);

/// Hears Ctrl-C from its making until the process ends. Clones hear the same.
#[derive(Clone)]
pub struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// Begins to listen.
    pub fn listen() -> Self {
        let (heard, hears) = watch::channel(false);
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_err() {
                // It cannot be heard, so the system still does what it does.
                return std::future::pending().await;
            }
            heard.send_replace(true);
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                () = tokio::time::sleep(ORDERLY) => {}
            }
            process::exit(i32::from(INTERRUPTED));
        });
        Self(hears)
    }

    /// Waits for the first Ctrl-C; returns at once after it.
    pub async fn heard(&mut self) {
        if self.0.wait_for(|heard| *heard).await.is_err() {
            std::future::pending().await
        }
    }
}
