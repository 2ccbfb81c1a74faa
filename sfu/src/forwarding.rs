//! The forwarding table of one room: published stream × subscriber.
//!
//! Plain data, no WebRTC engine: who publishes which SSRC, who is to receive it, and whether the
//! subscriber's leg is ready.

use std::collections::HashMap;

use rtc::rtp_transceiver::rtp_sender::RTCRtpCodec;
use rtc::rtp_transceiver::{RTCRtpReceiverId, RTCRtpSenderId};

use crate::event::MediaKind;
use crate::id::{ParticipantId, PeerKey};
use crate::keyframe::KeyframeThrottle;
use crate::stats::RouteCount;

/// A stream as its publisher negotiated it.
#[derive(Debug, Clone)]
pub(crate) struct Publication {
    /// SSRC of the media, kept on every leg.
    pub(crate) ssrc: u32,
    /// SSRC of the publisher's retransmissions to the SFU.
    pub(crate) repair: Option<u32>,
    pub(crate) kind: MediaKind,
    /// The codec the stream is forwarded as: the first one both sides agreed on.
    pub(crate) codec: RTCRtpCodec,
    pub(crate) payload_type: u8,
    /// Negotiated header extensions: id and URI.
    pub(crate) extensions: Vec<(u8, String)>,
    pub(crate) receiver: RTCRtpReceiverId,
}

/// A published stream and its legs.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) publisher: PeerKey,
    pub(crate) participant: ParticipantId,
    pub(crate) publication: Publication,
    pub(crate) keyframes: KeyframeThrottle,
    pub(crate) legs: Vec<Leg>,
}

/// The way of one stream to one subscriber.
#[derive(Debug)]
pub(crate) struct Leg {
    pub(crate) subscriber: PeerKey,
    pub(crate) participant: ParticipantId,
    pub(crate) sender: RTCRtpSenderId,
    pub(crate) state: LegState,
    pub(crate) count: RouteCount,
}

/// How far a leg is negotiated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LegState {
    /// Not in any offer yet.
    Waiting,
    /// In the offer that waits for its answer.
    Offered,
    /// The subscriber accepted it.
    Active(Translation),
    /// The subscriber refused it.
    Refused,
}

/// What differs between publisher and leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Translation {
    /// Payload type on the leg.
    pub(crate) payload_type: u8,
    /// Header-extension ids: the publisher's and the leg's.
    pub(crate) extensions: Vec<(u8, u8)>,
}

impl Translation {
    /// Matches what the publisher and the leg negotiated; extensions only one side knows are cut.
    pub(crate) fn new(
        publication: &Publication,
        payload_type: u8,
        leg_extensions: &[(u8, String)],
    ) -> Self {
        let extensions = publication.extensions.iter().filter_map(|(from, uri)| {
            let (to, _) = leg_extensions.iter().find(|(_, leg_uri)| leg_uri == uri)?;
            Some((*from, *to))
        });
        Self {
            payload_type,
            extensions: extensions.collect(),
        }
    }
}

/// All streams of a room.
#[derive(Debug, Default)]
pub(crate) struct ForwardingTable {
    streams: HashMap<u32, Stream>,
}

impl ForwardingTable {
    /// Whether `ssrc` belongs (as media or as repair SSRC) to someone other than `participant`.
    pub(crate) fn is_taken(&self, ssrc: u32, participant: &ParticipantId) -> bool {
        self.streams.values().any(|stream| {
            let publication = &stream.publication;
            let same = publication.ssrc == ssrc || publication.repair == Some(ssrc);
            same && stream.participant != *participant
        })
    }

    /// Adds a stream. A stream of the same participant, SSRC, kind and codec is taken over with
    /// its legs, so that a publisher that reconnects costs its subscribers no renegotiation;
    /// any other stream of that SSRC must have been removed before.
    ///
    /// Returns whether it was taken over.
    pub(crate) fn publish(&mut self, stream: Stream) -> bool {
        let ssrc = stream.publication.ssrc;
        if let Some(old) = self.streams.get_mut(&ssrc)
            && old.continues_as(&stream)
        {
            old.publisher = stream.publisher;
            old.retarget(stream.publication);
            return true;
        }
        self.streams.insert(ssrc, stream);
        false
    }

    /// Whether `next` is a stream that is here already, over a new connection.
    pub(crate) fn has(&self, next: &Stream) -> bool {
        let old = self.streams.get(&next.publication.ssrc);
        old.is_some_and(|old| old.continues_as(next))
    }

    /// The streams of `participant` that `next` does not continue, taken out of the table.
    pub(crate) fn withdraw(&mut self, participant: &ParticipantId, next: &[Stream]) -> Vec<Stream> {
        let gone: Vec<u32> = self
            .streams
            .values()
            .filter(|old| old.participant == *participant)
            .filter(|old| !next.iter().any(|new| old.continues_as(new)))
            .map(|old| old.publication.ssrc)
            .collect();
        gone.iter()
            .filter_map(|ssrc| self.streams.remove(ssrc))
            .collect()
    }

    /// Takes out every leg that leads to `subscriber`.
    pub(crate) fn unsubscribe(&mut self, subscriber: PeerKey) -> Vec<(&Stream, Leg)> {
        let take = |stream: &mut Stream| {
            let at = stream
                .legs
                .iter()
                .position(|leg| leg.subscriber == subscriber)?;
            Some(stream.legs.swap_remove(at))
        };
        self.streams
            .values_mut()
            .filter_map(|stream| take(stream).map(|leg| (&*stream, leg)))
            .collect()
    }

    /// The stream of an SSRC.
    pub(crate) fn stream_mut(&mut self, ssrc: u32) -> Option<&mut Stream> {
        self.streams.get_mut(&ssrc)
    }

    /// All streams.
    pub(crate) fn streams(&self) -> impl Iterator<Item = &Stream> {
        self.streams.values()
    }

    /// Every leg that leads to `subscriber`, with its stream's publication.
    pub(crate) fn legs_to(
        &mut self,
        subscriber: PeerKey,
    ) -> impl Iterator<Item = (&Publication, &mut Leg)> {
        self.streams.values_mut().flat_map(move |stream| {
            let Stream {
                publication, legs, ..
            } = stream;
            legs.iter_mut()
                .filter(move |leg| leg.subscriber == subscriber)
                .map(|leg| (&*publication, leg))
        })
    }
}

impl Stream {
    /// Whether `next` is the same stream over a new connection.
    fn continues_as(&self, next: &Stream) -> bool {
        let (old, new) = (&self.publication, &next.publication);
        self.participant == next.participant
            && old.ssrc == new.ssrc
            && old.kind == new.kind
            && old
                .codec
                .mime_type
                .eq_ignore_ascii_case(&new.codec.mime_type)
            && old.codec.sdp_fmtp_line == new.codec.sdp_fmtp_line
            && old.codec.channels == new.codec.channels
    }

    /// Takes over the publication of the new connection; the legs keep their own numbers, and
    /// extension ids that the publisher renumbered are matched anew.
    fn retarget(&mut self, publication: Publication) {
        let uri_of = |id: u8| {
            self.publication
                .extensions
                .iter()
                .find(|(known, _)| *known == id)
        };
        for leg in &mut self.legs {
            if let LegState::Active(translation) = &mut leg.state {
                let pairs = translation.extensions.iter();
                let legs: Vec<(u8, String)> = pairs
                    .filter_map(|(from, to)| uri_of(*from).map(|(_, uri)| (*to, uri.clone())))
                    .collect();
                *translation = Translation::new(&publication, translation.payload_type, &legs);
            }
        }
        self.publication = publication;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn id(name: &str) -> ParticipantId {
        ParticipantId::new(name).unwrap()
    }

    fn stream(publisher: u64, name: &str, ssrc: u32, repair: Option<u32>, mime: &str) -> Stream {
        Stream {
            publisher: PeerKey(publisher),
            participant: id(name),
            publication: Publication {
                ssrc,
                repair,
                kind: MediaKind::Video,
                codec: RTCRtpCodec {
                    mime_type: mime.to_owned(),
                    ..Default::default()
                },
                payload_type: 96,
                extensions: vec![(1, "level".into()), (2, "private".into())],
                receiver: RTCRtpReceiverId::from(0),
            },
            keyframes: KeyframeThrottle::new(Duration::ZERO),
            legs: vec![],
        }
    }

    fn leg(subscriber: u64, name: &str) -> Leg {
        Leg {
            subscriber: PeerKey(subscriber),
            participant: id(name),
            sender: RTCRtpSenderId::from(3),
            state: LegState::Waiting,
            count: RouteCount::default(),
        }
    }

    #[test]
    fn an_ssrc_is_taken_for_everyone_but_its_owner() {
        let mut table = ForwardingTable::default();
        table.publish(stream(1, "ann", 10, Some(11), "video/VP8"));
        assert!(table.is_taken(10, &id("ben")));
        assert!(table.is_taken(11, &id("ben")), "repair SSRCs count as well");
        assert!(!table.is_taken(10, &id("ann")));
        assert!(!table.is_taken(12, &id("ben")));
    }

    #[test]
    fn a_reconnecting_publisher_keeps_its_legs() {
        let mut table = ForwardingTable::default();
        table.publish(stream(1, "ann", 10, None, "video/VP8"));
        table.stream_mut(10).unwrap().legs.push(leg(2, "ben"));
        let next = stream(5, "ann", 10, None, "video/vp8");
        assert!(
            table
                .withdraw(&id("ann"), std::slice::from_ref(&next))
                .is_empty()
        );
        assert!(table.publish(next));
        let kept = table.stream_mut(10).unwrap();
        assert_eq!((kept.publisher, kept.legs.len()), (PeerKey(5), 1));
    }

    #[test]
    fn another_codec_or_ssrc_is_another_stream() {
        let mut table = ForwardingTable::default();
        table.publish(stream(1, "ann", 10, None, "video/VP8"));
        let next = stream(5, "ann", 10, None, "video/H264");
        assert_eq!(table.withdraw(&id("ann"), &[next]).len(), 1);
        assert_eq!(table.streams().count(), 0);
    }

    #[test]
    fn a_leaving_subscriber_takes_its_legs_from_all_streams() {
        let mut table = ForwardingTable::default();
        for (publisher, ssrc) in [(1, 10), (2, 20)] {
            table.publish(stream(publisher, "p", ssrc, None, "video/VP8"));
            let stream = table.stream_mut(ssrc).unwrap();
            stream.legs.extend([leg(7, "x"), leg(8, "y")]);
        }
        assert_eq!(table.unsubscribe(PeerKey(7)).len(), 2);
        assert_eq!(table.legs_to(PeerKey(7)).count(), 0);
        assert_eq!(table.legs_to(PeerKey(8)).count(), 2);
    }

    #[test]
    fn extensions_are_renumbered_by_uri_and_unknown_ones_cut() {
        let publication = stream(1, "ann", 10, None, "video/VP8").publication;
        let leg = [(9, "level".to_owned()), (4, "other".to_owned())];
        let translation = Translation::new(&publication, 100, &leg);
        assert_eq!(translation.extensions, vec![(1, 9)]);
        assert_eq!(translation.payload_type, 100);
    }
}
