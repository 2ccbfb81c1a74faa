//! Coming and going: who is connected, and who is to receive whom.

use std::time::Instant;

use crate::config::PayloadFormat;
use crate::error::SfuError;
use crate::event::{DisconnectReason, Event};
use crate::forwarding::{Leg, LegState, Publication, Stream};
use crate::id::{ParticipantId, PeerKey, RoomId};
use crate::keyframe::KeyframeThrottle;
use crate::peer::Peer;
use crate::permissions::Permissions;
use crate::room::Room;
use crate::sfu::Sfu;
use crate::stats::{Route, RouteCount};

impl Sfu {
    /// Sets the payload format of a room before its first participant connects. Rooms that
    /// nobody configured use [`crate::SfuConfig::default_format`].
    ///
    /// # Errors
    ///
    /// [`SfuError::RoomInUse`] when somebody is connected and the format would change.
    pub fn configure_room(&mut self, room: &RoomId, format: PayloadFormat) -> Result<(), SfuError> {
        if self
            .rooms
            .get(room)
            .is_some_and(|state| state.format != format)
        {
            return Err(SfuError::RoomInUse);
        }
        self.formats.insert(room.clone(), format);
        Ok(())
    }

    /// Disconnects everyone in a room and forgets its configuration.
    pub fn close_room(&mut self, room: &RoomId, now: Instant) {
        let keys = self
            .rooms
            .get(room)
            .map(|state| state.participants.values().copied());
        let doomed = keys
            .into_iter()
            .flatten()
            .map(|key| (key, DisconnectReason::Requested));
        self.doomed.extend(doomed);
        self.reap(now);
        self.formats.remove(room);
    }

    /// Connects a participant: takes its one offer and returns the answer. A participant that is
    /// connected already is connected anew; streams it publishes again under the same SSRC
    /// stay where they are at the other participants.
    ///
    /// # Errors
    ///
    /// [`SfuError::SsrcTaken`], [`SfuError::RoomFull`], [`SfuError::TooManyOffers`], or a fault of
    /// the offer. An existing connection of the participant then lives on.
    pub fn connect(
        &mut self,
        room: &RoomId,
        participant: &ParticipantId,
        offer: &str,
        now: Instant,
    ) -> Result<String, SfuError> {
        self.connect_with(room, participant, Permissions::ALL, offer, now)
    }

    /// [`connect`](Self::connect) of a participant that may not do everything.
    ///
    /// # Errors
    ///
    /// [`SfuError::MayNotPublish`] besides.
    pub fn connect_with(
        &mut self,
        room: &RoomId,
        participant: &ParticipantId,
        permissions: Permissions,
        offer: &str,
        now: Instant,
    ) -> Result<String, SfuError> {
        self.check_space(room, participant)?;
        let who = (room, participant);
        self.ledger.offer(who, &self.config, now)?;
        let (mut peer, answer, publications) =
            Peer::accept(now, &self.config, room.clone(), participant.clone(), offer)?;
        if !permissions.publish && !publications.is_empty() {
            return Err(SfuError::MayNotPublish);
        }
        peer.permissions = permissions;
        self.check_ssrcs(room, participant, &publications)?;

        let key = PeerKey(self.next_key);
        let streams: Vec<Stream> = publications
            .into_iter()
            .map(|publication| Stream {
                publisher: key,
                participant: participant.clone(),
                publication,
                keyframes: KeyframeThrottle::new(self.config.keyframe_interval),
                legs: Vec::new(),
            })
            .collect();
        let number = self.new_ones(room, &streams);
        self.ledger.new_streams(who, number, &self.config, now)?;

        self.next_key += 1;
        self.demux.add(&peer.ufrag, key);
        self.peers.insert(key, peer);
        let format = self
            .formats
            .get(room)
            .copied()
            .unwrap_or(self.config.default_format);
        let state = self
            .rooms
            .entry(room.clone())
            .or_insert_with(|| Room::new(format));
        let old = state.participants.insert(participant.clone(), key);
        if let Some(old) = old {
            self.take_out(old);
        }
        self.withdraw(room, participant, &streams, now);
        self.publish(room, key, streams, now);
        self.subscribe_to_all(room, key, now);
        self.enqueue(key);
        self.reap(now);
        Ok(answer)
    }

    /// Disconnects a participant and forgets that it was muted, also if it has gone by itself.
    ///
    /// # Errors
    ///
    /// [`SfuError::UnknownParticipant`] if it has no connection.
    pub fn disconnect(
        &mut self,
        room: &RoomId,
        participant: &ParticipantId,
        now: Instant,
    ) -> Result<(), SfuError> {
        if let Some(state) = self.rooms.get_mut(room) {
            state.muted.remove(participant);
        }
        let key = self.key_of(room, participant)?;
        self.doomed.push((key, DisconnectReason::Requested));
        self.reap(now);
        Ok(())
    }

    /// Stops forwarding anything to or from a participant at once, without a renegotiation: for a
    /// member who is removed but has not left yet. It holds across reconnects and ends
    /// with [`Sfu::disconnect`].
    ///
    /// # Errors
    ///
    /// [`SfuError::UnknownParticipant`].
    pub fn silence(&mut self, room: &RoomId, participant: &ParticipantId) -> Result<(), SfuError> {
        self.key_of(room, participant)?;
        if let Some(state) = self.rooms.get_mut(room) {
            state.muted.insert(participant.clone());
        }
        Ok(())
    }

    pub(crate) fn key_of(
        &self,
        room: &RoomId,
        participant: &ParticipantId,
    ) -> Result<PeerKey, SfuError> {
        let state = self.rooms.get(room).ok_or(SfuError::UnknownParticipant)?;
        let key = state.participants.get(participant);
        key.copied().ok_or(SfuError::UnknownParticipant)
    }

    fn check_space(&self, room: &RoomId, participant: &ParticipantId) -> Result<(), SfuError> {
        let limit = self.config.max_participants_per_room;
        let full = self.rooms.get(room).is_some_and(|state| {
            !state.participants.contains_key(participant) && state.participants.len() >= limit
        });
        if full {
            return Err(SfuError::RoomFull { limit });
        }
        Ok(())
    }

    fn check_ssrcs(
        &self,
        room: &RoomId,
        participant: &ParticipantId,
        publications: &[Publication],
    ) -> Result<(), SfuError> {
        let Some(state) = self.rooms.get(room) else {
            return Ok(());
        };
        let wanted = publications
            .iter()
            .flat_map(|p| [Some(p.ssrc), p.repair])
            .flatten();
        for ssrc in wanted {
            if state.table.is_taken(ssrc, participant) {
                return Err(SfuError::SsrcTaken { ssrc });
            }
        }
        Ok(())
    }

    /// How many of a participant's streams take a leg to everybody else.
    fn new_ones(&self, room: &RoomId, streams: &[Stream]) -> usize {
        let table = self.rooms.get(room).map(|state| &state.table);
        let is_new = |stream: &&Stream| !table.is_some_and(|table| table.has(stream));
        streams.iter().filter(is_new).count()
    }

    /// Adds streams to the table and a leg to everyone else for each new one.
    fn publish(&mut self, room: &RoomId, key: PeerKey, streams: Vec<Stream>, now: Instant) {
        let Some(state) = self.rooms.get_mut(room) else {
            return;
        };
        let others: Vec<PeerKey> = state
            .participants
            .values()
            .copied()
            .filter(|other| *other != key)
            .collect();
        let mut fresh = Vec::new();
        for stream in streams {
            let ssrc = stream.publication.ssrc;
            if !state.table.publish(stream) {
                fresh.push(ssrc);
            }
        }
        for ssrc in fresh {
            for other in &others {
                self.subscribe(room, ssrc, *other, now);
            }
        }
    }

    fn subscribe_to_all(&mut self, room: &RoomId, key: PeerKey, now: Instant) {
        let Some(state) = self.rooms.get(room) else {
            return;
        };
        let streams = state
            .table
            .streams()
            .filter(|stream| stream.publisher != key);
        let mut ssrcs: Vec<u32> = streams.map(|stream| stream.publication.ssrc).collect();
        // The table has no order, but an SDP should not differ from run to run.
        ssrcs.sort_unstable();
        for ssrc in ssrcs {
            self.subscribe(room, ssrc, key, now);
        }
    }

    /// Adds one leg.
    fn subscribe(&mut self, room: &RoomId, ssrc: u32, subscriber: PeerKey, now: Instant) {
        let stream = self
            .rooms
            .get_mut(room)
            .and_then(|state| state.table.stream_mut(ssrc));
        let (Some(stream), Some(peer)) = (stream, self.peers.get_mut(&subscriber)) else {
            return;
        };
        if !peer.permissions.subscribe {
            return;
        }
        if peer.sections() >= self.config.max_media_sections {
            return self
                .doomed
                .push((subscriber, DisconnectReason::SectionsExhausted));
        }
        let Some(sender) = peer.add_leg(&stream.publication, &stream.participant) else {
            return;
        };
        peer.negotiation.want(now);
        stream.legs.push(Leg {
            subscriber,
            participant: peer.participant.clone(),
            sender,
            state: LegState::Waiting,
            count: RouteCount::default(),
        });
        self.enqueue(subscriber);
    }

    /// Takes away the streams of a participant that `next` does not continue.
    fn withdraw(
        &mut self,
        room: &RoomId,
        participant: &ParticipantId,
        next: &[Stream],
        now: Instant,
    ) {
        let Some(state) = self.rooms.get_mut(room) else {
            return;
        };
        for stream in state.table.withdraw(participant, next) {
            for leg in &stream.legs {
                if let Some(subscriber) = self.peers.get_mut(&leg.subscriber) {
                    subscriber.remove_leg(leg.sender);
                    subscriber.negotiation.want(now);
                }
                self.enqueue(leg.subscriber);
                let limit = self.config.max_kept_routes;
                self.totals
                    .end_route(route(room, &stream, leg), leg.count, limit);
            }
        }
    }

    /// Removes every peer connection that is over.
    pub(crate) fn reap(&mut self, now: Instant) {
        while let Some((key, reason)) = self.doomed.pop() {
            let Some((room, participant)) = self.take_out(key) else {
                continue;
            };
            let current = self.key_of(&room, &participant).ok() == Some(key);
            if !current {
                continue;
            }
            self.withdraw(&room, &participant, &[], now);
            if let Some(state) = self.rooms.get_mut(&room) {
                state.participants.remove(&participant);
                if state.participants.is_empty() {
                    self.rooms.remove(&room);
                }
            }
            self.events.push_back(Event::Disconnected {
                room,
                participant,
                reason,
            });
        }
    }

    /// Closes a peer connection and removes its legs, but not its streams.
    fn take_out(&mut self, key: PeerKey) -> Option<(RoomId, ParticipantId)> {
        if let Some(peer) = self.peers.get_mut(&key) {
            peer.close();
        }
        self.flush(key);
        let peer = self.peers.remove(&key)?;
        self.demux.remove(&peer.ufrag, key);
        self.totals.end_hop(&peer.counters);
        if let Some(state) = self.rooms.get_mut(&peer.room) {
            for (stream, leg) in state.table.unsubscribe(key) {
                let limit = self.config.max_kept_routes;
                self.totals
                    .end_route(route(&peer.room, stream, &leg), leg.count, limit);
            }
        }
        Some((peer.room, peer.participant))
    }
}

fn route(room: &RoomId, stream: &Stream, leg: &Leg) -> Route {
    Route {
        room: room.clone(),
        publisher: stream.participant.clone(),
        subscriber: leg.participant.clone(),
        kind: stream.publication.kind,
        ssrc: stream.publication.ssrc,
    }
}
