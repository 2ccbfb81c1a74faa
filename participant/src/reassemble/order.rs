//! The order of sequence numbers, restored within a bounded wait.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use mls_srtp::time::Moment;

/// A number so far from the expected one is a damaged packet or a stream that starts over: the
/// latter only if the next number follows (RFC 3550 appendix A.1).
const MOST_JUMP: u16 = 3_000;

/// Unwrapped numbers start here, so that the packets just before the first one have numbers too.
const FIRST: u64 = 1 << 32;

/// What comes out, in order.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum InOrder<T> {
    Item(T, Moment),
    /// So many numbers never came.
    Gap(u64),
    /// The numbers start over; nothing is known of what lies between.
    Restart,
}

/// What was not handed on.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dropped {
    pub(super) late_or_twice: u64,
    pub(super) far_off: u64,
}

pub(super) struct Reorder<T> {
    wait: Duration,
    capacity: usize,
    next: Option<u64>,
    waiting: BTreeMap<u64, (T, Moment)>,
    ready: VecDeque<InOrder<T>>,
    /// The number that would confirm that the stream has started over.
    confirms_restart: Option<u16>,
    pub(super) dropped: Dropped,
}

impl<T> Reorder<T> {
    pub(super) fn new(wait: Duration, capacity: usize) -> Self {
        Self {
            wait,
            capacity,
            next: None,
            waiting: BTreeMap::new(),
            ready: VecDeque::new(),
            confirms_restart: None,
            dropped: Dropped::default(),
        }
    }

    pub(super) fn push(&mut self, sequence: u16, item: T, now: Moment) {
        let next = *self.next.get_or_insert(FIRST + u64::from(sequence));
        // The low 16 bits of `next` are the sequence number it stands for.
        let ahead = sequence.wrapping_sub(next as u16).cast_signed();
        if ahead.unsigned_abs() > MOST_JUMP {
            return self.far_off(sequence, item, now);
        }
        self.confirms_restart = None;
        let number = next.saturating_add_signed(ahead.into());
        if number < next || self.waiting.contains_key(&number) {
            self.dropped.late_or_twice += 1;
            return;
        }
        self.waiting.insert(number, (item, now));
        self.release();
        if self.waiting.len() > self.capacity {
            self.skip_gap();
        }
    }

    /// Gives up on what has been waited for long enough.
    pub(super) fn handle_timeout(&mut self, now: Moment) {
        while self.deadline().is_some_and(|deadline| deadline <= now) {
            self.skip_gap();
        }
    }

    pub(super) fn deadline(&self) -> Option<Moment> {
        let arrived = self.waiting.values().map(|(_, arrived)| *arrived).min()?;
        Some(arrived + self.wait)
    }

    pub(super) fn pop(&mut self) -> Option<InOrder<T>> {
        self.ready.pop_front()
    }

    fn far_off(&mut self, sequence: u16, item: T, now: Moment) {
        if self.confirms_restart.take() != Some(sequence) {
            self.confirms_restart = Some(sequence.wrapping_add(1));
            self.dropped.far_off += 1;
            return;
        }
        while !self.waiting.is_empty() {
            self.skip_gap();
        }
        self.ready.push_back(InOrder::Restart);
        self.ready.push_back(InOrder::Item(item, now));
        self.next = Some(FIRST + u64::from(sequence) + 1);
    }

    fn skip_gap(&mut self) {
        if let (Some(next), Some((first, _))) = (self.next, self.waiting.first_key_value()) {
            self.ready
                .push_back(InOrder::Gap(first.saturating_sub(next)));
            self.next = Some(*first);
            self.release();
        }
    }

    fn release(&mut self) {
        while let Some(first) = self.waiting.first_entry() {
            if self.next != Some(*first.key()) {
                break;
            }
            let (number, (item, arrived)) = first.remove_entry();
            self.ready.push_back(InOrder::Item(item, arrived));
            self.next = Some(number + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> Moment {
        Moment::from_millis(millis)
    }

    fn reorder() -> Reorder<u16> {
        Reorder::new(Duration::from_millis(100), 8)
    }

    fn drain(reorder: &mut Reorder<u16>) -> Vec<InOrder<u16>> {
        std::iter::from_fn(|| reorder.pop()).collect()
    }

    fn items(from: impl IntoIterator<Item = u16>, millis: u64) -> Vec<InOrder<u16>> {
        from.into_iter()
            .map(|item| InOrder::Item(item, at(millis)))
            .collect()
    }

    #[test]
    fn a_late_packet_fills_its_place_over_the_wrap() {
        let mut reorder = reorder();
        for sequence in [65_534, 0, 1, 65_535] {
            reorder.push(sequence, sequence, at(0));
        }
        assert_eq!(drain(&mut reorder), items([65_534, 65_535, 0, 1], 0));
        assert_eq!(reorder.deadline(), None);
    }

    #[test]
    fn a_missing_packet_is_given_up_in_time() {
        let mut reorder = reorder();
        for (sequence, millis) in [(1, 0), (4, 10), (3, 90)] {
            reorder.push(sequence, sequence, at(millis));
        }
        assert_eq!(drain(&mut reorder), items([1], 0));
        // Coming twice puts nothing off.
        reorder.push(4, 4, at(95));
        assert_eq!(reorder.deadline(), Some(at(110)));
        reorder.handle_timeout(at(109));
        assert_eq!(drain(&mut reorder), []);
        reorder.handle_timeout(at(110));
        let expected = [
            InOrder::Gap(1),
            InOrder::Item(3, at(90)),
            InOrder::Item(4, at(10)),
        ];
        assert_eq!(drain(&mut reorder), expected);
        reorder.push(2, 2, at(111));
        assert_eq!(
            (drain(&mut reorder), reorder.dropped.late_or_twice),
            (vec![], 2)
        );
    }

    #[test]
    fn no_more_than_the_bound_waits() {
        let mut reorder = reorder();
        for sequence in (0..=18).filter(|sequence| *sequence != 1) {
            reorder.push(sequence, sequence, at(0));
            assert!(reorder.waiting.len() <= 8);
        }
        let out = drain(&mut reorder);
        assert_eq!(out.len(), 19);
        assert!(out.contains(&InOrder::Gap(1)));
    }

    #[test]
    fn a_stream_that_starts_over_is_followed_a_stray_packet_is_not() {
        let mut reorder = reorder();
        for sequence in [1, 30_000, 20_000, 2, 40_000, 40_001, 40_002] {
            reorder.push(sequence, sequence, at(0));
        }
        let mut expected = items([1, 2], 0);
        expected.push(InOrder::Restart);
        expected.extend(items([40_001, 40_002], 0));
        assert_eq!(drain(&mut reorder), expected);
        assert_eq!(reorder.dropped.far_off, 3);
    }

    proptest! {
        #[test]
        fn everything_comes_out_once_and_in_order(
            start: u16,
            lost in prop::collection::hash_set(1..300_u16, 0..40),
            swaps in prop::collection::vec((1..299_usize, 0..6_usize), 0..60),
            twice in prop::collection::vec(0..200_usize, 0..20),
        ) {
            let mut sent: Vec<u16> = (0..300).filter(|number| !lost.contains(number)).collect();
            for (at, distance) in swaps {
                // The first stays first: what comes before it is never waited for.
                let other = (at + distance).min(sent.len() - 1);
                let at = at.min(sent.len() - 1);
                sent.swap(at, other);
            }
            for at in twice {
                sent.push(sent[at]);
            }
            let mut reorder = Reorder::new(Duration::from_millis(100), 512);
            for number in sent {
                reorder.push(start.wrapping_add(number), number, at(0));
            }
            reorder.handle_timeout(at(100));
            let mut expected = 0;
            while let Some(out) = reorder.pop() {
                match out {
                    InOrder::Item(number, _) => {
                        prop_assert_eq!(number, expected);
                        expected += 1;
                    }
                    InOrder::Gap(missing) => {
                        for _ in 0..missing {
                            prop_assert!(lost.contains(&expected));
                            expected += 1;
                        }
                    }
                    InOrder::Restart => prop_assert!(false, "no restart"),
                }
            }
            prop_assert!((expected..300).all(|number| lost.contains(&number)));
        }
    }
}
