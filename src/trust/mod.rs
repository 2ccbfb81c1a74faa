//! Whose credentials are trusted.
//!
//! MLS authenticates every member by the key in its leaf; whether that key really is the named
//! participant's is for the application to say (RFC 9420 §5.3.1). A [`CredentialValidator`] says
//! it: by what was seen before ([`PinnedKeys`], the default), by certificates
//! ([`CertificateChains`]), by whoever makes the room's tokens ([`TokenBound`]), or not at all
//! ([`NamesOnly`]).

mod certificates;
mod error;
mod pinned;
mod tokens;

use std::fmt::{self, Debug};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::delivery::Blob;
use crate::id::{ParticipantId, RoomName};
use crate::token::{Right, RoomToken};
pub use certificates::{AnchorError, CertificateChains};
pub(crate) use certificates::{MAX_CERTIFICATES, check_fits, participant_in};
pub use error::{TrustCode, TrustError};
pub use pinned::{OnChange, Pin, PinnedKeys};
pub use tokens::TokenBound;

/// Reads the time: how long ago 1970 began, in UTC. The core has no clock of its own.
pub type UnixClock = fn() -> Duration;

/// How far the clocks of members and of whoever issues for them may be apart, and how long a commit
/// may take: what was good for one member is not to be refused a moment later by another.
pub const CLOCK_LEEWAY: Duration = Duration::from_mins(1);
/// For how long a member that was [there before us](Occasion::Present) may have expired: calls last
/// less. Who has expired for longer did not enter this call in its time.
pub const PRESENT_GRACE: Duration = Duration::from_hours(24);

/// Decides whether a signature key is a participant's.
///
/// A wrong yes lets a ghost into the call, under somebody's name.
pub trait CredentialValidator: Debug + Send + Sync {
    /// Looks at a credential that enters the group, or that is there when we enter. Nothing is
    /// remembered: what is looked at may never become a member.
    ///
    /// # Errors
    /// Why it is refused. An entering credential is then declined; see
    /// [`Event::Untrusted`](crate::Event::Untrusted) for one that others let in.
    fn validate(&self, presented: &Presented<'_>) -> Result<(), TrustError>;

    /// Whether a member may lock and unlock the room: its credential brings a token with
    /// [`Right::Moderate`] that is the member's own and for this room, and [`validate`](Self::validate)
    /// takes the credential. Only a validator that knows the tokens' issuer makes more of this than
    /// the member's word; the service asks for the right as well.
    fn may_moderate(&self, presented: &Presented<'_>) -> bool {
        let Evidence::Token(token) = presented.evidence else {
            return false;
        };
        let claims = RoomToken::peek(token).is_some_and(|claims| {
            let own = claims.check_names(presented.room, presented.participant);
            own.is_ok() && claims.grants(Right::Moderate)
        });
        claims && self.validate(presented).is_ok()
    }

    /// Takes note of a member of a group that we are in: once when we enter or it enters. Says
    /// what a person should be warned of.
    fn met(&self, _presented: &Presented<'_>) -> Option<TrustWarning> {
        None
    }

    /// The keys that it remembers from call to call, if it does: for whoever keeps them, and to
    /// [accept](crate::KeyManager::accept_key) a new one.
    fn memory(&self) -> Option<&PinnedKeys> {
        None
    }
}

/// A credential as it is held against the trust settings.
#[derive(Debug, Clone, Copy)]
pub struct Presented<'a> {
    /// Whom it names.
    pub participant: &'a ParticipantId,
    /// The raw Ed25519 public key in the same leaf, 32 bytes.
    pub signature_key: &'a [u8],
    /// What it says besides.
    pub evidence: &'a Evidence,
    /// The room.
    pub room: &'a RoomName,
    /// When it is looked at.
    pub occasion: Occasion,
}

/// What a credential brings to prove that name and key belong together.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Nothing: a basic credential (RFC 9420 §5.3).
    #[default]
    None,
    /// An X.509 chain in DER, the participant's own certificate first (RFC 9420 §5.3). Its URI
    /// name `mls-srtp://user@domain/device` is the participant.
    Certificates(Vec<Blob>),
    /// A room token that is bound to the signature key.
    Token(String),
}

/// Without the token: one that is not bound, and that somebody puts here all the same, lets in.
impl fmt::Debug for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Certificates(chain) => f.debug_tuple("Certificates").field(chain).finish(),
            Self::Token(token) => write!(f, "Token({} bytes)", token.len()),
        }
    }
}

/// When a credential is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// It is about to enter the group: everything must be in order now, give or take
    /// [`CLOCK_LEEWAY`].
    Entering,
    /// It was there before us. Those who were there looked at it when it entered, and what has
    /// expired since does not throw anybody out, unless that is [too long](PRESENT_GRACE) ago: the
    /// first in a room was looked at by nobody.
    Present,
}

impl Occasion {
    /// For how long a credential may have expired.
    const fn grace(self) -> Duration {
        match self {
            Self::Entering => CLOCK_LEEWAY,
            Self::Present => PRESENT_GRACE,
        }
    }
}

/// What a person should know about a member who is not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TrustWarning {
    /// The device has another signature key than the last time: it was set up anew, or it is
    /// somebody else's.
    KeyChanged,
    /// A device of this user that was not seen before, though others were.
    NewDevice,
}

impl TrustWarning {
    /// For a person.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::KeyChanged => {
                "has another key than the last time: compare the safety number before you trust it"
            }
            Self::NewDevice => "is a new device of a known user",
        }
    }
}

/// Takes every participant for who it says it is: the service alone decides who enters, and people
/// compare the group's code.
#[derive(Debug, Clone, Copy, Default)]
pub struct NamesOnly;

impl CredentialValidator for NamesOnly {
    fn validate(&self, _: &Presented<'_>) -> Result<(), TrustError> {
        Ok(())
    }
}
