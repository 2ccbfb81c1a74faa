//! Two members of one epoch of a room of packets, and what a stranger is told of it.

use mls_srtp::epoch::{EpochSecrets, SwitchReason};
use mls_srtp::group::Roster;
use mls_srtp::id::{Epoch, GroupId, LeafIndex, ParticipantId, Ssrc};
use mls_srtp::media::{Mki, Trailer};
use mls_srtp::pipeline::{MediaConfig, MediaPipeline, MediaUpdate, Opening, Stream, StreamSource};
use mls_srtp::schedule::{ExportedSecret, MasterKey, MediaSecret, Profile};
use mls_srtp::secret::Secret;
use mls_srtp::time::Moment;

/// No test here depends on time.
pub const NOW: Moment = Moment::from_millis(0);

/// What two members share: the exporter's output of an epoch, and where the sender sits.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    pub profile: Profile,
    pub exported: [u8; 32],
    pub epoch: u64,
    /// The sender's leaf; the receiver sits at the next one.
    pub leaf: u16,
}

impl Room {
    /// The sender's pipeline.
    pub fn sender(&self) -> MediaPipeline {
        let mut pipeline = self.member(self.leaf);
        let epoch = Epoch::new(self.epoch);
        let reason = SwitchReason::First;
        pipeline.apply(MediaUpdate::SwitchSending { epoch, reason }, NOW);
        pipeline
    }

    /// A receiver's pipeline, which knows the sender's streams.
    pub fn receiver(&self, streams: &[Ssrc]) -> MediaPipeline {
        let mut pipeline = self.member(self.leaf.wrapping_add(1));
        let stream = |ssrc: &Ssrc| Stream {
            id: (*ssrc).into(),
            source: StreamSource::Camera,
        };
        let streams = MediaUpdate::Streams {
            participant: name("alice"),
            streams: streams.iter().map(stream).collect(),
        };
        pipeline.apply(streams, NOW);
        pipeline
    }

    /// The sender's master key, for a stranger to derive from.
    pub fn master_key(&self) -> MasterKey {
        let epoch_key = self.exported().into_epoch_key();
        epoch_key.sender(LeafIndex::new(self.leaf), self.profile)
    }

    /// A stranger's SRTP packet with what our format has behind the tag.
    pub fn with_trailer(&self, srtp: &[u8], roc: u16) -> Vec<u8> {
        let mki = Mki {
            epoch: self.epoch as u16,
            leaf: LeafIndex::new(self.leaf),
        };
        [srtp, &Trailer::sent(mki, roc)].concat()
    }

    fn exported(&self) -> ExportedSecret {
        ExportedSecret::new(Secret::new(self.exported.to_vec()))
    }

    fn member(&self, own_leaf: u16) -> MediaPipeline {
        let other = self.leaf.wrapping_add(1);
        let seats = [(self.leaf, name("alice")), (other, name("bob"))];
        let mut pipeline = MediaPipeline::new(MediaConfig::default());
        let secrets = EpochSecrets {
            group_id: GroupId::new([1; 16]),
            epoch: Epoch::new(self.epoch),
            own_leaf: LeafIndex::new(own_leaf),
            roster: Roster::new(seats.map(|(leaf, who)| (LeafIndex::new(leaf), who))),
            media: MediaSecret::Srtp(self.profile, self.exported()),
        };
        pipeline.apply(MediaUpdate::Install(secrets), NOW);
        pipeline
    }
}

/// A participant of ours.
pub fn name(user: &str) -> ParticipantId {
    ParticipantId::new(user, "example.org", "phone").expect("a name")
}

/// The packet, if it was opened.
pub fn opened(opening: Opening) -> Option<Vec<u8>> {
    match opening {
        Opening::Opened(opened) => Some(opened.packet),
        _ => None,
    }
}

/// An RTP packet without padding.
#[derive(Debug, Clone)]
pub struct Rtp {
    pub ssrc: Ssrc,
    pub sequence: u16,
    pub csrc: Vec<u32>,
    /// One-byte header extension elements (RFC 8285), a multiple of four bytes.
    pub extension: Option<Vec<u8>>,
    pub payload: Vec<u8>,
}

impl Rtp {
    /// A packet with neither contributing sources nor an extension.
    pub fn new(ssrc: Ssrc, sequence: u16, payload: &[u8]) -> Self {
        let (csrc, extension, payload) = (Vec::new(), None, payload.to_vec());
        Self {
            ssrc,
            sequence,
            csrc,
            extension,
            payload,
        }
    }

    /// The whole packet.
    pub fn bytes(&self) -> Vec<u8> {
        self.around(&self.payload, self.extension.as_deref())
    }

    /// What is protected end to end: no extension (RFC 8723 §5.1).
    pub fn synthetic(&self) -> Vec<u8> {
        self.around(&self.payload, None)
    }

    /// The packet as sealed by a stranger, on its hop: with the extension again.
    pub fn on_the_hop(&self, srtp: &[u8]) -> Vec<u8> {
        let payload = &srtp[12 + 4 * self.csrc.len()..];
        self.around(payload, self.extension.as_deref())
    }

    /// Of our protected packet what a stranger is to open: no extension, no trailer.
    pub fn inner(&self, protected: &[u8]) -> Vec<u8> {
        let extension = self.extension.as_ref().map_or(0, |bytes| 4 + bytes.len());
        let start = 12 + 4 * self.csrc.len() + extension;
        let end = protected.len() - Trailer::SENT_LEN;
        self.around(&protected[start..end], None)
    }

    fn around(&self, payload: &[u8], extension: Option<&[u8]>) -> Vec<u8> {
        let x = if extension.is_some() { 0x10 } else { 0 };
        let mut packet = vec![0x80 | x | self.csrc.len() as u8, 0x80 | 96];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(0x1122_3344u32.to_be_bytes());
        packet.extend(self.ssrc.get().to_be_bytes());
        packet.extend(self.csrc.iter().flat_map(|csrc| csrc.to_be_bytes()));
        if let Some(elements) = extension {
            packet.extend([0xbe, 0xde]);
            packet.extend((elements.len() as u16 / 4).to_be_bytes());
            packet.extend(elements);
        }
        packet.extend(payload);
        packet
    }
}
