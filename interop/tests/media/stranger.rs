//! The other side of a room of frames: the crate `sframe` with our format written out anew.
//!
//! Where a codec's clear prefix ends, that prefix and its length are metadata (RFC 9605 §4.4.3), and
//! what H.264 escapes.

use mls_srtp::id::StreamNumber;
use mls_srtp::pipeline::Codec;
use mls_srtp::schedule::{SFRAME_EXPORTER, Suite};
use sframe::CipherSuite;
use sframe::frame::{EncryptedFrameView, MediaFrameView, SingleUseCounter};
use sframe::key::{DecryptionKey, EncryptionKey};
use sframe::mls::{MlsExporter, MlsKeyId, MlsKeyIdBitRange};

use crate::frame_room::FrameRoom;

/// A frame in plain, and how many bytes of it stay clear.
#[derive(Debug, Clone)]
pub struct Frame {
    pub codec: Codec,
    pub bytes: Vec<u8>,
    pub clear: usize,
}

/// A protected frame, taken apart: what is in it before H.264's escaping.
#[derive(Debug, Clone)]
pub struct Parts {
    pub prefix: Vec<u8>,
    pub sframe: Vec<u8>,
    pub n: u8,
}

impl Parts {
    /// What is authenticated besides the SFrame header.
    fn metadata(&self) -> Vec<u8> {
        [&self.prefix[..], &[self.n]].concat()
    }

    /// The protected frame on the wire.
    pub fn together(&self, codec: Codec) -> Vec<u8> {
        let rest = [&self.sframe[..], &[self.n]].concat();
        let rest = if codec == Codec::H264 {
            escaped(&rest)
        } else {
            rest
        };
        [&self.prefix[..], &rest].concat()
    }

    /// Takes one of our protected frames apart.
    pub fn of(protected: &[u8], frame: &Frame) -> Self {
        let (prefix, rest) = protected.split_at(frame.clear);
        let mut sframe = if frame.codec == Codec::H264 {
            unescaped(rest)
        } else {
            rest.to_vec()
        };
        let n = sframe.pop().expect("a length");
        let prefix = prefix.to_vec();
        Self { prefix, sframe, n }
    }

    /// A frame that the other implementation protects.
    pub fn sealed_by_the_other(frame: &Frame, key: &EncryptionKey, counter: u64) -> Self {
        let (prefix, text) = frame.bytes.split_at(frame.clear);
        let mut parts = Self {
            prefix: prefix.to_vec(),
            sframe: Vec::new(),
            n: frame.clear as u8,
        };
        let (metadata, mut counter) = (parts.metadata(), SingleUseCounter::new(counter));
        let plain = MediaFrameView::try_with_meta_data(&mut counter, text, &metadata);
        let sealed = plain.expect("a frame").encrypt(key).expect("sealed");
        parts.sframe = sealed.sframe_cipher_text().to_vec();
        parts
    }

    /// The whole frame, if the other implementation opens it.
    pub fn opened_by_the_other(&self, key: &DecryptionKey) -> Option<Vec<u8>> {
        let metadata = self.metadata();
        let view = EncryptedFrameView::try_with_meta_data(&self.sframe, &metadata).ok()?;
        let opened = view.decrypt(key).ok()?;
        Some([&self.prefix, opened.payload()].concat())
    }
}

/// H.264 §7.4.1, byte by byte.
fn escaped(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for byte in bytes {
        if out.ends_with(&[0, 0]) && *byte <= 3 {
            out.push(3);
        }
        out.push(*byte);
    }
    out
}

fn unescaped(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for (at, byte) in bytes.iter().enumerate() {
        let prevention = *byte == 3 && bytes[..at].ends_with(&[0, 0]);
        if !prevention {
            out.push(*byte);
        }
    }
    out
}

/// Parameter sets and one slice, behind start codes of four bytes.
pub fn h264(sets: &[u8], nal: u8, slice: &[u8]) -> Frame {
    let mut bytes = Vec::new();
    for (header, set) in [(0x67, sets), (0x68, sets)] {
        bytes.extend([0, 0, 0, 1, header]);
        bytes.extend(set.iter().map(|byte| byte | 0x10));
    }
    bytes.extend([0, 0, 0, 1, nal]);
    let clear = bytes.len();
    bytes.extend(slice);
    Frame {
        codec: Codec::H264,
        bytes,
        clear,
    }
}

/// Both halves of a stream's key, as the other implementation makes them of the exporter's output.
pub fn other_keys(room: &FrameRoom, stream: StreamNumber) -> (EncryptionKey, DecryptionKey) {
    let suite = match room.suite {
        Suite::Aes128GcmSha256 => CipherSuite::AesGcm128Sha256,
        Suite::Aes256GcmSha512 => CipherSuite::AesGcm256Sha512,
        other => panic!("{other} is unknown here"),
    };
    let bits = MlsKeyIdBitRange::new(8, 16);
    let kid = MlsKeyId::try_new(stream.get(), room.epoch, room.leaf, bits).expect("they fit");
    let (seals, opens) = (
        EncryptionKey::derive_from_mls(suite, room, kid),
        DecryptionKey::derive_from_mls(suite, room, kid),
    );
    (seals.expect("a key"), opens.expect("a key"))
}

impl MlsExporter for FrameRoom {
    type BaseKey = Vec<u8>;
    type Error = std::convert::Infallible;

    fn export_secret(
        &self,
        label: &str,
        context: &[u8],
        len: usize,
    ) -> Result<Vec<u8>, Self::Error> {
        assert_eq!(
            (label, context, len),
            (SFRAME_EXPORTER, &[][..], self.suite.key_len())
        );
        Ok(self.exported[..len].to_vec())
    }
}
