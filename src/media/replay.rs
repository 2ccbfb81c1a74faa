//! Replay protection on the 48-bit packet index (RFC 3711 §3.3.2).

/// How far behind the newest index a packet may come, in packets. Video retransmissions arrive
/// hundreds of packets late; RFC 3711 asks for at least 64.
pub const WINDOW: u64 = 1024;

const WORDS: usize = 16;

/// Why an index was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stale {
    /// Received before.
    Replayed,
    /// Too old to know.
    BehindWindow,
}

/// The indexes received of one SSRC under one key.
///
/// Exists only from the first authenticated packet on, so forged packets cost no memory.
#[derive(Debug, Clone)]
pub struct ReplayWindow {
    newest: u64,
    /// Bit `index mod 1024` stands for the newest index with that remainder.
    seen: [u64; WORDS],
}

#[expect(
    clippy::indexing_slicing,
    reason = "an index's place is taken modulo the window"
)]
impl ReplayWindow {
    /// A window whose first authenticated packet had this index.
    pub fn starting_at(index: u64) -> Self {
        let mut window = Self {
            newest: index,
            seen: [0; WORDS],
        };
        window.set(index);
        window
    }

    /// Looks whether an index may be new. Changes nothing: the packet is not authenticated yet.
    ///
    /// # Errors
    /// [`Stale`] when the index was received before or lies behind the window.
    pub fn inspect(&self, index: u64) -> Result<(), Stale> {
        if index > self.newest {
            return Ok(());
        }
        if self.newest - index >= WINDOW {
            return Err(Stale::BehindWindow);
        }
        let (word, bit) = place(index);
        if self.seen[word] & bit != 0 {
            Err(Stale::Replayed)
        } else {
            Ok(())
        }
    }

    /// Notes an index whose packet has been authenticated.
    pub fn commit(&mut self, index: u64) {
        if index > self.newest {
            if index - self.newest >= WINDOW {
                self.seen = [0; WORDS];
            } else {
                (self.newest + 1..index).for_each(|between| self.clear(between));
            }
            self.newest = index;
        }
        self.set(index);
    }

    fn set(&mut self, index: u64) {
        let (word, bit) = place(index);
        self.seen[word] |= bit;
    }

    fn clear(&mut self, index: u64) {
        let (word, bit) = place(index);
        self.seen[word] &= !bit;
    }
}

/// Word and bit of an index.
fn place(index: u64) -> (usize, u64) {
    let slot = index % WINDOW;
    ((slot / 64) as usize, 1 << (slot % 64))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn inspecting_changes_nothing() {
        let window = ReplayWindow::starting_at(10);
        assert_eq!(window.inspect(11), Ok(()));
        assert_eq!(window.inspect(11), Ok(()));
        assert_eq!(window.inspect(10), Err(Stale::Replayed));
    }

    proptest! {
        /// A set of everything seen is the oracle.
        #[test]
        fn agrees_with_a_set(steps in prop::collection::vec((0u64..5000, any::<bool>()), 1..400)) {
            let mut window = ReplayWindow::starting_at(2000);
            let mut seen = HashSet::from([2000u64]);
            let mut newest = 2000;
            for (step, far) in steps {
                let index = if far { newest + step } else { (newest + 1).saturating_sub(step / 2) };
                let expected = if index + WINDOW <= newest {
                    Err(Stale::BehindWindow)
                } else if seen.contains(&index) {
                    Err(Stale::Replayed)
                } else {
                    Ok(())
                };
                prop_assert_eq!(window.inspect(index), expected);
                if expected.is_ok() {
                    window.commit(index);
                    seen.insert(index);
                    newest = newest.max(index);
                }
            }
        }
    }
}
