//! The two kinds of media files: Opus in Ogg and VP8 in IVF.

pub mod ivf;
pub mod ogg;
pub mod opus;
pub mod vp8;
