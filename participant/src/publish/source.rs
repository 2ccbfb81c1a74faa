//! A recording as a list of frames with their times.

use bytes::Bytes;

use crate::files::ivf::IvfFile;
use crate::files::ogg::OpusFile;
use crate::files::opus;
use crate::kind::MediaKind;

/// Why a recording cannot be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// Nothing in it.
    #[error("the recording is empty")]
    Empty,
    /// A picture recording that no decoder can begin with.
    #[error("the recording does not begin with a keyframe")]
    NoKeyframe,
    /// A frame without a length of its own.
    #[error("frame {0} is not later than the one before")]
    NotLater(usize),
    /// An Opus packet that does not say how long it lasts.
    #[error("packet {0} is no Opus packet")]
    BadPacket(usize),
}

/// A frame of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFrame {
    /// Opus packet or VP8 frame.
    pub data: Bytes,
    /// How long it lasts, in ticks of [`MediaKind::clock_rate`].
    pub ticks: u64,
    /// Can be decoded without any other.
    pub keyframe: bool,
}

/// A recording that can be played in a loop. Never empty; pictures begin with a keyframe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    kind: MediaKind,
    frames: Vec<SourceFrame>,
}

impl Source {
    /// Sound.
    ///
    /// # Errors
    /// [`SourceError::Empty`], [`SourceError::BadPacket`].
    pub fn opus(file: &OpusFile) -> Result<Self, SourceError> {
        let frame = |(index, packet): (usize, &Bytes)| {
            let samples = opus::samples(packet).ok_or(SourceError::BadPacket(index))?;
            Ok(SourceFrame {
                data: packet.clone(),
                ticks: samples.into(),
                keyframe: true,
            })
        };
        let frames = file
            .packets
            .iter()
            .enumerate()
            .map(frame)
            .collect::<Result<_, _>>()?;
        Self::of(MediaKind::Audio, frames)
    }

    /// Pictures. The last one lasts as long as the one before.
    ///
    /// # Errors
    /// [`SourceError`].
    pub fn vp8(file: &IvfFile) -> Result<Self, SourceError> {
        let times: Vec<_> = file
            .frames
            .iter()
            .map(|frame| ticks(file, frame.timestamp))
            .collect();
        let mut lengths = Vec::with_capacity(times.len());
        for (index, (time, next)) in times.iter().zip(times.iter().skip(1)).enumerate() {
            let length = next.checked_sub(*time).filter(|length| *length > 0);
            lengths.push(length.ok_or(SourceError::NotLater(index + 1))?);
        }
        let last = lengths
            .last()
            .copied()
            .unwrap_or_else(|| ticks(file, 1).max(1));
        lengths.push(last);
        let frame = |(frame, ticks): (&crate::files::ivf::IvfFrame, u64)| SourceFrame {
            data: frame.data.clone(),
            ticks,
            keyframe: frame.is_keyframe(),
        };
        let frames = file.frames.iter().zip(lengths).map(frame).collect();
        Self::of(MediaKind::Video, frames)
    }

    fn of(kind: MediaKind, frames: Vec<SourceFrame>) -> Result<Self, SourceError> {
        match frames.first() {
            None => Err(SourceError::Empty),
            Some(first) if !first.keyframe => Err(SourceError::NoKeyframe),
            Some(_) => Ok(Self { kind, frames }),
        }
    }

    /// What it holds.
    pub fn kind(&self) -> MediaKind {
        self.kind
    }

    /// Its frames in order.
    pub fn frames(&self) -> &[SourceFrame] {
        &self.frames
    }

    /// The first keyframe at or after `index`, around the end if need be.
    pub(super) fn keyframe_from(&self, index: usize) -> usize {
        let later = self
            .frames
            .iter()
            .skip(index)
            .position(|frame| frame.keyframe);
        later.map_or(0, |steps| index + steps)
    }
}

/// A timestamp of the file in RTP ticks.
fn ticks(file: &IvfFile, timestamp: u64) -> u64 {
    let base = &file.time_base;
    let clock = u128::from(MediaKind::Video.clock_rate());
    let ticks = u128::from(timestamp) * u128::from(base.seconds) * clock;
    u64::try_from(ticks / u128::from(base.per_second)).unwrap_or(u64::MAX)
}
