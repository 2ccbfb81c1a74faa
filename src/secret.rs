//! Secret bytes: zeroized on drop, never printed, never compared with `==`.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

/// Secret key material of any length.
///
/// [`Secret::expose`] is the only door to the bytes, so that every use can be found by name.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Takes ownership of secret bytes without copying them.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// A secret of `len` zero bytes for a derivation to fill.
    pub(crate) fn zeroed(len: usize) -> Self {
        Self(vec![0; len])
    }

    /// The bytes, for the derivation or cipher that consumes them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The bytes to be filled by a derivation.
    pub(crate) fn expose_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_the_length_and_nothing_else() {
        assert_eq!(
            format!("{:?}", Secret::new(vec![0xAB, 0xCD])),
            "Secret(2 bytes)"
        );
    }
}
