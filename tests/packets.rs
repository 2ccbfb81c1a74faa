//! Packets of the media pipeline against known answers and against another SRTP implementation.

use mls_srtp::epoch::{EpochSecrets, SwitchReason};
use mls_srtp::group::Roster;
use mls_srtp::id::{Epoch, GroupId, LeafIndex, ParticipantId, Ssrc};
use mls_srtp::media::{Mki, PacketIndex, PacketKey, RtpHeader, Trailer};
use mls_srtp::pipeline::{MediaConfig, MediaPipeline, MediaUpdate};
use mls_srtp::schedule::{ExportedSecret, MasterKey, MediaSecret, Profile};
use mls_srtp::secret::Secret;
use mls_srtp::time::Moment;
use proptest::prelude::*;
use rtc_srtp::context::Context;
use rtc_srtp::protection_profile::ProtectionProfile;

fn hex(digits: &str) -> Vec<u8> {
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex digits"))
        .collect()
}

/// Every packet of the known answers, from master key to payload, and back.
#[test]
fn known_answers_of_packets() {
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("vectors/known-answers.json")).expect("JSON");
    let mut checked = 0;
    for case in vectors["cases"].as_array().expect("cases") {
        let field = |name: &str| hex(case[name].as_str().expect("hex"));
        let number = |name: &str| case[name].as_u64().expect("number");
        let id = case["profile"]
            .as_str()
            .expect("profile")
            .trim_start_matches("0x");
        let profile = u16::from_str_radix(id, 16).ok().and_then(Profile::from_id);
        let profile = profile.expect("a profile of ours");
        let (key, salt) = (
            Secret::new(field("master_key")),
            Secret::new(field("master_salt")),
        );
        let master = MasterKey::from_parts(profile, key, salt).expect("lengths fit");
        let key = PacketKey::new(&master.into_session_keys());
        let leaf = LeafIndex::try_from(u32::try_from(number("leaf")).expect("32 bits"));
        let mki = Mki {
            epoch: number("epoch") as u16,
            leaf: leaf.expect("16 bits"),
        };
        for known in case["packets"].as_array().expect("packets") {
            let field = |name: &str| hex(known[name].as_str().expect("hex"));
            let roc = known["roc"]
                .as_u64()
                .and_then(|roc| u32::try_from(roc).ok())
                .expect("roc");
            let mut packet = field("rtp");
            let header = RtpHeader::parse(&packet).expect("RTP");
            let index = PacketIndex::new(roc, header.sequence);
            key.seal(&header, index, &mut packet);
            assert_eq!(packet, field("inner_srtp"));
            let payload_start = header.payload().start;
            let trailer = Trailer::sent(mki, roc as u16);
            let payload = [&packet[payload_start..], &trailer].concat();
            assert_eq!(payload, field("e2e_payload"));
            key.open(&header, index, &mut packet)
                .expect("its own packet");
            assert_eq!(packet[payload_start..], field("rtp")[header.payload()]);
            checked += 1;
        }
    }
    assert!(checked >= 48, "only {checked} packets checked");
}

/// Packets of libsrtp, its own test packets among them, sealed anew and opened.
#[test]
fn packets_that_libsrtp_made() {
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("vectors/libsrtp.json")).expect("JSON");
    let mut checked = 0;
    for case in vectors["cases"].as_array().expect("cases") {
        let field = |name: &str| hex(case[name].as_str().expect("hex"));
        let id = case["profile"]
            .as_str()
            .and_then(|id| id.strip_prefix("0x"));
        let id = u16::from_str_radix(id.expect("profile"), 16).expect("hex");
        let profile = Profile::from_id(id).expect("a profile of ours");
        let (key, salt) = (field("master_key"), field("master_salt"));
        let master = MasterKey::from_parts(profile, Secret::new(key), Secret::new(salt));
        let key = PacketKey::new(&master.expect("lengths fit").into_session_keys());
        for made in case["packets"].as_array().expect("packets") {
            let field = |name: &str| hex(made[name].as_str().expect("hex"));
            let roc = u32::try_from(made["roc"].as_u64().expect("roc")).expect("32 bits");
            let mut packet = field("rtp");
            let header = RtpHeader::parse(&packet).expect("RTP");
            let index = PacketIndex::new(roc, header.sequence);
            key.seal(&header, index, &mut packet);
            assert_eq!(packet, field("srtp"), "{profile}");
            key.open(&header, index, &mut packet).expect("authentic");
            assert_eq!(packet, field("rtp"), "{profile}");
            checked += 1;
        }
    }
    assert_eq!(checked, 5 * Profile::ALL.len());
}

/// A sender alone in its group, in `epoch`.
fn sender(profile: Profile, exported: &[u8; 32], leaf: u16, epoch: u64) -> MediaPipeline {
    let name = ParticipantId::new("alice", "example.org", "phone").expect("a name");
    let secrets = EpochSecrets {
        group_id: GroupId::new([1; 16]),
        epoch: Epoch::new(epoch),
        own_leaf: LeafIndex::new(leaf),
        roster: Roster::new([(LeafIndex::new(leaf), name)]),
        media: MediaSecret::Srtp(profile, ExportedSecret::new(Secret::new(exported.to_vec()))),
    };
    let mut pipeline = MediaPipeline::new(MediaConfig::default());
    let epoch = secrets.epoch;
    pipeline.apply(MediaUpdate::Install(secrets), Moment::default());
    let switch = MediaUpdate::SwitchSending {
        epoch,
        reason: SwitchReason::First,
    };
    pipeline.apply(switch, Moment::default());
    pipeline
}

/// An rtc-srtp context with the master key that the schedule gives that sender.
fn oracle(profile: Profile, exported: &[u8; 32], leaf: u16) -> Context {
    let epoch_key = ExportedSecret::new(Secret::new(exported.to_vec())).into_epoch_key();
    let master = epoch_key.sender(LeafIndex::new(leaf), profile);
    let theirs = match profile {
        Profile::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
        Profile::AeadAes256Gcm => ProtectionProfile::AeadAes256Gcm,
        Profile::Aes128CmHmacSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
        other => panic!("{other} has no counterpart"),
    };
    let provider = rtc_crypto::default_provider().expect("ring is built in");
    let (key, salt) = (master.key().expose(), master.salt().expose());
    Context::new(key, salt, theirs, None, None, provider.crypto()).expect("a context")
}

fn rtp(sequence: u16, ssrc: u32, csrc: &[u32], payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80 | csrc.len() as u8, 0x80 | 96];
    packet.extend(sequence.to_be_bytes());
    packet.extend(0x1122_3344u32.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    csrc.iter()
        .for_each(|csrc| packet.extend(csrc.to_be_bytes()));
    packet.extend(payload);
    packet
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Without its trailer, a run of our packets is byte for byte what rtc-srtp makes of the same
    /// master key, over the wrap of the sequence number, and rtc-srtp opens it.
    #[test]
    fn packets_are_plain_srtp_with_a_trailer(
        exported: [u8; 32], leaf: u16, epoch in 0u64..1 << 20, ssrc: u32, start: u16,
        profile in prop::sample::select(&Profile::ALL[..]),
        csrc in prop::collection::vec(any::<u32>(), 0..4),
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..1200), 1..6),
    ) {
        let mut ours = sender(profile, &exported, leaf, epoch);
        let (mut sealing, mut opening) =
            (oracle(profile, &exported, leaf), oracle(profile, &exported, leaf));
        for (offset, payload) in (0u16..).zip(&payloads) {
            let plain = rtp(start.wrapping_add(offset), ssrc, &csrc, payload);
            let theirs = sealing.encrypt_rtp(&plain).expect("sealed");
            let mut packet = plain.clone();
            ours.protect(&mut packet, Moment::default()).expect("protected");
            let srtp = &packet[..packet.len() - Trailer::SENT_LEN];
            prop_assert_eq!(srtp, &theirs[..]);
            prop_assert_eq!(&opening.decrypt_rtp(srtp).expect("opened")[..], &plain[..]);
        }
    }
}

/// A track that starts over goes on under the next roll-over counter, which a plain SRTP receiver
/// would have to be told; the trailer tells it.
#[test]
fn the_roc_in_the_trailer_is_the_one_in_the_nonce() {
    for profile in Profile::ALL {
        let exported = [7; 32];
        let mut ours = sender(profile, &exported, 3, 9);
        let mut packet = rtp(500, 42, &[], b"first");
        ours.protect(&mut packet, Moment::default())
            .expect("protected");
        ours.restart_stream(Ssrc::new(42));
        let mut packet = rtp(500, 42, &[], b"again");
        ours.protect(&mut packet, Moment::default())
            .expect("protected");

        let header = RtpHeader::parse(&packet).expect("RTP");
        let trailer = Trailer::parse(&packet[header.payload()]).expect("trailer");
        assert_eq!(
            (trailer.roc, trailer.mki.leaf, trailer.mki.epoch),
            (1, LeafIndex::new(3), 9)
        );
        let epoch_key = ExportedSecret::new(Secret::new(exported.to_vec())).into_epoch_key();
        let master = epoch_key.sender(LeafIndex::new(3), profile);
        let key = PacketKey::new(&master.into_session_keys());
        let (header, index) = trailer.strip(header, &mut packet).expect("nothing changed");
        key.open(&header, index, &mut packet)
            .expect("the nonce has ROC 1");
        assert_eq!(packet, rtp(500, 42, &[], b"again"));
    }
}
