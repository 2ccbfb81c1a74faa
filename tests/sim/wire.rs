//! Between participants and service: connections, frames, envelopes.

use mls_srtp::delivery::{ClientMessage, ServiceMessage};
use mls_srtp_signaling::media::MediaRequestKind;
use mls_srtp_signaling::room::RoomOutput;

use super::invariants::Violation;
use super::network::{Arrived, ConnectionId, Direction, Frame, Side};
use super::queue::Happening;
use super::service::HEARTBEAT;
use super::trace;
use super::world::World;

impl World {
    /// A driver asks for a connection.
    pub(super) fn connect(&mut self, who: usize) -> Result<(), Violation> {
        let is_vacant = |world: &Self| {
            let process = world.people[who].process.as_ref();
            process.is_some_and(|process| process.connection.is_none())
        };
        if !is_vacant(self) || self.people[who].ended.is_some() {
            return Ok(());
        }
        if !self.service.is_up() || !self.network.reaches(who, self.now) {
            self.connect_later(who);
            return Ok(());
        }
        let id = self.network.connect(who);
        if let Some(process) = &mut self.people[who].process {
            process.connection = Some(id);
        }
        self.trace
            .note(self.now, || format!("p{who} connects, connection {id}"));
        // There and back: the connection and the upgrade to WebSocket.
        let there = self.network.delay(who, Direction::Up, self.now);
        let back = self.network.delay(who, Direction::Down, self.now);
        self.queue.put(self.now + there + back, Happening::Open(id));
        self.service.connected(id, self.now);
        self.queue
            .put(self.now + HEARTBEAT, Happening::Heartbeat(id));
        Ok(())
    }

    pub(super) fn connect_later(&mut self, who: usize) {
        let patience = self.people[who].patience();
        self.queue.put(self.now + patience, Happening::Connect(who));
    }

    /// The connection is open: the key manager may speak.
    pub(super) fn open(&mut self, id: ConnectionId) -> Result<(), Violation> {
        let Some(who) = self.owner(id) else {
            return Ok(());
        };
        if let Some(process) = &mut self.people[who].process {
            process.online = true;
            process.pinged_at = None;
            process.manager.handle_connected(self.now);
        }
        self.carry_out(who)
    }

    /// Whose driver has this connection at present.
    fn owner(&self, id: ConnectionId) -> Option<usize> {
        let who = self.network.get(id)?.who;
        let process = self.people.get(who)?.process.as_ref()?;
        (process.connection == Some(id)).then_some(who)
    }

    pub(super) fn transmit(&mut self, id: ConnectionId, direction: Direction, frame: Frame) {
        if let Some(at) = self.network.send(id, direction, frame, self.now) {
            self.queue.put(at, Happening::Arrival(id, direction));
        }
    }

    /// A key manager says something.
    pub(super) fn say(&mut self, who: usize, message: &ClientMessage) -> Result<(), Violation> {
        self.trace
            .note(self.now, || format!("p{who} → {}", trace::request(message)));
        self.ledger.reports(who, message)?;
        let process = self.people[who].process.as_ref();
        if let Some(id) = process.and_then(|process| process.connection) {
            let json = serde_json::to_vec(message).expect("a key manager's messages encode");
            self.transmit(id, Direction::Up, Frame::Text(json));
        }
        Ok(())
    }

    pub(super) fn arrival(
        &mut self,
        id: ConnectionId,
        direction: Direction,
    ) -> Result<(), Violation> {
        match self.network.arrive(id, direction, self.now) {
            Arrived::Nothing => Ok(()),
            Arrived::Later(at) => {
                self.queue.put(at, Happening::Arrival(id, direction));
                Ok(())
            }
            Arrived::Frame(frame) if direction == Direction::Up => self.service_hears(id, frame),
            Arrived::Frame(frame) => self.client_hears(id, frame),
        }
    }

    fn service_hears(&mut self, id: ConnectionId, frame: Frame) -> Result<(), Violation> {
        let open = self.network.get(id).is_some_and(|c| c.service_open);
        if !open || !self.service.is_up() {
            return Ok(());
        }
        self.service.heard(id, self.now);
        match frame {
            Frame::Text(json) => {
                if let Some(who) = self.network.get(id).map(|connection| connection.who) {
                    self.hostile.overhears(&json);
                    if !self.keeps_from_room(who, &json)? && !self.service.take(id, &json, self.now)
                    {
                        self.queue.put(self.now, Happening::Gone(id, Side::Service));
                    }
                }
                self.serve()
            }
            Frame::Close => self.gone(id, Side::Service),
            Frame::Ping | Frame::Pong => Ok(()),
        }
    }

    fn client_hears(&mut self, id: ConnectionId, frame: Frame) -> Result<(), Violation> {
        let Some(who) = self.owner(id) else {
            return Ok(());
        };
        match frame {
            Frame::Text(json) => {
                let Some(process) = &mut self.people[who].process else {
                    return Ok(());
                };
                process.heard_at = self.now;
                let parsed: Option<ServiceMessage> = serde_json::from_slice(&json).ok();
                if let Some(ServiceMessage::Ping { .. }) = parsed {
                    process.pinged_at = Some(self.now);
                }
                if let Some(message) = &parsed {
                    self.trace
                        .note(self.now, || format!("p{who} ← {}", trace::answer(message)));
                    self.ledger.arrives(who, message);
                }
                let taken = process.manager.handle_envelope(&json, self.now);
                let as_expected = taken.is_ok() == parsed.is_some();
                assert!(as_expected, "p{who} takes what is an envelope: {taken:?}");
                self.carry_out(who)
            }
            Frame::Ping => {
                self.transmit(id, Direction::Up, Frame::Pong);
                Ok(())
            }
            Frame::Pong => Ok(()),
            Frame::Close => self.gone(id, Side::Client),
        }
    }

    /// One side learns that a connection is gone.
    pub(super) fn gone(&mut self, id: ConnectionId, side: Side) -> Result<(), Violation> {
        let owner = self.owner(id);
        if !self.network.close(id, side) {
            return Ok(());
        }
        match (side, owner) {
            (Side::Service, _) => {
                self.service.disconnected(id, self.now);
                self.transmit(id, Direction::Down, Frame::Close);
                self.serve()
            }
            (Side::Client, Some(who)) => {
                self.trace
                    .note(self.now, || format!("p{who} has lost connection {id}"));
                if let Some(process) = &mut self.people[who].process {
                    process.connection = None;
                    process.online = false;
                    process.manager.handle_disconnected();
                }
                self.connect_later(who);
                self.carry_out(who)
            }
            (Side::Client, None) => Ok(()),
        }
    }

    /// A driver closes its connection: what it has sent arrives, and then the end.
    pub(super) fn hang_up(&mut self, who: usize) -> Result<(), Violation> {
        let process = self.people[who].process.as_mut();
        let Some(id) = process.and_then(|process| process.connection.take()) else {
            return Ok(());
        };
        if let Some(process) = &mut self.people[who].process {
            process.online = false;
            process.manager.handle_disconnected();
        }
        self.transmit(id, Direction::Up, Frame::Close);
        self.network.close(id, Side::Client);
        self.carry_out(who)
    }

    pub(super) fn heartbeat(&mut self, id: ConnectionId) -> Result<(), Violation> {
        let open = self.network.get(id).is_some_and(|c| c.service_open);
        if !open {
            return Ok(());
        }
        if self.service.is_silent(id, self.now) {
            self.trace
                .note(self.now, || format!("the service gives connection {id} up"));
            return self.gone(id, Side::Service);
        }
        self.transmit(id, Direction::Down, Frame::Ping);
        self.queue
            .put(self.now + HEARTBEAT, Happening::Heartbeat(id));
        Ok(())
    }

    /// Carries out what the room wants, until it wants nothing any more.
    pub(super) fn serve(&mut self) -> Result<(), Violation> {
        for output in self.service.outputs() {
            match output {
                RoomOutput::Send(client, message) => self.answer(client.0, message),
                RoomOutput::Close(client) => {
                    self.queue
                        .put(self.now, Happening::Gone(client.0, Side::Service));
                }
                RoomOutput::Media(request) if request.kind == MediaRequestKind::Removed => {
                    self.sfu.cut_off(&request.participant);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn answer(&mut self, id: ConnectionId, message: ServiceMessage) {
        let Some(who) = self.network.get(id).map(|connection| connection.who) else {
            return;
        };
        self.pass_on(id, who, message);
    }
}
