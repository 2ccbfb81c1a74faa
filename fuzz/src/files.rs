//! Media files, and RTP of a codec as members send it: whoever plays, publishes or records reads
//! them.

use std::time::Duration;

use arbitrary::Arbitrary;
use mls_srtp::id::Ssrc;
use mls_srtp::time::Moment;
use mls_srtp_participant::files::ivf::IvfFile;
use mls_srtp_participant::files::ogg::OpusFile;
use mls_srtp_participant::files::{opus, vp8};
use mls_srtp_participant::kind::MediaKind;
use mls_srtp_participant::reassemble::{AssemblerConfig, FrameAssembler};
use mls_srtp_participant::samples;
use rtc::rtp;

use crate::edit::{Edit, edited};
use crate::structured;

/// A file that was good, or is none.
#[derive(Debug, Arbitrary)]
enum Given<'a> {
    Ogg(Vec<Edit>),
    Ivf(Vec<Edit>),
    Invented(&'a [u8]),
    /// Packets of a stream, their sequence numbers and times.
    Packets {
        video: bool,
        sealed: bool,
        packets: Vec<(u16, u16, bool, &'a [u8])>,
    },
}

/// What the readers take in all, in bytes of an input.
const MOST: usize = 1 << 16;

/// Readers of files and the reassembly of frames.
pub fn files(data: &[u8]) {
    let Some(given) = structured::<Given<'_>>(data) else {
        return;
    };
    match given {
        Given::Ogg(edits) => ogg(&edited(&head(samples::TONE_OGG), &edits)),
        Given::Ivf(edits) => ivf(&edited(&head(samples::PATTERN_IVF), &edits)),
        Given::Invented(bytes) => {
            ogg(bytes);
            ivf(bytes);
            let _ = (opus::samples(bytes), vp8::keyframe_size(bytes));
            if let Some(descriptor) = vp8::descriptor(bytes) {
                assert!(descriptor.len < bytes.len(), "something follows it");
            }
        }
        Given::Packets {
            video,
            sealed,
            packets,
        } => reassemble(video, sealed, &packets),
    }
}

fn head(file: &[u8]) -> Vec<u8> {
    file.iter().copied().take(MOST / 8).collect()
}

fn ogg(bytes: &[u8]) {
    if let Ok(file) = OpusFile::read(bytes) {
        let all_last = |packet: &bytes::Bytes| opus::samples(packet).is_some();
        assert!(file.packets.iter().all(all_last), "a packet has a length");
    }
}

fn ivf(bytes: &[u8]) {
    if let Ok(file) = IvfFile::read(bytes) {
        let total: usize = file.frames.iter().map(|frame| frame.data.len()).sum();
        assert!(total <= bytes.len(), "no frame out of nothing");
    }
}

fn reassemble(video: bool, sealed: bool, packets: &[(u16, u16, bool, &[u8])]) {
    let kind = match video {
        true => MediaKind::Video,
        false => MediaKind::Audio,
    };
    let config = AssemblerConfig {
        sealed,
        frame_bytes: MOST,
        ..AssemblerConfig::default()
    };
    let mut assembler = FrameAssembler::new(kind, Ssrc::new(7), config);
    let mut now = Moment::default();
    for (sequence, ms, marker, payload) in packets {
        let header = rtp::header::Header {
            version: 2,
            marker: *marker,
            sequence_number: *sequence,
            timestamp: u32::from(*sequence) * 960,
            ssrc: 7,
            ..rtp::header::Header::default()
        };
        let payload = bytes::Bytes::copy_from_slice(payload);
        assembler.push(rtp::Packet { header, payload }, now);
        while assembler.poll().is_some() {}
        now = now + Duration::from_millis(u64::from(*ms % 512));
        assembler.handle_timeout(now);
        while assembler.poll().is_some() {}
    }
}
