//! What an Opus packet says of itself, without decoding it (RFC 6716 §3).

/// The longest an Opus packet may last: 120 ms at 48 kHz (RFC 6716 §3.2.5, R5).
pub const MOST_SAMPLES: u32 = 5_760;

/// Length of an Opus packet in samples at 48 kHz, whatever rate it was coded at.
///
/// ```text
///  0 1 2 3 4 5 6 7
/// +-+-+-+-+-+-+-+-+
/// | config  |s| c |   c: 0 = 1 frame, 1 and 2 = 2 frames, 3 = count in the next byte
/// +-+-+-+-+-+-+-+-+
/// ```
///
/// `None` if the packet is empty, lacks its frame count, counts no frame, or lasts longer than
/// [`MOST_SAMPLES`].
pub fn samples(packet: &[u8]) -> Option<u32> {
    let toc = packet.first()?;
    let frames = match toc & 0x03 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(packet.get(1)? & 0x3f),
    };
    let total = frames * frame_samples(toc >> 3);
    (1..=MOST_SAMPLES).contains(&total).then_some(total)
}

/// Samples of one frame by configuration number (RFC 6716 §3.1, table 2).
#[expect(
    clippy::indexing_slicing,
    reason = "a remainder is less than what it is taken by"
)]
fn frame_samples(config: u8) -> u32 {
    match config {
        // SILK: 10, 20, 40, 60 ms.
        0..12 => [480, 960, 1_920, 2_880][usize::from(config % 4)],
        // Hybrid: 10, 20 ms.
        12..16 => [480, 960][usize::from(config % 2)],
        // CELT: 2.5, 5, 10, 20 ms.
        _ => [120, 240, 480, 960][usize::from(config % 4)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_configuration_has_the_length_of_the_table() {
        let lengths: Vec<_> = (0..32).map(|config| samples(&[config << 3])).collect();
        let silk = [480, 960, 1_920, 2_880];
        let celt = [120, 240, 480, 960];
        let table = [
            &silk[..],
            &silk,
            &silk,
            &[480, 960, 480, 960],
            &celt,
            &celt,
            &celt,
            &celt,
        ];
        assert_eq!(
            lengths,
            table.concat().into_iter().map(Some).collect::<Vec<_>>()
        );
    }

    #[test]
    fn frames_are_counted() {
        assert_eq!(samples(&[19 << 3 | 1]), Some(1_920));
        assert_eq!(samples(&[19 << 3 | 2]), Some(1_920));
        assert_eq!(samples(&[19 << 3 | 3, 0xc6]), Some(5_760));
    }

    #[test]
    fn a_packet_without_a_length_is_refused() {
        assert_eq!(samples(&[]), None);
        assert_eq!(samples(&[19 << 3 | 3]), None, "no count");
        assert_eq!(samples(&[19 << 3 | 3, 0]), None, "no frame");
        assert_eq!(samples(&[19 << 3 | 3, 7]), None, "140 ms");
    }
}
