//! The vectors that this project publishes: `tests/vectors/mls-srtp-v1.json`.
//!
//! Any implementation of the format can be checked with them. After a deliberate change write them
//! anew with `WRITE_VECTORS=1 cargo test -p mls-srtp --test vectors`.

use std::path::Path;

use mls_srtp::epoch::{EpochSecrets, SwitchReason};
use mls_srtp::group::Roster;
use mls_srtp::id::{Epoch, GroupId, LeafIndex, ParticipantId, Ssrc};
use mls_srtp::pipeline::{MediaConfig, MediaPipeline, MediaUpdate};
use mls_srtp::schedule::{ExportedSecret, Profile, exporter_context};
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
        profile,
        exported: exported(),
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
fn published_vectors_are_what_this_implementation_makes() {
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
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/mls-srtp-v1.json");
    if std::env::var_os("WRITE_VECTORS").is_some() {
        let text = serde_json::to_string_pretty(&vectors).expect("JSON");
        std::fs::write(&file, text + "\n").expect("written");
    }
    let published = std::fs::read_to_string(&file).expect("published");
    let published: Value = serde_json::from_str(&published).expect("JSON");
    assert_eq!(published, vectors);
}
