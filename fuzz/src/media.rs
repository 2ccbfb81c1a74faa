//! Packets and frames on their way through hops that may do anything to them.

use std::collections::HashSet;
use std::time::Duration;

use arbitrary::Arbitrary;
use mls_srtp::epoch::{EpochSecrets, SwitchReason};
use mls_srtp::group::Roster;
use mls_srtp::id::{Epoch, GroupId, LeafIndex, ParticipantId, Ssrc, StreamNumber};
use mls_srtp::media::sframe::{CutFrame, SealedFrame, SframeHeader};
use mls_srtp::media::{Ohb, RtpHeader, Trailer};
use mls_srtp::pipeline::{
    Codec, FrameOpening, FramePipeline, MediaConfig, MediaPipeline, MediaUpdate, Opening, Stream,
    StreamId, StreamSource,
};
use mls_srtp::schedule::{BaseKey, ExportedSecret, MediaSecret, Profile, Suite};
use mls_srtp::secret::Secret;
use mls_srtp::time::Moment;

use crate::edit::{Edit, edited};
use crate::structured;

const SSRC: Ssrc = Ssrc::new(0x0102_0304);
const STREAM: StreamNumber = StreamNumber::new(3);

/// The headers alone, in which no key has a say.
pub fn headers(data: &[u8]) {
    if let Ok(header) = RtpHeader::parse(data) {
        assert!(data.get(header.payload()).is_some(), "inside of the packet");
    }
    if let Ok((_, len)) = Ohb::parse(data) {
        assert!(len <= data.len());
    }
    if let Ok(trailer) = Trailer::parse(data) {
        assert!(trailer.len <= data.len());
    }
    if let Some((header, len)) = SframeHeader::parse(data) {
        let mut written = Vec::new();
        header.write(&mut written);
        assert_eq!(Some(&*written), data.get(..len), "one encoding for each");
    }
    for codec in Codec::ALL {
        let _ = CutFrame::new(data, codec);
        if let Ok(frame) = SealedFrame::parse(data.to_vec(), codec) {
            assert!(frame.len() <= data.len());
        }
    }
}

/// What happens on the way from Alice to Bob.
#[derive(Debug, Arbitrary)]
enum Step<'a> {
    /// Alice sends, and hops change what they like.
    Sent {
        sequence: u16,
        extended: bool,
        codec: u8,
        body: &'a [u8],
        edits: Vec<Edit>,
    },
    /// Something that nobody sent.
    Invented {
        codec: u8,
        bytes: &'a [u8],
    },
    /// Something arrives once more, and hops change it otherwise.
    Again {
        which: u8,
        edits: Vec<Edit>,
    },
    /// Alice is in a new epoch; Bob knows it or does not.
    NextEpoch {
        known: bool,
    },
    /// Bob has caught up with Alice.
    CatchUp,
    Later {
        ms: u16,
    },
}

/// Which cipher, and what happens.
#[derive(Debug, Arbitrary)]
struct Way<'a> {
    cipher: u8,
    steps: Vec<Step<'a>>,
}

/// So many steps of an input count: more only take time.
const MOST_STEPS: usize = 64;

fn chosen<T: Copy>(from: &[T], by: u8) -> T {
    from[usize::from(by) % from.len()]
}

fn install(media: MediaSecret, leaf: u16, epoch: u64) -> MediaUpdate {
    let name = |user| ParticipantId::new(user, "example.org", "phone").expect("a name");
    MediaUpdate::Install(EpochSecrets {
        group_id: GroupId::new([1; 16]),
        epoch: Epoch::new(epoch),
        own_leaf: LeafIndex::new(leaf),
        roster: Roster::new([
            (LeafIndex::new(0), name("bob")),
            (LeafIndex::new(1), name("alice")),
        ]),
        media,
    })
}

fn switch(epoch: u64) -> MediaUpdate {
    MediaUpdate::SwitchSending {
        epoch: Epoch::new(epoch),
        reason: SwitchReason::First,
    }
}

fn announced(id: StreamId) -> MediaUpdate {
    MediaUpdate::Streams {
        participant: ParticipantId::new("alice", "example.org", "phone").expect("a name"),
        streams: vec![Stream {
            id,
            source: StreamSource::Camera,
        }],
    }
}

/// The exported secret of an epoch, as long as asked for.
fn secret(epoch: u64, len: usize) -> Secret {
    Secret::new(vec![0x20 ^ (epoch as u8); len])
}

/// The life of a packet from `protect` to `open`.
pub fn packet(data: &[u8]) {
    let Some(way) = structured::<Way<'_>>(data) else {
        return;
    };
    let profile = chosen(&Profile::ALL, way.cipher);
    let media = |epoch| MediaSecret::Srtp(profile, ExportedSecret::new(secret(epoch, 32)));
    let (mut alice, mut bob) = (pipeline(), pipeline());
    let (mut now, mut epoch, mut known) = (Moment::default(), 7, 7);
    alice.apply(install(media(epoch), 1, epoch), now);
    alice.apply(switch(epoch), now);
    bob.apply(install(media(epoch), 0, epoch), now);
    bob.apply(announced(SSRC.into()), now);
    let mut sent = Vec::new();
    let mut bodies = HashSet::new();
    let mut opened = HashSet::new();
    let check = |bodies: &HashSet<(u16, Vec<u8>)>, opening: Opening| {
        if let Opening::Opened(got) = opening {
            let header = RtpHeader::parse(&got.packet).expect("what is opened is RTP");
            let body = got.packet[header.payload()].to_vec();
            assert_eq!((got.ssrc, header.ssrc), (SSRC, SSRC));
            let known = bodies.contains(&(header.sequence, body));
            assert!(known, "what is opened was sent");
        }
    };
    for step in way.steps.into_iter().take(MOST_STEPS) {
        match step {
            Step::Sent {
                sequence,
                extended,
                body,
                edits,
                ..
            } => {
                let mut packet = rtp(sequence, extended, body);
                if alice.protect(&mut packet, now).is_ok() {
                    bodies.insert((sequence, body.to_vec()));
                    let arrives = edited(&packet, &edits);
                    sent.push(packet);
                    if edits.is_empty() && epoch == known {
                        let opening = bob.open(arrives.clone(), now);
                        let fine = matches!(opening, Opening::Opened(_) | Opening::Probe);
                        assert!(fine, "an honest packet is opened: {opening:?}");
                        assert!(body.is_empty() || opened.insert(arrives.clone()));
                        check(&bodies, opening);
                    }
                    check(&bodies, bob.open(arrives, now));
                }
            }
            Step::Invented { bytes, .. } => check(&bodies, bob.open(bytes.to_vec(), now)),
            Step::Again { which, edits } => {
                if let Some(packet) = sent.get(usize::from(which) % sent.len().max(1)) {
                    let opening = bob.open(edited(packet, &edits), now);
                    let replayed = edits.is_empty() && opened.contains(packet);
                    assert!(
                        !replayed || !matches!(opening, Opening::Opened(_)),
                        "a replay"
                    );
                    check(&bodies, opening);
                }
            }
            Step::NextEpoch { known: told } => {
                epoch += 1;
                alice.apply(install(media(epoch), 1, epoch), now);
                alice.apply(switch(epoch), now);
                if told {
                    (known + 1..=epoch).for_each(|e| bob.apply(install(media(e), 0, e), now));
                    known = epoch;
                }
            }
            Step::CatchUp => {
                (known + 1..=epoch).for_each(|e| bob.apply(install(media(e), 0, e), now));
                known = epoch;
                bob.apply(switch(epoch), now);
            }
            Step::Later { ms } => now = now + Duration::from_millis(ms.into()),
        }
        while let Some(released) = bob.poll_released() {
            check(&bodies, Opening::Opened(released));
        }
        alice.handle_timeout(now);
        bob.handle_timeout(now);
    }
}

fn pipeline() -> MediaPipeline {
    MediaPipeline::new(MediaConfig::default())
}

/// An RTP packet of Alice's camera, with a header extension or without.
fn rtp(sequence: u16, extended: bool, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![if extended { 0x90 } else { 0x80 }, 96];
    packet.extend(sequence.to_be_bytes());
    packet.extend([0, 0, 0, 9]);
    packet.extend(SSRC.get().to_be_bytes());
    if extended {
        packet.extend([0xbe, 0xde, 0, 1, 0x10, 0xff, 0, 0]);
    }
    packet.extend(body);
    packet
}

/// The life of a frame from `protect` to `open`.
pub fn frame(data: &[u8]) {
    let Some(way) = structured::<Way<'_>>(data) else {
        return;
    };
    let suite = chosen(&Suite::ALL, way.cipher);
    let media = |epoch| {
        let key = BaseKey::new(suite, secret(epoch, suite.key_len()));
        MediaSecret::Sframe(key.expect("as long as the suite's keys"))
    };
    let mut alice = FramePipeline::new(MediaConfig::default());
    let mut bob = FramePipeline::new(MediaConfig::default());
    let (mut now, mut epoch, mut known) = (Moment::default(), 7, 7);
    alice.apply(install(media(epoch), 1, epoch), now);
    alice.apply(switch(epoch), now);
    bob.apply(install(media(epoch), 0, epoch), now);
    bob.apply(announced(STREAM.into()), now);
    let mut sent = Vec::new();
    // Sealed frames, and what was in those of codecs whose frames come out as they went in.
    let mut bodies = HashSet::new();
    let check = |bodies: &HashSet<Vec<u8>>, codec, opening: FrameOpening| {
        if let FrameOpening::Opened(got) = opening {
            assert_eq!(got.stream, STREAM);
            let rebuilt = codec == Codec::H264;
            assert!(rebuilt || bodies.contains(&got.frame), "opened, never sent");
        }
    };
    for step in way.steps.into_iter().take(MOST_STEPS) {
        match step {
            Step::Sent {
                codec, body, edits, ..
            } => {
                let codec = chosen(&Codec::ALL, codec);
                if let Ok(sealed) = alice.protect(STREAM, codec, body, now) {
                    bodies.insert(body.to_vec());
                    let arrives = edited(&sealed, &edits);
                    let opening = bob.open(arrives, codec, 1, now);
                    let fine = matches!(opening, FrameOpening::Opened(_) | FrameOpening::Probe);
                    let honest = edits.is_empty() && epoch == known;
                    assert!(fine || !honest, "an honest frame is opened: {opening:?}");
                    check(&bodies, codec, opening);
                    sent.push((codec, sealed));
                }
            }
            Step::Invented { codec, bytes } => {
                let codec = chosen(&Codec::ALL, codec);
                check(&bodies, codec, bob.open(bytes.to_vec(), codec, 2, now));
            }
            Step::Again { which, edits } => {
                if let Some((codec, sealed)) = sent.get(usize::from(which) % sent.len().max(1)) {
                    let opening = bob.open(edited(sealed, &edits), *codec, 3, now);
                    check(&bodies, *codec, opening);
                }
            }
            Step::NextEpoch { known: told } => {
                epoch += 1;
                alice.apply(install(media(epoch), 1, epoch), now);
                alice.apply(switch(epoch), now);
                if told {
                    (known + 1..=epoch).for_each(|e| bob.apply(install(media(e), 0, e), now));
                    known = epoch;
                }
            }
            Step::CatchUp => {
                (known + 1..=epoch).for_each(|e| bob.apply(install(media(e), 0, e), now));
                known = epoch;
                bob.apply(switch(epoch), now);
            }
            Step::Later { ms } => now = now + Duration::from_millis(ms.into()),
        }
        while let Some((_, released)) = bob.poll_released() {
            let opening = FrameOpening::Opened(released);
            // What waited may be of any codec.
            check(&bodies, Codec::H264, opening);
        }
        while bob.poll_dropped().is_some() {}
        alice.handle_timeout(now);
        bob.handle_timeout(now);
    }
}
