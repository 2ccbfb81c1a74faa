//! IVF: a 32-byte header and frames with a timestamp, the usual file around raw VP8.
//!
//! ```text
//! file:  "DKIF" | version 0 (2) | header length (2) | FourCC (4) | width (2) | height (2)
//!        | ticks per second (4) | seconds per tick, usually 1 (4) | length (4) | unused (4)
//! frame: length (4) | timestamp in ticks (8) | bytes                       all little-endian
//! ```
//!
//! The length of a file is the number of its frames to some and its duration in ticks to others,
//! ffmpeg among them; with a tick per frame it is both. We write the duration, because players
//! show it and nothing we know of needs the count.

use std::io::{self, Read, Seek, SeekFrom, Write};

use bytes::Bytes;

use super::vp8::{self, Size};

/// The longest frame that is read or written, 4 MB: about what a 4K keyframe can take.
pub const MOST_FRAME_BYTES: usize = 4_000_000;

/// The most frames and bytes that [`IvfFile::read`] takes in.
const MOST_FRAMES: usize = 100_000;
const MOST_FILE_BYTES: usize = 256_000_000;

const FILE_HEADER: usize = 32;
const FRAME_HEADER: usize = 12;
const LENGTH_AT: u64 = 24;

/// Why a file is not taken, or could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IvfError {
    /// The file does not begin with an IVF header of version 0.
    #[error("not an IVF file")]
    NotIvf,
    /// Another codec than VP8.
    #[error("the file holds {0:?}, not VP80")]
    NotVp8([u8; 4]),
    /// The header names no time base.
    #[error("the file's time base is zero")]
    NoTimeBase,
    /// The file ends inside a frame.
    #[error("frame {0} is cut short")]
    CutShort(usize),
    /// A frame or the file is longer than we take.
    #[error("frame {0} goes beyond what is taken")]
    TooLong(usize),
    /// The file could not be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Ticks in which timestamps count: `per_second / seconds` ticks a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeBase {
    /// Usually the frame rate, or 90,000.
    pub per_second: u32,
    /// Usually 1.
    pub seconds: u32,
}

/// A frame of an IVF file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IvfFrame {
    /// When it is shown, in ticks of the file's time base.
    pub timestamp: u64,
    /// The VP8 frame.
    pub data: Bytes,
}

impl IvfFrame {
    /// Whether it can be decoded without any other.
    pub fn is_keyframe(&self) -> bool {
        vp8::is_keyframe(&self.data)
    }
}

/// A whole VP8 file in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IvfFile {
    /// Picture size, from the file's header.
    pub size: Size,
    /// What timestamps count.
    pub time_base: TimeBase,
    /// Frames in file order.
    pub frames: Vec<IvfFrame>,
}

impl IvfFile {
    /// Reads a file to its end. The length in the header is not trusted.
    ///
    /// # Errors
    /// [`IvfError`]; a frame cut short is an error, what comes before it is not kept.
    pub fn read(mut from: impl Read) -> Result<Self, IvfError> {
        let mut header = [0; FILE_HEADER];
        from.read_exact(&mut header)
            .map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => IvfError::NotIvf,
                _ => error.into(),
            })?;
        let (size, time_base) = parse_header(&header)?;
        let mut frames = Vec::new();
        let mut total = 0;
        while let Some(frame) = read_frame(&mut from, frames.len())? {
            total += frame.data.len();
            if frames.len() >= MOST_FRAMES || total > MOST_FILE_BYTES {
                return Err(IvfError::TooLong(frames.len()));
            }
            frames.push(frame);
        }
        Ok(Self {
            size,
            time_base,
            frames,
        })
    }
}

#[expect(
    clippy::indexing_slicing,
    reason = "all fields lie within the header's 32 bytes"
)]
fn parse_header(header: &[u8; FILE_HEADER]) -> Result<(Size, TimeBase), IvfError> {
    let u16_at = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
    let u32_at = |at: usize| u32::from(u16_at(at)) | u32::from(u16_at(at + 2)) << 16;
    if &header[..4] != b"DKIF" || u16_at(4) != 0 || usize::from(u16_at(6)) != FILE_HEADER {
        return Err(IvfError::NotIvf);
    }
    let codec = [header[8], header[9], header[10], header[11]];
    if &codec != b"VP80" {
        return Err(IvfError::NotVp8(codec));
    }
    let size = Size {
        width: u16_at(12),
        height: u16_at(14),
    };
    let time_base = TimeBase {
        per_second: u32_at(16),
        seconds: u32_at(20),
    };
    if time_base.per_second == 0 || time_base.seconds == 0 {
        return Err(IvfError::NoTimeBase);
    }
    Ok((size, time_base))
}

/// `None` at the end of the file.
fn read_frame(from: &mut impl Read, index: usize) -> Result<Option<IvfFrame>, IvfError> {
    let mut header = Vec::with_capacity(FRAME_HEADER);
    from.take(FRAME_HEADER as u64).read_to_end(&mut header)?;
    let (length, timestamp) = match header[..] {
        [] => return Ok(None),
        [l0, l1, l2, l3, t0, t1, t2, t3, t4, t5, t6, t7] => (
            u32::from_le_bytes([l0, l1, l2, l3]),
            u64::from_le_bytes([t0, t1, t2, t3, t4, t5, t6, t7]),
        ),
        _ => return Err(IvfError::CutShort(index)),
    };
    let expected = usize::try_from(length)
        .ok()
        .filter(|length| *length <= MOST_FRAME_BYTES);
    let expected = expected.ok_or(IvfError::TooLong(index))?;
    // Grows with what is really there: a lying length costs no memory.
    let mut data = Vec::new();
    from.take(length.into()).read_to_end(&mut data)?;
    if data.len() != expected {
        return Err(IvfError::CutShort(index));
    }
    Ok(Some(IvfFrame {
        timestamp,
        data: data.into(),
    }))
}

/// Writes a VP8 file frame by frame. Call [`IvfWriter::finish`] at the end: only then does the
/// header know how long the file is (players open it without, too).
pub struct IvfWriter<W: Write + Seek> {
    to: W,
    frames: u32,
    first: Option<u64>,
    last: u64,
    /// From the last frame but one to the last.
    step: u64,
}

impl<W: Write + Seek> IvfWriter<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// [`IvfError::Io`].
    pub fn new(mut to: W, size: Size, time_base: TimeBase) -> Result<Self, IvfError> {
        let mut header = Vec::with_capacity(FILE_HEADER);
        header.extend(b"DKIF\0\0\x20\0VP80");
        header.extend(size.width.to_le_bytes());
        header.extend(size.height.to_le_bytes());
        header.extend(time_base.per_second.to_le_bytes());
        header.extend(time_base.seconds.to_le_bytes());
        header.extend([0; 8]);
        to.write_all(&header)?;
        Ok(Self {
            to,
            frames: 0,
            first: None,
            last: 0,
            step: 1,
        })
    }

    /// Appends a frame; `timestamp` in ticks of the file's time base.
    ///
    /// # Errors
    /// [`IvfError::TooLong`] above [`MOST_FRAME_BYTES`], [`IvfError::Io`].
    pub fn write(&mut self, timestamp: u64, data: &[u8]) -> Result<(), IvfError> {
        let length = u32::try_from(data.len()).ok();
        let length = length.filter(|_| data.len() <= MOST_FRAME_BYTES);
        let length = length.ok_or(IvfError::TooLong(self.frames as usize))?;
        self.to.write_all(&length.to_le_bytes())?;
        self.to.write_all(&timestamp.to_le_bytes())?;
        self.to.write_all(data)?;
        self.frames = self.frames.saturating_add(1);
        match self.first {
            None => self.first = Some(timestamp),
            Some(_) => self.step = timestamp.saturating_sub(self.last),
        }
        self.last = timestamp;
        Ok(())
    }

    /// How many frames have been written.
    pub fn frames(&self) -> u32 {
        self.frames
    }

    /// The last frame lasts as long as the one before.
    fn length(&self) -> u32 {
        let length = self.first.map_or(0, |first| {
            self.last.saturating_sub(first).saturating_add(self.step)
        });
        u32::try_from(length).unwrap_or(u32::MAX)
    }

    /// Writes the length into the header and gives the file back.
    ///
    /// # Errors
    /// [`IvfError::Io`].
    pub fn finish(mut self) -> Result<W, IvfError> {
        self.to.seek(SeekFrom::Start(LENGTH_AT))?;
        self.to.write_all(&self.length().to_le_bytes())?;
        self.to.seek(SeekFrom::End(0))?;
        self.to.flush()?;
        Ok(self.to)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;
    use crate::samples;

    fn written(file: &IvfFile) -> Vec<u8> {
        let to = Cursor::new(Vec::new());
        let mut writer = IvfWriter::new(to, file.size, file.time_base).expect("begun");
        for frame in &file.frames {
            writer.write(frame.timestamp, &frame.data).expect("written");
        }
        writer.finish().expect("finished").into_inner()
    }

    #[test]
    fn the_sample_reads_and_writes_back_byte_for_byte() {
        let file = IvfFile::read(samples::PATTERN_IVF).expect("read");
        assert_eq!((file.size.width, file.size.height), (320, 180));
        assert_eq!(file.frames.len(), 100);
        assert_eq!(
            file.frames
                .iter()
                .filter(|frame| frame.is_keyframe())
                .count(),
            4
        );
        assert_eq!(written(&file), samples::PATTERN_IVF);
    }

    #[test]
    fn the_header_tells_the_length_in_ticks() {
        let mut file = IvfFile::read(samples::PATTERN_IVF).expect("read");
        let length = |file: &IvfFile| written(file)[24..28].to_vec();
        file.frames
            .iter_mut()
            .for_each(|frame| frame.timestamp = 7 + frame.timestamp * 3_600);
        assert_eq!(length(&file), 360_000_u32.to_le_bytes());
        file.frames.truncate(1);
        assert_eq!(length(&file), 1_u32.to_le_bytes());
        file.frames.clear();
        assert_eq!(length(&file), [0; 4]);
    }

    #[test]
    fn what_is_no_vp8_file_is_refused_by_name() {
        let changed = |at: usize, byte: u8| {
            let mut bytes = samples::PATTERN_IVF[..60].to_vec();
            bytes[at] = byte;
            IvfFile::read(&bytes[..])
        };
        assert!(matches!(IvfFile::read(&b"DKIF"[..]), Err(IvfError::NotIvf)));
        assert!(matches!(changed(0, b'X'), Err(IvfError::NotIvf)));
        assert!(matches!(changed(4, 1), Err(IvfError::NotIvf)));
        assert!(matches!(changed(10, b'9'), Err(IvfError::NotVp8(codec)) if &codec == b"VP90"));
        assert!(matches!(changed(16, 0), Err(IvfError::NoTimeBase)));
        assert!(matches!(changed(9, b'P'), Err(IvfError::CutShort(0))));
        assert!(matches!(changed(35, 0x7f), Err(IvfError::TooLong(0))));
    }

    proptest! {
        #[test]
        fn a_damaged_file_is_read_or_refused(
            len in 0..2_000_usize,
            damage in prop::collection::vec((0..2_000_usize, any::<u8>()), 0..8),
        ) {
            let mut bytes = samples::PATTERN_IVF[..len].to_vec();
            for (at, byte) in damage {
                if let Some(target) = bytes.get_mut(at) {
                    *target = byte;
                }
            }
            if let Ok(file) = IvfFile::read(&bytes[..]) {
                prop_assert_eq!(IvfFile::read(&written(&file)[..]).expect("read"), file);
            }
        }
    }
}
