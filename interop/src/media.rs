//! One packet from one member to another, each with the keys of its own implementation.

use mls_srtp::epoch::{EpochSecrets, SwitchReason};
use mls_srtp::pipeline::{MediaConfig, MediaPipeline, MediaUpdate, Opening};
use mls_srtp::time::Moment;

use crate::announcement::Heard;
use crate::reading::Reading;

/// Whether the receiver, who has heard these announcements, opens what the sender protects, and names
/// the sender by it.
pub(crate) fn passes(sender: &Reading, receiver: &Reading, heard: &Heard) -> bool {
    let now = Moment::default();
    let plain = packet(sender);
    let mut protected = plain.clone();
    let mut out = pipeline(&sender.secrets);
    if out.protect(&mut protected, now).is_err() || protected == plain {
        return false;
    }
    let mut into = pipeline(&receiver.secrets);
    for (participant, streams) in heard.clone() {
        let announced = MediaUpdate::Streams {
            participant,
            streams,
        };
        into.apply(announced, now);
    }
    let Opening::Opened(opened) = into.open(protected, now) else {
        return false;
    };
    opened.packet == plain && *opened.participant == sender.who
}

/// RTP version 2, payload type 96, sequence number 1, timestamp 0, the sender's SSRC, and a payload.
fn packet(sender: &Reading) -> Vec<u8> {
    let mut packet = b"\x80\x60\x00\x01\x00\x00\x00\x00".to_vec();
    packet.extend(sender.ssrc.get().to_be_bytes());
    packet.extend(b"from one to the other");
    packet
}

fn pipeline(secrets: &EpochSecrets) -> MediaPipeline {
    let (now, reason) = (Moment::default(), SwitchReason::First);
    let epoch = secrets.epoch;
    let mut pipeline = MediaPipeline::new(MediaConfig::default());
    pipeline.apply(MediaUpdate::Install(secrets.clone()), now);
    pipeline.apply(MediaUpdate::SwitchSending { epoch, reason }, now);
    pipeline
}
