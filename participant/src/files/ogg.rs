//! Opus in Ogg (RFC 3533, RFC 7845).
//!
//! The granule position of a page is the number of samples at 48 kHz up to the end of its last
//! packet. A gap in the sound is a jump of that number; a page ends where a gap begins, because
//! players count the packets inside a page without gaps.

use std::io::{self, Read, Seek, Write};

use bytes::Bytes;
use ogg::{OggReadError, PacketReader, PacketWriteEndInfo, PacketWriter};

use super::opus;

/// The most packets and bytes that [`OpusFile::read`] takes in: an hour and a half.
const MOST_PACKETS: usize = 270_000;
const MOST_FILE_BYTES: usize = 256_000_000;

/// How much sound goes into a page, in samples: one second. A crash costs no more than that.
const PAGE_SAMPLES: u64 = 48_000;

/// Samples that a decoder needs to settle, named in the header of what we write. This is what
/// libopus itself names.
const PRE_SKIP: u16 = 312;

/// Why a file is not taken, or could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OggError {
    /// The Ogg pages themselves are damaged.
    #[error("damaged Ogg file: {0}")]
    Damaged(&'static str),
    /// The file does not begin with the two headers of RFC 7845 §5.
    #[error("not an Opus file")]
    NotOpus,
    /// More than one stream, or several one after the other.
    #[error("the file holds more than one stream")]
    SeveralStreams,
    /// A packet does not say how long it lasts.
    #[error("packet {0} is no Opus packet")]
    BadPacket(usize),
    /// More than we take.
    #[error("the file goes beyond what is taken")]
    TooLong,
    /// The file could not be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<OggReadError> for OggError {
    fn from(error: OggReadError) -> Self {
        match error {
            OggReadError::ReadError(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
                Self::Io(error)
            }
            OggReadError::ReadError(_) => Self::Damaged("cut short"),
            OggReadError::NoCapturePatternFound => Self::Damaged("no page where one must be"),
            OggReadError::InvalidStreamStructVer(_) => Self::Damaged("unknown version"),
            OggReadError::HashMismatch(..) => Self::Damaged("wrong checksum"),
            OggReadError::InvalidData => Self::Damaged("inconsistent pages"),
        }
    }
}

/// A whole Opus file in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpusFile {
    /// 1 or 2.
    pub channels: u8,
    /// Samples at 48 kHz that a player drops at the start.
    pub pre_skip: u16,
    /// Opus packets in order, each with a valid length ([`opus::samples`]).
    pub packets: Vec<Bytes>,
}

impl OpusFile {
    /// Reads a file with one Opus stream to its end.
    ///
    /// # Errors
    /// [`OggError`].
    pub fn read(mut from: impl Read) -> Result<Self, OggError> {
        let mut bytes = Vec::new();
        from.by_ref()
            .take(MOST_FILE_BYTES as u64 + 1)
            .read_to_end(&mut bytes)?;
        if bytes.len() > MOST_FILE_BYTES {
            return Err(OggError::TooLong);
        }
        Self::parse(PacketReader::new(io::Cursor::new(bytes)))
    }

    fn parse(mut reader: PacketReader<io::Cursor<Vec<u8>>>) -> Result<Self, OggError> {
        let head = reader.read_packet()?.ok_or(OggError::NotOpus)?;
        let (channels, pre_skip) = parse_head(&head.data).ok_or(OggError::NotOpus)?;
        let tags = reader.read_packet()?.ok_or(OggError::NotOpus)?;
        if !tags.data.starts_with(b"OpusTags") {
            return Err(OggError::NotOpus);
        }
        let mut packets = Vec::new();
        while let Some(packet) = reader.read_packet()? {
            if packet.stream_serial() != head.stream_serial() || packet.first_in_stream() {
                return Err(OggError::SeveralStreams);
            }
            if opus::samples(&packet.data).is_none() {
                return Err(OggError::BadPacket(packets.len()));
            }
            if packets.len() >= MOST_PACKETS {
                return Err(OggError::TooLong);
            }
            packets.push(packet.data.into());
        }
        Ok(Self {
            channels,
            pre_skip,
            packets,
        })
    }
}

/// Channels and pre-skip of an identification header (RFC 7845 §5.1), mapping family 0 only.
///
/// ```text
/// "OpusHead" | version (1) | channels (1) | pre-skip (2) | input rate (4) | gain (2) | family (1)
/// ```
fn parse_head(head: &[u8]) -> Option<(u8, u16)> {
    let rest = head.strip_prefix(b"OpusHead")?;
    let [version, channels, p0, p1, _, _, _, _, _, _, 0, ..] = *rest else {
        return None;
    };
    // The upper four bits of the version may grow only with an incompatible format.
    (version < 16 && matches!(channels, 1 | 2)).then(|| (channels, u16::from_le_bytes([p0, p1])))
}

/// Writes an Opus file packet by packet. Call [`OpusWriter::finish`] at the end.
pub struct OpusWriter<W: Write> {
    pages: PacketWriter<'static, W>,
    serial: u32,
    /// The last packet and the sample at which it ends: whether its page ends with it depends on
    /// the next.
    held: Option<(Bytes, u64)>,
    page_start: u64,
    packets: u64,
}

impl<W: Write + Seek> OpusWriter<W> {
    /// Begins a file; `serial` numbers the stream and only matters if files are joined.
    ///
    /// # Errors
    /// [`OggError::Io`].
    pub fn new(to: W, channels: u8, serial: u32) -> Result<Self, OggError> {
        let mut head = b"OpusHead\x01".to_vec();
        head.push(channels);
        head.extend(PRE_SKIP.to_le_bytes());
        head.extend(48_000_u32.to_le_bytes());
        head.extend([0; 3]);
        let vendor = b"mls-srtp";
        let mut tags = b"OpusTags".to_vec();
        tags.extend((vendor.len() as u32).to_le_bytes());
        tags.extend(vendor);
        tags.extend([0; 4]);
        let mut pages = PacketWriter::new(to);
        pages.write_packet(head, serial, PacketWriteEndInfo::EndPage, 0)?;
        pages.write_packet(tags, serial, PacketWriteEndInfo::EndPage, 0)?;
        Ok(Self {
            pages,
            serial,
            held: None,
            page_start: 0,
            packets: 0,
        })
    }

    /// Appends a packet that begins at sample `start` of the recording. A start before the end of
    /// the last packet is moved there: granule positions never go back.
    ///
    /// # Errors
    /// [`OggError::BadPacket`] if it does not say how long it lasts, [`OggError::Io`].
    pub fn write(&mut self, start: u64, packet: Bytes) -> Result<(), OggError> {
        let number = usize::try_from(self.packets).unwrap_or(usize::MAX);
        let samples = opus::samples(&packet).ok_or(OggError::BadPacket(number))?;
        let mut start = start;
        if let Some((held, end)) = self.held.take() {
            start = start.max(end);
            let page_ends = start > end || end - self.page_start >= PAGE_SAMPLES;
            let ending = match page_ends {
                true => PacketWriteEndInfo::EndPage,
                false => PacketWriteEndInfo::NormalPacket,
            };
            self.pages
                .write_packet(held.to_vec(), self.serial, ending, end)?;
            if page_ends {
                self.page_start = start;
            }
        }
        self.held = Some((packet, start.saturating_add(samples.into())));
        self.packets += 1;
        Ok(())
    }

    /// How many packets have been written.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Closes the stream and gives the file back.
    ///
    /// # Errors
    /// [`OggError::Io`].
    pub fn finish(mut self) -> Result<W, OggError> {
        if let Some((held, end)) = self.held.take() {
            let ending = PacketWriteEndInfo::EndStream;
            self.pages
                .write_packet(held.to_vec(), self.serial, ending, end)?;
        }
        let mut to = self.pages.into_inner();
        to.flush()?;
        Ok(to)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use ogg::PageParsingOptions;
    use proptest::prelude::*;

    use super::*;
    use crate::samples;

    /// The packets one after the other, with `gap` samples missing before packet `at`.
    fn written(file: &OpusFile, at: usize, gap: u64) -> Vec<u8> {
        let to = Cursor::new(Vec::new());
        let mut writer = OpusWriter::new(to, file.channels, 1).expect("begun");
        let mut start = 0;
        for (index, packet) in file.packets.iter().enumerate() {
            start += if index == at { gap } else { 0 };
            writer.write(start, packet.clone()).expect("written");
            start += u64::from(opus::samples(packet).expect("a length"));
        }
        writer.finish().expect("finished").into_inner()
    }

    /// (packets ending on it, granule position) of every page after the headers.
    fn pages(bytes: &[u8]) -> Vec<(usize, u64)> {
        let mut reader = PacketReader::new(Cursor::new(bytes));
        let mut pages = Vec::new();
        let mut on_page = 0;
        while let Some(packet) = reader.read_packet().expect("read") {
            on_page += 1;
            if packet.last_in_page() {
                pages.push((on_page, packet.absgp_page()));
                on_page = 0;
            }
        }
        pages.split_off(2)
    }

    #[test]
    fn the_sample_reads_and_writes_back_equal() {
        let file = OpusFile::read(samples::TONE_OGG).expect("read");
        assert_eq!(
            (file.channels, file.pre_skip, file.packets.len()),
            (1, 312, 201)
        );
        assert!(
            file.packets
                .iter()
                .all(|packet| opus::samples(packet) == Some(960))
        );
        let again = OpusFile::read(&written(&file, 0, 0)[..]).expect("read");
        assert_eq!(again, file);
    }

    #[test]
    fn granule_positions_count_samples_and_jump_over_gaps() {
        let mut file = OpusFile::read(samples::TONE_OGG).expect("read");
        file.packets.truncate(70);
        let second = 50 * 960;
        assert_eq!(pages(&written(&file, 0, 0)), [(50, second), (20, 70 * 960)]);
        let gap = 3 * 960;
        assert_eq!(
            pages(&written(&file, 10, gap)),
            [
                (10, 10 * 960),
                (50, 10 * 960 + gap + second),
                (10, 70 * 960 + gap)
            ]
        );
    }

    #[test]
    fn a_packet_from_the_past_does_not_turn_the_granule_back() {
        let packet = OpusFile::read(samples::TONE_OGG).expect("read").packets[0].clone();
        let mut writer = OpusWriter::new(Cursor::new(Vec::new()), 1, 1).expect("begun");
        for start in [0, 0, 500] {
            writer.write(start, packet.clone()).expect("written");
        }
        let bytes = writer.finish().expect("finished").into_inner();
        assert_eq!(pages(&bytes), [(3, 3 * 960)]);
    }

    #[test]
    fn what_is_no_opus_file_is_refused() {
        let refused = |bytes: &[u8]| OpusFile::read(bytes).expect_err("refused");
        assert!(matches!(refused(b""), OggError::Damaged(_)));
        assert!(matches!(
            refused(b"no page at all, but some bytes"),
            OggError::Damaged(_)
        ));
        let mut damaged = samples::TONE_OGG.to_vec();
        damaged[5_000] ^= 1;
        assert!(matches!(
            refused(&damaged),
            OggError::Damaged("wrong checksum")
        ));
        let stream = |serial| {
            let to = Cursor::new(Vec::new());
            let mut writer = OpusWriter::new(to, 1, serial).expect("begun");
            writer
                .write(0, Bytes::from_static(&[0xf8]))
                .expect("written");
            writer.finish().expect("finished").into_inner()
        };
        let chained = [stream(1), stream(2)].concat();
        assert!(matches!(refused(&chained), OggError::SeveralStreams));
        let mut writer = PacketWriter::new(Cursor::new(Vec::new()));
        let head = b"vorbis, say".to_vec();
        writer
            .write_packet(head, 1, PacketWriteEndInfo::EndStream, 0)
            .expect("written");
        assert!(matches!(
            refused(writer.into_inner().get_ref()),
            OggError::NotOpus
        ));
    }

    proptest! {
        #[test]
        fn a_damaged_file_is_read_or_refused(
            len in 0..3_000_usize,
            damage in prop::collection::vec((0..3_000_usize, any::<u8>()), 0..8),
        ) {
            let mut bytes = samples::TONE_OGG[..len].to_vec();
            for (at, byte) in damage {
                if let Some(target) = bytes.get_mut(at) {
                    *target = byte;
                }
            }
            let _ = OpusFile::read(&bytes[..]);
            // With the right checksum over the damage, as an attacker would have it.
            let mut unchecked = PageParsingOptions::default();
            unchecked.verify_checksum = false;
            let bytes = Cursor::new(bytes);
            let _ = OpusFile::parse(PacketReader::new_with_page_parse_opts(bytes, unchecked));
        }
    }
}
