//! One UDP socket for everyone: which peer connection does a datagram belong to?
//!
//! A STUN binding request names its peer by the ufrag we gave out (RFC 8445 §7.2.2, the part of
//! USERNAME before the colon). Everything else is known by its remote address, which is learned
//! only when the peer connection *answers* a request from there: an answer means the request
//! carried the right message integrity, so a stranger cannot move addresses around.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

use crate::id::PeerKey;

/// Addresses remembered per peer. A client behind a NAT uses one or two at a time.
const MAX_ADDRS: usize = 8;
const STUN_HEADER: usize = 20;
const STUN_COOKIE: [u8; 4] = 0x2112_a442_u32.to_be_bytes();
const STUN_REQUEST: [u8; 2] = [0x00, 0x01];
const STUN_SUCCESS: [u8; 2] = [0x01, 0x01];
const STUN_USERNAME: u16 = 0x0006;

/// Protocol of a datagram by its first bytes (RFC 7983 §7, RFC 5761 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packet {
    /// STUN, of any class.
    Stun,
    /// A DTLS record.
    Dtls,
    /// SRTP with this SSRC, which is not authenticated yet.
    Rtp(u32),
    /// SRTCP of this sender SSRC, which is not authenticated yet.
    Rtcp(u32),
}

/// Tells the protocol of a datagram; `None` for anything WebRTC does not send.
pub fn classify(datagram: &[u8]) -> Option<Packet> {
    match *datagram.first()? {
        0..=3 if stun(datagram).is_some() => Some(Packet::Stun),
        20..=63 => Some(Packet::Dtls),
        128..=191 => match *datagram.get(1)? {
            192..=223 => Some(Packet::Rtcp(word(datagram, 4)?)),
            _ => Some(Packet::Rtp(word(datagram, 8)?)),
        },
        _ => None,
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_be_bytes(*four))
}

/// The type of a STUN message, and its attributes.
fn stun(datagram: &[u8]) -> Option<([u8; 2], &[u8])> {
    let (header, attributes) = datagram.split_first_chunk::<STUN_HEADER>()?;
    let [t0, t1, _, _, cookie @ ..] = header;
    cookie
        .starts_with(&STUN_COOKIE)
        .then_some(([*t0, *t1], attributes))
}

/// The ufrag of the peer a STUN binding request is meant for.
pub fn request_ufrag(datagram: &[u8]) -> Option<&str> {
    let (kind, mut rest) = stun(datagram)?;
    if kind != STUN_REQUEST {
        return None;
    }
    while let [t0, t1, l0, l1, tail @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*l0, *l1]));
        let value = tail.get(..length)?;
        if u16::from_be_bytes([*t0, *t1]) == STUN_USERNAME {
            let username = std::str::from_utf8(value).ok()?;
            return username.split_once(':').map(|(ours, _)| ours);
        }
        rest = tail.get(length.next_multiple_of(4)..)?;
    }
    None
}

/// Whether an outgoing datagram accepts a binding request.
pub fn is_binding_success(datagram: &[u8]) -> bool {
    stun(datagram).is_some_and(|(kind, _)| kind == STUN_SUCCESS)
}

/// Who owns which ufrag and which remote address.
#[derive(Debug, Default)]
pub struct Demux {
    by_ufrag: HashMap<String, PeerKey>,
    by_addr: HashMap<SocketAddr, PeerKey>,
    addrs: HashMap<PeerKey, VecDeque<SocketAddr>>,
}

impl Demux {
    /// Registers the ufrag of a new peer.
    pub(crate) fn add(&mut self, ufrag: &str, peer: PeerKey) {
        self.by_ufrag.insert(ufrag.to_owned(), peer);
    }

    /// Finds the owner of a datagram of protocol `packet`.
    pub(crate) fn find(
        &self,
        packet: Packet,
        from: SocketAddr,
        datagram: &[u8],
    ) -> Option<PeerKey> {
        if packet == Packet::Stun
            && let Some(ufrag) = request_ufrag(datagram)
        {
            return self.by_ufrag.get(ufrag).copied();
        }
        self.by_addr.get(&from).copied()
    }

    /// `peer` answered a request from `addr`: what comes from there is its own.
    pub(crate) fn learn(&mut self, addr: SocketAddr, peer: PeerKey) {
        match self.by_addr.insert(addr, peer) {
            Some(before) if before == peer => return,
            Some(before) => self.forget_addr(before, addr),
            None => {}
        }
        let addrs = self.addrs.entry(peer).or_default();
        addrs.push_back(addr);
        if addrs.len() > MAX_ADDRS
            && let Some(oldest) = addrs.pop_front()
        {
            self.by_addr.remove(&oldest);
        }
    }

    fn forget_addr(&mut self, peer: PeerKey, addr: SocketAddr) {
        if let Some(addrs) = self.addrs.get_mut(&peer) {
            addrs.retain(|known| *known != addr);
        }
    }

    /// Forgets everything about a peer.
    pub(crate) fn remove(&mut self, ufrag: &str, peer: PeerKey) {
        self.by_ufrag.remove(ufrag);
        for addr in self.addrs.remove(&peer).unwrap_or_default() {
            self.by_addr.remove(&addr);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding_request(username: &str) -> Vec<u8> {
        let mut datagram = vec![0x00, 0x01, 0, 0];
        datagram.extend(STUN_COOKIE);
        datagram.extend([7; 12]);
        datagram.extend([0x80, 0x22, 0, 3, b'r', b't', b'c', 0]);
        datagram.extend([0x00, 0x06, 0, username.len() as u8]);
        datagram.extend(username.as_bytes());
        datagram
    }

    #[test]
    fn ufrag_is_found_behind_other_attributes() {
        assert_eq!(request_ufrag(&binding_request("abcd:efgh")), Some("abcd"));
        assert_eq!(request_ufrag(&binding_request("no-colon")), None);
    }

    #[test]
    fn protocols_are_told_apart_and_short_datagrams_are_nothing() {
        assert_eq!(classify(&binding_request("a:b")), Some(Packet::Stun));
        assert_eq!(classify(&[22, 254, 253]), Some(Packet::Dtls));
        assert_eq!(
            classify(&[128, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9]),
            Some(Packet::Rtp(9))
        );
        assert_eq!(
            classify(&[129, 206, 0, 2, 0, 0, 0, 5]),
            Some(Packet::Rtcp(5))
        );
        assert_eq!(classify(&[128, 96, 0, 1]), None);
        assert_eq!(classify(&[]), None);
    }

    #[test]
    fn an_address_follows_the_last_peer_that_answered_it() {
        let addr: SocketAddr = "192.0.2.1:4000".parse().unwrap();
        let mut demux = Demux::default();
        demux.add("one", PeerKey(1));
        demux.add("two", PeerKey(2));
        assert_eq!(demux.find(Packet::Dtls, addr, &[]), None);
        demux.learn(addr, PeerKey(1));
        demux.learn(addr, PeerKey(2));
        demux.remove("one", PeerKey(1));
        assert_eq!(demux.find(Packet::Dtls, addr, &[]), Some(PeerKey(2)));
        let request = binding_request("one:x");
        assert_eq!(
            demux.find(Packet::Stun, addr, &request),
            None,
            "removed ufrag"
        );
    }
}
