//! `tests/vectors/libsrtp.json` of the core: packets that libsrtp made, for tests that do without it.
//!
//! After a deliberate change write them anew with `WRITE_VECTORS=1 cargo test -p interop vectors`.

use std::path::Path;

use mls_srtp::id::Ssrc;
use mls_srtp::schedule::{MasterKey, Profile};
use mls_srtp::secret::Secret;
use serde_json::{Value, json};

use crate::hex;
use crate::libsrtp::Libsrtp;
use crate::room::Rtp;

/// The keys of libsrtp's own tests; that of AES-256 goes on as that of AES-128 begins.
fn master_key(profile: Profile) -> MasterKey {
    let (key, salt) = match profile {
        Profile::Aes128CmHmacSha1_80 => (
            hex::decode("e1f97a0d3e018be0d64fa32c06de4139"),
            hex::decode("0ec675ad498afeebb6960b3aabe6"),
        ),
        _ => (
            (0..).take(profile.key_len()).collect(),
            (0xa0..=0xab).collect(),
        ),
    };
    MasterKey::from_parts(profile, Secret::new(key), Secret::new(salt)).expect("lengths fit")
}

/// The packet of libsrtp's own tests, and others with roll-over counters and all that a header has.
fn packets() -> Vec<(u32, Vec<u8>)> {
    let own = [&hex::decode("800f1234decafbadcafebabe")[..], &[0xab; 16]].concat();
    let ours = |number: u32, sequence, csrc: &[u32], payload: &[u8]| {
        let ssrc = Ssrc::new(0xcafe_ba00 + number);
        let csrc = csrc.to_vec();
        let packet = Rtp {
            csrc,
            ..Rtp::new(ssrc, sequence, payload)
        };
        packet.synthetic()
    };
    let long: Vec<u8> = (0..=255).cycle().take(1_200).collect();
    vec![
        (0, own),
        (0, ours(1, 0, &[], b"")),
        (1, ours(2, 0, &[], b"after the wrap")),
        (0xffff, ours(3, 0xffff, &[1, 2, 3], b"the last of an SSRC")),
        (0x1234, ours(4, 0x5678, &[0xffff_ffff; 15], &long)),
    ]
}

#[test]
fn libsrtp_makes_the_published_packets() {
    let cases = Profile::ALL.map(|profile| {
        let master = master_key(profile);
        let mut libsrtp = Libsrtp::new(&master);
        let packets = packets().into_iter().map(|(roc, rtp)| {
            let ssrc: &[u8; 4] = rtp[8..].first_chunk().expect("a header");
            libsrtp.stream(Ssrc::new(u32::from_be_bytes(*ssrc)), roc);
            let srtp = libsrtp.protect(&rtp).expect("sealed");
            json!({ "roc": roc, "rtp": hex::encode(&rtp), "srtp": hex::encode(&srtp) })
        });
        json!({
            "profile": format!("0x{:04x}", profile.id()),
            "master_key": hex::encode(master.key().expose()),
            "master_salt": hex::encode(master.salt().expose()),
            "packets": packets.collect::<Vec<_>>(),
        })
    });
    let made = json!({ "cases": cases });
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/libsrtp.json");
    if std::env::var_os("WRITE_VECTORS").is_some() {
        let text = serde_json::to_string_pretty(&made).expect("JSON");
        std::fs::write(&file, text + "\n").expect("written");
    }
    let published = std::fs::read_to_string(&file).expect("published");
    let published: Value = serde_json::from_str(&published).expect("JSON");
    assert_eq!(published, made);
}
