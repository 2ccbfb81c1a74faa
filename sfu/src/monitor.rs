//! Watches the packets of one peer connection: counts repairs, collects keyframe requests.
//!
//! The engine hands an inbound RTCP compound to the application only when told to, and then only
//! when the *first* packet in it concerns a stream it knows; a browser's compound starts with a
//! receiver report. So the requests are taken out here, next to the wire.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rtc::interceptor::{Attribute, Interceptor, Packet, Slot, StreamInfo, TaggedPacket};
use rtc::rtcp;
use rtc::rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
use rtc::sansio::Protocol;
use rtc::shared::error::Error;

/// Wire side of every generator (the NACK responder is at 4 000), so that what they send passes.
const MONITOR_SLOT: usize = 3_500;
/// Requests kept between two looks. More than one per stream and look means nothing anyway.
const MAX_REQUESTS: usize = 512;

/// What the monitor of one peer connection saw.
#[derive(Debug, Default)]
pub(crate) struct HopCounters {
    /// Sequence numbers the client asked for again.
    pub(crate) nacks_received: AtomicU64,
    /// Sequence numbers the SFU asked for again.
    pub(crate) nacks_sent: AtomicU64,
    /// Packets sent again on request.
    pub(crate) retransmissions: AtomicU64,
    /// Retransmissions of the client that repaired a loss.
    pub(crate) repaired: Arc<AtomicU64>,
    /// Packets of the client that verified and had not come before, RTCP included.
    pub(crate) verified: AtomicU64,
    requests: Mutex<Vec<u32>>,
}

impl HopCounters {
    /// SSRCs whose receiver asked for a keyframe since the last call.
    pub(crate) fn take_keyframe_requests(&self) -> Vec<u32> {
        std::mem::take(&mut *self.requests.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn request_keyframe(&self, ssrc: u32) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        if requests.len() < MAX_REQUESTS && !requests.contains(&ssrc) {
            requests.push(ssrc);
        }
    }
}

/// The interceptor.
pub(crate) struct HopMonitor {
    counters: Arc<HopCounters>,
    reads: VecDeque<TaggedPacket>,
    writes: VecDeque<TaggedPacket>,
}

impl HopMonitor {
    pub(crate) fn new(counters: Arc<HopCounters>) -> Self {
        Self {
            counters,
            reads: VecDeque::new(),
            writes: VecDeque::new(),
        }
    }

    pub(crate) fn slot() -> Slot {
        Slot::from(MONITOR_SLOT)
    }

    fn see_inbound(&self, packets: &[Box<dyn rtcp::Packet>]) {
        for packet in packets {
            let packet = packet.as_any();
            if let Some(nack) = packet.downcast_ref::<TransportLayerNack>() {
                add(&self.counters.nacks_received, nacked(nack));
            } else if let Some(pli) = packet.downcast_ref::<PictureLossIndication>() {
                self.counters.request_keyframe(pli.media_ssrc);
            } else if let Some(fir) = packet.downcast_ref::<FullIntraRequest>() {
                fir.fir
                    .iter()
                    .for_each(|entry| self.counters.request_keyframe(entry.ssrc));
            }
        }
    }

    fn see_outbound(&self, message: &TaggedPacket) {
        match &message.message.packet {
            Packet::Rtp(_) if message.message.has(&Attribute::Retransmission) => {
                add(&self.counters.retransmissions, 1);
            }
            Packet::Rtcp(packets) => {
                let nacks = packets
                    .iter()
                    .filter_map(|packet| packet.as_any().downcast_ref());
                nacks.for_each(|nack| add(&self.counters.nacks_sent, nacked(nack)));
            }
            _ => {}
        }
    }
}

fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

/// How many sequence numbers a NACK names (RFC 4585 §6.2.1).
fn nacked(nack: &TransportLayerNack) -> u64 {
    let each = |pair: &rtcp::transport_feedbacks::transport_layer_nack::NackPair| {
        1 + u64::from(pair.lost_packets.count_ones())
    };
    nack.nacks.iter().map(each).sum()
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for HopMonitor {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, message: TaggedPacket) -> Result<(), Error> {
        add(&self.counters.verified, 1);
        if let Packet::Rtcp(packets) = &message.message.packet {
            self.see_inbound(packets);
        }
        self.reads.push_back(message);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.reads.pop_front()
    }

    fn handle_write(&mut self, message: TaggedPacket) -> Result<(), Error> {
        self.see_outbound(&message);
        self.writes.push_back(message);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.writes.pop_front()
    }
}

impl Interceptor for HopMonitor {
    fn bind_local_stream(&mut self, _info: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _info: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _info: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _info: &StreamInfo) {}
}
