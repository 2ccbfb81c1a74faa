//! Texts and small encodings: codes that are scanned, room policies, tokens and their keys.

use std::sync::OnceLock;

use arbitrary::Arbitrary;
use mls_srtp::delivery::Blob;
use mls_srtp::epoch::GroupCode;
use mls_srtp::group::{RoomPolicy, SafetyNumber};
use mls_srtp::id::{ParticipantId, RoomName};
use mls_srtp::token::{Confirmation, KeyProof, Right, RoomToken, TOKEN_AUDIENCE, TokenIssuer};
use mls_srtp::token::{TokenKeys, new_key, thumbprint};

use crate::edit::{Edit, edited};
use crate::structured;

fn alice() -> ParticipantId {
    ParticipantId::new("alice", "example.org", "phone").expect("a name")
}

fn bob() -> ParticipantId {
    ParticipantId::new("bob", "example.org", "tablet").expect("a name")
}

/// What Alice and Bob compare. It is slow to make, on purpose.
fn pair() -> &'static SafetyNumber {
    static PAIR: OnceLock<SafetyNumber> = OnceLock::new();
    PAIR.get_or_init(|| SafetyNumber::new((&alice(), &[1; 32]), (&bob(), &[2; 32])))
}

/// Texts of which each is good for something.
pub(crate) fn examples() -> [String; 4] {
    let other = SafetyNumber::new((&bob(), &[2; 32]), (&alice(), &[1; 32]));
    let group = GroupCode::new(&[7; 32]).to_qr_text();
    [
        group,
        pair().to_qr_text(),
        other.to_qr_text(),
        alice().to_string(),
    ]
}

/// What a camera or a clipboard gives, and names and numbers as people type them.
pub fn codes(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let group = GroupCode::new(&[7; 32]);
    if group.compare(text) == Ok(mls_srtp::codes::Comparison::Match) {
        assert_eq!(text.trim(), group.to_qr_text(), "one text for each code");
    }
    let _ = pair().compare(text);
    if let Ok(participant) = text.parse::<ParticipantId>() {
        assert_eq!(participant.to_string(), text, "one text for each name");
    }
    if let Ok(room) = RoomName::new(text) {
        assert_eq!(room.as_str(), text);
    }
}

/// The extension in a group's context. Two encodings of one policy would be terms that differ for
/// one and not for another.
pub fn policy(data: &[u8]) {
    if let Ok(policy) = RoomPolicy::decode(data) {
        assert_eq!(policy.encode(), data, "one encoding for each policy");
    }
}

/// A token that was good, or is none, its key in a file, and the proof that goes with it.
#[derive(Debug, Arbitrary)]
struct Shown<'a> {
    /// Instead of the good one.
    text: Option<&'a str>,
    /// In the claims, before they are signed.
    claims: Vec<Edit>,
    /// In the text, after that.
    edits: Vec<Edit>,
    key: Vec<Edit>,
    proof: (Vec<Edit>, Vec<Edit>),
    now: u64,
    leeway: u64,
}

struct Issued {
    public: String,
    issuer: TokenIssuer,
    keys: TokenKeys,
    token: RoomToken,
}

fn issued() -> &'static Issued {
    static ISSUED: OnceLock<Issued> = OnceLock::new();
    ISSUED.get_or_init(|| {
        let (private, public) = new_key([5; 32]).expect("a key");
        let token = RoomToken {
            aud: TOKEN_AUDIENCE.into(),
            sub: "alice@example.org".into(),
            device: "phone".into(),
            room: "demo*".into(),
            rights: vec![Right::Publish, Right::Moderate],
            iat: 1_000,
            exp: 2_000,
            nbf: Some(1_000),
            jti: "1".into(),
            cnf: Some(Confirmation {
                jkt: thumbprint(&[9; 32]),
            }),
        };
        Issued {
            issuer: TokenIssuer::read(&private).expect("a private key"),
            keys: TokenKeys::read(&public).expect("a public key"),
            public,
            token,
        }
    })
}

/// A room token on its way to the service and to members, and the key file that it is checked with.
pub fn token(data: &[u8]) {
    let Some(shown) = structured::<Shown<'_>>(data) else {
        return;
    };
    let issued = issued();
    // An issuer may say strange things, too.
    let claims = serde_json::to_vec(&issued.token).expect("claims");
    let claims = serde_json::from_slice(&edited(&claims, &shown.claims));
    let claims: RoomToken = claims.unwrap_or_else(|_| issued.token.clone());
    let good = issued.issuer.issue(&claims).expect("signs");
    let text = match shown.text {
        Some(text) => text.to_owned(),
        None => String::from_utf8_lossy(&edited(good.as_bytes(), &shown.edits)).into_owned(),
    };
    let room = RoomName::new("demo-1").expect("a name");
    if let Ok(token) = issued.keys.verify(&text) {
        assert_eq!(token, claims, "only what the issuer has said");
    }
    if let Some(token) = RoomToken::peek(&text) {
        let _ = token.check_names(&room, &alice());
        let _ = token.check_time(shown.now, shown.leeway);
        let _ = token.check_key(&[9; 32]);
    }
    let _ = RoomToken::may_be_shown(&text, &[9; 32]);
    let pem = edited(issued.public.as_bytes(), &shown.key);
    let pem = String::from_utf8_lossy(&pem);
    let _ = (TokenKeys::read(&pem), TokenIssuer::read(&pem));
    let proof = KeyProof {
        key: Blob::new(edited(&[9; 32], &shown.proof.0)),
        signature: Blob::new(edited(&[8; 64], &shown.proof.1)),
    };
    assert!(!proof.holds(&room, &alice(), &text), "nobody signed this");
}
