//! How much one key may protect.

/// Limits on the packets under one key.
///
/// With 1,200-byte packets the advantage of a distinguisher against AES, in GCM as in counter mode,
/// is about `(76 q)² / 2^129` (RFC 5116 §5.1 blocks): 2^-52 at 2^32 packets, which is the hard
/// limit for every profile. RFC 3711 §9.2 itself would allow 2^48. A frame counts as the packets
/// that it would fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyLimits {
    /// From here on a new epoch is asked for. Default 2^31 packets.
    pub soft: u64,
    /// From here on nothing is protected. Default 2^32 packets.
    pub hard: u64,
}

impl Default for KeyLimits {
    fn default() -> Self {
        Self {
            soft: 1 << 31,
            hard: 1 << 32,
        }
    }
}

/// The hard limit is reached: a new epoch must come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key has protected as many packets as it may")]
pub struct KeyExhausted;

/// Packets counted under one key.
#[derive(Debug, Clone, Copy, Default)]
pub struct KeyUsage(u64);

/// Length in bytes of the packets that the limits are about.
const PACKET: usize = 1_200;

impl KeyUsage {
    /// Counts `bytes` as the packets of 1,200 bytes that they fill, one at least; `Ok(true)`
    /// exactly once, when the soft limit is reached.
    ///
    /// # Errors
    /// [`KeyExhausted`] beyond the hard limit; nothing is counted then.
    pub fn count(&mut self, bytes: usize, limits: &KeyLimits) -> Result<bool, KeyExhausted> {
        let packets = bytes.div_ceil(PACKET).max(1) as u64;
        let used = self.0.saturating_add(packets);
        if used > limits.hard {
            return Err(KeyExhausted);
        }
        let before = std::mem::replace(&mut self.0, used);
        Ok(before < limits.soft && used >= limits.soft)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soft_limit_is_told_once_and_hard_limit_refuses() {
        let limits = KeyLimits { soft: 2, hard: 3 };
        let mut usage = KeyUsage::default();
        let answers: Vec<_> = (0..4).map(|_| usage.count(1_200, &limits)).collect();
        assert_eq!(answers, [Ok(false), Ok(true), Ok(false), Err(KeyExhausted)]);
    }

    #[test]
    fn a_frame_counts_as_the_packets_that_it_fills() {
        let limits = KeyLimits { soft: 5, hard: 12 };
        let mut usage = KeyUsage::default();
        assert_eq!(usage.count(0, &limits), Ok(false), "1");
        assert_eq!(usage.count(3_600, &limits), Ok(false), "4");
        assert_eq!(
            usage.count(3_601, &limits),
            Ok(true),
            "8, past the soft limit"
        );
        assert_eq!(usage.count(4_801, &limits), Err(KeyExhausted), "13");
        assert_eq!(usage.count(4_800, &limits), Ok(false), "12");
        assert_eq!(usage.count(1, &limits), Err(KeyExhausted));
    }
}
