//! The Original Header Block (RFC 8723 §4): how a hop may change three header fields and still
//! leave the packet verifiable end to end.
//!
//! ```text
//! [ original PT (1) ] [ original SEQ (2) ] Config (1)      read from the last byte backwards
//!
//! Config:  |R R R R B M P Q|   Q sequence number recorded   P payload type recorded
//!                              M marker recorded            B original marker value
//! ```

use super::{Malformed, RtpHeader};

const SEQUENCE: u8 = 0x01;
const PAYLOAD_TYPE: u8 = 0x02;
const MARKER: u8 = 0x04;
const MARKER_SET: u8 = 0x08;
const RESERVED: u8 = 0xf0;

/// Header fields as the sender had them, where a hop changed them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ohb {
    /// Original payload type.
    pub payload_type: Option<u8>,
    /// Original sequence number.
    pub sequence: Option<u16>,
    /// Original marker bit.
    pub marker: Option<bool>,
}

impl Ohb {
    /// The one byte of a block that records nothing.
    pub const NOTHING_CHANGED: u8 = 0x00;

    /// Reads the block at the end of a payload and says how many bytes it takes.
    ///
    /// # Errors
    /// [`Malformed::Ohb`] for reserved bits, a marker value that is not marked as recorded, or a
    /// payload type above 127; [`Malformed::Trailer`] when bytes are missing.
    pub fn parse(payload: &[u8]) -> Result<(Self, usize), Malformed> {
        let (config, mut rest) = payload.split_last().ok_or(Malformed::Trailer)?;
        let has = |bit| config & bit != 0;
        if config & RESERVED != 0 || (has(MARKER_SET) && !has(MARKER)) {
            return Err(Malformed::Ohb);
        }
        let mut ohb = Self {
            marker: has(MARKER).then_some(has(MARKER_SET)),
            ..Self::default()
        };
        if has(SEQUENCE) {
            let (before, bytes) = rest.split_last_chunk::<2>().ok_or(Malformed::Trailer)?;
            ohb.sequence = Some(u16::from_be_bytes(*bytes));
            rest = before;
        }
        if has(PAYLOAD_TYPE) {
            let (payload_type, before) = rest.split_last().ok_or(Malformed::Trailer)?;
            if *payload_type > 0x7f {
                return Err(Malformed::Ohb);
            }
            ohb.payload_type = Some(*payload_type);
            rest = before;
        }
        Ok((ohb, payload.len() - rest.len()))
    }

    /// Puts the recorded values back into a header.
    ///
    /// # Errors
    /// [`Malformed::Ohb`] when a recorded value is the one that the header still has. A hop records
    /// what it changed; refusing the rest leaves one encoding, so that no bit of a packet can be
    /// flipped unnoticed.
    pub(super) fn restore(&self, header: &mut RtpHeader) -> Result<(), Malformed> {
        put_back(self.payload_type, &mut header.payload_type)?;
        put_back(self.sequence, &mut header.sequence)?;
        put_back(self.marker, &mut header.marker)
    }
}

fn put_back<T: PartialEq>(recorded: Option<T>, field: &mut T) -> Result<(), Malformed> {
    match recorded {
        Some(value) if value == *field => Err(Malformed::Ohb),
        Some(value) => {
            *field = value;
            Ok(())
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_is_read_backwards() {
        let parsed = |bytes: &[u8]| Ohb::parse(bytes);
        assert_eq!(parsed(&[9, 9, 0x00]), Ok((Ohb::default(), 1)));
        let ohb = Ohb {
            payload_type: Some(96),
            sequence: Some(0x1234),
            marker: Some(true),
        };
        assert_eq!(parsed(&[9, 96, 0x12, 0x34, 0x0f]), Ok((ohb, 4)));
        let ohb = Ohb {
            payload_type: Some(111),
            ..Ohb::default()
        };
        assert_eq!(parsed(&[9, 111, 0x02]), Ok((ohb, 2)));
        let ohb = Ohb {
            marker: Some(false),
            ..Ohb::default()
        };
        assert_eq!(parsed(&[0x04]), Ok((ohb, 1)));
    }

    #[test]
    fn what_the_format_forbids_is_refused() {
        assert_eq!(Ohb::parse(&[0x10]), Err(Malformed::Ohb));
        assert_eq!(Ohb::parse(&[0x08]), Err(Malformed::Ohb));
        assert_eq!(Ohb::parse(&[0x80, 0x02]), Err(Malformed::Ohb));
        assert_eq!(Ohb::parse(&[1, 0x01]), Err(Malformed::Trailer));
        assert_eq!(Ohb::parse(&[]), Err(Malformed::Trailer));
    }
}
