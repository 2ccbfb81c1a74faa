//! Counters that outlive the participants they describe.

use std::collections::{BTreeMap, HashMap};
use std::ops::AddAssign;
use std::sync::atomic::Ordering;

use crate::event::MediaKind;
use crate::id::{ParticipantId, RoomId};
use crate::monitor::HopCounters;

/// Why a datagram or packet was not forwarded. A packet that reaches three of four subscribers
/// is forwarded three times and dropped once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DropReason {
    /// The datagram is neither STUN nor DTLS, SRTP or SRTCP.
    NotWebRtc,
    /// The datagram comes from an address (or names a ufrag) that no peer connection owns.
    UnknownSource,
    /// Media before DTLS finished.
    NotConnected,
    /// An SSRC the client did not declare in its offer.
    UndeclaredSsrc,
    /// The client sent a payload type other than that of the negotiated codec.
    UnexpectedPayloadType,
    /// The subscriber has not answered the offer that announces this stream.
    LegNotReady,
    /// Publisher or subscriber was muted with [`crate::Sfu::silence`].
    Muted,
    /// The sequence number was already sent on this leg, or is too old to tell.
    StaleSequence,
    /// The payload type had to be recorded but the payload does not end with a valid block.
    MalformedOhb,
    /// The engine refused the packet.
    Engine,
}

/// Who sent what to whom.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Route {
    /// The room.
    pub room: RoomId,
    /// Who published the stream.
    pub publisher: ParticipantId,
    /// Who received it.
    pub subscriber: ParticipantId,
    /// Audio or video.
    pub kind: MediaKind,
    /// SSRC of the stream, the same on both sides.
    pub ssrc: u32,
}

/// Packets of one route that were handed to a connected and negotiated leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RouteCount {
    /// RTP packets, retransmissions not included.
    pub packets: u64,
    /// Their payload bytes.
    pub bytes: u64,
}

/// A snapshot of everything counted since the SFU started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SfuStats {
    /// RTP packets received from publishers (authenticated, unwrapped, declared).
    pub received: u64,
    /// RTP packets handed to subscribers' legs: the sum over all routes.
    pub forwarded: u64,
    /// What was not forwarded, by reason.
    pub dropped: BTreeMap<DropReason, u64>,
    /// Sequence numbers subscribers asked for again.
    pub nacks_received: u64,
    /// Sequence numbers the SFU asked publishers for again.
    pub nacks_sent: u64,
    /// Packets the SFU sent again from its own buffers.
    pub retransmissions: u64,
    /// Packets lost on a publisher's leg that arrived as RTX.
    pub repaired: u64,
    /// Keyframe requests of subscribers.
    pub keyframe_requests: u64,
    /// Keyframe requests passed on to publishers, after throttling.
    pub keyframe_requests_sent: u64,
    /// Participants that are connected right now.
    pub connected: usize,
    /// Counts per route, live and ended.
    pub routes: BTreeMap<Route, RouteCount>,
    /// Ended routes that exceeded [`crate::SfuConfig::max_kept_routes`]; their packets are
    /// in `forwarded` only.
    pub routes_not_kept: u64,
}

/// What another SFU counted before this one took its place; `connected` is of the present only.
impl AddAssign<&Self> for SfuStats {
    fn add_assign(&mut self, former: &Self) {
        self.received += former.received;
        self.forwarded += former.forwarded;
        for (reason, count) in &former.dropped {
            *self.dropped.entry(*reason).or_default() += count;
        }
        self.nacks_received += former.nacks_received;
        self.nacks_sent += former.nacks_sent;
        self.retransmissions += former.retransmissions;
        self.repaired += former.repaired;
        self.keyframe_requests += former.keyframe_requests;
        self.keyframe_requests_sent += former.keyframe_requests_sent;
        for (route, count) in &former.routes {
            add_count(self.routes.entry(route.clone()).or_default(), *count);
        }
        self.routes_not_kept += former.routes_not_kept;
    }
}

/// The running totals behind [`SfuStats`].
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) received: u64,
    pub(crate) forwarded: u64,
    pub(crate) keyframe_requests: u64,
    pub(crate) keyframe_requests_sent: u64,
    dropped: BTreeMap<DropReason, u64>,
    ended: HashMap<Route, RouteCount>,
    not_kept: u64,
    hops: HopTotals,
}

/// Sums of [`HopCounters`].
#[derive(Debug, Default, Clone, Copy)]
struct HopTotals {
    nacks_received: u64,
    nacks_sent: u64,
    retransmissions: u64,
    repaired: u64,
}

impl HopTotals {
    fn add(&mut self, hop: &HopCounters) {
        self.nacks_received += hop.nacks_received.load(Ordering::Relaxed);
        self.nacks_sent += hop.nacks_sent.load(Ordering::Relaxed);
        self.retransmissions += hop.retransmissions.load(Ordering::Relaxed);
        self.repaired += hop.repaired.load(Ordering::Relaxed);
    }
}

impl Totals {
    /// Counts one drop.
    pub(crate) fn drop(&mut self, reason: DropReason) {
        *self.dropped.entry(reason).or_default() += 1;
    }

    /// Keeps the counters of a route that ended, as long as there is room for them.
    pub(crate) fn end_route(&mut self, route: Route, count: RouteCount, limit: usize) {
        if count == RouteCount::default() {
            return;
        }
        if self.ended.len() >= limit && !self.ended.contains_key(&route) {
            self.not_kept += 1;
            return;
        }
        add_count(self.ended.entry(route).or_default(), count);
    }

    /// Keeps the counters of a peer connection that ended.
    pub(crate) fn end_hop(&mut self, hop: &HopCounters) {
        self.hops.add(hop);
    }

    /// Adds what is still running to what has ended.
    pub(crate) fn snapshot<'a>(
        &self,
        live: impl Iterator<Item = (Route, RouteCount)>,
        hops: impl Iterator<Item = &'a HopCounters>,
    ) -> SfuStats {
        let mut sums = self.hops;
        hops.for_each(|hop| sums.add(hop));
        let mut routes: BTreeMap<_, _> = self.ended.iter().map(|(r, c)| (r.clone(), *c)).collect();
        for (route, count) in live {
            add_count(routes.entry(route).or_default(), count);
        }
        SfuStats {
            received: self.received,
            forwarded: self.forwarded,
            dropped: self.dropped.clone(),
            nacks_received: sums.nacks_received,
            nacks_sent: sums.nacks_sent,
            retransmissions: sums.retransmissions,
            repaired: sums.repaired,
            keyframe_requests: self.keyframe_requests,
            keyframe_requests_sent: self.keyframe_requests_sent,
            connected: 0,
            routes,
            routes_not_kept: self.not_kept,
        }
    }
}

fn add_count(sum: &mut RouteCount, count: RouteCount) {
    sum.packets += count.packets;
    sum.bytes += count.bytes;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(ssrc: u32) -> Route {
        Route {
            room: RoomId::new("r").unwrap(),
            publisher: ParticipantId::new("p").unwrap(),
            subscriber: ParticipantId::new("s").unwrap(),
            kind: MediaKind::Audio,
            ssrc,
        }
    }

    #[test]
    fn ended_routes_stay_up_to_the_limit_and_add_up() {
        let count = RouteCount {
            packets: 2,
            bytes: 10,
        };
        let mut totals = Totals::default();
        totals.end_route(route(1), count, 1);
        totals.end_route(route(2), count, 1);
        totals.end_route(route(1), count, 1);
        let stats = totals.snapshot([(route(1), count)].into_iter(), [].into_iter());
        assert_eq!(stats.routes[&route(1)].packets, 6);
        assert_eq!(stats.routes.len(), 1);
        assert_eq!(stats.routes_not_kept, 1);
    }
}
