//! Publishes recordings as if they were a microphone and a camera, in real time and for ever.
//!
//! Whoever receives them can be checked frame by frame: [`PublishLog`] knows which frame of the
//! recording went out with which RTP timestamp.

mod log;
mod player;
mod source;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use mls_srtp::id::Ssrc;
use mls_srtp::time::Moment;
use rtc::rtp;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

pub use log::{Checked, PublishLog, SentFrame};
pub use player::{Outgoing, Player};
pub use source::{Source, SourceError, SourceFrame};

use crate::clock::ClockOrigin;
use crate::connection::MediaConnection;
use crate::stream::SenderStream;

/// How many keyframe requests wait to be seen; one is enough for many.
const REQUESTS: usize = 64;

/// Where a publisher's packets go.
#[async_trait]
pub trait PacketSink: Send + 'static {
    /// Takes a packet; `false` if it went nowhere. Must not wait for long: the next frame is due
    /// in milliseconds.
    async fn send(&mut self, packet: rtp::Packet) -> bool;
}

/// The connection of the moment; without one, packets go nowhere and time goes on.
#[async_trait]
impl PacketSink for watch::Receiver<Option<Arc<MediaConnection>>> {
    async fn send(&mut self, packet: rtp::Packet) -> bool {
        let connection = self.borrow().clone();
        match connection {
            Some(connection) => connection.send(packet).await.is_ok(),
            None => false,
        }
    }
}

/// A queue, for tests and for those who bring their own transport. Full means lost.
#[async_trait]
impl PacketSink for mpsc::Sender<rtp::Packet> {
    async fn send(&mut self, packet: rtp::Packet) -> bool {
        self.try_send(packet).is_ok()
    }
}

enum Request {
    Keyframe(Ssrc),
    Streams(Vec<SenderStream>),
}

/// A running publisher. Dropped, it stops.
pub struct Publisher {
    task: JoinHandle<()>,
    requests: mpsc::Sender<Request>,
    log: PublishLog,
}

impl Publisher {
    /// Starts to publish on the present tokio runtime. `origin` gives the moments in the log.
    pub fn start(players: Vec<Player>, sink: impl PacketSink, origin: ClockOrigin) -> Self {
        let log = PublishLog::new(players.iter().map(Player::source));
        let (requests, wanted) = mpsc::channel(REQUESTS);
        let run = Run {
            players,
            sink,
            origin,
            log: log.clone(),
        };
        Self {
            task: tokio::spawn(run.run(wanted)),
            requests,
            log,
        }
    }

    /// Jumps to a keyframe as soon as may be: with the next frame, but not within 300 ms of the
    /// last keyframe.
    pub fn request_keyframe(&self, ssrc: Ssrc) {
        // Full means that requests are waiting already.
        let _ = self.requests.try_send(Request::Keyframe(ssrc));
    }

    /// Goes on in other streams, one for each player in its order: their SSRCs were taken.
    pub async fn replace_streams(&self, streams: Vec<SenderStream>) {
        let _ = self.requests.send(Request::Streams(streams)).await;
    }

    /// What was sent.
    pub fn log(&self) -> &PublishLog {
        &self.log
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Run<S> {
    players: Vec<Player>,
    sink: S,
    origin: ClockOrigin,
    log: PublishLog,
}

impl<S: PacketSink> Run<S> {
    async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let now = self.now();
        self.players.iter_mut().for_each(|player| player.start(now));
        while let Some(due) = self.players.iter().filter_map(Player::poll_timeout).min() {
            // Deadlines are absolute: being woken late now and then adds up to nothing.
            let due = Instant::from_std(self.origin.instant(due));
            tokio::select! {
                () = tokio::time::sleep_until(due) => self.send_due().await,
                request = requests.recv() => match request {
                    Some(Request::Keyframe(ssrc)) => self.want_keyframe(ssrc),
                    Some(Request::Streams(streams)) => self.replace_streams(streams),
                    None => return,
                },
            }
        }
    }

    fn now(&self) -> Moment {
        self.origin.moment(Instant::now().into_std())
    }

    fn want_keyframe(&mut self, ssrc: Ssrc) {
        let asked = self
            .players
            .iter_mut()
            .filter(|player| player.ssrc() == ssrc);
        asked.for_each(Player::want_keyframe);
    }

    fn replace_streams(&mut self, streams: Vec<SenderStream>) {
        for (player, stream) in self.players.iter_mut().zip(streams) {
            player.replace_stream(stream);
            self.log.add_source(player.source());
        }
    }

    async fn send_due(&mut self) {
        let now = self.now();
        while let Some(outgoing) = self.players.iter_mut().find_map(|p| p.poll(now)) {
            self.send(outgoing).await;
        }
    }

    async fn send(&mut self, outgoing: Outgoing) {
        // Noted first: the frame may be received before the last `send` returns.
        self.log.note(outgoing.frame);
        let mut whole = !outgoing.packets.is_empty();
        for packet in outgoing.packets {
            whole &= self.sink.send(packet).await;
        }
        if !whole {
            self.log.retract(&outgoing.frame);
        }
    }
}
