//! The SFU, its clients, and the wires between them.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use mls_srtp_sfu::{DisconnectReason, Event, ParticipantId, Permissions, Sfu, SfuConfig, SfuError};
use rtc::sansio::Protocol;

use super::{Client, ClientSetup, id, room};

/// Longest step of virtual time.
const STEP: Duration = Duration::from_millis(10);

/// Decides whether a datagram gets lost.
pub type Loss = Box<dyn FnMut(&Wire) -> bool>;

/// Makes datagrams that arrive from the same address, before the one that is shown.
pub type Forge = Box<dyn FnMut(&Wire) -> Vec<BytesMut>>;

/// A datagram on its way.
pub struct Wire {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub bytes: BytesMut,
}

impl Wire {
    pub fn is_rtp(&self) -> bool {
        self.bytes.len() > 12
            && self.bytes[0] & 0xc0 == 0x80
            && !(192..224).contains(&self.bytes[1])
    }

    pub fn ssrc(&self) -> u32 {
        u32::from_be_bytes(self.bytes[8..12].try_into().unwrap())
    }

    pub fn sequence(&self) -> u16 {
        u16::from_be_bytes(self.bytes[2..4].try_into().unwrap())
    }
}

pub struct Net {
    pub now: Instant,
    pub sfu: Sfu,
    pub sfu_addr: SocketAddr,
    pub clients: BTreeMap<String, Client>,
    pub loss: Loss,
    pub forge: Forge,
    /// What the next to connect may do.
    pub permissions: Permissions,
    /// Every event but offers.
    pub events: Vec<Event>,
    pub offers: BTreeMap<String, usize>,
    /// Clients that leave offers unanswered.
    pub silent: Vec<String>,
    /// RTP datagrams the SFU sent, by destination.
    pub rtp_from_sfu: BTreeMap<SocketAddr, usize>,
    last_offers: BTreeMap<String, String>,
    wires: VecDeque<Wire>,
    /// Where a client's datagrams come from, and where it is reached, if not at its own address.
    outside: BTreeMap<SocketAddr, SocketAddr>,
    next_port: u16,
}

impl Net {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut SfuConfig)) -> Self {
        let sfu_addr: SocketAddr = "192.0.2.1:3478".parse().unwrap();
        let mut config = SfuConfig::new(sfu_addr);
        change(&mut config);
        Self {
            now: Instant::now(),
            sfu: Sfu::new(config).unwrap(),
            sfu_addr,
            clients: BTreeMap::new(),
            loss: Box::new(|_| false),
            forge: Box::new(|_| vec![]),
            permissions: Permissions::ALL,
            events: Vec::new(),
            offers: BTreeMap::new(),
            silent: Vec::new(),
            rtp_from_sfu: BTreeMap::new(),
            last_offers: BTreeMap::new(),
            wires: VecDeque::new(),
            outside: BTreeMap::new(),
            next_port: 40_000,
        }
    }

    pub fn client(&mut self, name: &str) -> &mut Client {
        self.clients.get_mut(name).unwrap()
    }

    /// Connects a client and waits until media can flow.
    pub fn join(&mut self, name: &str, setup: ClientSetup) {
        self.try_join(name, setup).unwrap();
        self.run(1_000);
        assert!(self.clients[name].connected, "{name} did not connect");
    }

    pub fn try_join(&mut self, name: &str, setup: ClientSetup) -> Result<(), SfuError> {
        self.next_port += 1;
        let addr = SocketAddr::from(([198, 51, 100, 7], self.next_port));
        let mut client = Client::new(setup, addr, self.now);
        let offer = client.offer(self.now);
        let answer =
            self.sfu
                .connect_with(&room(), &id(name), self.permissions, &offer, self.now)?;
        client.take_answer(&answer, self.now);
        self.clients.insert(name.into(), client);
        Ok(())
    }

    /// Connects a client that answers nothing, and returns the offer it got.
    pub fn offer_for(&mut self, name: &str, setup: ClientSetup) -> String {
        self.silent.push(name.into());
        self.join(name, setup);
        self.last_offers[name].clone()
    }

    /// The id a client negotiated for an extension of its audio.
    pub fn extension_id(&mut self, name: &str, uri: &str) -> u8 {
        let sdp = self.clients[name]
            .pc
            .remote_description()
            .unwrap()
            .sdp
            .clone();
        let audio = sdp.split("m=video").next().unwrap();
        let line = audio
            .lines()
            .find(|line| line.starts_with("a=extmap:") && line.ends_with(uri));
        let number = line.unwrap()["a=extmap:".len()..].split([' ', '/']).next();
        number.unwrap().parse().unwrap()
    }

    /// Keyframe requests a client's engine counted for its video.
    pub fn plis_at(&self, name: &str) -> usize {
        self.clients[name]
            .keyframe_requests
            .load(std::sync::atomic::Ordering::Relaxed)
    }

    pub fn leave(&mut self, name: &str) {
        self.sfu.disconnect(&room(), &id(name), self.now).unwrap();
        self.clients.remove(name);
        self.run(500);
    }

    /// From now on a client is behind another address, as after a change of its NAT or network, and
    /// cannot be reached at the one before.
    pub fn rebind(&mut self, name: &str) -> SocketAddr {
        self.next_port += 1;
        let outside = SocketAddr::from(([203, 0, 113, 7], self.next_port));
        self.outside.insert(self.clients[name].addr, outside);
        outside
    }

    /// Lets `ms` milliseconds of virtual time pass.
    pub fn run(&mut self, ms: u64) {
        let end = self.now + Duration::from_millis(ms);
        self.settle();
        while self.now < end {
            let due = self.sfu.poll_timeout().into_iter();
            let due = due.chain(
                self.clients
                    .values_mut()
                    .filter_map(|client| client.pc.poll_timeout()),
            );
            let next = due
                .min()
                .unwrap_or(end)
                .max(self.now + Duration::from_millis(1));
            self.now = next.min(self.now + STEP).min(end);
            if self.sfu.poll_timeout().is_some_and(|due| due <= self.now) {
                self.sfu.handle_timeout(self.now);
            }
            for client in self.clients.values_mut() {
                if client.pc.poll_timeout().is_some_and(|due| due <= self.now) {
                    client.pc.handle_timeout(self.now).unwrap();
                    client.drain();
                }
            }
            self.settle();
        }
    }

    /// Delivers everything that is on its way, in no time.
    pub fn settle(&mut self) {
        loop {
            self.collect();
            self.pass_events();
            self.collect();
            let Some(wire) = self.wires.pop_front() else {
                return;
            };
            if (self.loss)(&wire) {
                continue;
            }
            if wire.to == self.sfu_addr {
                for forged in (self.forge)(&wire) {
                    self.sfu.handle_datagram(wire.from, forged, self.now);
                }
                self.sfu.handle_datagram(wire.from, wire.bytes, self.now);
                continue;
            }
            let outside = &self.outside;
            let at = |client: &Client| *outside.get(&client.addr).unwrap_or(&client.addr);
            let mut clients = self.clients.values_mut();
            if let Some(client) = clients.find(|client| at(client) == wire.to) {
                client.handle(wire.from, wire.bytes, self.now);
            }
        }
    }

    fn collect(&mut self) {
        while let Some(transmit) = self.sfu.poll_transmit() {
            let wire = Wire {
                from: self.sfu_addr,
                to: transmit.to,
                bytes: transmit.bytes,
            };
            if wire.is_rtp() {
                *self.rtp_from_sfu.entry(wire.to).or_default() += 1;
            }
            self.wires.push_back(wire);
        }
        for client in self.clients.values_mut() {
            while let Some(transmit) = client.pc.poll_write() {
                let outside = self.outside.get(&client.addr);
                self.wires.push_back(Wire {
                    from: *outside.unwrap_or(&client.addr),
                    to: transmit.transport.peer_addr,
                    bytes: transmit.message,
                });
            }
        }
    }

    fn pass_events(&mut self) {
        while let Some(event) = self.sfu.poll_event() {
            let Event::Offer {
                room,
                participant,
                sdp,
            } = event
            else {
                self.events.push(event);
                continue;
            };
            let name = participant.as_str().to_owned();
            *self.offers.entry(name.clone()).or_default() += 1;
            self.last_offers.insert(name.clone(), sdp.clone());
            if self.silent.contains(&name) {
                continue;
            }
            if let Some(client) = self.clients.get_mut(&name) {
                let answer = client.answer(&sdp, self.now);
                self.sfu
                    .answer(&room, &participant, &answer, self.now)
                    .unwrap();
            }
        }
    }

    /// Why participants were disconnected, in order.
    pub fn disconnects(&self) -> Vec<(ParticipantId, DisconnectReason)> {
        let reason = |event: &Event| match event {
            Event::Disconnected {
                participant,
                reason,
                ..
            } => Some((participant.clone(), *reason)),
            _ => None,
        };
        self.events.iter().filter_map(reason).collect()
    }
}
