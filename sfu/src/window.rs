//! Which sequence numbers of a stream were already sent on a leg.
//!
//! The hop's SRTP uses GCM, whose nonce is (SSRC, roll-over counter, sequence number): two
//! different packets under one nonce would give the hop's authentication key away. A publisher
//! decides the sequence numbers the SFU forwards, so the SFU itself must make sure that none goes
//! out twice with different bytes. This window mirrors the roll-over estimate of RFC 3711 §3.3.1
//! and refuses what is not provably new.

/// Packets behind the newest one that may still be sent, in sequence numbers.
pub const WINDOW: u64 = 1024;

/// Index of sequence number 0 in the first cycle; one cycle up, so that older ones exist.
const FIRST_CYCLE: u64 = 1 << 16;

/// Sequence numbers sent on one leg for one SSRC.
#[derive(Debug, Clone)]
pub struct SentWindow {
    /// Highest 48-bit index sent; the low half is the sequence number.
    highest: Option<u64>,
    /// Bit `i % WINDOW` tells whether index `i` of the window was sent.
    sent: [u64; (WINDOW / 64) as usize],
}

impl Default for SentWindow {
    fn default() -> Self {
        Self {
            highest: None,
            sent: [0; (WINDOW / 64) as usize],
        }
    }
}

#[expect(
    clippy::indexing_slicing,
    reason = "an index's place is taken modulo the window"
)]
impl SentWindow {
    /// Marks `sequence` as sent and returns whether it was new. `false` means: do not send.
    pub fn take(&mut self, sequence: u16) -> bool {
        let Some(highest) = self.highest else {
            let index = FIRST_CYCLE | u64::from(sequence);
            self.highest = Some(index);
            self.set(index);
            return true;
        };
        let ahead = sequence.wrapping_sub(highest as u16) as i16;
        let Some(index) = highest.checked_add_signed(i64::from(ahead)) else {
            return false;
        };
        if index < FIRST_CYCLE {
            // From before the first packet's cycle: the engine's own estimate has no cycle -1
            // and would take it for the end of cycle 0, under nonces that are still to come.
            return false;
        }
        if index > highest {
            let fresh = (index - highest).min(WINDOW);
            (0..fresh).for_each(|back| self.clear(index - back));
            self.highest = Some(index);
        } else if highest - index >= WINDOW || self.is_set(index) {
            return false;
        }
        self.set(index);
        true
    }

    fn set(&mut self, index: u64) {
        self.sent[(index % WINDOW / 64) as usize] |= 1 << (index % 64);
    }

    fn clear(&mut self, index: u64) {
        self.sent[(index % WINDOW / 64) as usize] &= !(1 << (index % 64));
    }

    fn is_set(&self, index: u64) -> bool {
        self.sent[(index % WINDOW / 64) as usize] & (1 << (index % 64)) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_are_refused_and_late_packets_pass_once() {
        let mut window = SentWindow::default();
        assert!(window.take(100));
        assert!(window.take(103));
        assert!(!window.take(100));
        assert!(window.take(101));
        assert!(!window.take(101));
    }

    #[test]
    fn the_wrap_is_no_duplicate() {
        let mut window = SentWindow::default();
        let all = (0..200_000u32).all(|n| window.take((n + 65_000) as u16));
        assert!(all);
        assert!(!window.take((200_000u32 + 65_000 - 1) as u16));
    }

    #[test]
    fn a_restart_at_an_older_number_is_refused() {
        let mut window = SentWindow::default();
        assert!(window.take(20_000));
        assert!(window.take(22_000));
        assert!(
            !window.take(20_500),
            "too far behind to know whether it was sent"
        );
    }

    #[test]
    fn a_late_packet_from_before_the_first_cycle_is_refused() {
        let mut window = SentWindow::default();
        assert!(window.take(3));
        assert!(!window.take(65_535));
        assert!(window.take(2));
    }
}
