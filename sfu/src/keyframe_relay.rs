//! Keyframe requests on their way from subscribers to publishers.

use std::time::Instant;

use rtc::rtp_transceiver::RTCRtpReceiverId;

use crate::event::MediaKind;
use crate::id::{PeerKey, RoomId};
use crate::sfu::Sfu;

impl Sfu {
    /// Passes on what the subscriber `key` asked for since the last look.
    pub(crate) fn relay_keyframe_requests(&mut self, key: PeerKey, now: Instant) {
        let Some(peer) = self.peers.get(&key) else {
            return;
        };
        let requests = peer.counters.take_keyframe_requests();
        let room = peer.room.clone();
        for ssrc in requests {
            let subscribed = self.rooms.get_mut(&room).is_some_and(|state| {
                state
                    .table
                    .stream_mut(ssrc)
                    .is_some_and(|stream| stream.legs.iter().any(|leg| leg.subscriber == key))
            });
            if subscribed {
                self.totals.keyframe_requests += 1;
                self.ask_for_keyframe(&room, ssrc, now);
            }
        }
    }

    /// Asks the publisher of a video stream for a keyframe, now or when its throttle opens.
    pub(crate) fn ask_for_keyframe(&mut self, room: &RoomId, ssrc: u32, now: Instant) {
        let stream = self
            .rooms
            .get_mut(room)
            .and_then(|state| state.table.stream_mut(ssrc));
        let Some(stream) = stream.filter(|s| s.publication.kind == MediaKind::Video) else {
            return;
        };
        let was_due = stream.keyframes.due();
        if stream.keyframes.request(now) {
            let (publisher, receiver) = (stream.publisher, stream.publication.receiver);
            self.send_keyframe_request(publisher, receiver, ssrc, now);
        } else if let (None, Some(due)) = (was_due, stream.keyframes.due()) {
            self.later.push((due, room.clone(), ssrc));
            self.arm(Some(due));
        }
    }

    /// Sends the requests whose throttle opened.
    pub(crate) fn send_late_keyframe_requests(&mut self, now: Instant) {
        let (due, later) = std::mem::take(&mut self.later)
            .into_iter()
            .partition::<Vec<_>, _>(|(due, ..)| *due <= now);
        self.later = later;
        for (_, room, ssrc) in due {
            let stream = self
                .rooms
                .get_mut(&room)
                .and_then(|state| state.table.stream_mut(ssrc));
            if let Some(stream) = stream
                && stream.keyframes.poll(now)
            {
                let (publisher, receiver) = (stream.publisher, stream.publication.receiver);
                self.send_keyframe_request(publisher, receiver, ssrc, now);
            }
        }
    }

    fn send_keyframe_request(
        &mut self,
        publisher: PeerKey,
        receiver: RTCRtpReceiverId,
        ssrc: u32,
        now: Instant,
    ) {
        if let Some(peer) = self.peers.get_mut(&publisher).filter(|peer| peer.connected) {
            peer.request_keyframe(now, receiver, ssrc);
            self.totals.keyframe_requests_sent += 1;
            self.enqueue(publisher);
        }
    }
}
