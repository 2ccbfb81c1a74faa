//! The vectors that this project publishes: `tests/vectors/mls-srtp-v1.json` for packets,
//! `tests/vectors/sframe-v1.json` for frames, `tests/vectors/codes-v1.json` for what people compare,
//! `tests/vectors/chain-v1.json` for the hash chain of a room's log.
//!
//! Any implementation of the format can be checked with them. After a deliberate change write them
//! anew with `WRITE_VECTORS=1 cargo test -p mls-srtp --test vectors`.

#[path = "vectors/chain.rs"]
mod chain;

use std::path::Path;

use mls_srtp::codes::{Comparison, ScanError};
use mls_srtp::epoch::{EpochSecrets, GroupCode, SwitchReason};
use mls_srtp::group::{Roster, SafetyNumber};
use mls_srtp::id::{Epoch, GroupId, LeafIndex, ParticipantId, Ssrc, StreamNumber};
use mls_srtp::pipeline::{Codec, FramePipeline, MediaConfig, MediaPipeline, MediaUpdate};
use mls_srtp::schedule::{
    BaseKey, ExportedSecret, KeyId, MediaSecret, Profile, Suite, exporter_context,
};
use mls_srtp::secret::Secret;
use mls_srtp::time::Moment;
use serde_json::{Value, json};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn rtp(sequence: u16, ssrc: Ssrc, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 0x80 | 96];
    packet.extend(sequence.to_be_bytes());
    packet.extend(0x0102_0304u32.to_be_bytes());
    packet.extend(ssrc.get().to_be_bytes());
    packet.extend(payload);
    packet
}

/// One sender in one epoch: its keys, and packets before and after its track started over.
fn case(profile: Profile, epoch: u64, leaf: u16) -> Value {
    let group_id = GroupId::new([0xa5; 16]);
    let leaf = LeafIndex::new(leaf);
    let secret: Vec<u8> = (0x40..0x60).collect();
    let exported = || ExportedSecret::new(Secret::new(secret.clone()));
    let master = exported().into_epoch_key().sender(leaf, profile);
    let session = master.clone().into_session_keys();

    let name = ParticipantId::new("alice", "example.org", "phone").expect("a name");
    let secrets = EpochSecrets {
        group_id,
        epoch: Epoch::new(epoch),
        own_leaf: leaf,
        roster: Roster::new([(leaf, name)]),
        media: MediaSecret::Srtp(profile, exported()),
    };
    let (mut pipeline, now) = (
        MediaPipeline::new(MediaConfig::default()),
        Moment::default(),
    );
    let (epoch, reason) = (secrets.epoch, SwitchReason::First);
    pipeline.apply(MediaUpdate::Install(secrets), now);
    pipeline.apply(MediaUpdate::SwitchSending { epoch, reason }, now);
    let ssrc = Ssrc::new(0xcafe_babe);
    let mut packets = Vec::new();
    for (sequence, restart) in [
        (0xfffe, false),
        (0xffff, false),
        (0x0000, false),
        (0x1234, true),
    ] {
        if restart {
            pipeline.restart_stream(ssrc);
        }
        let plain = rtp(sequence, ssrc, b"a payload of 24 bytes ..");
        let mut packet = plain.clone();
        pipeline.protect(&mut packet, now).expect("protected");
        packets.push(json!({ "rtp": hex(&plain), "protected": hex(&packet) }));
    }
    json!({
        "profile": format!("0x{:04x}", profile.id()),
        "epoch": epoch.get(),
        "leaf": leaf.get(),
        "group_id": hex(group_id.as_bytes()),
        "exporter_context": hex(&exporter_context(group_id)),
        "exported": hex(&secret),
        "master_key": hex(master.key().expose()),
        "master_salt": hex(master.salt().expose()),
        "session_key": hex(session.key().expose()),
        "session_auth_key": hex(session.auth_key().expose()),
        "session_salt": hex(session.salt().expose()),
        "packets": packets,
    })
}

#[test]
fn published_packets_are_what_this_implementation_makes() {
    let mut cases = Vec::new();
    for profile in Profile::ALL {
        for (epoch, leaf) in [(0, 0), (1, 5), (65_536, 65_535)] {
            cases.push(case(profile, epoch, leaf));
        }
    }
    let vectors = json!({
        "version": 1,
        "ciphersuite": "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519",
        "cases": cases,
    });
    check("mls-srtp-v1.json", &vectors);
}

/// Holds a published file to what this implementation makes, or writes it.
fn check(file: &str, vectors: &Value) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors")
        .join(file);
    if std::env::var_os("WRITE_VECTORS").is_some() {
        let text = serde_json::to_string_pretty(vectors).expect("JSON");
        std::fs::write(&file, text + "\n").expect("written");
    }
    let published = std::fs::read_to_string(&file).expect("published");
    let published: Value = serde_json::from_str(&published).expect("JSON");
    assert_eq!(published, *vectors);
}

/// Frames that show each rule of each codec: its name, and the frame in plain.
fn plain_frames() -> Vec<(&'static str, Codec, Vec<u8>)> {
    let text = b"a frame of 32 bytes, header too.";
    let vp8 = |first: u8| [&[first], &text[1..]].concat();
    let sets = |code: &[u8]| {
        let (sps, pps) = (hex_bytes("6742e01f"), hex_bytes("68ce3c80"));
        [code, &sps, code, &pps, code, &[0x65]].concat()
    };
    let (short, long) = (sets(&[0, 0, 1]), sets(&[0, 0, 0, 1]));
    let delimited = [&[0, 0, 0, 1, 9, 0x10][..], &long, text].concat();
    vec![
        ("opus", Codec::Opus, text.to_vec()),
        ("vp8 key frame", Codec::Vp8, vp8(0x10)),
        ("vp8 delta frame", Codec::Vp8, vp8(0x11)),
        (
            "vp8 frame shorter than its header",
            Codec::Vp8,
            vec![0x10; 9],
        ),
        ("vp9", Codec::Vp9, text.to_vec()),
        (
            "h264 with start codes of 3 bytes",
            Codec::H264,
            [&short, &text[..]].concat(),
        ),
        ("h264 with a delimiter", Codec::H264, delimited),
        (
            "h264 without parameter sets",
            Codec::H264,
            [&[0, 0, 0, 1, 0x41], &text[..]].concat(),
        ),
    ]
}

fn hex_bytes(digits: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex digits");
    (0..digits.len()).step_by(2).map(digit).collect()
}

/// A sender's pipeline in the epoch of `base_key`.
fn frame_sender(suite: Suite, base_key: &[u8], leaf: LeafIndex, epoch: Epoch) -> FramePipeline {
    let name = ParticipantId::new("alice", "example.org", "phone").expect("a name");
    let base_key = BaseKey::new(suite, Secret::new(base_key.to_vec())).expect("right length");
    let mut pipeline = FramePipeline::new(MediaConfig::default());
    let install = MediaUpdate::Install(EpochSecrets {
        group_id: GroupId::new([0xa5; 16]),
        epoch,
        own_leaf: leaf,
        roster: Roster::new([(leaf, name)]),
        media: MediaSecret::Sframe(base_key),
    });
    let (reason, now) = (SwitchReason::First, Moment::default());
    pipeline.apply(install, now);
    pipeline.apply(MediaUpdate::SwitchSending { epoch, reason }, now);
    pipeline
}

fn described(codec: &str, plain: &[u8], frame: &[u8]) -> Value {
    json!({ "codec": codec, "frame": hex(plain), "protected": hex(frame) })
}

/// One stream of one sender in one epoch: its keys, and a frame of each kind, counted from 0.
fn frame_case(suite: Suite, stream: u16, leaf: u16, epoch: u64) -> Value {
    let base_key: Vec<u8> = (0x40..).take(suite.key_len()).collect();
    let (stream, leaf, epoch) = (
        StreamNumber::new(stream),
        LeafIndex::new(leaf),
        Epoch::new(epoch),
    );
    let kid = KeyId::new(stream, leaf, epoch);
    let stated = BaseKey::new(suite, Secret::new(base_key.clone())).expect("right length");
    let keys = stated.into_secret().keys(kid);
    let mut sender = frame_sender(suite, &base_key, leaf, epoch);
    let now = Moment::default();
    let frames = plain_frames().into_iter().map(|(name, codec, plain)| {
        let frame = sender
            .protect(stream, codec, &plain, now)
            .expect("protected");
        let mut described = described(&format!("{codec:?}").to_lowercase(), &plain, &frame);
        described["name"] = name.into();
        described
    });
    let frames: Vec<_> = frames.collect();
    json!({
        "suite": suite.id(),
        "stream": stream.get(),
        "leaf": leaf.get(),
        "epoch": epoch.get(),
        "base_key": hex(&base_key),
        "kid": format!("0x{:010x}", kid.get()),
        "key": hex(keys.key().expose()),
        "salt": hex(keys.salt().expose()),
        "frames": frames,
    })
}

/// An H.264 frame whose ciphertext needs escaping, found by counting: such a frame is rare.
fn escaped_frame(suite: Suite) -> Value {
    let (stream, leaf, epoch) = (StreamNumber::new(0), LeafIndex::new(0), Epoch::new(0));
    let base_key: Vec<u8> = (0x40..).take(suite.key_len()).collect();
    let mut sender = frame_sender(suite, &base_key, leaf, epoch);
    let plain = [&[0, 0, 0, 1, 0x41][..], &[0xab; 400]].concat();
    let found = (0..100_000_u64).find_map(|counter| {
        let now = Moment::default();
        let frame = sender.protect(stream, Codec::H264, &plain, now).ok()?;
        let ciphertext = frame.get(12..)?;
        let escapes = ciphertext.windows(3).any(|three| three == [0, 0, 3]);
        escapes.then_some((counter, frame))
    });
    let (counter, frame) = found.expect("one in 40,000");
    let mut described = described("h264", &plain, &frame);
    described["suite"] = suite.id().into();
    described["base_key"] = hex(&base_key).into();
    described["counter"] = counter.into();
    described
}

#[test]
fn published_frames_are_what_this_implementation_makes() {
    let mut cases = Vec::new();
    for suite in Suite::ALL {
        for (stream, leaf, epoch) in [(0, 0, 0), (1, 5, 258), (65_535, 65_535, 65_535)] {
            cases.push(frame_case(suite, stream, leaf, epoch));
        }
    }
    let escaped: Vec<_> = Suite::ALL.into_iter().map(escaped_frame).collect();
    let vectors = json!({ "version": 1, "cases": cases, "escaped": escaped });
    check("sframe-v1.json", &vectors);
}

/// A code of some epoch.
fn group_code(authenticator: &[u8]) -> Value {
    let code = GroupCode::new(authenticator);
    json!({
        "epoch_authenticator": hex(authenticator),
        "digits": code.to_string(),
        "qr_text": code.to_qr_text(),
    })
}

/// The number of two devices, as the first of them shows it.
fn safety_number(own: (&str, u8), other: (&str, u8)) -> Value {
    let device = |(name, seed): (&str, u8)| {
        let name: ParticipantId = name.parse().expect("a name");
        (name, (seed..).take(32).collect::<Vec<u8>>())
    };
    let (own, other) = (device(own), device(other));
    let number = SafetyNumber::new((&own.0, &own.1), (&other.0, &other.1));
    json!({
        "own": own.0,
        "own_key": hex(&own.1),
        "other": other.0,
        "other_key": hex(&other.1),
        "digits": number.to_string(),
        "qr_text": number.to_qr_text(),
    })
}

fn outcome(compared: Result<Comparison, ScanError>) -> &'static str {
    match compared {
        Ok(Comparison::Match) => "match",
        Ok(Comparison::Differs) => "differs",
        Err(ScanError::Malformed) => "malformed",
        Err(ScanError::Version { .. }) => "version",
        Err(ScanError::Kind { .. }) => "kind",
        Err(ScanError::Own) => "own",
        Err(other) => panic!("no name for it: {other}"),
    }
}

/// What the first group code and the first safety number make of every text.
fn comparisons(groups: &[Value], pairs: &[Value]) -> Value {
    let code = GroupCode::new(&[0x40; 32]);
    let (alice, bob): (ParticipantId, ParticipantId) = (
        "alice@example.org/phone".parse().expect("a name"),
        "bob@example.org/laptop".parse().expect("a name"),
    );
    let keys: [Vec<u8>; 2] = [1, 0x81].map(|seed| (seed..).take(32).collect());
    let number = SafetyNumber::new((&alice, &keys[0]), (&bob, &keys[1]));
    let shown = |of: &Value| of["qr_text"].as_str().expect("a text").to_owned();
    let mut texts: Vec<String> = groups.iter().chain(pairs).map(shown).collect();
    for at in [0, groups.len()] {
        texts.push(texts[at].replace("SRTP:1:", "SRTP:2:"));
        texts.push(texts[at].to_lowercase());
        texts.push(texts[at][..60].to_owned());
    }
    texts.push("MLS-SRTP:2:".into());
    texts.push(code.to_string());
    let compared = texts.into_iter().map(|text| {
        json!({
            "group": outcome(code.compare(&text)),
            "pair": outcome(number.compare(&text)),
            "text": text,
        })
    });
    compared.collect()
}

#[test]
fn published_codes_are_what_this_implementation_makes() {
    let groups: Vec<_> = [[0x40; 32], [0x41; 32]]
        .iter()
        .map(|a| group_code(a))
        .collect();
    let (alice, bob) = (
        ("alice@example.org/phone", 1),
        ("bob@example.org/laptop", 0x81),
    );
    let pairs = [
        safety_number(alice, bob),
        safety_number(bob, alice),
        safety_number(bob, (alice.0, 2)),
        safety_number(("bob@example.org/phone", 0x81), alice),
    ];
    assert_eq!(pairs[0]["digits"], pairs[1]["digits"]);
    let comparisons = comparisons(&groups, &pairs);
    for outcome in ["match", "differs", "malformed", "version", "kind", "own"] {
        let of = |which: &str| {
            comparisons
                .as_array()
                .is_some_and(|all| all.iter().any(|one| one[which] == outcome))
        };
        assert!(
            of("pair") && (of("group") || outcome == "own"),
            "{outcome} is not shown"
        );
    }
    let vectors = json!({
        "version": 1,
        "groups": groups,
        "pairs": pairs,
        "comparisons": comparisons,
    });
    check("codes-v1.json", &vectors);
}
