//! What a VP8 frame and its packets say of themselves, without decoding (RFC 6386, RFC 7741).

/// Picture size in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Width, 1 to 16,383.
    pub width: u16,
    /// Height, 1 to 16,383.
    pub height: u16,
}

/// Whether a whole frame can be decoded without any other (RFC 6386 §9.1: lowest bit clear).
pub fn is_keyframe(frame: &[u8]) -> bool {
    keyframe_size(frame).is_some()
}

/// The picture size, which only keyframes carry; `None` for everything else.
///
/// ```text
///  3 bytes frame tag (bit 0: 0 = keyframe) | 9d 01 2a | width 14, scale 2 | height 14, scale 2
/// ```
pub fn keyframe_size(frame: &[u8]) -> Option<Size> {
    let [tag, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..] = *frame else {
        return None;
    };
    let size = Size {
        width: u16::from_le_bytes([w0, w1]) & 0x3fff,
        height: u16::from_le_bytes([h0, h1]) & 0x3fff,
    };
    (tag & 1 == 0 && size.width > 0 && size.height > 0).then_some(size)
}

/// A payload descriptor (RFC 7741 §4.2) taken off a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptor {
    /// Bytes of the descriptor, 1 to 6.
    pub len: usize,
    /// The packet begins a frame: it begins a partition, and that is the first.
    pub starts_frame: bool,
}

/// Reads the descriptor at the start of an RTP payload; `None` if it is cut short or nothing
/// follows it.
///
/// `rtc`'s own reader refuses payloads below four bytes, which the last packet of a frame may be,
/// and with it the whole frame.
///
/// ```text
/// |X|R|N|S|R| PID |  X: |I|L|T|K| RSV |  I: |M| PictureID (7 or 15)  |  L: TL0PICIDX  |  T/K: 1
/// ```
pub fn descriptor(payload: &[u8]) -> Option<Descriptor> {
    let first = *payload.first()?;
    let mut len = 1;
    if first & 0x80 != 0 {
        let extensions = *payload.get(1)?;
        len += 1;
        if extensions & 0x80 != 0 {
            let long = payload.get(len)? & 0x80 != 0;
            len += if long { 2 } else { 1 };
        }
        len += usize::from(extensions & 0x40 != 0);
        len += usize::from(extensions & 0x30 != 0);
    }
    (payload.len() > len).then_some(Descriptor {
        len,
        starts_frame: first & 0x17 == 0x10,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYFRAME: [u8; 10] = [0x10, 2, 0, 0x9d, 1, 0x2a, 0x40, 0x41, 0xb4, 0x80];

    #[test]
    fn a_keyframe_tells_its_size_without_the_scaling_bits() {
        let size = Size {
            width: 320,
            height: 180,
        };
        assert_eq!(keyframe_size(&KEYFRAME), Some(size));
    }

    #[test]
    fn anything_else_is_no_keyframe() {
        let mut delta = KEYFRAME;
        delta[0] |= 1;
        let mut start_code = KEYFRAME;
        start_code[4] = 2;
        let mut empty = KEYFRAME;
        empty[6..8].fill(0);
        for frame in [&delta[..], &start_code, &empty, &KEYFRAME[..9], &[]] {
            assert!(!is_keyframe(frame));
        }
    }

    #[test]
    fn descriptors_of_every_shape_are_measured() {
        for (payload, len, starts_frame) in [
            (&[0x10, 1][..], 1, true),
            (&[0x00, 1], 1, false),
            (&[0x11, 1], 1, false),
            (&[0x90, 0x80, 5, 1], 3, true),
            (&[0x90, 0x80, 0x85, 5, 1], 4, true),
            (&[0x90, 0xf0, 0x85, 5, 1, 2, 3], 6, true),
            (&[0x90, 0x10, 1, 2], 3, true),
        ] {
            let expected = Descriptor { len, starts_frame };
            assert_eq!(descriptor(payload), Some(expected), "{payload:?}");
            for cut in 0..=len {
                assert_eq!(
                    descriptor(&payload[..cut]),
                    None,
                    "{payload:?} cut at {cut}"
                );
            }
        }
    }
}
