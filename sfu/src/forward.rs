//! The way of one packet: publisher, table, legs.

use std::collections::HashMap;
use std::time::Instant;

use bytes::Bytes;
use rtc::rtp;

use crate::config::PayloadFormat;
use crate::event::MediaKind;
use crate::forwarding::{LegState, Stream, Translation};
use crate::id::{ParticipantId, PeerKey, RoomId};
use crate::ohb;
use crate::peer::Peer;
use crate::room::Room;
use crate::stats::{DropReason, Totals};

/// A publisher's packet as it arrived, shown to the tap once, however many receive it.
#[derive(Debug)]
pub struct Forwarded<'a> {
    /// Its room.
    pub room: &'a RoomId,
    /// Who sent it.
    pub publisher: &'a ParticipantId,
    /// Audio or video.
    pub kind: MediaKind,
    /// RTP header fields as the publisher set them.
    pub ssrc: u32,
    /// Sequence number.
    pub sequence_number: u16,
    /// Timestamp in units of the codec's clock.
    pub timestamp: u32,
    /// Payload type on the publisher's leg.
    pub payload_type: u8,
    /// Marker bit.
    pub marker: bool,
    /// The payload, end-to-end encrypted, as it came out of the hop's SRTP.
    pub payload: &'a Bytes,
}

/// Sees every packet that is forwarded. It runs on the SFU's thread: be quick.
pub type Tap = Box<dyn FnMut(&Forwarded<'_>) + Send>;

/// Everything a packet meets on its way.
pub(crate) struct Forwarder<'a> {
    pub(crate) now: Instant,
    pub(crate) rooms: &'a mut HashMap<RoomId, Room>,
    pub(crate) peers: &'a mut HashMap<PeerKey, Peer>,
    pub(crate) totals: &'a mut Totals,
    pub(crate) tap: Option<&'a mut Tap>,
    /// Peers that have something to send afterwards.
    pub(crate) touched: &'a mut Vec<PeerKey>,
}

impl Forwarder<'_> {
    /// Forwards one packet of `publisher` to every ready leg of its stream.
    pub(crate) fn forward(mut self, room_id: &RoomId, publisher: PeerKey, packet: &rtp::Packet) {
        let Some(room) = self.rooms.get_mut(room_id) else {
            return;
        };
        let stream = room
            .table
            .stream_mut(packet.header.ssrc)
            .filter(|stream| stream.publisher == publisher);
        let Some(stream) = stream else {
            return self.totals.drop(DropReason::UndeclaredSsrc);
        };
        self.totals.received += 1;
        if packet.header.payload_type != stream.publication.payload_type {
            return self.totals.drop(DropReason::UnexpectedPayloadType);
        }
        if room.muted.contains(&stream.participant) {
            return self.totals.drop(DropReason::Muted);
        }
        if let Some(tap) = &mut self.tap {
            tap(&as_seen(room_id, stream, packet));
        }
        let mut payload = Payload::new(room.format, packet);
        for leg in &mut stream.legs {
            let LegState::Active(translation) = &leg.state else {
                self.totals.drop(DropReason::LegNotReady);
                continue;
            };
            if room.muted.contains(&leg.participant) {
                self.totals.drop(DropReason::Muted);
                continue;
            }
            let Some(subscriber) = self
                .peers
                .get_mut(&leg.subscriber)
                .filter(|s| s.can_receive(self.now))
            else {
                self.totals.drop(DropReason::LegNotReady);
                continue;
            };
            let Some(bytes) = payload.for_leg(translation) else {
                self.totals.drop(DropReason::MalformedOhb);
                continue;
            };
            let sent = translate(packet, translation, bytes);
            match subscriber.send_rtp(self.now, leg.sender, sent) {
                Some(true) => {
                    leg.count.packets += 1;
                    leg.count.bytes += packet.payload.len() as u64;
                    self.totals.forwarded += 1;
                    if !std::mem::replace(&mut subscriber.queued, true) {
                        self.touched.push(leg.subscriber);
                    }
                }
                Some(false) => self.totals.drop(DropReason::StaleSequence),
                None => self.totals.drop(DropReason::Engine),
            }
        }
    }
}

fn as_seen<'a>(room: &'a RoomId, stream: &'a Stream, packet: &'a rtp::Packet) -> Forwarded<'a> {
    Forwarded {
        room,
        publisher: &stream.participant,
        kind: stream.publication.kind,
        ssrc: packet.header.ssrc,
        sequence_number: packet.header.sequence_number,
        timestamp: packet.header.timestamp,
        payload_type: packet.header.payload_type,
        marker: packet.header.marker,
        payload: &packet.payload,
    }
}

/// The payload of one packet, shared by all legs; legs with another payload type share the one
/// copy with the recorded original.
struct Payload<'a> {
    format: PayloadFormat,
    packet: &'a rtp::Packet,
    recorded: Option<Option<Bytes>>,
}

impl<'a> Payload<'a> {
    fn new(format: PayloadFormat, packet: &'a rtp::Packet) -> Self {
        Self {
            format,
            packet,
            recorded: None,
        }
    }

    /// `None` when the original cannot be recorded.
    fn for_leg(&mut self, translation: &Translation) -> Option<Bytes> {
        let original = self.packet.header.payload_type;
        if translation.payload_type == original || self.format == PayloadFormat::Opaque {
            return Some(self.packet.payload.clone());
        }
        let payload = &self.packet.payload;
        self.recorded
            .get_or_insert_with(|| ohb::record_payload_type(payload, original).ok())
            .clone()
    }
}

/// The packet as one leg sends it. Built from scratch, so that nothing passes by accident.
fn translate(packet: &rtp::Packet, translation: &Translation, payload: Bytes) -> rtp::Packet {
    let mut header = rtp::header::Header {
        version: 2,
        marker: packet.header.marker,
        payload_type: translation.payload_type,
        sequence_number: packet.header.sequence_number,
        timestamp: packet.header.timestamp,
        ssrc: packet.header.ssrc,
        csrc: packet.header.csrc.clone(),
        ..Default::default()
    };
    for (from, to) in &translation.extensions {
        if let Some(value) = packet.header.get_extension(*from) {
            // An extension too long for the one-byte form is cut like an unknown one.
            let _ = header.set_extension(*to, value);
        }
    }
    rtp::Packet { header, payload }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(payload_type: u8, payload: &'static [u8]) -> rtp::Packet {
        let header = rtp::header::Header {
            payload_type,
            padding: true,
            ..Default::default()
        };
        rtp::Packet {
            header,
            payload: Bytes::from_static(payload),
        }
    }

    fn to(payload_type: u8) -> Translation {
        Translation {
            payload_type,
            extensions: vec![(1, 5)],
        }
    }

    #[test]
    fn a_leg_of_the_same_payload_type_shares_the_buffer() {
        let packet = packet(96, b"body\x00");
        let mut payload = Payload::new(PayloadFormat::Double, &packet);
        let shared = payload.for_leg(&to(96)).unwrap();
        assert_eq!(shared.as_ptr(), packet.payload.as_ptr());
        let first = payload.for_leg(&to(100)).unwrap();
        let second = payload.for_leg(&to(101)).unwrap();
        assert_eq!(first.as_ptr(), second.as_ptr(), "one recorded copy for all");
    }

    #[test]
    fn opaque_payloads_are_never_touched() {
        let packet = packet(96, b"\xff");
        let mut payload = Payload::new(PayloadFormat::Opaque, &packet);
        assert_eq!(
            payload.for_leg(&to(100)).unwrap().as_ptr(),
            packet.payload.as_ptr()
        );
        let mut payload = Payload::new(PayloadFormat::Double, &packet);
        assert_eq!(payload.for_leg(&to(100)), None);
    }

    #[test]
    fn known_extensions_are_renumbered_and_the_rest_of_the_hop_is_cut() {
        let mut packet = packet(96, b"body");
        packet
            .header
            .set_extension(1, Bytes::from_static(b"\x7f"))
            .unwrap();
        packet
            .header
            .set_extension(2, Bytes::from_static(b"x"))
            .unwrap();
        let sent = translate(&packet, &to(100), packet.payload.clone());
        assert_eq!(sent.header.get_extension_ids(), vec![5]);
        assert_eq!(sent.header.get_extension(5).unwrap(), &b"\x7f"[..]);
        assert!(!sent.header.padding);
    }
}
