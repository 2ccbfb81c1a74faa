//! Who a participant is and whom it trusts: flags, and what is said when somebody is not trusted.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use mls_srtp::delivery::Refusal;
use mls_srtp::event::{Event, FatalCause};
use mls_srtp::group::{Identity, SafetyNumber};
use mls_srtp::id::ParticipantId;
use mls_srtp::token::TokenKeys;
use mls_srtp::trust::{
    CertificateChains, CredentialValidator, NamesOnly, OnChange, PinnedKeys, TokenBound, TrustCode,
    TrustWarning,
};
use mls_srtp_participant::state::StateStore;
use mls_srtp_participant::{clock, identity};

#[derive(Debug, Default, Args)]
pub struct IdentityArgs {
    /// Sign with this Ed25519 key (PEM, PKCS #8) and not with one of our own making.
    #[arg(long, value_name = "FILE")]
    pub identity_key: Option<PathBuf>,
    /// Certificates for that key (PEM, our own first); ours has the URI name
    /// mls-srtp://user@domain/device.
    #[arg(long, value_name = "FILE")]
    pub identity_cert: Option<PathBuf>,
    /// Whom to trust: pinned (a device keeps the key that it was first met with; warns of a
    /// change), pinned-strict (refuses a change), certificates (of --trust-ca), tokens (of
    /// --trust-issuer, in the credential), names (everybody whom the service lets in). What is
    /// pinned lasts with --state.
    #[arg(long, value_enum, default_value_t, hide_possible_values = true)]
    pub trust: Trust,
    /// The authorities whose certificates are trusted, in PEM.
    #[arg(long, value_name = "FILE")]
    pub trust_ca: Option<PathBuf>,
    /// The public key, in PEM, of whoever makes the room's tokens; may be given several times.
    #[arg(long, value_name = "FILE")]
    pub trust_issuer: Vec<PathBuf>,
    /// Forget the key that is pinned for this device, and pin its next one: when you know why it
    /// has changed. Needs --state.
    #[arg(long, value_name = "USER@DOMAIN/DEVICE")]
    pub forget: Vec<ParticipantId>,
}

/// Whom a participant trusts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Trust {
    #[default]
    Pinned,
    PinnedStrict,
    Certificates,
    Tokens,
    Names,
}

impl IdentityArgs {
    /// The key of `participant`, if one is named.
    ///
    /// # Errors
    /// One line for a person.
    pub fn identity(&self, participant: &ParticipantId) -> Result<Option<Identity>, String> {
        let Some(key) = &self.identity_key else {
            return match self.identity_cert {
                Some(_) => Err("--identity-cert needs --identity-key".into()),
                None => Ok(None),
            };
        };
        let certificates = self.identity_cert.as_deref();
        let identity = identity::from_pem_files(participant.clone(), key, certificates);
        identity.map(Some).map_err(|error| error.to_string())
    }

    /// What decides whom to trust.
    ///
    /// # Errors
    /// One line for a person.
    pub fn validator(&self) -> Result<Arc<dyn CredentialValidator>, String> {
        if self.trust_ca.is_some() && self.trust != Trust::Certificates {
            return Err("--trust-ca does nothing without --trust certificates".into());
        }
        if !self.trust_issuer.is_empty() && self.trust != Trust::Tokens {
            return Err("--trust-issuer does nothing without --trust tokens".into());
        }
        Ok(match self.trust {
            Trust::Pinned => Arc::new(PinnedKeys::new(OnChange::Warn)),
            Trust::PinnedStrict => Arc::new(PinnedKeys::new(OnChange::Refuse)),
            Trust::Certificates => Arc::new(self.authorities()?),
            Trust::Tokens => Arc::new(self.issuers()?),
            Trust::Names => Arc::new(NamesOnly),
        })
    }

    /// Forgets what is to be forgotten.
    ///
    /// # Errors
    /// One line for a person.
    pub fn forget(&self, store: Option<&mut impl StateStore>) -> Result<(), String> {
        if self.forget.is_empty() {
            return Ok(());
        }
        let store = store.ok_or("--forget needs --state: nothing else is remembered")?;
        let forgotten = store.load_pins().and_then(|mut pins| {
            pins.retain(|pin| !self.forget.contains(&pin.participant));
            store.save_pins(&pins)
        });
        forgotten.map_err(|error| error.to_string())
    }

    fn issuers(&self) -> Result<TokenBound, String> {
        let mut all: Option<TokenKeys> = None;
        for path in &self.trust_issuer {
            let failed = |reason: String| format!("{}: {reason}", path.display());
            let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
            let keys = TokenKeys::read(&text).and_then(TokenKeys::only_public);
            let keys = keys.map_err(|error| failed(error.to_string()))?;
            all = Some(match all {
                Some(others) => others.and(keys),
                None => keys,
            });
        }
        let all = all.ok_or("--trust tokens needs --trust-issuer")?;
        TokenBound::new(all, clock::unix_time).map_err(|error| error.to_string())
    }

    fn authorities(&self) -> Result<CertificateChains, String> {
        let path = self.trust_ca.as_ref();
        let path = path.ok_or("--trust certificates needs --trust-ca")?;
        let failed = |reason: String| format!("{}: {reason}", path.display());
        let bundle = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
        CertificateChains::from_pem(&bundle, clock::unix_time)
            .map_err(|error| failed(error.to_string()))
    }
}

/// Of whom to ask the safety number before [`about`] is said.
pub fn to_compare(event: &Event) -> Option<&ParticipantId> {
    match event {
        Event::TrustWarning { participant, .. } => Some(participant),
        _ => None,
    }
}

/// What a person should hear of who is let in and what was refused: what has happened, and what to
/// do. `None` for everything else.
pub fn about(event: &Event, number: Option<&SafetyNumber>) -> Option<String> {
    match event {
        Event::TrustWarning {
            participant,
            warning,
        } => Some(warned(participant, *warning, number)),
        Event::Untrusted {
            participant,
            code,
            reason,
            ..
        } => Some(format!(
            "not trusted: {reason}\n  nothing is sent while {participant} is in the room{}",
            remedy(*code)
        )),
        Event::JoinerDeclined {
            participant,
            code,
            reason,
        } => Some(format!(
            "we keep {participant} out: {reason}{}",
            remedy(Some(*code))
        )),
        Event::RoomLocked { locked, by } => {
            let how = if *locked { "locked" } else { "open" };
            let by = by.as_ref().map(|who| format!(", by {who}"));
            Some(format!("the room is {how}{}", by.unwrap_or_default()))
        }
        // Everything else that is refused, the key manager tries again.
        Event::Refused {
            request,
            reason: Refusal::Unauthorised,
            code,
            detail,
        } => Some(format!("{request} was refused: {detail}{}", remedy(*code))),
        Event::TrustRestored { participant } => {
            Some(format!("{participant} is gone; sending goes on"))
        }
        _ => None,
    }
}

/// What to do about an end that is about trust.
pub fn remedy_of(end: &Event) -> Option<String> {
    match end {
        Event::Fatal(
            FatalCause::NotAdmitted { code, .. } | FatalCause::NotTrusted { code, .. },
        ) => Some(remedy(*code)),
        _ => None,
    }
}

fn warned(
    participant: &ParticipantId,
    warning: TrustWarning,
    number: Option<&SafetyNumber>,
) -> String {
    let number = number.map_or_else(String::new, |number| {
        format!("\n  its safety number with us is {number}")
    });
    format!("warning: {participant} {}{number}", warning.in_words())
}

fn remedy(code: Option<TrustCode>) -> String {
    code.map_or_else(String::new, |code| {
        format!("\n  to mend it: {}", code.remedy())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_and_issuers_are_not_named_in_vain() {
        let said = |trust, ca: bool, issuer: bool| {
            let named = |is: bool| is.then(|| PathBuf::from("/nowhere.pem"));
            let args = IdentityArgs {
                trust,
                trust_ca: named(ca),
                trust_issuer: named(issuer).into_iter().collect(),
                ..IdentityArgs::default()
            };
            args.validator().map(drop).err()
        };
        let vain = |said: Option<String>| said.is_some_and(|said| said.contains("does nothing"));
        for trust in [Trust::Pinned, Trust::PinnedStrict, Trust::Names] {
            assert_eq!(said(trust, false, false), None);
            assert!(vain(said(trust, true, false)), "{trust:?}");
            assert!(vain(said(trust, false, true)), "{trust:?}");
        }
        assert!(vain(said(Trust::Tokens, true, true)));
        assert!(vain(said(Trust::Certificates, true, true)));
        assert!(!vain(said(Trust::Tokens, false, true)));
        assert!(!vain(said(Trust::Certificates, true, false)));
    }

    #[test]
    fn who_is_kept_out_and_what_is_refused_is_said() {
        let alice: ParticipantId = "alice@example.org/phone".parse().expect("a name");
        let told = [
            Event::JoinerDeclined {
                participant: alice.clone(),
                code: TrustCode::KeyChanged,
                reason: "another key".into(),
            },
            Event::RoomLocked {
                locked: true,
                by: Some(alice),
            },
            Event::Refused {
                request: "evict".into(),
                reason: Refusal::Unauthorised,
                code: None,
                detail: "not a moderator".into(),
            },
        ];
        let said = told.map(|event| about(&event, None).expect("is told"));
        assert!(said[0].starts_with("we keep alice@example.org/phone out"));
        assert!(said[0].contains("--forget"));
        assert_eq!(said[1], "the room is locked, by alice@example.org/phone");
        assert_eq!(said[2], "evict was refused: not a moderator");
    }

    #[test]
    fn what_is_wrong_comes_with_what_to_do() {
        let code = Some(TrustCode::CertificateExpired);
        let alice: ParticipantId = "alice@example.org/phone".parse().expect("a name");
        let refused = Event::Fatal(FatalCause::NotAdmitted {
            reason: Refusal::Declined,
            code,
            detail: "expired".into(),
        });
        let untrusted = Event::Untrusted {
            participant: alice.clone(),
            leaf: mls_srtp::id::LeafIndex::new(1),
            code,
            reason: format!("{alice} is not trusted: expired"),
        };
        let said = [remedy_of(&refused), about(&untrusted, None)];
        for said in said.map(|said| said.expect("about trust")) {
            assert!(
                said.ends_with("to mend it: have a new certificate issued"),
                "{said}"
            );
        }
        let number = SafetyNumber::new((&alice, &[1; 32]), (&alice, &[2; 32]));
        let warning = Event::TrustWarning {
            participant: alice.clone(),
            warning: TrustWarning::KeyChanged,
        };
        assert_eq!(to_compare(&warning), Some(&alice));
        let said = about(&warning, Some(&number)).expect("about trust");
        assert!(said.contains(&number.to_string()), "{said}");
        assert_eq!(about(&Event::Left, None), None);
    }
}
