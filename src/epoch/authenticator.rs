//! The code that people compare to know that they are in one group.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::codes::{self, CodeKind, Comparison, ScanError};
use crate::digits;

/// Thirty decimal digits that change with every epoch and are equal for all who are in it.
///
/// Derived from the epoch authenticator (RFC 9420 §8.7), which depends on the whole history of the
/// group: a delivery service that shows two members different histories cannot give them one code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GroupCode([u8; 32]);

/// Separates this use of the authenticator from every other.
const DOMAIN: &[u8] = b"mls-srtp v1 group code";

impl GroupCode {
    /// The code of the epoch with this authenticator: SHA-256(domain ‖ authenticator).
    ///
    /// Its digits are six groups of five, of the first 30 bytes: about 99 bits in all.
    pub fn new(epoch_authenticator: &[u8]) -> Self {
        let hash = Sha256::new_with_prefix(DOMAIN)
            .chain_update(epoch_authenticator)
            .finalize();
        Self(hash.into())
    }

    /// The code for a QR code, with all its 256 bits. Everybody in the epoch shows the same.
    pub fn to_qr_text(&self) -> String {
        codes::write(CodeKind::Group, &self.0)
    }

    /// Compares with a text that somebody else was shown in this epoch.
    ///
    /// # Errors
    /// [`ScanError`] if it is no group code of this version.
    pub fn compare(&self, scanned: &str) -> Result<Comparison, ScanError> {
        if codes::read(CodeKind::Group, scanned)? == self.0 {
            Ok(Comparison::Match)
        } else {
            Ok(Comparison::Differs)
        }
    }
}

impl fmt::Display for GroupCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        digits::write(&digits::six_groups(&self.0), f)
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

    #[test]
    fn a_scanned_code_matches_in_its_epoch_only() {
        let (code, other) = (GroupCode::new(&[1; 32]), GroupCode::new(&[2; 32]));
        assert_eq!(code.compare(&code.to_qr_text()), Ok(Comparison::Match));
        assert_eq!(code.compare(&other.to_qr_text()), Ok(Comparison::Differs));
    }

    #[test]
    fn the_domain_names_the_version() {
        let domain = String::from_utf8_lossy(DOMAIN);
        assert!(domain.contains(&format!(" v{} ", codes::VERSION)));
    }
}
