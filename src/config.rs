//! Numbers of the key manager.

use std::time::Duration;

/// Times of a [`crate::KeyManager`]; each default states its reason.
#[derive(Debug, Clone)]
pub struct ManagerConfig {
    /// How long the committer waits for more proposals before it commits. Default 100 ms: a flash
    /// crowd becomes a handful of epochs and a single joiner does not feel it.
    pub batch_window: Duration,
    /// A room without a commit for this long is quiet, and its next proposal is committed at once.
    /// Default 1 s.
    pub quiet_after: Duration,
    /// How long sending waits for all members to report an epoch before it moves there anyway.
    /// Default 300 ms, well below the receivers' early-packet buffer.
    pub switch_cap: Duration,
}

impl Default for ManagerConfig {
    fn default() -> Self {
        Self {
            batch_window: Duration::from_millis(100),
            quiet_after: Duration::from_secs(1),
            switch_cap: Duration::from_millis(300),
        }
    }
}
