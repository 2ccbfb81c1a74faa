//! Tokens over the length of a stay.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mls_srtp::delivery::{ClientMessage, PROTOCOL_VERSION, Refusal, Resume};
use mls_srtp::token::{Right, RoomToken, TOKEN_AUDIENCE};
use mls_srtp::trust::{TrustCode, TrustError};
use mls_srtp_signaling::Refused;
use mls_srtp_signaling::access::{AccessControl, Admission, Entry};

use crate::lab::{Lab, Setup, hello, name, newest, refusal_in, room_name};

/// Tokens as they are, with a clock that the test sets. What the text says is the token's `jti`.
struct Clocked(Arc<AtomicU64>);

impl AccessControl for Clocked {
    fn admit(&self, entry: &Entry<'_>) -> Result<Admission, Refused> {
        let who = entry.participant;
        let token = RoomToken {
            aud: TOKEN_AUDIENCE.into(),
            sub: format!("{}@{}", who.user(), who.domain()),
            device: who.device().into(),
            room: room_name().to_string(),
            rights: vec![Right::Publish],
            iat: 0,
            exp: 1 << 40,
            nbf: None,
            jti: entry.token.unwrap_or("none").into(),
            cnf: None,
        };
        if self.0.load(Ordering::Relaxed) > 0 && !entry.resumes {
            return Err(TrustError::new(TrustCode::TokenExpired, "over").into());
        }
        Ok(Admission {
            rights: token.rights.clone(),
            token: Some(token),
        })
    }
}

fn lab() -> (Lab, Arc<AtomicU64>) {
    let clock = Arc::new(AtomicU64::new(0));
    let mut lab = Lab::new(Setup {
        access: Box::new(Clocked(Arc::clone(&clock))),
        ..Setup::default()
    });
    lab.join("alice");
    lab.join("bob");
    (lab, clock)
}

#[test]
fn an_expired_token_ends_no_stay_and_begins_none() {
    let (mut lab, clock) = lab();
    let before = lab.position("bob");
    clock.store(1, Ordering::Relaxed);
    lab.disconnect("bob");
    lab.reconnect("bob");
    lab.pass(300);
    assert_eq!(lab.position("bob"), before, "goes on");
    assert_eq!(lab.roster("alice"), ["alice", "bob"]);
    let client = lab.stranger();
    let outputs = lab.say(client, hello("carol", None));
    assert_eq!(refusal_in(&outputs, client), Some(Refusal::Unauthorised));
}

#[test]
fn who_only_says_that_it_resumes_shows_a_token_like_everybody() {
    let (mut lab, clock) = lab();
    clock.store(1, Ordering::Relaxed);
    let seq = newest(&mut lab, "alice");
    let mut resume = lab.resume_of("bob", seq);
    resume.session = mls_srtp::delivery::Blob::new(vec![0; 16]);
    let say = |lab: &mut Lab, resume: Resume| {
        let client = lab.stranger();
        let hello = ClientMessage::Hello {
            version: PROTOCOL_VERSION,
            room: room_name(),
            participant: name("bob"),
            token: None,
            resume: Some(resume),
        };
        let outputs = lab.say(client, hello);
        refusal_in(&outputs, client)
    };
    assert_eq!(say(&mut lab, resume), Some(Refusal::Unauthorised));
    let good = lab.resume_of("bob", seq);
    assert_eq!(say(&mut lab, good), None);
}

#[test]
fn a_token_serves_one_key_whatever_is_done_with_it() {
    let (mut lab, _) = lab();
    // Bob's key is bound to it; another one of the same name and token creates, joins or publishes
    // nothing.
    lab.leave("bob");
    lab.pass(300);
    let key_package = lab.key_package("bob");
    let client = lab.stranger();
    lab.say(client, hello("bob", None));
    let join = ClientMessage::Join {
        key_package: key_package.clone(),
    };
    let outputs = lab.say(client, join);
    assert_eq!(refusal_in(&outputs, client), Some(Refusal::Unauthorised));
    let publish = ClientMessage::PublishKeyPackages {
        key_packages: vec![key_package],
        last_resort: None,
    };
    let outputs = lab.say(client, publish);
    assert_eq!(refusal_in(&outputs, client), Some(Refusal::Unauthorised));
}
