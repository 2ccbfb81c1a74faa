//! The state machine: datagrams, commands and time in; datagrams and events out.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::BytesMut;

use crate::config::{PayloadFormat, SfuConfig};
use crate::demux::{self, Demux, Packet};
use crate::error::SfuError;
use crate::event::{DisconnectReason, Event, Transmit};
use crate::forward::{Forwarder, Tap};
use crate::forwarding::LegState;
use crate::id::{ParticipantId, PeerKey, RoomId};
use crate::ledger::Ledger;
use crate::negotiation::Step;
use crate::peer::{Peer, PeerEvent};
use crate::room::Room;
use crate::stats::{DropReason, Route, SfuStats, Totals};

/// A received packet may arm an engine timer; a wake-up closer than this needs no second look.
const TIMER_GRAIN: Duration = Duration::from_millis(50);
/// Shortest distance of two wake-ups for one peer, should the engine ask for the past.
const MIN_WAKE: Duration = Duration::from_millis(1);

/// The selective forwarding unit, without sockets and clocks. The crate page has the contract.
pub struct Sfu {
    pub(crate) config: SfuConfig,
    pub(crate) formats: HashMap<RoomId, PayloadFormat>,
    pub(crate) rooms: HashMap<RoomId, Room>,
    pub(crate) peers: HashMap<PeerKey, Peer>,
    pub(crate) next_key: u64,
    pub(crate) ledger: Ledger,
    pub(crate) demux: Demux,
    pub(crate) totals: Totals,
    /// Peers that may have something to send.
    pub(crate) queued: Vec<PeerKey>,
    /// Peers that are over and wait to be taken out.
    pub(crate) doomed: Vec<(PeerKey, DisconnectReason)>,
    pub(crate) transmits: VecDeque<Transmit>,
    pub(crate) events: VecDeque<Event>,
    /// Keyframe requests that wait for their throttle.
    pub(crate) later: Vec<(Instant, RoomId, u32)>,
    /// No timer is due before this. It may be too early, never too late, so that a packet costs
    /// no walk over all peers.
    alarm: Option<Instant>,
    tap: Option<Tap>,
}

impl Sfu {
    /// An SFU without rooms.
    ///
    /// # Errors
    ///
    /// [`SfuError::Config`] when a value is out of range.
    pub fn new(config: SfuConfig) -> Result<Self, SfuError> {
        config.validate()?;
        Ok(Self {
            config,
            formats: HashMap::new(),
            rooms: HashMap::new(),
            peers: HashMap::new(),
            next_key: 0,
            ledger: Ledger::default(),
            demux: Demux::default(),
            totals: Totals::default(),
            queued: Vec::new(),
            doomed: Vec::new(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            later: Vec::new(),
            alarm: None,
            tap: None,
        })
    }

    /// Shows every forwarded packet to `tap` from now on, or to nobody.
    pub fn set_tap(&mut self, tap: Option<Tap>) {
        self.tap = tap;
    }

    /// Takes one datagram that arrived on the socket.
    pub fn handle_datagram(&mut self, from: SocketAddr, datagram: BytesMut, now: Instant) {
        let Some(packet) = demux::classify(&datagram) else {
            return self.totals.drop(DropReason::NotWebRtc);
        };
        let Some(key) = self.demux.find(packet, from, &datagram) else {
            return self.totals.drop(DropReason::UnknownSource);
        };
        let Some(peer) = self.peers.get_mut(&key) else {
            return self.totals.drop(DropReason::UnknownSource);
        };
        let is_media = matches!(packet, Packet::Rtp(_) | Packet::Rtcp(_));
        if is_media && !peer.connected {
            return self.totals.drop(DropReason::NotConnected);
        }
        if !peer.admits(packet) {
            return self.totals.drop(DropReason::UndeclaredSsrc);
        }
        peer.last_heard = now;
        peer.handle_datagram(now, from, datagram);
        let closed = packet == Packet::Dtls && peer.connected && peer.is_closed_by_peer();
        let armed = matches!(packet, Packet::Rtp(_))
            && peer.wake.is_some_and(|wake| wake < now + TIMER_GRAIN);
        self.pump(key, now);
        if closed {
            self.doomed.push((key, DisconnectReason::ClosedByPeer));
        }
        if !armed {
            self.enqueue(key);
        }
        self.reap(now);
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        let keys: Vec<PeerKey> = self.peers.keys().copied().collect();
        for key in keys {
            self.wake_peer(key, now);
        }
        self.send_late_keyframe_requests(now);
        self.reap(now);
        self.alarm = self.earliest_timer();
    }

    fn earliest_timer(&self) -> Option<Instant> {
        let peers = self.peers.values().flat_map(|peer| {
            // A queued peer's timer is about to change, and flushing it sets the alarm.
            let wake = peer.wake.filter(|_| !peer.queued);
            let silence = Some(deadline(peer, &self.config));
            [silence, wake, peer.negotiation.timeout()]
                .into_iter()
                .flatten()
        });
        peers.chain(self.later.iter().map(|(due, ..)| *due)).min()
    }

    /// Makes sure the alarm rings at `due` at the latest.
    pub(crate) fn arm(&mut self, due: Option<Instant>) {
        self.alarm = self.alarm.into_iter().chain(due).min();
    }

    fn wake_peer(&mut self, key: PeerKey, now: Instant) {
        let Some(peer) = self.peers.get_mut(&key) else {
            return;
        };
        if peer.wake.is_some_and(|wake| wake <= now) {
            peer.handle_timeout(now);
            peer.wake = Some(now + MIN_WAKE);
            self.enqueue(key);
            self.pump(key, now);
        }
        let Some(peer) = self.peers.get_mut(&key) else {
            return;
        };
        if now >= deadline(peer, &self.config) {
            let reason = match peer.connected {
                true => DisconnectReason::Idle,
                false => DisconnectReason::ConnectTimeout,
            };
            self.doomed.push((key, reason));
        }
        match peer.negotiation.poll(now) {
            Step::Wait => {}
            Step::Offer => self.make_offer(key, now),
            Step::GiveUp => self.doomed.push((key, DisconnectReason::AnswerTimeout)),
        }
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        while self.transmits.is_empty() {
            let key = self.queued.pop()?;
            self.flush(key);
        }
        self.transmits.pop_front()
    }

    /// The next event to pass on.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to call [`Sfu::handle_timeout`] at the latest. Ask after draining
    /// [`Sfu::poll_transmit`]: sending moves timers.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.alarm
    }

    /// Everything counted so far.
    pub fn stats(&self) -> SfuStats {
        let live = self.rooms.iter().flat_map(|(room, state)| {
            state.table.streams().flat_map(move |stream| {
                stream.legs.iter().map(move |leg| {
                    let route = Route {
                        room: room.clone(),
                        publisher: stream.participant.clone(),
                        subscriber: leg.participant.clone(),
                        kind: stream.publication.kind,
                        ssrc: stream.publication.ssrc,
                    };
                    (route, leg.count)
                })
            })
        });
        let counted = live.filter(|(_, count)| count.packets > 0);
        let hops = self.peers.values().map(|peer| &*peer.counters);
        let mut stats = self.totals.snapshot(counted, hops);
        stats.connected = self.peers.values().filter(|peer| peer.connected).count();
        stats
    }

    /// Applies a client's answer to the last [`Event::Offer`].
    ///
    /// # Errors
    ///
    /// [`SfuError::UnknownParticipant`], [`SfuError::NoOfferOutstanding`], or a fault of the
    /// answer; the offer then still waits for a good one.
    pub fn answer(
        &mut self,
        room: &RoomId,
        participant: &ParticipantId,
        sdp: &str,
        now: Instant,
    ) -> Result<(), SfuError> {
        let key = self.key_of(room, participant)?;
        let peer = self
            .peers
            .get_mut(&key)
            .ok_or(SfuError::UnknownParticipant)?;
        peer.take_answer(now, sdp, &self.config)?;
        self.activate_legs(room, key, now);
        self.pump(key, now);
        self.enqueue(key);
        self.reap(now);
        Ok(())
    }

    /// The legs of the answered offer are ready, and their video needs a keyframe to start with.
    fn activate_legs(&mut self, room: &RoomId, key: PeerKey, now: Instant) {
        let (Some(state), Some(peer)) = (self.rooms.get_mut(room), self.peers.get_mut(&key)) else {
            return;
        };
        let mut ready = Vec::new();
        for (publication, leg) in state.table.legs_to(key) {
            if leg.state != LegState::Offered {
                continue;
            }
            leg.state = match peer.translation(leg.sender, publication) {
                Some(translation) => LegState::Active(translation),
                None => LegState::Refused,
            };
            ready.push(publication.ssrc);
        }
        for ssrc in ready {
            self.ask_for_keyframe(room, ssrc, now);
        }
    }

    fn make_offer(&mut self, key: PeerKey, now: Instant) {
        let Some(peer) = self.peers.get_mut(&key) else {
            return;
        };
        let sdp = match peer.offer(now) {
            Ok(sdp) => sdp,
            Err(error) => {
                tracing::warn!(participant = %peer.participant, %error, "no offer possible");
                return self.doomed.push((key, DisconnectReason::Failed));
            }
        };
        let (room, participant) = (peer.room.clone(), peer.participant.clone());
        if let Some(state) = self.rooms.get_mut(&room) {
            for (_, leg) in state.table.legs_to(key) {
                if leg.state == LegState::Waiting {
                    leg.state = LegState::Offered;
                }
            }
        }
        self.enqueue(key);
        self.events.push_back(Event::Offer {
            room,
            participant,
            sdp,
        });
    }

    /// Handles everything that happened inside a peer connection.
    pub(crate) fn pump(&mut self, key: PeerKey, now: Instant) {
        while let Some(peer) = self.peers.get_mut(&key) {
            let Some(event) = peer.poll_event(now) else {
                break;
            };
            let room = peer.room.clone();
            match event {
                PeerEvent::Connected => self.on_connected(key, now),
                PeerEvent::Ended(reason) => self.doomed.push((key, reason)),
                PeerEvent::Rtp(packet) => Forwarder {
                    now,
                    rooms: &mut self.rooms,
                    peers: &mut self.peers,
                    totals: &mut self.totals,
                    tap: self.tap.as_mut(),
                    touched: &mut self.queued,
                }
                .forward(&room, key, &packet),
            }
        }
        self.relay_keyframe_requests(key, now);
    }

    fn on_connected(&mut self, key: PeerKey, now: Instant) {
        let Some(peer) = self.peers.get(&key) else {
            return;
        };
        let (room, participant) = (peer.room.clone(), peer.participant.clone());
        // Legs that were ready before this publisher reconnected wait for a keyframe.
        let streams = self.rooms.get(&room).map(|state| state.table.streams());
        let own: Vec<u32> = streams
            .into_iter()
            .flatten()
            .filter(|stream| stream.publisher == key && !stream.legs.is_empty())
            .map(|stream| stream.publication.ssrc)
            .collect();
        for ssrc in own {
            self.ask_for_keyframe(&room, ssrc, now);
        }
        self.events
            .push_back(Event::Connected { room, participant });
    }

    /// Sends what a peer has to send and asks when to wake it next.
    pub(crate) fn flush(&mut self, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(&key) else {
            return;
        };
        peer.queued = false;
        while let Some((to, bytes)) = peer.poll_transmit() {
            if demux::is_binding_success(&bytes) {
                self.demux.learn(to, key);
            }
            self.transmits.push_back(Transmit { to, bytes });
        }
        peer.refresh_wake();
        let timers = [
            peer.wake,
            peer.negotiation.timeout(),
            Some(deadline(peer, &self.config)),
        ];
        self.arm(timers.into_iter().flatten().min());
    }

    pub(crate) fn enqueue(&mut self, key: PeerKey) {
        if let Some(peer) = self.peers.get_mut(&key)
            && !std::mem::replace(&mut peer.queued, true)
        {
            self.queued.push(key);
        }
    }
}

/// When a peer counts as gone if nothing changes.
fn deadline(peer: &Peer, config: &SfuConfig) -> Instant {
    match peer.connected {
        true => peer.last_heard + config.idle_timeout,
        false => peer.born + config.connect_timeout,
    }
}
