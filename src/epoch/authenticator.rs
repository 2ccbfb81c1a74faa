//! The code that people compare to know that they are in one group.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::digits;

/// Thirty decimal digits that change with every epoch and are equal for all who are in it.
///
/// Derived from the epoch authenticator (RFC 9420 §8.7), which depends on the whole history of the
/// group: a delivery service that shows two members different histories cannot give them one code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GroupCode([u32; 6]);

/// Separates this use of the authenticator from every other.
const DOMAIN: &[u8] = b"mls-srtp v1 group code";

impl GroupCode {
    /// The code of the epoch with this authenticator.
    ///
    /// Six groups of five digits, of SHA-256(domain ‖ authenticator): about 99 bits in all.
    pub fn new(epoch_authenticator: &[u8]) -> Self {
        let hash = Sha256::new_with_prefix(DOMAIN)
            .chain_update(epoch_authenticator)
            .finalize();
        Self(digits::six_groups(&hash))
    }
}

impl fmt::Display for GroupCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        digits::write(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_thirty_digits_and_depends_on_every_byte() {
        let code = GroupCode::new(&[1; 32]).to_string();
        assert_eq!(code.split(' ').map(str::len).collect::<Vec<_>>(), [5; 6]);
        assert!(code.chars().all(|c| c == ' ' || c.is_ascii_digit()));
        let mut other = [1; 32];
        other[31] = 2;
        assert_ne!(code, GroupCode::new(&other).to_string());
    }
}
