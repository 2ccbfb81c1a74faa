//! Room tokens: what they say, who signed it, and every way in which one is refused.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use proptest::prelude::*;

use super::*;

const SECRET: &str = "a secret that has thirty-two bytes";
const NOW: u64 = 1_800_000_000;

fn issuer(seed: u8) -> (TokenIssuer, TokenKeys) {
    let (private, public) = new_key([seed; 32]).expect("a key");
    let keys = TokenKeys::read(&public).expect("a public key");
    (TokenIssuer::read(&private).expect("a private key"), keys)
}

fn alice() -> (RoomName, ParticipantId) {
    let room = RoomName::new("standup").expect("a name");
    (room, "alice@example.org/phone".parse().expect("a name"))
}

fn claims() -> RoomToken {
    RoomToken {
        aud: TOKEN_AUDIENCE.into(),
        sub: "alice@example.org".into(),
        device: "phone".into(),
        room: "standup".into(),
        rights: vec![Right::Publish, Right::Subscribe],
        iat: NOW,
        exp: NOW + 3_600,
        nbf: None,
        jti: new_token_id([7; 16]),
        cnf: None,
    }
}

fn code<T>(result: Result<T, TrustError>) -> Option<TrustCode> {
    result.err().map(|error| error.code)
}

#[test]
fn what_an_issuer_signs_its_key_opens() {
    let (issuer, keys) = issuer(1);
    let token = issuer.issue(&claims()).expect("signed");
    assert_eq!(keys.verify(&token), Ok(claims()));
    let shared = TokenIssuer::hs256(SECRET.as_bytes()).expect("a secret");
    let secret = TokenKeys::hs256(SECRET.as_bytes()).expect("a secret");
    let token = shared.issue(&claims()).expect("signed");
    assert_eq!(secret.verify(&token), Ok(claims()));
    assert_eq!(keys.and(secret).verify(&token), Ok(claims()), "both known");
}

#[test]
fn a_token_of_somebody_else_is_foreign() {
    let (ours, keys) = issuer(1);
    let (theirs, _) = issuer(2);
    let token = theirs.issue(&claims()).expect("signed");
    assert_eq!(code(keys.verify(&token)), Some(TrustCode::TokenIssuer));
    let shared = TokenIssuer::hs256(SECRET.as_bytes()).expect("a secret");
    let token = shared.issue(&claims()).expect("signed");
    assert_eq!(code(keys.verify(&token)), Some(TrustCode::TokenIssuer));
    // A name of ours under a signature of theirs.
    let ours = ours.issue(&claims()).expect("signed");
    let theirs = theirs.issue(&claims()).expect("signed");
    let (content, _) = ours.rsplit_once('.').expect("three parts");
    let (_, signature) = theirs.rsplit_once('.').expect("three parts");
    let forged = format!("{content}.{signature}");
    assert_eq!(code(keys.verify(&forged)), Some(TrustCode::TokenSignature));
}

#[test]
fn the_public_key_is_no_shared_secret() {
    let (private, public) = new_key([1; 32]).expect("a key");
    let keys = TokenKeys::read(&public).expect("a public key");
    let kid = keys.ids().next().map(str::to_owned);
    crypto::install();
    let header = |algorithm| Header {
        typ: Some(TOKEN_TYPE.into()),
        kid: kid.clone(),
        ..Header::new(algorithm)
    };
    let secret = EncodingKey::from_secret(public.as_bytes());
    let confused = encode(&header(Algorithm::HS256), &claims(), &secret).expect("signed");
    assert_eq!(code(keys.verify(&confused)), Some(TrustCode::TokenIssuer));
    let none = {
        let head = format!(r#"{{"alg":"none","typ":"{TOKEN_TYPE}"}}"#);
        let body = serde_json::to_string(&claims()).expect("JSON");
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.", part(&head), part(&body))
    };
    assert_eq!(code(keys.verify(&none)), Some(TrustCode::TokenMalformed));
    // The private key is good for checking, too, and says the same.
    let own = TokenKeys::read(&private).expect("a private key");
    assert_eq!(own.ids().next().map(str::to_owned), kid);
}

#[test]
fn another_kind_of_jwt_is_no_room_token() {
    let (private, public) = new_key([1; 32]).expect("a key");
    let keys = TokenKeys::read(&public).expect("a public key");
    let der = pem_body(&private);
    let key = EncodingKey::from_ed_der(&der);
    crypto::install();
    let plain = encode(&Header::new(Algorithm::EdDSA), &claims(), &key).expect("signed");
    assert_eq!(code(keys.verify(&plain)), Some(TrustCode::TokenMalformed));
    let other = RoomToken {
        aud: "somebody else".into(),
        ..claims()
    };
    let issuer = TokenIssuer::read(&private).expect("a private key");
    let other = issuer.issue(&other).expect("signed");
    assert_eq!(code(keys.verify(&other)), Some(TrustCode::TokenMalformed));
    for wrong in ["", "a.b.c", "..", &"x".repeat(MAX_TOKEN_BYTES + 1)] {
        assert_eq!(code(keys.verify(wrong)), Some(TrustCode::TokenMalformed));
    }
}

fn pem_body(pem: &str) -> Vec<u8> {
    let lines = pem.lines().filter(|line| !line.starts_with("-----"));
    let body: String = lines.collect();
    base64::engine::general_purpose::STANDARD
        .decode(body)
        .expect("base64")
}

#[test]
fn a_token_is_for_one_room_one_device_and_a_time() {
    let (room, alice) = alice();
    let other_room = RoomName::new("standups").expect("a name");
    let token = claims();
    assert_eq!(token.check_names(&room, &alice), Ok(()));
    let elsewhere = token.check_names(&other_room, &alice);
    assert_eq!(code(elsewhere), Some(TrustCode::TokenRoom));
    for other in ["bob@example.org/phone", "alice@example.org/laptop"] {
        let other = other.parse().expect("a name");
        let as_other = token.check_names(&room, &other);
        assert_eq!(code(as_other), Some(TrustCode::TokenParticipant));
    }
    let any = RoomToken {
        room: "stand*".into(),
        ..claims()
    };
    assert_eq!(any.check_names(&other_room, &alice), Ok(()));
    assert_eq!(token.check_time(NOW + 3_599, 0), Ok(()));
    let over = token.check_time(NOW + 3_600, 0);
    assert_eq!(code(over), Some(TrustCode::TokenExpired));
    assert_eq!(token.check_time(NOW + 3_659, 60), Ok(()), "clocks differ");
    let later = RoomToken {
        nbf: Some(NOW + 100),
        ..claims()
    };
    let early = later.check_time(NOW + 99, 0);
    assert_eq!(code(early), Some(TrustCode::TokenNotYetValid));
    assert_eq!(later.check_time(NOW + 100, 0), Ok(()));
}

#[test]
fn a_bound_token_is_for_one_key_and_may_be_shown() {
    let (issuer, _) = issuer(1);
    let bound = RoomToken {
        cnf: Some(Confirmation {
            jkt: thumbprint(&[3; 32]),
        }),
        ..claims()
    };
    assert_eq!(bound.check_key(&[3; 32]), Ok(()));
    assert_eq!(code(bound.check_key(&[4; 32])), Some(TrustCode::TokenKey));
    assert_eq!(claims().check_key(&[4; 32]), Ok(()), "not bound");
    let token = issuer.issue(&bound).expect("signed");
    assert!(RoomToken::may_be_shown(&token, &[3; 32]));
    assert!(!RoomToken::may_be_shown(&token, &[4; 32]));
    let free = issuer.issue(&claims()).expect("signed");
    assert!(!RoomToken::may_be_shown(&free, &[3; 32]));
    let shared = TokenIssuer::hs256(SECRET.as_bytes()).expect("a secret");
    let shared = shared.issue(&bound).expect("signed");
    assert!(!RoomToken::may_be_shown(&shared, &[3; 32]), "a secret's");
}

/// RFC 8037 appendix A.3.
#[test]
fn the_thumbprint_is_the_published_one() {
    let key = URL_SAFE_NO_PAD
        .decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
        .expect("base64url");
    let expected = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
    assert_eq!(thumbprint(&key), expected);
}

#[test]
fn a_short_secret_is_no_key_and_a_secret_is_none_for_members() {
    let short = TokenKeys::hs256(b"guess me").err();
    assert_eq!(short, Some(TokenKeyError::ShortSecret(8)));
    assert!(TokenIssuer::hs256(b"guess me").is_err());
    // What is a key of another kind, and long enough, is no secret: all know it.
    for other in [
        SECRET,
        r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg"}"#,
    ] {
        assert_eq!(TokenKeys::read(other).err(), Some(TokenKeyError::Pem));
        assert_eq!(TokenIssuer::read(other).err(), Some(TokenKeyError::Pem));
    }
    let secret = TokenKeys::hs256(SECRET.as_bytes())
        .expect("a secret")
        .only_public();
    assert_eq!(secret.err(), Some(TokenKeyError::SharedSecret));
    assert!(issuer(1).1.only_public().is_ok());
    let broken = TokenKeys::read("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----");
    assert_eq!(broken.err(), Some(TokenKeyError::Pem));
}

proptest! {
    /// Whatever single byte is changed, the token is refused.
    #[test]
    fn a_changed_token_is_refused(at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let (issuer, keys) = issuer(1);
        let token = issuer.issue(&claims()).expect("signed");
        let mut bytes = token.clone().into_bytes();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != to);
        bytes[at] = to;
        // The last character of a part may hold bits that mean nothing; those are refused as well.
        if let Ok(changed) = String::from_utf8(bytes) {
            prop_assert!(keys.verify(&changed).is_err());
        }
    }
}
