//! A frame before it is sealed and after.

use std::borrow::Cow;

use super::{Codec, FrameKey, SframeHeader, annex_b, emulation};
use crate::media::{AuthFailed, Malformed};
use crate::schedule::KeyId;

/// Why a frame cannot be protected. It must not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unprotectable {
    /// The length of the clear prefix has one byte.
    #[error("more than 255 bytes stand before the H.264 frame's first slice")]
    PrefixTooLong,
    /// An H.264 frame must begin with a start code.
    #[error("the H.264 frame is not in Annex B format")]
    NotAnnexB,
    /// No slice, or something before it that might show part of the picture.
    #[error("the H.264 frame does not consist of parameter sets and slices")]
    NoSlice,
}

/// A frame in plain, cut into what stays clear and what does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CutFrame<'a> {
    codec: Codec,
    prefix: Cow<'a, [u8]>,
    /// The length of the prefix.
    n: u8,
    text: &'a [u8],
}

impl<'a> CutFrame<'a> {
    /// Finds the clear prefix.
    ///
    /// # Errors
    /// [`Unprotectable`], for H.264 only.
    pub fn new(frame: &'a [u8], codec: Codec) -> Result<Self, Unprotectable> {
        let (prefix, text) = match codec {
            Codec::H264 => {
                let (prefix, text_at) = annex_b::clear_prefix(frame)?;
                let text = frame.get(text_at..).unwrap_or_default();
                (Cow::Owned(prefix), text)
            }
            _ => {
                let (prefix, text) = frame.split_at(codec.prefix_len(frame));
                (Cow::Borrowed(prefix), text)
            }
        };
        let n = u8::try_from(prefix.len()).map_err(|_| Unprotectable::PrefixTooLong)?;
        Ok(Self {
            codec,
            prefix,
            n,
            text,
        })
    }

    /// The protected frame: at most 34 bytes longer than the plain one, and in H.264 longer by what
    /// escaping takes.
    ///
    /// The caller answers for `counter` never repeating under this key.
    #[expect(clippy::indexing_slicing, reason = "the text was just appended")]
    pub fn seal(&self, key: &FrameKey, kid: KeyId, counter: u64) -> Vec<u8> {
        let (kid, clear) = (kid.get(), self.prefix.len());
        let overhead = SframeHeader::MAX_LEN + FrameKey::TAG_LEN + 1;
        let mut sealed = Vec::with_capacity(clear + self.text.len() + overhead);
        sealed.extend_from_slice(&self.prefix);
        SframeHeader { kid, counter }.write(&mut sealed);
        let aad = aad(&sealed, clear, self.n);
        let text_at = sealed.len();
        sealed.extend_from_slice(self.text);
        let tag = key.seal(counter, &aad, &mut sealed[text_at..]);
        sealed.extend_from_slice(&tag);
        sealed.push(self.n);
        match self.codec {
            Codec::H264 => escaped(&sealed, clear),
            _ => sealed,
        }
    }
}

/// `header ‖ prefix ‖ n` of a buffer that begins `prefix ‖ header` and holds no more.
fn aad(prefix_and_header: &[u8], prefix_len: usize, n: u8) -> Vec<u8> {
    let (prefix, header) = prefix_and_header.split_at(prefix_len);
    [header, prefix, &[n]].concat()
}

/// The last byte is the prefix's length, which is not zero, as a NAL unit's must not be.
fn escaped(sealed: &[u8], prefix_len: usize) -> Vec<u8> {
    let (prefix, rest) = sealed.split_at(prefix_len);
    // About one escape comes on 4 million bytes of ciphertext.
    let mut escaped = Vec::with_capacity(sealed.len() + 8);
    escaped.extend_from_slice(prefix);
    emulation::escape(rest, &mut escaped);
    escaped
}

/// A protected frame as it arrived, taken apart and not yet opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedFrame {
    /// `prefix ‖ header ‖ ciphertext ‖ tag`, unescaped.
    bytes: Vec<u8>,
    prefix_len: usize,
    n: u8,
    /// Where the ciphertext begins.
    text_at: usize,
    kid: KeyId,
    counter: u64,
}

impl SealedFrame {
    /// Takes a protected frame apart.
    ///
    /// # Errors
    /// [`Malformed::Frame`].
    pub fn parse(frame: Vec<u8>, codec: Codec) -> Result<Self, Malformed> {
        let (mut bytes, escaped_from) = match codec {
            Codec::H264 => unescaped(&frame)?,
            _ => (frame, None),
        };
        let n = bytes.pop().ok_or(Malformed::Frame)?;
        let prefix_len = usize::from(n);
        if escaped_from.is_some_and(|from| from != prefix_len) {
            return Err(Malformed::Frame);
        }
        let sframe = bytes.get(prefix_len..).ok_or(Malformed::Frame)?;
        let (header, header_len) = SframeHeader::parse(sframe).ok_or(Malformed::Frame)?;
        if sframe.len() - header_len < FrameKey::TAG_LEN {
            return Err(Malformed::Frame);
        }
        Ok(Self {
            prefix_len,
            n,
            text_at: prefix_len + header_len,
            kid: KeyId::from_wire(header.kid).ok_or(Malformed::Frame)?,
            counter: header.counter,
            bytes,
        })
    }

    /// Which key protects it.
    pub fn kid(&self) -> KeyId {
        self.kid
    }

    /// The counter in its nonce.
    pub fn counter(&self) -> u64 {
        self.counter
    }

    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Never: there is at least a tag.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The frame in plain. An H.264 frame's prefix is as depacketizers rebuild it.
    ///
    /// # Errors
    /// [`AuthFailed`].
    pub fn open(mut self, key: &FrameKey) -> Result<Vec<u8>, AuthFailed> {
        let (clear, sealed) = self.bytes.split_at_mut(self.text_at);
        let aad = aad(clear, self.prefix_len, self.n);
        key.open(self.counter, &aad, sealed)?;
        let end = self.bytes.len() - FrameKey::TAG_LEN;
        self.bytes.truncate(end);
        self.bytes.drain(self.prefix_len..self.text_at);
        Ok(self.bytes)
    }
}

/// An H.264 frame with its prefix in canonical form and the rest unescaped, and where that begins.
fn unescaped(frame: &[u8]) -> Result<(Vec<u8>, Option<usize>), Malformed> {
    let (mut bytes, rest_at) = annex_b::clear_prefix(frame).map_err(|_| Malformed::Frame)?;
    let rest = frame.get(rest_at..).ok_or(Malformed::Frame)?;
    let from = bytes.len();
    emulation::unescape(rest, &mut bytes).ok_or(Malformed::Frame)?;
    Ok((bytes, Some(from)))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
