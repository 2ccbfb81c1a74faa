//! What waits to be written to one client, bounded in number and bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// What waits to be written to one client.
pub(crate) enum Outgoing {
    /// An envelope, encoded.
    Envelope(Utf8Bytes),
    /// Something for the client to answer.
    Ping,
    /// Say goodbye and end.
    Close,
}

/// What one message or moment brought for one client.
pub(crate) type Batch = Vec<Outgoing>;

/// The client takes too little of what it is sent.
pub(crate) struct TooSlow;

/// The end of a queue at which batches come in.
pub(crate) struct Queue {
    batches: mpsc::Sender<Batch>,
    waiting: Arc<AtomicUsize>,
    most_bytes: usize,
}

/// The end at which they are taken.
pub(crate) struct Waiting {
    batches: mpsc::Receiver<Batch>,
    waiting: Arc<AtomicUsize>,
    /// Bytes of the batch that was taken last: it is written now, and waits till then.
    taken: usize,
}

/// A queue for so many batches that does not take another one while so many bytes wait.
pub(crate) fn queue(most_batches: usize, most_bytes: usize) -> (Queue, Waiting) {
    let (batches, taken) = mpsc::channel(most_batches);
    let waiting = Arc::new(AtomicUsize::new(0));
    let queue = Queue {
        batches,
        waiting: Arc::clone(&waiting),
        most_bytes,
    };
    let waiting = Waiting {
        batches: taken,
        waiting,
        taken: 0,
    };
    (queue, waiting)
}

impl Queue {
    /// Puts a batch in, one place however much it is, so that a returning client may be given all
    /// that it missed. One whose connection has ended is gone.
    pub(crate) fn put(&self, batch: Batch) -> Result<(), TooSlow> {
        if self.waiting.load(Ordering::Relaxed) > self.most_bytes {
            return Err(TooSlow);
        }
        let bytes = bytes_of(&batch);
        // Counted before it can be taken.
        self.waiting.fetch_add(bytes, Ordering::Relaxed);
        match self.batches.try_send(batch) {
            Err(mpsc::error::TrySendError::Full(_)) => Err(TooSlow),
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
        }
    }
}

impl Waiting {
    /// The next batch; the one before has been written. Nothing once the service has let go of the
    /// client.
    pub(crate) async fn next(&mut self) -> Option<Batch> {
        self.waiting.fetch_sub(self.taken, Ordering::Relaxed);
        self.taken = 0;
        let batch = self.batches.recv().await?;
        self.taken = bytes_of(&batch);
        Some(batch)
    }
}

fn bytes_of(batch: &Batch) -> usize {
    let bytes = batch.iter().map(|outgoing| match outgoing {
        Outgoing::Envelope(json) => json.len(),
        Outgoing::Ping | Outgoing::Close => 0,
    });
    bytes.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(bytes: usize) -> Batch {
        vec![Outgoing::Envelope("x".repeat(bytes).into())]
    }

    #[tokio::test]
    async fn bytes_wait_until_they_are_written() {
        let (queue, mut waiting) = queue(100, 10);
        assert!(queue.put(batch(8)).is_ok());
        assert!(queue.put(batch(5)).is_ok(), "8 waited");
        assert!(queue.put(batch(1)).is_err(), "13 wait");
        assert!(waiting.next().await.is_some());
        assert!(queue.put(batch(1)).is_err(), "8 are being written");
        assert!(waiting.next().await.is_some());
        assert!(queue.put(batch(1)).is_ok());
    }

    #[test]
    fn one_batch_may_be_larger_than_the_limit() {
        let (queue, _waiting) = queue(100, 10);
        assert!(queue.put(batch(1_000)).is_ok());
        assert!(queue.put(batch(0)).is_err());
    }

    #[test]
    fn places_count_as_well() {
        let (queue, _waiting) = queue(1, 10);
        assert!(queue.put(batch(1)).is_ok());
        assert!(queue.put(batch(1)).is_err());
    }
}
