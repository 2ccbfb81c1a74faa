//! A client's sound: numbered packets through the SFU, and a log of what was sent and heard.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use mls_srtp::delivery::MediaSignal;
use mls_srtp::id::Ssrc;
use mls_srtp::pipeline::{MediaConfig, MediaEvent, MediaPipeline, Stream, StreamSource};
use mls_srtp::time::Moment;
use mls_srtp_participant::clock::ClockOrigin;
use mls_srtp_participant::connection::{LocalTrack, RemotePacket};
use mls_srtp_participant::e2e::E2eMedia;
use mls_srtp_participant::kind::MediaKind;
use mls_srtp_participant::leg::{LegConfig, LegEvent, MediaLeg};
use mls_srtp_participant::stream::SenderStream;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::user as user_of;
use crate::script::User;

/// How often keys that are due are erased.
const MIND: Duration = Duration::from_millis(100);
/// As long as 20 ms of Opus at 32 kbit/s.
const PAYLOAD: usize = 80;
/// The first bytes of a payload of ours.
const MARK: [u8; 4] = *b"load";
/// Ticks of Opus' RTP clock per second.
const CLOCK: u64 = 48_000;

/// One connection to the SFU, from when media flowed until it was lost or given up.
#[derive(Debug, Clone, Default)]
pub struct Span {
    /// Whose.
    pub user: User,
    /// Since when.
    pub from: Duration,
    /// Until when; nothing while it lasts.
    pub to: Option<Duration>,
    /// It was lost, and nobody had asked for that.
    pub lost: bool,
    /// When each packet was sent, by number.
    pub sent: Vec<Duration>,
    /// The numbers that were heard, by the sender's span.
    pub heard: HashMap<u32, Vec<u32>>,
}

/// All connections of a run. Clones are the same log.
#[derive(Debug, Clone)]
pub struct MediaLog {
    spans: Arc<Mutex<Vec<Span>>>,
    /// Packets per second.
    rate: u32,
    silent: Arc<AtomicBool>,
}

impl MediaLog {
    /// An empty log of clients that send so many packets per second.
    pub fn new(rate: u32) -> Self {
        Self {
            spans: Arc::default(),
            rate,
            silent: Arc::default(),
        }
    }

    /// Nobody sends any more; what is under way still arrives.
    pub fn fall_silent(&self) {
        self.silent.store(true, Ordering::Relaxed);
    }

    /// A copy of everything.
    pub fn spans(&self) -> Vec<Span> {
        self.lock().clone()
    }

    fn begin(&self, user: User, from: Duration) -> u32 {
        let mut spans = self.lock();
        spans.push(Span {
            user,
            from,
            ..Span::default()
        });
        u32::try_from(spans.len() - 1).unwrap_or(u32::MAX)
    }

    fn with(&self, span: u32, change: impl FnOnce(&mut Span)) {
        if let Some(span) = self.lock().get_mut(span as usize) {
            change(span);
        }
    }

    /// Nothing in here panics between two changes.
    fn lock(&self) -> MutexGuard<'_, Vec<Span>> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something to go on with.
pub(super) enum Step {
    /// The connection tells something.
    Leg(LegEvent),
    /// Keys may be due.
    Mind,
    /// A packet is due.
    Send,
}

/// The media of one client.
pub(super) struct Media {
    pub(super) keys: E2eMedia,
    pub(super) leg: MediaLeg,
    /// Nothing may be sent, says the key manager.
    pub(super) stalled: bool,
    log: MediaLog,
    user: User,
    stream: SenderStream,
    mind: Interval,
    due: Interval,
    span: Option<u32>,
    stopped: bool,
    packets: u64,
}

impl Media {
    pub(super) fn new(log: &MediaLog, user: User, origin: ClockOrigin) -> Self {
        let pipeline = MediaPipeline::new(MediaConfig::default());
        let keys = E2eMedia::new(Arc::new(Mutex::new(pipeline)), origin);
        let ssrc = Ssrc::new(rand::random());
        let track = LocalTrack {
            kind: MediaKind::Audio,
            ssrc,
            rtx_ssrc: None,
        };
        let leg = MediaLeg::new(keys.clone(), vec![track], LegConfig::new("127.0.0.1:0"));
        Self {
            keys,
            leg,
            stalled: false,
            log: log.clone(),
            user,
            stream: SenderStream::new(MediaKind::Audio, ssrc),
            mind: patient(MIND),
            due: patient(Duration::from_secs(1) / log.rate),
            span: None,
            stopped: false,
            packets: 0,
        }
    }

    /// What the others are told.
    pub(super) fn announced(&self) -> Stream {
        Stream {
            id: self.stream.ssrc().into(),
            source: StreamSource::Microphone,
        }
    }

    /// Sends nothing more.
    pub(super) fn stop(&mut self) {
        self.stopped = true;
        self.end_span();
    }

    /// Ends the connection.
    pub(super) async fn close(&mut self) {
        self.stop();
        self.leg.close().await;
    }

    /// Waits for the next step. Cancelling loses nothing.
    pub(super) async fn next(&mut self) -> Step {
        tokio::select! {
            event = self.leg.next() => Step::Leg(event),
            _ = self.mind.tick() => Step::Mind,
            _ = self.due.tick() => Step::Send,
        }
    }

    /// Takes a step; returns what the SFU and the key manager should hear.
    pub(super) async fn advance(
        &mut self,
        step: Step,
        now: Moment,
    ) -> (Option<MediaSignal>, Vec<MediaEvent>) {
        match step {
            Step::Leg(LegEvent::Signal(signal)) => return (Some(signal), Vec::new()),
            Step::Leg(LegEvent::Packet(packet)) => self.heard(&packet),
            Step::Leg(LegEvent::Connected) if !self.stopped => {
                self.end_span();
                self.span = Some(self.log.begin(self.user, now.since_origin()));
            }
            Step::Leg(LegEvent::Lost { reason, .. } | LegEvent::GaveUp { reason }) => {
                tracing::info!(user = self.user, reason, "media lost");
                if let Some(span) = self.span {
                    self.log.with(span, |span| span.lost = true);
                }
                self.end_span();
            }
            Step::Leg(_) => {}
            Step::Mind => return (None, self.keys.mind(now)),
            Step::Send => self.send(now).await,
        }
        (None, Vec::new())
    }

    fn end_span(&mut self) {
        if let Some(span) = self.span.take() {
            let now = self.keys.origin().now().since_origin();
            self.log.with(span, |span| span.to = Some(now));
        }
    }

    /// Sends the next packet, if keys and connection are there.
    async fn send(&mut self, now: Moment) {
        let (Some(span), false) = (self.span, self.stalled) else {
            return;
        };
        let silent = self.log.silent.load(Ordering::Relaxed);
        if silent || self.keys.sending_epoch().is_none() {
            return;
        }
        let Some(connection) = self.leg.sink().borrow().clone() else {
            return;
        };
        let mut number = 0;
        self.log.with(span, |span| number = span.sent.len());
        let payload = payload(span, number);
        let time = self.packets * CLOCK / u64::from(self.log.rate);
        self.packets += 1;
        for packet in self.stream.packetize(time, &payload).unwrap_or_default() {
            if connection.send(packet).await.is_ok() {
                let at = now.since_origin();
                self.log.with(span, |span| span.sent.push(at));
            }
        }
    }

    /// Counts a packet that was opened, under the name of the key that opened it.
    fn heard(&mut self, packet: &RemotePacket) {
        let (Some(span), Some((sender, number))) = (self.span, parse(&packet.packet.payload))
        else {
            return;
        };
        let owner = self.keys.owners().owner(packet.ssrc);
        let owner = owner.and_then(|owner| user_of(&owner.participant));
        let mut spans = self.log.lock();
        let claimed = spans.get(sender as usize).map(|span| span.user);
        if owner.is_none() || owner != claimed {
            tracing::error!(?owner, ?claimed, "a packet under a wrong name");
            return;
        }
        if let Some(span) = spans.get_mut(span as usize) {
            span.heard.entry(sender).or_default().push(number);
        }
    }
}

/// Late ticks are not made up for.
fn patient(period: Duration) -> Interval {
    let mut interval = interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
    interval
}

fn payload(span: u32, number: usize) -> Bytes {
    let mut payload = vec![0; PAYLOAD];
    payload[..4].copy_from_slice(&MARK);
    payload[4..8].copy_from_slice(&span.to_be_bytes());
    payload[8..12].copy_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes());
    payload.into()
}

/// The sender's span and the packet's number.
fn parse(payload: &[u8]) -> Option<(u32, u32)> {
    let number = |at: usize| -> Option<u32> {
        let bytes = payload.get(at..at + 4)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    };
    payload.starts_with(&MARK).then_some(())?;
    Some((number(4)?, number(8)?))
}
