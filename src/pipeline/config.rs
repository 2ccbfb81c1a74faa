//! Numbers of the media pipeline.

use std::time::Duration;

use crate::media::KeyLimits;

/// Bounds and times of a [`super::Pipeline`]; each default states its reason.
#[derive(Debug, Clone)]
pub struct MediaConfig {
    /// How long media ahead of its epoch or of its stream's announcement waits. Default 500 ms:
    /// longer than a commit takes to arrive, and later than any playout would want it.
    pub early_hold: Duration,
    /// How many packets or frames of one stream wait. Default 256: packets of about half a second
    /// of 4 Mbit/s video.
    pub early_per_stream: usize,
    /// How many bytes of memory may wait in all. Default 4 MB.
    pub early_bytes: usize,
    /// How long the receive keys of an epoch live after sending has moved on. Default 10 s.
    pub grace: Duration,
    /// The same after a commit that removed somebody, who could go on forging with keys that
    /// others still accept. Default 1 s.
    pub grace_after_removal: Duration,
    /// How much one key may protect.
    pub key_limits: KeyLimits,
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self {
            early_hold: Duration::from_millis(500),
            early_per_stream: 256,
            early_bytes: 4_000_000,
            grace: Duration::from_secs(10),
            grace_after_removal: Duration::from_secs(1),
            key_limits: KeyLimits::default(),
        }
    }
}
