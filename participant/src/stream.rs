//! Our own RTP streams: numbers that outlive peer connections, and frames cut into packets.

use bytes::Bytes;
use mls_srtp::id::Ssrc;
use rtc::rtp;
use rtc::rtp::codec::vp8::Vp8Payloader;
use rtc::rtp::packetizer::Payloader;

use crate::kind::MediaKind;

/// The longest UDP payload that an encrypted packet may become, in bytes. Paths of the internet
/// carry it without fragments, also inside a tunnel.
pub const MAX_UDP_PAYLOAD: usize = 1_200;

/// Fixed RTP header (RFC 3550 §5.1).
const RTP_HEADER: usize = 12;
/// Room for header extensions that a connection may add.
const EXTENSIONS: usize = 16;
/// Inner layer: tag 16, MKI 4, ROC 2, and an OHB that a forwarder may lengthen to 4.
const INNER: usize = 26;
/// Original sequence number in a retransmission (RFC 4588 §4).
const RTX: usize = 2;
/// Tag of the hop's AES-GCM (RFC 7714).
const OUTER: usize = 16;

/// The longest payload of a packet before encryption, in bytes.
pub const MAX_PAYLOAD: usize = MAX_UDP_PAYLOAD - RTP_HEADER - EXTENSIONS - INNER - RTX - OUTER;

/// Why a frame was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PacketizeError {
    /// A frame of no bytes.
    #[error("the frame is empty")]
    Empty,
    /// An Opus packet cannot be cut.
    #[error("an Opus packet of {0} bytes does not fit a datagram")]
    TooLong(usize),
    /// The payloader refused the frame.
    #[error("the frame could not be cut into packets")]
    Refused,
}

/// Sequence numbers and timestamps of one stream that we send.
///
/// It belongs to the participant, not to a peer connection: after a reconnect it goes on counting,
/// so that receivers see one stream with a pause.
#[derive(Debug, Clone)]
pub struct SenderStream {
    kind: MediaKind,
    ssrc: Ssrc,
    next_sequence: u16,
    first_timestamp: u32,
}

impl SenderStream {
    /// A stream that begins at random numbers (RFC 3550 §5.1).
    pub fn new(kind: MediaKind, ssrc: Ssrc) -> Self {
        Self::starting_at(kind, ssrc, rand::random(), rand::random())
    }

    /// A stream that begins at given numbers.
    pub fn starting_at(kind: MediaKind, ssrc: Ssrc, sequence: u16, timestamp: u32) -> Self {
        Self {
            kind,
            ssrc,
            next_sequence: sequence,
            first_timestamp: timestamp,
        }
    }

    /// What it carries.
    pub fn kind(&self) -> MediaKind {
        self.kind
    }

    /// Its SSRC.
    pub fn ssrc(&self) -> Ssrc {
        self.ssrc
    }

    /// The RTP timestamp of a media time, in ticks of [`MediaKind::clock_rate`] since the stream
    /// began.
    pub fn timestamp(&self, media_time: u64) -> u32 {
        // RTP timestamps count modulo 2^32.
        self.first_timestamp.wrapping_add(media_time as u32)
    }

    /// Cuts a frame into packets, each at most [`MAX_UDP_PAYLOAD`] bytes once encrypted. The last
    /// packet of a picture carries the marker.
    ///
    /// # Errors
    /// [`PacketizeError`]; no number is used up then.
    pub fn packetize(
        &mut self,
        media_time: u64,
        frame: &Bytes,
    ) -> Result<Vec<rtp::Packet>, PacketizeError> {
        let payloads = payloads(self.kind, frame)?;
        let timestamp = self.timestamp(media_time);
        let last = payloads.len() - 1;
        let packets = payloads.into_iter().enumerate().map(|(index, payload)| {
            let marker = self.kind == MediaKind::Video && index == last;
            self.packet(timestamp, marker, payload)
        });
        Ok(packets.collect())
    }

    fn packet(&mut self, timestamp: u32, marker: bool, payload: Bytes) -> rtp::Packet {
        let sequence_number = self.next_sequence;
        self.next_sequence = sequence_number.wrapping_add(1);
        rtp::Packet {
            header: rtp::Header {
                version: 2,
                marker,
                payload_type: self.kind.payload_type(),
                sequence_number,
                timestamp,
                ssrc: self.ssrc.get(),
                ..rtp::Header::default()
            },
            payload,
        }
    }
}

/// Never empty.
fn payloads(kind: MediaKind, frame: &Bytes) -> Result<Vec<Bytes>, PacketizeError> {
    if frame.is_empty() {
        return Err(PacketizeError::Empty);
    }
    let payloads = match kind {
        MediaKind::Audio if frame.len() > MAX_PAYLOAD => {
            return Err(PacketizeError::TooLong(frame.len()));
        }
        MediaKind::Audio => vec![frame.clone()],
        MediaKind::Video => Vp8Payloader::default()
            .payload(even_cut(frame.len()), frame)
            .map_err(|_| PacketizeError::Refused)?,
    };
    match payloads.is_empty() {
        true => Err(PacketizeError::Refused),
        false => Ok(payloads),
    }
}

/// The payload length, descriptor included, that cuts a picture into equal parts. Cut at the
/// limit, the last part may be a single byte, which some receivers refuse.
fn even_cut(frame: usize) -> usize {
    const DESCRIPTOR: usize = 1;
    let parts = frame.div_ceil(MAX_PAYLOAD - DESCRIPTOR);
    frame.div_ceil(parts) + DESCRIPTOR
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(kind: MediaKind) -> SenderStream {
        SenderStream::starting_at(kind, Ssrc::new(5), 65_534, u32::MAX)
    }

    fn frame(len: usize) -> Bytes {
        (0..len).map(|at| at as u8).collect::<Vec<_>>().into()
    }

    #[test]
    fn a_picture_is_cut_evenly_and_its_end_is_marked() {
        for len in [
            1,
            MAX_PAYLOAD - 1,
            MAX_PAYLOAD,
            3 * (MAX_PAYLOAD - 1) + 1,
            100_000,
        ] {
            let packets = stream(MediaKind::Video)
                .packetize(0, &frame(len))
                .expect("cut");
            let parts: Vec<_> = packets.iter().map(|packet| packet.payload.len()).collect();
            assert_eq!(parts.iter().sum::<usize>() - parts.len(), len);
            assert!(parts.iter().all(|part| *part <= MAX_PAYLOAD), "{parts:?}");
            assert!(
                parts[0] - parts[parts.len() - 1] <= parts.len(),
                "{parts:?}"
            );
            let marked: Vec<_> = packets.iter().map(|packet| packet.header.marker).collect();
            assert_eq!(
                marked.iter().position(|marked| *marked),
                Some(marked.len() - 1)
            );
        }
    }

    #[test]
    fn numbers_count_on_over_their_wrap() {
        let mut stream = stream(MediaKind::Audio);
        let numbers: Vec<_> = (0..3)
            .flat_map(|index| {
                stream
                    .packetize(960 * index, &frame(80))
                    .expect("one packet")
            })
            .map(|packet| (packet.header.sequence_number, packet.header.timestamp))
            .collect();
        assert_eq!(numbers, [(65_534, u32::MAX), (65_535, 959), (0, 1_919)]);
    }

    #[test]
    fn a_refused_frame_uses_no_number() {
        let mut stream = stream(MediaKind::Audio);
        assert_eq!(
            stream.packetize(0, &Bytes::new()),
            Err(PacketizeError::Empty)
        );
        let long = frame(MAX_PAYLOAD + 1);
        assert_eq!(
            stream.packetize(0, &long),
            Err(PacketizeError::TooLong(long.len()))
        );
        let packets = stream.packetize(0, &frame(1)).expect("one packet");
        assert_eq!(packets[0].header.sequence_number, 65_534);
    }
}
