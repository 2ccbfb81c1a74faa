//! When what is written, under virtual time.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use mls_srtp::trust::PinnedKeys;

use super::*;

const EVERY: Duration = Duration::from_secs(5);

/// A disk whose every write waits for its verdict.
#[derive(Debug)]
struct Disk {
    writes: Sender<Vec<u8>>,
    verdicts: Receiver<bool>,
}

impl StateStore for Disk {
    fn load(&mut self) -> Result<Option<SavedState>, StateError> {
        Ok(None)
    }

    fn save(&mut self, state: &SavedState) -> Result<(), StateError> {
        let _ = self.writes.send(state.as_bytes().to_vec());
        match self.verdicts.recv() {
            Ok(true) => Ok(()),
            _ => Err(crashed()),
        }
    }

    fn load_pins(&mut self) -> Result<Vec<Pin>, StateError> {
        Ok(vec![pin(1)])
    }

    fn save_pins(&mut self, pins: &[Pin]) -> Result<(), StateError> {
        self.save(&SavedState::new(vec![b'p', pins.len() as u8]))
    }
}

/// A keeping, what its disk writes, and what comes of that.
async fn keeping() -> (Keeping, Receiver<Vec<u8>>, Sender<bool>) {
    let (writes, written) = channel();
    let (verdict, verdicts) = channel();
    let config = StateConfig {
        every: EVERY,
        ..StateConfig::new(Disk { writes, verdicts })
    };
    let trust = Arc::new(PinnedKeys::default());
    let (keeping, kept) = Keeping::open(config, trust).await.expect("opens");
    assert!(kept.is_none());
    (keeping, written, verdict)
}

fn pin(of: u8) -> Pin {
    Pin {
        participant: format!("user{of}@example.org/test")
            .parse()
            .expect("a name"),
        signature_key: Blob::new(vec![of; 32]),
    }
}

/// Somebody new is met.
fn meet(keeping: &Keeping, of: u8) {
    let Pin {
        participant,
        signature_key,
    } = pin(of);
    let memory = keeping.trust.memory().expect("remembers");
    memory.accept(&participant, signature_key.as_slice());
}

fn state(of: u8) -> SavedState {
    SavedState::new(vec![of])
}

fn at(seconds: u64) -> Moment {
    Moment::from_millis(seconds * 1_000)
}

#[tokio::test]
async fn the_first_epoch_is_written_at_once_and_the_next_ones_together() {
    let (mut keeping, written, verdict) = keeping().await;
    assert_eq!(keeping.poll_timeout(), None);
    keeping.fell_behind(at(10));
    assert_eq!(keeping.poll_timeout(), Some(at(10)));
    keeping.begin(state(1), at(10));
    keeping.fell_behind(at(11));
    assert_eq!(keeping.poll_timeout(), None, "one write at a time");
    verdict.send(true).expect("waits");
    keeping.written().await.expect("written");
    keeping.fell_behind(at(12));
    assert_eq!(keeping.poll_timeout(), Some(at(15)));
    keeping.begin(state(2), at(15));
    verdict.send(true).expect("waits");
    keeping.written().await.expect("written");
    assert_eq!(keeping.poll_timeout(), None);
    keeping.fell_behind(at(60));
    assert_eq!(keeping.poll_timeout(), Some(at(60)));
    assert_eq!(written.try_iter().collect::<Vec<_>>(), [[1], [2]]);
}

#[tokio::test]
async fn what_could_not_be_written_is_tried_again_later() {
    let (mut keeping, _written, verdict) = keeping().await;
    keeping.fell_behind(at(10));
    keeping.begin(state(1), at(10));
    verdict.send(false).expect("waits");
    assert!(keeping.written().await.is_err());
    assert_eq!(keeping.poll_timeout(), Some(at(15)));
}

#[tokio::test]
async fn the_last_word_is_written_after_what_is_under_way() {
    let (mut keeping, written, verdict) = keeping().await;
    keeping.begin(state(1), at(10));
    for good in [false, true] {
        verdict.send(good).expect("waits");
    }
    keeping.write_out(state(2)).await.expect("written");
    assert_eq!(written.try_iter().collect::<Vec<_>>(), [[1], [2]]);
}

#[tokio::test]
async fn keys_of_others_are_written_with_the_state_when_there_are_new_ones() {
    let (mut keeping, written, verdict) = keeping().await;
    let memory = keeping.trust.memory().expect("remembers");
    assert_eq!(memory.pins(), [pin(1)], "what was kept is remembered");
    keeping.begin(state(1), at(10));
    verdict.send(true).expect("waits");
    keeping.written().await.expect("written");
    assert_eq!(written.try_iter().collect::<Vec<_>>(), [[1]], "nobody new");

    meet(&keeping, 2);
    // The keys cannot be written, then neither state nor keys.
    for (number, verdicts) in [&[true, false][..], &[false], &[true, true]]
        .iter()
        .enumerate()
    {
        keeping.begin(state(2), at(20 + number as u64));
        verdicts
            .iter()
            .for_each(|good| verdict.send(*good).expect("waits"));
        let all_good = verdicts.iter().all(|good| *good);
        assert_eq!(keeping.written().await.is_ok(), all_good);
    }
    let all: Vec<_> = written.try_iter().collect();
    assert_eq!(all, [&[2][..], b"p\x02", &[2], &[2], b"p\x02"]);
    verdict.send(true).expect("waits");
    keeping.write_out(state(3)).await.expect("written");
    assert_eq!(
        written.try_iter().collect::<Vec<_>>(),
        [[3]],
        "once is enough"
    );
}
