//! How many packets one key may protect.

/// Limits on the packets under one sender's key.
///
/// With 1,200-byte packets the advantage of a distinguisher against AES, in GCM as in counter mode,
/// is about `(76 q)² / 2^129` (RFC 5116 §5.1 blocks): 2^-52 at 2^32 packets, which is the hard
/// limit for every profile. RFC 3711 §9.2 itself would allow 2^48.
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

impl KeyUsage {
    /// Counts one packet; `Ok(true)` exactly once, when the soft limit is reached.
    ///
    /// # Errors
    /// [`KeyExhausted`] at the hard limit; the packet is not counted.
    pub fn count(&mut self, limits: &KeyLimits) -> Result<bool, KeyExhausted> {
        if self.0 >= limits.hard {
            return Err(KeyExhausted);
        }
        self.0 += 1;
        Ok(self.0 == limits.soft)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soft_limit_is_told_once_and_hard_limit_refuses() {
        let limits = KeyLimits { soft: 2, hard: 3 };
        let mut usage = KeyUsage::default();
        let answers: Vec<_> = (0..4).map(|_| usage.count(&limits)).collect();
        assert_eq!(answers, [Ok(false), Ok(true), Ok(false), Err(KeyExhausted)]);
    }
}
