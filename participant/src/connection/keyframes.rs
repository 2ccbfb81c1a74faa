//! Hears the other side asking for keyframes of what we send.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use mls_srtp::id::Ssrc;
use rtc::interceptor::{Interceptor, Packet, Slot, StreamInfo, TaggedPacket};
use rtc::rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::sansio::Protocol;
use rtc::shared::error::Error;

use super::events::{ConnectionEvent, Shared};

/// Above everything that reads RTCP itself.
pub(super) fn slot() -> Slot {
    Slot::from(12_500)
}

/// Tells of every PLI (RFC 4585 §6.3.1) and FIR (RFC 5104 §4.3.1). `webrtc` hands RTCP to
/// applications only through a track's queue, and by the first SSRC of a compound packet; here
/// none is missed.
pub(super) struct KeyframeListener {
    shared: Arc<Shared>,
    inbound: VecDeque<TaggedPacket>,
    outbound: VecDeque<TaggedPacket>,
}

impl KeyframeListener {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            inbound: VecDeque::new(),
            outbound: VecDeque::new(),
        }
    }

    fn hear(&self, packet: &dyn rtc::rtcp::Packet) {
        let packet = packet.as_any();
        if let Some(pli) = packet.downcast_ref::<PictureLossIndication>() {
            self.tell(pli.media_ssrc);
        } else if let Some(fir) = packet.downcast_ref::<FullIntraRequest>() {
            fir.fir.iter().for_each(|entry| self.tell(entry.ssrc));
        }
    }

    fn tell(&self, ssrc: u32) {
        let ssrc = Ssrc::new(ssrc);
        self.shared.emit(ConnectionEvent::KeyframeWanted { ssrc });
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for KeyframeListener {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, msg: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtcp(packets) = &msg.message.packet {
            packets.iter().for_each(|packet| self.hear(packet.as_ref()));
        }
        self.inbound.push_back(msg);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.inbound.pop_front()
    }

    fn handle_write(&mut self, msg: TaggedPacket) -> Result<(), Error> {
        self.outbound.push_back(msg);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.outbound.pop_front()
    }
}

impl Interceptor for KeyframeListener {
    fn bind_local_stream(&mut self, _info: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _info: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _info: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _info: &StreamInfo) {}
}
