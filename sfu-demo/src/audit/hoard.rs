//! What a dishonest member could keep, and what it opens.

use mls_srtp::media::Trailer;
use mls_srtp::media::sframe::{SealedFrame, SframeHeader};
use mls_srtp::pipeline::{
    Codec, FrameOpening, FramePipeline, MediaConfig, MediaPipeline, MediaUpdate, Opening,
};
use mls_srtp::schedule::ModeKind;
use mls_srtp::time::Moment;
use mls_srtp_participant::kind::MediaKind;

/// Every key that a member ever got; none is erased.
pub enum Hoard {
    /// In a room of packets.
    Packets(Box<MediaPipeline>),
    /// In a room of frames.
    Frames(Box<FramePipeline>),
}

/// Something that the SFU forwarded: a packet, or all of a frame.
pub struct Captured {
    pub bytes: Vec<u8>,
    pub kind: MediaKind,
    /// The low bits of its epoch. A demo has fewer than 256.
    pub epoch: u16,
}

impl Hoard {
    /// With no key yet.
    pub fn new(mode: ModeKind) -> Self {
        let config = MediaConfig::default();
        match mode {
            ModeKind::Sframe => Self::Frames(Box::new(FramePipeline::new(config))),
            _ => Self::Packets(Box::new(MediaPipeline::new(config))),
        }
    }

    /// Takes one step of the keys.
    pub fn apply(&mut self, update: MediaUpdate, now: Moment) {
        match self {
            Self::Packets(pipeline) => pipeline.apply(update, now),
            Self::Frames(pipeline) => pipeline.apply(update, now),
        }
    }

    /// Whether the keys open it.
    pub fn opens(&mut self, captured: Captured, now: Moment) -> bool {
        let Captured { bytes, kind, .. } = captured;
        match self {
            Self::Packets(pipeline) => matches!(pipeline.open(bytes, now), Opening::Opened(_)),
            Self::Frames(pipeline) => {
                let opening = pipeline.open(bytes, codec(kind), 0, now);
                matches!(opening, FrameOpening::Opened(_))
            }
        }
    }

    /// The same bytes under the name of another epoch.
    pub fn lie(&self, truth: &Captured, epoch: u16) -> Captured {
        let bytes = match self {
            Self::Packets(_) => packet_of(truth.bytes.clone(), epoch),
            Self::Frames(_) => frame_of(&truth.bytes, epoch).unwrap_or_default(),
        };
        Captured {
            bytes,
            kind: truth.kind,
            epoch,
        }
    }
}

/// The low bits of a frame's epoch.
pub fn epoch_of_frame(frame: &[u8], kind: MediaKind) -> Option<u16> {
    let sealed = SealedFrame::parse(frame.to_vec(), codec(kind)).ok()?;
    Some(sealed.kid().epoch_low().into())
}

fn packet_of(mut packet: Vec<u8>, epoch: u16) -> Vec<u8> {
    if let Some(trailer) = packet.last_chunk_mut::<{ Trailer::SENT_LEN }>() {
        let [high, low, ..] = trailer;
        [*high, *low] = epoch.to_be_bytes();
    }
    packet
}

fn frame_of(frame: &[u8], epoch: u16) -> Option<Vec<u8>> {
    let (prefix, rest) = frame.split_at_checked(usize::from(*frame.last()?))?;
    let (header, len) = SframeHeader::parse(rest)?;
    let mut lie = prefix.to_vec();
    SframeHeader {
        kid: header.kid & !0xff | u64::from(epoch & 0xff),
        counter: header.counter,
    }
    .write(&mut lie);
    lie.extend_from_slice(rest.get(len..)?);
    Some(lie)
}

fn codec(kind: MediaKind) -> Codec {
    match kind {
        MediaKind::Audio => Codec::Opus,
        MediaKind::Video => Codec::Vp8,
    }
}
