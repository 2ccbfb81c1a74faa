//! The Original Header Block behind a doubly encrypted payload (RFC 8723 §4).
//!
//! ```text
//! … inner ciphertext ‖ tag ‖ trailer ‖ [PT 1 byte] ‖ [SEQ 2 bytes] ‖ config
//!
//! config:  7 6 5 4 3 2 1 0
//!          R R R R B M P Q     M: the marker was changed and B is its original value
//!                              P: PT is present, Q: SEQ is present, R: reserved, zero
//! ```
//!
//! The receiver restores the header fields from it before it opens the inner layer. A media
//! distributor records what it changes, once: what an earlier hop recorded is the original.

use bytes::{BufMut, Bytes, BytesMut};

/// SEQ is recorded.
const SEQUENCE: u8 = 0x01;
/// PT is recorded.
const PAYLOAD_TYPE: u8 = 0x02;
/// Reserved bits: a payload that sets one does not end in a block we understand.
const RESERVED: u8 = 0xf0;

/// The payload does not end with a valid Original Header Block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("payload does not end with an Original Header Block")]
pub struct MalformedOhb;

/// Records `original` as the payload type before translation, unless one is recorded already.
///
/// Returns the same buffer (shared, not copied) when nothing has to be recorded; otherwise a
/// copy that is one byte longer and differs only in the block. An empty payload carries no inner
/// packet and no block (it is a probe), so it stays empty.
///
/// # Errors
///
/// [`MalformedOhb`] when the last byte sets reserved bits or announces fields that do not fit.
pub fn record_payload_type(payload: &Bytes, original: u8) -> Result<Bytes, MalformedOhb> {
    let Some((&config, before)) = payload.split_last() else {
        return Ok(payload.clone());
    };
    if config & RESERVED != 0 {
        return Err(MalformedOhb);
    }
    let sequence_bytes = if config & SEQUENCE != 0 { 2 } else { 0 };
    let payload_type_bytes = usize::from(config & PAYLOAD_TYPE != 0);
    if before.len() < sequence_bytes + payload_type_bytes {
        return Err(MalformedOhb);
    }
    if config & PAYLOAD_TYPE != 0 {
        return Ok(payload.clone());
    }
    let (body, sequence) = before.split_at(before.len() - sequence_bytes);
    let mut recorded = BytesMut::with_capacity(payload.len() + 1);
    recorded.put_slice(body);
    recorded.put_u8(original & 0x7f);
    recorded.put_slice(sequence);
    recorded.put_u8(config | PAYLOAD_TYPE);
    Ok(recorded.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(payload: &'static [u8], original: u8) -> Result<Vec<u8>, MalformedOhb> {
        record_payload_type(&Bytes::from_static(payload), original).map(|bytes| bytes.to_vec())
    }

    #[test]
    fn payload_type_goes_in_front_of_the_config_byte() {
        assert_eq!(recorded(b"body\x00", 96).unwrap(), b"body\x60\x02");
    }

    #[test]
    fn marker_bits_survive_and_sequence_stays_behind_the_payload_type() {
        assert_eq!(recorded(b"body\x0c", 111).unwrap(), b"body\x6f\x0e");
        assert_eq!(
            recorded(b"body\x12\x34\x01", 96).unwrap(),
            b"body\x60\x12\x34\x03"
        );
    }

    #[test]
    fn what_an_earlier_hop_recorded_is_kept_without_a_copy() {
        let payload = Bytes::from_static(b"body\x60\x02");
        let out = record_payload_type(&payload, 111).unwrap();
        assert_eq!(out.as_ptr(), payload.as_ptr());
    }

    #[test]
    fn blocks_that_do_not_fit_are_malformed() {
        for bad in [
            &b"\x10"[..],
            b"\x02",
            b"\x00\x01",
            b"\x00\x00\x03",
            b"body\x80",
        ] {
            assert!(
                record_payload_type(&Bytes::from_static(bad), 1).is_err(),
                "{bad:?}"
            );
        }
        assert_eq!(recorded(b"", 96).unwrap(), b"");
    }
}
