//! Tokens over the length of a stay.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mls_srtp::delivery::{ClientMessage, PROTOCOL_VERSION, Refusal, Resume, ServiceMessage};
use mls_srtp::group::Identity;
use mls_srtp::token::{KeyProof, Right, RoomToken, TOKEN_AUDIENCE};
use mls_srtp::trust::{TrustCode, TrustError};
use mls_srtp_signaling::Refused;
use mls_srtp_signaling::access::{AccessControl, Admission, Entry};
use mls_srtp_signaling::room::RoomOutput;

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
            token: entry.token.map(|_| token),
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
            proof: None,
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
fn a_token_that_somebody_read_takes_nobodys_place() {
    let (mut lab, _) = lab();
    let dave = Identity::generate(name("dave")).expect("randomness");
    let thief = Identity::generate(name("dave")).expect("randomness");
    let say = |lab: &mut Lab, proof: Option<KeyProof>| {
        let client = lab.stranger();
        let hello = ClientMessage::Hello {
            version: PROTOCOL_VERSION,
            room: room_name(),
            participant: name("dave"),
            token: Some("a token".into()),
            proof,
            resume: None,
        };
        let outputs = lab.say(client, hello);
        let others = outputs.iter().filter(|output| {
            matches!(output, RoomOutput::Send(to, _) | RoomOutput::Close(to) if *to != client)
        });
        let code = outputs.iter().find_map(|output| match output {
            RoomOutput::Send(_, ServiceMessage::Refused { code, .. }) => *code,
            _ => None,
        });
        (code, others.count())
    };
    let prove = |who: &Identity, token| Some(who.prove(&room_name(), token).expect("signs"));
    assert_eq!(say(&mut lab, prove(&dave, "a token")), (None, 0), "enters");
    let unproven = (Some(TrustCode::TokenKey), 0);
    assert_eq!(say(&mut lab, None), unproven);
    assert_eq!(say(&mut lab, prove(&dave, "another token")), unproven);
    let copied = (Some(TrustCode::TokenReplayed), 0);
    assert_eq!(say(&mut lab, prove(&thief, "a token")), copied);
    // The owner may come again, and its older connection goes.
    let (code, others) = say(&mut lab, prove(&dave, "a token"));
    assert_eq!(code, None);
    assert!(others > 0);
}
