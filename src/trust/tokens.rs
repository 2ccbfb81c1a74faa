//! Trust by room token: whoever makes the tokens says whose key it is.

use super::{
    CLOCK_LEEWAY, CredentialValidator, Evidence, Presented, TrustCode, TrustError, UnixClock,
};
use crate::token::{Right, RoomToken, TokenKeyError, TokenKeys};

/// Asks every credential for a room token that is bound to its signature key, signed by an issuer
/// from the member's own configuration. The service cannot bring anybody in by itself.
///
/// Clocks may differ by [`CLOCK_LEEWAY`]. A member who was there before us does not fail for a token
/// that expired within the last [`PRESENT_GRACE`](super::PRESENT_GRACE).
#[derive(Debug, Clone)]
pub struct TokenBound {
    issuers: TokenKeys,
    now: UnixClock,
}

impl TokenBound {
    /// With the public keys of the issuers.
    ///
    /// # Errors
    /// [`TokenKeyError::SharedSecret`] if one of them is none.
    pub fn new(issuers: TokenKeys, now: UnixClock) -> Result<Self, TokenKeyError> {
        Ok(Self {
            issuers: issuers.only_public()?,
            now,
        })
    }
}

impl TokenBound {
    /// The token that proves whose key it is, whatever time it is.
    fn proof_in(&self, presented: &Presented<'_>) -> Result<RoomToken, TrustError> {
        let Evidence::Token(token) = presented.evidence else {
            return Err(TrustError::new(
                TrustCode::CredentialType,
                "this room's members ask for a room token in the credential",
            ));
        };
        let token = self.issuers.verify(token)?;
        token.check_names(presented.room, presented.participant)?;
        if token.cnf.is_none() {
            return Err(TrustError::new(
                TrustCode::TokenKey,
                "the token is bound to no signature key",
            ));
        }
        token.check_key(presented.signature_key)?;
        Ok(token)
    }
}

impl CredentialValidator for TokenBound {
    fn validate(&self, presented: &Presented<'_>) -> Result<(), TrustError> {
        let token = self.proof_in(presented)?;
        let now = (self.now)().as_secs();
        token.check_expiry(now, presented.occasion.grace().as_secs())?;
        token.check_begin(now, CLOCK_LEEWAY.as_secs())
    }

    /// By no clock: members who disagree about a lock would part.
    fn may_moderate(&self, presented: &Presented<'_>) -> bool {
        let token = self.proof_in(presented);
        token.is_ok_and(|token| token.grants(Right::Moderate))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Occasion, PRESENT_GRACE};
    use super::*;
    use crate::id::{ParticipantId, RoomName};
    use crate::token::{Confirmation, Right, RoomToken, TOKEN_AUDIENCE, TokenIssuer};
    use crate::token::{new_key, thumbprint};

    const KEY: [u8; 32] = [9; 32];
    const NOW: u64 = 1_000_000;
    const LEEWAY: u64 = CLOCK_LEEWAY.as_secs();

    fn clock() -> Duration {
        Duration::from_secs(NOW)
    }

    fn token() -> RoomToken {
        RoomToken {
            aud: TOKEN_AUDIENCE.into(),
            sub: "alice@example.org".into(),
            device: "phone".into(),
            room: "standup".into(),
            rights: vec![Right::Publish],
            iat: NOW,
            exp: NOW + 10,
            nbf: None,
            jti: "1".into(),
            cnf: Some(Confirmation {
                jkt: thumbprint(&KEY),
            }),
        }
    }

    /// What members with the issuer's key say of a credential with this token.
    fn said(issuer_seed: u8, token: &RoomToken, occasion: Occasion) -> Option<TrustCode> {
        let (private, _) = new_key([issuer_seed; 32]).expect("a key");
        let issuer = TokenIssuer::read(&private).expect("a key");
        let evidence = Evidence::Token(issuer.issue(token).expect("signed"));
        said_of(&evidence, occasion)
    }

    fn said_of(evidence: &Evidence, occasion: Occasion) -> Option<TrustCode> {
        asked(evidence, occasion, |members, presented| {
            members.validate(presented).err().map(|error| error.code)
        })
    }

    fn asked<T>(
        evidence: &Evidence,
        occasion: Occasion,
        ask: impl FnOnce(&TokenBound, &Presented<'_>) -> T,
    ) -> T {
        let (_, public) = new_key([1; 32]).expect("a key");
        let keys = TokenKeys::read(&public).expect("a key");
        let members = TokenBound::new(keys, clock).expect("public");
        let alice: ParticipantId = "alice@example.org/phone".parse().expect("a name");
        let presented = Presented {
            participant: &alice,
            signature_key: &KEY,
            evidence,
            room: &RoomName::new("standup").expect("a name"),
            occasion,
        };
        ask(&members, &presented)
    }

    #[test]
    fn a_bound_token_of_the_issuer_is_trusted() {
        assert_eq!(said(1, &token(), Occasion::Entering), None);
    }

    #[test]
    fn everything_else_is_refused_for_its_own_reason() {
        let enters = Occasion::Entering;
        let with = |change: fn(&mut RoomToken)| {
            let mut token = token();
            change(&mut token);
            said(1, &token, enters)
        };
        assert_eq!(said(2, &token(), enters), Some(TrustCode::TokenIssuer));
        let nothing = said_of(&Evidence::None, enters);
        assert_eq!(nothing, Some(TrustCode::CredentialType));
        let other_room = with(|token| token.room = "lobby".into());
        assert_eq!(other_room, Some(TrustCode::TokenRoom));
        let other_user = with(|token| token.sub = "mallory@example.org".into());
        assert_eq!(other_user, Some(TrustCode::TokenParticipant));
        let other_device = with(|token| token.device = "laptop".into());
        assert_eq!(other_device, Some(TrustCode::TokenParticipant));
        let other_key = with(|token| {
            token.cnf = Some(Confirmation {
                jkt: thumbprint(&[8; 32]),
            });
        });
        assert_eq!(other_key, Some(TrustCode::TokenKey));
        assert_eq!(with(|token| token.cnf = None), Some(TrustCode::TokenKey));
        let expired = with(|token| token.exp = NOW - LEEWAY);
        assert_eq!(expired, Some(TrustCode::TokenExpired));
        let early = with(|token| token.nbf = Some(NOW + LEEWAY + 1));
        assert_eq!(early, Some(TrustCode::TokenNotYetValid));
    }

    #[test]
    fn who_was_let_in_stays_though_its_token_expires() {
        let mut old = token();
        let longest = NOW - PRESENT_GRACE.as_secs();
        old.exp = longest + 1;
        assert_eq!(said(1, &old, Occasion::Present), None);
        let entering = said(1, &old, Occasion::Entering);
        assert_eq!(entering, Some(TrustCode::TokenExpired));
        old.exp = longest;
        let too_old = said(1, &old, Occasion::Present);
        assert_eq!(too_old, Some(TrustCode::TokenExpired), "no call is as old");
        old.exp = NOW;
        old.room = "lobby".into();
        let elsewhere = said(1, &old, Occasion::Present);
        assert_eq!(elsewhere, Some(TrustCode::TokenRoom), "all else counts");
    }

    #[test]
    fn the_right_to_moderate_is_the_issuers_to_give() {
        let may = |issuer_seed, rights: &[Right]| {
            let (private, _) = new_key([issuer_seed; 32]).expect("a key");
            let issuer = TokenIssuer::read(&private).expect("a key");
            let mut token = token();
            (token.rights, token.exp) = (rights.to_vec(), NOW - 3_600);
            let evidence = Evidence::Token(issuer.issue(&token).expect("signed"));
            asked(&evidence, Occasion::Present, |members, presented| {
                members.may_moderate(presented)
            })
        };
        assert!(may(1, &[Right::Moderate]), "for as long as it is there");
        assert!(!may(1, &[Right::Publish, Right::Subscribe]));
        assert!(!may(2, &[Right::Moderate]), "another issuer's");
    }

    #[test]
    fn the_right_to_moderate_is_the_issuers_word_at_any_time() {
        let may = |issuer_seed, token: &RoomToken| {
            let (private, public) = new_key([1; 32]).expect("a key");
            let other = new_key([issuer_seed; 32]).expect("a key").0;
            let issuer = TokenIssuer::read(if issuer_seed == 1 { &private } else { &other });
            let evidence = issuer.expect("a key").issue(token).expect("signed");
            let keys = TokenKeys::read(&public).expect("a key");
            let members = TokenBound::new(keys, clock).expect("public");
            members.may_moderate(&Presented {
                participant: &"alice@example.org/phone".parse().expect("a name"),
                signature_key: &KEY,
                evidence: &Evidence::Token(evidence),
                room: &RoomName::new("standup").expect("a name"),
                occasion: Occasion::Present,
            })
        };
        let mut token = token();
        assert!(!may(1, &token), "it does not say so");
        token.rights.push(Right::Moderate);
        assert!(may(1, &token));
        assert!(!may(2, &token), "somebody else says so");
        token.exp = 1;
        assert!(may(1, &token), "long over");
        token.room = "lobby".into();
        assert!(!may(1, &token), "elsewhere");
    }

    #[test]
    fn a_shared_secret_is_no_issuer_for_members() {
        let secret = TokenKeys::hs256(&[1; 32]).expect("long enough");
        assert!(TokenBound::new(secret, clock).is_err());
    }
}
