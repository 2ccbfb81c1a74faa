//! Who gets in by token, and why the others do not.

use std::time::Duration;

use mls_srtp::id::ParticipantId;
use mls_srtp::token::{Right, TOKEN_AUDIENCE, TokenIssuer, new_key};

use super::*;

const NOW: u64 = 1_800_000_000;

fn clock() -> Duration {
    Duration::from_secs(NOW)
}

struct Door {
    issuer: TokenIssuer,
    access: TokenAccess,
}

impl Door {
    fn new() -> Self {
        let (private, public) = new_key([1; 32]).expect("a key");
        let keys = TokenKeys::read(&public).expect("a key");
        Self {
            issuer: TokenIssuer::read(&private).expect("a key"),
            access: TokenAccess::new(keys, clock, 2),
        }
    }

    fn knock(&self, token: &RoomToken, room: &str, resumes: bool) -> Result<Admission, Refused> {
        let token = self.issuer.issue(token).expect("signed");
        self.show(Some(&token), room, resumes)
    }

    fn show(&self, token: Option<&str>, room: &str, resumes: bool) -> Result<Admission, Refused> {
        let alice: ParticipantId = "alice@example.org/phone".parse().expect("a name");
        self.access.admit(&Entry {
            room: &RoomName::new(room).expect("a name"),
            participant: &alice,
            token,
            resumes,
        })
    }
}

fn token() -> RoomToken {
    RoomToken {
        aud: TOKEN_AUDIENCE.into(),
        sub: "alice@example.org".into(),
        device: "phone".into(),
        room: "standup".into(),
        rights: vec![Right::Subscribe],
        iat: NOW,
        exp: NOW + 60,
        nbf: None,
        jti: "1".into(),
        cnf: None,
    }
}

fn code(answer: Result<Admission, Refused>) -> Option<TrustCode> {
    answer.err().and_then(|refused| refused.code)
}

#[test]
fn a_token_lets_in_with_the_rights_that_it_grants() {
    let door = Door::new();
    let admission = door.knock(&token(), "standup", false).expect("admitted");
    assert!(admission.grants(Right::Subscribe));
    assert!(!admission.grants(Right::Publish) && !admission.grants(Right::Moderate));
}

#[test]
fn everybody_else_stays_outside_and_hears_why() {
    let door = Door::new();
    let nothing = door.show(None, "standup", false);
    assert_eq!(code(nothing), Some(TrustCode::TokenMissing));
    let noise = door.show(Some("noise"), "standup", false);
    assert_eq!(code(noise), Some(TrustCode::TokenMalformed));
    let elsewhere = door.knock(&token(), "lobby", false);
    assert_eq!(code(elsewhere), Some(TrustCode::TokenRoom));
    let other = RoomToken {
        sub: "bob@example.org".into(),
        ..token()
    };
    let other = door.knock(&other, "standup", false);
    assert_eq!(code(other), Some(TrustCode::TokenParticipant));
    let (foreign, _) = new_key([2; 32]).expect("a key");
    let foreign = TokenIssuer::read(&foreign).expect("a key").issue(&token());
    let foreign = door.show(Some(&foreign.expect("signed")), "standup", false);
    assert_eq!(code(foreign), Some(TrustCode::TokenIssuer));
}

#[test]
fn an_expired_token_ends_no_stay_and_begins_none() {
    let door = Door::new();
    let old = RoomToken {
        exp: NOW,
        ..token()
    };
    let expired = Some(TrustCode::TokenExpired);
    assert_eq!(code(door.knock(&old, "standup", false)), expired);
    assert!(door.knock(&old, "standup", true).is_ok());
    let elsewhere = door.knock(&old, "lobby", true);
    assert_eq!(
        code(elsewhere),
        Some(TrustCode::TokenRoom),
        "all else counts"
    );
}

#[test]
fn an_issuers_clock_may_be_a_little_ahead() {
    let door = Door::new();
    let from = |nbf| RoomToken {
        nbf: Some(nbf),
        ..token()
    };
    assert!(door.knock(&from(NOW + AHEAD), "standup", false).is_ok());
    let early = door.knock(&from(NOW + AHEAD + 1), "standup", false);
    assert_eq!(code(early), Some(TrustCode::TokenNotYetValid));
}

#[test]
fn a_token_for_several_rooms_opens_so_many() {
    let door = Door::new();
    let several = RoomToken {
        room: "room-*".into(),
        ..token()
    };
    for room in ["room-1", "room-2", "room-1"] {
        assert!(door.knock(&several, room, false).is_ok(), "{room}");
    }
    let third = door.knock(&several, "room-3", false);
    assert_eq!(third.err().map(|r| r.reason), Some(Refusal::TooManyRooms));
    let another = RoomToken {
        jti: "2".into(),
        ..several
    };
    assert!(door.knock(&another, "room-3", false).is_ok());
}
