//! One packet from one member to another, each with the keys of its own implementation.

use mls_srtp::epoch::{EpochSecrets, SwitchReason};
use mls_srtp::id::{ParticipantId, Ssrc};
use mls_srtp::pipeline::{MediaConfig, MediaPipeline, MediaUpdate, Opening, Stream, StreamSource};
use mls_srtp::time::Moment;

use crate::reading::Reading;

const SSRC: Ssrc = Ssrc::new(0x1f2e_3d4c);

/// RTP version 2, payload type 96, the SSRC above, and a payload.
const PACKET: &[u8] = b"\x80\x60\x00\x01\x00\x00\x00\x00\x1f\x2e\x3d\x4cfrom one to the other";

/// Whether the receiver opens what the sender protects, and names the sender by it.
pub(crate) fn passes(sender: &Reading, receiver: &Reading) -> bool {
    let now = Moment::default();
    let mut packet = PACKET.to_vec();
    let mut out = pipeline(&sender.secrets);
    if out.protect(&mut packet, now).is_err() || packet == PACKET {
        return false;
    }
    let mut into = pipeline(&receiver.secrets);
    into.apply(announcement(&sender.who), now);
    let Opening::Opened(opened) = into.open(packet, now) else {
        return false;
    };
    opened.packet == PACKET && *opened.participant == sender.who
}

fn pipeline(secrets: &EpochSecrets) -> MediaPipeline {
    let (now, reason) = (Moment::default(), SwitchReason::First);
    let epoch = secrets.epoch;
    let mut pipeline = MediaPipeline::new(MediaConfig::default());
    pipeline.apply(MediaUpdate::Install(secrets.clone()), now);
    pipeline.apply(MediaUpdate::SwitchSending { epoch, reason }, now);
    pipeline
}

fn announcement(participant: &ParticipantId) -> MediaUpdate {
    MediaUpdate::Streams {
        participant: participant.clone(),
        streams: vec![Stream {
            id: SSRC.into(),
            source: StreamSource::Camera,
        }],
    }
}
