//! Which epochs' receive keys live, and until when.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::id::Epoch;
use crate::time::Moment;

/// How far behind the newest epoch a packet's epoch may lie, exclusive.
pub const BEHIND: u64 = 64;
/// How far ahead of the newest epoch a packet's epoch may lie, inclusive.
pub const AHEAD: u64 = 16;

/// The epochs of one group that are alive, each with what the caller keeps for it.
///
/// Our own timers decide, not the MLS library's: its retention counts epochs, and a count says
/// nothing about how long a key stays in memory. Dropping a value erases it.
#[derive(Debug)]
pub struct EpochRing<T> {
    live: BTreeMap<Epoch, Held<T>>,
}

#[derive(Debug)]
struct Held<T> {
    value: T,
    erase_at: Option<Moment>,
}

/// The low bits of an epoch: 16 in a packet's MKI, 8 in a frame's key id. Both are enough to tell
/// apart the 80 epochs that can be meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TruncatedEpoch {
    low: u16,
    modulus: u64,
}

impl From<u16> for TruncatedEpoch {
    fn from(low: u16) -> Self {
        Self {
            low,
            modulus: 1 << 16,
        }
    }
}

impl From<u8> for TruncatedEpoch {
    fn from(low: u8) -> Self {
        Self {
            low: low.into(),
            modulus: 1 << 8,
        }
    }
}

/// The epoch that a packet's or frame's truncated epoch names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Congruent {
    /// It is alive.
    Live(Epoch),
    /// It has not come yet.
    Ahead(Epoch),
    /// It is gone, was never ours, or is too far away.
    Unknown,
}

impl<T> Default for EpochRing<T> {
    fn default() -> Self {
        Self {
            live: BTreeMap::new(),
        }
    }
}

impl<T> EpochRing<T> {
    /// Adds the newest epoch. Epochs that fall out of the range behind it are erased at once.
    pub fn install(&mut self, epoch: Epoch, value: T) {
        self.live.insert(
            epoch,
            Held {
                value,
                erase_at: None,
            },
        );
        let newest = self.newest().map_or(0, Epoch::get);
        self.live
            .retain(|epoch, _| newest.saturating_sub(epoch.get()) < BEHIND);
    }

    /// The newest epoch.
    pub fn newest(&self) -> Option<Epoch> {
        self.live.last_key_value().map(|(epoch, _)| *epoch)
    }

    /// Finds the one epoch in (newest − 64, newest + 16] that is congruent to `truncated`.
    pub fn resolve(&self, truncated: impl Into<TruncatedEpoch>) -> Congruent {
        let Some(newest) = self.newest().map(Epoch::get) else {
            return Congruent::Unknown;
        };
        let TruncatedEpoch { low, modulus } = truncated.into();
        let ahead = (u64::from(low) + modulus - newest % modulus) % modulus;
        if ahead == 0 {
            return Congruent::Live(Epoch::new(newest));
        }
        if ahead <= AHEAD {
            return Congruent::Ahead(Epoch::new(newest.saturating_add(ahead)));
        }
        let behind = modulus - ahead;
        match newest.checked_sub(behind).map(Epoch::new) {
            Some(epoch) if behind < BEHIND && self.live.contains_key(&epoch) => {
                Congruent::Live(epoch)
            }
            _ => Congruent::Unknown,
        }
    }

    /// What is kept for a live epoch.
    pub fn get_mut(&mut self, epoch: Epoch) -> Option<&mut T> {
        self.live.get_mut(&epoch).map(|held| &mut held.value)
    }

    /// What is kept for a live epoch.
    pub fn get(&self, epoch: Epoch) -> Option<&T> {
        self.live.get(&epoch).map(|held| &held.value)
    }

    /// All live epochs, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (Epoch, &T)> {
        self.live.iter().map(|(epoch, held)| (*epoch, &held.value))
    }

    /// Sending has moved to `current`: every older epoch is erased after `grace`, or earlier where
    /// an earlier switch already said so.
    pub fn retire_before(&mut self, current: Epoch, now: Moment, grace: Duration) {
        retire(
            self.live.range_mut(..current).map(|(_, held)| held),
            now + grace,
        );
    }

    /// The same for every epoch.
    pub fn retire_all(&mut self, now: Moment, grace: Duration) {
        retire(self.live.values_mut(), now + grace);
    }

    /// Erases what is due.
    pub fn erase_due(&mut self, now: Moment) {
        self.live
            .retain(|_, held| held.erase_at.is_none_or(|at| at > now));
    }

    /// When something is due next.
    pub fn next_erasure(&self) -> Option<Moment> {
        self.live.values().filter_map(|held| held.erase_at).min()
    }

    /// Erases everything.
    pub fn clear(&mut self) {
        self.live.clear();
    }
}

fn retire<'a, T: 'a>(epochs: impl Iterator<Item = &'a mut Held<T>>, at: Moment) {
    for held in epochs {
        held.erase_at = Some(held.erase_at.map_or(at, |earlier| earlier.min(at)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(epochs: impl IntoIterator<Item = u64>) -> EpochRing<()> {
        let mut ring = EpochRing::default();
        epochs
            .into_iter()
            .for_each(|epoch| ring.install(Epoch::new(epoch), ()));
        ring
    }

    #[test]
    fn truncated_epochs_resolve_around_the_wrap() {
        let ring = ring([65_534, 65_535, 65_536, 65_537]);
        assert_eq!(
            ring.resolve(0xffff_u16),
            Congruent::Live(Epoch::new(65_535))
        );
        assert_eq!(
            ring.resolve(0x0000_u16),
            Congruent::Live(Epoch::new(65_536))
        );
        assert_eq!(
            ring.resolve(0x0001_u16),
            Congruent::Live(Epoch::new(65_537))
        );
        assert_eq!(
            ring.resolve(0x0002_u16),
            Congruent::Ahead(Epoch::new(65_538))
        );
        assert_eq!(
            ring.resolve(0x0011_u16),
            Congruent::Ahead(Epoch::new(65_553))
        );
        assert_eq!(ring.resolve(0x0012_u16), Congruent::Unknown, "17 ahead");
        assert_eq!(
            ring.resolve(0xfffd_u16),
            Congruent::Unknown,
            "never installed"
        );
    }

    #[test]
    fn eight_bits_are_enough_around_the_wrap() {
        let ring = ring(200..=257);
        assert_eq!(ring.resolve(200_u8), Congruent::Live(Epoch::new(200)));
        assert_eq!(ring.resolve(255_u8), Congruent::Live(Epoch::new(255)));
        assert_eq!(ring.resolve(0_u8), Congruent::Live(Epoch::new(256)));
        assert_eq!(ring.resolve(1_u8), Congruent::Live(Epoch::new(257)));
        assert_eq!(ring.resolve(2_u8), Congruent::Ahead(Epoch::new(258)));
        assert_eq!(ring.resolve(17_u8), Congruent::Ahead(Epoch::new(273)));
        assert_eq!(ring.resolve(18_u8), Congruent::Unknown, "17 ahead");
        assert_eq!(ring.resolve(199_u8), Congruent::Unknown, "never installed");
    }

    #[test]
    fn only_the_last_64_epochs_live() {
        let ring = ring(0..100);
        assert_eq!(ring.resolve(36_u16), Congruent::Live(Epoch::new(36)));
        assert_eq!(ring.resolve(35_u16), Congruent::Unknown);
        assert_eq!(ring.iter().count(), 64);
    }

    /// Whoever makes a group may begin it anywhere.
    #[test]
    fn the_last_numbers_are_epochs_too() {
        let last = u64::MAX;
        let ring = ring([last - 1, last]);
        assert_eq!(ring.resolve(0xffff_u16), Congruent::Live(Epoch::new(last)));
        assert_eq!(ring.resolve(0_u16), Congruent::Ahead(Epoch::new(last)));
        assert_eq!(ring.iter().count(), 2);
    }

    #[test]
    fn an_epoch_before_the_first_is_unknown() {
        assert_eq!(ring([3]).resolve(0xffff_u16), Congruent::Unknown);
        assert_eq!(
            EpochRing::<()>::default().resolve(0_u16),
            Congruent::Unknown
        );
    }

    #[test]
    fn a_removal_shortens_the_grace_of_every_older_epoch() {
        let mut ring = ring([1, 2, 3]);
        let at = Moment::from_millis;
        ring.retire_before(Epoch::new(2), at(0), Duration::from_secs(10));
        assert_eq!(ring.next_erasure(), Some(at(10_000)));
        ring.retire_before(Epoch::new(3), at(100), Duration::from_secs(1));
        assert_eq!(ring.next_erasure(), Some(at(1_100)));
        ring.erase_due(at(1_099));
        assert_eq!(ring.resolve(1_u16), Congruent::Live(Epoch::new(1)));
        ring.erase_due(at(1_100));
        assert_eq!(
            ring.iter()
                .map(|(epoch, ())| epoch.get())
                .collect::<Vec<_>>(),
            [3]
        );
    }
}
