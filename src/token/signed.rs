//! A room token as it travels.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A room token in its compact serialization (RFC 7515 §7.1), or whatever else was shown as one.
///
/// Whoever reads it may be let in with it, so it is not printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SignedToken(String);

impl SignedToken {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for SignedToken {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for SignedToken {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for SignedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignedToken({} bytes)", self.0.len())
    }
}
