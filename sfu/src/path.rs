//! Where a client is, once that is not where its connection was made.
//!
//! The engine never leaves the pair of addresses that was nominated first. So a client that moves,
//! because its NAT forgot it or its network changed, keeps its old address towards the engine, and
//! this translates. A client has moved when a packet of its own verifies that came from elsewhere;
//! and packets come from elsewhere only after an ICE check with the connection's password did.

use std::net::SocketAddr;

/// The address that the engine knows, and the one that counts.
#[derive(Debug, Default)]
pub(crate) struct Path {
    /// Where the engine sends media.
    nominated: Option<SocketAddr>,
    moved_to: Option<SocketAddr>,
}

impl Path {
    /// A packet that came from there has verified, and had not come before.
    pub(crate) fn follow(&mut self, from: SocketAddr) {
        self.moved_to = Some(from).filter(|_| !self.is_nominated(from));
    }

    /// The engine sends media there.
    pub(crate) fn nominate(&mut self, to: SocketAddr) {
        self.nominated = Some(to);
    }

    /// What the engine is to take for a datagram's source.
    pub(crate) fn inwards(&self, from: SocketAddr) -> SocketAddr {
        match self.nominated {
            Some(nominated) if self.moved_to == Some(from) => nominated,
            _ => from,
        }
    }

    /// Where a datagram of the engine is to go.
    pub(crate) fn outwards(&self, to: SocketAddr) -> SocketAddr {
        self.moved_to
            .filter(|_| self.is_nominated(to))
            .unwrap_or(to)
    }

    fn is_nominated(&self, addr: SocketAddr) -> bool {
        self.nominated == Some(addr)
    }
}
