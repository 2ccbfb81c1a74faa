//! The driver: a real UDP socket on loopback and the real clock.

use std::net::UdpSocket;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use mls_srtp_sfu::{Event, ServerStats, SfuConfig, SfuError, SfuHandle, SfuServer};
use rtc::sansio::Protocol;

use crate::common::{Client, ClientSetup, id, room};

const LOOPBACK: &str = "127.0.0.1:0";

fn start() -> (SfuServer, Receiver<Event>) {
    let (sender, events) = channel();
    let config = SfuConfig::new(LOOPBACK.parse().unwrap());
    let server = SfuServer::start(LOOPBACK.parse().unwrap(), config, move |event| {
        let _ = sender.send(event);
    });
    (server.unwrap(), events)
}

/// A client with a socket of its own.
struct Remote {
    name: &'static str,
    client: Client,
    socket: UdpSocket,
}

impl Remote {
    fn join(name: &'static str, number: u32, sfu: &SfuHandle) -> Self {
        let socket = UdpSocket::bind(LOOPBACK).unwrap();
        socket.set_nonblocking(true).unwrap();
        let now = Instant::now();
        let mut client = Client::new(ClientSetup::new(number), socket.local_addr().unwrap(), now);
        let (reply, answer) = channel();
        let offer = client.offer(now);
        sfu.connect(
            room(),
            id(name),
            offer,
            Box::new(move |answer| reply.send(answer).unwrap()),
        );
        let answer = answer
            .recv_timeout(Duration::from_secs(5))
            .unwrap()
            .unwrap();
        client.take_answer(&answer, now);
        Self {
            name,
            client,
            socket,
        }
    }

    fn turn(&mut self) {
        let now = Instant::now();
        let mut buffer = [0; 2000];
        while let Ok((length, from)) = self.socket.recv_from(&mut buffer) {
            self.client
                .handle(from, BytesMut::from(&buffer[..length]), now);
        }
        if self.client.pc.poll_timeout().is_some_and(|due| due <= now) {
            self.client.pc.handle_timeout(now).unwrap();
            self.client.drain();
        }
        while let Some(transmit) = self.client.pc.poll_write() {
            let _ = self
                .socket
                .send_to(&transmit.message, transmit.transport.peer_addr);
        }
    }
}

/// Runs clients and signaling until `done` or five seconds have passed.
fn run(
    sfu: &SfuHandle,
    events: &Receiver<Event>,
    remotes: &mut [Remote],
    mut done: impl FnMut(&mut [Remote]) -> bool,
) {
    let end = Instant::now() + Duration::from_secs(5);
    while !done(remotes) {
        assert!(Instant::now() < end, "nothing happened in five seconds");
        for event in events.try_iter() {
            let Event::Offer {
                room,
                participant,
                sdp,
            } = event
            else {
                continue;
            };
            let remote = remotes
                .iter_mut()
                .find(|remote| remote.name == participant.as_str());
            let answer = remote.unwrap().client.answer(&sdp, Instant::now());
            sfu.answer(
                room,
                participant,
                answer,
                Box::new(|result| result.unwrap()),
            );
        }
        remotes.iter_mut().for_each(Remote::turn);
        std::thread::yield_now();
    }
}

fn stats(sfu: &SfuHandle) -> ServerStats {
    let (reply, stats) = channel();
    sfu.stats(Box::new(move |result| reply.send(result.unwrap()).unwrap()));
    stats.recv_timeout(Duration::from_secs(5)).unwrap()
}

#[test]
fn packets_cross_a_real_socket_and_the_thread_is_measured() {
    let (server, events) = start();
    let sfu = server.handle();
    let mut remotes = vec![Remote::join("ann", 1, &sfu), Remote::join("ben", 2, &sfu)];
    // Sent until both legs are up, then counted.
    let mut sequence = 0;
    run(&sfu, &events, &mut remotes, |remotes| {
        if remotes.iter().all(|remote| remote.client.connected) {
            sequence += 1;
            remotes[0]
                .client
                .send_video(sequence, b"body\x00", Instant::now());
        }
        remotes[1].client.of(12).len() >= 100
    });
    assert!(
        remotes[1]
            .client
            .of(12)
            .iter()
            .all(|packet| packet.payload == b"body\x00"[..])
    );
    let measured = stats(&sfu);
    assert!(measured.cpu > Duration::ZERO);
    assert!(measured.cpu_us_per_packet() > 0.0);
    assert!(measured.datagrams_sent > 100);
    let last = server.stop();
    assert!(last.sfu.forwarded >= 100);
    assert_eq!(last.sfu.connected, 0, "stopping says goodbye to everyone");
    let (reply, late) = channel();
    sfu.disconnect(
        room(),
        id("ann"),
        Box::new(move |result| reply.send(result).unwrap()),
    );
    assert!(matches!(late.recv().unwrap(), Err(SfuError::Stopped)));
}

/// The end of the events tells of a dead thread, and another one may take its address at once.
#[test]
fn a_killed_server_tells_nobody_and_leaves_its_address() {
    let (server, events) = start();
    let (sfu, addr) = (server.handle(), server.local_addr());
    let mut remotes = vec![Remote::join("ann", 1, &sfu)];
    run(&sfu, &events, &mut remotes, |remotes| {
        remotes[0].client.connected
    });
    sfu.kill();
    let told = |event: &Event| matches!(event, Event::Disconnected { .. });
    assert_eq!(events.iter().filter(told).count(), 0);
    let next = SfuServer::start(addr, SfuConfig::new(addr), |_| {}).unwrap();
    assert_eq!(next.local_addr(), addr);
    remotes[0].turn();
    assert!(remotes[0].client.connected, "no goodbye came");
    let (present, former) = (next.stop(), server.stop());
    assert_eq!(former.sfu.connected, 1);
    let mut all = present.clone();
    all += &former;
    let received = present.datagrams_received + former.datagrams_received;
    assert_eq!(all.datagrams_received, received);
    assert_eq!(all.sfu.connected, 0, "only the present counts");
}

#[test]
fn a_busy_port_is_named() {
    let (server, _events) = start();
    let addr = server.local_addr();
    let refused = SfuServer::start(addr, SfuConfig::new(addr), |_| {})
        .err()
        .unwrap();
    assert!(matches!(refused, SfuError::AddressInUse { addr: busy } if busy == addr));
    assert!(refused.to_string().contains(&addr.to_string()), "{refused}");
}
