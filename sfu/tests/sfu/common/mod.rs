//! Clients on the `rtc` core and an in-memory network, in virtual time: no sockets, no sleeps.

pub mod client;
pub mod net;

pub use client::{Client, ClientSetup};
pub use net::Net;

use mls_srtp_sfu::{ParticipantId, RoomId};

pub fn room() -> RoomId {
    RoomId::new("room").unwrap()
}

pub fn id(name: &str) -> ParticipantId {
    ParticipantId::new(name).unwrap()
}
