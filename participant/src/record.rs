//! Writes what was received, decrypted, into a file per participant and stream.
//!
//! ```text
//! alice@example.org_phone-audio.ogg     alice@example.org_phone-video.ivf
//! ```

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use mls_srtp::id::{ParticipantId, Ssrc};

use crate::files::ivf::{IvfError, IvfWriter, TimeBase};
use crate::files::ogg::{OggError, OpusWriter};
use crate::files::vp8;
use crate::kind::MediaKind;
use crate::reassemble::MediaFrame;

/// How many files a recorder writes. Beyond that a member is opening streams without end.
const MOST_FILES: usize = 1_024;

/// RTP timestamps of pictures count so.
const PICTURE_TICKS: TimeBase = TimeBase {
    per_second: MediaKind::Video.clock_rate(),
    seconds: 1,
};

/// Why a frame was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// More streams than a recorder takes.
    #[error("more than {MOST_FILES} streams to record")]
    TooManyFiles,
    /// A sound file.
    #[error(transparent)]
    Ogg(#[from] OggError),
    /// A picture file.
    #[error(transparent)]
    Ivf(#[from] IvfError),
    /// The directory or a file in it.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedFile {
    /// Where it is.
    pub path: PathBuf,
    /// Whose media it holds, by the key that opened it.
    pub participant: ParticipantId,
    /// The stream.
    pub ssrc: Ssrc,
    /// Sound or picture.
    pub kind: MediaKind,
    /// Frames in it.
    pub frames: u64,
    /// Frames that were left out because a decoder could not have shown them.
    pub skipped: u64,
}

/// Records a call into a directory, next to what is there.
pub struct Recorder {
    dir: PathBuf,
    recordings: HashMap<(ParticipantId, Ssrc), Recording>,
}

impl Recorder {
    /// Records into `dir`, which is made if need be.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn new(dir: impl Into<PathBuf>) -> Result<Self, RecordError> {
        let dir = dir.into();
        fs::create_dir_all(&dir)?;
        Ok(Self {
            dir,
            recordings: HashMap::new(),
        })
    }

    /// Writes a frame of `who`. A picture file begins with the first keyframe; what cannot be
    /// decoded is left out, and time goes on meanwhile.
    ///
    /// # Errors
    /// [`RecordError`]; the other recordings are not affected.
    pub fn record(&mut self, who: &ParticipantId, frame: &MediaFrame) -> Result<(), RecordError> {
        let room = self.recordings.len() < MOST_FILES;
        match self.recordings.entry((who.clone(), frame.ssrc)) {
            Entry::Occupied(mut known) => known.get_mut().write(frame),
            Entry::Vacant(_) if !room => Err(RecordError::TooManyFiles),
            Entry::Vacant(unknown) => {
                let Some(recording) = Recording::begin(&self.dir, who, frame)? else {
                    return Ok(());
                };
                unknown.insert(recording).write(frame)
            }
        }
    }

    /// Closes all files and says what they are, in order of their names.
    ///
    /// # Errors
    /// The first [`RecordError`] met; the other files are closed as well.
    pub fn finish(self) -> Result<Vec<RecordedFile>, RecordError> {
        let closed: Vec<_> = self
            .recordings
            .into_iter()
            .map(|((participant, ssrc), recording)| recording.close(participant, ssrc))
            .collect();
        let mut files = closed.into_iter().collect::<Result<Vec<_>, _>>()?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }
}

/// A file being written.
struct Recording {
    path: PathBuf,
    to: Writer,
    /// Media time of the first frame, which is the file's zero.
    begins: u64,
    skipped: u64,
}

enum Writer {
    Sound(OpusWriter<BufWriter<File>>),
    Picture(IvfWriter<BufWriter<File>>),
}

impl Recording {
    /// `None` if the frame is nothing that a file can begin with.
    fn begin(
        dir: &Path,
        who: &ParticipantId,
        frame: &MediaFrame,
    ) -> Result<Option<Self>, RecordError> {
        let size = match frame.kind {
            MediaKind::Audio => None,
            MediaKind::Video => match vp8::keyframe_size(&frame.data) {
                None => return Ok(None),
                size => size,
            },
        };
        let (path, file) = create(dir, who, frame.kind)?;
        let file = BufWriter::new(file);
        let to = match size {
            // A decoder makes two channels of a mono packet, but not one of a stereo packet.
            None => Writer::Sound(OpusWriter::new(file, 2, frame.ssrc.get())?),
            Some(size) => Writer::Picture(IvfWriter::new(file, size, PICTURE_TICKS)?),
        };
        Ok(Some(Self {
            path,
            to,
            begins: frame.media_time,
            skipped: 0,
        }))
    }

    fn write(&mut self, frame: &MediaFrame) -> Result<(), RecordError> {
        if !frame.decodable {
            self.skipped += 1;
            return Ok(());
        }
        let time = frame.media_time.saturating_sub(self.begins);
        match &mut self.to {
            Writer::Sound(to) => to.write(time, frame.data.clone())?,
            Writer::Picture(to) => to.write(time, &frame.data)?,
        }
        Ok(())
    }

    fn close(self, participant: ParticipantId, ssrc: Ssrc) -> Result<RecordedFile, RecordError> {
        let (kind, frames) = match self.to {
            Writer::Sound(to) => {
                let packets = to.packets();
                to.finish()?;
                (MediaKind::Audio, packets)
            }
            Writer::Picture(to) => {
                let frames = to.frames().into();
                to.finish()?;
                (MediaKind::Video, frames)
            }
        };
        Ok(RecordedFile {
            path: self.path,
            participant,
            ssrc,
            kind,
            frames,
            skipped: self.skipped,
        })
    }
}

/// A new file; never one that is there. The parts of a participant's name hold nothing but
/// letters, digits and `-_.+`, so it cannot lead out of the directory.
fn create(dir: &Path, who: &ParticipantId, kind: MediaKind) -> io::Result<(PathBuf, File)> {
    let extension = match kind {
        MediaKind::Audio => "ogg",
        MediaKind::Video => "ivf",
    };
    let name = format!("{}@{}_{}-{kind}", who.user(), who.domain(), who.device());
    let names = std::iter::once(format!("{name}.{extension}"))
        .chain((2..=MOST_FILES).map(|number| format!("{name}-{number}.{extension}")));
    for name in names {
        let path = dir.join(name);
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            opened => return opened.map(|file| (path, file)),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use mls_srtp::time::Moment;

    use super::*;
    use crate::files::ivf::IvfFile;
    use crate::files::ogg::OpusFile;
    use crate::samples;
    use crate::testing::member;

    /// A directory of the test's own, removed at its end.
    struct Dir(PathBuf);

    impl Dir {
        fn new(name: &str) -> Self {
            let dir = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&dir);
            Self(dir)
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn frame(kind: MediaKind, ssrc: u32, media_time: u64, data: Bytes) -> MediaFrame {
        let keyframe = kind == MediaKind::Audio || vp8::is_keyframe(&data);
        MediaFrame {
            ssrc: Ssrc::new(ssrc),
            kind,
            timestamp: 0,
            media_time,
            arrived: Moment::default(),
            keyframe,
            decodable: true,
            packets: 1,
            data,
        }
    }

    fn pictures() -> Vec<MediaFrame> {
        let file = IvfFile::read(samples::PATTERN_IVF).expect("read");
        let frames = file.frames.into_iter().zip(0..);
        let picture = |(frame_, index): (crate::files::ivf::IvfFrame, u64)| {
            frame(MediaKind::Video, 1, 900 + index * 3_600, frame_.data)
        };
        frames.map(picture).collect()
    }

    #[test]
    fn pictures_are_written_from_the_first_keyframe_on() {
        let dir = Dir::new("record-pictures");
        let mut recorder = Recorder::new(&dir.0).expect("made");
        let mut pictures = pictures().split_off(20);
        for picture in &mut pictures[..5] {
            picture.decodable = false;
        }
        for picture in &mut pictures[10..30] {
            picture.decodable = false;
        }
        for picture in &pictures {
            recorder.record(&member(1), picture).expect("written");
        }
        let files = recorder.finish().expect("closed");
        assert_eq!(files.len(), 1);
        assert_eq!(
            files[0].path,
            dir.0.join("member1@example.org_phone-video.ivf")
        );
        assert_eq!((files[0].frames, files[0].skipped), (55, 20));
        let bytes = fs::read(&files[0].path).expect("there");
        assert_eq!(bytes[24..28], (75 * 3_600_u32).to_le_bytes());
        let written = IvfFile::read(&bytes[..]).expect("read");
        assert_eq!((written.size.width, written.size.height), (320, 180));
        assert!(written.frames[0].is_keyframe());
        let kept = pictures[5..10].iter().chain(&pictures[30..]);
        let kept: Vec<_> = kept
            .map(|p| (p.media_time - 900 - 25 * 3_600, &p.data))
            .collect();
        let got: Vec<_> = written
            .frames
            .iter()
            .map(|f| (f.timestamp, &f.data))
            .collect();
        assert_eq!(got, kept);
    }

    #[test]
    fn sound_is_written_with_its_gaps() {
        let dir = Dir::new("record-sound");
        let sound = OpusFile::read(samples::TONE_OGG).expect("read").packets;
        let mut recorder = Recorder::new(&dir.0).expect("made");
        for (index, packet) in sound
            .iter()
            .enumerate()
            .filter(|(index, _)| !(10..20).contains(index))
        {
            let frame = frame(
                MediaKind::Audio,
                1,
                480 + 960 * index as u64,
                packet.clone(),
            );
            recorder.record(&member(1), &frame).expect("written");
        }
        let files = recorder.finish().expect("closed");
        assert_eq!(files[0].frames, 191);
        let bytes = fs::read(&files[0].path).expect("there");
        let written = OpusFile::read(&bytes[..]).expect("read");
        assert_eq!(written.packets, [&sound[..10], &sound[20..]].concat());
        // The granule position of the last page is where the sound ends, gap included.
        let last_page = bytes
            .windows(4)
            .rposition(|part| part == b"OggS")
            .expect("a page");
        assert_eq!(bytes[last_page + 6..][..8], (201 * 960_u64).to_le_bytes());
    }

    #[test]
    fn everybody_has_files_of_their_own_and_none_is_overwritten() {
        let dir = Dir::new("record-names");
        for _call in 0..2 {
            let mut recorder = Recorder::new(&dir.0).expect("made");
            let sound = frame(MediaKind::Audio, 5, 0, Bytes::from_static(&[0xf8, 1]));
            recorder.record(&member(1), &sound).expect("written");
            recorder.record(&member(2), &sound).expect("written");
            recorder
                .record(&member(1), &pictures()[0])
                .expect("written");
            assert_eq!(recorder.finish().expect("closed").len(), 3);
        }
        let mut names: Vec<_> = fs::read_dir(&dir.0)
            .expect("there")
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .into_string()
                    .expect("text")
            })
            .collect();
        names.sort();
        let expected = [
            "1@example.org_phone-audio-2.ogg",
            "1@example.org_phone-audio.ogg",
        ]
        .into_iter()
        .chain([
            "1@example.org_phone-video-2.ivf",
            "1@example.org_phone-video.ivf",
        ])
        .chain([
            "2@example.org_phone-audio-2.ogg",
            "2@example.org_phone-audio.ogg",
        ]);
        assert_eq!(
            names,
            expected
                .map(|name| format!("member{name}"))
                .collect::<Vec<_>>()
        );
    }

    #[test]
    fn what_is_no_opus_is_refused() {
        let dir = Dir::new("record-nonsense");
        let mut recorder = Recorder::new(&dir.0).expect("made");
        let nonsense = frame(MediaKind::Audio, 5, 0, Bytes::from_static(&[0xff]));
        let refused = recorder.record(&member(1), &nonsense);
        assert!(matches!(
            refused,
            Err(RecordError::Ogg(OggError::BadPacket(0)))
        ));
    }
}
