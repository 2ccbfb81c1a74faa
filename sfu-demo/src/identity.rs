//! Who a participant is and whom it trusts: flags, and what is said when somebody is not trusted.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use mls_srtp::event::{Event, FatalCause};
use mls_srtp::group::{Identity, SafetyNumber};
use mls_srtp::id::ParticipantId;
use mls_srtp::trust::{
    CertificateChains, CredentialValidator, NamesOnly, OnChange, PinnedKeys, TrustCode,
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
    /// change), pinned-strict (refuses a change), certificates (of --trust-ca), names (everybody
    /// whom the service lets in). What is pinned lasts with --state.
    #[arg(long, value_enum, default_value_t, hide_possible_values = true)]
    pub trust: Trust,
    /// The authorities whose certificates are trusted, in PEM.
    #[arg(long, value_name = "FILE")]
    pub trust_ca: Option<PathBuf>,
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
        Ok(match self.trust {
            Trust::Pinned => Arc::new(PinnedKeys::new(OnChange::Warn)),
            Trust::PinnedStrict => Arc::new(PinnedKeys::new(OnChange::Refuse)),
            Trust::Certificates => Arc::new(self.authorities()?),
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

/// What a person should hear of trust: what has happened, and what to do. `None` for what is not
/// about trust.
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
    use mls_srtp::delivery::Refusal;

    use super::*;

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
