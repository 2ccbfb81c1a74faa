//! Helpers of the unit tests.

use std::time::Instant;

use mls_srtp::epoch::{EpochSecrets, SwitchReason};
use mls_srtp::group::Roster;
use mls_srtp::id::{Epoch, GroupId, LeafIndex, ParticipantId, Ssrc};
use mls_srtp::pipeline::{MediaUpdate, Stream, StreamSource};
use mls_srtp::schedule::{ExportedSecret, MediaSecret, Profile};
use mls_srtp::secret::Secret;
use rtc::interceptor::{AttributedPacket, Interceptor, Packet, TaggedPacket};
use rtc::rtp;
use rtc::shared::TransportContext;

/// An RTP packet as an interceptor is given it.
pub(crate) fn tagged(packet: rtp::Packet) -> TaggedPacket {
    tagged_at(packet, Instant::now())
}

/// The same, at an instant of the test's choosing.
pub(crate) fn tagged_at(packet: rtp::Packet, now: Instant) -> TaggedPacket {
    TaggedPacket {
        now,
        transport: TransportContext::default(),
        message: AttributedPacket::new(Packet::Rtp(packet)),
    }
}

/// All RTP packets that an interceptor has ready towards the application.
pub(crate) fn read_all(interceptor: &mut dyn Interceptor) -> Vec<rtp::Packet> {
    std::iter::from_fn(|| interceptor.poll_read())
        .filter_map(rtp_of)
        .collect()
}

/// All RTP packets that an interceptor has ready towards the wire.
pub(crate) fn written(interceptor: &mut dyn Interceptor) -> Vec<rtp::Packet> {
    std::iter::from_fn(|| interceptor.poll_write())
        .filter_map(rtp_of)
        .collect()
}

fn rtp_of(tagged: TaggedPacket) -> Option<rtp::Packet> {
    match tagged.message.packet {
        Packet::Rtp(packet) => Some(packet),
        _ => None,
    }
}

/// The member at `leaf`.
pub(crate) fn member(leaf: u16) -> ParticipantId {
    ParticipantId::new(&format!("member{leaf}"), "example.org", "phone").expect("a name")
}

/// An epoch of a group of `members`; `seed` makes its keys differ from another group's.
pub(crate) fn install(own_leaf: u16, epoch: u64, members: u16, seed: u8) -> MediaUpdate {
    let mut exported = vec![seed; 32];
    exported[..8].copy_from_slice(&epoch.to_be_bytes());
    let roster = (0..members).map(|leaf| (LeafIndex::new(leaf), member(leaf)));
    MediaUpdate::Install(EpochSecrets {
        group_id: GroupId::new([9; 16]),
        epoch: Epoch::new(epoch),
        own_leaf: LeafIndex::new(own_leaf),
        roster: Roster::new(roster),
        media: MediaSecret::Srtp(
            Profile::AeadAes128Gcm,
            ExportedSecret::new(Secret::new(exported)),
        ),
    })
}

/// Sending moves to `epoch`.
pub(crate) fn switch(epoch: u64) -> MediaUpdate {
    MediaUpdate::SwitchSending {
        epoch: Epoch::new(epoch),
        reason: SwitchReason::First,
    }
}

/// The member at `leaf` announces its streams.
pub(crate) fn announce(leaf: u16, ssrcs: &[u32]) -> MediaUpdate {
    let stream = |ssrc: &u32| Stream {
        id: Ssrc::new(*ssrc).into(),
        source: StreamSource::Camera,
    };
    MediaUpdate::Streams {
        participant: member(leaf),
        streams: ssrcs.iter().map(stream).collect(),
    }
}
