//! The task behind a [`Headless`](super::Headless).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mls_srtp::event::{Event, FatalCause};
use mls_srtp::id::{ParticipantId, Ssrc};
use mls_srtp::time::Moment;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::tracks::Tracks;
use super::{EventObserver, FrameObserver, Order, Progress};
use crate::connection::RemotePacket;
use crate::e2e::{E2eMedia, FrameOpener, Unsealed};
use crate::leg::{LegEvent, MediaLeg};
use crate::publish::Publisher;
use crate::reassemble::{Assembled, MediaFrame, Reassembly};
use crate::record::{RecordError, RecordedFile, Recorder};
use crate::session::{Session, SessionEvent, SessionEvents};

/// How long packets may still arrive after the group has gone on without us.
const DRAIN: Duration = Duration::from_millis(200);
/// How often reassembly gives up on what is missing.
const TICK: Duration = Duration::from_millis(50);

pub(super) struct Run {
    pub(super) session: Session,
    pub(super) media: E2eMedia,
    pub(super) leg: MediaLeg,
    pub(super) publisher: Option<Publisher>,
    pub(super) tracks: Tracks,
    /// The others are still to be told of our SSRCs.
    pub(super) untold: bool,
    pub(super) reassembly: Reassembly,
    /// In a room of frames: what opens them.
    pub(super) opener: Option<FrameOpener>,
    pub(super) recorder: Option<Recorder>,
    pub(super) on_frame: Option<FrameObserver>,
    pub(super) on_event: Option<EventObserver>,
    pub(super) progress: Arc<Mutex<Progress>>,
}

impl Run {
    pub(super) async fn run(
        mut self,
        mut events: SessionEvents,
        mut orders: mpsc::Receiver<Order>,
    ) -> Result<Vec<RecordedFile>, RecordError> {
        let mut tick = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => {
                        if self.hear(event).await {
                            break;
                        }
                    }
                    None => break,
                },
                event = self.leg.next() => self.heed(event).await,
                Some(order) = orders.recv() => {
                    if self.obey(order).await {
                        break;
                    }
                }
                _ = tick.tick() => self.reassembly.handle_timeout(self.media.origin().now()),
            }
            self.take_frames(true).await;
        }
        self.drain().await;
        self.note(|progress, now| progress.ended_at = Some(now));
        self.recorder
            .take()
            .map_or(Ok(Vec::new()), Recorder::finish)
    }

    /// `true` once the stay is over.
    async fn hear(&mut self, event: SessionEvent) -> bool {
        match event {
            SessionEvent::Group(event) => return self.hear_group(event),
            SessionEvent::Signal(signal) => {
                if let Some(event) = self.leg.handle_signal(signal).await {
                    self.heed(event).await;
                }
            }
            SessionEvent::Media(event) => tracing::debug!(?event, "media"),
            SessionEvent::Disconnected(reason) => {
                tracing::info!(reason, "signaling lost");
                self.leg.signaling_lost();
            }
            SessionEvent::NotKept(reason) => tracing::warn!(reason, "the state is not kept"),
            SessionEvent::Reconnected => {
                self.leg.signaling_back();
                self.note(|progress, _| progress.signaling_reconnects += 1);
            }
        }
        false
    }

    fn hear_group(&mut self, event: Event) -> bool {
        tracing::debug!(?event, "group");
        if let Some(on_event) = &mut self.on_event {
            on_event(&event);
        }
        match event {
            Event::Joined { .. } => self.note(|progress, now| {
                progress.joined_at.get_or_insert(now);
            }),
            Event::EpochChanged { epoch, .. } => self.note(|progress, _| {
                progress.epochs.push(epoch.get());
                progress.epoch = Some(event);
            }),
            Event::MediaReady => self.leg.connect(),
            Event::KeyframeWanted => self.give_keyframe(self.tracks.picture()),
            Event::Left => return true,
            Event::Fatal(FatalCause::UnsupportedMode { mode }) => {
                let ours = self.media.mode();
                let trouble = format!("the room protects media as {mode}, not as {ours}");
                self.note(|progress, _| progress.trouble = Some(trouble));
                return true;
            }
            Event::StrongerSuitePossible { suite } => {
                tracing::warn!(%suite, "the service gives the room a weaker MLS cipher suite than all members can do");
                self.note(|progress, _| progress.stronger_suite = Some(suite));
            }
            Event::Fatal(cause) => {
                self.note(|progress, _| progress.trouble = Some(cause.to_string()));
                return true;
            }
            Event::Removed => {
                let trouble = "somebody had us removed from the room".into();
                self.note(|progress, _| progress.trouble = Some(trouble));
                return true;
            }
            _ => {}
        }
        false
    }

    /// An event of the media leg.
    async fn heed(&mut self, event: LegEvent) {
        match event {
            LegEvent::Packet(packet) => self.take_packet(packet),
            LegEvent::Signal(signal) => self.session.signal(signal).await,
            LegEvent::KeyframeWanted { ssrc } => self.give_keyframe(ssrc),
            LegEvent::Connected => {
                tracing::info!("media connected");
                self.tell_new_ssrcs().await;
                self.note(|progress, now| {
                    progress.media_reconnects += u32::from(progress.media_at.is_some());
                    progress.media_at.get_or_insert(now);
                    progress.media_up = true;
                });
            }
            LegEvent::Lost { reason, .. } => {
                tracing::info!(reason, "media lost");
                self.media_down(reason);
            }
            LegEvent::GaveUp { reason } => {
                tracing::warn!(reason, "media failed too often");
                self.media_down(reason);
            }
            LegEvent::SsrcTaken => {
                tracing::info!("an SSRC of ours is taken");
                self.media_down("an SSRC was taken".into());
                self.take_new_ssrcs().await;
            }
        }
    }

    fn media_down(&self, reason: String) {
        self.note(|progress, _| {
            progress.media_up = false;
            progress.media_trouble = Some(reason);
        });
    }

    /// Our streams go on under other SSRCs. Whoever took the one that we had announced would take
    /// these as well, so nobody is told of them before the SFU has them from us.
    async fn take_new_ssrcs(&mut self) {
        self.tracks = Tracks::draw();
        self.untold = true;
        if let Some(publisher) = &self.publisher {
            publisher
                .replace_streams(self.tracks.streams().into())
                .await;
        }
        self.leg.set_tracks(self.tracks.local());
    }

    /// What is sent before the others hear of it waits at them for a moment.
    async fn tell_new_ssrcs(&mut self) {
        if std::mem::take(&mut self.untold) {
            let announced = self.tracks.announced(self.media.mode());
            self.session.announce(announced).await;
        }
    }

    /// `true` once the stay goes on without us.
    async fn obey(&mut self, order: Order) -> bool {
        match order {
            Order::SafetyNumber(participant, answer) => {
                // Who asked may have given up.
                let _ = answer.send(self.session.safety_number(&participant).await);
            }
            Order::StopPublishing => self.publisher = None,
            Order::Leave => {
                self.publisher = None;
                self.note(|progress, now| progress.leaving_at = Some(now));
                self.session.leave().await;
            }
            Order::Suspend => {
                self.publisher = None;
                if let Err(error) = self.session.suspend().await {
                    self.note(|progress, _| progress.trouble = Some(error.to_string()));
                }
                return true;
            }
        }
        false
    }

    /// Takes what is still on its way, and closes.
    async fn drain(&mut self) {
        self.publisher = None;
        let end = Instant::now() + DRAIN;
        while let Ok(event) = timeout_at(end, self.leg.next()).await {
            if let LegEvent::Packet(packet) = event {
                self.take_packet(packet);
            }
            self.take_frames(false).await;
        }
        self.leg.close().await;
    }

    fn take_packet(&mut self, RemotePacket { kind, packet, .. }: RemotePacket) {
        if self.opener.is_none() {
            self.note_first_packet();
        }
        self.reassembly
            .push(kind, packet, self.media.origin().now());
    }

    fn note_first_packet(&self) {
        self.note(|progress, now| {
            progress.first_packet_at.get_or_insert(now);
        });
    }

    /// Hands whole frames on, under the name of the key that opened them.
    async fn take_frames(&mut self, going_on: bool) {
        while let Some(assembled) = self.reassembly.poll() {
            match assembled {
                Assembled::Frame(frame) => match &mut self.opener {
                    Some(opener) => opener.push(frame, self.media.origin().now()),
                    None => self.take_opened(&frame),
                },
                Assembled::KeyframeWanted { ssrc } if going_on => {
                    self.leg.request_keyframe(ssrc).await;
                }
                Assembled::KeyframeWanted { .. } | Assembled::Lost { .. } => {}
            }
        }
        self.take_unsealed(going_on).await;
    }

    /// The same in a room of frames, where it is now known whose they are.
    async fn take_unsealed(&mut self, going_on: bool) {
        while let Some(unsealed) = self.opener.as_mut().and_then(FrameOpener::poll) {
            match unsealed {
                Unsealed::Frame(sender, frame) => {
                    self.note_first_packet();
                    self.note(|progress, _| progress.opened_packets += u64::from(frame.packets));
                    self.take_frame(&sender, &frame);
                }
                Unsealed::KeyframeWanted { ssrc } if going_on => {
                    self.leg.request_keyframe(ssrc).await;
                }
                Unsealed::KeyframeWanted { .. } => {}
            }
        }
        if self.opener.is_some() {
            let total = self.reassembly.total();
            let superfluous = total.late_or_twice + total.unstarted;
            self.note(|progress, _| progress.superfluous_packets = superfluous);
        }
    }

    /// A frame whose packets were opened one by one.
    fn take_opened(&mut self, frame: &MediaFrame) {
        if let Some(owner) = self.media.owners().owner(frame.ssrc) {
            self.take_frame(&owner.participant, frame);
        }
    }

    fn take_frame(&mut self, sender: &ParticipantId, frame: &MediaFrame) {
        if let Some(on_frame) = &mut self.on_frame {
            on_frame(sender, frame);
        }
        if let Some(recorder) = &mut self.recorder
            && let Err(error) = recorder.record(sender, frame)
        {
            tracing::error!(%error, "cannot record");
            self.note(|progress, _| progress.trouble = Some(error.to_string()));
        }
    }

    fn give_keyframe(&self, ssrc: Ssrc) {
        if let Some(publisher) = &self.publisher {
            publisher.request_keyframe(ssrc);
        }
    }

    fn note(&self, note: impl FnOnce(&mut Progress, Moment)) {
        let now = self.media.origin().now();
        note(
            &mut self.progress.lock().unwrap_or_else(PoisonError::into_inner),
            now,
        );
    }
}
