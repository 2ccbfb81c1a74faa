//! Two short synthetic recordings for demos and tests, compiled in. How they were made is in
//! `samples/README.md`; no two frames of a sample are equal, so a swapped frame is noticed.

/// Opus in Ogg: 4 s of gliding tones, mono, 20 ms frames, about 32 kbit/s.
pub const TONE_OGG: &[u8] = include_bytes!("../samples/tone.ogg");

/// VP8 in IVF: 4 s of a test pattern, 320×180 at 25 frames a second, a keyframe every 25 frames,
/// about 250 kbit/s.
pub const PATTERN_IVF: &[u8] = include_bytes!("../samples/pattern.ivf");

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::files::ivf::IvfFile;
    use crate::files::ogg::OpusFile;

    #[test]
    fn no_two_frames_are_equal() {
        let video = IvfFile::read(PATTERN_IVF).expect("read");
        let distinct: HashSet<_> = video.frames.iter().map(|frame| &frame.data).collect();
        assert_eq!(distinct.len(), video.frames.len());
        let audio = OpusFile::read(TONE_OGG).expect("read");
        let distinct: HashSet<_> = audio.packets.iter().collect();
        assert_eq!(distinct.len(), audio.packets.len());
    }
}
